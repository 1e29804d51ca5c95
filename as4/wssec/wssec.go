// Package wssec seals and opens the SOAP envelope of an AS4 message: WS-Security 1.1.1 with X.509 tokens, and
// attachments according to the SwA profile. Opening is a chain of types, each of which holds only what its step has
// proved: ReadMessage and ReadSignal return an *Unverified, Verify a *Signed, Open an *Opened. Their fields are
// unexported and there is no other way to get one (SEC-040). The order is that of security.md §1.3: no private key is
// used before the sender's signature has been verified. The package knows no PKI: it returns the certificate, and its
// caller decides whom to trust.
package wssec

import (
	"fmt"

	"github.com/ravn-ap/ravn/xml/dsig"
)

// Namespaces (as4.md §1).
const (
	nsSOAP   = "http://www.w3.org/2003/05/soap-envelope"
	nsSOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
	nsEB     = "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/"
	nsWSSE   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	nsWSSE11 = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"
	nsWSU    = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	nsDS     = dsig.NS
	nsXENC   = "http://www.w3.org/2001/04/xmlenc#"
	nsXENC11 = "http://www.w3.org/2009/xmlenc11#"
)

// Types of tokens, references and transforms (as4.md §1).
const (
	swa          = "http://docs.oasis-open.org/wss/oasis-wss-SwAProfile-1.1#"
	swaSignature = swa + "Attachment-Content-Signature-Transform"
	swaCipher    = swa + "Attachment-Ciphertext-Transform"
	swaContent   = swa + "Attachment-Content-Only"
	base64Binary = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
	x509Profile  = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#"
	x509v3       = x509Profile + "X509v3"
	x509SKI      = x509Profile + "X509SubjectKeyIdentifier"
	thumbprint   = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#ThumbprintSHA1"
	encryptedKey = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#EncryptedKey"
)

// Suite names the algorithms of a profile (D-22). All others are refused.
type Suite struct {
	Signature    string
	Digest       string
	Canon        string
	Data         string // content encryption
	KeyTransport string
	KeyDigest    string // digest of RSA-OAEP
	KeyMask      string // mask generation of RSA-OAEP
}

// EDelivery1 is the suite of eDelivery AS4 1.14, which Peppol AS4 2.0.3 prescribes (AS4-061, AS4-075, AS4-076,
// AS4-082).
var EDelivery1 = Suite{
	Signature:    dsig.RSASHA256,
	Digest:       dsig.SHA256,
	Canon:        dsig.Exclusive,
	Data:         nsXENC11 + "aes128-gcm",
	KeyTransport: nsXENC11 + "rsa-oaep",
	KeyDigest:    dsig.SHA256,
	KeyMask:      nsXENC11 + "mgf1sha256",
}

// policy is what a signature under the suite may be made of (SEC-044 to SEC-047).
func (s Suite) policy() dsig.Policy {
	return dsig.Policy{
		Signature: []string{s.Signature}, Digest: []string{s.Digest}, Canon: []string{s.Canon},
		Same: []string{s.Canon}, External: []string{swaSignature}, References: 16,
	}
}

// Class is the kind of a refusal; it decides the answer (as4.md §9.1, §10.4).
type Class uint8

// Classes of refusals.
const (
	Malformed       Class = iota // not a SOAP message of AS4: HTTP 400
	VersionMismatch              // another SOAP version: SOAP Fault, HTTP 500
	MustUnderstand               // an unknown header block that must be understood: SOAP Fault, HTTP 500
	Header                       // the ebMS header is missing: EBMS:0009
	Authentication               // EBMS:0101
	Policy                       // cryptography of a form that Peppol does not allow: EBMS:0103
	Decryption                   // EBMS:0102
	Internal                     // our own error: reading failed, a broken key store
)

// Error is a refusal. Its text is for our log; the other side learns nothing but its class (SEC-001).
type Error struct {
	Class Class
	Rule  string
	Msg   string
	Err   error // the cause, may be nil
}

func (e *Error) Error() string {
	s := "wssec: " + e.Msg + " (" + e.Rule + ")"
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

func refuse(c Class, rule, format string, args ...any) *Error {
	return &Error{Class: c, Rule: rule, Msg: fmt.Sprintf(format, args...)}
}
