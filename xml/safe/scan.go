package safe

import (
	"io"
	"sync"
)

// Event is one step of a Scanner. Its byte slices are valid until the next call of Next.
type Event struct {
	Kind   Kind
	Name   Name // Element and End
	Attrs  []Attr
	Decls  []Decl // Element: its namespace declarations
	Value  []byte // Text, Comment and PI; a long text comes in several events
	Target string // PI
	Depth  int    // number of elements around it; 0 for the top element and its End
	Offset int64  // where it starts in the document's UTF-8 form
	Until  int64  // where it ends
}

// Decl is one namespace declaration: "" for the default prefix, "" for no namespace.
type Decl struct{ Prefix, URI string }

// Scanner reads a document of any size in constant memory and applies every check of its profile on the way. What it
// gave before an error may be the start of a document that is refused: nothing of it may take effect before io.EOF.
type Scanner struct {
	t   *tokenizer
	ev  Event
	err error // of the last step; all further steps return it
}

// scanWindow is the usual size of the window; only a longer tag, comment or instruction enlarges it.
const scanWindow = 64 << 10

// NewScanner returns a Scanner for r.
func NewScanner(r io.Reader, p Profile) (*Scanner, error) {
	src, enc, err := decode(r, p)
	if err != nil {
		return nil, err
	}
	t := newTokenizer(p)
	t.src, t.enc, t.buf = src, enc, (*windows.Get().(*[]byte))[:0]
	return &Scanner{t: t}, nil
}

// release returns the scanner's buffers to their pools. The scanner must not be used afterwards.
func (s *Scanner) release() {
	if b := s.t.buf[:0]; cap(b) == scanWindow {
		windows.Put(&b)
	}
	s.t.names.release()
	s.t.names = nil
}

// windows pools buffers of the usual size.
var windows = sync.Pool{New: func() any { b := make([]byte, 0, scanWindow); return &b }}

// Next returns the next event, io.EOF after the last one of a complete document, or an *Error.
func (s *Scanner) Next() (*Event, error) {
	if s.err == nil {
		if s.err = s.t.next(); s.err != nil {
			s.release()
		}
	}
	if s.err != nil {
		return nil, s.err
	}
	tok := &s.t.tok
	s.ev = Event{
		Kind: tok.kind, Attrs: s.ev.Attrs[:0], Decls: s.ev.Decls[:0],
		Depth: len(s.t.open), Offset: tok.start, Until: tok.end,
	}
	switch tok.kind {
	case Element:
		s.ev.Depth-- // the tokenizer has opened the element already
		fallthrough
	case End:
		s.ev.Name = s.t.names.list[tok.name]
		for _, a := range tok.attrs {
			s.ev.Attrs = append(s.ev.Attrs, Attr{s.t.names.list[a.name], string(s.t.bytes(a.value))})
		}
		for _, d := range tok.decls {
			s.ev.Decls = append(s.ev.Decls, Decl{s.t.names.strs[d.prefix], s.t.names.strs[d.uri]})
		}
	default:
		s.ev.Value = s.t.bytes(tok.value)
		s.ev.Target = string(s.t.bytes(tok.target))
	}
	return &s.ev, nil
}

// Attr returns the value of an attribute of an Element event.
func (e *Event) Attr(space, local string) (string, bool) {
	for _, a := range e.Attrs {
		if a.Name.Is(space, local) {
			return a.Value, true
		}
	}
	return "", false
}

// Scan calls f for each event of the document in r, until f fails or the document ends.
func Scan(r io.Reader, p Profile, f func(*Event) error) error {
	s, err := NewScanner(r, p)
	if err != nil {
		return err
	}
	for {
		ev, err := s.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(ev); err != nil {
			s.release()
			return err
		}
	}
}
