package wssec

import (
	"io"

	"github.com/ravn-ap/ravn/xml/dsig"
)

// Check is one reference of a signature and whether it holds.
type Check struct {
	Reference  dsig.Reference
	Target     string // local name of the element it points to; "" for an attachment, or when it points to nothing
	Attachment bool   // a cid: reference; its digest was not computed, Err is nil
	Err        error  // the element is missing, in the wrong place, or was changed
}

// Examine checks every part of the signature on its own and goes on after a failure: checks are the results for the
// references in their order, err is the result for the signature value alone. It exists to explain a message to a
// person; to rely on a message call Verify, which also demands that the right parts are covered.
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

// CheckPlain compares an attachment that was sent unencrypted with its signed digest. Peppol refuses such a message
// (AS4-074); this exists to explain one. mimeType determines the canonical form (AS4-071).
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
		return &Error{
			Class: Authentication, Rule: "AS4-056", Msg: "the payload is not the one that was signed",
			Err: err,
		}
	}
	return nil
}
