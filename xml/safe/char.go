package safe

import "unicode/utf8"

// Classes of ASCII bytes. badChar joins those of a whole text in one pass, so that the second look, which decodes
// references and line ends, is taken only at the few texts that have any.
const (
	cBad   = 1 << iota // not a character of XML 1.0
	cSpace             // S
	cName              // NameChar
	cStart             // NameStartChar
	cStop              // text needs a closer look: & \r ]
	cAttr              // an attribute value needs a closer look: & \r \n \t <
)

var class = func() (t [256]uint8) {
	for i := range 0x20 {
		t[i] = cBad
	}
	for _, c := range " \t\r\n" {
		t[c] = cSpace
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c] = cName | cStart
		t[c-32] = cName | cStart
	}
	for c := '0'; c <= '9'; c++ {
		t[c] = cName
	}
	t['_'], t['-'], t['.'] = cName|cStart, cName, cName
	t['&'] = cStop | cAttr
	t['\r'] |= cStop | cAttr
	t[']'] |= cStop
	t['\n'] |= cAttr
	t['\t'] |= cAttr
	t['<'] |= cAttr
	return t
}()

func isSpace(c byte) bool { return class[c]&cSpace != 0 }

// IsChar reports whether r is a Char of XML 1.0 §2.2.
func IsChar(r rune) bool {
	return r >= 0x20 && r <= 0xD7FF || r == '\t' || r == '\n' || r == '\r' ||
		r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

// isNameStart and isNameChar follow XML 1.0 (fifth edition) §2.3 without the colon, for runes above ASCII.
func isNameStart(r rune) bool {
	return r >= 0xC0 && r <= 0x2FF && r != 0xD7 && r != 0xF7 || r >= 0x370 && r <= 0x1FFF && r != 0x37E ||
		r == 0x200C || r == 0x200D || r >= 0x2070 && r <= 0x218F || r >= 0x2C00 && r <= 0x2FEF ||
		r >= 0x3001 && r <= 0xD7FF || r >= 0xF900 && r <= 0xFDCF || r >= 0xFDF0 && r <= 0xFFFD ||
		r >= 0x10000 && r <= 0xEFFFF
}

func isNameChar(r rune) bool {
	return isNameStart(r) || r == 0xB7 || r >= 0x300 && r <= 0x36F || r == 0x203F || r == 0x2040
}

// badChar returns the index of the first byte of b that does not belong to a legal character, or -1, and the classes of
// all its ASCII bytes joined.
func badChar(b []byte) (at int, seen uint8) {
	for i := 0; i < len(b); {
		c := b[i]
		if c < utf8.RuneSelf {
			seen |= class[c]
			if class[c]&cBad != 0 {
				return i, seen
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 || !IsChar(r) {
			return i, seen
		}
		i += n
	}
	return -1, seen
}

// nameLen returns the length of the NCName at the start of b, 0 if there is none.
func nameLen(b []byte) int {
	i := 0
	for i < len(b) {
		if c := b[i]; c < utf8.RuneSelf {
			if class[c]&cName == 0 || i == 0 && class[c]&cStart == 0 {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 || !isNameChar(r) || i == 0 && !isNameStart(r) {
			return i
		}
		i += n
	}
	return i
}
