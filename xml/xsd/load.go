package xsd

import (
	"cmp"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/ravn-ap/ravn/xml/safe"
)

// Set loads schemas of one file system. Schemas that import the same files share what is made of them: the schemas of
// UBL documents have nearly everything in common. Of a file itself only its includes and imports are kept; it is read
// again when a further schema needs it. A Set is safe for concurrent use.
type Set struct {
	fsys   fs.FS
	mu     sync.Mutex
	raw    map[string]*file     // as read, by path; without document after a Load
	files  map[fileKey]*file    // with their includes and imports
	shared map[string]*assembly // what several schemas import, by the paths of the files
}

// fileKey names a file in the namespace that it was included into, "" for its own.
type fileKey struct{ path, target string }

// NewSet returns a Set for the schemas in fsys.
func NewSet(fsys fs.FS) *Set {
	return &Set{fsys: fsys, raw: map[string]*file{}, files: map[fileKey]*file{}, shared: map[string]*assembly{}}
}

// Load loads one schema: NewSet(fsys).Load(name).
func Load(fsys fs.FS, name string) (*Schema, error) { return NewSet(fsys).Load(name) }

// Load loads the schema in the file with this path, and all that it includes and imports. The error is a *SchemaError.
func (s *Set) Load(name string) (*Schema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.release()
	if !fs.ValidPath(name) {
		return nil, &SchemaError{File: name, Msg: "the path is not valid"}
	}
	root, err := s.file(path.Clean(name), "")
	if err != nil {
		return nil, err
	}
	base, files := s.split(root)
	var parent *assembly
	if base != nil {
		if parent, err = s.assembly(base); err != nil {
			return nil, err
		}
	}
	a, err := s.compile(parent, files)
	if err != nil {
		return nil, err
	}
	return &Schema{parts: a}, nil
}

// compile makes an assembly of files, on top of parent.
func (s *Set) compile(parent *assembly, files []*file) (*assembly, error) {
	for _, f := range files {
		if f.doc == nil { // released
			raw, err := s.read(f.path)
			if err != nil {
				return nil, err
			}
			f.doc, f.components = raw.doc, raw.components
		}
	}
	a := newAssembly(parent, files)
	return a, a.compile()
}

// read returns a file as it is read, with its document.
func (s *Set) read(name string) (*file, error) {
	raw := s.raw[name]
	if raw == nil || raw.doc == nil {
		var err error
		if raw, err = readFile(s.fsys, name); err != nil {
			return nil, err
		}
		s.raw[name] = raw
	}
	return raw, nil
}

// release lets go of the documents: loaded schemas do not need them, and they take far more memory.
func (s *Set) release() {
	for _, f := range s.raw {
		f.doc, f.components = nil, nil
	}
	for _, f := range s.files {
		f.doc, f.components = nil, nil
	}
}

// split divides the files of a schema into those it imports, which other schemas may share, and its own. The first
// are nil if they cannot be taken apart: because the schema includes files, or something imports it in turn.
func (s *Set) split(root *file) (base, own []*file) {
	if len(root.imports) > 0 && len(root.includes) == 0 {
		base = reach(root.imports)
		if !slices.Contains(base, root) {
			return base, []*file{root}
		}
	}
	return nil, reach([]*file{root})
}

// reach returns the files that can be reached through includes and imports, each once: they may go round in a circle.
func reach(from []*file) []*file {
	var list []*file
	seen := map[*file]bool{}
	var walk func([]*file)
	walk = func(fs []*file) {
		for _, f := range fs {
			if !seen[f] {
				seen[f] = true
				list = append(list, f)
				walk(f.includes)
				walk(f.imports)
			}
		}
	}
	walk(from)
	return list
}

// assembly returns the shared components of these files, making them if nobody has yet.
func (s *Set) assembly(files []*file) (*assembly, error) {
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.path + "\x00" + f.target
	}
	slices.Sort(names)
	key := strings.Join(names, "\x00\x00")
	if a := s.shared[key]; a != nil {
		return a, nil
	}
	a, err := s.compile(nil, files)
	if err != nil {
		return nil, err
	}
	s.shared[key] = a
	return a, nil
}

// file returns a file with all it refers to. target is the namespace of the including file, "" otherwise.
func (s *Set) file(name, target string) (*file, error) {
	if f := s.files[fileKey{name, target}]; f != nil {
		return f, nil
	}
	raw, err := s.read(name)
	if err != nil {
		return nil, err
	}
	if raw.target != "" {
		target = ""
	}
	key := fileKey{name, target}
	if f := s.files[key]; f != nil {
		return f, nil
	}
	f := *raw
	if target != "" {
		f.target, f.chameleon = target, true
	}
	s.files[key] = &f // before what it refers to is read, which may refer back to it
	for _, n := range f.doc.Top().Elements() {
		if err := s.follow(&f, n); err != nil {
			delete(s.files, key)
			return nil, err
		}
	}
	return &f, nil
}

// follow reads the file that an include or import names. An import without a location, or with one outside of the file
// system, is allowed and brings nothing: what is used of that namespace must come from another file.
func (s *Set) follow(f *file, n safe.Node) error {
	kind := n.Name().Local
	if kind != "include" && kind != "import" {
		return nil
	}
	name, ok, err := f.location(n)
	if err != nil {
		return err
	}
	if kind == "include" {
		if !ok {
			return f.fail(n, "an include needs a location within the file system")
		}
		in, err := s.file(name, f.target)
		if err != nil {
			return err
		}
		if in.target != f.target {
			return f.fail(n, "the included file has another target namespace")
		}
		f.includes = append(f.includes, in)
		return nil
	}
	space, _ := n.Attr("", "namespace")
	if space == f.target {
		return f.fail(n, "an import of the file's own namespace")
	}
	if !ok {
		return nil
	}
	in, err := s.file(name, "")
	if err != nil {
		return err
	}
	if in.target != space {
		return f.fail(n, "the imported file has the target namespace "+quote(in.target))
	}
	f.imports = append(f.imports, in)
	return nil
}

// assembly is the set of components that are made of some files. That of a schema may have a base, which it shares with
// other schemas; look-ups go from the one to the other. After compile it does not change.
type assembly struct {
	base       *assembly
	files      []*file
	names      map[string]map[string]int32 // ids by namespace and local name, from 1
	last       int32                       // the greatest id, those of base included
	types      map[qname]*typ
	elements   map[qname]*element
	attributes map[qname]*attribute
	groups     map[qname]*group
	attrGroups map[qname]*group
	nameless   []*typ              // types defined within other components
	pending    map[any]place       // where the global elements and attributes are declared
	heads      map[int32][]*member // for which others an element may stand, by the id of its name
	models     []*typ              // types whose content model is not yet built
	values     []func() error      // default and fixed values that are not yet checked
}

// member is an element that may stand for another.
type member struct {
	head, element *element
}

func newAssembly(base *assembly, files []*file) *assembly {
	a := &assembly{
		base: base, files: files, names: map[string]map[string]int32{},
		types: map[qname]*typ{}, elements: map[qname]*element{}, attributes: map[qname]*attribute{},
		groups: map[qname]*group{}, attrGroups: map[qname]*group{},
		pending: map[any]place{}, heads: map[int32][]*member{},
	}
	if base != nil {
		a.last = base.last
	}
	return a
}

// id returns the id of a name, 0 if no schema knows it.
func (a *assembly) id(space, local string) int32 {
	for ; a != nil; a = a.base {
		if id := a.names[space][local]; id != 0 {
			return id
		}
	}
	return 0
}

// intern returns the id of a name, giving it one if it has none. Ids make the look-up of a child in a content model a
// comparison of numbers.
func (a *assembly) intern(q qname) int32 {
	if id := a.id(q.space, q.local); id != 0 {
		return id
	}
	if a.names[q.space] == nil {
		a.names[q.space] = map[string]int32{}
	}
	a.last++
	a.names[q.space][q.local] = a.last
	return a.last
}

func (a *assembly) element(q qname) *element {
	for ; a != nil; a = a.base {
		if e := a.elements[q]; e != nil {
			return e
		}
	}
	return nil
}

func (a *assembly) typ(q qname) *typ {
	if q.space == nsXSD {
		return builtin[q.local]
	}
	for ; a != nil; a = a.base {
		if t := a.types[q]; t != nil {
			return t
		}
	}
	return nil
}

func (a *assembly) attribute(q qname) *attribute {
	for ; a != nil; a = a.base {
		if t := a.attributes[q]; t != nil {
			return t
		}
	}
	return nil
}

// collect enters the global components into their tables.
func (a *assembly) collect() error {
	for _, f := range a.files {
		for _, n := range f.components {
			local, ok := n.Attr("", "name")
			if !ok || !isNCName([]byte(local)) {
				return f.fail(n, "a global "+n.Name().Local+" needs a name")
			}
			if !a.enter(qname{f.target, local}, place{f, n}) {
				return f.fail(n, n.Name().Local+" "+local+" is declared twice")
			}
		}
	}
	return nil
}

// enter adds one global component, not yet read; false means that there is one of its name already. Each kind has
// names of its own; simple and complex types share theirs (XML Schema Part 1, §2.5).
func (a *assembly) enter(q qname, at place) bool {
	switch at.n.Name().Local {
	case "element":
		if a.element(q) != nil {
			return false
		}
		e := &element{name: q, id: a.intern(q)}
		a.elements[q], a.pending[e] = e, at
	case "attribute":
		if a.attribute(q) != nil {
			return false
		}
		d := &attribute{name: q}
		a.attributes[q], a.pending[d] = d, at
	case "simpleType", "complexType":
		if a.typ(q) != nil {
			return false
		}
		a.types[q] = &typ{name: q, at: at}
	case "group":
		return addGroup(a, modelGroups, q, at)
	case "attributeGroup":
		return addGroup(a, attributeGroups, q, at)
	}
	return true
}

// modelGroups and attributeGroups choose a table of groups, for addGroup and findGroup.
func modelGroups(a *assembly) map[qname]*group     { return a.groups }
func attributeGroups(a *assembly) map[qname]*group { return a.attrGroups }

func addGroup(a *assembly, table func(*assembly) map[qname]*group, q qname, at place) bool {
	if findGroup(a, table, q) != nil {
		return false
	}
	table(a)[q] = &group{at: at}
	return true
}

// findGroup returns the group of this name in one of the tables, nil if there is none.
func findGroup(a *assembly, table func(*assembly) map[qname]*group, q qname) *group {
	for ; a != nil; a = a.base {
		if g := table(a)[q]; g != nil {
			return g
		}
	}
	return nil
}

// compile reads every component. Attributes, types and groups are read on demand by what refers to them, so that the
// order of the first tables does not matter; substitution groups, content models and the default values of elements
// come last, because they need elements with complete types. Afterwards nothing of the schema documents is needed any
// more.
func (a *assembly) compile() error {
	if err := a.collect(); err != nil {
		return err
	}
	for _, d := range sorted(a.attributes) {
		if err := a.globalAttribute(d); err != nil {
			return err
		}
	}
	for _, g := range sorted(a.attrGroups) {
		if err := a.attributeGroup(g); err != nil {
			return err
		}
	}
	for _, t := range sorted(a.types) {
		if err := a.define(t); err != nil {
			return err
		}
	}
	for _, g := range sorted(a.groups) {
		if err := a.modelGroup(g); err != nil {
			return err
		}
	}
	for _, e := range sorted(a.elements) {
		if err := a.globalElement(e); err != nil {
			return err
		}
	}
	if err := a.substitutions(); err != nil {
		return err
	}
	for _, t := range a.models {
		if err := a.build(t); err != nil {
			return err
		}
	}
	for _, check := range a.values {
		if err := check(); err != nil {
			return err
		}
	}
	a.forget()
	return nil
}

// forget lets go of the schema documents.
func (a *assembly) forget() {
	for _, t := range a.nameless {
		t.at = place{}
	}
	a.files, a.pending, a.models, a.values, a.nameless = nil, nil, nil, nil, nil
	for _, t := range a.types {
		t.at = place{}
	}
	for _, g := range a.groups {
		g.at = place{}
	}
	for _, g := range a.attrGroups {
		g.at = place{}
	}
}

// sorted returns the components of a table in the order of their names, so that a faulty schema always gives the same
// error.
func sorted[T any](table map[qname]T) []T {
	names := slices.SortedFunc(maps.Keys(table), func(a, b qname) int {
		return cmp.Or(strings.Compare(a.space, b.space), strings.Compare(a.local, b.local))
	})
	out := make([]T, len(names))
	for i, q := range names {
		out[i] = table[q]
	}
	return out
}
