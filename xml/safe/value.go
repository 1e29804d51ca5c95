package safe

import (
	"bytes"
	"unicode/utf8"
)

// maxReference is the longest character or entity reference that is read, "&" and ";" included. The longest legal ones
// without leading zeros have ten bytes; safeCut relies on there being a bound.
const maxReference = 16

// reference decodes the reference at the start of w. It returns its length, 0 if it is not a legal one: only the five
// predefined entities and characters of XML 1.0 exist (SEC-032).
func reference(w []byte) (r rune, n int) {
	end := bytes.IndexByte(w[:min(len(w), maxReference)], ';')
	if end < 3 {
		return 0, 0
	}
	switch name := string(w[1:end]); name {
	case "lt":
		return '<', end + 1
	case "gt":
		return '>', end + 1
	case "amp":
		return '&', end + 1
	case "quot":
		return '"', end + 1
	case "apos":
		return '\'', end + 1
	}
	if w[1] != '#' {
		return 0, 0
	}
	digits, base := w[2:end], rune(10)
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	if len(digits) == 0 {
		return 0, 0
	}
	for _, c := range digits {
		v := rune(99)
		switch {
		case c >= '0' && c <= '9':
			v = rune(c - '0')
		case c >= 'a' && c <= 'f':
			v = rune(c-'a') + 10
		case c >= 'A' && c <= 'F':
			v = rune(c-'A') + 10
		}
		if v >= base {
			return 0, 0
		}
		if r = r*base + v; r > utf8.MaxRune {
			return 0, 0
		}
	}
	if !IsChar(r) {
		return 0, 0
	}
	return r, end + 1
}

const badReference = "a reference that is not one of the five predefined entities nor a legal character"

// decodeText resolves references (unless raw) and normalises line ends (XML 1.0 §2.11) into extra.
func (t *tokenizer) decodeText(w []byte, raw bool) (v span, bad int, msg string) {
	start := len(t.extra)
	for i := 0; i < len(w); {
		switch c := w[i]; {
		case c == '&' && !raw:
			r, n := reference(w[i:])
			if n == 0 {
				return v, i, badReference
			}
			t.extra = utf8.AppendRune(t.extra, r)
			i += n
		case c == '\r':
			if i+1 >= len(w) || w[i+1] != '\n' {
				t.extra = append(t.extra, '\n')
			}
			i++
		default:
			t.extra = append(t.extra, c)
			i++
		}
	}
	return span{^int32(start), int32(len(t.extra) - start)}, 0, ""
}

// lineEnds returns the window's bytes from a to b as a span, with line ends normalised.
func (t *tokenizer) lineEnds(a, b int) span {
	if bytes.IndexByte(t.buf[a:b], '\r') < 0 {
		return span{int32(a), int32(b - a)}
	}
	v, _, _ := t.decodeText(t.buf[a:b], true)
	return v
}

// attrValue checks and normalises the attribute value in the window from a to b (XML 1.0 §3.3.3, CDATA type).
func (t *tokenizer) attrValue(a, b int) (span, error) {
	w := t.buf[a:b]
	if int64(len(w)) > t.lim.attrValue {
		return span{}, t.limit(a-t.pos, "an attribute value is too long")
	}
	at, seen := badChar(w)
	if at >= 0 {
		return span{}, t.fail(a-t.pos+at, "SEC-034", "a character that XML does not allow, or bytes that are not UTF-8")
	}
	if seen&cAttr == 0 {
		return span{int32(a), int32(b - a)}, nil
	}
	start := len(t.extra)
	for i := 0; i < len(w); {
		switch c := w[i]; c {
		case '<':
			return span{}, t.fail(a-t.pos+i, "", "the character < inside an attribute value")
		case '&':
			r, n := reference(w[i:])
			if n == 0 {
				return span{}, t.fail(a-t.pos+i, "SEC-032", badReference)
			}
			t.extra = utf8.AppendRune(t.extra, r)
			i += n
		case '\r', '\n', '\t':
			if c == '\r' && i+1 < len(w) && w[i+1] == '\n' {
				i++
			}
			t.extra = append(t.extra, ' ')
			i++
		default:
			t.extra = append(t.extra, c)
			i++
		}
	}
	return span{^int32(start), int32(len(t.extra) - start)}, nil
}
