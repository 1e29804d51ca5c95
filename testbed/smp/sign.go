package smp

import (
	"crypto"
	"crypto/rand"
	_ "crypto/sha1"
	_ "crypto/sha256"
	"encoding/base64"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"github.com/ravn-ap/ravn/certs"
)

// addSignature appends an enveloped signature to root. Only the canonicalization is goxmldsig's: its SigningContext
// always names the canonicalization as a second transform, where SMP 1.4.0 §5.5.1 has exactly one, and writes no
// X509SubjectName. So SignedInfo is put together here.
func addSignature(root *etree.Element, signer *certs.Identity, b Behaviour) error {
	canon, hash := dsig.MakeC14N10RecCanonicalizer(), crypto.SHA256
	method, digest := dsig.RSASHA256SignatureMethod, "http://www.w3.org/2001/04/xmlenc#sha256"
	if b.Exclusive {
		canon = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	}
	if b.SHA1 {
		hash, method, digest = crypto.SHA1, dsig.RSASHA1SignatureMethod, "http://www.w3.org/2000/09/xmldsig#sha1"
	}
	sum, err := digestOf(canon, hash, canonicalCopy(root))
	if err != nil {
		return err
	}
	sig := root.CreateElement("ds:Signature")
	sig.CreateAttr("xmlns:ds", dsig.Namespace)
	info := sig.CreateElement("ds:SignedInfo")
	algorithm(info, "CanonicalizationMethod", string(canon.Algorithm()))
	algorithm(info, "SignatureMethod", method)
	ref := info.CreateElement("ds:Reference")
	ref.CreateAttr("URI", "")
	transforms := ref.CreateElement("ds:Transforms")
	algorithm(transforms, "Transform", string(dsig.EnvelopedSignatureAltorithmId))
	if b.Explicit || b.Exclusive { // without a second transform the digest would be over the inclusive form
		algorithm(transforms, "Transform", string(canon.Algorithm()))
	}
	algorithm(ref, "DigestMethod", digest)
	ref.CreateElement("ds:DigestValue").SetText(base64.StdEncoding.EncodeToString(sum))

	signed := info
	if b.Exclusive { // goxmldsig's exclusive form changes the element it is given, and does not look above it
		signed = info.Copy()
		signed.CreateAttr("xmlns:ds", dsig.Namespace)
	}
	if sum, err = digestOf(canon, hash, signed); err != nil {
		return err
	}
	value, err := signer.Key.Sign(rand.Reader, sum, hash)
	if err != nil {
		return err
	}
	sig.CreateElement("ds:SignatureValue").SetText(base64.StdEncoding.EncodeToString(value))
	data := sig.CreateElement("ds:KeyInfo").CreateElement("ds:X509Data")
	data.CreateElement("ds:X509SubjectName").SetText(signer.Cert.Subject.String())
	data.CreateElement("ds:X509Certificate").SetText(base64.StdEncoding.EncodeToString(signer.Cert.Raw))
	for _, c := range b.Chain {
		data.CreateElement("ds:X509Certificate").SetText(base64.StdEncoding.EncodeToString(c.Raw))
	}
	return nil
}

func algorithm(parent *etree.Element, name, uri string) {
	parent.CreateElement("ds:"+name).CreateAttr("Algorithm", uri)
}

func digestOf(canon dsig.Canonicalizer, hash crypto.Hash, n *etree.Element) ([]byte, error) {
	b, err := canon.Canonicalize(n)
	if err != nil {
		return nil, err
	}
	h := hash.New()
	h.Write(b)
	return h.Sum(nil), nil
}

// canonicalCopy returns a copy of n without comments and with text instead of CDATA sections: goxmldsig keeps both in
// the inclusive form, which is not what the standard says (DISC-087).
func canonicalCopy(n *etree.Element) *etree.Element {
	n = n.Copy()
	var clean func(*etree.Element)
	clean = func(e *etree.Element) {
		for i := len(e.Child) - 1; i >= 0; i-- {
			switch c := e.Child[i].(type) {
			case *etree.Comment:
				e.RemoveChildAt(i)
			case *etree.CharData:
				if c.IsCData() {
					e.RemoveChildAt(i)
					e.InsertChildAt(i, etree.NewText(c.Data))
				}
			case *etree.Element:
				clean(c)
			}
		}
	}
	clean(n)
	return n
}
