package schematron

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
)

// generator makes documents for a rule file of which no examples exist: from the paths in its contexts, tests and lets
// it knows which elements stand in which, and with what values they are compared.
type generator struct {
	prefixes map[string]string
	rules    []ruleNeeds
	children map[string]map[string]bool // by the name of the parent, "" for the document node
	attrs    map[string]map[string]bool
	values   map[string]map[string]bool // literals that stand beside a name
	roots    []string
}

// ruleNeeds are the paths of a rule: those that end at its nodes, and those that its tests read from there.
type ruleNeeds struct{ contexts, reads []need }

// need is a path of names, "//" for a step over any, and the literals that it is compared with.
type need struct {
	path   []string
	values []string
}

func newGenerator(src *Source) *generator {
	g := &generator{
		prefixes: src.Prefixes, children: map[string]map[string]bool{},
		attrs: map[string]map[string]bool{}, values: map[string]map[string]bool{},
	}
	var first []string
	for _, let := range src.Lets {
		g.learn(nil, needs(let.Value))
	}
	for i := range src.Patterns {
		p := &src.Patterns[i]
		for _, let := range p.Lets {
			g.learn(nil, needs(let.Value))
		}
		for k := range p.Rules {
			rule := ruleNeeds{contexts: needs(p.Rules[k].Context)}
			g.learn(nil, rule.contexts)
			for _, part := range p.Rules[k].Parts {
				switch {
				case part.Let != nil:
					rule.reads = append(rule.reads, needs(part.Let.Value)...)
				case part.Assert != nil:
					rule.reads = append(rule.reads, needs(part.Assert.Test)...)
				}
			}
			for _, c := range rule.contexts {
				first = append(first, c.path[0])
				g.learn(c.path, rule.reads)
			}
			g.rules = append(g.rules, rule)
		}
	}
	g.roots = g.tops(first)
	return g
}

// learn takes what stands in what from paths that begin at the last name of a context.
func (g *generator) learn(context []string, list []need) {
	for _, n := range list {
		parent, known := "", true
		switch {
		case n.path[0] == "/":
		case len(context) > 0:
			parent = context[len(context)-1]
		default:
			known = false
		}
		for _, name := range n.path {
			switch {
			case name == "/":
				continue
			case name == "//" || name == "..":
				known = false
				continue
			case strings.HasPrefix(name, "@"):
				put(g.attrs, parent, name)
			case known:
				put(g.children, parent, name)
			}
			parent, known = name, true
		}
		for _, v := range n.values {
			put(g.values, parent, v)
		}
	}
}

func put(m map[string]map[string]bool, key, value string) {
	if m[key] == nil {
		m[key] = map[string]bool{}
	}
	m[key][value] = true
}

// messages finds the name of a message in its namespace.
var messages = regexp.MustCompile(`:([A-Z][A-Za-z]+)[-:][0-9]+$`)

// notMessages begin names in namespaces of parts of messages.
var notMessages = regexp.MustCompile(`^(Common|Qualified|Unqualified|Reusable|Core|Specialized|Code|Signature)`)

// tops are the names of document elements: those that stand below "/" or are named as their namespace, where rules
// speak of them or their namespace is declared, or else what contexts begin with.
func (g *generator) tops(first []string) []string {
	named, declared := map[string]bool{}, map[string]bool{}
	for prefix, uri := range g.prefixes {
		if m := messages.FindStringSubmatch(uri); m != nil && !notMessages.MatchString(m[1]) {
			name := prefix + ":" + m[1]
			declared[name] = true
			if len(g.children[name]) > 0 {
				named[name] = true
			}
		}
	}
	for name := range g.children[""] {
		if len(g.children[name]) > 0 {
			named[name] = true
		}
	}
	if len(named) == 0 {
		named = declared
	}
	for _, name := range first {
		if len(named) == 0 && isName(name) && !strings.HasPrefix(name, "@") {
			named[name] = true
		}
	}
	return slices.Sorted(maps.Keys(named))
}

// tokens are those of XPath, roughly.
var tokens = regexp.MustCompile(`"[^"]*"|'[^']*'|\(:.*?:\)|//|::|\.\.|!=|[<>]=?|@\*|` +
	`\$?@?(?:\*:)?[\p{L}_][\p{L}\p{N}_.-]*(?::[\p{L}_][\p{L}\p{N}_.-]*|:\*)?|[0-9.]+|\S`)

// notNames are words of XPath that stand where a name may.
var notNames = strings.Fields("and or div mod idiv eq ne lt le gt ge is to return in satisfies then else if for some " +
	"every instance of castable cast as treat union intersect except")

// reader follows the paths in an expression.
type reader struct {
	context, path []string
	dead          bool // the path is not one of names
	joined        bool // a "/" stands before the next name
	begun         bool // something that is no name stands before the next "/"
	out           []need
	literals      []string
	stack         []reader
	call          string
}

// needs returns the paths of an expression with all literals in it.
func needs(expr string) []need {
	r := &reader{}
	list := tokens.FindAllString(expr, -1)
	for i, tok := range list {
		next := ""
		if i+1 < len(list) {
			next = list[i+1]
		}
		r.token(tok, next)
	}
	r.end()
	for i := range r.out {
		r.out[i].values = r.literals
	}
	return r.out
}

// end ends a path.
func (r *reader) end() {
	if len(r.path) > len(r.context) && !r.dead && slices.ContainsFunc(r.path, isName) {
		r.out = append(r.out, need{path: slices.Clone(r.path)})
	}
	r.path, r.dead, r.joined, r.begun = slices.Clone(r.context), false, false, false
}

func isName(s string) bool { return s != "/" && s != "//" && s != ".." }

func (r *reader) push(context []string, call string) {
	r.stack = append(r.stack, reader{context: r.context, path: r.path, dead: r.dead, call: call})
	r.context, r.path = slices.Clone(context), slices.Clone(context)
	r.dead, r.joined, r.begun = false, false, false
}

func (r *reader) pop(keep bool) {
	if len(r.stack) == 0 {
		return
	}
	inner := slices.Clone(r.path)
	r.end()
	up := r.stack[len(r.stack)-1]
	r.stack = r.stack[:len(r.stack)-1]
	r.context, r.path, r.dead, r.joined, r.begun = up.context, up.path, up.dead, false, true
	switch {
	case !keep || up.call == "text" || up.call == "node":
	case up.call == "":
		r.path = inner
	default:
		r.dead = true
	}
}

func (r *reader) token(tok, next string) {
	switch c := tok[0]; {
	case strings.HasPrefix(tok, "(:"):
	case c == '"' || c == '\'':
		r.literals = append(r.literals, literals(tok[1:len(tok)-1])...)
	case tok == "[":
		r.push(r.path, "")
	case tok == "]":
		r.pop(false)
	case tok == "(":
		context := r.context
		if r.joined {
			context = r.path
		}
		r.push(context, r.call)
		r.call = ""
	case tok == ")":
		r.pop(true)
	case tok == "/" || tok == "//":
		if len(r.path) == len(r.context) && !r.joined && !r.dead && !r.begun {
			r.path = []string{"/"}
		}
		if tok == "//" {
			r.path = append(r.path, "//")
		}
		r.joined = true
	case tok == "..":
		r.parent()
	case tok == "*" && (r.joined || len(r.path) == len(r.context) && !r.begun):
		r.dead, r.begun = true, true
	case tok == ".":
		r.begun = true
	case tok == "::":
	case c == '$':
		r.end()
		r.dead, r.begun = true, true
	case c == '@' || isWord(tok):
		r.name(tok, next)
	default:
		r.end()
	}
}

func isWord(tok string) bool { return len(tok) > 1 && tok[0] == '*' || words.MatchString(tok) }

var words = regexp.MustCompile(`^[\p{L}_]`)

func (r *reader) parent() {
	if n := len(r.path); n > 0 && isName(r.path[n-1]) {
		r.path = r.path[:n-1]
	} else {
		r.dead = true
	}
	r.joined = true
}

func (r *reader) name(tok, next string) {
	switch {
	case next == "::":
		if tok != "child" && tok != "self" && tok != "attribute" {
			r.dead = true
		}
	case next == "(" && !slices.Contains(notNames, tok):
		r.call = tok
	case slices.Contains(notNames, tok):
		r.end()
	default:
		if !r.joined && len(r.path) > len(r.context) {
			r.end()
		}
		if strings.HasSuffix(tok, "*") {
			r.dead, r.begun = true, true
			return
		}
		r.path, r.joined = append(r.path, tok), false
	}
}

// literals are the values in a string of a rule: itself, and the codes of a list.
func literals(s string) []string {
	out := []string{s}
	if f := strings.Fields(s); len(f) > 1 {
		out = append(out, f[:min(len(f), 20)]...)
	}
	return out
}

// node is an element of a generated document.
type node struct {
	name     string
	attrs    []string
	value    string
	children []*node
}

// document makes a document that some rules fire for.
func (g *generator) document(r *rand.Rand) string {
	top := &node{name: pick(r, g.roots)}
	room := 30 + r.IntN(120)
	for range 4 + r.IntN(16) {
		rule := &g.rules[r.IntN(len(g.rules))]
		if len(rule.contexts) == 0 || room <= 0 {
			continue
		}
		at := g.place(r, top, []*node{top}, pick(r, rule.contexts), &room)
		for _, n := range rule.reads {
			if r.IntN(10) < 7 && n.path[0] != "/" && room > 0 {
				g.place(r, top, at, n, &room)
			}
		}
	}
	var b strings.Builder
	g.write(&b, r, top, true)
	return b.String()
}

// place makes the elements of a path below the last of at, and returns the way to its end.
func (g *generator) place(r *rand.Rand, top *node, at []*node, n need, room *int) []*node {
	path, way := n.path, slices.Clone(at)
	if path[0] == "/" {
		path, way = path[1:], nil
		if len(path) > 0 && path[0] == top.name {
			path, way = path[1:], []*node{top}
		}
	} else if len(at) == 1 && at[0] == top && path[0] == top.name {
		path = path[1:]
	}
	if way == nil {
		way = []*node{top}
	}
	for _, name := range path {
		cur := way[len(way)-1]
		switch {
		case name == "//" || name == "..":
		case strings.HasPrefix(name, "@"):
			if !slices.ContainsFunc(cur.attrs, func(a string) bool { return strings.HasPrefix(a, name[1:]+"=") }) {
				cur.attrs = append(cur.attrs, name[1:]+"="+g.value(r, name, n.values))
			}
		default:
			for _, step := range g.between(r, cur.name, name) {
				cur = way[len(way)-1]
				child := cur.child(step)
				if child == nil || r.IntN(4) == 0 {
					child = &node{name: step}
					cur.children = append(cur.children, child)
					*room--
				}
				way = append(way, child)
			}
		}
	}
	if end := way[len(way)-1]; len(end.children) == 0 && (end.value == "" || r.IntN(3) == 0) {
		end.value = g.value(r, end.name, n.values)
	}
	return way
}

func (n *node) child(name string) *node {
	for _, c := range slices.Backward(n.children) {
		if c.name == name {
			return c
		}
	}
	return nil
}

// between is a way from an element to a name below it: itself where it may stand there or nothing better is known.
func (g *generator) between(r *rand.Rand, parent, name string) []string {
	if g.children[parent][name] {
		return []string{name}
	}
	type step struct {
		name string
		from int
	}
	queue := []step{{parent, -1}}
	seen := map[string]bool{parent: true}
	for i := 0; i < len(queue); i++ {
		next := slices.Sorted(maps.Keys(g.children[queue[i].name]))
		r.Shuffle(len(next), func(a, b int) { next[a], next[b] = next[b], next[a] })
		for _, c := range next {
			if c == name {
				way := []string{name}
				for k := i; k > 0; k = queue[k].from {
					way = append(way, queue[k].name)
				}
				slices.Reverse(way)
				return way
			}
			if !seen[c] {
				seen[c] = true
				queue = append(queue, step{c, i})
			}
		}
	}
	return []string{name}
}

var amounts = []string{"100", "100.00", "25.00", "125.00", "0", "0.00", "10", "20", "-5.00", "1", "2", "12.5", "25"}

// value is one for an element or attribute: often what it is compared with, else what its name says, seldom nonsense.
func (g *generator) value(r *rand.Rand, name string, near []string) string {
	if known := slices.Sorted(maps.Keys(g.values[name])); len(known) > 0 && r.IntN(3) == 0 {
		near = known
	}
	switch n := r.IntN(12); {
	case n == 0:
		return pick(r, oddValues)
	case n < 8 && len(near) > 0:
		return escaped.Replace(pick(r, near))
	}
	for _, k := range []struct {
		in     string
		values []string
	}{
		{"Date", []string{"2024-01-01", "2024-02-01", "20240101", "2023-12-31Z"}},
		{"Time", []string{"10:00:00", "10:00:00Z", "2024-01-01T10:00:00Z"}},
		{"Indicator", []string{"true", "false"}},
		{"currency", []string{"EUR", "DKK", "NOK", "EUR"}},
		{"Currency", []string{"EUR", "DKK", "NOK", "EUR"}},
		{"scheme", []string{"0088", "0192", "VAT", "GLN", "DK:CVR"}},
		{"Amount", amounts},
		{"Total", amounts},
		{"Percent", amounts},
		{"Rate", amounts},
		{"Quantity", amounts},
	} {
		if strings.Contains(name, k.in) {
			return pick(r, k.values)
		}
	}
	return pick(r, []string{
		"1", "2", "a", "text of some length", "DK", "NO", "S", "Z", "380", "5790000436057", "NO987654325MVA",
	})
}

var escaped = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;")

func (g *generator) write(b *strings.Builder, r *rand.Rand, n *node, top bool) {
	name := g.known(n.name)
	b.WriteString("<" + name)
	if top {
		for _, prefix := range slices.Sorted(maps.Keys(g.prefixes)) {
			if prefix != "xml" {
				fmt.Fprintf(b, ` xmlns:%s="%s"`, prefix, escaped.Replace(g.prefixes[prefix]))
			}
		}
	}
	for _, a := range n.attrs {
		k, v, _ := strings.Cut(a, "=")
		if k = g.known(k); !strings.HasPrefix(k, "xmlns") && !strings.HasPrefix(k, "xml:") {
			fmt.Fprintf(b, ` %s="%s"`, k, strings.NewReplacer("<", "&lt;", `"`, "&quot;").Replace(v))
		}
	}
	b.WriteString(">")
	if len(n.children) == 0 {
		b.WriteString(n.value)
	}
	if r.IntN(3) == 0 {
		slices.SortStableFunc(n.children, func(a, b *node) int { return cmp.Compare(a.name, b.name) })
	}
	for _, c := range n.children {
		g.write(b, r, c, false)
	}
	b.WriteString("</" + name + ">")
}

// known is a name with a prefix that is declared.
func (g *generator) known(name string) string {
	prefix, local, ok := strings.Cut(name, ":")
	if !ok {
		return name
	}
	if prefix == "*" {
		for _, p := range slices.Sorted(maps.Keys(g.prefixes)) {
			if _, ok := g.children[p+":"+local]; ok {
				return p + ":" + local
			}
		}
	}
	if _, declared := g.prefixes[prefix]; declared {
		return name
	}
	return local
}
