package wssec

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"io"
	"mime"
	"strings"

	"github.com/ravn-ap/ravn/xml/dsig"
	"github.com/ravn-ap/ravn/xml/safe"
)

// Keys finds the private key for a certificate of ours that match accepts; ok is false if there is none.
type Keys interface {
	Find(match func(*x509.Certificate) bool) (key crypto.Decrypter, ok bool)
}

// Spool is the ciphertext of one attachment.
type Spool struct {
	io.ReaderAt
	Size int64
}

// Opened is the one attachment of a message, decrypted and compared with the signed digest.
type Opened struct {
	spool Spool
	g     *gcm
}

// Payload reads the octets that were signed: the payload in its compressed form. Each call starts from the beginning.
func (o *Opened) Payload() io.Reader { return o.g.plaintext(o.spool.ReaderAt, o.spool.Size) }

// Open decrypts the attachment with a content id and verifies its signed digest. The order is: structure and
// algorithms, the key, the tag over the whole ciphertext, the digest of the plaintext. No plaintext leaves this
// function until both the tag and the digest match (AS4-083, SEC-090 to SEC-095). A wrong key and damaged data give the
// same error after the same steps, so that the answer cannot be used as a decryption oracle (SEC-091).
func (s *Signed) Open(keys Keys, id string, spool Spool) (*Opened, error) {
	ref := s.cids[id]
	if ref == nil {
		return nil, refuse(Policy, "AS4-069", "the payload is not covered by the signature")
	}
	h, err := s.encryption(id)
	if err != nil {
		return nil, err
	}
	key, err := h.unwrap(keys)
	if err != nil {
		return nil, err
	}
	g, err := checkTag(key, spool.ReaderAt, spool.Size)
	if err != nil {
		return nil, &Error{Class: Decryption, Rule: "AS4-083", Msg: "the payload cannot be decrypted", Err: err}
	}
	o := &Opened{spool: spool, g: g}
	sum := ref.Hash().New()
	if err := attachmentForm(sum, o.Payload(), h.mimeType); err != nil {
		return nil, &Error{Class: Authentication, Rule: "AS4-071", Msg: "the payload has no canonical form", Err: err}
	}
	if err := ref.VerifySum(sum.Sum(nil)); err != nil {
		return nil, &Error{
			Class: Authentication, Rule: "AS4-056", Msg: "the payload is not the one that was signed",
			Err: err,
		}
	}
	return o, nil
}

// attachmentForm writes the octets that the signature covers: XML in canonical form, other text with CRLF line ends,
// everything else, including every compressed payload, as it is (AS4-071 to AS4-073).
func attachmentForm(w io.Writer, r io.Reader, mimeType string) error {
	media, _, err := mime.ParseMediaType(mimeType)
	switch {
	case err != nil:
	case media == "text/xml" || media == "application/xml" ||
		(strings.HasPrefix(media, "application/") || strings.HasPrefix(media, "image/")) &&
			strings.HasSuffix(media, "+xml"):
		return dsig.Stream(w, r)
	case strings.HasPrefix(media, "text/"):
		w = &crlf{w: w}
	}
	_, err = io.Copy(w, r)
	return err
}

// crlf normalises line ends to CRLF.
type crlf struct {
	w  io.Writer
	cr bool // the last byte was CR
}

func (c *crlf) Write(p []byte) (int, error) {
	out := make([]byte, 0, len(p)+len(p)/16)
	for _, b := range p {
		switch {
		case b == '\n' && c.cr: // already written together with its CR
		case b == '\n' || b == '\r':
			out = append(out, '\r', '\n')
		default:
			out = append(out, b)
		}
		c.cr = b == '\r'
	}
	if _, err := c.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// encHeader is the content of EncryptedKey and EncryptedData, checked against the suite.
type encHeader struct {
	match    func(*x509.Certificate) bool
	wrapped  []byte
	mimeType string
}

func undecryptable(rule, msg string) error { return refuse(Decryption, rule, "%s", msg) }

// encryption reads the description of the one encrypted attachment (AS4-074 to AS4-085, SEC-090, SEC-094). It is not
// covered by the signature, so all of it is checked before a key is used.
func (s *Signed) encryption(id string) (*encHeader, error) {
	keys, data := s.u.security.keys, s.u.security.data
	if len(keys) == 0 || len(data) == 0 {
		return nil, undecryptable("AS4-074", "the payload is not encrypted")
	}
	if len(data) > 1 {
		return nil, undecryptable("SEC-094", "more than one EncryptedData")
	}
	h := &encHeader{}
	if err := s.u.readKey(h, keys[0], attr(data[0], "Id")); err != nil {
		return nil, err
	}
	return h, s.readData(h, data[0], attr(keys[0], "Id"), id)
}

func attr(n safe.Node, local string) string {
	v, _ := n.Attr("", local)
	return v
}

// readKey reads xenc:EncryptedKey; data is the id of the only EncryptedData.
func (u *Unverified) readKey(h *encHeader, n safe.Node, data string) error {
	kids := n.Elements()
	if len(kids) != 4 || !kids[0].Is(nsXENC, "EncryptionMethod") || !kids[1].Is(nsDS, "KeyInfo") ||
		!kids[2].Is(nsXENC, "CipherData") || !kids[3].Is(nsXENC, "ReferenceList") {
		return undecryptable("AS4-080", "an EncryptedKey of another shape")
	}
	for _, a := range []string{"MimeType", "Type", "Encoding"} {
		if attr(n, a) != "" {
			return undecryptable("AS4-080", "an EncryptedKey with an attribute of EncryptedData")
		}
	}
	method := kids[0].Elements()
	if attr(kids[0], "Algorithm") != u.suite.KeyTransport || len(method) != 2 ||
		!method[0].Is(nsDS, "DigestMethod") || attr(method[0], "Algorithm") != u.suite.KeyDigest ||
		!method[1].Is(nsXENC11, "MGF") || attr(method[1], "Algorithm") != u.suite.KeyMask {
		return undecryptable("AS4-076", "a key transport that is not allowed")
	}
	value, ok := only(kids[2], nsXENC, "CipherValue")
	text, leaf := value.Leaf()
	if !ok || !leaf || len(text) > maxToken {
		return undecryptable("AS4-080", "an EncryptedKey without value")
	}
	var err error
	if h.wrapped, err = dsig.DecodeBase64(text); err != nil {
		return undecryptable("SEC-047", "malformed base64")
	}
	ref, ok := only(kids[3], nsXENC, "DataReference")
	if !ok || data == "" || attr(ref, "URI") != "#"+data {
		return undecryptable("SEC-094", "an EncryptedKey that does not refer to the EncryptedData")
	}
	return u.readRecipient(h, kids[1])
}

// readRecipient reads for which certificate the key was wrapped. It may be named by a token, issuer and serial number,
// subject key identifier or thumbprint (AS4-078, AS4-079).
func (u *Unverified) readRecipient(h *encHeader, keyInfo safe.Node) error {
	if id, err := directReference(keyInfo); err == nil {
		t := u.security.token(id)
		if t == nil {
			return undecryptable("SEC-095", "the key is wrapped for a token that is not there")
		}
		h.match = func(c *x509.Certificate) bool { return bytes.Equal(c.Raw, t.cert.Raw) }
		return nil
	}
	str, ok := only(keyInfo, nsWSSE, "SecurityTokenReference")
	if !ok {
		return undecryptable("SEC-095", "the key is wrapped for nobody that is named")
	}
	if data, ok := only(str, nsDS, "X509Data"); ok {
		return issuerSerial(h, data)
	}
	id, ok := only(str, nsWSSE, "KeyIdentifier")
	text, _ := id.Leaf()
	value, err := dsig.DecodeBase64(text)
	if !ok || err != nil || len(value) == 0 {
		return undecryptable("SEC-095", "the key is wrapped for nobody that is named")
	}
	switch attr(id, "ValueType") {
	case x509SKI:
		h.match = func(c *x509.Certificate) bool { return bytes.Equal(c.SubjectKeyId, value) }
	case thumbprint:
		h.match = func(c *x509.Certificate) bool { sum := sha1.Sum(c.Raw); return bytes.Equal(sum[:], value) }
	default:
		return undecryptable("SEC-095", "a kind of key identifier that is not known")
	}
	return nil
}

func issuerSerial(h *encHeader, data safe.Node) error {
	is, ok := only(data, nsDS, "X509IssuerSerial")
	serial, ok2 := is.Child(nsDS, "X509SerialNumber")
	if !ok || !ok2 {
		return undecryptable("SEC-095", "the key is wrapped for nobody that is named")
	}
	number := strings.TrimSpace(serial.Text())
	// An issuer's name can be written in many ways, so the serial number alone finds the key; a wrong key fails at the
	// tag.
	h.match = func(c *x509.Certificate) bool { return c.SerialNumber.String() == number }
	return nil
}

// readData reads xenc:EncryptedData, which must belong to the attachment; key is the id of the EncryptedKey.
func (s *Signed) readData(h *encHeader, n safe.Node, key, id string) error {
	kids := n.Elements()
	if len(kids) != 3 || !kids[0].Is(nsXENC, "EncryptionMethod") || !kids[1].Is(nsDS, "KeyInfo") ||
		!kids[2].Is(nsXENC, "CipherData") ||
		attr(n, "Type") != swaContent {
		return undecryptable("AS4-081", "an EncryptedData of another shape")
	}
	if attr(kids[0], "Algorithm") != s.u.suite.Data || len(kids[0].Elements()) > 0 {
		return undecryptable("AS4-085", "a content encryption that is not allowed")
	}
	str, _ := only(kids[1], nsWSSE, "SecurityTokenReference")
	ref, ok := only(str, nsWSSE, "Reference")
	if !ok || key == "" || attr(ref, "URI") != "#"+key {
		return undecryptable("AS4-081", "an EncryptedData that does not refer to the EncryptedKey")
	}
	cipherRef, ok := only(kids[2], nsXENC, "CipherReference")
	if named, there := s.parts.find(attr(cipherRef, "URI")); !ok || !there || named != id {
		return undecryptable("SEC-094", "an EncryptedData that does not refer to the payload part")
	}
	transforms, _ := only(cipherRef, nsXENC, "Transforms")
	transform, ok := only(transforms, nsDS, "Transform")
	if !ok || attr(transform, "Algorithm") != swaCipher || len(transform.Elements()) > 0 {
		return undecryptable("SEC-094", "a CipherReference with other transforms")
	}
	h.mimeType = attr(n, "MimeType")
	return nil
}

// unwrap finds our key and unwraps the content key with at most one private-key operation. If that fails it returns a
// random key, so that it is always the tag that fails and nobody can tell the two apart (SEC-091, SEC-095).
func (h *encHeader) unwrap(keys Keys) ([]byte, error) {
	key, ok := keys.Find(h.match)
	if !ok {
		return nil, undecryptable("SEC-095", "the key is wrapped for somebody else")
	}
	random := make([]byte, gcmKey)
	if _, err := rand.Read(random); err != nil {
		return nil, &Error{Class: Internal, Rule: "SEC-091", Msg: "no randomness", Err: err}
	}
	cek, err := key.Decrypt(rand.Reader, h.wrapped, &rsa.OAEPOptions{Hash: crypto.SHA256, MGFHash: crypto.SHA256})
	if err != nil || len(cek) != gcmKey {
		return random, nil
	}
	return cek, nil
}
