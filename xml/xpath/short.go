package xpath

import (
	"maps"
	"slices"
	"strings"
)

// shortener writes expressions for people: with the prefixes of the rule file, without what only changes the form of a
// value, and cut where they are long.
type shortener struct {
	ns   map[string]string
	self string // what the context item is called, "" within a predicate
	most int    // how long a predicate may be that is written out
}

// short writes an expression. Where it becomes too long, predicates and the beginnings of paths are left out first.
func (s shortener) short(n node) string {
	s.most = maxShort / 2
	text := s.write(n)
	if len(text) > maxShort {
		s.most = 0
		text = s.write(n)
	}
	return cut(text, maxShort)
}

func (s shortener) write(n node) string {
	switch n := bare(n).(type) {
	case literal:
		if n.item.Type == String {
			return "'" + cut(n.item.s, 30) + "'"
		}
		return n.item.lexical()
	case variable:
		return "$" + n.name.local
	case context_:
		if s.self != "" {
			return s.self
		}
		return "."
	case sequence:
		return "(" + s.list(n.list) + ")"
	case binary:
		op := " " + n.op + " "
		return s.operand(n.l, n) + op + s.operand(n.r, n)
	case negate:
		return "-" + s.operand(n.x, n)
	case compare:
		return s.write(n.l) + " " + n.op + " " + s.write(n.r)
	case logic:
		op := " or "
		if n.and {
			op = " and "
		}
		return s.operand(n.l, n) + op + s.operand(n.r, n)
	case conditional:
		return "if (" + s.write(n.cond) + ") then " + s.write(n.then) + " else " + s.write(n.els)
	case forExpr:
		return "for " + s.binds(n.binds) + " return " + s.write(n.ret)
	case quantified:
		word := "some "
		if n.every {
			word = "every "
		}
		return word + s.binds(n.binds) + " satisfies " + s.write(n.cond)
	case castExpr: // a castable: bare has taken off casts
		return s.write(n.x) + " castable as " + n.to.String()
	case instance:
		return s.write(n.x) + " instance of …"
	case call:
		return s.name(n.name) + "(" + s.list(n.args) + ")"
	case root:
		return "/"
	case filter:
		return s.operand(n.x, n) + s.predicates(n.preds)
	case path:
		return s.path(n)
	}
	return "…"
}

func (s shortener) list(list []node) string {
	var out []string
	for i, n := range list {
		if i == maxValues {
			out = append(out, "…")
			break
		}
		out = append(out, s.write(n))
	}
	return strings.Join(out, ", ")
}

func (s shortener) binds(list []binding) string {
	var out []string
	for _, b := range list {
		out = append(out, "$"+b.name.local+" in "+s.write(b.in))
	}
	return strings.Join(out, ", ")
}

// operand writes a part of a larger expression, in parentheses where it is one of weaker operators.
func (s shortener) operand(n, of node) string {
	n = bare(n)
	text := s.write(n)
	inner, is := n.(binary)
	outer, was := of.(binary)
	switch n.(type) {
	case logic, compare, conditional, quantified, forExpr:
		return "(" + text + ")"
	}
	if is && (!was || inner.op != outer.op && (outer.op != "+" || inner.op == "to")) {
		return "(" + text + ")"
	}
	return text
}

// path writes the steps of a path. A step that only changes the form of a value is left out, and so is text().
func (s shortener) path(n path) string {
	var b strings.Builder
	slash, steps := false, n.steps
	if s.most == 0 && len(steps) > 3 {
		b.WriteString("…")
		slash, steps = true, steps[len(steps)-2:]
	} else if n.from != nil {
		if _, ok := n.from.(root); !ok {
			b.WriteString(s.operand(n.from, n))
		}
		slash = true
	}
	inner := s
	inner.self = ""
	for i, st := range steps {
		if st.expr == nil && st.axis == axisDescendantOrSelf && st.test.kind == testNode && i < len(steps)-1 {
			b.WriteString("/") // with the slash of the next step "//"
			slash = true
			continue
		}
		text := inner.step(st)
		if text == "." || text == "" {
			continue
		}
		if slash {
			b.WriteString("/")
		}
		b.WriteString(text)
		slash = true
	}
	if b.Len() == 0 {
		return s.write(context_{})
	}
	return b.String()
}

// axisNames are the axes as they are written.
var axisNames = func() map[axis]string {
	out := map[axis]string{}
	for name, a := range axes {
		out[a] = name + "::"
	}
	out[axisChild], out[axisAttribute] = "", "@"
	return out
}()

func (s shortener) step(st step) string {
	if st.expr != nil {
		return s.operand(st.expr, path{})
	}
	if st.axis == axisParent && st.test.kind == testNode {
		return ".." + s.predicates(st.preds)
	}
	test := "node()"
	switch t := st.test; t.kind {
	case testName:
		test = s.name(t.name)
	case testNames:
		test = "…"
	case testSpace:
		test = s.prefix(t.name.space) + ":*"
	case testLocal:
		test = "*:" + t.name.local
	case testAny, testElement:
		test = "*"
	case testText:
		if st.axis == axisChild && len(st.preds) == 0 {
			return ""
		}
		test = "text()"
	case testComment:
		test = "comment()"
	case testPI:
		test = "processing-instruction()"
	}
	return axisNames[st.axis] + test + s.predicates(st.preds)
}

func (s shortener) predicates(list []node) string {
	s.self = ""
	var b strings.Builder
	for _, p := range list {
		if text := s.write(p); len(text) <= s.most {
			b.WriteString("[" + text + "]")
		} else {
			b.WriteString("[…]")
		}
	}
	return b.String()
}

// name writes a name with the first prefix that its namespace has in the rule file.
func (s shortener) name(q qname) string {
	if p := s.prefix(q.space); p != "" {
		return p + ":" + q.local
	}
	return q.local
}

func (s shortener) prefix(space string) string {
	switch space {
	case "", nsFn:
		return ""
	case nsXS:
		return "xs"
	}
	for _, p := range slices.Sorted(maps.Keys(s.ns)) {
		if s.ns[p] == space {
			return p
		}
	}
	return ""
}
