package explain

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/as4/wssec"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/ebms"
)

// identify names a certificate.
func identify(c *x509.Certificate) *Identity {
	id := &Identity{
		Subject: certs.Subject(c), Issuer: oneLine(c.Issuer.String()), Serial: c.SerialNumber.String(),
		SHA256: certs.Fingerprint(c),
	}
	if seat, err := certs.Seat(c); err == nil {
		id.Seat = string(seat)
	}
	return id
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func yes() *bool { v := true; return &v }
func no() *bool  { v := false; return &v }

// signature checks the signature piece by piece, and then as a whole the way the server does (SEC-044, AS4-069).
func (x *explainer) signature() {
	s := &x.rep.Signature
	x.findSigner()
	switch {
	case !s.Signed:
		s.Reason = "the message is not signed"
		x.unsigned()
		return
	case x.insecure:
		return // the reason stands there already
	}
	checks, value := x.message.Examine()
	for _, c := range checks {
		s.References = append(s.References, reference(c))
	}
	var err error
	x.signed, err = x.message.Verify(x.attached)
	if err == nil {
		s.Valid, s.Reason = true, "the signature value and the digests of Messaging and Body fit"
		return
	}
	f := x.refused(LayerSignature, err, false)
	s.Reason = f.Text + " (" + f.Rule + ")"
	if value == nil {
		if i := slices.IndexFunc(s.References, func(r Reference) bool { return r.OK != nil && !*r.OK }); i >= 0 {
			r := s.References[i]
			s.Reason = fmt.Sprintf("the signature value fits, but %s (%s) does not: %s", r.URI,
				cmp.Or(r.Target, "no such element"), r.Reason)
		}
	}
}

// attached is wssec.Attachments of the message. A file that does not hold the whole message may have any.
func (x *explainer) attached(url string) (string, bool) {
	id, err := mime.ContentID(url)
	if m := x.rep.MIME; err != nil || !m.Multipart || !m.Complete || m.Defect != nil {
		return id, err == nil
	}
	return id, slices.ContainsFunc(x.parts, func(p part) bool { return p.cid == id })
}

// findSigner reports whether there is a signature at all, and whose it claims to be.
func (x *explainer) findSigner() {
	s := &x.rep.Signature
	if sec, ok := x.security(); ok {
		_, s.Signed = sec.Child(nsDS, "Signature")
	}
	if c := x.message.Signer(); c != nil {
		s.Signed, s.Signer = true, identify(c)
	}
}

// unsigned reports a message without signature. A user message was reported by the strict reader already.
func (x *explainer) unsigned() {
	switch x.rep.SOAP.Message {
	case MessageReceipt:
		x.broken(Problem{
			Layer: LayerSignature, Rule: "AS4-110", Text: "an unsigned receipt counts as no receipt",
			Next: "Treat the message as not receipted; ask the other provider to sign its receipts.",
		})
	case MessageError:
		x.broken(Problem{
			Layer: LayerSignature, Rule: "AS4-113",
			Text: "the error is not signed; Oxalis does so for failures of its security stage",
			Next: "Accept it as a refusal, but not as proof of who sent it.",
		})
	}
}

// reference shows one check.
func reference(c wssec.Check) Reference {
	r := Reference{
		URI: c.Reference.URI, Target: c.Target, Transform: c.Reference.Transform, DigestMethod: c.Reference.Digest,
		Digest: base64.StdEncoding.EncodeToString(c.Reference.Value),
	}
	switch {
	case c.Attachment:
		r.Target, r.Reason = "attachment", "its digest is over the decrypted payload"
	case c.Err == nil:
		r.OK = yes()
	case wssec.IsDigest(c.Err):
		r.OK, r.Reason = no(), "it was changed after it was signed"
	default:
		r.OK, r.Reason = no(), c.Err.Error()
	}
	return r
}

// certificate tells who the signer is and whether anybody vouches for him.
func (x *explainer) certificate() {
	c := x.message.Signer()
	if c == nil {
		return
	}
	info := &Certificate{
		Identity: *identify(c), NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), Trust: TrustUnknown,
		Revocation: "unchecked",
		ValidNow:   within(c, x.now),
	}
	x.rep.Certificate = info
	anchors := certs.Anchors{AP: x.opt.Anchors}
	for _, set := range []struct {
		name    string
		anchors certs.Anchors
	}{
		{TrustGiven, anchors},
		{TrustProduction, certs.Builtin(certs.Production)},
		{TrustTest, certs.Builtin(certs.Test)},
	} {
		if slices.ContainsFunc(set.anchors.AP, func(i certs.Issuer) bool { return c.CheckSignatureFrom(i.CA) == nil }) {
			info.Trust, anchors = set.name, set.anchors
			break
		}
	}
	verifier := certs.NewVerifier(anchors, certs.Unchecked{})
	err := verifier.VerifyAP(context.Background(), c, x.now)
	info.Class, info.Reason = certs.ClassOf(err), disbelief(err)
	if at, ok := x.messageTime(); ok {
		valid := within(c, at)
		err = verifier.VerifyAP(context.Background(), c, at) // what counts is the time of the message
		info.ValidAtMessage, info.ClassAtMessage = &valid, certs.ClassOf(err)
	}
	x.untrusted(info, err)
}

// disbelief says why a certificate is not believed, "" when it is.
func disbelief(err error) string {
	var ce *certs.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &ce):
		return fmt.Sprintf("the certificate is %s: %s (%s)", ce.Class, withCause(ce.Msg, ce.Err), ce.Rule)
	}
	return err.Error()
}

// untrusted reports a certificate that no receiver could believe (AS4-068).
func (x *explainer) untrusted(info *Certificate, err error) {
	if err == nil {
		return
	}
	p := Problem{Layer: LayerCertificate, Rule: "AS4-068", Text: disbelief(err), Code: ebms.CodeFailedAuthentication}
	if info.Trust == TrustUnknown && len(x.opt.Anchors) == 0 {
		p.Blame, p.Next = Reader, "If the message comes from a private or older PKI, give its access point CA with "+
			"--anchors; else the sender's certificate is not one of Peppol."
	}
	x.broken(p)
}

func within(c *x509.Certificate, at time.Time) bool {
	return !at.Before(c.NotBefore) && !at.After(c.NotAfter)
}

// messageTime returns the eb:Timestamp.
func (x *explainer) messageTime() (time.Time, bool) {
	switch {
	case x.user != nil:
		return x.user.Timestamp, true
	case x.signal != nil:
		return x.signal.Timestamp, true
	}
	return time.Time{}, false
}
