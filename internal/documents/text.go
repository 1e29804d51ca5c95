package documents

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/store"
)

// Line is a document in one line of a list.
func (d *Document) Line() string {
	s := fmt.Sprintf("%s  %s  %-3s  %-9s  %-16s", d.ID, moment(d.Created), d.Direction, d.Status, d.State)
	s += fmt.Sprintf("  %s → %s  %s", bare(d.Sender), bare(d.Receiver), cmp.Or(d.Number, "-"))
	if d.Problem != nil {
		s += "  " + string(d.Problem.Code)
	}
	return s
}

// bare is an identifier without its scheme.
func bare(id string) string {
	if _, value, ok := strings.Cut(id, "::"); ok {
		return value
	}
	return id
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// Text says all about a document to who is called at night: first what is wrong and what to do, then the rest. It has
// no final newline.
func (d *Document) Text(now time.Time) string {
	t := &text{}
	t.line("%s", d.headline())
	if p := d.Problem; p != nil {
		t.line("%s: %s (%s)", p.Code, p.Title, blame(string(p.Blame)))
		if p.Detail != "" {
			t.line("recorded  %s  %s", moment(p.At), p.Detail)
		}
	}
	if h := d.Held; h != nil {
		t.line("held      %s  by %s: %s", moment(h.Since), h.By, h.Reason)
	}
	t.line("next      %s", d.Next)
	t.line("possible  %s", possible(d.Actions))
	t.line("")
	d.facts(t)
	d.attempts(t)
	d.answers(t)
	d.certificates(t, now)
	t.line("\ntimeline")
	for _, x := range d.Timeline {
		t.line("  %s  %s", moment(x.At), x.text())
	}
	return strings.TrimSuffix(t.String(), "\n")
}

type text struct{ strings.Builder }

func (t *text) line(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

// field is a line with a name, left out when it says nothing.
func (t *text) field(name, value string) {
	if value != "" {
		t.line("%-16s %s", name, value)
	}
}

// headline is the one sentence on top.
func (d *Document) headline() string {
	what := "Received document"
	if d.Direction == store.Out {
		what = "Outgoing document"
	}
	if d.Number != "" {
		what += " " + d.Number
	}
	return fmt.Sprintf("%s of %s for %s: %s (%s)", what, bare(d.Sender), bare(d.Receiver), d.Status, d.State)
}

// blame says whose fault it is, in words.
func blame(who string) string {
	switch who {
	case "ours":
		return "our side"
	case "theirs":
		return "the other access point"
	case "register":
		return "the receiver's registration"
	case "submitter":
		return "who handed it in"
	}
	return "the " + who
}

func (d *Document) facts(t *text) {
	t.field("id", d.ID)
	t.field("message id", d.MessageID)
	t.field("instance id", d.InstanceID)
	t.field("conversation", d.ConversationID)
	t.field("document type", d.DocumentType)
	t.field("process", d.Process)
	t.field("access points", fmt.Sprintf("%s → %s", d.C2, cmp.Or(string(d.C3), "not known yet")))
	t.field("endpoint", d.Endpoint)
	t.field("recorded", moment(d.Created))
	for _, x := range []struct {
		name string
		at   time.Time
	}{{"accepted", d.Accepted}, {"delivered", d.Delivered}, {"next attempt", d.NextAttempt}} {
		if !x.at.IsZero() {
			t.field(x.name, moment(x.at))
		}
	}
	t.field("content", fmt.Sprintf("%s, %s", count(d.Content.Length, "byte"), d.Content.MediaType))
	t.field("sha-256", d.Content.SHA256)
	t.field("handed in", d.Content.HandedIn)
	if v := d.Validation; v != nil {
		t.field("verdict", verdict(v))
	} else {
		t.field("verdict", "not checked")
	}
	if d.MLS != nil {
		t.field("mls", strings.TrimSpace(d.MLS.Type+" "+d.MLS.To))
	}
	if d.Duplicate {
		t.field("note", "an envelope with the same instance id came before")
	}
}

func verdict(v *Validation) string {
	s := v.Verdict
	if v.Pack != "" {
		errors, warnings := count(int64(v.Fatal), "error"), count(int64(v.Warning), "warning")
		s += fmt.Sprintf(" by %s %s: %s, %s", v.Pack, v.Version, errors, warnings)
	}
	return s
}

func (d *Document) attempts(t *text) {
	if len(d.Attempts) == 0 {
		return
	}
	t.line("\nattempts")
	for _, a := range d.Attempts {
		s := fmt.Sprintf("%2d  %s  ", a.N, moment(a.Started))
		if a.Ended.IsZero() {
			s += "under way"
		} else {
			s += fmt.Sprintf("%s after %v", a.Outcome, time.Duration(a.MS)*time.Millisecond)
		}
		for _, more := range []string{a.Endpoint, a.Code, a.Detail} {
			if more != "" {
				s += "  " + more
			}
		}
		if a.Unclear {
			s += "  (it may have arrived)"
		}
		t.line("  %s", s)
	}
}

func (d *Document) answers(t *text) {
	if len(d.Answers) == 0 {
		return
	}
	who := "answers of the other access point"
	if d.Direction == store.In {
		who = "our answer"
	}
	t.line("\n%s", who)
	for _, a := range d.Answers {
		s := fmt.Sprintf("%2d  %s, %s", a.Attempt, a.Kind, count(int64(a.Length), "byte"))
		if a.Signer != "" {
			s += ", signed by " + a.Signer
		}
		t.line("  %s", s)
		for _, e := range a.Errors {
			said := strings.Join([]string{e.Severity, e.Code, e.Short, e.Detail, e.Description}, " ")
			t.line("      %s", strings.Join(strings.Fields(said), " "))
		}
	}
}

func (d *Document) certificates(t *text, now time.Time) {
	if len(d.Certificates) == 0 {
		return
	}
	t.line("\ncertificates")
	for _, c := range d.Certificates {
		days := int64(c.NotAfter.Sub(now).Abs().Hours() / 24)
		left := "expires in " + count(days, "day")
		if c.ExpiredAt(now) {
			left = "expired " + count(days, "day") + " ago"
		}
		t.line("  %-4s  %s", c.Role, c.Subject)
		from, to := c.NotBefore.Format(time.DateOnly), c.NotAfter.Format(time.DateOnly)
		t.line("        serial %s, %s to %s, %s", c.Serial, from, to, left)
		t.line("        sha-256 %s", c.Fingerprint)
	}
}

func (x *Item) text() string {
	s := x.Text
	if x.Attempt > 0 {
		s += fmt.Sprintf(" (attempt %d)", x.Attempt)
	}
	if x.To != "" {
		s += "; " + string(x.To)
	}
	if x.Detail != "" {
		s += ": " + x.Detail
	}
	if x.Actor != "" {
		s += " [" + x.Actor + "]"
	}
	return s
}
