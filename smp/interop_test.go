package smp

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/testbed/interop"
	smptest "github.com/ravn-ap/ravn/testbed/smp"
)

// TestInteropSMP lets the SMP client of peppol-commons judge the testbed's SMP, and with it what our own client accepts and
// refuses.
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
		{"DISC-092 changed", smptest.Behaviour{Bytes: replace("Ravn testbed", "Ravn  testbed"), Only: services}, right, BadSignature, false},
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
			if err == nil && (got["endpoint_url"] != e.URL || got["certificate"] != base64.StdEncoding.EncodeToString(e.Cert.Raw)) {
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
	if got := get(right); got["signature_valid"] != true || got["redirect"] != href || got["redirect_certificate_uid"] != uid {
		t.Errorf("DISC-081: peppol-commons: %v", got)
	}
}

// services is for Behaviour.Only: metadata, not ServiceGroups.
func services(_, doctype string) bool { return doctype != "" }
