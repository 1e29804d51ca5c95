package xsd

import (
	"io/fs"
	"path"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
)

// file is one schema document. An included file without target namespace takes that of the file that includes it, and
// is a file of its own for each namespace (chameleon include, XML Schema Part 1, §4.2.1).
type file struct {
	path       string
	doc        *safe.Doc
	target     string
	chameleon  bool // target is the includer's
	qualElems  bool
	qualAttrs  bool
	block      method
	final      method
	inner      bool // namespaces are declared elsewhere than on the top element, too
	prefixes   map[string]string
	includes   []*file
	imports    []*file
	components []safe.Node // global declarations and definitions
}

// fail makes the error for the place of n.
func (f *file) fail(n safe.Node, msg string) error {
	line, col := n.Pos()
	return &SchemaError{File: f.path, Line: line, Col: col, Msg: msg}
}

func (f *file) unsupported(n safe.Node, msg string) error {
	e := f.fail(n, msg).(*SchemaError)
	e.Unsupported = true
	return e
}

// syntax says which attributes and children an element of a schema document may have. What is not in the table is not
// implemented.
var syntax = func() map[string]rule {
	const (
		particles = "element group choice sequence any "
		attrs     = "attribute attributeGroup anyAttribute "
		facets    = "minExclusive minInclusive maxExclusive maxInclusive totalDigits fractionDigits " +
			"length minLength maxLength enumeration whiteSpace pattern "
		occurs = "minOccurs maxOccurs "
	)
	t := map[string]rule{
		"schema": {
			"targetNamespace version finalDefault blockDefault attributeFormDefault elementFormDefault",
			"include import simpleType complexType element attribute group attributeGroup",
		},
		"include": {"schemaLocation", ""},
		"import":  {"schemaLocation namespace", ""},
		"element": {
			"name ref type substitutionGroup default fixed nillable abstract final block form " + occurs,
			"simpleType complexType",
		},
		"attribute": {"name ref type use default fixed form", "simpleType"},
		"complexType": {
			"name mixed abstract final block",
			"simpleContent complexContent all group choice sequence " + attrs,
		},
		"simpleContent":  {"", "restriction extension"},
		"complexContent": {"mixed", "restriction extension"},
		"restriction":    {"base", "simpleType all group choice sequence " + attrs + facets},
		"extension":      {"base", "all group choice sequence " + attrs},
		"simpleType":     {"name final", "restriction list union"},
		"list":           {"itemType", "simpleType"},
		"union":          {"memberTypes", "simpleType"},
		"group":          {"name ref " + occurs, "all choice sequence"},
		"attributeGroup": {"name ref", attrs},
		"sequence":       {occurs, particles},
		"choice":         {occurs, particles},
		"all":            {occurs, "element"},
		"any":            {"namespace processContents " + occurs, ""},
		"anyAttribute":   {"namespace processContents", ""},
	}
	for _, f := range strings.Fields(facets) {
		t[f] = rule{"value fixed", ""}
	}
	return t
}()

type rule struct{ attrs, children string }

// unimplemented are the constructs of XML Schema 1.0 that are not implemented; anything else is not XML Schema at
// all. Which one it is decides what somebody who gets the error can do about it.
const unimplemented = " redefine notation unique key keyref selector field "

func listed(words, w string) bool {
	for f := range strings.FieldsSeq(words) {
		if f == w {
			return true
		}
	}
	return false
}

// readFile reads and checks one schema document.
func readFile(fsys fs.FS, name string) (*file, error) {
	in, err := fsys.Open(name)
	if err != nil {
		return nil, &SchemaError{File: name, Msg: "cannot be opened: " + err.Error()}
	}
	defer func() { _ = in.Close() }()
	doc, err := safe.Read(in, safe.Rules)
	if e, ok := err.(*safe.Error); ok {
		return nil, &SchemaError{File: name, Line: e.Line, Col: e.Col, Msg: e.Msg}
	}
	if err != nil {
		return nil, &SchemaError{File: name, Msg: err.Error()}
	}
	f := &file{path: name, doc: doc, prefixes: map[string]string{"xml": nsXML}}
	top := doc.Top()
	if !top.Is(nsXSD, "schema") {
		return nil, f.fail(top, "the top element is not schema")
	}
	for prefix, uri := range top.Decls() {
		f.prefixes[prefix] = uri
	}
	if err := f.check(top); err != nil {
		return nil, err
	}
	return f, f.header(top)
}

// check refuses every construct that the table of syntax does not have.
func (f *file) check(n safe.Node) error {
	name := n.Name().Local
	r := syntax[name]
	for a := range n.Attrs() {
		if a.Space == "" && a.Local != "id" && !listed(r.attrs, a.Local) {
			return f.fail(n, "the attribute "+a.Local+" is not allowed on "+name)
		}
		if a.Space == nsXSD {
			return f.fail(n, "an attribute of the namespace of XML Schema")
		}
	}
	annotated := false
	for c := range n.Children() {
		switch c.Kind() {
		case safe.Text:
			if strings.Trim(string(c.Value()), " \t\r\n") != "" {
				return f.fail(n, "text inside "+name)
			}
			continue
		case safe.Element:
		default:
			continue
		}
		cn := c.Name()
		if cn.Is(nsXSD, "annotation") && (!annotated || name == "schema") {
			annotated = true
			continue
		}
		if err := f.checkChild(c, name, r); err != nil {
			return err
		}
	}
	return nil
}

func (f *file) checkChild(c safe.Node, parent string, r rule) error {
	name := c.Name()
	switch {
	case name.Space != nsXSD:
		return f.fail(c, "the element "+name.Local+" does not belong to XML Schema")
	case strings.Contains(unimplemented, " "+name.Local+" "):
		return f.unsupported(c, "the construct "+name.Local+" is not implemented")
	case !listed(r.children, name.Local):
		return f.fail(c, "the element "+name.Local+" is not allowed in "+parent)
	}
	for range c.Decls() {
		f.inner = true
	}
	return f.check(c)
}

// header reads the attributes of the schema element.
func (f *file) header(top safe.Node) (err error) {
	f.target, _ = top.Attr("", "targetNamespace")
	if _, has := top.Attr("", "targetNamespace"); has && f.target == "" {
		return f.fail(top, "an empty targetNamespace")
	}
	if f.qualElems, err = f.form(top, "elementFormDefault", false); err != nil {
		return err
	}
	if f.qualAttrs, err = f.form(top, "attributeFormDefault", false); err != nil {
		return err
	}
	if f.block, err = f.methods(top, "blockDefault", 0, byExtension|byRestriction|bySubstitution); err != nil {
		return err
	}
	if f.final, err = f.methods(top, "finalDefault", 0, byExtension|byRestriction|byList|byUnion); err != nil {
		return err
	}
	for _, c := range top.Elements() {
		switch c.Name().Local {
		case "include", "import", "annotation":
		default:
			f.components = append(f.components, c)
		}
	}
	return nil
}

// form reads an attribute with the values qualified and unqualified.
func (f *file) form(n safe.Node, name string, otherwise bool) (bool, error) {
	v, ok := n.Attr("", name)
	switch {
	case !ok:
		return otherwise, nil
	case v == "qualified" || v == "unqualified":
		return v == "qualified", nil
	}
	return false, f.fail(n, "the value of "+name+" is neither qualified nor unqualified")
}

// methods reads a set of derivation methods. all is what #all stands for, and all that count here: others are
// allowed, but mean nothing (XML Schema Part 1, §3.3.2).
func (f *file) methods(n safe.Node, name string, otherwise, all method) (method, error) {
	v, ok := n.Attr("", name)
	if !ok {
		return otherwise & all, nil
	}
	words := map[string]method{
		"#all": all, "extension": byExtension, "restriction": byRestriction,
		"substitution": bySubstitution, "list": byList, "union": byUnion,
	}
	var out method
	for w := range strings.FieldsSeq(v) {
		m, ok := words[w]
		if !ok {
			return 0, f.fail(n, "the value of "+name+" is not a list of derivation methods")
		}
		out |= m
	}
	return out & all, nil
}

// flag reads a boolean attribute.
func (f *file) flag(n safe.Node, name string) (bool, error) {
	v, ok := n.Attr("", name)
	switch strings.Trim(v, " \t\r\n") {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	if !ok {
		return false, nil
	}
	return false, f.fail(n, "the value of "+name+" is not a boolean")
}

// ref resolves a qualified name that stands in an attribute value.
func (f *file) ref(n safe.Node, name string) (qname, bool, error) {
	v, ok := n.Attr("", name)
	if !ok {
		return qname{}, false, nil
	}
	q, err := f.resolve(n, v)
	return q, true, err
}

func (f *file) resolve(n safe.Node, v string) (qname, error) {
	v = strings.Trim(v, " \t\r\n")
	prefix, local, ok := strings.Cut(v, ":")
	if !ok {
		prefix, local = "", v
	}
	if !isNCName([]byte(local)) || ok && !isNCName([]byte(prefix)) {
		return qname{}, f.fail(n, "the value "+quote(v)+" is not a qualified name")
	}
	uri, bound := f.lookup(n, prefix)
	if !bound && prefix != "" {
		return qname{}, f.fail(n, "the prefix of "+quote(v)+" is not declared")
	}
	if uri == "" && f.chameleon {
		uri = f.target
	}
	return qname{uri, local}, nil
}

// lookup finds the namespace that a prefix is bound to at n. Nearly all schemas declare their namespaces on the top
// element only; then the ancestors need not be searched.
func (f *file) lookup(n safe.Node, prefix string) (string, bool) {
	if f.inner {
		for ; n.Kind() == safe.Element; n = n.Parent() {
			for p, uri := range n.Decls() {
				if p == prefix {
					return uri, true
				}
			}
		}
	}
	uri, ok := f.prefixes[prefix]
	return uri, ok
}

// children returns the child elements of n without annotations.
func children(n safe.Node) []safe.Node {
	all := n.Elements()
	out := all[:0]
	for _, c := range all {
		if c.Name().Local != "annotation" {
			out = append(out, c)
		}
	}
	return out
}

// location resolves a schemaLocation. ok is false for what lies outside of the file system: absolute addresses.
func (f *file) location(n safe.Node) (name string, ok bool, err error) {
	loc, has := n.Attr("", "schemaLocation")
	loc = strings.Trim(loc, " \t\r\n")
	if !has || loc == "" || strings.HasPrefix(loc, "/") || strings.Contains(strings.SplitN(loc, "/", 2)[0], ":") {
		return "", false, nil
	}
	name = path.Join(path.Dir(f.path), loc)
	if !fs.ValidPath(name) {
		return "", false, f.fail(n, "the schemaLocation "+quote(loc)+" leads out of the file system")
	}
	return name, true, nil
}
