package safe

import (
	"bytes"
	"io"
	"unicode/utf8"
)

// tokenizer cuts a document into tokens and checks everything that can be checked without a tree. It works on a
// window of the document: the whole of it for Read, a sliding one for a Scanner. Both take the same path through the
// code, so that they accept the same documents.
type tokenizer struct {
	src   io.Reader // nil when the window holds the whole document
	prof  Profile
	lim   limits
	enc   string // the encoding that decode found
	buf   []byte // the window
	pos   int    // start of the unread part of the window
	base  int64  // offset of buf[0] in the document
	lines int    // line ends before buf[0]
	nl    int64  // offset of the start of the line that buf[0] is in
	eof   bool
	tree  bool   // values must live as long as the document
	extra []byte // values that differ from their bytes in the window

	names  *names
	open   []frame
	root   bool // the top element was seen
	begun  bool
	cdata  bool  // inside a CDATA section
	count  int   // elements so far
	run    int64 // bytes of character data since the last tag
	closed bool  // an empty-element tag was read, its end comes next

	tok  token
	work int64 // bytes looked at, each look counted
}

// token is the current token; its spans and slices are valid until the next one.
type token struct {
	kind       Kind
	name       int32 // index into names.list; of a PI: unused
	attrs      []attr
	decls      []decl
	value      span // text, comment, PI data
	target     span // PI target
	start, end int64
}

// span is a piece of the window or, if off is negative, of extra (then it starts at ^off). Most values are as they are
// written, and need no copy.
type span struct{ off, n int32 }

type attr struct {
	name  int32
	value span
}

// decl is one xmlns attribute: ids of prefix and URI, 0 is "".
type decl struct{ prefix, uri int32 }

// frame is an open element.
type frame struct {
	name    int32
	undo    int  // length of names.undo before its declarations
	kids    bool // it has element children
	comment bool // it directly contains a comment
}

func newTokenizer(p Profile) *tokenizer {
	return &tokenizer{prof: p, lim: p.limits(), names: vocabularies.Get().(*names)}
}

// bytes returns the content of s.
func (t *tokenizer) bytes(s span) []byte {
	if s.off < 0 {
		return t.extra[^s.off:][:s.n:s.n]
	}
	return t.buf[s.off:][:s.n:s.n]
}

// more reads further bytes into the window; false means that there are none, or that reading failed. It may move what
// is in the window, so that positions are kept relative to pos.
func (t *tokenizer) more() (bool, error) {
	if t.eof {
		return false, nil
	}
	t.slide()
	if len(t.buf) == cap(t.buf) {
		t.buf = append(t.buf, 0)[:len(t.buf)]
	}
	for range 100 { // a Reader may return nothing without an error, but not for ever
		n, err := t.src.Read(t.buf[len(t.buf):cap(t.buf)])
		t.buf = t.buf[:len(t.buf)+n]
		if err == io.EOF {
			t.eof = true
		} else if err != nil {
			return false, err
		}
		if n > 0 || t.eof {
			return n > 0, nil
		}
	}
	return false, io.ErrNoProgress
}

// slide drops what was read from the window.
func (t *tokenizer) slide() {
	if t.pos == 0 {
		return
	}
	gone := t.buf[:t.pos]
	t.lines += bytes.Count(gone, []byte{'\n'})
	if i := bytes.LastIndexByte(gone, '\n'); i >= 0 {
		t.nl = t.base + int64(i) + 1
	}
	t.base += int64(t.pos)
	t.buf = t.buf[:copy(t.buf, t.buf[t.pos:])]
	t.pos = 0
}

// have makes sure that n unread bytes are in the window.
func (t *tokenizer) have(n int) (bool, error) {
	for len(t.buf)-t.pos < n {
		if ok, err := t.more(); !ok {
			return false, err
		}
	}
	return true, nil
}

const tooLong = "a comment, instruction or tag is too long"

// find returns the index, from the start of the unread part, of the first sep at or after from. It fails with msg at
// the end of the document, and if sep stands behind the first most bytes: then it fails in a whole document, too,
// although it could see sep there. Each byte is searched once, however often the window is enlarged.
func (t *tokenizer) find(from int, sep string, most int64, msg string) (int, error) {
	for {
		w := t.buf[t.pos:]
		if i := bytes.Index(w[min(from, len(w)):], []byte(sep)); i >= 0 {
			t.work += int64(i)
			if int64(from+i) > most {
				return 0, t.limit(0, tooLong)
			}
			return from + i, nil
		}
		t.work += int64(len(w) - from)
		if int64(len(w)-len(sep)+1) > most {
			return 0, t.limit(0, tooLong)
		}
		from = max(from, len(w)-len(sep)+1)
		if ok, err := t.more(); err != nil {
			return 0, err
		} else if !ok {
			return 0, t.fail(0, "", msg)
		}
	}
}

// fail makes the error for the byte at distance rel from the start of the unread part.
func (t *tokenizer) fail(rel int, rule, msg string) error {
	at := min(t.pos+rel, len(t.buf))
	before := t.buf[:at]
	e := &Error{Rule: rule, Msg: msg, Offset: t.base + int64(at), Line: t.lines + 1 + bytes.Count(before, []byte{'\n'})}
	start := t.nl
	if i := bytes.LastIndexByte(before, '\n'); i >= 0 {
		start = t.base + int64(i) + 1
	}
	e.Col = int(e.Offset-start) + 1
	return e
}

func (t *tokenizer) limit(rel int, msg string) error {
	err := t.fail(rel, "SEC-035", msg).(*Error)
	err.Limit = true
	return err
}

// next reads one token into t.tok; io.EOF means that the document is complete.
func (t *tokenizer) next() error {
	for {
		ok, err := t.step()
		if ok || err != nil {
			return err
		}
	}
}

// step reads one piece of the document and reports whether it made a token.
func (t *tokenizer) step() (bool, error) {
	if t.closed {
		t.closed = false
		return true, t.pop()
	}
	if !t.tree {
		t.extra = t.extra[:0]
	}
	if t.base+int64(t.pos) > t.lim.total {
		return false, t.limit(0, "the document is too large")
	}
	ok, err := t.have(1)
	if err != nil {
		return false, err
	}
	if !ok {
		return false, t.finish()
	}
	if !t.begun {
		t.begun = true
		if err := t.declaration(); err != nil {
			return false, err
		}
		return false, nil
	}
	if t.cdata {
		return t.cdataText()
	}
	if t.buf[t.pos] == '<' {
		return t.markup()
	}
	return t.readText()
}

// finish is called at the end of the document.
func (t *tokenizer) finish() error {
	switch {
	case t.cdata:
		return t.fail(0, "", "a CDATA section is not closed")
	case len(t.open) > 0:
		return t.fail(0, "", "an element is not closed at the end of the document")
	case !t.root:
		return t.fail(0, "", "the document has no element")
	}
	return io.EOF
}

// consume sets the place of the token and moves on by n bytes.
func (t *tokenizer) consume(n int) {
	t.tok.start = t.base + int64(t.pos)
	t.pos += n
	t.tok.end = t.base + int64(t.pos)
}

func (t *tokenizer) markup() (bool, error) {
	ok, err := t.have(2)
	if err != nil {
		return false, err
	}
	if !ok {
		return false, t.fail(0, "", "a tag is not closed")
	}
	switch t.buf[t.pos+1] {
	case '/':
		return true, t.endTag()
	case '?':
		return t.instruction()
	case '!':
		return t.bang()
	}
	return true, t.startTag()
}

// bang reads what starts with "<!": a comment, a CDATA section or a document type.
func (t *tokenizer) bang() (bool, error) {
	if _, err := t.have(9); err != nil {
		return false, err
	}
	w := t.buf[t.pos:]
	switch {
	case bytes.HasPrefix(w, []byte("<!--")):
		return t.comment()
	case bytes.HasPrefix(w, []byte("<![CDATA[")):
		if t.prof == Envelope {
			return false, t.fail(0, "SEC-033", "a CDATA section is not allowed here")
		}
		if len(t.open) == 0 {
			return false, t.fail(0, "", "character data outside the top element")
		}
		t.pos += 9
		t.cdata = true
		return false, nil
	case bytes.HasPrefix(w, []byte("<!DOCTYPE")):
		if t.prof != Rules || t.root {
			return false, t.fail(0, "SEC-032", "a document type declaration is not allowed")
		}
		return false, t.skipDoctype()
	}
	return false, t.fail(0, "SEC-032", "a declaration is not allowed here")
}

func (t *tokenizer) comment() (bool, error) {
	end, err := t.find(4, "--", t.lim.tag, "a comment is not closed")
	if err != nil {
		return false, err
	}
	if ok, err := t.have(end + 3); err != nil {
		return false, err
	} else if !ok || t.buf[t.pos+end+2] != '>' {
		return false, t.fail(end, "", "two hyphens inside a comment")
	}
	if at, _ := badChar(t.buf[t.pos+4 : t.pos+end]); at >= 0 {
		return false, t.fail(4+at, "", "a character that XML does not allow")
	}
	if t.prof == Envelope {
		if err := t.commentAllowed(); err != nil {
			return false, err
		}
		t.pos += end + 3
		return false, nil
	}
	t.tok = token{kind: Comment, value: t.lineEnds(t.pos+4, t.pos+end)}
	t.consume(end + 3)
	return true, nil
}

// commentAllowed refuses comments where they could split a value, so that two readers see different values (SEC-033).
// For an element of the ebMS header pop does that: whether it holds a value is known only at its end.
func (t *tokenizer) commentAllowed() error {
	if len(t.open) == 0 {
		return nil
	}
	f := &t.open[len(t.open)-1]
	f.comment = true
	n := t.names.list[f.name]
	switch n.Space {
	case nsDS, nsXENC, nsXENC1:
		return t.fail(0, "SEC-033", "a comment inside a signature or encryption element")
	case nsWSSE:
		if n.Local == "BinarySecurityToken" {
			return t.fail(0, "SEC-033", "a comment inside a security token")
		}
	}
	return nil
}

// instruction reads a processing instruction.
func (t *tokenizer) instruction() (bool, error) {
	if t.prof.strict() {
		return false, t.fail(0, "SEC-031", "a processing instruction is not allowed here")
	}
	end, err := t.find(2, "?>", t.lim.tag, "a processing instruction is not closed")
	if err != nil {
		return false, err
	}
	w := t.buf[t.pos+2 : t.pos+end]
	n := nameLen(w)
	if n == 0 || n > t.lim.name || n < len(w) && !isSpace(w[n]) {
		return false, t.fail(2, "", "a processing instruction without a proper name")
	}
	if bytes.EqualFold(w[:n], []byte("xml")) {
		return false, t.fail(0, "", "an XML declaration inside the document")
	}
	if at, _ := badChar(w); at >= 0 {
		return false, t.fail(2+at, "", "a character that XML does not allow")
	}
	data := n
	for data < len(w) && isSpace(w[data]) {
		data++
	}
	t.tok = token{kind: PI, target: span{int32(t.pos + 2), int32(n)}, value: t.lineEnds(t.pos+2+data, t.pos+end)}
	t.consume(end + 2)
	return true, nil
}

// readText reads character data up to the next tag, or, in a sliding window, as much of it as safeCut allows.
func (t *tokenizer) readText() (bool, error) {
	w := t.buf[t.pos:]
	n := bytes.IndexByte(w, '<')
	if n < 0 {
		n = len(w)
		if !t.eof {
			n = safeCut(w)
		}
		if n == 0 {
			_, err := t.more()
			return false, err
		}
	}
	return t.chars(n, false)
}

// cdataText reads the inside of a CDATA section likewise.
func (t *tokenizer) cdataText() (bool, error) {
	w := t.buf[t.pos:]
	n := bytes.Index(w, []byte("]]>"))
	switch {
	case n == 0:
		t.pos += 3
		t.cdata = false
		return false, nil
	case n < 0 && t.eof:
		return false, t.fail(0, "", "a CDATA section is not closed")
	case n < 0:
		if n = safeCut(w); n == 0 {
			_, err := t.more()
			return false, err
		}
	}
	return t.chars(n, true)
}

// chars makes a text token of the next n bytes; raw text has no references.
func (t *tokenizer) chars(n int, raw bool) (bool, error) {
	w := t.buf[t.pos : t.pos+n]
	t.work += int64(n)
	at, seen := badChar(w)
	if at >= 0 {
		return false, t.fail(at, "SEC-034", "a character that XML does not allow, or bytes that are not UTF-8")
	}
	if len(t.open) == 0 {
		if i := bytes.IndexFunc(w, func(r rune) bool { return r >= utf8.RuneSelf || !isSpace(byte(r)) }); i >= 0 {
			return false, t.fail(i, "", "character data outside the top element")
		}
		t.pos += n
		return false, nil
	}
	if t.run += int64(n); t.run > t.lim.text {
		return false, t.limit(0, "a text is too long")
	}
	t.tok = token{kind: Text, value: span{int32(t.pos), int32(n)}}
	if seen&cStop != 0 {
		if i := bytes.Index(w, []byte("]]>")); i >= 0 && !raw {
			return false, t.fail(i, "", "the characters ]]> inside a text")
		}
		v, bad, msg := t.decodeText(w, raw)
		if msg != "" {
			return false, t.fail(bad, "SEC-032", msg)
		}
		t.tok.value = v
	}
	t.consume(n)
	return true, nil
}

// safeCut returns how much of w can be processed without knowing what follows: so that no character, reference, line
// end or "]]>" is split.
func safeCut(w []byte) int {
	n := len(w)
	for i := n - 1; i >= 0 && i >= n-utf8.UTFMax; i-- {
		if utf8.RuneStart(w[i]) {
			if !utf8.FullRune(w[i:n]) {
				n = i
			}
			break
		}
	}
	for back := 0; back < 2 && n > 0 && w[n-1] == ']'; back++ {
		n--
	}
	if n > 0 && w[n-1] == '\r' {
		n--
	}
	tail := max(0, n-maxReference)
	if i := bytes.LastIndexByte(w[tail:n], '&'); i >= 0 && bytes.IndexByte(w[tail+i:n], ';') < 0 {
		n = tail + i
	}
	return n
}
