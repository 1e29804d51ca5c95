package wssec

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/xml/dsig"
	"github.com/ravn-ap/ravn/xml/safe"
)

// Unverified is an envelope whose structure and algorithms are in order. Nothing in it can be trusted yet.
type Unverified struct {
	suite     Suite
	messaging safe.Node
	body      safe.Node
	security  security
	signature *dsig.Signature // nil for an unsigned signal
	token     *token          // the token that the signature refers to
	fault     bool
	lax       bool  // an answer: what the signature does not need may be there
	ignored   error // why the security header of an answer counts for nothing
}

// security is the wsse:Security header, its children sorted by kind.
type security struct {
	node      safe.Node
	tokens    []*token
	keys      []safe.Node // EncryptedKey
	data      []safe.Node // EncryptedData
	signature []safe.Node
	stamps    []safe.Node // Timestamp: ignored (AS4-088)
}

// token is a wsse:BinarySecurityToken.
type token struct {
	node safe.Node
	id   string
	cert *x509.Certificate
	used bool
}

// ReadMessage reads the SOAP part of a request, which must be signed (AS4-025 to AS4-031, AS4-065 to AS4-067).
func ReadMessage(soap []byte, suite Suite) (*Unverified, error) {
	u := &Unverified{suite: suite}
	if err := u.read(soap); err != nil {
		return u, err
	}
	if len(u.body.Elements()) > 0 || strings.TrimSpace(u.body.Text()) != "" {
		return u, refuse(Authentication, "AS4-026", "the SOAP body is not empty")
	}
	if u.signature == nil {
		return u, refuse(Authentication, "AS4-074", "the message is not signed")
	}
	return u, u.checkTokens()
}

// ReadSignal reads the SOAP part of an answer. It may be unsigned (AS4-110), hold a SOAP fault in its body (AS4-115)
// and carry more than it needs: further tokens (as4.md §15.7), header blocks, SignatureConfirmation. If its security
// header is none that we understand the answer is read as an unsigned one (AS4-110 in design.md §3), and Ignored says
// why.
func ReadSignal(soap []byte, suite Suite) (*Unverified, error) {
	u := &Unverified{suite: suite, lax: true}
	return u, u.read(soap)
}

// Ignored says why the security header of an answer counts for nothing, nil if it counts, or if there is none.
func (u *Unverified) Ignored() error { return u.ignored }

// read finds what it can even if it ends with an error, for Claimed.
func (u *Unverified) read(soap []byte) error {
	doc, err := safe.Parse(soap, safe.Envelope)
	if err != nil {
		return &Error{Class: Malformed, Rule: "AS4-031", Msg: "the SOAP part is not acceptable XML", Err: err}
	}
	if u.lax {
		err = u.find(doc.Top())
	} else {
		err = u.locate(doc.Top())
	}
	if err != nil || u.security.node.IsZero() {
		return err
	}
	if err = u.security.read(u.lax); err == nil {
		err = u.readSignature()
	}
	if err != nil && u.lax {
		u.ignored, u.signature, u.token = err, nil, nil
		return nil
	}
	return err
}

// find finds the places of an answer: by their path as in a message, but the envelope may be one of SOAP 1.1, an
// unsigned answer may lack its body, and other header blocks do not matter.
func (u *Unverified) find(env safe.Node) error {
	space := env.Name().Space
	if env.Name().Local != "Envelope" || space != nsSOAP && space != nsSOAP11 {
		return refuse(Malformed, "SEC-041", "want an Envelope")
	}
	u.body, _ = env.Child(space, "Body")
	if !u.body.IsZero() {
		_, u.fault = u.body.Child(space, "Fault")
	}
	header, ok := env.Child(space, "Header")
	if !ok {
		return refuse(Header, "AS4-025", "the envelope has no header")
	}
	var messagings, securities []safe.Node
	for _, h := range header.Elements() {
		switch {
		case h.Is(nsEB, "Messaging"):
			messagings = append(messagings, h)
		case h.Is(nsWSSE, "Security"):
			securities = append(securities, h)
		}
	}
	switch {
	case len(messagings) > 1:
		return refuse(Authentication, "SEC-043", "a header block stands twice")
	case len(messagings) == 0:
		return refuse(Header, "AS4-025", "the eb:Messaging header is missing")
	}
	u.messaging = messagings[0]
	switch len(securities) {
	case 0:
	case 1:
		u.security.node = securities[0]
	default:
		u.ignored = refuse(Authentication, "SEC-043", "two security headers")
	}
	return nil
}

// locate finds Messaging, Security and Body by their fixed path, never by search: a search could find an element that
// an attacker has moved or added (signature wrapping; SEC-041, SEC-043).
func (u *Unverified) locate(env safe.Node) error {
	if env.Is(nsSOAP11, "Envelope") {
		return refuse(VersionMismatch, "SEC-023", "a SOAP 1.1 envelope")
	}
	kids := env.Elements()
	if !env.Is(nsSOAP, "Envelope") || len(kids) != 2 || !kids[0].Is(nsSOAP, "Header") || !kids[1].Is(nsSOAP, "Body") ||
		!blankBetween(env) || !blankBetween(kids[0]) {
		// An envelope without a header, as in a bare SOAP Fault, is not malformed, but it says nothing for us to read.
		if env.Is(nsSOAP, "Envelope") && len(kids) == 1 && kids[0].Is(nsSOAP, "Body") {
			u.body, u.fault = kids[0], hasFault(kids[0])
			return refuse(Header, "AS4-025", "the envelope has no header")
		}
		return refuse(Malformed, "SEC-041", "want an Envelope with one Header and one Body")
	}
	u.body, u.fault = kids[1], hasFault(kids[1])
	return u.locateBlocks(kids[0])
}

// locateBlocks finds the two header blocks.
func (u *Unverified) locateBlocks(header safe.Node) error {
	var messagings, securities int
	for _, h := range header.Elements() {
		switch {
		case h.Is(nsEB, "Messaging"):
			u.messaging = h
			messagings++
		case h.Is(nsWSSE, "Security"):
			u.security.node = h
			securities++
		case isTrue(h, "mustUnderstand"):
			return refuse(MustUnderstand, "AS4-030", "an unknown header block that must be understood")
		default:
			return refuse(Authentication, "SEC-041", "a header block that has no place in Peppol AS4")
		}
	}
	if messagings > 1 || securities > 1 {
		u.messaging = safe.Node{}
		return refuse(Authentication, "SEC-043", "a header block stands twice")
	}
	if messagings == 0 {
		return refuse(Header, "AS4-025", "the eb:Messaging header is missing")
	}
	return nil
}

func hasFault(body safe.Node) bool {
	_, ok := body.Child(nsSOAP, "Fault")
	return ok
}

func isTrue(n safe.Node, local string) bool {
	v, _ := n.Attr(nsSOAP, local)
	return v == "1" || v == "true"
}

// blankBetween reports whether the children of n are only elements and white space.
func blankBetween(n safe.Node) bool {
	for c := range n.Children() {
		if c.Kind() == safe.Text && strings.TrimSpace(string(c.Value())) != "" {
			return false
		}
	}
	return true
}

// read sorts the children of wsse:Security; their order is free (AS4-087), other kinds have no place in a message
// (SEC-043).
func (s *security) read(lax bool) error {
	for _, a := range []string{"role", "actor", "relay"} {
		if _, has := s.node.Attr(nsSOAP, a); has && !lax {
			return refuse(Authentication, "AS4-028", "a security header for another role")
		}
	}
	if !blankBetween(s.node) && !lax {
		return refuse(Authentication, "SEC-043", "text in the security header")
	}
	for _, c := range s.node.Elements() {
		switch {
		case c.Is(nsWSSE, "BinarySecurityToken"):
			t, err := readToken(c)
			if err != nil && !lax { // that of an answer may be one that nothing refers to
				return err
			}
			if err == nil {
				s.tokens = append(s.tokens, t)
			}
		case c.Is(nsXENC, "EncryptedKey"):
			s.keys = append(s.keys, c)
		case c.Is(nsXENC, "EncryptedData"):
			s.data = append(s.data, c)
		case c.Is(nsDS, "Signature"):
			s.signature = append(s.signature, c)
		case c.Is(nsWSU, "Timestamp"):
			s.stamps = append(s.stamps, c)
		case !lax:
			return refuse(Authentication, "SEC-043", "an unexpected element in the security header")
		}
	}
	if len(s.signature) > 1 || len(s.keys) > 1 && !lax || len(s.stamps) > 1 && !lax {
		return refuse(Authentication, "SEC-043", "an element of the security header stands twice")
	}
	return nil
}

// maxToken bounds the base64 text of a token (SEC-048).
const maxToken = 16 << 10

// readToken reads a token with exactly one X.509 certificate (AS4-065, AS4-067, SEC-048).
func readToken(n safe.Node) (*token, error) {
	t := &token{node: n}
	t.id, _ = n.Attr(nsWSU, "Id")
	if v, _ := n.Attr("", "ValueType"); v != x509v3 {
		return nil, refuse(Policy, "AS4-067", "a security token that is not X509v3")
	}
	if v, ok := n.Attr("", "EncodingType"); ok && v != base64Binary {
		return nil, refuse(Policy, "AS4-065", "a security token that is not in base64")
	}
	text, ok := n.Leaf()
	if !ok || len(text) > maxToken {
		return nil, refuse(Authentication, "SEC-048", "a malformed security token")
	}
	der, err := dsig.DecodeBase64(text)
	if err != nil {
		return nil, &Error{Class: Authentication, Rule: "SEC-048", Msg: "a malformed security token", Err: err}
	}
	if t.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, &Error{
			Class: Authentication, Rule: "SEC-048", Msg: "a security token that is not one certificate",
			Err: err,
		}
	}
	return t, nil
}

// readSignature reads the signature and finds its token.
func (u *Unverified) readSignature() error {
	if len(u.security.signature) == 0 {
		return nil
	}
	sig, err := dsig.Parse(u.security.signature[0], u.suite.policy())
	if err != nil {
		return &Error{Class: Authentication, Rule: "AS4-070", Msg: "the signature is not acceptable", Err: err}
	}
	if sig.KeyInfo.IsZero() {
		return refuse(Policy, "AS4-066", "the signature names no key")
	}
	ref, err := directReference(sig.KeyInfo)
	if err != nil {
		return err
	}
	if u.token = u.security.token(ref); u.token == nil {
		return refuse(Authentication, "SEC-048", "the signature refers to a token that is not there")
	}
	if key, ok := u.token.cert.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() < 2048 || key.N.BitLen() > 4096 ||
		key.E != 65537 {
		return refuse(Authentication, "SEC-064", "the signer's key is not RSA of 2048 to 4096 bits")
	}
	u.token.used = true
	u.signature = sig
	return nil
}

// directReference reads KeyInfo/SecurityTokenReference/Reference and returns the id of the token. Every other way to
// name a key is refused (AS4-065, AS4-066).
func directReference(keyInfo safe.Node) (string, error) {
	str, ok := only(keyInfo, nsWSSE, "SecurityTokenReference")
	if !ok {
		return "", refuse(Policy, "AS4-066", "the key is not given by a security token reference")
	}
	ref, ok := only(str, nsWSSE, "Reference")
	if !ok {
		return "", refuse(Policy, "AS4-066", "the key is not given by a direct reference")
	}
	if v, has := ref.Attr("", "ValueType"); has && v != x509v3 {
		return "", refuse(Policy, "AS4-067", "the referenced token is not X509v3")
	}
	uri, _ := ref.Attr("", "URI")
	id, ok := strings.CutPrefix(uri, "#")
	if !ok || id == "" {
		return "", refuse(Authentication, "SEC-048", "a token reference that leaves the message")
	}
	return id, nil
}

// only returns the only child element of n, if it has that name.
func only(n safe.Node, space, local string) (safe.Node, bool) {
	kids := n.Elements()
	if len(kids) != 1 || !kids[0].Is(space, local) || !blankBetween(n) {
		return safe.Node{}, false
	}
	return kids[0], true
}

// token returns the token with this wsu:Id; only direct children of the security header are tokens.
func (s *security) token(id string) *token {
	i := slices.IndexFunc(s.tokens, func(t *token) bool { return t.id == id })
	if i < 0 {
		return nil
	}
	return s.tokens[i]
}

// checkTokens refuses a request with a token that nothing refers to (SEC-048).
func (u *Unverified) checkTokens() error {
	if len(u.security.keys) == 1 {
		if ki, ok := u.security.keys[0].Child(nsDS, "KeyInfo"); ok {
			if id, err := directReference(ki); err == nil {
				if t := u.security.token(id); t != nil {
					t.used = true
				}
			}
		}
	}
	for _, t := range u.security.tokens {
		if !t.used {
			return refuse(Authentication, "SEC-048", "a security token that nothing refers to")
		}
	}
	return nil
}

// Signer returns the certificate that claims to belong to the signature, nil if there is none.
func (u *Unverified) Signer() *x509.Certificate {
	if u.token == nil {
		return nil
	}
	return u.token.cert
}

// HasSignature tells whether there is a signature that can be verified.
func (u *Unverified) HasSignature() bool { return u.signature != nil }

// Claimed returns the eb:Messaging element as somebody wrote it, the zero Node if it was not found. It serves for the
// RefToMessageId of an error, and for reading an unsigned error (AS4-110); nothing else may be based on it.
func (u *Unverified) Claimed() safe.Node { return u.messaging }

// Fault reports whether the body is a SOAP Fault (AS4-115).
func (u *Unverified) Fault() bool { return u.fault }

// Attachments returns the content id of the attachment that a cid: URL names, decoded, so that each has only one
// spelling. ok is false if the message has no such attachment. A nil Attachments stands for a message without any.
type Attachments func(url string) (id string, ok bool)

func (a Attachments) find(url string) (id string, ok bool) {
	if a == nil {
		return "", false
	}
	return a(url)
}

// Signed is an envelope whose signature was verified with the key of its certificate.
type Signed struct {
	u     *Unverified
	parts Attachments
	refs  []dsig.Reference
	cids  map[string]*dsig.Reference // by content id
	loose bool                       // a reference names an attachment that does not exist
}

// Verify checks the signature value, the digests of the elements that it covers, and that Messaging and Body are among
// them (SEC-044, AS4-069). No two references may name the same attachment. Whether each attachment exists is checked by
// References, and its digest by Open.
func (u *Unverified) Verify(parts Attachments) (*Signed, error) {
	if u.signature == nil {
		return nil, refuse(Authentication, "AS4-074", "the message is not signed")
	}
	if err := u.signature.VerifyValue(u.token.cert.PublicKey); err != nil {
		return nil, &Error{Class: Authentication, Rule: "SEC-050", Msg: "the signature does not fit", Err: err}
	}
	s := &Signed{u: u, parts: parts, refs: u.signature.References(), cids: map[string]*dsig.Reference{}}
	covered := map[safe.Node]bool{}
	for i := range s.refs {
		r := &s.refs[i]
		if isCID(r.URI) {
			if err := s.attach(r); err != nil {
				return nil, err
			}
			continue
		}
		n, err := u.target(r)
		if err != nil {
			return nil, err
		}
		if err := r.VerifyNode(n); err != nil {
			return nil, &Error{Class: Authentication, Rule: "SEC-044", Msg: "a signed part was changed", Err: err}
		}
		covered[n] = true
	}
	if !covered[u.messaging] || !covered[u.body] {
		return nil, refuse(Policy, "AS4-069", "Messaging or Body is not covered by the signature")
	}
	return s, nil
}

func isCID(uri string) bool { return strings.HasPrefix(uri, "cid:") }

// attach records a reference to an attachment. Two references to the same attachment, spelled differently, are refused:
// only one of them would ever be compared with the content (SEC-024).
func (s *Signed) attach(r *dsig.Reference) error {
	id, ok := s.parts.find(r.URI)
	switch {
	case !ok:
		s.loose = true
	case s.cids[id] != nil:
		return refuse(Authentication, "SEC-044", "two references to one attachment")
	default:
		s.cids[id] = r
	}
	return nil
}

// target resolves a same-document reference. It must be the Messaging or Body that was found by its place, or a token
// or timestamp directly in the security header (SEC-041, SEC-044); only wsu:Id counts (SEC-042).
func (u *Unverified) target(r *dsig.Reference) (safe.Node, error) {
	id, ok := strings.CutPrefix(r.URI, "#")
	if !ok {
		return safe.Node{}, refuse(Authentication, "SEC-044", "a reference that leaves the message")
	}
	n, ok := u.messaging.Doc().ByID(id)
	if !ok {
		return safe.Node{}, refuse(Authentication, "SEC-042", "a reference to an id that is not there")
	}
	inHeader := n.Parent() == u.security.node &&
		(u.lax || n.Is(nsWSSE, "BinarySecurityToken") || n.Is(nsWSU, "Timestamp")) ||
		u.lax && n.Parent() == u.messaging.Parent() // signed beside Messaging; that this one and Body are is checked
	if n != u.messaging && n != u.body && !inHeader {
		return safe.Node{}, refuse(Authentication, "SEC-041", "a reference to an element at another place")
	}
	return n, nil
}

// Messaging returns the verified eb:Messaging element.
func (s *Signed) Messaging() safe.Node { return s.u.messaging }

// Signer returns the certificate of the signer.
func (s *Signed) Signer() *x509.Certificate { return s.u.token.cert }

// References returns the signed references in the order of the message; they go into the receipt (AS4-101, AS4-102). It
// fails if one names an attachment that does not exist: its digest cannot have been checked, so no receipt may confirm
// it (SEC-044).
func (s *Signed) References() ([]dsig.Reference, error) {
	if s.loose {
		return nil, refuse(Authentication, "SEC-044", "a reference to an attachment that is not there")
	}
	return s.refs, nil
}

// Covers reports whether the attachment with this content id is covered by the signature.
func (s *Signed) Covers(id string) bool { return s.cids[id] != nil }

// IsDigest reports whether err means that signed content was changed.
func IsDigest(err error) bool { return errors.Is(err, dsig.ErrDigest) }
