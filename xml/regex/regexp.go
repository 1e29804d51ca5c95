package regex

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Regexp is a regular expression of XPath. It does not change, and may be used by many goroutines at once.
type Regexp struct {
	re     *regexp.Regexp // nil if package regexp cannot do it
	prog   *program       // our own, nil if there is no need of it
	groups int
	quoted bool
	empty  bool // by re
	size   int
}

// Meter is what matching is charged to: steps, and memory that it takes and gives back. It may end a match by a panic.
type Meter interface {
	Charge(steps int, bytes int64)
}

// textStep is the cost of text that package regexp reads, or a run of characters passes over, as a shift: 4 bytes are
// one step. sizeStep makes patterns dearer that have more than 2^sizeStep steps: package regexp may be in all of
// them at once.
const (
	textStep = 2
	sizeStep = 8
)

// compile chooses who matches. With flag m, package regexp finds a line behind a line end that ends the text, where
// XPath has none: such texts are for the program.
func (p *parser) compile(n *node) *Regexp {
	r := &Regexp{groups: len(p.closed), quoted: p.quoted, size: n.size}
	if n.weight <= maxRepeat && !n.has(backReference) {
		if _, re, err := translate(n); err == nil { // what is too large for it is for the program
			r.re, r.empty = re, re.MatchString("")
		}
	}
	if r.re == nil || n.has(lineBegin) {
		r.prog = newProgram(n, r.groups, p.fold)
	}
	return r
}

// Groups returns the number of groups that capture.
func (r *Regexp) Groups() int { return r.groups }

// Quoted reports whether flag q is set: then a replacement is plain text, too.
func (r *Regexp) Quoted() bool { return r.quoted }

// Size is a measure of the memory of r, in bytes.
func (r *Regexp) Size() int64 { return 1<<10 + int64(r.size)<<6 }

// std returns the regular expression of package regexp for a text, charged for; nil if it is for the program.
func (r *Regexp) std(s string, m Meter) *regexp.Regexp {
	if r.re == nil || r.prog != nil && strings.HasSuffix(s, "\n") {
		return nil
	}
	m.Charge(len(s)>>textStep*(1+r.size>>sizeStep), 0)
	return r.re
}

// Match reports whether r matches somewhere in s.
func (r *Regexp) Match(s string, m Meter) bool {
	if re := r.std(s, m); re != nil {
		return re.MatchString(s)
	}
	search := r.prog.search(s, false, m)
	defer search.end()
	return search.find(0)
}

// MatchesEmpty reports whether r matches the empty string.
func (r *Regexp) MatchesEmpty(m Meter) bool {
	if r.re != nil {
		return r.empty
	}
	return r.Match("", m)
}

// FindAll returns the places of the matches in s, at most n, as regexp.FindAllStringIndex does.
func (r *Regexp) FindAll(s string, n int, m Meter) [][]int {
	if re := r.std(s, m); re != nil {
		return re.FindAllStringIndex(s, n)
	}
	var all [][]int
	r.each(s, false, m, func(at []int) bool {
		all = append(all, []int{at[0], at[1]})
		return len(all) != n
	})
	return all
}

// Replace returns s with each match replaced by a template of regexp.Expand.
func (r *Regexp) Replace(s, template string, m Meter) string {
	if re := r.std(s, m); re != nil {
		return re.ReplaceAllString(s, template)
	}
	var out []byte
	from := 0
	r.each(s, true, m, func(at []int) bool {
		out = append(out, s[from:at[0]]...)
		out = expander.ExpandString(out, template, s, at)
		from = at[1]
		return true
	})
	return string(append(out, s[from:]...))
}

// expander expands templates, which name groups by their numbers.
var expander = regexp.MustCompile("")

// each calls use with the places of each match and of its groups, until it returns false. An empty match directly
// behind another does not count, as in package regexp.
func (r *Regexp) each(s string, groups bool, m Meter, use func(at []int) bool) {
	search := r.prog.search(s, groups, m)
	defer search.end()
	for from, before := 0, -1; from <= len(s) && search.find(from); {
		begin, end := search.regs[0], search.regs[1]
		if begin == end && begin == before {
			_, width := utf8.DecodeRuneInString(s[from:])
			from += max(1, width)
			before = -1
			continue
		}
		if !use(search.regs[:2+2*r.groups]) {
			return
		}
		from, before = end, end
	}
}
