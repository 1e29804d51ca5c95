package wssec

import (
	"io"

	"github.com/ravn-ap/ravn/xml/dsig"
)

// Check is one reference of a signature and what became of it.
type Check struct {
	Reference  dsig.Reference
	Target     string // local name of the element it points to; "" for an attachment, or when it points to nothing
	Attachment bool   // a cid: reference; its digest was not computed, Err is nil
	Err        error  // the element is not there, stands at a wrong place, or was changed
}

// Examine checks every piece of the signature on its own and goes on after a failure: checks are the
// verdicts on the references in their order, err is the one on the signature value alone. It serves to explain a message to a person. Whoever wants to
// believe one calls Verify, which also demands that the right parts are covered.
func (u *Unverified) Examine() (checks []Check, err error) {
	if u.signature == nil {
		return nil, refuse(Authentication, "AS4-074", "the message is not signed")
	}
	for _, r := range u.signature.References() {
		c := Check{Reference: r, Attachment: isCID(r.URI)}
		if !c.Attachment {
			n, err := u.target(&r)
			if err == nil {
				c.Target = n.Name().Local
				err = r.VerifyNode(n)
			}
			c.Err = err
		}
		checks = append(checks, c)
	}
	return checks, u.signature.VerifyValue(u.token.cert.PublicKey)
}

// CheckPlain compares an attachment that came without encryption with its signed digest. Peppol refuses such a message
// (AS4-074); this serves to explain one. mimeType decides about the canonical form (AS4-071).
func (s *Signed) CheckPlain(id, mimeType string, r io.Reader) error {
	ref := s.cids[id]
	if ref == nil {
		return refuse(Policy, "AS4-069", "the payload is not covered by the signature")
	}
	sum := ref.Hash().New()
	if err := attachmentForm(sum, r, mimeType); err != nil {
		return &Error{Class: Authentication, Rule: "AS4-071", Msg: "the payload has no canonical form", Err: err}
	}
	if err := ref.VerifySum(sum.Sum(nil)); err != nil {
		return &Error{Class: Authentication, Rule: "AS4-056", Msg: "the payload is not the one that was signed", Err: err}
	}
	return nil
}
