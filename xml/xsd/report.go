package xsd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
)

// report records an error of the innermost element.
func (r *Run) report(code, msg string, expected []string) {
	if len(r.errs) < maxErrors {
		e := Error{Code: code, Path: r.path(), Message: msg, Expected: expected, Offset: r.top().offset}
		r.errs = append(r.errs, e)
	}
}

// path returns the place of the innermost element.
func (r *Run) path() string {
	var b strings.Builder
	for i := range r.frames {
		f := &r.frames[i]
		b.WriteByte('/')
		b.WriteString(f.name.Local)
		b.WriteByte('[')
		b.WriteString(strconv.Itoa(f.nth))
		b.WriteByte(']')
	}
	return b.String()
}

// unexpected reports a child that the content model m of its parent does not allow after c.
func (r *Run) unexpected(m *model, c *cursor) {
	child := r.top().name.String()
	names := r.names(m.expected(c))
	if len(names) == 0 {
		r.report("cvc-complex-type.2.4.d", "the element "+child+" is not expected: nothing more can stand here", nil)
		return
	}
	r.report("cvc-complex-type.2.4.a", "the element "+child+" is not expected: "+oneOf(names)+" is", names)
}

// names returns what may stand at some positions, each once.
func (r *Run) names(list []position) []string {
	var out []string
	for _, p := range list {
		name := ""
		switch {
		case p.elem != nil:
			name = r.show(p.elem.name)
		case p.wild.any:
			name = "any element"
		case p.wild.not:
			name = "any element of another namespace"
		default:
			name = "any element of the namespace " + strings.Join(p.wild.spaces, " or ")
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// show writes a name with the prefix that it has in the document at this place. A prefix that is declared again
// further in stands for something else, and is passed over.
func (r *Run) show(q qname) string {
	for i := len(r.ns) - 1; i >= 0 && q.space != ""; i-- {
		if d := r.ns[i]; d.URI == q.space {
			if uri, _ := r.prefix(d.Prefix); uri == q.space {
				return safe.Name{Prefix: d.Prefix, Local: q.local}.String()
			}
		}
	}
	if q.space == nsXML {
		return "xml:" + q.local
	}
	return q.String()
}

// maxNamed bounds how many names a message lists.
const maxNamed = 8

func oneOf(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	if more := len(names) - maxNamed; more > 1 {
		return fmt.Sprintf("%s or one of %d others", strings.Join(names[:maxNamed], ", "), more)
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// counter counts the children of an element by their names, for the paths in errors. Few names are searched from the
// end, since a child often has the name of the one before; an element with more than maxFew names gets a map.
type counter struct {
	few  []count
	many map[qname]int // of names beyond few
}

type count struct {
	space, local string
	n            int
}

// maxFew is how many names are searched in a row.
const maxFew = 64

func (c *counter) reset() { c.few, c.many = c.few[:0], nil }

// next counts one more child and returns its number among those of its name, from 1.
func (c *counter) next(n safe.Name) int {
	for i := len(c.few) - 1; i >= 0; i-- {
		if k := &c.few[i]; k.local == n.Local && k.space == n.Space {
			k.n++
			return k.n
		}
	}
	if len(c.few) < maxFew {
		c.few = append(c.few, count{n.Space, n.Local, 1})
		return 1
	}
	if c.many == nil {
		c.many = map[qname]int{}
	}
	q := qname{n.Space, n.Local}
	c.many[q]++
	return c.many[q]
}
