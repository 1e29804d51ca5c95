package explain

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/ebms"
)

// rules checks the message against the rules of its kind. The Receiver stops at the first one that is broken; here all
// are named.
func (x *explainer) rules() {
	if x.user != nil {
		x.profile()
	}
	if x.signal != nil {
		x.signalRules(x.signal)
	}
}

// profile checks a user message against the rules of the Receiver, as far as the file shows what they need.
func (x *explainer) profile() {
	s := as4.Subject{
		Message: x.user, Signer: x.message.Signer(), Addressee: x.addressee, Head: x.head, Header: x.sbd,
		Untyped: x.untyped, Base64: x.base64,
		Now: x.opt.At, // SEC-073: the age is judged only against a time that was asked for
	}
	if x.rep.MIME.Multipart && x.rep.MIME.Complete {
		s.ContentIDs = []string{}
		for _, p := range x.parts {
			s.ContentIDs = append(s.ContentIDs, p.cid)
		}
	}
	for r, f := range s.Broken {
		if f.Tolerated == as4.ToleratedMessageID {
			continue // where nothing else is configured it is refused, which was said when the header was read
		}
		x.broken(Problem{Layer: LayerUserMessage, Rule: r.ID, Text: f.Text, Code: r.Code, Remark: f.Tolerated != ""})
	}
}

// AS4-097, AS4-101, AS4-104, AS4-116. What an answer must be like.
func (x *explainer) signalRules(s *ebms.Signal) {
	signal := func(rule, format string, args ...any) {
		x.broken(Problem{Layer: LayerSignal, Rule: rule, Text: fmt.Sprintf(format, args...)})
	}
	remark := func(rule, format string, args ...any) {
		x.broken(Problem{Layer: LayerSignal, Rule: rule, Text: fmt.Sprintf(format, args...), Remark: true})
	}
	if s.Receipt != nil {
		if s.RefTo == "" {
			signal("AS4-101", "the receipt names no message")
		}
		if len(s.Receipt.References) == 0 {
			signal("AS4-101", "the receipt repeats no digests: it proves nothing about the content")
		}
		if h := x.rep.HTTP; h.Kind == KindResponse && h.Status != http.StatusOK {
			remark("AS4-116", "a receipt comes with HTTP 200, this one with %d", h.Status)
		}
	}
	if len(x.parts) > 0 {
		remark("AS4-104", "an answer must not have attachments")
	}
	if s.Receipt != nil && len(s.Errors) > 0 {
		signal("AS4-029", "receipt and error in one answer contradict each other")
	}
	for _, e := range s.Errors {
		if !strings.EqualFold(e.Severity, "failure") && !strings.EqualFold(e.Severity, "warning") {
			remark("AS4-097", "the severity %q does not exist; it counts as failure (Oxalis writes it)", e.Severity)
		}
		if e.Code == ebms.CodeOther && e.Detail != ebms.NotServicedDetail &&
			strings.Contains(e.Detail, ebms.NotServicedDetail) {
			signal("AS4-092", "the error detail must be exactly %s", ebms.NotServicedDetail)
		}
	}
}
