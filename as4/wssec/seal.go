package wssec

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/ravn-ap/ravn/xml/dsig"
)

// Identity is who signs: a key and the certificate that goes with it.
type Identity struct {
	Key  crypto.Signer
	Cert *x509.Certificate
}

// Sealing is one message being sealed: a fresh content key, wrapped for the receiver (AS4-075, SEC-096).
type Sealing struct {
	suite     Suite
	recipient *x509.Certificate
	key       []byte
	wrapped   []byte
	cid       string
	mimeType  string
	sum       hash.Hash
	enc       *encrypter
}

// NewSealing starts a message for the holder of the certificate.
func NewSealing(suite Suite, recipient *x509.Certificate) (*Sealing, error) {
	pub, ok := recipient.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("wssec: the receiver's certificate has no RSA key")
	}
	s := &Sealing{suite: suite, recipient: recipient, key: make([]byte, gcmKey)}
	if _, err := rand.Read(s.key); err != nil {
		return nil, err
	}
	var err error
	if s.wrapped, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, pub, s.key, nil); err != nil {
		return nil, fmt.Errorf("wssec: wrap the content key: %w", err)
	}
	return s, nil
}

// Attach starts the only attachment. What is written to the result, the compressed payload, is digested, encrypted and
// written to dst; Close ends it. cid is the content id without brackets. mimeType describes the octets written:
// application/gzip, or another type that has no canonical form (AS4-072).
func (s *Sealing) Attach(cid, mimeType string, dst io.Writer) (io.WriteCloser, error) {
	iv := make([]byte, gcmIV)
	if _, err := rand.Read(iv); err != nil {
		return nil, err
	}
	enc, err := newEncrypter(dst, s.key, iv)
	if err != nil {
		return nil, err
	}
	s.cid, s.mimeType, s.sum, s.enc = cid, mimeType, sha256.New(), enc
	return attachment{s}, nil
}

type attachment struct{ s *Sealing }

func (a attachment) Write(p []byte) (int, error) {
	a.s.sum.Write(p)
	return a.s.enc.Write(p)
}

func (a attachment) Close() error { return a.s.enc.Close() }

// Digest is one reference of the signature we made, as the receipt must repeat it (AS4-108).
type Digest struct {
	URI       string
	Transform string
	Method    string
	Value     []byte
}

// Element is an element in canonical form, ready to be signed, with its wsu:Id.
type Element struct {
	ID    string
	Bytes []byte
}

// Envelope writes the SOAP part of the message: tokens, key, description of the attachment and signature in the order
// of AS4-086, then the Messaging element. The attachment must have been closed: its digest is part of the signature.
func (s *Sealing) Envelope(by Identity, messaging Element) ([]byte, []Digest, error) {
	if s.enc == nil {
		return nil, nil, errors.New("wssec: the message has no attachment")
	}
	digests := s.suite.digests(messaging)
	digests = append(digests, Digest{
		URI: "cid:" + s.cid, Transform: swaSignature, Method: s.suite.Digest,
		Value: s.sum.Sum(nil),
	})
	var b strings.Builder
	encToken, keyID, dataID := newID("X-"), newID("EK-"), newID("ED-")
	writeToken(&b, encToken, s.recipient)
	fmt.Fprintf(&b, `<xenc:EncryptedKey xmlns:xenc="%s" Id="%s"><xenc:EncryptionMethod `+
		`Algorithm="%s"><ds:DigestMethod xmlns:ds="%s" Algorithm="%s"/>`+
		`<xenc11:MGF xmlns:xenc11="%s" Algorithm="%s"/></xenc:EncryptionMethod>`,
		nsXENC, keyID, s.suite.KeyTransport, nsDS, s.suite.KeyDigest, nsXENC11, s.suite.KeyMask)
	fmt.Fprintf(&b, `<ds:KeyInfo xmlns:ds="%s">%s</ds:KeyInfo><xenc:CipherData><xenc:CipherValue>`+
		`%s</xenc:CipherValue></xenc:CipherData>`+
		`<xenc:ReferenceList><xenc:DataReference URI="#%s"/></xenc:ReferenceList></xenc:EncryptedKey>`,
		nsDS, tokenReference(encToken), base64.StdEncoding.EncodeToString(s.wrapped), dataID)
	fmt.Fprintf(&b,
		`<xenc:EncryptedData xmlns:xenc="%s" Id="%s" MimeType="%s" Type="%s"><xenc:EncryptionMethod Algorithm="%s"/>`+
			`<ds:KeyInfo xmlns:ds="%s"><wsse:SecurityTokenReference xmlns:wsse11="%s" `+
			`wsse11:TokenType="%s"><wsse:Reference URI="#%s"/></wsse:SecurityTokenReference></ds:KeyInfo>`+
			`<xenc:CipherData><xenc:CipherReference URI="cid:%s"><xenc:Transforms><ds:Transform xmlns:ds="%s" `+
			`Algorithm="%s"/></xenc:Transforms></xenc:CipherReference></xenc:CipherData></xenc:EncryptedData>`,
		nsXENC, dataID, s.mimeType, swaContent, s.suite.Data, nsDS, nsWSSE11, encryptedKey, keyID, s.cid, nsDS,
		swaCipher)
	soap, err := s.suite.envelope(by, messaging, digests, b.String())
	return soap, digests, err
}

// SignSignal writes the SOAP part of a receipt or error: one token, Messaging and Body signed (AS4-103, AS4-113).
func SignSignal(suite Suite, by Identity, messaging Element) ([]byte, error) {
	return suite.envelope(by, messaging, suite.digests(messaging), "")
}

// digests returns the digests of the two elements that every envelope signs.
func (s Suite) digests(messaging Element) []Digest {
	body := canonicalBody(bodyID(messaging))
	m, b := sha256.Sum256(messaging.Bytes), sha256.Sum256(body)
	return []Digest{
		{URI: "#" + messaging.ID, Transform: s.Canon, Method: s.Digest, Value: m[:]},
		{URI: "#" + bodyID(messaging), Transform: s.Canon, Method: s.Digest, Value: b[:]},
	}
}

func bodyID(messaging Element) string { return "body-" + messaging.ID }

// canonicalBody is the empty S12:Body in exclusive canonical form; the envelope contains these very bytes.
func canonicalBody(id string) []byte {
	return fmt.Appendf(nil, `<S12:Body xmlns:S12="%s" xmlns:wsu="%s" wsu:Id="%s"></S12:Body>`, nsSOAP, nsWSU, id)
}

// envelope signs and writes an envelope; encryption is what precedes the signer's token in the security header.
func (s Suite) envelope(by Identity, messaging Element, digests []Digest, encryption string) ([]byte, error) {
	info := s.signedInfo(digests)
	value, err := dsig.Sign(rand.Reader, by.Key, s.Signature, []byte(info))
	if err != nil {
		return nil, fmt.Errorf("wssec: sign: %w", err)
	}
	var b strings.Builder
	b.Grow(len(encryption) + len(messaging.Bytes) + len(info) + 8<<10)
	fmt.Fprintf(&b, `<S12:Envelope xmlns:S12="%s"><S12:Header><wsse:Security xmlns:wsse="%s" xmlns:wsu="%s" `+
		`S12:mustUnderstand="true">`, nsSOAP, nsWSSE, nsWSU)
	b.WriteString(encryption)
	sigToken := newID("X-")
	writeToken(&b, sigToken, by.Cert)
	fmt.Fprintf(&b, `<ds:Signature xmlns:ds="%s" Id="%s">%s<ds:SignatureValue>%s</ds:SignatureValue><ds:KeyInfo `+
		`Id="%s">%s</ds:KeyInfo></ds:Signature></wsse:Security>`,
		nsDS, newID("SIG-"), info, base64.StdEncoding.EncodeToString(value), newID("KI-"), tokenReference(sigToken))
	b.Write(messaging.Bytes)
	b.WriteString("</S12:Header>")
	b.Write(canonicalBody(bodyID(messaging)))
	b.WriteString("</S12:Envelope>")
	return []byte(b.String()), nil
}

// signedInfo writes ds:SignedInfo in exclusive canonical form, without InclusiveNamespaces (AS4-064).
func (s Suite) signedInfo(digests []Digest) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<ds:SignedInfo xmlns:ds="%s"><ds:CanonicalizationMethod `+
		`Algorithm="%s"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="%s"></ds:SignatureMethod>`, nsDS,
		s.Canon, s.Signature)
	for _, d := range digests {
		fmt.Fprintf(&b, `<ds:Reference URI="%s"><ds:Transforms><ds:Transform `+
			`Algorithm="%s"></ds:Transform></ds:Transforms><ds:DigestMethod `+
			`Algorithm="%s"></ds:DigestMethod><ds:DigestValue>%s</ds:DigestValue></ds:Reference>`,
			d.URI, d.Transform, d.Method, base64.StdEncoding.EncodeToString(d.Value))
	}
	b.WriteString("</ds:SignedInfo>")
	return b.String()
}

func writeToken(b *strings.Builder, id string, cert *x509.Certificate) {
	fmt.Fprintf(b,
		`<wsse:BinarySecurityToken EncodingType="%s" ValueType="%s" wsu:Id="%s">%s</wsse:BinarySecurityToken>`,
		base64Binary, x509v3, id, base64.StdEncoding.EncodeToString(cert.Raw))
}

func tokenReference(id string) string {
	return fmt.Sprintf(
		`<wsse:SecurityTokenReference><wsse:Reference URI="#%s" ValueType="%s"/></wsse:SecurityTokenReference>`, id,
		x509v3)
}

// newID returns a random id that is a short ASCII name.
func newID(prefix string) string {
	var b [12]byte
	_, _ = rand.Read(b[:])
	return prefix + hex.EncodeToString(b[:])
}
