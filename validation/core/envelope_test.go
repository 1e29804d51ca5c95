package core

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/xml/schematron"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// goodEnvelope is a valid envelope, from sbdh.md.
const goodEnvelope = `<StandardBusinessDocument ` +
	`xmlns="http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader">
<StandardBusinessDocumentHeader>
<HeaderVersion>1.0</HeaderVersion>
<Sender><Identifier Authority="iso6523-actorid-upis">0192:111111111</Identifier></Sender>
<Receiver><Identifier Authority="iso6523-actorid-upis">0192:222222222</Identifier></Receiver>
<DocumentIdentification>
<Standard>urn:oasis:names:specification:ubl:schema:xsd:Invoice-2</Standard>
<TypeVersion>2.1</TypeVersion>
<InstanceIdentifier>2f1c9c1e-7d1e-4f0b-9a55-0c8c0f6a9d11</InstanceIdentifier>
<Type>Invoice</Type>
<CreationDateAndTime>2026-11-21T11:59:58Z</CreationDateAndTime>
</DocumentIdentification>
<BusinessScope>
<Scope><Type>DOCUMENTID</Type>` +
	`<InstanceIdentifier>urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##` +
	`urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1` +
	`</InstanceIdentifier><Identifier>busdox-docid-qns</Identifier></Scope>
<Scope><Type>PROCESSID</Type>` +
	`<InstanceIdentifier>urn:fdc:peppol.eu:2017:poacc:billing:01:1.0</InstanceIdentifier>` +
	`<Identifier>cenbii-procid-ubl</Identifier></Scope>
<Scope><Type>COUNTRY_C1</Type><InstanceIdentifier>NO</InstanceIdentifier></Scope>
<Scope><Type>MLS_TO</Type>` +
	`<InstanceIdentifier>0242:000111</InstanceIdentifier><Identifier>iso6523-actorid-upis</Identifier></Scope>
<Scope><Type>MLS_TYPE</Type><InstanceIdentifier>FAILURE_ONLY</InstanceIdentifier></Scope>
<Scope><Type>OurKey</Type><InstanceIdentifier/></Scope>
</BusinessScope>
</StandardBusinessDocumentHeader>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>
</StandardBusinessDocument>`

// ruleFile compiles one of our rule files.
func ruleFile(t *testing.T, names *xdm.Names, name string) *schematron.Schema {
	t.Helper()
	src, err := schematron.Load(files(), name)
	return compile(t, names, src, err)
}

// idsOf are the ids of the rules that a document breaks, sorted and once each, without those of one that cannot be
// evaluated.
func idsOf(t *testing.T, s *schematron.Schema, names *xdm.Names, doc string) string {
	t.Helper()
	tree, err := xdm.Parse([]byte(doc), names)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(slices.Sorted(maps.Keys(findings(t, s, tree))), " ")
}

// Each rule of the envelope lets the example of sbdh.md pass and finds the violation made for it.
func TestEnvelope(t *testing.T) {
	names := xdm.NewNames()
	s := ruleFile(t, names, "sbdh.sch")
	if got := idsOf(t, s, names, goodEnvelope); got != "" {
		t.Errorf("the example breaks %s", got)
	}
	scope := func(kind, value string) string {
		return "<Scope><Type>" + kind + "</Type><InstanceIdentifier>" + value +
			"</InstanceIdentifier></Scope></BusinessScope>"
	}
	const invoice = `<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>`
	const wrapper = `xmlns="http://peppol.eu/xsd/ticc/envelope/1.0"`
	many := strings.Repeat("<Scope><Type/><InstanceIdentifier/></Scope>", 60)
	for _, tc := range []struct{ old, new, want string }{
		{invoice, "", "SBDH-001"},
		{invoice, invoice + invoice, "SBDH-001"},
		{invoice, goodEnvelope, "SBDH-003 SBDH-022 SBDH-023"},
		{
			invoice, `<BinaryContent ` + wrapper + ` mimeType="a/b"><TextContent mimeType="a/b"/></BinaryContent>`,
			"SBDH-003 SBDH-032",
		},
		{">1.0<", ">1.1<", "SBDH-004"},
		{"<Receiver>", "<Receiver><Identifier/></Receiver><Receiver>", "SBDH-005"},
		{"0192:111111111", "111111111", "SBDH-005"},
		{`Authority="iso6523-actorid-upis">0192:2`, `Authority="other">0192:2`, "SBDH-005"},
		{"0192:222222222", "0192:" + strings.Repeat("2", 131), "SBDH-007"},
		{"2f1c9c1e-7d1e-4f0b-9a55-0c8c0f6a9d11", " ", "SBDH-008"},
		{"2f1c9c1e", strings.Repeat("2", 250), "SBDH-008"},
		{"2026-11-21T11:59:58Z", "2026-11-21Z", "SBDH-010"},
		{"2026-11-21T11:59:58Z", "2026-11-21T11:59:58", "SBDH-010"},
		{"COUNTRY_C1", "COUNTRY_c1", "SBDH-011"},
		{"</BusinessScope>", scope("COUNTRY_C1", "SE"), "SBDH-012"},
		{"</BusinessScope>", scope("OurKey", "x"), "SBDH-012"},
		{"busdox-docid-qns", "busdox", "SBDH-013"},
		{"urn:fdc:peppol.eu:2017:poacc:billing:01:1.0", " ", "SBDH-014"},
		{">NO<", ">no<", "SBDH-015"},
		{">NO<", ">XX<", "SBDH-016"},
		{"0242:000111", "0192:000111", "SBDH-017"},
		{"FAILURE_ONLY", "failure_only", "SBDH-018"},
		{"</BusinessScope>", scope("COUNTRY_C4", "NO"), "SBDH-019"},
		{"</BusinessScope>", "<Scope><Type>B</Type></Scope></BusinessScope>", "SBDH-020"},
		{"<Standard>urn:oasis", "<Standard>urn:other", "SBDH-022 SBDH-027"},
		{"<Type>Invoice</Type>", "<Type>CreditNote</Type>", "SBDH-023"},
		{"<TypeVersion>2.1", "<TypeVersion>2.2", "SBDH-024"},
		{invoice, `<BinaryContent ` + wrapper + `>QUJD</BinaryContent>`, "SBDH-030"},
		{invoice, `<BinaryContent ` + wrapper + ` mimeType="a/b">QU?D</BinaryContent>`, "SBDH-032"},
		{invoice, `<BinaryContent ` + wrapper + ` mimeType="a/b">QUJD</BinaryContent>`, ""},
		{invoice, `<TextContent ` + wrapper + `>a</TextContent>`, "SBDH-031"},
		{"</BusinessScope>", many + "</BusinessScope>", "SBDH-012 SBDH-020 SBDH-047"},
		{
			"<InstanceIdentifier/>", "<InstanceIdentifier>" + strings.Repeat("x", 4097) + "</InstanceIdentifier>",
			"SBDH-047",
		},
		{
			"<Invoice xmlns=\"urn:oasis:names:specification:ubl:schema:xsd:Invoice-2\"/>",
			`<ApplicationResponse xmlns="urn:x"><b:CustomizationID ` +
				`xmlns:b="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">` +
				`urn:peppol:edec:mls:1.0</b:CustomizationID></ApplicationResponse>`,
			"SBDH-021 SBDH-022 SBDH-023",
		},
	} {
		if got := idsOf(t, s, names, strings.Replace(goodEnvelope, tc.old, tc.new, 1)); got != tc.want {
			t.Errorf("%.60q instead of %.40q: %q, want %q", tc.new, tc.old, got, tc.want)
		}
	}
	listed(t, "sbdh.sch", "BR-SBDH-")
}

// listed checks that each rule of a file is named by this test file, but for those with a prefix.
func listed(t *testing.T, file, but string) {
	t.Helper()
	own, err := os.ReadFile("envelope_test.go")
	if err != nil {
		t.Fatal(err)
	}
	list, err := Rules()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if r.File == file && !strings.HasPrefix(r.ID, but) && !bytes.Contains(own, []byte(r.ID)) {
			t.Errorf("no example breaks %s", r.ID)
		}
	}
}

// TestBillingEnvelope compares BR-SBDH-1 to 4 with the official rules, over the shared invoices in right and wrong
// envelopes.
func TestBillingEnvelope(t *testing.T) {
	names := xdm.NewNames()
	s := load(t, names, "sbdh.sch", "peppol-billing/sch/2026.5/PeppolBIS-Envelope-Rules.sch")
	ids := slices.DeleteFunc(s.ids, func(id string) bool { return !strings.HasPrefix(id, "BR-SBDH-") })
	if len(ids) != 4 {
		t.Fatalf("%d rules", len(ids))
	}
	runs, found := 0, 0
	for _, folder := range []string{"examples", "examples-selfbilling", "national-examples/*"} {
		docs, err := filepath.Glob(filepath.Join(golden.Shared(t, "rules/peppol-billing"), folder, "*.xml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range docs {
			doc, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, in := range envelopesOf(t, doc, names) {
				tree, err := xdm.Parse([]byte(in), names)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				runs++
				want, got := findings(t, s.official, tree), findings(t, s.ours, tree)
				for _, id := range ids {
					found += len(want[id])
					if !slices.Equal(want[id], got[id]) {
						t.Errorf("%s on %s: got %q, want %q", id, name, got[id], want[id])
					}
				}
			}
		}
	}
	if runs == 0 || found == 0 {
		t.Fatalf("%d runs, %d findings", runs, found)
	}
	t.Logf("%d envelopes, %d findings", runs, found)
}

// envelopesOf puts a document into envelopes: of its own parties, of these exchanged, and of others.
func envelopesOf(t *testing.T, doc []byte, names *xdm.Names) []string {
	t.Helper()
	tree, err := xdm.Parse(doc, names)
	if err != nil {
		t.Fatal(err)
	}
	body := string(doc)
	if i := strings.Index(body, "?>"); i >= 0 {
		body = body[i+2:]
	}
	var parties []string
	for n := xdm.Node(1); int(n) < tree.Len(); n++ {
		if tree.Kind(n) == xdm.Element && tree.Name(n).Local == "EndpointID" {
			parties = append(parties, tree.Value(n+1)+":"+strings.TrimSpace(tree.Value(n)))
		}
	}
	if len(parties) < 2 {
		return nil
	}
	var out []string
	for _, p := range [][2]string{{parties[0], parties[1]}, {parties[1], parties[0]}, {"0192:1", "0192:2"}} {
		e := strings.Replace(goodEnvelope, "0192:111111111", p[0], 1)
		e = strings.Replace(e, "0192:222222222", p[1], 1)
		out = append(out,
			strings.Replace(e, `<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>`, body, 1))
	}
	return out
}

// The rules of post to citizens let the shape that the schema demands pass.
func TestInnbyggerpost(t *testing.T) {
	names := xdm.NewNames()
	s := ruleFile(t, names, "innbyggerpost.sch")
	const good = `<Innbyggerpost xmlns="http://digdir.no/dpi/innbyggerpost"><SignertForretningsmelding>` +
		`eyJh-_.eyJz.c2ln</SignertForretningsmelding>` +
		"<Dokumentpakke>QUJD\nREVGRw==</Dokumentpakke></Innbyggerpost>"
	for _, tc := range []struct{ old, new, want string }{
		{"", "", ""},
		{"QUJD\nREVGRw==", "", ""}, // as in receipts
		{"<Dokumentpakke>QUJD\nREVGRw==</Dokumentpakke>", "", "DPI-01"},
		{"</Innbyggerpost>", "<More/></Innbyggerpost>", "DPI-01"},
		{"eyJz.", "", "DPI-02"},
		{"c2ln", "c2ln==", "DPI-02"},
		{"REVGRw==", "REVGRw=", "DPI-03"},
		{"QUJD", "QU-D", "DPI-03"},
	} {
		if got := idsOf(t, s, names, strings.Replace(good, tc.old, tc.new, 1)); got != tc.want {
			t.Errorf("%q instead of %q: %q, want %q", tc.new, tc.old, got, tc.want)
		}
	}
	listed(t, "innbyggerpost.sch", "none")
	complete, err := filepath.Glob(filepath.Join(golden.Shared(t, "data/norway/dpi/examples/complete"),
		"*forretningsmelding*.jwt"))
	if err != nil || len(complete) == 0 {
		t.Fatalf("%d examples, %v", len(complete), err)
	}
	for _, name := range complete {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := idsOf(t, s, names, strings.Replace(good, "eyJh-_.eyJz.c2ln", strings.TrimSpace(string(b)),
			1)); got != "" {
			t.Errorf("%s breaks %s", filepath.Base(name), got)
		}
	}
}
