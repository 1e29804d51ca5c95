package safe

import (
	"bufio"
	"bytes"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// Encodings that are read, in the lower-case spelling of a declaration.
const (
	encUTF8   = "utf-8"
	encUTF16  = "utf-16"
	encLatin1 = "iso-8859-1"
)

// decode wraps r so that it yields UTF-8 without byte order mark, according to the first bytes and the declaration, and
// returns the name of the encoding. The strict profiles accept only UTF-8 (SEC-034). The tokenizer checks later whether
// the declaration is true.
func decode(r io.Reader, p Profile) (io.Reader, string, error) {
	br := bufio.NewReaderSize(r, 4096)
	head, err := br.Peek(4)
	if len(head) < 4 && err != nil && err != io.EOF {
		return nil, "", err
	}
	wide := func(bom int, big bool) (io.Reader, string, error) {
		if p.strict() {
			return nil, "", &Error{Rule: "SEC-034", Msg: "the document is not in UTF-8", Line: 1, Col: 1}
		}
		if _, err := br.Discard(bom); err != nil {
			return nil, "", err
		}
		return &recoder{src: br, next: utf16Rune(big)}, encUTF16, nil
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xEF\xBB\xBF")):
		_, err := br.Discard(3)
		return br, encUTF8, err
	case bytes.HasPrefix(head, []byte("\xFF\xFE")):
		return wide(2, false)
	case bytes.HasPrefix(head, []byte("\xFE\xFF")):
		return wide(2, true)
	case bytes.HasPrefix(head, []byte("<\x00")):
		return wide(0, false)
	case bytes.HasPrefix(head, []byte("\x00<")):
		return wide(0, true)
	}
	if !p.strict() && declaresLatin1(br) {
		return &recoder{src: br, next: latin1Rune}, encLatin1, nil
	}
	return br, encUTF8, nil
}

// declaresLatin1 looks into the XML declaration, if there is one. It only searches for the name: whether the
// declaration is right is checked when it is read as XML, once it is in UTF-8.
func declaresLatin1(br *bufio.Reader) bool {
	head, _ := br.Peek(256)
	if !bytes.HasPrefix(head, []byte("<?xml")) {
		return false
	}
	decl, _, ok := bytes.Cut(head, []byte("?>"))
	if !ok {
		return false
	}
	decl = bytes.ToLower(decl)
	return bytes.Contains(decl, []byte(`"iso-8859-1"`)) || bytes.Contains(decl, []byte(`'iso-8859-1'`))
}

// recoder converts another encoding to UTF-8, one rune at a time. An ill-formed sequence becomes a byte that cannot
// occur in UTF-8, so that the tokenizer refuses it at the right place.
type recoder struct {
	src  *bufio.Reader
	next func(*bufio.Reader) (rune, error)
	err  error
}

const illFormed = rune(-1)

func (d *recoder) Read(b []byte) (int, error) {
	if len(b) < utf8.UTFMax {
		return 0, io.ErrShortBuffer
	}
	n := 0
	for n+utf8.UTFMax <= len(b) && d.err == nil {
		var r rune
		if r, d.err = d.next(d.src); d.err != nil {
			break
		}
		if r == illFormed {
			b[n] = 0xFF
			n++
			continue
		}
		n += utf8.EncodeRune(b[n:], r)
	}
	if n > 0 {
		return n, nil
	}
	return 0, d.err
}

func latin1Rune(br *bufio.Reader) (rune, error) {
	c, err := br.ReadByte()
	return rune(c), err
}

// utf16Rune reads UTF-16 code units and joins surrogates.
func utf16Rune(big bool) func(*bufio.Reader) (rune, error) {
	unit := func(br *bufio.Reader) (rune, error) {
		var b [2]byte
		if _, err := io.ReadFull(br, b[:]); err != nil {
			if err == io.ErrUnexpectedEOF {
				return illFormed, nil
			}
			return 0, err
		}
		if big {
			return rune(b[0])<<8 | rune(b[1]), nil
		}
		return rune(b[1])<<8 | rune(b[0]), nil
	}
	return func(br *bufio.Reader) (rune, error) {
		r, err := unit(br)
		if err != nil || r < 0xD800 || r > 0xDFFF {
			return r, err
		}
		low, err := unit(br)
		if err != nil && err != io.EOF {
			return 0, err
		}
		if full := utf16.DecodeRune(r, low); full != utf8.RuneError {
			return full, nil
		}
		return illFormed, nil
	}
}

// UTF8 returns the document in r as UTF-8 without byte order mark. Its XML declaration, if there is one, still names
// the original encoding.
func UTF8(r io.Reader) (io.Reader, error) {
	src, _, err := decode(r, Document)
	return src, err
}
