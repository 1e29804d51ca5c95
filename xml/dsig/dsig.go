// Package dsig is Ravn's core of XML Signature: canonicalization, and verification that hands out only what was
// verified. It reads through package safe, takes its allow-list from the caller (a Policy), follows no URI and no key hint, and
// costs time linear in the document. Who the signer is, and which parts must be covered, is decided by its callers,
// as4/wssec and smp.
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

// digests and signatures are all that can be computed; a Policy allows a part of them. Nothing with SHA-1, MD5, HMAC or
// DSA is among them (SEC-047).
var (
	digests    = map[string]crypto.Hash{SHA256: crypto.SHA256, SHA384: crypto.SHA384, SHA512: crypto.SHA512}
	signatures = map[string]crypto.Hash{RSASHA256: crypto.SHA256, RSASHA384: crypto.SHA384, RSASHA512: crypto.SHA512, ECDSASHA256: crypto.SHA256}
)

// Reasons for which a signature is refused; errors.Is tells them apart.
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
