package validation

import (
	"strings"

	"github.com/ravn-ap/ravn/peppol/doctype"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// Head is what a document says at its head: of UBL and Cross Industry Invoice. What it does not say is empty.
type Head struct {
	Number   string `json:"number,omitempty"`
	Issued   string `json:"issue_date,omitempty"`
	Seller   *Party `json:"seller,omitempty"` // or whoever sends it
	Buyer    *Party `json:"buyer,omitempty"`  // or whoever receives it
	Payable  string `json:"payable,omitempty"`
	Currency string `json:"currency,omitempty"`
}

// Party is a company in a Head.
type Party struct {
	Name string `json:"name,omitempty"`
	ID   string `json:"id,omitempty"` // with its scheme before a colon
}

// syntax says where documents have what people look for. Paths are of local names, from the root element; of several,
// with bars between them, the first counts that has a value.
type syntax struct {
	number, issued    string
	currency, payable string
	seller, buyer     string
	name, ids         string   // of a party
	address           []string // likewise; the parts of a line have spaces between them
	facts, totals     []field
	parties           []field
	tables            []table
}

// field is a path with what it is called.
type field struct {
	label label
	path  string
}

// table is a table of the elements at rows.
type table struct {
	title   label
	rows    string
	columns []field
	lines   bool // of the document: when they are many, those with findings stay
}

// syntaxOf returns the syntax of a document by its root element; of other documents only the elements are known.
func syntaxOf(root xdm.Name) (s syntax, known bool) {
	switch {
	case strings.HasPrefix(root.Space, doctype.UBL):
		return ubl, true
	case root.Space == doctype.NSInvoice:
		return cii, true
	}
	return syntax{}, false
}

// headOf reads the head of a document; nil if its syntax has none.
func headOf(t *xdm.Tree) *Head {
	top := t.FirstChild(0)
	for top != xdm.None && t.Kind(top) != xdm.Element {
		top = t.NextSibling(top)
	}
	if top == xdm.None {
		return nil
	}
	s, known := syntaxOf(t.Name(top))
	if !known {
		return nil
	}
	d := docReader{t}
	h := Head{
		Number: d.text(top, s.number), Issued: d.text(top, s.issued), Payable: d.text(top, s.payable),
		Currency: d.text(top, s.currency), Seller: d.party(&s, top, s.seller), Buyer: d.party(&s, top, s.buyer),
	}
	if h == (Head{}) {
		return nil
	}
	return &h
}

// docReader finds elements of a document by the paths of a syntax.
type docReader struct{ t *xdm.Tree }

// maxHead is how much of a value is kept, in bytes.
const maxHead = 200

// find returns the first element at one of the paths, xdm.None without one.
func (d docReader) find(n xdm.Node, paths string) xdm.Node {
	for path := range strings.SplitSeq(paths, "|") {
		at := n
		for name := range strings.SplitSeq(path, "/") {
			if at = d.child(at, name); at == xdm.None {
				break
			}
		}
		if at != xdm.None {
			return at
		}
	}
	return xdm.None
}

// child returns the first child of a local name, or xdm.None.
func (d docReader) child(n xdm.Node, name string) xdm.Node {
	for c := d.t.FirstChild(n); c != xdm.None; c = d.t.NextSibling(c) {
		if d.is(c, name) {
			return c
		}
	}
	return xdm.None
}

func (d docReader) is(n xdm.Node, name string) bool {
	return d.t.Kind(n) == xdm.Element && d.t.Name(n).Local == name
}

// text returns the value at one of the paths, in one line and cut to maxHead.
func (d docReader) text(n xdm.Node, paths string) string {
	if paths == "" {
		return ""
	}
	if n = d.find(n, paths); n == xdm.None {
		return ""
	}
	return d.value(n)
}

func (d docReader) value(n xdm.Node) string {
	s := d.t.Value(n)
	if d.is(n, "DateTimeString") && len(s) == len("20060102") { // format 102 of Cross Industry Invoice
		return s[:4] + "-" + s[4:6] + "-" + s[6:]
	}
	if len(s) > 4*maxHead {
		s = s[:4*maxHead]
	}
	s = strings.ToValidUTF8(strings.Join(strings.Fields(s), " "), "")
	if len(s) > maxHead {
		s = strings.ToValidUTF8(s[:maxHead], "") + "…"
	}
	return strings.Clone(s) // else it would hold the text of the document
}

// attr returns the value of an attribute, "" without it.
func (d docReader) attr(n xdm.Node, name string) string {
	for a := n + 1; int(a) < d.t.Len() && d.t.Kind(a) == xdm.Attr; a++ {
		if d.t.Name(a).Local == name {
			return d.value(a)
		}
	}
	return ""
}

// party reads a party at one of the paths, nil without one.
func (d docReader) party(s *syntax, n xdm.Node, paths string) *Party {
	if n = d.find(n, paths); n == xdm.None {
		return nil
	}
	p := Party{Name: d.text(n, s.name)}
	if id := d.find(n, s.ids); id != xdm.None {
		p.ID = d.value(id)
		if scheme := d.attr(id, "schemeID"); scheme != "" && p.ID != "" {
			p.ID = scheme + ":" + p.ID
		}
	}
	if p == (Party{}) {
		return nil
	}
	return &p
}
