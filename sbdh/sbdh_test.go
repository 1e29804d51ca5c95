package sbdh

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/peppol"
)

const (
	docType = "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:cen.eu:en16931:" +
		"2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
	invoice = `<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"><ID>1</ID></Invoice>`
	instant = "2026-11-21T11:59:58Z"
)

func header(t testing.TB) *Header {
	t.Helper()
	h := &Header{CountryC1: "NO", InstanceID: "2f1c9c1e-7d1e-4f0b-9a55-0c8c0f6a9d11", Created: instant}
	var err [4]error
	h.Sender, err[0] = peppol.ParseParticipant("0192:111111111")
	h.Receiver, err[1] = peppol.ParseParticipant("0192:222222222")
	h.DocType, err[2] = peppol.ParseDocType(docType)
	h.Process, err[3] = peppol.NewProcess(peppol.SchemeProcess, "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0")
	if e := errors.Join(err[:]...); e != nil {
		t.Fatal(e)
	}
	return h
}

// example is an envelope like the example of sbdh.md §8.
func example(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("testdata/envelope.xml")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// published is the example of sbdh.md §8.
func published(t testing.TB) string {
	t.Helper()
	text := string(golden.Read(t, "spec/sbdh.md"))
	i := strings.Index(text, `<?xml version="1.0" encoding="UTF-8"?>`)
	j := strings.Index(text, "</StandardBusinessDocument>")
	if i < 0 || j < 0 {
		t.Fatal("there is no example in sbdh.md")
	}
	return strings.TrimSpace(text[i : j+len("</StandardBusinessDocument>")])
}

// SBDH-001 to SBDH-048: one change of the example each; keyword "" means accepted.
func TestRead(t *testing.T) {
	good := example(t)
	scope := func(typ string) string {
		i := strings.Index(good, "<Type>"+typ+"</Type>")
		i = strings.LastIndex(good[:i], "<Scope>")
		return good[i : i+strings.Index(good[i:], "</Scope>")+len("</Scope>")]
	}
	for _, tc := range []struct {
		name, old, text, keyword string
		warnings                 int
	}{
		{"SBDH-040 the example", "", "", "", 0},
		{"SBDH-001 no envelope", good, invoice, "invalid-sbd-xml", 0},
		{"SBDH-001 no header", good[strings.Index(good, "<StandardBusinessDocumentHeader>") : strings.Index(good,
			"</StandardBusinessDocumentHeader>")+len("</StandardBusinessDocumentHeader>")], "", "missing-sbdh", 0},
		{"SBDH-001 no business document", good[strings.Index(good, "  <Invoice"):strings.Index(good,
			"</StandardBusinessDocument>")], "", "invalid-business-message", 0},
		{"SBDH-001 two business documents", "</Invoice>", "</Invoice><Invoice/>", "invalid-business-message", 0},
		{
			"SBDH-001 two of the same kind", "</Invoice>",
			`</Invoice><Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>`,
			"invalid-business-message", 0,
		},
		{"SBDH-001 text beside the document", "</Invoice>", "</Invoice>x", "invalid-sbd-xml", 0},
		{
			"SBDH-002 a DTD", "<StandardBusinessDocument ", "<!DOCTYPE x><StandardBusinessDocument ", "invalid-sbd-xml",
			0,
		},
		{
			"SBDH-003 an envelope in the envelope",
			`<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"> ... </Invoice>`,
			"<StandardBusinessDocument/>", "invalid-business-message", 0,
		},
		{"SBDH-004 another version", "<HeaderVersion>1.0", "<HeaderVersion>1.3", "invalid-header-version", 0},
		{"SBDH-005 no sender", "<Sender>", "<Sender2>", "invalid-sbd-xml", 0},
		{"SBDH-005 two senders", "<Receiver>", "<Sender/><Receiver>", "invalid-sender-count", 0},
		{
			"SBDH-005 two receivers", "<DocumentIdentification>", "<Receiver/><DocumentIdentification>",
			"invalid-receiver-count", 0,
		},
		{
			"SBDH-005 another authority", `Authority="iso6523-actorid-upis">0192:1`, `Authority="x">0192:1`,
			"invalid-sender-authority", 0,
		},
		{
			"SBDH-005 no authority", ` Authority="iso6523-actorid-upis">0192:2`, `>0192:2`,
			"invalid-receiver-authority",
			0,
		},
		{"SBDH-005 no identifier value", "0192:111111111", "", "invalid-sender-value", 0},
		{
			"SBDH-005 the scheme in the value", "0192:222222222", "iso6523-actorid-upis::0192:222222222",
			"invalid-receiver-value", 0,
		},
		{"SBDH-008 blanks around InstanceIdentifier", "2f1c9c1e", " \n2f1c9c1e", "", 0},
		{
			"SBDH-008 an empty InstanceIdentifier", "2f1c9c1e-7d1e-4f0b-9a55-0c8c0f6a9d11", " ",
			"invalid-instance-identifier", 0,
		},
		{"SBDH-008 InstanceIdentifier of 255", "2f1c9c1e-7d1e-4f0b-9a55-0c8c0f6a9d11", strings.Repeat("x", 255), "", 0},
		{
			"SBDH-008 InstanceIdentifier of 256", "2f1c9c1e-7d1e-4f0b-9a55-0c8c0f6a9d11", strings.Repeat("x", 256),
			"invalid-instance-identifier", 0,
		},
		{"SBDH-010 no zone", instant, "2026-11-21T11:59:58", "", 1},
		{"SBDH-010 an offset", instant, "2026-11-21T11:59:58.123+01:00", "", 0},
		{"SBDH-010 no time", instant, "yesterday", "invalid-creation-date-time", 0},
		{"SBDH-011 no DOCUMENTID", scope("DOCUMENTID"), "", "missing-document-type-identifier", 0},
		{"SBDH-011 no PROCESSID", scope("PROCESSID"), "", "missing-process-identifier", 0},
		{"SBDH-011 no COUNTRY_C1", scope("COUNTRY_C1"), "", "missing-country-c1", 0},
		{"SBDH-011 no BusinessScope", good[strings.Index(good, "<BusinessScope>") : strings.Index(good,
			"</BusinessScope>")+len("</BusinessScope>")], "", "business-scope-missing", 0},
		{
			"SBDH-012 a reserved scope twice", scope("COUNTRY_C1"), scope("COUNTRY_C1") + scope("COUNTRY_C1"),
			"invalid-scope-count", 0,
		},
		{
			"SBDH-012 a free scope twice", scope("COUNTRY_C1"),
			scope("COUNTRY_C1") + strings.Repeat(
				"<Scope><Type>k</Type><InstanceIdentifier>v</InstanceIdentifier></Scope>", 2), "", 1,
		},
		{
			"SBDH-012 letter case of a type", "<Type>DOCUMENTID<", "<Type>documentid<",
			"missing-document-type-identifier",
			0,
		},
		{"SBDH-013 no scheme", "<Identifier>busdox-docid-qns</Identifier>", "", "", 0},
		{
			"SBDH-013 an unknown scheme", "<Identifier>busdox-docid-qns<", "<Identifier>x y<",
			"invalid-document-type-identifier", 0,
		},
		{"SBDH-014 no scheme", "<Identifier>cenbii-procid-ubl</Identifier>", "", "", 0},
		{"SBDH-014 no value", "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0", "", "invalid-process-identifier", 0},
		{"SBDH-015 Kosovo", ">NO<", ">1A<", "", 0},
		{"SBDH-016 a code of no list", ">NO<", ">ZZ<", "", 0},
		{"SBDH-015 small letters", ">NO<", ">no<", "invalid-country-c1", 0},
		{"SBDH-015 three letters", ">NO<", ">NOR<", "invalid-country-c1", 0},
		{"SBDH-045 an invalid MLS_TO", "0242:000111", "0192:000111", "", 1},
		{"SBDH-045 an invalid MLS_TYPE", "FAILURE_ONLY", "failure_only", "", 1},
		{
			"SBDH-019 a scope of the future", scope("COUNTRY_C1"),
			scope("COUNTRY_C1") + "<Scope><Type>COUNTRY_C4</Type><InstanceIdentifier>SE</InstanceIdentifier></Scope>",
			"", 1,
		},
		{
			"SBDH-020 a free attribute without value", scope("COUNTRY_C1"),
			scope("COUNTRY_C1") + "<Scope><Type>k</Type><InstanceIdentifier/></Scope>", "", 0,
		},
		{"SBDH-027 another Standard", "<Standard>urn:oasis", "<Standard>urn:oasiz", "invalid-standard", 0},
		{
			"SBDH-027 an empty Standard", "<Standard>urn:oasis:names:specification:ubl:schema:xsd:Invoice-2<",
			"<Standard><", "invalid-standard", 0,
		},
		{
			"SBDH-027 the full identifier", "<Standard>urn:oasis:names:specification:ubl:schema:xsd:Invoice-2<",
			"<Standard>" + strings.TrimPrefix(docType, "busdox-docid-qns::") + "<", "invalid-standard", 0,
		},
		{"SBDH-027 blanks around Standard", "<Standard>", "<Standard>\n ", "", 0},
		{"SBDH-027 another Type", "<Type>Invoice<", "<Type>CreditNote<", "invalid-type", 0},
		{"SBDH-027 another TypeVersion", "<TypeVersion>2.1<", "<TypeVersion>2.2<", "invalid-type-version", 0},
		{"SBDH-027 a TypeVersion with a colon", "<TypeVersion>2.1<", "<TypeVersion>:2.1<", "invalid-type-version", 0},
		{"SBDH-027 an empty TypeVersion", "<TypeVersion>2.1<", "<TypeVersion><", "invalid-type-version", 0},
		{"SBDH-027 another root", "<Invoice ", "<Invoice2 ", "invalid-type", 0},
		{
			"SBDH-027 another namespace of the document",
			`<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"`, `<Invoice xmlns="urn:x"`,
			"invalid-standard", 0,
		},
		{
			"SBDH-027 a document without namespace",
			`<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"`, `<Invoice xmlns=""`,
			"invalid-standard", 0,
		},
		{"SBDH-039 children in another order", "<TypeVersion>2.1</TypeVersion>", "", "invalid-sbd-xml", 0},
		{"SBDH-039 truncated", "</StandardBusinessDocument>", "", "invalid-sbd-xml", 0},
		{"SBDH-047 a long value", "FAILURE_ONLY", strings.Repeat("x", 4097), "invalid-sbd-xml", 0},
		{"SBDH-047 65 scopes", scope("COUNTRY_C1"), scope("COUNTRY_C1") + many(60), "invalid-scope-count", 0},
		{"SBDH-047 64 scopes", scope("COUNTRY_C1"), scope("COUNTRY_C1") + many(59), "", 0},
		{
			"SBDH-047 a long header", "<BusinessScope>", "<BusinessScope>" + strings.Repeat(" ", 64<<10),
			"invalid-sbd-xml", 0,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !strings.Contains(good, tc.old) {
				t.Fatalf("there is no %q", tc.old)
			}
			h, p, err := Read(strings.NewReader(strings.Replace(good, tc.old, tc.text, 1)), Options{})
			if tc.keyword != "" {
				var e *Error
				if !errors.As(err, &e) || e.Keyword != tc.keyword {
					t.Errorf("got %v, want %s", err, tc.keyword)
				}
				return
			}
			if err != nil || len(h.Warnings) != tc.warnings {
				t.Fatalf("got %v, warnings %q", err, h.Warnings)
			}
			if h.DocType.String() != docType || h.Sender.Value() != "0192:111111111" || p.Root.Local != "Invoice" ||
				p.Wrapped {
				t.Errorf("SBDH-048: got %+v %+v", h, p)
			}
		})
	}
	t.Run("SBDH-027 the full identifier where it is allowed", func(t *testing.T) {
		text := strings.Replace(good, "<Standard>urn:oasis:names:specification:ubl:schema:xsd:Invoice-2<",
			"<Standard>"+strings.TrimPrefix(docType, "busdox-docid-qns::")+"<", 1)
		if _, _, err := Read(strings.NewReader(text),
			Options{FullStandard: func(peppol.DocTypeID) bool { return true }}); err != nil {
			t.Error(err)
		}
	})
}

func TestSBDH017MLS(t *testing.T) {
	h := header(t)
	h.MLSTo, h.MLSType = "0242:000111", MLSAlwaysSend
	var b strings.Builder
	if err := Wrap(&b, h, strings.NewReader(invoice)); err != nil {
		t.Fatal(err)
	}
	to := `<sh:Scope><sh:Type>MLS_TO</sh:Type><sh:InstanceIdentifier>0242:000111</sh:InstanceIdentifier>` +
		`<sh:Identifier>iso6523-actorid-upis</sh:Identifier></sh:Scope>`
	kind := `<sh:Scope><sh:Type>MLS_TYPE</sh:Type><sh:InstanceIdentifier>ALWAYS_SEND</sh:InstanceIdentifier></sh:Scope>`
	for _, tc := range []struct{ name, old, text, to, kind string }{
		{"SBDH-017 SBDH-018 both", "", "", "0242:000111", MLSAlwaysSend},
		{"SBDH-018 failures only", "ALWAYS_SEND", "FAILURE_ONLY", "0242:000111", MLSFailureOnly},
		{"SBDH-017 absent", to, "", "", MLSAlwaysSend},
		{"SBDH-018 absent", kind, "", "0242:000111", ""},
		{"SBDH-018 letter case", "ALWAYS_SEND", "Always_Send", "0242:000111", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !strings.Contains(b.String(), tc.old) {
				t.Fatalf("there is no %q in %s", tc.old, b.String())
			}
			got, _, err := Read(strings.NewReader(strings.Replace(b.String(), tc.old, tc.text, 1)), Options{})
			if err != nil || got.MLSTo != tc.to || got.MLSType != tc.kind {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "<Scope><Type>k%d</Type><InstanceIdentifier>v</InstanceIdentifier></Scope>", i)
	}
	return b.String()
}

// SBDH-040. The example of the specification.
func TestReadPublished(t *testing.T) {
	h, _, err := Read(strings.NewReader(published(t)), Options{})
	if err != nil || h.Sender.Value() != "0192:111111111" || h.CountryC1 != "NO" || len(h.Warnings) > 0 {
		t.Errorf("%+v %v", h, err)
	}
}

// SBDH-040. The envelopes of other products.
func TestReadCaptured(t *testing.T) {
	for _, dir := range []string{"phase4-phase4", "oxalis-oxalis", "oxalis-phase4"} {
		b := golden.Read(t, "wire/"+dir+"/payload.xml")
		h, p, err := Read(bytes.NewReader(b), Options{})
		if err != nil || h.Sender.IsZero() || p.End <= p.Start || !bytes.HasPrefix(b[p.Start:], []byte("<")) ||
			!bytes.HasSuffix(b[:p.End], []byte(">")) {
			t.Errorf("%s: %v %+v", dir, err, p)
		}
	}
}

// SBDH-034 to SBDH-038: what is wrapped reads back, and its bytes stay.
func TestWrap(t *testing.T) {
	signed := `<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" b='2'   a="1"><!-- kept ` +
		`--><ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo >` + "\n\t" +
		`</ds:SignedInfo></ds:Signature><x xmlns=""><![CDATA[<>]]>&#65;&amp;</x><?pi x?></Invoice><!-- after -->`
	for _, tc := range []struct{ name, body, want string }{
		{"SBDH-036 a plain document", invoice, invoice},
		{"SBDH-036 a signature inside survives byte for byte", signed, signed},
		{
			"SBDH-036 a declaration is dropped", `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n" +
				signed,
			signed,
		},
		{"SBDH-036 a byte order mark is dropped", "\xef\xbb\xbf" + invoice, invoice},
		{"SBDH-002 ISO-8859-1 becomes UTF-8", `<?xml version="1.0" encoding="ISO-8859-1"?>` + strings.Replace(invoice,
			">1<", ">\xe5\xf8<", 1), strings.Replace(invoice, ">1<", ">åø<", 1)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := header(t)
			h.MLSTo, h.MLSType = "0242:000111", MLSAlwaysSend
			h.Attributes = []Scope{{"k&", "<v>", ""}, {"empty", "", "id"}}
			var b bytes.Buffer
			if err := Wrap(&b, h, strings.NewReader(tc.body)); err != nil {
				t.Fatal(err)
			}
			got, p, err := Read(bytes.NewReader(b.Bytes()), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, h) {
				t.Errorf("got  %+v\nwant %+v", got, h)
			}
			if !strings.Contains(b.String(), tc.want) || !strings.HasPrefix(tc.want, string(b.Bytes()[p.Start:p.End])) {
				t.Errorf("the document differs: %s", b.Bytes()[p.Start:p.End])
			}
			if p.HeaderEnd <= p.HeaderStart || p.HeaderEnd > p.Start || p.HeaderEnd > 64<<10 {
				t.Errorf("SBDH-037: %+v", p)
			}
		})
	}
}

// SBDH-034, SBDH-026, SBDH-003.
func TestWrapRefuses(t *testing.T) {
	for _, tc := range []struct {
		name    string
		change  func(*Header)
		body    string
		keyword string
	}{
		{"SBDH-034 no sender", func(h *Header) { h.Sender = peppol.ParticipantID{} }, invoice, "invalid-sender-value"},
		{
			"SBDH-034 no receiver", func(h *Header) { h.Receiver = peppol.ParticipantID{} }, invoice,
			"invalid-receiver-value",
		},
		{
			"SBDH-034 no document type", func(h *Header) { h.DocType = peppol.DocTypeID{} }, invoice,
			"missing-document-type-identifier",
		},
		{
			"SBDH-034 no process", func(h *Header) { h.Process = peppol.ProcessID{} }, invoice,
			"missing-process-identifier",
		},
		{"SBDH-034 no country", func(h *Header) { h.CountryC1 = "" }, invoice, "missing-country-c1"},
		{"SBDH-016 a country of no list", func(h *Header) { h.CountryC1 = "ZZ" }, invoice, "invalid-country-c1"},
		{
			"SBDH-008 no InstanceIdentifier", func(h *Header) { h.InstanceID = "" }, invoice,
			"invalid-instance-identifier",
		},
		{
			"SBDH-019 a reserved attribute", func(h *Header) { h.Attributes = []Scope{{Type: "COUNTRY_C4"}} }, invoice,
			"invalid-scope-count",
		},
		{"SBDH-047 a header that is too long", func(h *Header) {
			h.Attributes = []Scope{{"k", strings.Repeat("x", 70_000), ""}}
		}, invoice, "invalid-sbd-xml"},
		{"SBDH-021 an MLS that asks for an MLS", func(h *Header) {
			h.MLSType = MLSAlwaysSend
			h.DocType, _ = peppol.ParseDocType("busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:" +
				"ApplicationResponse-2::ApplicationResponse##urn:peppol:edec:mls:1.0::2.1")
		}, invoice, "invalid-mls-to"},
		{"SBDH-026 another root", func(*Header) {}, strings.ReplaceAll(invoice, "Invoice>", "X>"), "invalid-sbd-xml"},
		{
			"SBDH-026 another root element", func(*Header) {},
			`<X xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>`, "invalid-standard",
		},
		{"SBDH-026 no namespace", func(*Header) {}, `<Invoice/>`, "invalid-standard"},
		{
			"SBDH-003 an envelope", func(*Header) {}, `<StandardBusinessDocument xmlns="` + NS + `"/>`,
			"invalid-business-message",
		},
		{"SBDH-002 a DTD", func(*Header) {}, `<!DOCTYPE Invoice>` + invoice, "invalid-sbd-xml"},
		{"SBDH-036 no XML", func(*Header) {}, "hello", "invalid-sbd-xml"},
		{"SBDH-036 nothing", func(*Header) {}, "", "invalid-sbd-xml"},
		{"SBDH-036 two roots", func(*Header) {}, invoice + invoice, "invalid-sbd-xml"},
		{
			"SBDH-036 the end of the envelope inside", func(*Header) {}, invoice + "</sh:StandardBusinessDocument>",
			"invalid-sbd-xml",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := header(t)
			tc.change(h)
			err := Wrap(io.Discard, h, strings.NewReader(tc.body))
			var e *Error
			if !errors.As(err, &e) || e.Keyword != tc.keyword {
				t.Errorf("got %v, want %s", err, tc.keyword)
			}
		})
	}
}

// SBDH-030 to SBDH-032.
func TestWrappedContent(t *testing.T) {
	binary := []byte{0, 1, 0xff, '<', '&', '\r', '\n'}
	text := "a < b & c > d\r\né ]]> \t"
	var b bytes.Buffer
	h := header(t)
	if err := WrapBinary(&b, h, `application/vnd.etsi.asic-e+zip;x="y"`, bytes.NewReader(binary)); err != nil {
		t.Fatal(err)
	}
	var content bytes.Buffer
	_, p, err := Read(&b, Options{Content: &content})
	if err != nil || !p.Wrapped || p.MimeType != `application/vnd.etsi.asic-e+zip;x="y"` ||
		!bytes.Equal(content.Bytes(), binary) {
		t.Errorf("SBDH-030: %v %+v %q", err, p, content.Bytes())
	}
	b.Reset()
	content.Reset()
	if err := WrapText(&b, h, "text/plain", strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	if _, p, err = Read(&b, Options{Content: &content}); err != nil || p.Root.Local != "TextContent" ||
		content.String() != text {
		t.Errorf("SBDH-031: %v %+v %q", err, p, content.String())
	}

	var env bytes.Buffer
	if err := WrapBinary(&env, h, "x/y", strings.NewReader("abc")); err != nil {
		t.Fatal(err)
	}
	good := env.String()
	for name, change := range map[string][2]string{
		"SBDH-030 no mimeType":                {` mimeType="x/y"`, ""},
		"SBDH-032 no base64":                  {">YWJj<", ">YW!j<"},
		"SBDH-032 truncated base64":           {">YWJj<", ">YWJ<"},
		"SBDH-032 something after padding":    {">YWJj<", ">YQ==YWJj<"},
		"SBDH-032 bits after the end":         {">YWJj<", ">YR==<"},
		"SBDH-032 an element inside":          {">YWJj<", ">YWJj<x/><"},
		"SBDH-003 a wrapper inside a wrapper": {">YWJj<", "><TextContent mimeType=\"x\"/><"},
	} {
		if _, _, err := Read(strings.NewReader(strings.Replace(good, change[0], change[1], 1)), Options{}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	content.Reset()
	if _, _, err := Read(strings.NewReader(strings.Replace(good, ">YWJj<", "> Y W\n\tJj\r\n <", 1)),
		Options{Content: &content}); err != nil || content.String() != "abc" {
		t.Errorf("SBDH-032 blanks: %v %q", err, content.String())
	}
	if err := WrapBinary(io.Discard, h, " ", strings.NewReader("")); err == nil {
		t.Error("SBDH-030: wrapped without media type")
	}
}

// zeros yields n zero bytes.
type zeros int64

func (z *zeros) Read(p []byte) (int, error) {
	if *z == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), int64(*z))
	clear(p[:n])
	*z -= zeros(n)
	return int(n), nil
}

// SBDH-032, D-13: 64 MiB of content in constant memory.
func TestStreaming(t *testing.T) {
	const size = 64 << 20
	pr, pw := io.Pipe()
	h := header(t)
	z := zeros(size)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	go func() { pw.CloseWithError(WrapBinary(pw, h, "x/y", &z)) }()
	var n counting
	_, p, err := Read(pr, Options{Content: &n})
	runtime.ReadMemStats(&after)
	if err != nil || int64(n) != size || p.End-p.Start < int64(base64.StdEncoding.EncodedLen(size)) {
		t.Errorf("%v, %d bytes", err, n)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
		t.Errorf("%d MiB were allocated", used>>20)
	}
}

type counting int64

func (c *counting) Write(p []byte) (int, error) { *c += counting(len(p)); return len(p), nil }

// SBDH-024, SBDH-025, SBDH-028, SBDH-033.
func TestDetect(t *testing.T) {
	ubl := `<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" ` +
		`xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"><cbc:CustomizationID>` +
		`%s</cbc:CustomizationID><cbc:ProfileID>p:1</cbc:ProfileID></Invoice>`
	d, err := Detect(strings.NewReader(fmt.Sprintf(ubl,
		"urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0")))
	if err != nil || d.DocType.String() != docType || d.Process.Value() != "p:1" || d.Envelope {
		t.Errorf("SBDH-028: %+v %v", d, err)
	}
	d, err = Detect(strings.NewReader(fmt.Sprintf(ubl, "urn:peppol:pint:billing-1@jp-1")))
	if err != nil || d.DocType.Scheme() != peppol.SchemeWildcard {
		t.Errorf("SBDH-033: %+v %v", d, err)
	}
	if d, err = Detect(strings.NewReader(example(t))); err != nil || !d.Envelope {
		t.Errorf("an envelope: %+v %v", d, err)
	}
	if _, err = Detect(strings.NewReader("no XML")); err == nil {
		t.Error("no XML was accepted")
	}
}

// The number of a document is the same whether the document is read before it is put into an envelope, or in one.
func TestAPI120Number(t *testing.T) {
	const ns = `xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" ` +
		`xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"`
	for name, tc := range map[string]struct{ inside, want string }{
		"plain":            {`<cbc:ID>A-1</cbc:ID>`, "A-1"},
		"blanks around it": {"<cbc:ID schemeID='x'>\n A 1\t</cbc:ID>", "A 1"},
		"in pieces":        {`<cbc:ID>A<!-- x -->-<![CDATA[<1>]]>&amp;</cbc:ID>`, "A-<1>&"},
		"empty":            {`<cbc:ID/>`, ""},
		"deeper only":      {`<Line><cbc:ID>1</cbc:ID></Line>`, ""},
		"beside a deeper one": {
			`<Line><cbc:ID>1</cbc:ID></Line><cbc:ID>2</cbc:ID><Line><cbc:ID>3</cbc:ID></Line>`, "2",
		},
		"of another namespace": {`<ID>1</ID>`, ""},
		"another element":      {`<cbc:UUID>1</cbc:UUID>`, ""},
		"too long, in whole characters": {
			`<cbc:ID>` + strings.Repeat("ø", 101) + `</cbc:ID>`,
			strings.Repeat("ø", 100),
		},
	} {
		doc := `<Invoice ` + ns + `>` + tc.inside + `</Invoice>`
		d, err := Detect(strings.NewReader(doc))
		if err != nil || d.Number != tc.want {
			t.Errorf("%s, before: %q %v", name, d.Number, err)
		}
		var b bytes.Buffer
		if err := Wrap(&b, header(t), strings.NewReader(doc)); err != nil {
			t.Fatal(err)
		}
		if _, p, err := Read(&b, Options{}); err != nil || p.Number != tc.want {
			t.Errorf("%s, in an envelope: %q %v", name, p.Number, err)
		}
	}
	var b bytes.Buffer
	if err := WrapText(&b, header(t), "text/plain", strings.NewReader("<cbc:ID>1</cbc:ID>")); err != nil {
		t.Fatal(err)
	}
	if _, p, err := Read(&b, Options{}); err != nil || p.Number != "" {
		t.Errorf("of content that is not XML: %q %v", p.Number, err)
	}
}

// FuzzSBDH: no panic, only *Error, and what is accepted can be wrapped and read again.
func FuzzSBDH(f *testing.F) {
	var b bytes.Buffer
	if err := Wrap(&b, header(f), strings.NewReader(invoice)); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, in []byte) {
		h, p, err := Read(bytes.NewReader(in), Options{})
		_, _ = Detect(bytes.NewReader(in))
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("%T: %v", err, err)
			}
			return
		}
		if p.Start < p.HeaderEnd || p.End <= p.Start {
			t.Errorf("%+v", p)
		}
		h.Warnings = nil
		var again bytes.Buffer
		if err := WrapText(&again, h, "text/plain", strings.NewReader("x")); err != nil {
			return // a country of no list, for instance
		}
		if got, _, err := Read(&again, Options{}); err != nil || got.InstanceID != h.InstanceID ||
			got.DocType != h.DocType {
			t.Errorf("%v: %+v", err, got)
		}
	})
}

// SBDH-031: a text that XML cannot carry is refused when it is wrapped, not when it is received.
func TestSBDH031Text(t *testing.T) {
	for text, ok := range map[string]bool{
		"Ærlig & <talt> 🐦\r\n": true, "\x00": false, "\xff": false, "a\uFFFEb": false,
		strings.Repeat("æ", 5000): true,
	} {
		h := header(t)
		var b bytes.Buffer
		if err := WrapText(&b, h, "text/plain", strings.NewReader(text)); (err == nil) != ok {
			t.Errorf("%.10q: %v", text, err)
		}
		if !ok {
			continue
		}
		var got bytes.Buffer
		if _, _, err := Read(&b, Options{Content: &got}); err != nil || got.String() != text {
			t.Errorf("%.10q reads back as %.10q, %v", text, got.String(), err)
		}
	}
}

// SBDH-028. The version in the type of a document: what it says, 2.1 for UBL that does not say, D16B for Cross Industry
// Invoice; no type for others.
func TestDetectVersion(t *testing.T) {
	const c = ` xmlns:c="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"><c:UBLVersionID>` +
		`%s</c:UBLVersionID><c:CustomizationID>x</c:CustomizationID></a>`
	for _, tc := range []struct{ root, version, want string }{
		{"urn:oasis:names:specification:ubl:schema:xsd:Order-2", "2.3", "2.3"},
		{"urn:oasis:names:specification:ubl:schema:xsd:Order-2", "", "2.1"},
		{"urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100", "2.3", "D16B"},
		{"urn:other", "1", "1"},
		{"urn:other", "", ""},
	} {
		d, err := Detect(strings.NewReader(`<a xmlns="` + tc.root + `"` + fmt.Sprintf(c, tc.version)))
		want := ""
		if tc.want != "" {
			want = "busdox-docid-qns::" + tc.root + "::a##x::" + tc.want
		}
		if got := d.DocType.String(); err != nil || !d.DocType.IsZero() && got != want ||
			d.DocType.IsZero() != (want == "") {
			t.Errorf("%+v: %s, %v", tc, got, err)
		}
	}
}

// SBDH-034. An address becomes a participant only if it is one for certain, of an active scheme.
func TestSBDH034DetectParties(t *testing.T) {
	doc := func(scheme, id string) string {
		return `<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" ` +
			`xmlns:c="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"><AccountingSupplierParty>` +
			`<Party><c:EndpointID schemeID="` + scheme + `">` + id + `</c:EndpointID></Party>` +
			`</AccountingSupplierParty></Invoice>`
	}
	for _, tc := range []struct{ scheme, id, want, reason string }{
		{"0192", "991825827", "0192:991825827", ""},
		{"0088", " 7300010000001\n", "0088:7300010000001", ""},
		{"9908", "991825827", "", "Norwegian organisations are 0192"},
		{"NO:ORGNR", "991825827", "", "DISC-001"},
		{"0192", "0192:991825827", "", "DISC-002"},
		{"", "991825827", "", "DISC-001"},
		{"EM", "a@b.example", "", "DISC-001"},
		{"0192", "", "", ""},
	} {
		d, err := Detect(strings.NewReader(doc(tc.scheme, tc.id)))
		if err != nil || d.Sender.Value() != tc.want || (d.Unread.Sender == nil) != (tc.reason == "") {
			t.Errorf("%+v: %+v, %v", tc, d, err)
		}
		if u := d.Unread.Sender; u != nil && !strings.Contains(u.Error(), tc.reason) {
			t.Errorf("%+v: %v", tc, u)
		}
		if !d.Receiver.IsZero() || d.Unread.Receiver != nil {
			t.Errorf("%+v: a receiver that the document does not name: %+v", tc, d)
		}
	}
}
