package smp

import (
	"context"
	"crypto/x509"
	"errors"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/xml/dsig"
	"github.com/ravn-ap/ravn/xml/safe"
)

// signed is a ServiceMetadata element parsed from the very bytes that a trusted SMP signed. Only verify makes one.
type signed struct {
	metadata safe.Node
	signer   *x509.Certificate
}

// policy allows the only form of signature that Peppol has (SMP 1.4.0 §5.5.1; DISC-086): enveloped, RSA with SHA-256,
// and inclusive canonicalization, which may be the second transform or be left to the default (SEC-114).
func (c *Client) policy() dsig.Policy {
	canon := []string{dsig.Inclusive}
	if c.OldCanonicalization {
		canon = append(canon, dsig.Exclusive)
	}
	return dsig.Policy{
		Signature: []string{dsig.RSASHA256}, Digest: []string{dsig.SHA256},
		Canon: canon, Same: canon, Enveloped: true, References: 1,
	}
}

// verify checks a SignedServiceMetadata and returns what its signature covers (DISC-085, SEC-114).
func (c *Client) verify(ctx context.Context, body []byte) (*signed, error) {
	doc, err := safe.Parse(body, safe.Metadata) // DISC-089
	if err != nil {
		return nil, fail(BadResponse, "DISC-089", "the answer is not acceptable XML", err)
	}
	element, err := onlySignature(doc)
	if err != nil {
		return nil, err
	}
	sig, err := dsig.Parse(element, c.policy())
	if err != nil {
		return nil, fail(BadSignature, "DISC-086", "the signature does not have the form that Peppol requires", err)
	}
	signer, err := signerOf(sig.KeyInfo)
	if err != nil {
		return nil, err
	}
	if err := c.checkSigner(ctx, signer); err != nil {
		return nil, err
	}
	if err := sig.VerifyValue(signer.PublicKey); err != nil {
		return nil, fail(BadSignature, "DISC-092", "the signature is wrong", err)
	}
	covered, err := sig.VerifyEnveloped()
	if err != nil {
		return nil, fail(BadSignature, "DISC-092", "the signed content was changed", err)
	}
	return readSigned(covered, signer)
}

// onlySignature finds the signature by its place: the document is a SignedServiceMetadata, and the only ds:Signature
// anywhere in it is a child of the top element. That leaves no room for signature wrapping (DISC-088).
func onlySignature(doc *safe.Doc) (safe.Node, error) {
	if !doc.Top().Is(nsSMP, "SignedServiceMetadata") {
		return safe.Node{}, fail(BadResponse, "DISC-098", "the answer is not a Peppol SignedServiceMetadata", nil)
	}
	count := 0
	for i := range doc.Len() {
		if doc.At(i).Is(dsig.NS, "Signature") {
			count++
		}
	}
	sig, ok := doc.Top().Child(dsig.NS, "Signature")
	switch {
	case count == 0:
		return safe.Node{}, fail(BadSignature, "DISC-085", "the metadata are not signed", nil)
	case count > 1 || !ok:
		return safe.Node{}, fail(BadSignature, "DISC-088", "want one signature, at the top of the document", nil)
	}
	return sig, nil
}

// signerOf returns the signer's certificate from KeyInfo, which says who claims to have signed and proves nothing
// (DISC-090). CA certificates next to it are ignored (PKI-003).
func signerOf(info safe.Node) (*x509.Certificate, error) {
	no := func(msg string, err error) (*x509.Certificate, error) {
		return nil, fail(BadSignature, "DISC-090", msg, err)
	}
	if info.IsZero() {
		return no("the signature does not say who signed", nil)
	}
	data, ok := info.Child(dsig.NS, "X509Data")
	if !ok {
		return no("want one X509Data in KeyInfo", nil)
	}
	var signer *x509.Certificate
	for _, n := range data.Elements() {
		if !n.Is(dsig.NS, "X509Certificate") {
			continue
		}
		text, _ := n.Leaf()
		der, err := dsig.DecodeBase64(text)
		if err != nil {
			return no("the signer's certificate is not base64", err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return no("the signer's certificate is malformed", err)
		}
		if cert.IsCA {
			continue
		}
		if signer != nil {
			return no("KeyInfo has two certificates that may have signed", nil)
		}
		signer = cert
	}
	if signer == nil {
		return no("KeyInfo has no certificate of a signer", nil)
	}
	return signer, nil
}

// checkSigner accepts only certificates of SMPs of our environment (DISC-090, SEC-114).
func (c *Client) checkSigner(ctx context.Context, signer *x509.Certificate) error {
	err := c.Trust.VerifySMP(ctx, signer, c.now())
	if err == nil {
		return nil
	}
	var ce *certs.Error
	if errors.As(err, &ce) && ce.Temporary() {
		return fail(RevocationUnknown, "PKI-019", "whether the signer's certificate is revoked cannot be found out",
			err)
	}
	return fail(UntrustedSigner, "DISC-090", "the metadata are signed by "+certs.Subject(signer), err)
}

// readSigned parses the signed bytes again; the document they came from is not used any further (DISC-088).
func readSigned(covered []byte, signer *x509.Certificate) (*signed, error) {
	doc, err := safe.Parse(covered, safe.Metadata)
	if err != nil {
		return nil, fail(BadResponse, "DISC-089", "the signed content is not a document by itself", err)
	}
	m, ok := doc.Top().Child(nsSMP, "ServiceMetadata")
	if !ok || !doc.Top().Is(nsSMP, "SignedServiceMetadata") || len(doc.Top().Elements()) != 1 {
		return nil, fail(BadResponse, "DISC-088", "want one ServiceMetadata and nothing else", nil)
	}
	return &signed{metadata: m, signer: signer}, nil
}
