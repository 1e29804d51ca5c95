package dsig

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/subtle"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
)

// Policy is what a caller accepts. Everything else is refused before any cryptography (SEC-045 to SEC-047).
type Policy struct {
	Signature  []string // signature methods
	Digest     []string // digest methods
	Canon      []string // canonicalization methods of SignedInfo
	Same       []string // transforms of a "#id" reference: exactly one of these canonicalizations
	External   []string // transforms of a reference that the caller digests itself, exactly one; empty: none allowed
	Enveloped  bool     // the one reference is URI="" with the enveloped-signature transform and one of Same
	References int      // upper limit on the number of references
}

// Signature is a ds:Signature whose structure and algorithms a Policy allows. Its references are not read from the
// document but from the canonical bytes of SignedInfo, parsed anew: the same bytes that VerifyValue checks, so that
// nothing unsigned can get into them (SEC-044).
type Signature struct {
	Node    safe.Node // the ds:Signature element
	KeyInfo safe.Node // its ds:KeyInfo, or zero
	Method  string    // signature method
	refs    []Reference
	signed  []byte // canonical SignedInfo
	value   []byte
}

// Reference is one ds:Reference of a verified or yet unverified SignedInfo.
type Reference struct {
	URI       string
	Transform string   // the canonicalization, or the external transform; enveloped-signature is not named here
	Prefixes  []string // PrefixList of the canonicalization
	Digest    string   // digest method
	Value     []byte   // digest value
	Canonical []byte   // the element in exclusive canonical form, for copying into a receipt (AS4-102)
}

// Hash returns the hash function of the reference.
func (r *Reference) Hash() crypto.Hash { return digests[r.Digest] }

// Parse reads the ds:Signature element sig and checks structure and algorithms.
func Parse(sig safe.Node, p Policy) (*Signature, error) {
	kids := sig.Elements()
	if !sig.Is(NS, "Signature") || len(kids) < 2 || len(kids) > 3 ||
		!kids[0].Is(NS, "SignedInfo") || !kids[1].Is(NS, "SignatureValue") ||
		len(kids) == 3 && !kids[2].Is(NS, "KeyInfo") {
		return nil, fail(ErrStructure, "SEC-043",
			"want SignedInfo, SignatureValue and at most one KeyInfo, nothing else")
	}
	s := &Signature{Node: sig}
	if len(kids) == 3 {
		s.KeyInfo = kids[2]
	}
	var err error
	if s.value, err = decodeBase64(kids[1]); err != nil {
		return nil, err
	}
	canon, err := p.method(kids[0])
	if err != nil {
		return nil, err
	}
	if s.signed, err = canon.Bytes(kids[0]); err != nil {
		return nil, err
	}
	doc, err := safe.Parse(s.signed, safe.Envelope)
	if err != nil {
		return nil, fail(ErrStructure, "SEC-044", "SignedInfo does not stand alone: %v", err)
	}
	return s, s.readInfo(doc.Top(), p)
}

// readInfo reads methods and references from the canonical SignedInfo.
func (s *Signature) readInfo(info safe.Node, p Policy) error {
	kids := info.Elements()
	if len(kids) < 3 || !kids[0].Is(NS, "CanonicalizationMethod") || !kids[1].Is(NS, "SignatureMethod") {
		return fail(ErrStructure, "SEC-043", "SignedInfo needs a canonicalization, a signature method and a reference")
	}
	s.Method, _ = kids[1].Attr("", "Algorithm")
	if !slices.Contains(p.Signature, s.Method) || len(kids[1].Elements()) > 0 {
		return fail(ErrAlgorithm, "SEC-047", "signature method")
	}
	if len(kids)-2 > p.References {
		return fail(ErrStructure, "SEC-044", "more than %d references", p.References)
	}
	for _, k := range kids[2:] {
		r, err := p.reference(k)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(s.refs, func(o Reference) bool { return o.URI == r.URI }) {
			return fail(ErrStructure, "SEC-044", "two references have the same URI")
		}
		s.refs = append(s.refs, r)
	}
	if p.Enveloped && len(s.refs) != 1 {
		return fail(ErrStructure, "SEC-114", "an enveloped signature has one reference")
	}
	return nil
}

// method reads the CanonicalizationMethod of SignedInfo as it stands in the document: the canonical form, from which
// the rest is read, cannot be had before.
func (p Policy) method(info safe.Node) (Canon, error) {
	m, ok := info.Child(NS, "CanonicalizationMethod")
	if !ok {
		return Canon{}, fail(ErrStructure, "SEC-046", "want one CanonicalizationMethod")
	}
	return canonOf(m, p.Canon)
}

// canonOf reads a canonicalization with its optional PrefixList from a CanonicalizationMethod or Transform element.
func canonOf(m safe.Node, allowed []string) (Canon, error) {
	alg, _ := m.Attr("", "Algorithm")
	if !slices.Contains(allowed, alg) {
		return Canon{}, fail(ErrAlgorithm, "SEC-045", "canonicalization or transform")
	}
	c := Canon{Method: alg}
	kids := m.Elements()
	if strings.TrimSpace(m.Text()) != "" || len(kids) > 1 {
		return Canon{}, fail(ErrStructure, "SEC-045", "a transform with content")
	}
	if len(kids) == 0 {
		return c, nil
	}
	list, ok := kids[0].Attr("", "PrefixList")
	c.Prefixes = strings.Fields(list)
	if !kids[0].Is(ExcNS, "InclusiveNamespaces") || alg != Exclusive || !ok || len(c.Prefixes) > 16 {
		return Canon{}, fail(ErrStructure, "SEC-045", "want at most one InclusiveNamespaces with up to 16 prefixes")
	}
	return c, nil
}

// reference reads one ds:Reference.
func (p Policy) reference(n safe.Node) (Reference, error) {
	kids := n.Elements()
	uri, ok := n.Attr("", "URI")
	if !n.Is(NS, "Reference") || !ok || len(kids) != 3 ||
		!kids[0].Is(NS, "Transforms") || !kids[1].Is(NS, "DigestMethod") || !kids[2].Is(NS, "DigestValue") {
		return Reference{}, fail(ErrStructure, "SEC-045",
			"a reference needs URI, Transforms, DigestMethod and DigestValue")
	}
	r := Reference{URI: uri}
	r.Digest, _ = kids[1].Attr("", "Algorithm")
	if !slices.Contains(p.Digest, r.Digest) || len(kids[1].Elements()) > 0 {
		return r, fail(ErrAlgorithm, "SEC-047", "digest method")
	}
	c, err := p.transforms(uri, kids[0].Elements())
	if err != nil {
		return r, err
	}
	r.Transform, r.Prefixes = c.Method, c.Prefixes
	if r.Value, err = decodeBase64(kids[2]); err != nil {
		return r, err
	}
	if len(r.Value) != r.Hash().Size() {
		return r, fail(ErrStructure, "SEC-047", "a digest value of the wrong length")
	}
	r.Canonical, err = Canon{Method: Exclusive}.Bytes(n)
	return r, err
}

// transforms checks the transforms of a reference against the policy.
func (p Policy) transforms(uri string, list []safe.Node) (Canon, error) {
	for _, t := range list {
		if !t.Is(NS, "Transform") {
			return Canon{}, fail(ErrStructure, "SEC-045", "want Transform elements only")
		}
	}
	switch {
	case p.Enveloped && uri == "":
		if len(list) == 0 || len(list) > 2 || attr(list[0], "Algorithm") != Enveloped || len(list[0].Elements()) > 0 {
			return Canon{}, fail(ErrAlgorithm, "SEC-114", "want enveloped-signature and one canonicalization")
		}
		if len(list) == 1 {
			return Canon{Method: Inclusive}, nil // XML Signature 1.1 §4.4.3.2: octets are needed, so Canonical XML 1.0
		}
		return canonOf(list[1], p.Same)
	case len(list) != 1:
		return Canon{}, fail(ErrStructure, "SEC-045", "want exactly one transform")
	case len(uri) > 1 && uri[0] == '#' && !p.Enveloped:
		return canonOf(list[0], p.Same)
	case !p.Enveloped && uri != "" && uri[0] != '#':
		return canonOf(list[0], p.External)
	}
	return Canon{}, fail(ErrStructure, "SEC-044", "a reference to something that must not be signed here")
}

func attr(n safe.Node, local string) string {
	v, _ := n.Attr("", local)
	return v
}

// VerifyValue checks SignatureValue over the canonical SignedInfo with the given key. It takes the hash from the
// method, and refuses a key of another kind (SEC-047).
func (s *Signature) VerifyValue(pub crypto.PublicKey) error {
	h := signatures[s.Method]
	hash := h.New()
	hash.Write(s.signed)
	sum := hash.Sum(nil)
	switch key := pub.(type) {
	case *rsa.PublicKey:
		if s.Method != ECDSASHA256 && rsa.VerifyPKCS1v15(key, h, sum, s.value) == nil {
			return nil
		}
	case *ecdsa.PublicKey:
		// XML Signature 1.1 §6.4.3: the value is r and s in fixed length, not ASN.1.
		n := (key.Curve.Params().BitSize + 7) / 8
		if s.Method == ECDSASHA256 && len(s.value) == 2*n &&
			ecdsa.Verify(key, sum, new(big.Int).SetBytes(s.value[:n]), new(big.Int).SetBytes(s.value[n:])) {
			return nil
		}
	}
	return fail(ErrValue, "SEC-047", "with the key of the certificate")
}

// References returns the references of the signature. They can be trusted only after VerifyValue.
func (s *Signature) References() []Reference { return s.refs }

// VerifyNode checks the digest of reference r over the element n, which the caller found by its place and compared with
// the reference's URI (SEC-041).
func (r *Reference) VerifyNode(n safe.Node) error {
	h := r.Hash().New()
	if _, err := (Canon{Method: r.Transform, Prefixes: r.Prefixes}).Write(h, n); err != nil {
		return err
	}
	return r.VerifySum(h.Sum(nil))
}

// VerifySum compares the digest of reference r with one that the caller computed.
func (r *Reference) VerifySum(sum []byte) error {
	if subtle.ConstantTimeCompare(sum, r.Value) != 1 {
		return fail(ErrDigest, "SEC-044", "reference")
	}
	return nil
}

// VerifyEnveloped checks the one reference of an enveloped signature over its whole document, the signature left out,
// and returns the bytes that were digested: nothing else of the document may be used (SEC-114).
func (s *Signature) VerifyEnveloped() ([]byte, error) {
	r := &s.refs[0]
	b, err := Canon{Method: r.Transform, Prefixes: r.Prefixes, Without: s.Node}.Bytes(s.Node.Doc().Root())
	if err != nil {
		return nil, err
	}
	h := r.Hash().New()
	h.Write(b)
	if err := r.VerifySum(h.Sum(nil)); err != nil {
		return nil, err
	}
	return b, nil
}

// decodeBase64 decodes a leaf element strictly: XML blanks may stand between the characters, nothing else (SEC-047).
func decodeBase64(n safe.Node) ([]byte, error) {
	text, ok := n.Leaf()
	if !ok {
		return nil, fail(ErrStructure, "SEC-047", "base64 with elements inside")
	}
	b, err := DecodeBase64(text)
	if err != nil || len(b) == 0 {
		return nil, fail(ErrStructure, "SEC-047", "malformed base64")
	}
	return b, nil
}

// DecodeBase64 decodes base64Binary strictly: blanks between the characters are skipped, every other deviation is an
// error, so that no two readers take a value for different bytes.
func DecodeBase64(text string) ([]byte, error) {
	clean := bytes.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\n' || r == '\r' {
			return -1
		}
		return r
	}, []byte(text))
	out := make([]byte, base64.StdEncoding.DecodedLen(len(clean)))
	n, err := base64.StdEncoding.Strict().Decode(out, clean)
	return out[:n], err
}
