package validation

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/validation/core"
	"github.com/ravn-ap/ravn/validation/pack"
)

// reported checks a document, with everything of the report that changes from run to run set.
func reported(t *testing.T, v *Validator, name, doc string) *Report {
	t.Helper()
	rep, err := v.Validate(t.Context(), Request{
		Name: name, On: day, Body: []byte(doc), View: true, Program: "ravn 1.2.3",
		Now: time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	rep.MS = 12.3
	return rep
}

// hostile is a value that does harm wherever it is not escaped.
const hostile = `&lt;/title>&lt;script>alert("x")&lt;/script>&lt;img src=x onerror='a'>&amp;amp; %s {{.}} ` +
	`&#x9b;31m&#x2028;&#x202e;`

// spoiled is the invoice of the demo with errors of several kinds, and hostile texts.
func spoiled(t *testing.T) string {
	t.Helper()
	return strings.NewReplacer(
		"<cbc:InvoiceTypeCode>380", "<cbc:InvoiceTypeCode>999",
		"</cbc:TaxInclusiveAmount>", "9</cbc:TaxInclusiveAmount>",
		"<cbc:ID>1</cbc:ID>", "<cbc:ID>"+hostile+"</cbc:ID>",
		"</cbc:RegistrationName>", hostile+"</cbc:RegistrationName>",
	).Replace(string(golden.Invoice(t)))
}

// The forms of a report of three documents, in three languages: valid, with findings, and of a syntax of its own.
func TestReportGolden(t *testing.T) {
	basic := New([]pack.Pack{core.Pack()})
	for _, tc := range []struct {
		name string
		rep  *Report
	}{
		{"valid", reported(t, basic, "valid.xml", string(golden.Invoice(t)))},
		{"spoiled", reported(t, basic, `spoiled"<b>.xml`, spoiled(t))},
		{"parcel", reported(t, ownPack(t), "parcel.xml", string(parcel(t, "lamp", "book", ">3.75<", ">40<")))},
	} {
		var english string
		for _, lang := range fault.Languages {
			var text, page bytes.Buffer
			err := errors.Join(tc.rep.WriteText(&text, lang), WriteHTML(&page, []*Report{tc.rep}, lang))
			if err != nil {
				t.Fatal(err)
			}
			golden.Equal(t, fmt.Sprintf("report/%s.%s.txt", tc.name, lang), text.Bytes())
			checkPage(t, page.String())
			if lang == fault.English {
				english = page.String()
				golden.Equal(t, "report/"+tc.name+".html", page.Bytes())
				continue
			}
			golden.Equal(t, fmt.Sprintf("report/%s.%s.lines", tc.name, lang), differing(t, english, page.String()))
		}
		b, err := json.MarshalIndent(tc.rep, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		golden.Equal(t, "report/"+tc.name+".json", append(b, '\n'))
		var back Report
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		var a, z bytes.Buffer
		if err := errors.Join(tc.rep.WriteText(&a, "nb"), back.WriteText(&z, "nb")); err != nil ||
			strings.Count(a.String(), "\n") != strings.Count(z.String(), "\n") {
			t.Errorf("%s: read back it is\n%s\nand was\n%s, %v", tc.name, z.String(), a.String(), err)
		}
	}
}

// differing returns the lines of a page that are not those of the English one, with their numbers. Together with that
// page they are the whole.
func differing(t *testing.T, english, page string) []byte {
	t.Helper()
	a, b := strings.Split(english, "\n"), strings.Split(page, "\n")
	if len(a) != len(b) {
		t.Fatalf("%d lines, in English %d:\n%s", len(b), len(a), page)
	}
	var out bytes.Buffer
	for i := range b {
		if a[i] != b[i] {
			fmt.Fprintf(&out, "%d: %s\n", i+1, b[i])
		}
	}
	return out.Bytes()
}

// checkPage holds a page to what a strict reader demands: it is well-formed, ids are unique, links lead to them, and
// nothing is run or loaded.
func checkPage(t *testing.T, page string) {
	t.Helper()
	ids, links := map[string]bool{}, []string{}
	d := xml.NewDecoder(strings.NewReader(page))
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, page)
		}
		e, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		switch e.Name.Local {
		case "script", "link", "img", "iframe", "object", "form":
			t.Errorf("there is an element %s", e.Name.Local)
		}
		for _, a := range e.Attr {
			switch a.Name.Local {
			case "id":
				if ids[a.Value] {
					t.Errorf("the id %s is there twice", a.Value)
				}
				ids[a.Value] = true
			case "href":
				links = append(links, a.Value)
			case "src", "style", "onclick":
				t.Errorf("there is an attribute %s", a.Name.Local)
			}
		}
	}
	if i := strings.IndexFunc(page, func(r rune) bool { return r != '\n' && printable(r) != r }); i >= 0 {
		t.Errorf("there is %q", page[i:i+9])
	}
	for _, l := range links {
		if !ids[strings.TrimPrefix(l, "#")] || !strings.HasPrefix(l, "#") {
			t.Errorf("the link %s leads nowhere", l)
		}
	}
	if strings.Contains(page, "%!") || strings.Contains(page, "ZgotmplZ") {
		t.Error("something was not filled in")
	}
}

// Every finding is linked to the place that it concerns, and that place to it.
func TestReportPlaces(t *testing.T) {
	v := New(sharedPacks(t))
	doc := strings.NewReplacer(
		">410<", ">400<", "<cbc:InvoiceTypeCode>380", "<cbc:InvoiceTypeCode>999",
		"<cbc:IdentificationCode>SE", "<cbc:IdentificationCode>QQ",
	).Replace(string(manyLines(t, 300)))
	doc = replaceNth(doc, ">400<", ">410<", 250)
	rep := reported(t, v, "x.xml", doc)
	var page bytes.Buffer
	if err := WriteHTML(&page, []*Report{rep}, fault.English); err != nil {
		t.Fatal(err)
	}
	checkPage(t, page.String())
	lines := rep.view.Tables[0]
	if len(lines.Rows) != 201 || lines.Left != 99 || lines.Rows[200].Cells[0].Text != "250" {
		t.Errorf("%d rows are shown and %d left out, the last is %v", len(lines.Rows), lines.Left,
			lines.Rows[len(lines.Rows)-1].Cells)
	}
	where := map[string]string{}
	for i, n := range rep.notes() {
		s := rep.view.placed[i]
		for _, f := range rep.view.Facts {
			if f.At == s {
				where[n.Rule] = f.Label.In(fault.English)
			}
		}
		for _, f := range rep.view.Others {
			if f.At == s {
				where[n.Rule] = f.Name
			}
		}
		if s == lines.Rows[200].At {
			where[n.Rule] = "line 250"
		}
	}
	for rule, want := range map[string]string{
		"BR-CL-01": "Type code", "PEPPOL-EN16931-R120": "line 250",
		"BR-CL-14": "cac:Delivery/cac:DeliveryLocation/cac:Address/cac:Country/cbc:IdentificationCode",
	} {
		if where[rule] != want {
			t.Errorf("%s is marked at %q, want %q", rule, where[rule], want)
		}
	}
	if !strings.Contains(page.String(), "99 lines without findings are not shown") {
		t.Error("the page does not say what is left out")
	}
}

func replaceNth(s, old, to string, n int) string {
	at := 0
	for range n - 1 {
		at += strings.Index(s[at:], old) + len(old)
	}
	return s[:at] + strings.Replace(s[at:], old, to, 1)
}

// The head is read from documents of each syntax.
func TestReportHead(t *testing.T) {
	v := New(sharedPacks(t))
	const post = "rules/peppol-postaward/examples/"
	for file, want := range map[string]string{
		baseExample: "Snippet1 2017-11-13 SupplierOfficialName Ltd (0088:9482348239847239874) > " +
			"Buyer Official Name (0002:FR23342) 1656.25 EUR",
		"rules/peppol-billing/examples/base-creditnote-correction.xml": "Snippet1 2017-11-13 " +
			"SupplierOfficialName Ltd (0088:9482348239847239874) > Buyer Official Name (0002:FR23342) 1656.25 EUR",
		"rules/en16931/cii/examples/CII_example1.xml": "12115118 2015-01-09 De Koksmaat (57151520) > " +
			"ODIN 59 (10202) 250.33 EUR",
		post + "Order_Example.xml": "34 2018-09-01 Medical AS (0192:123456785) > Helseforetak AS (0192:987654325) " +
			"6363 NOK",
		post + "Despatch Advice use cases/DespatchAdvice-BIS3_UseCase1.xml": "1234 2019-03-15 Consortial " +
			"(0088:7385000000124) > Köparen (0088:7390000400003)",
	} {
		rep := judged(t, v, golden.Read(t, file))
		if rep.Head == nil {
			t.Errorf("%s: no head: %s", file, rep.Reason)
			continue
		}
		h := rep.Head
		got := strings.TrimSpace(fmt.Sprintf("%s %s %s > %s %s %s", h.Number, h.Issued, h.Seller, h.Buyer, h.Payable,
			h.Currency))
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", file, got, want)
		}
	}
	if rep := judged(t, ownPack(t), parcel(t)); rep.Head != nil {
		t.Errorf("the head of a parcel: %+v", rep.Head)
	}
}

// The steps say what was done and why something was not.
func TestReportSteps(t *testing.T) {
	v, doc := ownPack(t), string(parcel(t))
	enveloped := sbd(doc[strings.Index(doc, "<Parcel"):])
	for _, tc := range []struct {
		name      string
		v         *Validator
		doc, want string
	}{
		{
			"done", v, doc,
			"schema parcel.xsd done; rules parcel.sch done; envelope: there is no envelope around the document",
		},
		{
			"in an envelope", v, enveloped,
			"schema parcel.xsd done; rules parcel.sch done; envelope: the pack has no rules for envelopes",
		},
		{
			"without a schema", New([]pack.Pack{core.Pack()}), string(golden.Invoice(t)),
			"schema: the pack has no schema for this document type; rules en16931.sch done; " +
				"rules peppol-common.sch done; rules peppol-billing.sch done; " +
				"envelope: there is no envelope around the document",
		},
		{
			"against the schema", v, strings.Replace(doc, "2026-11-02", "yesterday", 1),
			"schema parcel.xsd done 1; rules parcel.sch: the schema found errors; envelope: the schema found errors",
		},
	} {
		var got []string
		for _, s := range reported(t, tc.v, "x", tc.doc).Steps {
			text := strings.TrimSpace(string(s.Kind) + " " + s.File)
			switch {
			case !s.Done:
				text += ": " + s.Skipped
			case s.Found > 0:
				text += fmt.Sprintf(" done %d", s.Found)
			default:
				text += " done"
			}
			got = append(got, text)
		}
		if s := strings.Join(got, "; "); s != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.name, s, tc.want)
		}
	}
	rep, err := v.Validate(t.Context(), Request{On: day, Body: []byte(doc), Budget: Budget{Steps: 1}})
	if err != nil || rep.Verdict != NotChecked || rep.Steps[0].Done != true ||
		rep.Steps[1].Skipped != skipEnded.In(fault.English) {
		t.Errorf("ended by its budget: %+v, %v", rep, err)
	}
}

// A context that cannot be evaluated is a remark in words, and says nothing against the document.
func TestReportRemarks(t *testing.T) {
	const sch = `<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2"><pattern id="P">` +
		`<rule context="b[xs:date(.) > xs:date('2026-01-01')]">` +
		`<assert test="false()" id="X" flag="fatal">x</assert></rule></pattern></schema>`
	v := New([]pack.Pack{{
		Manifest: pack.Manifest{Name: "p", Version: "1", Documents: []pack.Document{{
			DocType: "::a##c::1", Rules: []string{"r.sch"},
		}}},
		Files: fstest.MapFS{"r.sch": {Data: []byte(sch)}},
	}})
	rep, err := v.Validate(t.Context(), Request{
		DocType: "::a##c::1", On: day, Body: []byte("<a><b>soon</b><b>later</b><b>2025-01-01</b></a>"),
	})
	if err != nil || rep.Verdict != Valid || len(rep.Remarks) != 1 {
		t.Fatalf("%+v, %v", rep, err)
	}
	m := &rep.Remarks[0]
	if m.Rule != "P" || m.Times != 2 || m.Code != "FORG0001" || m.Location != "/a[1]/b[1]" ||
		!strings.Contains(m.in(fault.Nynorsk), "Regelen P gjeld ikkje for /a[1]/b[1] og 1 til") {
		t.Errorf("%+v: %s", m, m.in(fault.Nynorsk))
	}
}

// Identifiers that are not known are answered with the nearest that is, and where it is.
func TestReportMeant(t *testing.T) {
	v := New(sharedPacks(t))
	base := string(golden.Read(t, baseExample))
	from, to := strings.Index(base, "<cbc:CustomizationID>"), strings.Index(base, "<cbc:ProfileID>")
	for _, tc := range []struct{ name, doc, want string }{
		{
			"a customization of another release", strings.Replace(base, "billing:3.0", "billing:3.1", 1),
			`. Did you mean "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0" (`,
		},
		{
			"a process with a slip", strings.Replace(base, "billing:01:1.0", "biling:01:1.0", 1),
			`. Did you mean "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0" (`,
		},
		{"plain UBL", base[:from] + base[to:], "this is plain UBL (Invoice) without a customization"},
		{"an element of nobody", "<a/>", "no pack has rules for the root element a"},
	} {
		rep := judged(t, v, []byte(tc.doc))
		if rep.Verdict != Error || !strings.Contains(rep.Reason, tc.want) {
			t.Errorf("%s: %s, %s", tc.name, rep.Verdict, rep.Reason)
		}
	}
	rep, err := ownPack(t).Validate(t.Context(), Request{On: day.AddDate(-1, 0, 0), Body: parcel(t)})
	if err != nil || rep.Reason != "the packs for this document type do not hold on 2025-11-22" {
		t.Errorf("before the pack holds: %s, %v", rep.Reason, err)
	}
	two := New(append(sharedPacks(t), core.Pack()))
	other := strings.Replace(base, "billing:3.0", "billing:3.00", 1)
	got := judged(t, two, []byte(other)).Reason
	if !strings.HasSuffix(got, ", in official as-it-lies, ravn-core 2026.5)?") {
		t.Errorf("with two packs: %s", got)
	}
	if n := distance("abcdef", "abxdefg", 99); n != 2 {
		t.Errorf("a distance of %d", n)
	}
}

// Invoices that name EN 16931 and nothing else are checked by the rules of CEN, not by those of Peppol.
func TestPlainEN16931(t *testing.T) {
	base := strings.Replace(string(golden.Read(t, baseExample)),
		"urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0<", "urn:cen.eu:en16931:2017<", 1)
	base = strings.Replace(base, "<cbc:BuyerReference>0150abc</cbc:BuyerReference>", "", 1) // PEPPOL-EN16931-R003
	for _, packs := range [][]pack.Pack{sharedPacks(t), {core.Pack()}} {
		v := New(packs)
		if rep := judged(t, v, []byte(base)); rep.Verdict != Valid || !strings.HasPrefix(rep.Title, "EN 16931") {
			t.Errorf("by %s: %s by %q: %s %+v", rep.Pack, rep.Verdict, rep.Title, rep.Reason, rep.Findings)
		}
		rep := judged(t, v, []byte(strings.Replace(base, ">1656.25<", ">1656.52<", 1)))
		if rep.Verdict != Invalid || rep.Broken[0].Rule != "BR-CO-15" {
			t.Errorf("by %s: %s %+v", rep.Pack, rep.Verdict, rep.Broken)
		}
	}
	rep := judged(t, New(sharedPacks(t)), golden.Read(t, "rules/en16931/cii/examples/CII_example1.xml"))
	if rep.Verdict != Valid || rep.Title != "EN 16931 CII Invoice" {
		t.Errorf("CII: %s by %q: %s", rep.Verdict, rep.Title, rep.Reason)
	}
}

// A document without rules is shown like any other, alone and in an envelope, as far as it can be read.
func TestReportWithoutRules(t *testing.T) {
	v := New([]pack.Pack{core.Pack()})
	doc := strings.Replace(string(golden.Invoice(t)), "billing:3.0", "billing:9.0", 1)
	enveloped := sbd(doc[strings.Index(doc, "<Invoice"):])
	for name, doc := range map[string]string{"alone": doc, "in an envelope": enveloped} {
		rep := reported(t, v, "x.xml", doc)
		if rep.Verdict != Error || rep.Head == nil || rep.Head.Number != "DEMO-1" || rep.Head.Payable != "1500.00" {
			t.Fatalf("%s: %s, %s: %+v", name, rep.Verdict, rep.Reason, rep.Head)
		}
		var page bytes.Buffer
		if err := WriteHTML(&page, []*Report{rep}, fault.English); err != nil {
			t.Fatal(err)
		}
		checkPage(t, page.String())
		html := page.String()
		if !strings.Contains(html, "Nordvik Demo kommune</b>") || strings.Contains(html, "Findings") ||
			strings.Contains(html, "columns two") {
			t.Errorf("%s: the page is\n%s", name, html)
		}
	}
	rep := reported(t, v, "x.xml", strings.TrimSuffix(strings.TrimSpace(doc), "</Invoice>"))
	if rep.Verdict != Error || rep.Head != nil || !strings.HasPrefix(rep.Reason, "no pack has rules") {
		t.Errorf("cut off: %s, %s: %+v", rep.Verdict, rep.Reason, rep.Head)
	}
}

// What is no XML document is said as what it is; what is meant to be XML is left to the check.
func TestForeign(t *testing.T) {
	for _, tc := range []struct{ body, want string }{
		{"", "an empty file"},
		{" \r\n\t", "an empty file"},
		{"%PDF-1.7\n", "a PDF: "},
		{"PK\x03\x04\x14\x00\x00\x00\x00\x00", "a zip archive"},
		{"PK\x03\x04\n\x00\x00\x00mimetypeapplication/vnd.etsi.asic-e+zip", "an ASiC container"},
		{"\x1f\x8b\x08", "compressed with gzip"},
		{"\ufeff{\"a\": 1}", "JSON"},
		{"<!DOCTYPE HTML><html>", "a web page"},
		{"<html lang='en'>", "a web page"},
		{"UNA:+.? 'UNB+UNOC", "an EDIFACT message"},
		{"\x89PNG\r\n", "a picture"},
		{"<Invoice/>", ""},
		{"<?xml version='1.0'?><Invoice>", ""},
		{"Invoice 47", ""},
	} {
		rep := Foreign(Request{Body: []byte(tc.body)})
		switch {
		case rep == nil && tc.want != "":
			t.Errorf("%q is taken for XML", tc.body)
		case rep != nil && (tc.want == "" || rep.Verdict != Error || !strings.Contains(rep.Reason, tc.want)):
			t.Errorf("%q: %s, %s", tc.body, rep.Verdict, rep.Reason)
		}
	}
	for err, want := range map[error]string{
		fs.ErrNotExist: "finst ikkje", ErrFolder: "ei mappe", fs.ErrPermission: "kan ikkje lesast",
	} {
		if rep := NoFile(Request{}, err); rep.Verdict != Error || !strings.Contains(rep.ReasonIn("nn"), want) {
			t.Errorf("%v: %s, %s", err, rep.Verdict, rep.ReasonIn("nn"))
		}
	}
}
