package xsd

// maxValue bounds a value that must be held in memory to be checked: all but text without facets and base64Binary.
const maxValue = 16 << 20

// value gathers the text of the innermost element, with white space normalized on the way. There is one at a time: an
// element whose text counts has no child elements. An attachment in base64, the one value that is large in practice, is
// checked as it comes and not held.
type value struct {
	sink  sink
	space whitespace
	buf   []byte
	b64   base64State
	over  bool // the value is longer than maxValue
}

// sink says what happens to text.
type sink uint8

const (
	drop     sink = iota // it is not looked at
	keep                 // it is held and checked at the end of the element
	asBase64             // it is checked as it comes
)

// takesAnyText reports whether every text is a value of s, so that none need be looked at.
func (s *simple) takesAnyText() bool {
	return s.prim != nil && s.lex == nil && s.ident == noIdentity && s.prim.free && s.facets.none()
}

func (f *facets) none() bool {
	return f.enum == nil && f.patterns == nil && f.lo == nil && f.hi == nil &&
		f.length < 0 && f.minLength < 0 && f.maxLength < 0 && f.totalDigits < 0 && f.fractionDigits < 0
}

// begin prepares for the text of an element that has just begun.
func (v *value) begin(f *frame) {
	v.sink, v.buf, v.over = drop, v.buf[:0], false
	fixed := f.constraint() != nil
	switch f.typ.kind {
	case mixed:
		if fixed {
			v.sink, v.space = keep, preserve
		}
		return
	case simpleType, simpleContent:
	default:
		return
	}
	s := f.typ.simple
	switch {
	case fixed || !s.takesAnyText() && (s.prim != primitives["base64Binary"] || !s.facets.none()):
		v.sink, v.space = keep, s.space
	case !s.takesAnyText():
		v.sink, v.b64 = asBase64, base64State{}
	}
}

// stop ends the gathering when the innermost element has ended: what follows is text of an element with children.
func (v *value) stop() { v.sink, v.buf = drop, v.buf[:0] }

// addText takes a piece of text.
func (v *value) addText(text []byte) {
	switch v.sink {
	case keep:
		if v.over = v.over || len(v.buf)+len(text) > maxValue; !v.over {
			v.buf = appendNormal(v.buf, text, v.space)
		}
	case asBase64:
		v.b64.write(text)
	}
}

// check validates the text of an element that ends.
func (v *value) check(f *frame, sc *scope) (key string, bad *violation) {
	s := f.typ.simple
	switch {
	case v.over:
		msg := "it is too long to be a value of the type " + s.name
		return "", &violation{code: "cvc-datatype-valid.1.2.1", msg: msg}
	case v.sink == asBase64 && !v.b64.valid():
		return "", &violation{code: "cvc-datatype-valid.1.2.1", msg: "it is not base64"}
	case v.sink != keep:
		return "", nil
	}
	sc.wantKey = f.constraint() != nil
	return s.check(v.buf, sc)
}
