package xsd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/xml/safe"
)

const ublInvoice = "xsd/ubl-2.1/maindoc/UBL-Invoice-2.1.xsd"

// TestErrors: an error says where it is, what is wrong and what is expected, in words.
func TestErrors(t *testing.T) {
	base := string(golden.Read(t, baseExample))
	for _, tc := range []struct {
		name, old, new string
		want           Error
	}{
		{
			"element", "<cbc:IssueDate>2017-11-13</cbc:IssueDate>", "<cbc:IssuedOn>2017-11-13</cbc:IssuedOn>",
			Error{
				Code: "cvc-complex-type.2.4.a", Path: "/Invoice[1]/IssuedOn[1]",
				Message:  "the element cbc:IssuedOn is not expected: cbc:CopyIndicator, cbc:UUID or cbc:IssueDate is",
				Expected: []string{"cbc:CopyIndicator", "cbc:UUID", "cbc:IssueDate"},
			},
		},
		{
			"value", "<cbc:IssueDate>2017-11-13<", "<cbc:IssueDate>13.11.2017<",
			Error{
				Code: "cvc-datatype-valid.1.2.1", Path: "/Invoice[1]/IssueDate[1]",
				Message: `the value of cbc:IssueDate is not allowed: "13.11.2017" is not a value of the type date`,
			},
		},
		{
			"attribute", `<cbc:PriceAmount currencyID="EUR">400<`, `<cbc:PriceAmount currency="EUR">400<`,
			Error{
				Code: "cvc-complex-type.3.2.2", Path: "/Invoice[1]/InvoiceLine[1]/Price[1]/PriceAmount[1]",
				Message:  "the attribute currency is not allowed on cbc:PriceAmount",
				Expected: []string{"currencyCodeListVersionID", "currencyID"},
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			doc := strings.Replace(base, tc.old, tc.new, 1)
			if doc == base {
				t.Fatal("the example has changed")
			}
			errs, err := schemaOf(t, ublInvoice).Validate(strings.NewReader(doc))
			if err != nil || len(errs) == 0 {
				t.Fatal(errs, err)
			}
			got := errs[0]
			before := doc[:got.Offset]
			line, col := 1+strings.Count(before, "\n"), len(before)-strings.LastIndexByte(before, '\n')
			if got.Line != line || got.Col != col || !strings.HasPrefix(doc[got.Offset:], "<cbc:") {
				t.Errorf("line %d column %d, want %d %d", got.Line, got.Col, line, col)
			}
			got.Offset, got.Line, got.Col = 0, 0, 0
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("%#v", got)
			}
		})
	}
}

// TestNotWellFormed: what cannot be read is an error of its own.
func TestNotWellFormed(t *testing.T) {
	_, err := schemaOf(t, ublInvoice).Validate(strings.NewReader("<Invoice>"))
	var e *safe.Error
	if !errors.As(err, &e) {
		t.Error(err)
	}
}

// TestManyErrors: the errors that are kept are bounded.
func TestManyErrors(t *testing.T) {
	s, err := Load(fstest.MapFS{"s.xsd": {Data: []byte(schemaText(`<xs:element ` +
		`name="r"><xs:complexType><xs:sequence><xs:element name="a" type="xs:int" ` +
		`maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element>`))}}, "s.xsd")
	if err != nil {
		t.Fatal(err)
	}
	errs, err := s.Validate(strings.NewReader("<r>" + strings.Repeat("<a>x</a>", 1000) + "</r>"))
	if err != nil || len(errs) != maxErrors || errs[99].Path != "/r[1]/a[100]" {
		t.Errorf("%d errors, %v", len(errs), err)
	}
}

// TestPaths: positions count siblings of the same name, also where there are very many names.
func TestPaths(t *testing.T) {
	s,
		err := Load(fstest.MapFS{"s.xsd": {Data: []byte(
		schemaText(`<xs:element name="r"/><xs:element name="bad" type="xs:int"/>`))}}, "s.xsd")
	if err != nil {
		t.Fatal(err)
	}
	var doc strings.Builder
	doc.WriteString("<r>")
	for range 2 {
		for i := range 200 {
			fmt.Fprintf(&doc, "<e%d/>", i)
		}
		doc.WriteString("<e199><bad>x</bad></e199><bad>y</bad>")
	}
	doc.WriteString("</r>")
	errs, err := s.Validate(strings.NewReader(doc.String()))
	var got []string
	for _, e := range errs {
		got = append(got, e.Path)
	}
	want := []string{"/r[1]/e199[2]/bad[1]", "/r[1]/bad[1]", "/r[1]/e199[4]/bad[1]", "/r[1]/bad[2]"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Error(got, err)
	}
}

// TestConcurrent: one schema serves many documents at a time.
func TestConcurrent(t *testing.T) {
	doc := golden.Read(t, baseExample)
	s := schemaOf(t, ublInvoice)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if errs, err := s.Validate(bytes.NewReader(doc)); err != nil || errs != nil {
					t.Error(errs, err)
				}
			}
		})
	}
	wg.Wait()
}

// repeated reads a document of which one part is repeated many times.
type repeated struct {
	head, part, tail string
	n                int
}

func (r *repeated) reader() io.Reader {
	parts := []io.Reader{strings.NewReader(r.head)}
	for range r.n {
		parts = append(parts, strings.NewReader(r.part))
	}
	return io.MultiReader(append(parts, strings.NewReader(r.tail))...)
}

// TestConstantMemory: 30 MB of invoice lines, and an attachment of 100 MB, need no more memory than a small document.
func TestConstantMemory(t *testing.T) {
	base := string(golden.Read(t, baseExample))
	line := strings.LastIndex(base, "<cac:InvoiceLine>")
	end := strings.Index(base[line:], "</cac:InvoiceLine>") + line + len("</cac:InvoiceLine>")
	attachment := `<cac:AdditionalDocumentReference><cbc:ID>1</cbc:ID><cac:Attachment>` +
		`<cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" filename="a.pdf">`
	at := strings.Index(base, "<cac:AccountingSupplierParty>")
	for name, doc := range map[string]repeated{
		"lines": {base[:line], base[line:end], base[end:], 30 << 20 / (end - line)},
		"attachment": {
			base[:at] + attachment, strings.Repeat("QUJD", 16<<10) + "\n",
			"</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>" + base[at:],
			100 << 20 / (64 << 10),
		},
	} {
		t.Run(name, func(t *testing.T) {
			run := schemaOf(t, ublInvoice).NewRun()
			r := doc.reader()
			runtime.GC()
			var before, now runtime.MemStats
			runtime.ReadMemStats(&before)
			events, most := 0, uint64(0)
			err := safe.Scan(r, safe.Document, func(ev *safe.Event) error {
				run.Event(ev)
				if events++; events%500_000 == 0 || ev.Kind == safe.End && ev.Depth == 0 {
					runtime.GC()
					runtime.ReadMemStats(&now)
					most = max(most, now.HeapAlloc)
				}
				return nil
			})
			if errs := run.Errors(); err != nil || errs != nil {
				t.Fatal(errs, err)
			}
			if used := int64(most) - int64(before.HeapAlloc); used > 4<<20 {
				t.Errorf("%d bytes more in use", used)
			}
		})
	}
}
