package xpath

import "github.com/ravn-ap/ravn/xml/xdm"

// Compiler compiles expressions that share names, functions and keys: those of one rule file.
type Compiler struct {
	names *xdm.Names
	ns    map[string]string
	funcs map[funcKey]*userFunction
	keys  map[string]*key
	lets  int // how many lets there are: each has an index into Evaluation.lets
	memos int // likewise, into Evaluation.memos
	steps int // likewise, into Evaluation.matchedSteps
	docs  *Documents
	sets  int // likewise, into Evaluation.sets

	compatible bool // with XPath 1.0 (Compatible)
}

type funcKey struct {
	name  qname
	arity int
}

// NewCompiler returns a compiler for expressions with these prefixes. Trees to evaluate them on must be built with the
// same names, after compiling: only names that are known then get numbers that expressions look for.
func NewCompiler(names *xdm.Names, ns map[string]string) *Compiler {
	return &Compiler{names: names, ns: ns, funcs: map[funcKey]*userFunction{}, keys: map[string]*key{}}
}

// Scope holds the lets that expressions see. It does not change; each Let returns a new one.
type Scope struct {
	c     *Compiler
	outer *Scope
	name  qname
	let   *let
	local bool // further lets are evaluated anew for each node (Local)
}

// let is a named value that is evaluated when it is first read.
type let struct {
	index int
	local bool
	code  *code
	slots int
	memo  *memoRef // of a let that has one value in a document
}

// Scope returns the empty scope.
func (c *Compiler) Scope() *Scope { return &Scope{c: c} }

// Local returns a scope with the same lets, whose further lets belong to one node (Evaluation.Home).
func (s *Scope) Local() *Scope { return &Scope{c: s.c, outer: s, local: true} }

// Let returns a scope with one more let. Its expression is compiled now and evaluated when it is first read.
func (s *Scope) Let(name, text string) (*Scope, error) {
	code, slots, err := s.compileAs(text, !s.local) // a let of the whole document is evaluated once anyway
	if err != nil {
		return nil, err
	}
	return s.bind(name, code, slots)
}

// LetText returns a scope with one more let, whose value is the text that instructions make (XSLT 2.0 §9.3).
func (s *Scope) LetText(name string, body []Instruction) (next *Scope, err error) {
	defer rescue(&err)
	u := &unit{scope: s, c: s.c, inMemo: !s.local}
	code := constructed(u.body(body, s.c.ns))
	return s.bind(name, code, u.slots)
}

func (s *Scope) bind(name string, code *code, slots int) (*Scope, error) {
	l := &let{index: s.c.lets, local: s.local, code: code, slots: slots}
	s.c.lets++
	if !l.local {
		l.memo = &memoRef{index: s.c.memos, let: l}
		s.c.memos++
	}
	q, err := s.c.name(name, "")
	if err != nil {
		return nil, err
	}
	return &Scope{c: s.c, outer: s, name: q, let: l, local: s.local}, nil
}

// name reads a name with its prefix; def is the namespace of one without.
func (c *Compiler) name(text, def string) (q qname, err error) { return nameIn(c.ns, text, def) }

func nameIn(ns map[string]string, text, def string) (q qname, err error) {
	defer rescue(&err)
	p := &parser{toks: lex(nil, text), ns: ns}
	t := p.peek()
	if t.kind != tokName || len(p.toks) != 2 {
		return q, &Error{Code: codeSyntax, Msg: "not a name: " + text}
	}
	return p.resolve(t, def), nil
}

// find returns the innermost let of this name, nil if there is none.
func (s *Scope) find(name qname) *let {
	for ; s != nil; s = s.outer {
		if s.let != nil && s.name == name {
			return s.let
		}
	}
	return nil
}

// Expr is a compiled expression. It may be used by many evaluations at once.
type Expr struct {
	code  *code
	slots int
	first bool // as a string it is its first item (Compatible)
}

// Compile compiles an expression.
func (s *Scope) Compile(text string) (*Expr, error) {
	code, slots, err := s.compile(text)
	if err != nil {
		return nil, err
	}
	return &Expr{code, slots, s.c.compatible}, nil
}

func (s *Scope) compile(text string) (c *code, slots int, err error) { return s.compileAs(text, false) }

// compileAs compiles an expression; once says that it is evaluated no more than once in a document.
func (s *Scope) compileAs(text string, once bool) (c *code, slots int, err error) {
	defer rescue(&err)
	u, n := &unit{scope: s, c: s.c, inMemo: once}, parse(text, s.c.ns)
	u.rooted = rooted(n)
	c = u.compile(n)
	return c, u.slots, nil
}

// let returns the value of a let, evaluating it when it is first read. The value of a local let counts for one
// generation (Home); that of a global one, or its error, for the whole document.
func (f *Evaluation) let(l *let) []Item {
	for len(f.lets) <= l.index {
		f.lets = append(f.lets, letValue{})
	}
	gen, home := uint32(1), xdm.Node(0)
	if l.local {
		gen, home = f.gen, f.home
	}
	if v := &f.lets[l.index]; v.gen == gen {
		if v.err != nil {
			panic(v.err)
		}
		return v.items
	}
	was, base, mark := outside{f.save(), f.current, f.group}, f.enter(l.slots), len(f.st)
	f.setFocus(documentNode(home), 1, 1)
	f.current, f.group = f.item, nil
	if l.code.memo != nil { // it has one value in the document: no copy for each node
		items := f.memoItems(l.code.memo)
		f.leave(base)
		f.goBack(&was)
		return items
	}
	if l.local {
		l.code.push(f)
	} else if err := attempt(func() { l.code.push(f) }); err != nil {
		v := &f.lets[l.index]
		v.err, v.gen = err, gen
		panic(err)
	}
	v := &f.lets[l.index] // the lets may have grown
	if n := len(f.st) - mark; n > cap(v.items) {
		f.keep(int64(n-cap(v.items)) * itemBytes)
		v.items = make([]Item, 0, n)
	}
	f.spend(len(f.st) - mark)
	v.items, v.gen = append(v.items[:0], f.st[mark:]...), gen
	f.drop(mark)
	f.leave(base)
	f.goBack(&was)
	return v.items
}
