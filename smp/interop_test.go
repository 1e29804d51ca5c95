package smp

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/beevik/etree"

	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/testbed/interop"
	smptest "github.com/ravn-ap/ravn/testbed/smp"
)

// TestInteropSMP lets the SMP client of peppol-commons judge the testbed's SMP, and with it what our own client accepts
// and refuses.
func TestInteropSMP(t *testing.T) {
	t.Parallel()
	peer := interop.Start(t)
	w := newWorld(t)
	dir := t.TempDir()
	cas := func(name string, pem []byte) []string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem, 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{file}
	}
	right := cas("smp.pem", localca.EncodeCerts(w.pki.SMP.Cert, w.pki.Root.Cert))
	wrong := cas("ap.pem", localca.EncodeCerts(w.pki.AP.Cert, w.pki.Root.Cert))
	get := func(ca []string) interop.Fields {
		return peer.Try(t, "smp.get", interop.Fields{
			"url": w.smp.URL() + "/", "participant": receiver, "doctype": invoice, "process": billing, "smp_ca_pem": ca,
		})
	}
	for _, tc := range []struct {
		name string
		b    smptest.Behaviour
		ca   []string
		ours Reason
		java bool // signature_valid
	}{
		{"DISC-086 as specified", smptest.Behaviour{}, right, "", true},
		{"SEC-114 second transform", smptest.Behaviour{Explicit: true}, right, "", true},
		{"DISC-087 comment inside", smptest.Behaviour{Document: comment("Process"), Only: services}, right, "", true},
		{"DISC-087 prefix", smptest.Behaviour{Document: prefixed, Only: services}, right, "", true},
		{
			"DISC-092 changed",
			smptest.Behaviour{Bytes: replace("Ravn testbed", "Ravn  testbed"), Only: services},
			right,
			BadSignature, false,
		},
		{"DISC-085 unsigned", smptest.Behaviour{Unsigned: true}, right, BadSignature, false},
		{"DISC-090 other CA", smptest.Behaviour{Signer: w.ap}, right, UntrustedSigner, false},
		{"DISC-090 CA of the same name", smptest.Behaviour{Signer: w.forged}, right, UntrustedSigner, false},
		{"DISC-090 other trust anchor", smptest.Behaviour{}, wrong, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.client.Forget(w.r, w.d)
			w.smp.Behave(tc.b)
			e, err := w.find()
			expect(t, tc.name, err, tc.ours)
			got := get(tc.ca)
			if valid := got["signature_valid"] == true; valid != tc.java { // an unsigned answer is an error to it
				t.Fatalf("peppol-commons: %v", got)
			}
			if err == nil && (got["endpoint_url"] != e.URL ||
				got["certificate"] != base64.StdEncoding.EncodeToString(e.Cert.Raw)) {
				t.Errorf("peppol-commons found %v, we found %+v", got, e)
			}
			if tc.b.Unsigned {
				return
			}
			if types, _ := got["document_types"].([]any); got["service_group"] != true || len(types) != 1 {
				t.Errorf("peppol-commons reads the ServiceGroup as %v", got)
			}
		})
	}
	w.smp.Behave(smptest.Behaviour{})
	w.smp.Unregister(w.r)
	href, uid := w.smp.ServiceURL(w.r, w.d)+"?x=y", w.signer.Cert.Subject.String()
	w.smp.Redirect(w.r, w.d, href, uid)
	if got := get(right); got["signature_valid"] != true || got["redirect"] != href ||
		got["redirect_certificate_uid"] != uid {
		t.Errorf("DISC-081: peppol-commons: %v", got)
	}
}

// TestInteropSMPPartners compares how both read what SMPs in the field write.
func TestInteropSMPPartners(t *testing.T) {
	t.Parallel()
	peer := interop.Start(t)
	w := newWorld(t)
	ca := filepath.Join(t.TempDir(), "smp.pem")
	if err := os.WriteFile(ca, localca.EncodeCerts(w.pki.SMP.Cert, w.pki.Root.Cert), 0o600); err != nil {
		t.Fatal(err)
	}
	get := func(r string) interop.Fields {
		return peer.Try(t, "smp.get", interop.Fields{
			"url": w.smp.URL() + "/", "participant": r, "doctype": invoice, "process": billing,
			"smp_ca_pem": []string{ca},
		})
	}
	expiration := func(text string) func(*etree.Document) {
		return func(doc *etree.Document) {
			if c := doc.FindElement("//Certificate"); c != nil {
				n := etree.NewElement("ServiceExpirationDate")
				n.SetText(text)
				c.Parent().InsertChildAt(c.Index(), n)
			}
		}
	}
	for _, text := range []string{
		"2099-12-31T00:00:00Z", "2099-12-31T00:00:00+14:00", "2099-12-31T00:00:00.1234567", "2099-12-31T24:00:00Z",
		"12026-01-01T00:00:00Z",
		"2099-12-31", "2099-12-31T00:00Z", "2099-02-30T00:00:00Z", "31.12.2099", "0001-01-01T00:00:00",
		"-0005-01-01T00:00:00Z",
	} {
		w.smp.Behave(smptest.Behaviour{Document: expiration(text)})
		ours, err := dateTime(text)
		got := get(receiver)
		theirs, read := got["expiration"].(string)
		if refused := got["endpoint_url"] == nil; refused != (err != nil) { // it checks against the schema
			t.Errorf("DISC-075 %q: we say %v, peppol-commons %v", text, err, got)
		}
		if at, perr := time.Parse("2006-01-02T15:04Z07:00", theirs); read && perr == nil && err == nil &&
			!at.Equal(ours) {
			t.Errorf("DISC-075 %q: we read %s, peppol-commons %s", text, ours, theirs)
		}
	}
	d := segment(invoice)
	for _, href := range []string{
		"https://x.example/" + segment(w.r.String()) + "/services/" + d,
		"https://x.example/" + w.r.String() + "/services/" + invoice,
		"https://x.example/" + segment(w.r.String()) + "/services/" + d + "?x=y",
		"https://x.example/" + segment(w.r.String()) + "/services/" + d + "/",
		"https://x.example/" + segment(w.r.String()) + "%2Fservices%2F" + d,
		"https://x.example/" + segment(segment(w.r.String())) + "/services/" + segment(d),
		"/" + segment(w.r.String()) + "/services/" + d,
	} {
		w.smp.Behave(smptest.Behaviour{Document: func(doc *etree.Document) {
			if n := doc.FindElement("//ServiceMetadataReference"); n != nil {
				n.CreateAttr("href", href)
			}
		}})
		_, ours := docTypeOf(href, w.r)
		types, _ := get(receiver)["document_types"].([]any)
		if len(types) == 1 && types[0] == invoice && !ours {
			t.Errorf("DISC-069 %q: peppol-commons reads it, we do not", href)
		}
	}
	w.smp.Behave(smptest.Behaviour{Bytes: replace(apURL, "<![CDATA["+apURL+"]]>"), Only: services})
	if got := get(receiver); got["endpoint_url"] != apURL || got["signature_valid"] != true {
		t.Errorf("DISC-087: peppol-commons reads an address in CDATA as %v", got)
	}
}

// services is for Behaviour.Only: metadata, not ServiceGroups.
func services(_, doctype string) bool { return doctype != "" }
