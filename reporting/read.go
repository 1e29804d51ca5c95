package reporting

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
)

// ReadTSR reads a Transaction Statistics Report that has the structure of its schema. The texts in it may be wrong;
// Check finds that. A number above 2^64-1 is refused.
func ReadTSR(b []byte) (*TSR, error) {
	r, err := read(b, nsTSR, "TransactionStatisticsReport")
	if err != nil {
		return nil, err
	}
	t := &TSR{Top: r.top()}
	total := r.inside(r.one("Total"))
	t.Total = total.counts()
	total.done()
	for r.more() {
		s := r.inside(r.one("Subtotal"))
		t.Subtotals = append(t.Subtotals, Subtotal{s.attr("type"), s.keys(), s.counts()})
		s.done()
	}
	r.done()
	return t, r.firstErr()
}

// ReadEUSR reads an End User Statistics Report, as ReadTSR does.
func ReadEUSR(b []byte) (*EUSR, error) {
	r, err := read(b, nsEUSR, "EndUserStatisticsReport")
	if err != nil {
		return nil, err
	}
	e := &EUSR{Top: r.top()}
	full := r.inside(r.one("FullSet"))
	e.FullSet = full.users()
	full.done()
	for r.more() {
		s := r.inside(r.one("Subset"))
		e.Subsets = append(e.Subsets, Subset{s.attr("type"), s.keys(), s.users()})
		s.done()
	}
	r.done()
	return e, r.firstErr()
}

// reader reads the child elements of an element one after the other. It keeps the first error.
type reader struct {
	at    safe.Node
	list  []safe.Node
	space string
	err   *error // shared by all readers of a document
}

func read(b []byte, space, root string) (*reader, error) {
	doc, err := safe.Parse(b, safe.Document)
	if err != nil {
		return nil, err
	}
	if !doc.Top().Is(space, root) {
		return nil, fmt.Errorf("reporting: the root element is %s, not %s of %s", doc.Top().Name(), root, space)
	}
	return &reader{doc.Top(), doc.Top().Elements(), space, new(error)}, nil
}

func (r *reader) firstErr() error { return *r.err }

func (r *reader) fail(at safe.Node, format string, args ...any) {
	if *r.err == nil {
		line, _ := at.Pos()
		*r.err = fmt.Errorf("reporting: line %d: %s", line, fmt.Sprintf(format, args...))
	}
}

func (r *reader) more() bool { return len(r.list) > 0 && *r.err == nil }

// one returns the next child, which must have this name. After an error it is the zero node.
func (r *reader) one(name string) safe.Node {
	if *r.err != nil {
		return safe.Node{}
	}
	if len(r.list) == 0 {
		r.fail(r.at, "%s ends where %s is needed", r.at.Name(), name)
		return safe.Node{}
	}
	n := r.list[0]
	if !n.Is(r.space, name) {
		r.fail(n, "%s stands where %s is needed", n.Name(), name)
		return safe.Node{}
	}
	r.list = r.list[1:]
	return n
}

// inside reads the children of n.
func (r *reader) inside(n safe.Node) *reader { return &reader{n, n.Elements(), r.space, r.err} }

func (r *reader) done() {
	if r.more() {
		r.fail(r.list[0], "%s stands where %s should end", r.list[0].Name(), r.at.Name())
	}
}

func (r *reader) attr(name string) string {
	v, _ := r.at.Attr("", name)
	return v
}

func (r *reader) leaf(name string) string {
	n := r.one(name)
	s, ok := n.Leaf()
	if !ok && !n.IsZero() {
		r.fail(n, "%s must hold text alone", name)
	}
	return s
}

// number reads xs:nonNegativeInteger.
func (r *reader) number(name string) uint64 {
	n := r.one(name)
	s := strings.Trim(n.Text(), " \t\r\n")
	v, err := strconv.ParseUint(strings.TrimPrefix(s, "+"), 10, 64)
	if (err != nil || strings.HasPrefix(s, "++")) && !n.IsZero() {
		r.fail(n, "%s is not a number of at most 64 bits", name)
	}
	return v
}

func (r *reader) top() (t Top) {
	t.Customization, t.Profile = r.leaf("CustomizationID"), r.leaf("ProfileID")
	head := r.inside(r.one("Header"))
	period := head.inside(head.one("ReportPeriod"))
	t.Start, t.End = period.leaf("StartDate"), period.leaf("EndDate")
	period.done()
	who := head.one("ReporterID")
	t.Reporter = who.Text()
	t.ReporterScheme, _ = who.Attr("", "schemeID")
	head.done()
	return t
}

func (r *reader) keys() []Key {
	var out []Key
	for r.more() && r.list[0].Is(r.space, "Key") {
		k := r.inside(r.one("Key"))
		out = append(out, Key{k.attr("metaSchemeID"), k.attr("schemeID"), k.at.Text()})
		k.done()
	}
	return out
}

func (r *reader) counts() Counts { return Counts{r.number("Incoming"), r.number("Outgoing")} }

func (r *reader) users() Users {
	return Users{r.number("SendingEndUsers"), r.number("ReceivingEndUsers"), r.number("SendingOrReceivingEndUsers")}
}
