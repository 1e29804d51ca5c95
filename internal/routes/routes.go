// Package routes holds the table that says to which backend a received document goes (OPS-002): a list of routes, of
// which the first that matches counts, compiled so that a lookup needs no query and little time.
package routes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/peppol"
)

// Match is what a route says of the documents that it is for. In each member * stands for any characters; "" is for
// all.
type Match struct {
	Tenant, Receiver, Sender, DocType, Process, Domain, C2 string
}

// Route sends what it matches to a backend.
type Route struct {
	Name  string
	Match Match
	To    string // name of the backend
}

// Document is what the lookup knows of a document. Receiver and Sender are values like 0192:991825827, DocType and
// Process have their scheme in front: scheme::value.
type Document struct {
	Tenant, Receiver, Sender, DocType, Process, Domain, C2 string
}

// member is one of the things that a route matches by.
type member int

// The members, in the order in which a route is filed under the first that it names exactly: the more values there are
// of one, the fewer routes share one of them.
const (
	receiver member = iota
	sender
	docType
	process
	c2
	tenant
	domain
	members
)

// names are those of the members in a configuration.
var names = [members]string{"receiver", "sender", "document_type", "process", "c2", "tenant", "domain"}

func (m member) String() string { return names[m] }

// values are those of all members; of a route they are patterns.
type values [members]string

// pattern returns what a route is compared by. Participants are compared without regard to case (DISC-003, SBDH-007),
// everything else byte by byte (DISC-014).
func (m Match) pattern() values {
	return values{
		receiver: participant(m.Receiver), sender: participant(m.Sender), docType: DocTypePattern(m.DocType),
		process: inScheme(m.Process, peppol.SchemeProcess), c2: m.C2, tenant: m.Tenant, domain: m.Domain,
	}
}

func (d Document) values() values {
	return values{
		receiver: strings.ToLower(d.Receiver), sender: strings.ToLower(d.Sender), docType: d.DocType,
		process: d.Process, c2: d.C2, tenant: d.Tenant, domain: d.Domain,
	}
}

// participant is a pattern of participants as they are compared: without scheme, in small letters.
func participant(text string) string {
	return strings.ToLower(strings.TrimPrefix(text, peppol.SchemeParticipant+"::"))
}

// DocTypePattern is a pattern of document types as they are compared: scheme::value. One without a scheme is for all
// schemes if it has a *, and else for that which is meant if none is named. "" stays "".
func DocTypePattern(text string) string {
	return inScheme(text, peppol.SchemeBusdox, peppol.SchemeWildcard)
}

// inScheme puts a scheme in front of a pattern that names none: the first of those that there are, or any.
func inScheme(text string, schemes ...string) string {
	if text == "" || strings.HasPrefix(text, "*") {
		return text
	}
	for _, scheme := range schemes {
		if strings.HasPrefix(text, scheme+"::") {
			return text
		}
	}
	if strings.Contains(text, "*") {
		return "*::" + text
	}
	return schemes[0] + "::" + text
}

// Member is a member that a match names.
type Member struct {
	Name    string // in a configuration
	Pattern string // as documents are compared with it
}

// Members returns the members that a match names.
func (m Match) Members() (list []Member) {
	for i, p := range m.pattern() {
		if p != "" {
			list = append(list, Member{names[i], p})
		}
	}
	return list
}

// Like reports whether a text is what a pattern says, in which each * stands for any characters.
func Like(pattern, text string) bool {
	first, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return text == pattern
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	for { // the leftmost place of each part leaves most to the others
		part, more, again := strings.Cut(rest, "*")
		if !again {
			return strings.HasSuffix(text, part)
		}
		if _, text, ok = strings.Cut(text, part); !ok {
			return false
		}
		rest = more
	}
}

// fits reports whether a pattern allows a value; "" allows all.
func fits(pattern, value string) bool { return pattern == "" || Like(pattern, value) }

// Most is how many routes a table has at most, and how long a member of a match may be, and how many * it may have.
const (
	Most      = 10_000
	mostText  = 700
	mostStars = 20
)

// Check calls bad for each member that no document can have, with its name in a configuration.
func (m Match) Check(bad func(name, problem string)) {
	for name, text := range map[string]string{"receiver": m.Receiver, "sender": m.Sender} {
		if v := participant(text); strings.Contains(text, "*") && strings.Contains(v, "::") {
			bad(name, fmt.Sprintf("want a participant, whose scheme is %s, have %q", peppol.SchemeParticipant, text))
		} else if _, err := peppol.ParseParticipant(text); text != "" && !strings.Contains(text, "*") && err != nil {
			bad(name, err.Error())
		}
	}
	if _, err := peppol.ParseDocType(m.DocType); exact(m.DocType) && err != nil {
		bad(names[docType], err.Error())
	}
	if _, err := peppol.ParseProcess(m.Process); exact(m.Process) && err != nil {
		bad(names[process], err.Error())
	}
	if _, err := peppol.ParseSeat(m.C2); exact(m.C2) && err != nil {
		bad(names[c2], err.Error())
	}
	for i, text := range m.pattern() {
		if len(text) > mostText || strings.Count(text, "*") > mostStars {
			bad(names[i], fmt.Sprintf("want at most %d bytes and %d times *", mostText, mostStars))
		}
	}
}

// exact reports whether a pattern stands for one value.
func exact(pattern string) bool { return pattern != "" && !strings.Contains(pattern, "*") }

// Table is a compiled list of routes. It does not change. The zero value has none.
type Table struct {
	list     []Route
	patterns []values
	filed    [members]map[string][]int // positions of the routes that name a member exactly, by its value
	rest     []int                     // of those that name none
}

// Compile makes the table of a list in which the first route that matches counts.
func Compile(list []Route) *Table {
	t := &Table{list: slices.Clone(list)}
	for i := range t.filed {
		t.filed[i] = map[string][]int{}
	}
	for i, r := range list {
		p := r.Match.pattern()
		t.patterns = append(t.patterns, p)
		m := slices.IndexFunc(p[:], exact)
		if m < 0 {
			t.rest = append(t.rest, i)
			continue
		}
		t.filed[m][p[m]] = append(t.filed[m][p[m]], i)
	}
	return t
}

// Routes returns the routes in their order. It must not be changed.
func (t *Table) Routes() []Route { return t.list }

// Find returns the route of a document, or false if there is none.
func (t *Table) Find(d Document) (Route, bool) {
	i := t.first(d.values(), len(t.list))
	if i < 0 {
		return Route{}, false
	}
	return t.list[i], true
}

// first returns the position of the first route before end that matches, or -1.
func (t *Table) first(v values, end int) int {
	for m := range t.filed {
		end = t.firstOf(t.filed[m][v[m]], v, end)
	}
	if end = t.firstOf(t.rest, v, end); end < len(t.list) && t.patterns[end].match(&v) {
		return end
	}
	return -1
}

// firstOf returns the first of the positions that is before end and matches, or else end.
func (t *Table) firstOf(positions []int, v values, end int) int {
	for _, i := range positions {
		if i >= end {
			break
		}
		if t.patterns[i].match(&v) {
			return i
		}
	}
	return end
}

func (p *values) match(v *values) bool {
	for m := range p {
		if !fits(p[m], v[m]) {
			return false
		}
	}
	return true
}

// Passed is a route that comes before that of a document, and the first member for which it was not taken.
type Passed struct {
	Route           Route
	Member          string // as a configuration names it
	Pattern, Differ string // what it wants, and what the document has
}

// Why returns the routes that a document passed before it came to its own, in their order.
func (t *Table) Why(d Document) (list []Passed) {
	v := d.values()
	for i := range t.list {
		p := &t.patterns[i]
		m := 0
		for m < len(p) && fits(p[m], v[m]) {
			m++
		}
		if m == len(p) {
			break
		}
		list = append(list, Passed{t.list[i], names[m], p[m], v[m]})
	}
	return list
}

// Could reports whether a document can have a route of which only some things are known: what is "" may be anything.
func (t *Table) Could(d Document) bool {
	v := d.values()
	return slices.ContainsFunc(t.patterns, func(p values) bool {
		for m := range p {
			if v[m] != "" && !fits(p[m], v[m]) {
				return false
			}
		}
		return true
	})
}

// Unreached calls found for each route that is the route of no document, because an earlier one matches all that it
// matches. A route that several earlier ones leave nothing to is not found.
func (t *Table) Unreached(found func(i, earlier int)) {
	for i, p := range t.patterns {
		for m := range p {
			if p[m] == "" { // a * of it is taken as a character that only a * of an earlier one stands for
				p[m] = "*"
			}
		}
		if j := t.first(p, i); j >= 0 && j < i {
			found(i, j)
		}
	}
}
