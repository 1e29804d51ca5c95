package smp

import (
	"context"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	smptest "github.com/ravn-ap/ravn/testbed/smp"
)

// TestSignature checks which signatures are believed (DISC-085 to DISC-092, SEC-114).
func TestSignature(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ca, root := w.pki.SMP.Cert, w.pki.Root.Cert
	for _, tc := range []struct {
		name string
		b    smptest.Behaviour
		want Reason
	}{
		{"DISC-086 as specified", smptest.Behaviour{}, ""},
		{"SEC-114 canonicalization named as second transform", smptest.Behaviour{Explicit: true}, ""},
		{"DISC-090 CA certificates beside the signer's", smptest.Behaviour{Chain: []*x509.Certificate{ca, root}}, ""},
		{"DISC-087 comment inside", smptest.Behaviour{Document: comment("ServiceInformation")}, ""},
		{"DISC-087 comment added after signing", smptest.Behaviour{Signed: comment("ServiceInformation")}, ""},
		{"DISC-087 comment before the root", smptest.Behaviour{Bytes: replace("<SignedServiceMetadata",
			"<!-- x --><SignedServiceMetadata")}, ""},
		{
			"DISC-087 redundant namespace declaration",
			smptest.Behaviour{Bytes: replace("<ServiceMetadata>", `<ServiceMetadata xmlns="`+nsSMP+`">`)},
			"",
		},
		{"DISC-087 character reference", smptest.Behaviour{Bytes: replace("Ravn testbed", "Ravn&#32;testbed")}, ""},
		{"DISC-089 prefix for the namespace", smptest.Behaviour{Document: prefixed}, ""},

		{"DISC-085 unsigned", smptest.Behaviour{Unsigned: true}, BadSignature},
		{"DISC-092 address changed", smptest.Behaviour{Bytes: replace(apURL, otherURL)}, BadSignature},
		{
			"DISC-092 blank added",
			smptest.Behaviour{Bytes: replace("<ServiceMetadata>", "<ServiceMetadata> ")},
			BadSignature,
		},
		{
			"DISC-092 attribute added",
			smptest.Behaviour{Bytes: replace("<ServiceMetadata>", `<ServiceMetadata a="b">`)},
			BadSignature,
		},
		{"DISC-092 signature value", smptest.Behaviour{Signed: edit("ds:SignatureValue", "AAAA")}, BadSignature},
		{"DISC-092 digest value", smptest.Behaviour{Signed: edit("ds:DigestValue",
			"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")}, BadSignature},
		{
			"DISC-092 digest value of the wrong length",
			smptest.Behaviour{Signed: edit("ds:DigestValue", "AAAA")},
			BadSignature,
		},
		{"DISC-086 exclusive canonicalization", smptest.Behaviour{Exclusive: true}, BadSignature},
		{"DISC-086 SHA-1", smptest.Behaviour{SHA1: true}, BadSignature},
		{"DISC-086 other signature method", smptest.Behaviour{Signed: algorithm("ds:SignatureMethod",
			"http://www.w3.org/2000/09/xmldsig#hmac-sha1")}, BadSignature},
		{"DISC-086 other transform", smptest.Behaviour{Signed: algorithm("ds:Transform",
			"http://www.w3.org/TR/1999/REC-xslt-19991116")}, BadSignature},
		{
			"DISC-086 reference to an element",
			smptest.Behaviour{Signed: setAttr("ds:Reference", "URI", "#a")},
			BadSignature,
		},
		{
			"DISC-086 reference to somewhere else",
			smptest.Behaviour{Signed: setAttr("ds:Reference", "URI", "http://169.254.169.254/")},
			BadSignature,
		},
		{"DISC-088 second reference", smptest.Behaviour{Signed: again("ds:Reference")}, BadSignature},
		{"DISC-088 two signatures", smptest.Behaviour{Signed: again("ds:Signature")}, BadSignature},
		{"DISC-088 signature in an extension", smptest.Behaviour{Document: func(d *etree.Document) {
			d.FindElement("//ServiceInformation").CreateElement("Extension").CreateElement("ds:Signature").CreateAttr(
				"xmlns:ds", "http://www.w3.org/2000/09/xmldsig#")
		}}, BadSignature},
		{"DISC-090 no KeyInfo", smptest.Behaviour{Signed: remove("ds:KeyInfo")}, BadSignature},
		{"DISC-090 no certificate", smptest.Behaviour{Signed: remove("ds:X509Certificate")}, BadSignature},
		{
			"DISC-090 certificate is no base64",
			smptest.Behaviour{Signed: edit("ds:X509Certificate", "***")},
			BadSignature,
		},
		{
			"DISC-090 certificate is no certificate",
			smptest.Behaviour{Signed: edit("ds:X509Certificate", "AAAA")},
			BadSignature,
		},
		{"DISC-090 two certificates", smptest.Behaviour{Chain: []*x509.Certificate{w.other.Cert}}, BadSignature},
		{"DISC-090 two X509Data", smptest.Behaviour{Signed: again("ds:X509Data")}, BadSignature},
		{
			"DISC-090 signer's certificate exchanged",
			smptest.Behaviour{Bytes: replace(b64(w.signer.Cert), b64(w.other.Cert))},
			BadSignature,
		},

		{"DISC-090 signed by an access point", smptest.Behaviour{Signer: w.ap}, UntrustedSigner},
		{"DISC-090 CA of the same name", smptest.Behaviour{Signer: w.forged}, UntrustedSigner},
		{"DISC-090 expired signer", smptest.Behaviour{Signer: w.expired}, UntrustedSigner},
		{"DISC-090 signer not yet valid", smptest.Behaviour{Signer: w.future}, UntrustedSigner},
		{"DISC-090 signer of TLS", smptest.Behaviour{Signer: w.tls}, UntrustedSigner},

		{"DISC-089 document type", smptest.Behaviour{Bytes: replace("<SignedServiceMetadata",
			"<!DOCTYPE a><SignedServiceMetadata")}, BadResponse},
		{"DISC-089 entity", smptest.Behaviour{Bytes: replace("Ravn testbed", "&x;")}, BadResponse},
		{"DISC-087 CDATA", smptest.Behaviour{Bytes: replace("Ravn testbed", "<![CDATA[Ravn testbed]]>")}, ""},
		{"DISC-087 the address in CDATA", smptest.Behaviour{Bytes: replace(apURL, "<![CDATA["+apURL+"]]>")}, ""},
		{"DISC-087 the address in CDATA, beside a comment", smptest.Behaviour{Document: func(d *etree.Document) {
			if n := d.FindElement("//wsa:Address"); n != nil {
				text := n.Text()
				n.SetText(text[:8])
				n.CreateComment("production")
				n.CreateCData(text[8:])
			}
		}}, ""},
		{"DISC-077 CRLF in the certificate", smptest.Behaviour{Document: func(d *etree.Document) {
			n := d.FindElement("//Certificate")
			n.SetText("\r\n" + n.Text()[:76] + "\r\n" + n.Text()[76:] + "\r\n")
		}}, ""},
		{"DISC-092 changed within CDATA", smptest.Behaviour{Bytes: replace("Ravn testbed",
			"<![CDATA[Ravn  testbed]]>")}, BadSignature},
		{"SEC-033 processing instruction", smptest.Behaviour{Bytes: replace("<ServiceMetadata>",
			"<?a b?><ServiceMetadata>")}, BadResponse},
		{"DISC-089 cut off", smptest.Behaviour{Bytes: func(b []byte) []byte { return b[:len(b)-9] }}, BadResponse},
		{"DISC-088 second ServiceMetadata", smptest.Behaviour{
			Document: func(d *etree.Document) { d.Root().AddChild(d.Root().ChildElements()[0].Copy()) },
		}, BadResponse},
		{
			"DISC-088 stranger beside ServiceMetadata",
			smptest.Behaviour{Document: func(d *etree.Document) { d.Root().CreateElement("Other") }},
			BadResponse,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.client.Forget(w.r, w.d)
			w.smp.Behave(tc.b)
			_, err := w.find()
			expect(t, tc.name, err, tc.want)
		})
	}
	w.client.OldCanonicalization = true
	w.smp.Behave(smptest.Behaviour{Exclusive: true})
	w.client.Forget(w.r, w.d)
	_, err := w.find()
	expect(t, "DISC-086 exclusive canonicalization, switched on", err, "")
}

// state is a Revocation that always says the same.
type state certs.Class

func (s state) Check(context.Context, *x509.Certificate, *x509.Certificate, time.Time) certs.Class {
	return certs.Class(s)
}

func TestSignerRevocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, tc := range map[string]struct {
		state certs.Class
		want  Reason
	}{
		"DISC-090 revoked": {certs.Revoked, UntrustedSigner},
		"PKI-019 unknown":  {certs.RevocationUnknown, RevocationUnknown},
		"DISC-090 valid":   {certs.Valid, ""},
	} {
		w.client.Trust = certs.NewVerifier(w.pki.Anchors(), state(tc.state))
		w.client.Forget(w.r, w.d)
		_, err := w.find()
		expect(t, name, err, tc.want)
	}
}

// TestOtherEnvironment checks that test metadata are worth nothing in production, and the other way round.
func TestOtherEnvironment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, env := range []certs.Environment{certs.Test, certs.Production} {
		w.client.Trust = certs.NewVerifier(certs.Builtin(env), certs.Unchecked{})
		_, err := w.find()
		expect(t, "DISC-090 "+string(env), err, UntrustedSigner)
	}
}

// TestWrapping moves genuine, signed metadata of another receiver, or of another address, to where a careless reader
// does not look, and puts forged ones where it does (DISC-088, SEC-114).
func TestWrapping(t *testing.T) {
	t.Parallel()
	for name, attack := range map[string]func(*etree.Document){
		"DISC-088 genuine metadata in an extension": func(d *etree.Document) {
			genuine, forged := forge(d)
			forged.FindElement("./ServiceInformation").CreateElement("Extension").AddChild(genuine)
			d.Root().InsertChildAt(0, forged)
		},
		"DISC-088 forged metadata first": func(d *etree.Document) {
			genuine, forged := forge(d)
			d.Root().InsertChildAt(0, genuine)
			d.Root().InsertChildAt(0, forged)
		},
		"DISC-088 forged metadata last": func(d *etree.Document) {
			genuine, forged := forge(d)
			d.Root().InsertChildAt(0, genuine)
			d.Root().AddChild(forged)
		},
		"DISC-088 the whole document in an extension": func(d *etree.Document) { wrap(d, false) },
		"DISC-088 the same with the signature on top": func(d *etree.Document) { wrap(d, true) },
		"DISC-088 genuine metadata in an Object of the signature": func(d *etree.Document) {
			genuine, forged := forge(d)
			d.FindElement("//ds:Signature").CreateElement("ds:Object").AddChild(genuine)
			d.Root().InsertChildAt(0, forged)
		},
		// the enveloped transform leaves it out
		"DISC-088 forged metadata inside the signature": func(d *etree.Document) {
			genuine, forged := forge(d)
			d.Root().InsertChildAt(0, genuine)
			d.FindElement("//ds:KeyInfo").AddChild(forged)
			d.FindElement("//ds:Signature").CreateAttr("Id", "a")
		},
		"DISC-088 the root is an Endpoint": func(d *etree.Document) { d.Root().Tag = "ServiceGroup" },
	} {
		w := newWorld(t)
		w.smp.Behave(smptest.Behaviour{Signed: attack})
		e, err := w.find()
		switch {
		// the verified bytes are the genuine ones: they may be used
		case strings.Contains(name, "inside the signature"):
			if err != nil || e.URL != apURL {
				t.Errorf("%s: got %+v, %v", name, e, err)
			}
		case strings.Contains(name, "Endpoint"):
			expect(t, name, err, BadResponse)
		default:
			expect(t, name, err, BadSignature)
		}
	}
}

// forge takes the genuine metadata out of a document, and returns them with a copy that names another address.
func forge(d *etree.Document) (genuine, forged *etree.Element) {
	genuine = d.Root().FindElement("./ServiceMetadata")
	forged = genuine.Copy()
	forged.FindElement(".//wsa:Address").SetText(otherURL)
	d.Root().RemoveChild(genuine)
	return genuine, forged
}

// wrap puts the signed document into an extension of a forged one.
func wrap(d *etree.Document, signatureOnTop bool) {
	whole := d.Root().Copy()
	_, forged := forge(d)
	sig := d.Root().FindElement("./ds:Signature")
	d.Root().RemoveChild(sig)
	d.Root().AddChild(forged)
	forged.FindElement("./ServiceInformation").CreateElement("Extension").AddChild(whole)
	if signatureOnTop {
		whole.RemoveChild(whole.FindElement("./ds:Signature"))
		d.Root().AddChild(sig)
	}
}

// TestSubstitution serves genuine metadata that answer another question (DISC-072, SEC-114).
func TestSubstitution(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tc := range []struct {
		name   string
		change func(*etree.Document)
		want   Reason
	}{
		{"DISC-072 other participant", edit("id:ParticipantIdentifier", elsewhere), OtherIdentifier},
		{
			"DISC-072 participant scheme", setAttr("id:ParticipantIdentifier", "scheme", "iso6523-actorid-UPIS"),
			OtherIdentifier,
		},
		{"DISC-072 no participant", remove("id:ParticipantIdentifier"), OtherIdentifier},
		{"DISC-072 two participants", again("id:ParticipantIdentifier"), OtherIdentifier},
		{
			"DISC-072 other document type", edit("id:DocumentIdentifier", doctype(t, creditNote).Value()),
			OtherIdentifier,
		},
		{
			"DISC-072 document type in other case", edit("id:DocumentIdentifier", strings.ToLower(w.d.Value())),
			OtherIdentifier,
		},
		{
			"DISC-072 document type scheme", setAttr("id:DocumentIdentifier", "scheme", "peppol-doctype-wildcard"),
			OtherIdentifier,
		},
		{"DISC-073 blanks around values", func(d *etree.Document) {
			for _, tag := range []string{
				"id:ParticipantIdentifier", "id:DocumentIdentifier", "id:ProcessIdentifier",
				"wsa:Address", "Certificate",
			} {
				n := d.FindElement("//" + tag)
				n.SetText("\n\t  " + n.Text() + "\n ")
			}
		}, ""},
		{"DISC-080 unknown extensions", func(d *etree.Document) {
			for _, tag := range []string{"ServiceInformation", "Process", "Endpoint"} {
				d.FindElement("//"+tag).CreateElement("Extension").CreateElement("x:Other").CreateAttr("xmlns:x",
					"urn:x")
			}
		}, ""},
		{"DISC-079 business level signature", edit("RequireBusinessLevelSignature", "true"), ""},
		{"DISC-080 no contact", remove("TechnicalContactUrl"), ""},
		{"DISC-080 neither information nor redirect", remove("ServiceInformation"), BadResponse},
		{"DISC-080 no endpoints", remove("ServiceEndpointList"), NoProcess},
		{"DISC-080 no processes", remove("ProcessList"), NoProcess},
		{
			"DISC-074 no profile", func(d *etree.Document) {
				d.FindElement("//Endpoint").RemoveAttr("transportProfile")
			},
			NoProcess,
		},
		{"DISC-076 no address", remove("wsa:EndpointReference"), BadEndpoint},
		{"DISC-077 no certificate", remove("Certificate"), BadCertificate},
		{"DISC-077 certificate is no base64", edit("Certificate", "-"), BadCertificate},
		{"DISC-077 two certificates", edit("Certificate", pemLines(w.ap.Cert)+pemLines(w.ap.Cert)), BadCertificate},
		{"DISC-077 PEM", edit("Certificate", "\n"+pemLines(w.ap.Cert)+"\n"), ""},
		{"DISC-075 malformed date", func(d *etree.Document) {
			d.FindElement("//Endpoint").CreateElement("ServiceExpirationDate").SetText("tomorrow")
		}, BadResponse},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.client.Forget(w.r, w.d)
			w.smp.Behave(smptest.Behaviour{Document: tc.change})
			e, err := w.find()
			if expect(t, tc.name, err, tc.want); err == nil && (e.URL != apURL || !e.Cert.Equal(w.ap.Cert)) {
				t.Errorf("got %+v", e)
			}
		})
	}

	w.smp.Behave(smptest.Behaviour{})
	upper := participant(t, "0088:ABC")
	s := w.service()
	s.Participant = upper
	w.smp.Register(s)
	_, err := w.client.Endpoint(context.Background(), participant(t, "0088:abc"), w.d, w.p)
	expect(t, "DISC-072 participant in other case", err, "")
}

// Small changes of a document.

func comment(tag string) func(*etree.Document) {
	return func(d *etree.Document) { d.FindElement("//"+tag).InsertChildAt(0, etree.NewComment(" x ")) }
}

func remove(tag string) func(*etree.Document) {
	return func(d *etree.Document) { n := d.FindElement("//" + tag); n.Parent().RemoveChild(n) }
}

func again(tag string) func(*etree.Document) {
	return func(d *etree.Document) {
		n := d.FindElement("//" + tag)
		n.Parent().InsertChildAt(n.Index()+1, n.Copy())
	}
}

func setAttr(tag, name, value string) func(*etree.Document) {
	return func(d *etree.Document) { d.FindElement("//"+tag).CreateAttr(name, value) }
}

func algorithm(tag, uri string) func(*etree.Document) { return setAttr(tag, "Algorithm", uri) }

// prefixed rewrites the default namespace to a prefix.
func prefixed(d *etree.Document) {
	d.Root().RemoveAttr("xmlns")
	d.Root().CreateAttr("xmlns:smp", nsSMP)
	for _, n := range append(d.Root().FindElements(".//*"), d.Root()) {
		if n.Space == "" {
			n.Space = "smp"
		}
	}
}

func b64(c *x509.Certificate) string {
	return strings.Join(strings.Fields(strings.NewReplacer("-----BEGIN CERTIFICATE-----", "",
		"-----END CERTIFICATE-----", "").Replace(pemLines(c))), "")
}

func pemLines(c *x509.Certificate) string { return strings.TrimSpace(string(localca.EncodeCerts(c))) }
