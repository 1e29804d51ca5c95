// Package alert turns what is wrong with an installation into alerts that somebody gets (OPS-070 to OPS-072): rules
// over facts of the record and of the nodes, one open alert for each thing that is wrong, and channels that tell people
// and programs. Nodes that share a record share the alerts: each says what it sees, one of them sends.
//
// A text names counts, ids, codes and hosts, and never content, participants or secrets.
package alert

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/ravn-ap/ravn/internal/fault"
)

// Severity says how soon somebody must look.
type Severity string

// Severities.
const (
	Info Severity = "info"
	Warn Severity = "warn"
	Page Severity = "page"
)

// Severities lists them, the least first.
var Severities = []Severity{Info, Warn, Page}

// Above reports whether a severity is higher than another.
func (s Severity) Above(o Severity) bool {
	return slices.Index(Severities, s) > slices.Index(Severities, o)
}

// repeat is how long after a notice another one about the same open alert follows (OPS-071); 0: never.
func (s Severity) repeat() time.Duration {
	switch s {
	case Page:
		return 30 * time.Minute
	case Warn:
		return 6 * time.Hour
	}
	return 0
}

// Condition is something that is wrong now.
type Condition struct {
	Rule     Rule
	Key      string // what it is about; the same for as long as it lasts
	Tenant   string // whose documents it is about; "" for what concerns all
	Severity Severity
	Count    int64 // how many it is about
	What     string
	Code     fault.Code // "" for none
	Message  string     // id of the document, "" when it is not about one
}

// Alert is a row of the record.
type Alert struct {
	ID, Tenant  string
	Rule        Rule
	Key         string
	Severity    Severity
	Opened      time.Time
	Seen        time.Time // when the condition was seen last
	Closed      time.Time // zero while open
	Count       int64
	What        string
	Code        fault.Code
	Message     string
	Told        time.Time // when its last notice was made
	Acked       time.Time // zero: nobody has acknowledged it
	AckedBy     string
	Silenced    time.Time // until then; zero: it is not silenced
	SilencedWhy string
}

// Blame says in plain words whose fault it is.
func (a *Alert) Blame() string {
	if e, ok := fault.Find(a.Code); ok {
		return e.Blame.Words()
	}
	return guides[a.Rule].blame.Words()
}

// Next says what to do.
func (a *Alert) Next() string {
	if e, ok := fault.Find(a.Code); ok {
		return e.Texts[fault.English].Next
	}
	return guides[a.Rule].next
}

// maxText is the longest text of an alert.
const maxText = 300

// digits are those of something that may be the number of a person or an organisation.
var digits = regexp.MustCompile(`[0-9]{9,}`)

// plain makes a text safe for a line of a log, a mail or a terminal: one line of printable characters, without numbers
// that may name somebody (SEC-150, T-OPS-15).
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	s = digits.ReplaceAllString(s, "…")
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return s
}
