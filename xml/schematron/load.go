package schematron

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
)

const (
	nsSch  = "http://purl.oclc.org/dsdl/schematron"
	nsXSL  = "http://www.w3.org/1999/XSL/Transform"
	nsXI   = "http://www.w3.org/2001/XInclude"
	nsSVRL = "http://purl.oclc.org/dsdl/svrl"
	nsXML  = "http://www.w3.org/XML/1998/namespace"
)

// maxIncludes limits the files of one rule set.
const maxIncludes = 200

// Load reads a rule file: a Schematron schema with its includes, or rules compiled to XSLT by the ISO skeleton or by
// SchXslt. Includes are relative to the including file and stay within fsys. The error joins what is wrong with it,
// each a *Problem.
func Load(fsys fs.FS, name string) (*Source, error) {
	src, wrong := load(fsys, name)
	if err := wrong.err(); err != nil {
		return nil, err
	}
	return src, nil
}

// load reads a rule file as far as it can be read, with everything that is wrong with it; nil means not at all.
func load(fsys fs.FS, name string) (*Source, problems) {
	l := &loader{fsys: fsys}
	e, err := l.file(name, "", nil)
	if err != nil {
		return nil, problems{err}
	}
	src, wrong := l.rules(name, e)
	if src != nil {
		src.files, src.xmlBase = fsys, l.xmlBase
	}
	return src, wrong
}

// rules reads the top element of a rule file.
func (l *loader) rules(name string, e element) (*Source, problems) {
	if e.is(nsSch, "schema") {
		return l.schema(name, e), l.problems
	}
	switch at, found := defaultNamespace(e); {
	case found:
		return nil, problems{problem(at.place(), "the attribute xpath-default-namespace is not supported")}
	case !e.is(nsXSL, "stylesheet") && !e.is(nsXSL, "transform"):
		return nil, problems{problem(e.place(),
			"the root element is %s, not a Schematron schema or a compiled one", e.Name())}
	case strings.HasPrefix(e.attr("version"), "1") && (bySchXslt(e) || e.attr("version") != "1.0"):
		return nil, problems{problem(e.place(),
			"a stylesheet of XSLT %s that the ISO skeleton did not make", e.attr("version"))}
	case bySchXslt(e):
		return schxsltRules(name, e)
	}
	return compiledRules(name, e)
}

// defaultNamespace finds an element that gives the names without a prefix in expressions a namespace (XSLT 2.0 §5.2).
func defaultNamespace(e element) (element, bool) {
	const name = "xpath-default-namespace"
	space := nsXSL // of the attribute, on elements of others
	if e.Name().Space == nsXSL {
		space = ""
	}
	if _, ok := e.Attr(space, name); ok {
		return e, true
	}
	for n := range e.Children() {
		if n.Kind() != safe.Element {
			continue
		}
		if found, ok := defaultNamespace(e.in(n)); ok {
			return found, true
		}
	}
	return element{}, false
}

type loader struct {
	problems
	fsys    fs.FS
	files   int
	taken   int // parts of rules that were taken by extends
	reading reading
	xmlBase bool // a file has an attribute xml:base
}

// element is an element of a rule file with the file that it stands in.
type element struct {
	safe.Node
	file *file
}

// file is a file of rules.
type file struct {
	name  string
	chain []string // what includes it, and it: what includes one of them would never end
	lines []int    // where each line begins
}

func (e element) is(space, local string) bool { return e.Node.Is(space, local) }

func (e element) place() Place {
	i, found := slices.BinarySearch(e.file.lines, e.Offset())
	if found {
		i++
	}
	return Place{e.file.name, i}
}

// in returns another element of the same file.
func (e element) in(n safe.Node) element { return element{n, e.file} }

// attr returns an attribute, "" when it is not there.
func (e element) attr(name string) string {
	v, _ := e.Attr("", name)
	return v
}

// file reads a file and returns its top element, or with an id the first element of Schematron that has it.
func (l *loader) file(name, id string, chain []string) (element, error) {
	part := name
	if id != "" {
		part += "#" + id
	}
	if slices.Contains(chain, part) {
		return element{}, fmt.Errorf("schematron: %s includes itself", part)
	}
	if l.files++; l.files > maxIncludes {
		return element{}, fmt.Errorf("schematron: more than %d files in one rule set", maxIncludes)
	}
	f, err := l.fsys.Open(name)
	if err != nil {
		return element{}, fmt.Errorf("schematron: %w", err)
	}
	doc, err := safe.Read(f, safe.Rules)
	if err := errors.Join(err, f.Close()); err != nil {
		return element{}, fmt.Errorf("schematron: %s: %w", name, err)
	}
	in := &file{name: name, chain: append(slices.Clone(chain), part), lines: []int{0}}
	l.xmlBase = l.xmlBase || bytes.Contains(doc.Root().Raw(), []byte("xml:base"))
	for i, c := range doc.Root().Raw() {
		if c == '\n' {
			in.lines = append(in.lines, i+1)
		}
	}
	if id == "" {
		return element{doc.Top(), in}, nil
	}
	if n, ok := withID(doc.Top(), id); ok {
		return element{n, in}, nil
	}
	return element{}, fmt.Errorf("schematron: %s has no element with the id %s", name, id)
}

// withID finds the first element of Schematron with an id.
func withID(n safe.Node, id string) (safe.Node, bool) {
	if n.Name().Space == nsSch {
		own, _ := n.Attr("", "id")
		global, _ := n.Attr(nsXML, "id")
		if own == id || global == id {
			return n, true
		}
	}
	for _, c := range n.Elements() {
		if found, ok := withID(c, id); ok {
			return found, true
		}
	}
	return safe.Node{}, false
}

// children returns the child elements with includes replaced by the element that they name: the top one of a file, or
// that with the id behind "#".
func (l *loader) children(e element) []element {
	var out []element
	for _, n := range e.Elements() {
		c := e.in(n)
		if !c.is(nsSch, "include") && !c.is(nsXI, "include") {
			out = append(out, c)
			continue
		}
		in, err := l.named(c)
		switch {
		case err != nil:
			l.note(problem(c.place(), "%v", err))
		case in.is(nsSch, "schema"):
			l.note(problem(c.place(), "an include of a whole schema, %s: only parts can be included",
				in.file.name))
		case in.Name().Space != nsSch && in.Name().Space != nsXSL:
			l.note(problem(c.place(), "an include of %s, which is no element of Schematron", in.Name()))
		default:
			out = append(out, in)
		}
	}
	return out
}

// named returns the element that the attribute href of an element names.
func (l *loader) named(c element) (element, error) {
	name, id, _ := strings.Cut(c.attr("href"), "#")
	switch {
	case c.is(nsXI, "include") && (c.attr("xpointer") != "" || c.attr("parse") != "" && c.attr("parse") != "xml"):
		return element{}, errors.New("an include of a text or a pointer is not supported")
	case name == "" && id == "", strings.Contains(name, ":"), strings.HasPrefix(name, "/"):
		return element{}, errors.New("an include needs a relative file name")
	case name == "":
		name = c.file.name
	default:
		name = path.Join(path.Dir(c.file.name), name)
	}
	return l.file(name, id, c.file.chain)
}
