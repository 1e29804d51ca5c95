// Package dsig implements the core of XML Signature 1.1: canonicalization, signing, and verification that returns
// only what was verified. It reads XML through package safe, allows only the algorithms of the caller's Policy,
// follows no URIs and no key hints, and takes time linear in the size of the document.
//
// Canonicalization is a Canon, whose Write and Bytes take a node of a document; Stream takes a document of any size.
// To verify, Parse a ds:Signature with a Policy, find out from KeyInfo whose key it must be, and call VerifyValue
// with that key. Only then are the References true; VerifyNode, VerifySum and VerifyEnveloped check what they refer
// to. Who may sign, which parts a signature must cover, and where they stand in the document is for the caller to
// decide.
package dsig

import (
	"crypto"
	"errors"
	"fmt"
)

// Namespaces and algorithm identifiers (XML Signature 1.1 §6, RFC 6931).
const (
	NS        = "http://www.w3.org/2000/09/xmldsig#"
	ExcNS     = "http://www.w3.org/2001/10/xml-exc-c14n#"
	Exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
	Inclusive = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
	Enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"

	// With comments; canonicalization only, no Policy of ours allows them in a signature.
	ExclusiveWithComments = Exclusive + "WithComments"
	InclusiveWithComments = Inclusive + "#WithComments"

	SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
	SHA384 = "http://www.w3.org/2001/04/xmldsig-more#sha384"
	SHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"

	RSASHA256   = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	RSASHA384   = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384"
	RSASHA512   = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
	ECDSASHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
)

// digests and signatures are all algorithms that are implemented; a Policy allows some of them. There is none with
// SHA-1, MD5, HMAC or DSA (SEC-047).
var (
	digests    = map[string]crypto.Hash{SHA256: crypto.SHA256, SHA384: crypto.SHA384, SHA512: crypto.SHA512}
	signatures = map[string]crypto.Hash{
		RSASHA256: crypto.SHA256, RSASHA384: crypto.SHA384, RSASHA512: crypto.SHA512,
		ECDSASHA256: crypto.SHA256,
	}
)

// Reasons for refusing a signature, for errors.Is.
var (
	ErrStructure = errors.New("the signature is not built as required")
	ErrAlgorithm = errors.New("an algorithm is not allowed")
	ErrValue     = errors.New("the signature value does not fit")
	ErrDigest    = errors.New("a digest does not fit")
)

// fail wraps one of the reasons with the requirement and a sentence.
func fail(reason error, rule, format string, args ...any) error {
	return fmt.Errorf("dsig: %w: %s (%s)", reason, fmt.Sprintf(format, args...), rule)
}
