package explain

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteText writes the report for a person: one layer after the other, what was verified and what was not, then what is
// wrong, and the verdict.
func (r *Report) WriteText(w io.Writer) error {
	t := &text{}
	t.title("This is %s.", visible(r.Summary))
	for _, layer := range []func(*Report){
		t.http, t.mime, t.soap, t.signature, t.certificate, t.encryption, t.userMessage, t.receipt, t.errors, t.sbdh,
		t.payload, t.problems, t.verdict,
	} {
		layer(r)
	}
	_, err := w.Write(t.b.Bytes())
	return err
}

// text collects lines: titles at the margin, everything else below them.
type text struct{ b bytes.Buffer }

func (t *text) title(format string, args ...any) { fmt.Fprintf(&t.b, format+"\n", args...) }

func (t *text) line(format string, args ...any) { fmt.Fprintf(&t.b, "  "+format+"\n", args...) }

// field writes a named value, nothing when it is empty.
func (t *text) field(name, value string) {
	if value != "" {
		t.line("%-16s %s", name, visible(value))
	}
}

// visible makes a value of the message harmless for a terminal.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '.'
		}
		return r
	}, s)
}

func (t *text) defect(f *Defect) {
	if f != nil {
		t.line("stops here: %s (%s)", visible(f.Text), f.Rule)
	}
}

func (t *text) http(r *Report) {
	h := r.HTTP
	if h == nil {
		return
	}
	switch h.Kind {
	case KindRequest:
		t.title("\nHTTP: a request, %s %s, body of %d bytes", visible(h.Method), visible(h.Path), h.BodyBytes)
	case KindResponse:
		t.title("\nHTTP: a response, status %d %s, body of %d bytes", h.Status, visible(h.Reason), h.BodyBytes)
	case KindHeaders:
		t.title("\nHTTP: headers without a start line, body of %d bytes", h.BodyBytes)
	default:
		t.title("\nHTTP: not in the file, which contains only a body of %d bytes", h.BodyBytes)
	}
	for _, name := range shownHeaders {
		t.field(name, h.Headers[name])
	}
	for _, n := range h.Notes {
		t.line("note: %s", n)
	}
	if h.Defect != nil {
		t.line("wrong: %s (%s)", visible(h.Defect.Text), h.Defect.Rule)
	}
}

func (t *text) mime(r *Report) {
	m := r.MIME
	if m == nil {
		return
	}
	if m.Multipart {
		t.title("\nMIME: a multipart message; %s", count(len(m.Parts), "part was", "parts were")+" read")
	} else {
		t.title("\nMIME: not multipart, the body is the SOAP part")
	}
	for i, p := range m.Parts {
		t.line("%d. %s, %d bytes%s", i+1, visible(p.ContentType), p.Bytes, prefixed(", id ", visible(p.ContentID)))
	}
	if m.Defect != nil {
		t.line("wrong: %s (%s)", visible(m.Defect.Text), m.Defect.Rule)
	}
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (t *text) soap(r *Report) {
	s := r.SOAP
	if s == nil {
		return
	}
	state := "an envelope"
	if !s.OK {
		state = "an envelope that is not in order"
	}
	t.title("\nSOAP: %s, version %s, %d bytes, contains %s", state, orNothing(s.Version), s.Bytes, orNothing(s.Message))
	for _, b := range s.Blocks {
		must := ""
		if b.MustUnderstand {
			must = ", must be understood"
		}
		t.line("header block %s%s", visible(b.Name), must)
	}
	if s.SOAPFault != nil {
		t.field("SOAP fault", s.SOAPFault.Code+" "+s.SOAPFault.Reason)
	}
	t.defect(s.Defect)
}

func orNothing(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

func (t *text) signature(r *Report) {
	s := r.Signature
	if r.SOAP == nil {
		return
	}
	switch {
	case s.Valid:
		t.title("\nSignature: VALID")
	case s.Signed:
		t.title("\nSignature: NOT VALID")
	default:
		t.title("\nSignature: none")
	}
	t.line("%s", visible(s.Reason))
	if s.Signer != nil {
		t.field("signer", s.Signer.Seat+prefixed("  ", s.Signer.Subject))
	}
	for _, ref := range s.References {
		state := "not checked"
		if ref.OK != nil {
			state = map[bool]string{true: "matches", false: "MISMATCH"}[*ref.OK]
		}
		t.line("%-12s %-12s %s%s", state, ref.Target, visible(ref.URI), prefixed(": ", visible(ref.Reason)))
	}
}

func (t *text) certificate(r *Report) {
	c := r.Certificate
	if c == nil {
		return
	}
	t.title("\nCertificate of the signer: %s", c.Class)
	t.field("subject", c.Subject)
	t.field("issuer", c.Issuer)
	t.field("serial", c.Serial)
	t.field("sha256", c.SHA256)
	t.field("dates", rfc3339(c.NotBefore)+" to "+rfc3339(c.NotAfter))
	t.field("at "+r.At.Format("2006-01-02"), string(c.Class))
	t.field("when sent", string(c.ClassAtMessage))
	t.field("issued under", c.Trust)
	t.field("revocation", "not checked")
	t.field("because", c.Reason)
}

func (t *text) encryption(r *Report) {
	e := r.Encryption
	if e == nil {
		return
	}
	if !e.Encrypted {
		t.title("\nEncryption: none")
		t.line("%s", e.Reason)
		return
	}
	state := "not opened"
	if e.Decryptable != nil {
		state = map[bool]string{true: "decrypted", false: "CANNOT BE DECRYPTED"}[*e.Decryptable]
	}
	t.title("\nEncryption: %s", state)
	t.line("%s", visible(e.Reason))
	t.field("algorithm", e.DataAlgorithm)
	t.field("key transport", e.KeyTransport)
	t.field("part", e.Part+prefixed(", type ", e.MimeType))
	if rec := e.Recipient; rec != nil && rec.Identity != nil {
		t.field("encrypted for", rec.Identity.Seat+"  "+rec.Identity.Subject)
		t.field("serial", rec.Identity.Serial)
	} else if rec != nil {
		t.field("encrypted for", rec.By+" "+rec.Value)
	}
	t.field("key used", e.Key)
}

func verifiedText(ok bool) string {
	if ok {
		return "verified by the signature"
	}
	return "NOT verified, anybody may have written it"
}

func (t *text) userMessage(r *Report) {
	m := r.UserMessage
	if m == nil {
		return
	}
	t.title("\nUser message: %s", verifiedText(m.Verified))
	t.field("MessageId", m.MessageID)
	if !m.Readable {
		t.line("the rest of the header cannot be read")
		return
	}
	if m.Test {
		t.line("a test message (ping): answered, never delivered")
	}
	t.field("Timestamp", rfc3339(*m.Timestamp))
	t.field("RefToMessageId", m.RefToMessageID)
	t.field("MPC", m.MPC)
	t.field("From", m.From.ID.Value+"  "+lastSegment(m.From.Role))
	t.field("To", m.To.ID.Value+"  "+lastSegment(m.To.Role))
	t.field("AgreementRef", m.Agreement.Value)
	t.field("Service", m.Service.Value+prefixed("  ", m.Service.Type))
	t.field("Action", m.Action)
	t.field("ConversationId", m.ConversationID)
	for _, p := range m.Properties {
		t.field(p.Name, p.Value)
	}
	for _, p := range m.Parts {
		t.field("part", p.Href)
		for _, q := range p.Properties {
			t.field("  "+q.Name, q.Value)
		}
	}
}

func lastSegment(uri string) string { return uri[strings.LastIndex(uri, "/")+1:] }

func (t *text) receipt(r *Report) {
	c := r.Receipt
	if c == nil {
		return
	}
	t.title("\nReceipt: %s", verifiedText(r.Signature.Valid))
	t.field("for message", c.RefTo)
	t.field("MessageId", c.MessageID)
	t.field("Timestamp", rfc3339(c.Timestamp))
	for _, ref := range c.References {
		t.field("repeats", ref.URI+"  "+ref.Digest)
	}
	state := "not compared"
	if c.Matches != nil {
		state = map[bool]string{true: "yes", false: "NO"}[*c.Matches]
	}
	t.field("matches", state+": "+c.Reason)
}

func (t *text) errors(r *Report) {
	for _, e := range r.Errors {
		t.title("\nError: %s %s, severity %s", visible(string(e.Code)), visible(e.Short), visible(e.Severity))
		t.field("detail", e.Detail)
		t.field("description", e.Description)
		t.field("about message", e.RefTo)
		t.line("What it means: %s", e.Meaning)
		t.line("Whose fault: %s", e.Blame)
		t.line("What to do: %s", e.Next)
	}
}

func (t *text) sbdh(r *Report) {
	s := r.SBDH
	if s == nil {
		return
	}
	if s.Defect != nil {
		t.title("\nEnvelope (SBDH): NOT in order")
		t.line("%s (%s)", visible(s.Defect.Text), s.Defect.Rule)
		return
	}
	t.title("\nEnvelope (SBDH): in order")
	for _, f := range [][2]string{
		{"sender (C1)", s.Sender},
		{"receiver (C4)", s.Receiver},
		{"document type", s.DocType},
		{"process", s.Process},
		{"country of C1", s.CountryC1},
		{"instance", s.InstanceID},
		{"created", s.Created},
		{"standard", s.Standard},
		{"type", s.Type},
		{"type version", s.TypeVersion},
		{"MLS to", s.MLSTo},
		{"MLS type", s.MLSType},
	} {
		t.field(f[0], f[1])
	}
	for _, a := range s.Attributes {
		t.field(a.Name, a.Value)
	}
	for _, w := range s.Warnings {
		t.line("tolerated: %s", visible(w))
	}
}

func (t *text) payload(r *Report) {
	p := r.Payload
	if p == nil {
		return
	}
	t.title("\nPayload: %s", strings.TrimSpace(orNothing(p.RootElement)+" "+p.RootNamespace))
	t.field("bytes", fmt.Sprintf("%d%s", p.Bytes, compressedText(p)))
	t.field("sha256", p.SHA256)
	if p.Wrapped {
		t.field("wrapped content", p.MimeType)
	}
	if !p.Complete {
		t.line("the payload is not complete")
	}
}

func compressedText(p *Payload) string {
	if p.CompressedBytes == 0 {
		return ", not compressed"
	}
	return fmt.Sprintf(", from %d compressed", p.CompressedBytes)
}

func (t *text) problems(r *Report) {
	broken, tolerated := r.problems()
	if len(broken) > 0 {
		t.title("\nWhat is wrong: %s", count(len(broken), "rule is broken", "rules are broken"))
		t.list(broken)
	}
	if len(tolerated) > 0 {
		t.title("\nRemarks: %s", count(len(tolerated), "thing is tolerated", "things are tolerated"))
		t.list(tolerated)
	}
}

func (t *text) list(problems []Problem) {
	for i, p := range problems {
		answer := ""
		if p.Code != "" {
			answer = ", answered with " + string(p.Code)
		}
		t.line("%d. %s (%s, layer %s%s)", i+1, visible(p.Text), p.Rule, p.Layer, answer)
		t.line("   at fault: %s. %s", blameText[p.Blame], p.Next)
	}
}

var blameText = map[Blame]string{
	Sender: "who made this message", Capture: "the capture, or what stands between the access points",
	Reader: "what this command was given",
}

func (t *text) verdict(r *Report) {
	v := r.Verdict
	if v.OK {
		t.title("\nVerdict: %s.", visible(v.Text))
		return
	}
	t.title("\nVerdict: %s: %s.", v.Code, visible(v.Text))
	t.line("%s.", v.Next)
}

// rfc3339 writes a time for people.
func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }
