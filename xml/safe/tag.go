package safe

import (
	"bytes"
	"regexp"
	"strings"
)

// tagEnd returns the length of the start tag that begins at the unread part, its ">" included. It reads more until
// the tag is in the window as a whole, so that what follows can work on one piece; a > within quotes does not end it.
func (t *tokenizer) tagEnd() (int, error) {
	var quote byte
	for i := 1; ; {
		w := t.buf[t.pos:]
		for ; i < len(w); i++ {
			switch c := w[i]; {
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '"' || c == '\'':
				quote = c
			case c == '>':
				t.work += int64(i)
				if int64(i) > t.lim.tag {
					return 0, t.limit(0, tooLong)
				}
				return i + 1, nil
			case c == '<':
				return 0, t.fail(i, "", "the character < inside a tag")
			}
		}
		if int64(i) > t.lim.tag {
			return 0, t.limit(0, tooLong)
		}
		if ok, err := t.more(); err != nil {
			return 0, err
		} else if !ok {
			return 0, t.fail(0, "", "a tag is not closed")
		}
	}
}

// startTag reads a start tag or an empty-element tag.
func (t *tokenizer) startTag() error {
	n, err := t.tagEnd()
	if err != nil {
		return err
	}
	if err := t.mayOpen(); err != nil {
		return err
	}
	t.tok = token{kind: Element, attrs: t.tok.attrs[:0], decls: t.tok.decls[:0]}
	undo := len(t.names.undo)
	name, at, err := t.qname(1)
	if err != nil {
		return err
	}
	if at, err = t.attributes(at, n-1); err != nil {
		return err
	}
	if t.buf[t.pos+at] == '/' {
		if at++; at != n-1 {
			return t.fail(at, "", "a tag is malformed")
		}
		t.closed = true
	}
	if err := t.resolve(name, undo); err != nil {
		return err
	}
	t.open = append(t.open, frame{name: t.tok.name, undo: undo})
	t.run = 0
	t.consume(n)
	return nil
}

// mayOpen checks whether one more element may begin here.
func (t *tokenizer) mayOpen() error {
	if len(t.open) == 0 && t.root {
		return t.fail(0, "", "a second top element")
	}
	t.root = true
	if len(t.open) >= t.lim.depth {
		return t.limit(0, "elements are nested too deep")
	}
	if t.count++; t.count > t.lim.elements {
		return t.limit(0, "too many elements")
	}
	if len(t.open) > 0 {
		t.open[len(t.open)-1].kids = true
	}
	return nil
}

// qname reads a qualified name at distance at and returns its ids (namespace not yet resolved) and where it ends.
func (t *tokenizer) qname(at int) (qname, int, error) {
	w := t.buf[t.pos+at:]
	n := nameLen(w)
	if n == 0 {
		return qname{}, 0, t.fail(at, "", "a name is missing or malformed")
	}
	var q qname
	if n < len(w) && w[n] == ':' {
		m := nameLen(w[n+1:])
		if m == 0 {
			return qname{}, 0, t.fail(at, "SEC-031", "a qualified name without local part")
		}
		q = qname{prefix: t.names.id(w[:n]), local: t.names.id(w[n+1 : n+1+m])}
		n += 1 + m
	} else {
		q.local = t.names.id(w[:n])
	}
	if n < len(w) && w[n] == ':' {
		return qname{}, 0, t.fail(at, "SEC-031", "a name with more than one colon")
	}
	if n > t.lim.name {
		return qname{}, 0, t.limit(at, "a name is too long")
	}
	if t.names.full() {
		return qname{}, 0, t.limit(at, "too many different names")
	}
	return q, at + n, nil
}

// attributes reads what is between the tag's name and its end into tok.attrs (whose names are not resolved yet but
// index pending) and tok.decls.
func (t *tokenizer) attributes(at, end int) (int, error) {
	t.names.pending = t.names.pending[:0]
	for {
		space := at
		for at < end && isSpace(t.buf[t.pos+at]) {
			at++
		}
		if at >= end || t.buf[t.pos+at] == '/' {
			return at, nil
		}
		if at == space {
			return 0, t.fail(at, "", "no blank before an attribute")
		}
		q, next, err := t.qname(at)
		if err != nil {
			return 0, err
		}
		value, next, err := t.quoted(next, end)
		if err != nil {
			return 0, err
		}
		if t.isDecl(q) {
			err = t.declare(at, q, value)
		} else {
			t.tok.attrs = append(t.tok.attrs, attr{value: value})
			t.names.pending = append(t.names.pending, q)
		}
		if err != nil {
			return 0, err
		}
		if len(t.tok.attrs)+len(t.tok.decls) > t.lim.attrs {
			return 0, t.limit(at, "too many attributes")
		}
		at = next
	}
}

// quoted reads "= value" from distance at.
func (t *tokenizer) quoted(at, end int) (span, int, error) {
	for at < end && isSpace(t.buf[t.pos+at]) {
		at++
	}
	if at >= end || t.buf[t.pos+at] != '=' {
		return span{}, 0, t.fail(at, "", "an attribute without value")
	}
	for at++; at < end && isSpace(t.buf[t.pos+at]); at++ {
	}
	if at >= end || t.buf[t.pos+at] != '"' && t.buf[t.pos+at] != '\'' {
		return span{}, 0, t.fail(at, "", "an attribute value without quotes")
	}
	from := t.pos + at + 1
	n := bytes.IndexByte(t.buf[from:t.pos+end], t.buf[from-1])
	if n < 0 {
		return span{}, 0, t.fail(at, "", "an attribute value is not closed")
	}
	v, err := t.attrValue(from, from+n)
	return v, at + n + 2, err
}

// isDecl reports whether an attribute declares a namespace.
func (t *tokenizer) isDecl(q qname) bool {
	return t.names.strs[q.prefix] == "xmlns" || q.prefix == 0 && t.names.strs[q.local] == "xmlns"
}

// declare records a namespace declaration (Namespaces in XML 1.0 §3, SEC-031).
func (t *tokenizer) declare(at int, q qname, value span) error {
	prefix := int32(0)
	if q.prefix != 0 {
		prefix = q.local
	}
	uri := string(t.bytes(value))
	p := t.names.strs[prefix]
	switch {
	case p == "xmlns", uri == nsXMLNS, (p == "xml") != (uri == nsXML):
		return t.fail(at, "SEC-031", "a reserved prefix or namespace is bound")
	case prefix != 0 && uri == "":
		return t.fail(at, "SEC-031", "a prefix is bound to no namespace")
	case t.prof.strict() && uri != "" && !absolute.MatchString(uri):
		return t.fail(at, "SEC-031", "a relative namespace URI")
	}
	for _, d := range t.tok.decls {
		if d.prefix == prefix {
			return t.fail(at, "SEC-031", "a namespace prefix is declared twice on one element")
		}
	}
	d := decl{prefix, t.names.id([]byte(uri))}
	t.tok.decls = append(t.tok.decls, d)
	t.names.bind(d.prefix, d.uri)
	if len(t.names.undo) > t.lim.nsInScope {
		return t.limit(at, "too many namespace declarations in scope")
	}
	return nil
}

var absolute = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:`)

// resolve gives the element and its attributes their namespaces, and refuses an attribute that stands twice. It comes
// after all attributes are read, since a declaration may stand behind a name that uses it.
func (t *tokenizer) resolve(name qname, undo int) error {
	ns := t.names
	if name.prefix != 0 && ns.bound[name.prefix] == 0 || ns.strs[name.prefix] == "xmlns" {
		return t.fail(0, "SEC-031", "an undeclared namespace prefix on an element")
	}
	name.space = ns.bound[name.prefix]
	t.tok.name = ns.expand(name)
	var seen map[[2]int32]bool
	if len(ns.pending) > 16 { // fewer are compared with each other: that is faster than a map
		seen = make(map[[2]int32]bool, len(ns.pending))
	}
	for i := range ns.pending {
		q := &ns.pending[i]
		if q.prefix != 0 {
			if q.space = ns.bound[q.prefix]; q.space == 0 {
				return t.fail(0, "SEC-031", "an undeclared namespace prefix on an attribute")
			}
		}
		t.tok.attrs[i].name = ns.expand(*q)
		key := [2]int32{q.space, q.local}
		twice := seen[key]
		if seen != nil {
			seen[key] = true
		} else {
			for _, o := range ns.pending[:i] {
				twice = twice || o.space == q.space && o.local == q.local
			}
		}
		if twice {
			return t.fail(0, "SEC-031", "an attribute stands twice on one element")
		}
	}
	return nil
}

// endTag reads an end tag.
func (t *tokenizer) endTag() error {
	n, err := t.find(2, ">", int64(2*t.lim.name+64), "a tag is not closed")
	if err != nil {
		return err
	}
	w := t.buf[t.pos+2 : t.pos+n]
	for len(w) > 0 && isSpace(w[len(w)-1]) {
		w = w[:len(w)-1]
	}
	if len(t.open) == 0 {
		return t.fail(0, "", "an end tag without start tag")
	}
	name := t.names.list[t.open[len(t.open)-1].name]
	prefix, local, ok := bytes.Cut(w, []byte{':'})
	if !ok {
		prefix, local = nil, w
	}
	if string(local) != name.Local || string(prefix) != name.Prefix || ok && len(prefix) == 0 {
		return t.fail(0, "", "an end tag does not match its start tag")
	}
	err = t.pop()
	t.consume(n + 1)
	return err
}

// pop ends the innermost element.
func (t *tokenizer) pop() error {
	f := t.open[len(t.open)-1]
	if f.comment && !f.kids && t.prof == Envelope && strings.HasPrefix(t.names.list[f.name].Space, nsEB) {
		return t.fail(0, "SEC-033", "a comment inside a value of the ebMS header")
	}
	t.names.unbind(f.undo)
	t.open = t.open[:len(t.open)-1]
	t.run = 0
	t.tok = token{
		kind: End, name: f.name, attrs: t.tok.attrs[:0], decls: t.tok.decls[:0],
		start: t.tok.end, end: t.tok.end, // of an empty-element tag; endTag sets those of an end tag
	}
	return nil
}

// declaration reads the XML declaration, if the document has one, and compares it with the encoding found.
func (t *tokenizer) declaration() error {
	if _, err := t.have(6); err != nil {
		return err
	}
	w := t.buf[t.pos:]
	if !bytes.HasPrefix(w, []byte("<?xml")) || len(w) < 6 || !isSpace(w[5]) {
		if t.enc == encLatin1 {
			return t.fail(0, "SEC-034", "the encoding is unclear")
		}
		return nil
	}
	n, err := t.find(5, "?>", 1024, "the XML declaration is not closed")
	if err != nil {
		return err
	}
	m := declForm.FindSubmatch(t.buf[t.pos : t.pos+n+2])
	if m == nil {
		return t.fail(0, "SEC-034", "the XML declaration is malformed or not of XML 1.0")
	}
	said := strings.ToLower(strings.Trim(string(m[1]), `"'`))
	ascii := said == "us-ascii" && t.enc == encUTF8 && !t.prof.strict() // a part of UTF-8
	if said != "" && said != t.enc && !ascii {
		return t.fail(0, "SEC-034", "the encoding is not allowed here, or is not the one that the declaration names")
	}
	t.pos += n + 2
	return nil
}

var declForm = regexp.MustCompile(`^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.0"|'1\.0')` +
	`(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*("[A-Za-z][A-Za-z0-9._-]*"|'[A-Za-z][A-Za-z0-9._-]*'))?` +
	`(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\r\n]*\?>$`)

// skipDoctype skips a document type declaration with its internal subset, which has no effect (profile Rules). It
// counts brackets of both kinds together, outside of quotes, comments and instructions.
func (t *tokenizer) skipDoctype() error {
	const msg = "a document type declaration is not closed"
	depth, k := 0, 2
	for {
		if ok, err := t.have(k + 4); err != nil {
			return err
		} else if !ok && len(t.buf)-t.pos <= k {
			return t.fail(0, "", msg)
		}
		if int64(k) > t.lim.tag {
			return t.limit(0, "a document type declaration is too long")
		}
		w := t.buf[t.pos+k:]
		var err error
		switch c := w[0]; {
		case c == '"' || c == '\'':
			k, err = t.find(k+1, string(c), t.lim.tag, msg)
		case bytes.HasPrefix(w, []byte("<!--")):
			if k, err = t.find(k+4, "-->", t.lim.tag, msg); err == nil {
				k += 2
			}
		case bytes.HasPrefix(w, []byte("<?")):
			if k, err = t.find(k+2, "?>", t.lim.tag, msg); err == nil {
				k++
			}
		case c == '[' || c == '<':
			depth++
		case c == ']':
			depth--
		case c == '>':
			if depth == 0 {
				t.pos += k + 1
				return nil
			}
			depth--
		}
		if err != nil {
			return err
		}
		k++
	}
}
