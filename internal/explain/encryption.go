package explain

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/as4/wssec"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/xml/dsig"
	"github.com/ravn-ap/ravn/xml/safe"
)

// security returns the wsse:Security header block.
func (x *explainer) security() (safe.Node, bool) {
	header, _ := x.doc.Top().Child(nsSOAP, "Header")
	return header.Child(nsWSSE, "Security")
}

// first returns the first child element with this name.
func first(n safe.Node, space, local string) (safe.Node, bool) {
	kids := n.Elements()
	i := slices.IndexFunc(kids, func(k safe.Node) bool { return k.Is(space, local) })
	if i < 0 {
		return safe.Node{}, false
	}
	return kids[i], true
}

// encryption describes how the payload is sealed, as the message says it; nothing of it is signed.
func (x *explainer) encryption() {
	sec, _ := x.security()
	key, hasKey := first(sec, nsXENC, "EncryptedKey")
	data, hasData := first(sec, nsXENC, "EncryptedData")
	if !hasKey && !hasData && (x.user == nil || len(x.user.Parts) == 0) {
		return
	}
	e := &Encryption{Encrypted: hasKey && hasData}
	x.rep.Encryption = e
	if !e.Encrypted {
		e.Reason = "the payload is not encrypted"
		x.broken(Problem{Layer: LayerEncryption, Rule: "AS4-074", Text: e.Reason, Code: ebms.CodeFailedDecryption})
		return
	}
	method, _ := first(key, nsXENC, "EncryptionMethod")
	digest, _ := first(method, nsDS, "DigestMethod")
	mask, _ := first(method, nsXENC11, "MGF")
	dataMethod, _ := first(data, nsXENC, "EncryptionMethod")
	cipher, _ := first(data, nsXENC, "CipherData")
	ref, _ := first(cipher, nsXENC, "CipherReference")
	e.KeyTransport, e.KeyDigest, e.KeyMask = attr(method, "Algorithm"), attr(digest, "Algorithm"),
		attr(mask, "Algorithm")
	e.DataAlgorithm, e.MimeType, e.Part = attr(dataMethod, "Algorithm"), attr(data, "MimeType"), attr(ref, "URI")
	info, _ := first(key, nsDS, "KeyInfo")
	e.Recipient, x.addressee = recipient(x.doc, info)
	if e.Recipient.By != "certificate" {
		x.broken(Problem{
			Layer: LayerEncryption, Rule: "AS4-078",
			Text: "the receiver's certificate is not given by a direct reference to a token",
			Code: ebms.CodePolicyNoncompliance,
		})
	}
}

// recipient reads for whom the content key was wrapped (AS4-078, AS4-079), and the certificate if it is there.
func recipient(doc *safe.Doc, info safe.Node) (*Recipient, *x509.Certificate) {
	str, _ := first(info, nsWSSE, "SecurityTokenReference")
	if ref, ok := first(str, nsWSSE, "Reference"); ok {
		token, ok := doc.ByID(strings.TrimPrefix(attr(ref, "URI"), "#"))
		if c := tokenCertificate(token); ok && c != nil {
			return &Recipient{By: "certificate", Identity: identify(c)}, c
		}
		return &Recipient{By: "certificate", Value: "a token that is not there or holds no certificate"}, nil
	}
	if data, ok := first(str, nsDS, "X509Data"); ok {
		return &Recipient{By: "issuer-serial", Value: path(data, nsDS, "X509IssuerSerial", "X509IssuerName") +
			", serial number " + path(data, nsDS, "X509IssuerSerial", "X509SerialNumber")}, nil
	}
	if id, ok := first(str, nsWSSE, "KeyIdentifier"); ok {
		by := "subject-key-identifier"
		if strings.HasSuffix(attr(id, "ValueType"), "#ThumbprintSHA1") {
			by = "thumbprint"
		}
		return &Recipient{By: by, Value: strings.TrimSpace(id.Text())}, nil
	}
	return &Recipient{Value: "nobody is named"}, nil
}

func tokenCertificate(token safe.Node) *x509.Certificate {
	if !token.Is(nsWSSE, "BinarySecurityToken") {
		return nil
	}
	der, err := dsig.DecodeBase64(token.Text())
	if err != nil {
		return nil
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return c
}

// attachments decrypts each signed attachment for which there is a key, and compares it with its digest. It is done for
// a signed message only: no private key works for strangers, not even here (D-08).
func (x *explainer) attachments() {
	x.opened = map[string]opened{}
	for i := range x.rep.Signature.References {
		r := &x.rep.Signature.References[i]
		if !strings.HasPrefix(r.URI, "cid:") {
			continue
		}
		id, err := mime.ContentID(r.URI)
		at := slices.IndexFunc(x.parts, func(p part) bool { return p.cid == id && p.cid != "" })
		switch {
		case err == nil && at >= 0:
			x.attachment(r, &x.parts[at])
		case !x.rep.MIME.Multipart:
			r.Reason = "the file holds the SOAP part only"
		default:
			r.OK, r.Reason = no(), "the message has no such part"
		}
		x.invalid(r)
	}
	for i, p := range x.parts {
		if x.signed != nil && (p.cid == "" || !x.signed.Covers(p.cid)) {
			x.uncovered(i, p)
		}
	}
	x.completeReason()
}

// completeReason says what the validity of the signature includes.
func (x *explainer) completeReason() {
	s := &x.rep.Signature
	attachment := func(r Reference) bool { return r.Target == "attachment" }
	if !s.Valid || !slices.ContainsFunc(s.References, attachment) {
		return
	}
	if slices.ContainsFunc(s.References, func(r Reference) bool { return r.OK == nil }) {
		s.Reason += "; the attachment could not be checked"
		return
	}
	s.Reason = "the signature value and all digests fit, that of the attachment included"
}

// invalid takes the validity from a signature whose attachment does not fit.
func (x *explainer) invalid(r *Reference) {
	s := &x.rep.Signature
	if r.OK != nil && !*r.OK && s.Valid {
		s.Valid = false
		s.Reason = "the signature value and the XML parts fit, but the attachment " + r.URI + " does not: " + r.Reason
	}
}

// uncovered reports a part that nobody signed (AS4-069). In a receipt it should not be at all (AS4-104).
func (x *explainer) uncovered(i int, p part) {
	// the SOAP part is the first
	text := fmt.Sprintf("part %d (%s) is not covered by the signature", i+2, cmp.Or(p.cid, "without usable content id"))
	x.broken(Problem{Layer: LayerSignature, Rule: "AS4-069", Text: text, Code: ebms.CodePolicyNoncompliance})
	if x.rep.Signature.Valid {
		x.rep.Signature.Valid, x.rep.Signature.Reason = false, text
	}
}

// attachment opens one part.
func (x *explainer) attachment(r *Reference, p *part) {
	e := x.rep.Encryption
	switch {
	case !p.complete:
		r.OK, r.Reason = no(), "the file ends inside the part"
	case x.signed == nil:
		r.Reason = "not tried: the signature itself is not valid"
		if e != nil {
			e.Reason = r.Reason
		}
	case e == nil || !e.Encrypted:
		x.plain(r, p)
	default:
		x.decrypt(r, p)
	}
}

// plain checks a part that came without encryption.
func (x *explainer) plain(r *Reference, p *part) {
	if err := x.signed.CheckPlain(p.cid, p.contentType, bytes.NewReader(p.data)); err != nil {
		r.OK, r.Reason = no(), "it is not the one that was signed"
		return
	}
	r.OK, r.Reason = yes(), "it came without encryption"
	x.opened[p.cid] = func() io.Reader { return bytes.NewReader(p.data) }
}

// decrypt opens a sealed part with the keys that were given.
func (x *explainer) decrypt(r *Reference, p *part) {
	e := x.rep.Encryption
	keys := &finder{ring: x.opt.Keys}
	o, err := x.signed.Open(keys, p.cid, wssec.Spool{ReaderAt: bytes.NewReader(p.data), Size: int64(len(p.data))})
	if keys.found != nil {
		e.Key = identify(keys.found.Cert).Subject
	}
	var we *wssec.Error
	switch errors.As(err, &we); {
	case err == nil:
		e.Decryptable, e.Reason = yes(), "decrypted, and the digest of the payload is the one that was signed"
		r.OK, r.Reason = yes(), ""
		x.opened[p.cid] = o.Payload
	case keys.asked && keys.found == nil:
		e.Reason = "no key was given"
		if len(x.opt.Keys.Identities()) > 0 {
			e.Reason = "the keys given are not the one it was encrypted for"
		}
		r.Reason = "it cannot be decrypted: " + e.Reason
	case keys.found == nil: // refused before any key was used
		e.Decryptable, e.Reason = no(), x.refused(LayerEncryption, err, false).Text
		r.Reason = "it cannot be decrypted: " + e.Reason
	default:
		f := x.refused(LayerEncryption, err, false)
		e.Decryptable, e.Reason = no(), f.Text
		if we != nil && we.Class != wssec.Decryption {
			e.Decryptable = yes()
		}
		r.OK, r.Reason = no(), f.Text
	}
}
