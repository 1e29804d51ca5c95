package accounts

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/reporting"
	"github.com/ravn-ap/ravn/xml/safe"
)

// shortTypes abbreviates identifiers of the worked example.
var shortTypes = strings.NewReplacer(rem, "REM", inv, "INV", cn, "CN", ord, "ORD", mls, "MLS",
	processes[rem], "p-rem", processes[inv], "p-bill", processes[ord], "p-ord", processes[mls], "p-mls")

// export makes an export and saves it in a new folder.
func (w *world) export(o ExportOptions) (*Export, string) {
	w.Helper()
	e, err := w.Export(w.Context(), october, o)
	w.must(err)
	dir := w.TempDir()
	_, err = e.Save(dir)
	w.must(err)
	return e, dir
}

// closed closes the months of the worked example, with customers, and builds the reports.
func (w *world) closed(list []Customer) []Built {
	w.Helper()
	ctx := w.Context()
	_, err := w.Change(ctx, "op", list)
	w.must(err)
	w.set("2026-11-02T08:00:00Z")
	w.must(w.Close(ctx, peppol.Month(202609), "op"))
	w.must(w.Close(ctx, october, "op"))
	built, err := w.Build(ctx, october, "op")
	w.must(err)
	return built
}

func readFile(t testing.TB, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readCSV reads a file as RPT-9.2 wants it.
func readCSV(t testing.TB, dir, name string) [][]string {
	t.Helper()
	b := readFile(t, dir, name)
	text, ok := bytes.CutPrefix(b, []byte("\xef\xbb\xbf"))
	if !ok || !bytes.HasSuffix(b, []byte("\r\n")) {
		t.Errorf("%s: no byte order mark, or no CRLF at the end: %q", name, b)
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma = ';'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// readWorkbook returns the rows of all sheets, and their names in order.
func readWorkbook(t testing.TB, dir, name string) (names []string, sheets map[string][][]string) {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(readFile(t, dir, name)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	sheets = map[string][][]string{}
	for _, name := range f.GetSheetList() {
		rows, err := f.GetRows(name)
		if err != nil {
			t.Fatal(err)
		}
		sheets[name] = rows
	}
	return f.GetSheetList(), sheets
}

// checkCells reads the sheets of a workbook with a reader that knows nothing of workbooks: cells are texts or numbers,
// never formulas.
func checkCells(t testing.TB, dir, name string) {
	t.Helper()
	b := readFile(t, dir, name)
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	cells := 0
	for _, part := range z.File {
		r, err := part.Open()
		if err != nil {
			t.Fatal(err)
		}
		doc, err := safe.Read(r, safe.Document)
		if err != nil {
			t.Fatalf("%s %s: %v", name, part.Name, err)
		}
		if path.Dir(part.Name) != "xl/worksheets" {
			continue
		}
		for i := range doc.Len() {
			n := doc.At(i)
			switch n.Name().Local {
			case "f":
				t.Errorf("%s %s has a formula", name, part.Name)
			case "c":
				cells++
				typ, _ := n.Attr("", "t")
				if value := n.Elements(); typ == "inlineStr" && value[0].Name().Local == "is" ||
					typ == "" && value[0].Name().Local == "v" {
					continue
				}
				t.Errorf("%s %s: a cell of type %q: %s", name, part.Name, typ, n.Raw())
			}
		}
	}
	if cells == 0 {
		t.Errorf("%s has no cells", name)
	}
}

// joined puts rows in a text, with short identifiers.
func joined(rows [][]string) string {
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(shortTypes.Replace(strings.Join(row, ";")) + "\n")
	}
	return b.String()
}

func same(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
}

const (
	wantDFO = `Period;Direction;Document family;Document type id;Process id;SeatID;Counterpart SP (SeatID);` +
		`Sender scheme;Receiver scheme;Sender country;Receiver country;Domain;Count
2026-10;Received;Invoice;INV;p-bill;PNO000777;PNO000777;0192;0192;NO;NO;eProcurement;1
2026-10;Received;Invoice;INV;p-bill;PNO000777;PNO000888;0192;0192;NO;SE;eProcurement;1
2026-10;Received;Invoice;INV;p-bill;PNO000777;POP000555;0192;0088;DE;NO;eProcurement;1
2026-10;Received;Invoice;INV;p-bill;PNO000777;POP000555;0192;0192;ZZ;NO;eProcurement;1
2026-10;Received;Order;ORD;p-ord;PNO000777;PNO000888;0192;0192;NO;NO;eProcurement;1
2026-10;Received;Responses;MLS;p-mls;PNO000777;PNO000888;0192;0242;NO;NO;eProcurement;1
2026-10;Sent;Credit note;CN;p-bill;PNO000777;POP000555;0192;0192;SE;;eProcurement;1
2026-10;Sent;Invoice;INV;p-bill;PNO000777;PNO000777;0192;0192;NO;;eProcurement;1
2026-10;Sent;Invoice;INV;p-bill;PNO000777;PNO000888;0088;0192;NO;;eProcurement;1
2026-10;Sent;Invoice;INV;p-bill;PNO000777;PNO000888;0192;0192;NO;;eProcurement;1
2026-10;Sent;Invoice;INV;p-bill;PNO000777;POP000555;0192;0192;NO;;eProcurement;1
2026-10;Sent;Reminder;REM;p-rem;PNO000777;PNO000888;0192;0192;NO;;eProcurement;1
`
	wantCustomers = `Customer id;Customer;Direction;Document family;Document type id;Count
;(no customer);Received;Responses;MLS;1
A;Alpha AS;Received;Invoice;INV;1
A;Alpha AS;Sent;Invoice;INV;3
B;Beta AS;Received;Order;ORD;1
B;Beta AS;Sent;Invoice;INV;1
B;Beta AS;Sent;Reminder;REM;1
C;Gamma AB;Received;Invoice;INV;1
C;Gamma AB;Sent;Credit note;CN;1
D;Delta AS;Received;Invoice;INV;2
`
	wantReconciliation = `What;Id;Name;Sent;Received;Total
TSR;PNO000777;revision 1;6;6;12
No customer;0242:000777;ourselves;0;1;1
Customer;A;Alpha AS;3;1;4
Customer;B;Beta AS;2;1;3
Customer;C;Gamma AB;1;1;2
Customer;D;Delta AS;0;2;2
Sum of customers and others;;;6;6;12
Difference from the TSR;;;0;0;0
`
)

// TestExportWorkedExample: the files of RPT-8's month, as RPT-9.2 and RPT-9.5 want them.
func TestExportWorkedExample(t *testing.T) {
	w := newWorld(t)
	w.october()
	built := w.closed(customers())
	e, dir := w.export(ExportOptions{
		Lang: fault.English, Provider: "Ravn & Sønn AS", Org: "999888777",
		Contact: "+47 22 00 00 00", To: "peppol@dfo.example",
	})
	if e.Preview || e.Sent != 6 || e.Received != 6 || len(e.Missing()) != 0 {
		t.Errorf("%+v", e)
	}
	same(t, "CSV file for DFØ", joined(readCSV(t, dir, "dfo-2026-10.csv")), wantDFO)
	same(t, "CSV file of customers", joined(readCSV(t, dir, "customers-2026-10.csv")), wantCustomers)

	names, sheets := readWorkbook(t, dir, "dfo-2026-10.xlsx")
	same(t, "sheets", strings.Join(names, ", "), "Summary, Transactions")
	same(t, "sheet Transactions", joined(sheets["Transactions"]), wantDFO)
	same(t, "sheet Summary", joined(sheets["Summary"]),
		"Field;Value\nYear;2026\nMonth;10\nStatus;the month is closed\nSP name;Ravn & Sønn AS\n"+
			"Organisation number;999888777\nSeatID;PNO000777\nContact;+47 22 00 00 00\nSent;6\nReceived;6\nTotal;12\n"+
			"TSR PNO000777, revision 1, SHA-256;"+built[0].TSR+"\nEUSR PNO000777, revision 1, SHA-256;"+built[0].EUSR+
			"\n")

	names, sheets = readWorkbook(t, dir, "customers-2026-10.xlsx")
	same(t, "sheets", strings.Join(names, ", "), "All customers, Reconciliation, Alpha AS, Beta AS, Gamma AB, Delta AS")
	same(t, "sheet All customers", joined(sheets["All customers"]), wantCustomers)
	same(t, "sheet Reconciliation", joined(sheets["Reconciliation"]), wantReconciliation)
	same(t, "sheet of a customer", joined(sheets["Gamma AB"]),
		"Customer id;Customer;Direction;Document family;Document type id;Count\n"+
			"C;Gamma AB;Received;Invoice;INV;1\nC;Gamma AB;Sent;Credit note;CN;1\n")

	same(t, "mail", string(readFile(t, dir, "mail.txt")), `Subject: Reporting - 2026-10 Ravn & Sønn AS
To: peppol@dfo.example
Attachments: dfo-2026-10.xlsx, dfo-2026-10.csv

Attached is the report of transmissions in 2026-10 by Ravn & Sønn AS (organisation number 999888777, SeatID PNO000777).

Sent: 6
Received: 6

Kind regards
Ravn & Sønn AS
+47 22 00 00 00
`)
	for _, name := range []string{"dfo-2026-10.xlsx", "customers-2026-10.xlsx"} {
		checkCells(t, dir, name)
	}
}

// The same numbers give the same bytes, nothing for DFØ tells a customer, and files with customers are for us alone.
func TestExportFiles(t *testing.T) {
	w := newWorld(t)
	w.october()
	w.closed(customers())
	e, first := w.export(ExportOptions{})
	for range 5 { // the order of sheets in excelize is another one each time
		_, again := w.export(ExportOptions{})
		entries, err := os.ReadDir(again)
		w.must(err)
		if len(entries) != 5 {
			t.Fatalf("%v", entries)
		}
		for _, f := range entries {
			if !bytes.Equal(readFile(t, first, f.Name()), readFile(t, again, f.Name())) {
				t.Errorf("%s differs when it is made again", f.Name())
			}
		}
	}
	same(t, "missing", strings.Join(e.Missing(), " "), "sp-name org contact to")
	for name, mode := range map[string]os.FileMode{
		"dfo-2026-10.csv": 0o644, "customers-2026-10.csv": 0o600,
		"customers-2026-10.xlsx": 0o600,
	} {
		if st, err := os.Stat(filepath.Join(first, name)); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, st.Mode(), err)
		}
	}
	_, sheets := readWorkbook(t, first, "dfo-2026-10.xlsx")
	all := fmt.Sprint(sheets, readCSV(t, first, "dfo-2026-10.csv"), string(readFile(t, first, "mail.txt")))
	for _, secret := range []string{"Alpha", "Gamma", custA, "910000001"} {
		if strings.Contains(all, secret) {
			t.Errorf("DFØ is told %s", secret)
		}
	}
	if !strings.HasPrefix(string(readFile(t, first, "mail.txt")),
		"Subject: Reporting - 2026-10 PNO000777\nTo: (mangler)\n") {
		t.Errorf("%s", readFile(t, first, "mail.txt"))
	}
}

// A month that is not closed gives a preview, which says so in all three languages.
func TestExportPreview(t *testing.T) {
	w := newWorld(t)
	w.october()
	for lang, want := range map[fault.Lang][3]string{
		fault.English: {"Summary", "preview, the month is not closed", "No customer;0192:910000004;;0;2;2\n"},
		fault.Bokmal:  {"Sammendrag", "forhåndsvisning, måneden er ikke lukket", "Uten kunde;0192:910000004;;0;2;2\n"},
		fault.Nynorsk: {"Samandrag", "førehandsvising, månaden er ikkje lukka", "Utan kunde;0192:910000004;;0;2;2\n"},
	} {
		e, dir := w.export(ExportOptions{Lang: lang})
		_, sheets := readWorkbook(t, dir, "dfo-2026-10-preview.xlsx")
		if got := joined(sheets[want[0]]); !e.Preview || !strings.Contains(got, "Status;"+want[1]+"\n") ||
			strings.Contains(got, "SHA-256") {
			t.Errorf("%s: summary\n%s", lang, got)
		}
		if mail := string(readFile(t, dir, "mail-preview.txt")); !strings.Contains(mail, want[1]) ||
			!strings.Contains(mail, "dfo-2026-10-preview.csv") {
			t.Errorf("%s: mail\n%s", lang, mail)
		}
		names, sheets := readWorkbook(t, dir, "customers-2026-10-preview.xlsx")
		if got := joined(sheets[names[1]]); len(names) != 2 || !strings.Contains(got, want[2]) {
			t.Errorf("%s: %v\n%s", lang, names, got)
		}
	}
	empty := newWorld(t)
	empty.set("2026-11-02T08:00:00Z")
	empty.must(empty.Close(t.Context(), october, "op"))
	e, dir := empty.export(ExportOptions{})
	if rows := readCSV(t, dir, "dfo-2026-10.csv"); len(rows) != 1 || e.Sent+e.Received != 0 {
		t.Errorf("an empty month: %v", rows)
	}
}

// After a build customers are corrected: the countries stay those of the reports, the customers are those of now.
func TestExportAfterCorrection(t *testing.T) {
	w := newWorld(t)
	w.october()
	w.closed(customers())
	_, err := w.Replace(t.Context(), "op", []Customer{{
		ID: "E", Name: "Epsilon AB", Country: "SE",
		Participants: []string{custD},
	}})
	w.must(err)
	_, dir := w.export(ExportOptions{Lang: fault.English})
	same(t, "CSV file for DFØ", joined(readCSV(t, dir, "dfo-2026-10.csv")), wantDFO)
	same(t, "CSV file of customers", joined(readCSV(t, dir, "customers-2026-10.csv")),
		strings.Replace(wantCustomers, "D;Delta AS", "E;Epsilon AB", 1))
}

// Numbers that are not those of the report that was built are not exported.
func TestExportDrift(t *testing.T) {
	w := newWorld(t)
	w.october()
	w.closed(customers())
	rep, err := reporting.Build(reporting.Header{Month: october, Seat: own}, func(func(reporting.Item, error) bool) {})
	w.must(err)
	w.must(w.Ledger.ArchiveReport(t.Context(), w.Tenant, &ledger.ReportBuild{
		Month: 202610, Seat: own, TSR: rep.TSR.XML(), EUSR: rep.EUSR.XML(), Events: 13, Protocol: "{}",
	}))
	if _, err := w.Export(t.Context(), october, ExportOptions{}); !errors.Is(err, ErrDrift) {
		t.Errorf("%v", err)
	}
}

func TestExportOptions(t *testing.T) {
	w := newWorld(t)
	for want, o := range map[string]ExportOptions{
		`--lang: want nb, nn or en, have "sv"`:     {Lang: "sv"},
		"--sp-name: has a line end":                {Provider: "Ravn\nBcc: x@example.com"},
		"--contact: has a line end":                {Contact: "a\rb"},
		`--to: "nobody" is no mail address`:        {To: "nobody"},
		"--org: has a line end or another control": {Org: "1\x00"},
	} {
		var wrong *OptionError
		if _, err := w.Export(t.Context(), october, o); !errors.As(err, &wrong) ||
			!strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestExportTemplate: columns, their order and headings; lines that are the same in them are one.
func TestExportTemplate(t *testing.T) {
	w := newWorld(t)
	w.october()
	w.closed(customers())
	tpl, err := ParseTemplate([]byte("# ours\ndfo:\n  - count: \"=Number\"\n  - sp_name\n  - family\n  - transport\n" +
		"customers: [customer_name, count]\n"))
	w.must(err)
	_, dir := w.export(ExportOptions{Lang: fault.English, Template: tpl, Provider: "-R"})
	const transport = peppol.TransportAS4
	same(t, "CSV file for DFØ", joined(readCSV(t, dir, "dfo-2026-10.csv")),
		"'=Number;SP name;Document family;Transport profile\n"+
			"1;'-R;Credit note;"+transport+"\n8;'-R;Invoice;"+transport+"\n1;'-R;Order;"+transport+"\n1;'-R;Reminder;"+
			transport+"\n1;'-R;Responses;"+transport+"\n")
	same(t, "CSV file of customers", joined(readCSV(t, dir, "customers-2026-10.csv")),
		"Customer;Count\n(no customer);1\nAlpha AS;4\nBeta AS;3\nDelta AS;2\nGamma AB;2\n")
	_, sheets := readWorkbook(t, dir, "dfo-2026-10.xlsx")
	same(t, "heading", sheets["Transactions"][0][0], "=Number")
}

func TestParseTemplate(t *testing.T) {
	for text, want := range map[string]string{
		"dfo: [period, count]\ncustomers:\n  - count\n  - foo: X\n": `line 4: there is no column "foo"; there are ` +
			`period, sp_name, seat, direction, family, document_type, document_type_scheme, process, process_scheme, ` +
			`transport, counterpart, sender_scheme, receiver_scheme, sender_country, receiver_country, domain, ` +
			`customer_id, customer_name, count`,
		"dfo:\n  - count\n  - customer_name\n": "line 3: customer_name is not for dfo, because " +
			"it tells DFØ",
		"dfo:\n  - count\n  - period\n  - period: P\n": "line 4: period is in dfo twice",
		"dfo: [period]\n":                      "dfo lacks the column count",
		"customers: []\n":                      "customers lacks the column count",
		"dfo:\n  - {period: a, count: b}\n":    "line 2: want a column, as name or as name: heading",
		"dfo:\n  - [period]\n":                 "line 2: want a column, as name or as name: heading",
		"sheets: 1\n":                          `[1:1] unknown field "sheets"`,
		"dfo: [":                               "[1:6] ",
		"- count\n":                            "[1:1] ",
		"#" + strings.Repeat("x", maxTemplate): "the template is larger than 65536 bytes",
	} {
		if _, err := ParseTemplate([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40q: %v\nwant %s", text, err, want)
		}
	}
	tpl, err := ParseTemplate(nil)
	if err != nil || len(tpl.DFO) != len(builtIn.DFO) || len(tpl.Customers) != len(builtIn.Customers) {
		t.Errorf("an empty template: %+v, %v", tpl, err)
	}
	for _, list := range [][]Choice{builtIn.DFO, builtIn.Customers} {
		if err := checkChoices("built-in", list, true); err != nil {
			t.Error(err)
		}
	}
}

// hostile are names of customers, and what stands for them in a CSV file.
var hostile = [][2]string{
	{`=HYPERLINK("http://x.example";"click")`, `'=HYPERLINK("http://x.example";"click")`},
	{"+1", "'+1"},
	{"@SUM(A1:A9)", "'@SUM(A1:A9)"},
	{"-2+3", "'-2+3"},
	{"\t=1", "'\t'=1"},
	{"\r=1", "'\r'=1"},
	{"\"=1", "'\"=1"},
	{"'=1", "''=1"},
	{"\ufeff=1", "'\ufeff=1"},
	{"  =1", "'  =1"},
	{"＝1", "'＝1"},
	{"Two\nlines", "Two\nlines"},
	{"Two\r\n=lines", "Two\r\n'=lines"},
	{"A;=1+1", "A;'=1+1"},
	{"A,\"@x", "A,\"'@x"},
	{`"Quoted" AS`, `"Quoted" AS`},
	{"Ravn 🐦 AS", "Ravn 🐦 AS"},
	{"Sørum-Øst AS", "Sørum-Øst AS"},
	{"a_x0041_b", "a_x0041_b"},
	{"A-name-of-forty-characters-which-ends-AAA", "A-name-of-forty-characters-which-ends-AAA"},
	{"a-name-of-forty-characters-which-ends-BBB", "a-name-of-forty-characters-which-ends-BBB"},
	{"History", "History"},
	{"[Brackets]: \\ / ? *", "[Brackets]: \\ / ? *"},
	{"<f>1</f>", "<f>1</f>"},
}

// TestExportHostileNames: no name becomes a formula, breaks a file or loses a sheet.
func TestExportHostileNames(t *testing.T) {
	w := newWorld(t)
	w.set("2026-09-30T23:00:00Z")
	var list []Customer
	for i, h := range hostile {
		p := fmt.Sprintf("0192:91100%04d", i)
		w.received(fmt.Sprintf("2026-10-02T00:00:%02dZ", i), "PNO000888", inv, p, "NO")
		list = append(list, Customer{ID: fmt.Sprintf("K%02d", i), Name: h[0], Country: "NO", Participants: []string{p}})
	}
	_, err := w.Change(t.Context(), "op", list)
	w.must(err)
	_, dir := w.export(ExportOptions{Lang: fault.English})
	rows := readCSV(t, dir, "customers-2026-10-preview.csv")[1:]
	names, sheets := readWorkbook(t, dir, "customers-2026-10-preview.xlsx")
	if len(rows) != len(hostile) || len(names) != len(hostile)+2 {
		t.Fatalf("%d rows, sheets %q", len(rows), names)
	}
	for i, h := range hostile {
		same(t, "name in CSV", rows[i][1], strings.ReplaceAll(h[1], "\r", "")) // a CR is lost in encoding/csv
		same(t, "name in the workbook", sheets["All customers"][i+1][1], h[0])
		if sheet := sheets[names[i+2]]; len(sheet) != 2 || sheet[1][1] != h[0] {
			t.Errorf("sheet %q: %q", names[i+2], sheet)
		}
	}
	for _, name := range []string{
		"Sørum-Øst AS", "A-name-of-forty-characters-whic", "a-name-of-forty-characters- (2)",
		"History (2)", "Brackets", `=HYPERLINK("http x.example";"cl`,
	} {
		if !slices.Contains(names, name) {
			t.Errorf("no sheet %q in %q", name, names)
		}
	}
	checkCells(t, dir, "customers-2026-10-preview.xlsx")
}

// FuzzHarmless: what a text begins with, or a part of it after a separator, is no beginning of a formula.
func FuzzHarmless(f *testing.F) {
	for _, h := range hostile {
		f.Add(h[0])
	}
	f.Add(",=,=;+\t-\n@\r=\"'=")
	f.Fuzz(func(t *testing.T, s string) {
		got := harmless(s)
		for _, cell := range append(strings.FieldsFunc(got,
			func(r rune) bool { return strings.ContainsRune(",;\t\r\n", r) }), got) {
			if bare := strings.TrimLeft(cell, "\" \u00a0\ufeff"); bare != "" &&
				strings.ContainsRune("=+-@＝＋－＠\t\r\n", []rune(bare)[0]) {
				t.Errorf("%q has %q", got, cell)
			}
		}
		if strings.ReplaceAll(got, "'", "") != strings.ReplaceAll(s, "'", "") {
			t.Errorf("%q became %q", s, got)
		}
	})
}

// FuzzSheetName: names are such that Excel takes them, and no two are the same.
func FuzzSheetName(f *testing.F) {
	for i, h := range hostile {
		f.Add(h[0], hostile[(i+1)%len(hostile)][0])
	}
	f.Add(strings.Repeat("🐦", 20), strings.Repeat("🐦", 21))
	f.Add("ſK", "sk")
	f.Add("", "''")
	f.Fuzz(func(t *testing.T, a, b string) {
		book, err := newWorkbook(time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = book.close() }()
		empty := &table{heads: []string{"x"}, rows: rowsOf(nil)}
		for _, name := range []string{a, b, a, "history"} {
			if err := book.addTable(name, empty); err != nil {
				t.Fatalf("%q: %v", name, err)
			}
		}
		if list := book.file.GetSheetList(); len(list) != 4 {
			t.Errorf("sheets %q", list)
		}
	})
}

// A table that has no place in a sheet goes on in further ones.
func TestWorkbookManyRows(t *testing.T) {
	b, err := newWorkbook(time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.close() }()
	b.maxRows = 3
	var rows [][]any
	for i := range 5 {
		rows = append(rows, []any{"x", int64(i)})
	}
	if err := b.addTable("Many", &table{heads: []string{"A", "B"}, rows: rowsOf(rows)}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := b.write(&out); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.xlsx"), out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	names, sheets := readWorkbook(t, dir, "x.xlsx")
	same(t, "sheets", fmt.Sprint(names, sheets["Many"], sheets["Many (2)"], sheets["Many (3)"]),
		"[Many Many (2) Many (3)] [[A B] [x 0] [x 1]] [[A B] [x 2] [x 3]] [[A B] [x 4]]")
}

// failing is a writer that takes n bytes.
type failing struct{ n int }

func (f *failing) Write(p []byte) (int, error) {
	if f.n -= len(p); f.n < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

// What cannot be written is an error.
func TestExportWriteErrors(t *testing.T) {
	w := newWorld(t)
	w.october()
	e, err := w.Export(t.Context(), october, ExportOptions{})
	w.must(err)
	for _, write := range []func(io.Writer) error{
		e.table(builtIn.DFO, e.lines).writeCSV, e.writeMail,
		e.workbook(func(b *workbook) error { return b.addTable("x", e.summary()) }),
	} {
		if err := write(&failing{100}); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%v", err)
		}
	}
	dir := filepath.Join(t.TempDir(), "file")
	w.must(os.WriteFile(dir, nil, 0o600))
	if _, err := e.Save(dir); err == nil {
		t.Error("a file was taken for a folder")
	}
}

// TestExportRandomMonths: whatever was exchanged, counts add up to the rows, to the TSR, and to the customers.
func TestExportRandomMonths(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 9))
		pick := func(list ...string) string { return list[r.IntN(len(list))] }
		w := newWorld(t)
		ours := []string{
			custA, custAGLN, custB, custC, custD, us, "9908:unknown", strings.ToUpper("0192:abc"),
			"0192:abc",
		}
		types := []string{inv, cn, ord, rem, mls, peppol.TypeTSR, peppol.TypeEUSR}
		processes[peppol.TypeTSR], processes[peppol.TypeEUSR] = "p", "p"
		rows := 0
		for i := range 20 + r.IntN(60) {
			at := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Minute).Format(time.RFC3339)
			doc, seat := pick(types...), peppol.SeatID(pick("PNO000888", "POP000555", own))
			if r.IntN(2) == 0 {
				w.received(at, seat, doc, pick(ours...), pick("NO", "DE", "", "XX"))
			} else {
				w.sent(at, seat, doc, pick(ours...), pick("NO", "SE"), acknowledged)
			}
			if doc != peppol.TypeTSR && doc != peppol.TypeEUSR {
				rows++
			}
		}
		list := customers()
		_, err := w.Change(t.Context(), "op", list[:r.IntN(len(list)+1)])
		w.must(err)
		e, dir := w.export(ExportOptions{Lang: fault.English})
		if e.Sent+e.Received != int64(rows) || !e.agrees() {
			t.Errorf("seed %d: %d sent and %d received of %d rows", seed, e.Sent, e.Received, rows)
		}
		_, sheets := readWorkbook(t, dir, "customers-2026-10-preview.xlsx")
		checks := sheets["Reconciliation"]
		total := 0
		for _, row := range checks[1:] {
			if n := 0; row[0] == "Customer" || row[0] == "No customer" {
				_, err := fmt.Sscan(row[5], &n)
				w.must(err)
				total += n
			}
		}
		if last := joined(checks[len(checks)-1:]); total != rows || last != "Difference from the TSR;;;0;0;0\n" {
			t.Errorf("seed %d: %d of %d rows, %s", seed, total, rows, last)
		}
		for _, name := range []string{"dfo-2026-10-preview.csv", "customers-2026-10-preview.csv"} {
			sum := 0
			for _, row := range readCSV(t, dir, name)[1:] {
				var n int
				_, err := fmt.Sscan(row[len(row)-1], &n)
				w.must(err)
				sum += n
			}
			if sum != rows {
				t.Errorf("seed %d: %s comes to %d of %d rows", seed, name, sum, rows)
			}
		}
	}
}
