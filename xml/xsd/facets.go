package xsd

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/ravn-ap/ravn/xml/regex"
	"github.com/ravn-ap/ravn/xml/safe"
)

// facets are the constraining facets of a simple type (XML Schema Part 2, §4.3); -1 and nil mean none.
type facets struct {
	length, minLength, maxLength int
	totalDigits, fractionDigits  int
	lo, hi                       *bound
	patterns                     []pattern // all must match
	enum                         map[string]struct{}
	values                       []string // of the enumeration, as written
}

var noFacets = facets{length: -1, minLength: -1, maxLength: -1, totalDigits: -1, fractionDigits: -1}

// bound is a least or greatest value.
type bound struct {
	text      string
	value     any
	exclusive bool
}

// pattern is the pattern facets of one derivation step together: one of them must match, while those of different
// steps must all match (XML Schema Part 2, §4.3.4.3).
type pattern struct {
	text string
	re   *regexp.Regexp
}

var facetNames = map[string]bool{
	"minExclusive": true, "minInclusive": true, "maxExclusive": true, "maxInclusive": true,
	"totalDigits": true, "fractionDigits": true, "length": true, "minLength": true, "maxLength": true,
	"enumeration": true, "whiteSpace": true, "pattern": true,
}

// restrict reads the facets in n into s, which is a copy of its base.
func (s *simple) restrict(f *file, n safe.Node) error {
	var enum []string
	var patterns []string
	for _, c := range children(n) {
		name := c.Name().Local
		if !facetNames[name] {
			continue
		}
		v, ok := c.Attr("", "value")
		if !ok {
			return f.fail(c, "a facet without value")
		}
		switch name {
		case "enumeration":
			enum = append(enum, v)
			continue
		case "pattern":
			patterns = append(patterns, v)
			continue
		}
		if err := s.facet(f, c, name, v); err != nil {
			return err
		}
	}
	if patterns != nil {
		p, err := compilePatterns(patterns)
		if err != nil {
			return f.unsupported(n, "a pattern cannot be used: "+err.Error())
		}
		s.patterns = append(s.patterns[:len(s.patterns):len(s.patterns)], p)
	}
	if enum != nil {
		return s.enumerate(f, n, enum)
	}
	return nil
}

// compilePatterns joins the patterns of one step: one of them must match.
func compilePatterns(list []string) (pattern, error) {
	var out []string
	for _, p := range list {
		t, err := regex.XSD(p)
		if err != nil {
			return pattern{}, err
		}
		out = append(out, t)
	}
	re, err := regexp.Compile(strings.Join(out, "|"))
	return pattern{quote(strings.Join(list, "|")), re}, err
}

// enumerate sets the values of an enumeration, which must be values of the base.
func (s *simple) enumerate(f *file, n safe.Node, list []string) error {
	s.enum, s.values = make(map[string]struct{}, len(list)), list
	for _, v := range list {
		prefix := func(p string) (string, bool) { return f.lookup(n, p) }
		key, bad := s.base.check([]byte(v), &scope{prefix: prefix, wantKey: true})
		if bad != nil {
			return f.fail(n, "the enumeration value "+quote(v)+" is not valid: "+bad.msg)
		}
		s.enum[key] = struct{}{}
	}
	return nil
}

// facet reads one facet of the others.
func (s *simple) facet(f *file, n safe.Node, name, v string) (err error) {
	if !s.applicable(name) {
		return f.fail(n, "the facet "+name+" does not apply to the type "+s.name)
	}
	switch name {
	case "length":
		s.length, err = f.number(n, name, v)
	case "minLength":
		s.minLength, err = f.number(n, name, v)
	case "maxLength":
		s.maxLength, err = f.number(n, name, v)
	case "totalDigits":
		s.totalDigits, err = f.number(n, name, v)
	case "fractionDigits":
		s.fractionDigits, err = f.number(n, name, v)
	case "whiteSpace":
		return s.setSpace(f, n, v)
	default:
		return s.setBound(f, n, name, v)
	}
	return err
}

func (s *simple) applicable(name string) bool {
	switch name {
	case "length", "minLength", "maxLength":
		return s.item != nil || s.prim != nil && s.prim.length != nil
	case "totalDigits", "fractionDigits":
		return s.prim != nil && s.prim.digits
	case "whiteSpace":
		return s.union == nil
	}
	return s.prim != nil && s.prim.compare != nil
}

func (s *simple) setSpace(f *file, n safe.Node, v string) error {
	w, ok := map[string]whitespace{"preserve": preserve, "replace": replace, "collapse": collapse}[v]
	if !ok || w < s.space {
		return f.fail(n, "the value of whiteSpace is not allowed here")
	}
	s.space = w
	return nil
}

func (s *simple) setBound(f *file, n safe.Node, name, v string) error {
	text := normalize([]byte(v), s.space)
	if !s.prim.valid(text, &scope{}) || s.lex != nil && !s.lex(text) {
		return f.fail(n, "the value of "+name+" is not a value of the type "+s.name)
	}
	b := &bound{string(text), s.prim.value(text), strings.HasSuffix(name, "Exclusive")}
	if strings.HasPrefix(name, "min") {
		s.lo = b
	} else {
		s.hi = b
	}
	return nil
}

// checkPatterns applies the patterns to a normalized value.
func (f *facets) checkPatterns(v []byte) *violation {
	for _, p := range f.patterns {
		if !p.re.Match(v) {
			msg := quote(string(v)) + " does not match the pattern " + p.text
			return &violation{code: "cvc-pattern-valid", msg: msg}
		}
	}
	return nil
}

// check applies the other facets, in the order of Xerces. items is the length of a list, -1 for other types.
func (f *facets) check(s *simple, v []byte, key string, items int) *violation {
	if f.length >= 0 || f.minLength >= 0 || f.maxLength >= 0 {
		if items < 0 {
			items = s.prim.length(v)
		}
		if bad := f.checkLength(v, items); bad != nil {
			return bad
		}
	}
	if f.enum != nil {
		if _, ok := f.enum[key]; !ok {
			msg := quote(string(v)) + " is not one of the values that are allowed"
			return &violation{"cvc-enumeration-valid", msg, f.values}
		}
	}
	if f.totalDigits >= 0 || f.fractionDigits >= 0 {
		if bad := f.checkDigits(v); bad != nil {
			return bad
		}
	}
	if f.lo != nil || f.hi != nil {
		return f.checkBounds(s, v)
	}
	return nil
}

func (f *facets) checkLength(v []byte, n int) *violation {
	bad := func(code, what string, want int) *violation {
		msg := quote(string(v)) + " has the length " + strconv.Itoa(n) + ", " + what + strconv.Itoa(want)
		return &violation{code: code, msg: msg}
	}
	switch {
	case f.length >= 0 && n != f.length:
		return bad("cvc-length-valid", "it must be ", f.length)
	case f.minLength >= 0 && n < f.minLength:
		return bad("cvc-minLength-valid", "the least is ", f.minLength)
	case f.maxLength >= 0 && n > f.maxLength:
		return bad("cvc-maxLength-valid", "the greatest is ", f.maxLength)
	}
	return nil
}

func (f *facets) checkBounds(s *simple, v []byte) *violation {
	value := s.prim.value(v)
	bad := func(code, relation string, b *bound) *violation {
		return &violation{code: code, msg: quote(string(v)) + relation + b.text}
	}
	// Values that are not ordered, such as times with and without a zone, are on the wrong side of every bound.
	if b := f.lo; b != nil {
		switch c, ok := s.prim.compare(value, b.value); {
		case b.exclusive && (!ok || c <= 0):
			return bad("cvc-minExclusive-valid", " is not greater than ", b)
		case !ok || c < 0:
			return bad("cvc-minInclusive-valid", " is less than ", b)
		}
	}
	if b := f.hi; b != nil {
		switch c, ok := s.prim.compare(value, b.value); {
		case b.exclusive && (!ok || c >= 0):
			return bad("cvc-maxExclusive-valid", " is not less than ", b)
		case !ok || c > 0:
			return bad("cvc-maxInclusive-valid", " is greater than ", b)
		}
	}
	return nil
}

func (f *facets) checkDigits(v []byte) *violation {
	d := parseDecimal(v)
	if n := f.fractionDigits; n >= 0 && len(d.frac) > n {
		msg := quote(string(v)) + " has more than " + strconv.Itoa(n) + " digits behind the point"
		return &violation{code: "cvc-fractionDigits-valid", msg: msg}
	}
	if n := f.totalDigits; n >= 0 && len(d.whole)+len(d.frac) > n {
		msg := quote(string(v)) + " has more than " + strconv.Itoa(n) + " digits"
		return &violation{code: "cvc-totalDigits-valid", msg: msg}
	}
	return nil
}
