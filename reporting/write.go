package reporting

import (
	"bytes"
	"io"
	"strconv"

	"github.com/ravn-ap/ravn/xml/safe"
)

// WriteTo writes the report in its canonical form (Canonical XML 1.0), indented.
func (t *TSR) WriteTo(w io.Writer) (int64, error) {
	x := &writer{w: w}
	x.begin("TransactionStatisticsReport", nsTSR, &t.Top)
	x.open(1, "Total", "")
	x.counts(t.Total)
	x.close(1, "Total")
	for i := range t.Subtotals {
		s := &t.Subtotals[i]
		x.open(1, "Subtotal", s.Type)
		x.keys(s.Keys)
		x.counts(s.Counts)
		x.close(1, "Subtotal")
	}
	return x.finish("TransactionStatisticsReport")
}

// XML returns the report as WriteTo writes it.
func (t *TSR) XML() []byte { return xmlBytes(t) }

// WriteTo writes the report in its canonical form (Canonical XML 1.0), indented.
func (e *EUSR) WriteTo(w io.Writer) (int64, error) {
	x := &writer{w: w}
	x.begin("EndUserStatisticsReport", nsEUSR, &e.Top)
	x.open(1, "FullSet", "")
	x.users(e.FullSet)
	x.close(1, "FullSet")
	for i := range e.Subsets {
		s := &e.Subsets[i]
		x.open(1, "Subset", s.Type)
		x.keys(s.Keys)
		x.users(s.Users)
		x.close(1, "Subset")
	}
	return x.finish("EndUserStatisticsReport")
}

// XML returns the report as WriteTo writes it.
func (e *EUSR) XML() []byte { return xmlBytes(e) }

func xmlBytes(d io.WriterTo) []byte {
	var b bytes.Buffer
	_, _ = d.WriteTo(&b) // a Buffer does not fail
	return b.Bytes()
}

// writer writes elements, each on a line of its own.
type writer struct {
	w   io.Writer
	b   []byte
	n   int64
	err error
}

const writeSize = 64 << 10

// begin writes what both reports begin with.
func (x *writer) begin(root, space string, t *Top) {
	x.b = append(x.b, "<"+root+` xmlns="`+space+`">`+"\n"...)
	x.leaf(1, "CustomizationID", t.Customization)
	x.leaf(1, "ProfileID", t.Profile)
	x.open(1, "Header", "")
	x.open(2, "ReportPeriod", "")
	x.leaf(3, "StartDate", t.Start)
	x.leaf(3, "EndDate", t.End)
	x.close(2, "ReportPeriod")
	x.b = append(x.b, `    <ReporterID schemeID="`...)
	x.b = append(safe.AppendAttr(x.b, t.ReporterScheme), `">`...)
	x.b = append(safe.AppendText(x.b, t.Reporter), "</ReporterID>\n"...)
	x.close(1, "Header")
}

// finish writes the last tag, without a line end, because the canonical form has none there.
func (x *writer) finish(root string) (int64, error) {
	x.b = append(x.b, "</"+root+">"...)
	x.flush()
	return x.n, x.err
}

func (x *writer) flush() {
	if x.err == nil {
		var n int
		n, x.err = x.w.Write(x.b)
		x.n += int64(n)
	}
	x.b = x.b[:0]
}

func (x *writer) indent(depth int) { x.b = append(x.b, "        "[:2*depth]...) }

func (x *writer) open(depth int, name, typ string) {
	x.indent(depth)
	x.b = append(append(x.b, '<'), name...)
	if typ != "" {
		x.b = append(safe.AppendAttr(append(x.b, ` type="`...), typ), '"')
	}
	x.b = append(x.b, ">\n"...)
}

func (x *writer) close(depth int, name string) {
	x.indent(depth)
	x.b = append(append(append(x.b, "</"...), name...), ">\n"...)
	if len(x.b) > writeSize {
		x.flush()
	}
}

func (x *writer) leaf(depth int, name, value string) {
	x.indent(depth)
	x.b = append(append(append(x.b, '<'), name...), '>')
	x.b = safe.AppendText(x.b, value)
	x.b = append(append(append(x.b, "</"...), name...), ">\n"...)
}

func (x *writer) number(depth int, name string, n uint64) {
	x.leaf(depth, name, strconv.FormatUint(n, 10))
}

func (x *writer) keys(keys []Key) {
	for _, k := range keys {
		x.b = safe.AppendAttr(append(x.b, `    <Key metaSchemeID="`...), k.Meta)
		x.b = safe.AppendAttr(append(x.b, `" schemeID="`...), k.Scheme)
		x.b = safe.AppendText(append(x.b, `">`...), k.Value)
		x.b = append(x.b, "</Key>\n"...)
	}
}

func (x *writer) counts(c Counts) {
	x.number(2, "Incoming", c.Incoming)
	x.number(2, "Outgoing", c.Outgoing)
}

func (x *writer) users(u Users) {
	x.number(2, "SendingEndUsers", u.Sending)
	x.number(2, "ReceivingEndUsers", u.Receiving)
	x.number(2, "SendingOrReceivingEndUsers", u.Either)
}
