// Package explain says what a captured AS4 message is, layer by layer: HTTP, MIME, SOAP, signature, certificate,
// encryption, ebMS header, envelope and payload. It uses the strict readers of the server but goes on where the server
// would refuse, so that a person sees what was wrong, who is to blame and what to do. Verdicts are always based on the
// chain of types in package wssec; everything else is shown as not verified.
package explain

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/as4/wssec"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/sbdh"
	"github.com/ravn-ap/ravn/xml/safe"
)

// Options of Explain. The zero value explains what can be seen without keys.
type Options struct {
	Keys    *certs.Keyring // keys to decrypt with; nil means none
	Anchors []certs.Issuer // access point CAs to trust in addition to the built-in ones of Peppol
	At      time.Time      // what "now" means; zero means the present, and the age of the message is then not checked
	Request []byte         // the captured request that a receipt answers; may be nil
	Payload io.Writer      // receives the decrypted StandardBusinessDocument once its digest matches; may be nil
}

// Explain reads a captured message: an HTTP request or response as transmitted, one without its start line, or only the
// body, multipart or SOAP. Everything that is wrong with the message is in the Report; an error means that
// Options.Payload could not be written.
func Explain(input []byte, opt Options) (*Report, error) {
	x := &explainer{opt: opt, now: opt.At, rep: &Report{Format: Format, Errors: []ErrorInfo{}, Problems: []Problem{}}}
	if x.now.IsZero() {
		x.now = time.Now()
	}
	x.rep.At = x.now.UTC()
	x.rep.Signature = Signature{Reason: "the signature was not reached", References: []Reference{}}
	if x.opt.Keys == nil {
		x.opt.Keys = certs.NewKeyring()
	}
	x.layers(input)
	x.conclude()
	return x.rep, x.writeErr
}

// explainer is one explanation in progress.
type explainer struct {
	opt Options
	now time.Time
	rep *Report

	soap      []byte
	parts     []part // beside the SOAP part
	doc       *safe.Doc
	message   *wssec.Unverified
	signed    *wssec.Signed // nil unless the signature is valid
	user      *ebms.UserMessage
	signal    *ebms.Signal
	opened    map[string]opened // by content id
	addressee *x509.Certificate // whom the payload is encrypted for; nil when that is not known
	head      []byte            // how the decrypted payload begins; nil when it could not be decrypted
	sbd       *sbdh.Header      // nil when the envelope could not be read
	loose     bool              // an answer in which an envelope was found, whatever is around it
	untyped   bool              // multipart/related without type
	base64    bool              // the payload part came in base64
	insecure  bool              // the security header was refused before its signature was looked at
	stopped   bool              // a layer could not be read
	writeErr  error
}

// part is a MIME part other than the SOAP part.
type part struct {
	cid         string // content id without brackets
	contentType string
	data        []byte
	complete    bool
}

// opened reads the signed octets of a part.
type opened func() io.Reader

// layers goes from the outside in and stops where nothing more can be read.
func (x *explainer) layers(input []byte) {
	src, ok := x.transport(input)
	if !ok {
		return
	}
	x.packaging(src)
	if x.soap == nil || !x.envelope() {
		return
	}
	x.signature()
	x.header()
	x.certificate()
	x.encryption()
	x.attachments()
	x.payload()
	x.rules()
}

// broken adds a problem to the report.
func (x *explainer) broken(p Problem) {
	if x.loose && p.Blame != Capture && (p.Layer == LayerHTTP || p.Layer == LayerMIME) {
		p.Remark, p.Stops, p.Code = true, false, "" // how an answer is wrapped does not matter (AS4-107)
	}
	if p.Remark && p.Next == "" {
		p.Next = "Nothing: it is tolerated. Whoever makes such messages may want to know."
	}
	if p.Blame == "" {
		p.Blame = Sender
	}
	if p.Next == "" {
		p.Next = advice(p)
	}
	x.stopped = x.stopped || p.Stops
	x.rep.Problems = append(x.rep.Problems, p)
}

// refused turns an error of one of the strict readers into a problem and returns what the reader said.
func (x *explainer) refused(layer Layer, err error, stops bool) *Defect {
	p := Problem{Layer: layer, Text: err.Error(), Stops: stops}
	var we *wssec.Error
	var me *mime.Error
	var ee *ebms.Error
	switch {
	case errors.As(err, &we):
		p.Rule, p.Text, p.Code = we.Rule, withCause(we.Msg, we.Err), as4.SecurityCode(we.Class)
	case errors.As(err, &me):
		p.Rule, p.Text = me.Rule, me.Msg
		if me.Part {
			p.Code = ebms.CodeMimeInconsistency
		}
	case errors.As(err, &ee):
		p.Rule, p.Text, p.Code = headerRules[ee.Code], withCause(ee.Detail, ee.Err), ee.Code
	}
	x.broken(p)
	return &Defect{Rule: p.Rule, Text: p.Text}
}

// headerRules are the rules behind the errors of ebms.Read.
var headerRules = map[ebms.Code]string{
	ebms.CodeInvalidHeader: "AS4-032", ebms.CodeValueInconsistent: "AS4-029", ebms.CodeFeatureInconsistency: "AS4-001",
}

func withCause(msg string, err error) string {
	if err == nil {
		return msg
	}
	return msg + ": " + err.Error()
}

// advice says what to do about a problem, depending on who is to blame.
func advice(p Problem) string {
	switch {
	case p.Stops && p.Layer == LayerHTTP:
		return "Look at what stands before the access point: address, path, proxy and its log. No AS4 software saw, " +
			"or wrote, this."
	case p.Blame == Capture:
		return "Capture the message again, from its first byte to its last; if it was captured whole, something " +
			"between the access points changed it."
	case p.Blame == Reader:
		return "Give what is missing, and explain the message again."
	case p.Layer == LayerPayload, p.Layer == LayerSBDH:
		return "Tell the sender which rule its document breaks; the transport itself is in order."
	case p.Layer == LayerSignature, p.Layer == LayerCertificate, p.Layer == LayerEncryption:
		return "Tell the provider who made this message, with the rule; its AS4 software or certificate has to be " +
			"corrected."
	}
	return "Tell the provider who made this message which rule it breaks; sending the same bytes again will not help."
}

// conclude sets verdict and summary.
func (x *explainer) conclude() {
	r := x.rep
	unsignedError := r.SOAP != nil && r.SOAP.Message == MessageError &&
		(!r.Signature.Signed || x.message.Ignored() != nil)
	switch {
	case x.stopped:
		r.Verdict = verdict(fault.CaptureUnreadable, x.stoppedAt())
	case unsignedError:
		r.Verdict = Verdict{OK: true, Text: "an unsigned error: it counts as a refusal, but proves nothing about who " +
			"sent it (AS4-110)"}
	case !r.Signature.Valid:
		r.Verdict = verdict(fault.SignatureInvalid, r.Signature.Reason)
	case r.Receipt != nil && r.Receipt.Matches != nil && !*r.Receipt.Matches:
		r.Verdict = verdict(fault.ReceiptInvalid, r.Receipt.Reason)
	default:
		r.Verdict = Verdict{OK: true, Text: "the message was read and its signature is valid"}
		broken, tolerated := r.problems()
		if n := len(broken); n > 0 {
			r.Verdict.Text += "; " + count(n, "rule is broken", "rules are broken")
		}
		if n := len(tolerated); n > 0 {
			r.Verdict.Text += "; " + count(n, "thing is tolerated", "things are tolerated")
		}
	}
	r.Summary = x.summary()
}

// problems parts what is broken from what is tolerated.
func (r *Report) problems() (broken, tolerated []Problem) {
	for _, p := range r.Problems {
		if p.Remark {
			tolerated = append(tolerated, p)
		} else {
			broken = append(broken, p)
		}
	}
	return broken, tolerated
}

func verdict(code fault.Code, detail string) Verdict {
	entry, _ := fault.Find(code)
	text := entry.Texts[fault.English]
	return Verdict{Code: code, Text: text.What + ": " + detail, Blame: entry.Blame, Next: text.Next}
}

// stoppedAt returns the first problem after which nothing could be read.
func (x *explainer) stoppedAt() string {
	for _, p := range x.rep.Problems {
		if p.Stops {
			return fmt.Sprintf("%s (%s, layer %s)", p.Text, p.Rule, p.Layer)
		}
	}
	return ""
}

// summary says in one sentence what the message is.
func (x *explainer) summary() string {
	state := "not verified"
	switch {
	case x.rep.Signature.Valid:
		state = "signature valid"
	case x.rep.SOAP != nil && !x.rep.Signature.Signed:
		state = "not signed"
	}
	switch {
	case x.user != nil && x.user.IsTest():
		return fmt.Sprintf("a test message (ping) %s from %s to %s, %s", x.user.ID, x.user.From.ID.Value,
			x.user.To.ID.Value, state)
	case x.user != nil:
		return fmt.Sprintf("a message %s from %s to %s, %s", x.user.ID, x.user.From.ID.Value, x.user.To.ID.Value, state)
	case x.signal != nil && x.signal.Receipt != nil:
		return fmt.Sprintf("a receipt for %s, %s", x.signal.RefTo, state)
	case x.signal != nil:
		return fmt.Sprintf("an error %s about %s, %s", x.rep.Errors[0].Code, orUnknown(string(x.signal.RefTo)), state)
	case x.rep.SOAP != nil && x.rep.SOAP.SOAPFault != nil:
		return "a SOAP fault without ebMS header"
	case x.rep.SOAP != nil && x.rep.SOAP.OK:
		return "a SOAP envelope whose ebMS header cannot be read, " + state
	}
	return "no AS4 message that can be read"
}

func orUnknown(s string) string {
	if s == "" {
		return "an unnamed message"
	}
	return s
}

// finder finds keys and remembers which were asked for.
type finder struct {
	ring  *certs.Keyring
	asked bool
	found *certs.Identity
}

// Find implements wssec.Keys.
func (f *finder) Find(match func(*x509.Certificate) bool) (crypto.Decrypter, bool) {
	f.asked = true
	for _, id := range f.ring.Identities() {
		if match(id.Cert) {
			f.found = id
			return id.Key, true
		}
	}
	return nil, false
}
