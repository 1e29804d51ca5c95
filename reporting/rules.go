package reporting

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/peppol"
)

// Finding is a rule that a report breaks. All rules are fatal.
type Finding struct {
	Rule     string `json:"rule"`     // SCH-TSR-nn or SCH-EUSR-nn
	Location string `json:"location"` // the element that the rule is about, in the form of package validation
	Text     string `json:"text"`
}

func (f Finding) String() string { return f.Rule + " " + f.Location + ": " + f.Text }

// checker checks a report and collects findings.
type checker struct {
	prefix string // of the rules
	root   string // element
	list   []Finding
}

// must adds a finding of rule n at a place below the root unless ok holds.
func (c *checker) must(ok bool, n int, at, text string) {
	if !ok {
		c.list = append(c.list, Finding{fmt.Sprintf("%s-%02d", c.prefix, n), "/" + c.root + "[1]" + at, text})
	}
}

// top checks what both reports begin with; n are the numbers of the rules in the order in which they stand here.
func (c *checker) top(t *Top, customization string, n [8]int) {
	c.must(trim(t.Customization) == customization, n[0], "", "CustomizationID is not "+customization+".")
	c.must(trim(t.Profile) == profileID, n[1], "", "ProfileID is not "+profileID+".")
	c.must(plainDate(trim(t.Start)), n[2], "/Header[1]", "The first day must be a date without a zone.")
	c.must(plainDate(trim(t.End)), n[3], "/Header[1]", "The last day must be a date without a zone.")
	c.must(t.Start <= t.End, n[4], "/Header[1]", "The period ends before it begins.")
	c.must(trim(t.Reporter) != "", n[5], "/Header[1]/ReporterID[1]", "The reporter is not named.")
	c.must(trim(t.ReporterScheme) == schemeSeat, n[6], "/Header[1]/ReporterID[1]",
		"The scheme of the reporter must be "+schemeSeat+".")
	c.must(t.ReporterScheme != schemeSeat || isSeat(t.Reporter), n[7], "/Header[1]/ReporterID[1]",
		"The reporter must be a seat id: P, two letters, six digits.")
}

// withMeta returns the keys about something, withScheme those of a scheme.
func withMeta(keys []Key, meta string) []Key {
	return filter(keys, func(k Key) bool { return trim(k.Meta) == meta })
}

func withScheme(keys []Key, scheme string) []Key {
	return filter(keys, func(k Key) bool { return trim(k.Scheme) == scheme })
}

func filter(keys []Key, keep func(Key) bool) (out []Key) {
	for _, k := range keys {
		if keep(k) {
			out = append(out, k)
		}
	}
	return out
}

// id is a key as the rules compare it.
func (k Key) id() string { return trim(k.Scheme) + "::" + trim(k.Value) }

// unique counts how many parts have the same keys. A part is registered by the first key of each kind; the rule looks
// up every combination of its keys.
type unique map[string]int

// countPart registers a part.
func (u unique) countPart(kinds ...[]Key) {
	ids := make([]string, len(kinds))
	for i, list := range kinds {
		if len(list) > 0 {
			ids[i] = list[0].id()
		}
	}
	u[strings.Join(ids, "::")]++
}

// holds reports whether every combination of keys belongs to exactly one part. If a kind has no key, there is none.
func (u unique) holds(kinds ...[]Key) bool {
	ids := make([][]string, len(kinds))
	for i, list := range kinds {
		for _, k := range list {
			ids[i] = append(ids[i], k.id())
		}
		slices.Sort(ids[i])
		ids[i] = slices.Compact(ids[i]) // a key said a thousand times is looked up once
	}
	return u.each("", ids)
}

func (u unique) each(before string, ids [][]string) bool {
	for _, id := range ids[0] {
		id = before + id
		if len(ids) == 1 && u[id] != 1 || len(ids) > 1 && !u.each(id+"::", ids[1:]) {
			return false
		}
	}
	return true
}

// trim is normalize-space() of XPath.
func trim(s string) string {
	if !strings.ContainsAny(s, " \t\r\n") {
		return s
	}
	return strings.Join(strings.FieldsFunc(s,
		func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }), " ")
}

func isSeat(s string) bool {
	_, err := peppol.ParseSeat(trim(s))
	return err == nil
}

// plainDate reports whether s is four digits, two and two.
func plainDate(s string) bool {
	if len(s) != len("2026-10-31") {
		return false
	}
	for i := range len(s) {
		if i == 4 || i == 7 {
			if s[i] != '-' {
				return false
			}
		} else if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// inList reports whether a report may name the country; EL is in the lists of the rules beside GR.
func inList(c string, more ...string) bool {
	c = trim(c)
	return peppol.KnownCountry(c) || c == "EL" || slices.Contains(more, c)
}
