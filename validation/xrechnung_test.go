package validation

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/testbed/saxon"
	"github.com/ravn-ap/ravn/validation/pack"
)

const (
	xrechnung = "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0"
	extension = xrechnung + "#conformant#urn:xeinkauf.de:kosit:extension:xrechnung_3.0"

	// buyerReference is a rule file with one rule of XRechnung.
	buyerReference = `<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">
  <title>Schematron Version 2.5.0 - XRechnung 3.0.2 compatible - UBL - Invoice / Creditnote</title>
  <ns prefix="cbc" uri="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"/>
  <ns prefix="ubl" uri="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>
  <pattern>
    <rule context="/ubl:Invoice">
      <assert test="cbc:BuyerReference[boolean(normalize-space(.))]" flag="fatal" id="BR-DE-15">BT-10</assert>
    </rule>
  </pattern>
</schema>`
)

// scenarios is a configuration as KoSIT publishes it, with the scenarios of UBL invoices.
func scenarios() string {
	out := `<?xml version="1.0" encoding="UTF-8"?>
<scenarios xmlns="http://www.xoev.de/de/validator/framework/1/scenarios" frameworkVersion="1.0.0">
  <name>Validator Configuration XRechnung 3.0.2</name>
  <date>2026-02-04</date>`
	for _, s := range []struct{ name, id, level string }{
		{"EN16931 XRechnung (UBL Invoice)", xrechnung, `<customLevel level="warning">BR-CL-23</customLevel>`},
		{
			"EN16931 XRechnung Extension (UBL Invoice)", extension,
			`<customLevel level="warning">BR-CL-23</customLevel>` +
				`<customLevel level="information">BR-CO-16</customLevel>`,
		},
	} {
		out += fmt.Sprintf(`
  <scenario>
    <name>%s</name>
    <namespace prefix="cbc">urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2</namespace>
    <namespace prefix="invoice">urn:oasis:names:specification:ubl:schema:xsd:Invoice-2</namespace>
    <match>exists(/invoice:Invoice/cbc:CustomizationID[ . = '%s'])</match>
    <validateWithXmlSchema><resource><name>XML Schema for UBL 2.1 Invoice</name>
      <location>resources/ubl/2.1/xsd/maindoc/UBL-Invoice-2.1.xsd</location></resource></validateWithXmlSchema>
    <validateWithSchematron><resource><name>Schematron rules for EN16931 (UBL)</name>
      <location>resources/ubl/2.1/xsl/EN16931-UBL-validation.xsl</location></resource></validateWithSchematron>
    <validateWithSchematron><resource><name>Schematron rules for Invoice - CIUS XRechnung (UBL)</name>
      <location>resources/xrechnung/3.0.2/xsl/XRechnung-UBL-validation.xsl</location></resource>
    </validateWithSchematron>
    <createReport><resource><name>Report</name><location>resources/xrechnung-report.xsl</location></resource>%s
    </createReport>
  </scenario>`, s.name, s.id, s.level)
	}
	return out + "\n</scenarios>\n"
}

// findings are the ids and flags of what a document breaks.
func findings(t *testing.T, dir pack.Dir, body string) (*Report, string) {
	t.Helper()
	packs, err := dir.List()
	if err != nil {
		t.Fatal(err)
	}
	rep, err := New(packs).Validate(t.Context(), Request{Name: "x", On: day, Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range rep.Findings {
		out = append(out, f.Rule+" "+f.Flag)
	}
	slices.Sort(out)
	return rep, strings.Join(slices.Compact(out), ", ")
}

// A German invoice is checked by the rules of EN 16931 and those of XRechnung, with both ways in which KoSIT publishes
// them. What its configuration makes a warning does not refuse an invoice.
func TestXRechnung(t *testing.T) {
	example := string(golden.Read(t, "rules/peppol-billing/examples/base-example.xml"))
	invoice := func(id string, changes ...string) string {
		changes = append([]string{
			"urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0", id,
		}, changes...)
		return strings.NewReplacer(changes...).Replace(example)
	}
	configuration := layout{
		name: "xrechnung-3.0.2-validator-configuration-2026-01-31.zip",
		files: map[string]string{
			"resources/ubl/2.1/xsd":                            "xsd/ubl-2.1",
			"resources/ubl/2.1/xsl/EN16931-UBL-validation.xsl": "compiled/EN16931-UBL-validation-1.3.16.upstream.xslt",
		},
		made: map[string]string{
			"scenarios.xml": scenarios(), "resources/xrechnung/3.0.2/xsl/XRechnung-UBL-validation.xsl": buyerReference,
		},
	}
	rules := layout{
		name: "xrechnung-3.0.2-schematron-2.5.0.zip",
		made: map[string]string{"schematron/ubl/XRechnung-UBL-validation.sch": buyerReference, "README.md": "x"},
	}
	both, one := pack.Dir(t.TempDir()), pack.Dir(t.TempDir())
	for _, l := range []*layout{en16931Layout(t), &rules} {
		if _, err := both.Install(l.source(t), pack.Options{Check: CheckPack}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := one.Install(configuration.source(t), pack.Options{Check: CheckPack}); err != nil {
		t.Fatal(err)
	}
	payable := []string{`<cbc:PayableAmount currencyID="EUR">1656.25`, `<cbc:PayableAmount currencyID="EUR">1`}
	for _, c := range []struct{ name, body, want string }{
		{"valid", invoice(xrechnung), "valid "},
		{"an extension", invoice(extension), "valid "},
		{
			"a rule of XRechnung", invoice(xrechnung, "<cbc:BuyerReference>0150abc</cbc:BuyerReference>", ""),
			"invalid BR-DE-15 fatal",
		},
		{
			"a rule of EN 16931 that is a warning", invoice(xrechnung, `unitCode="DAY"`, `unitCode="QQQ"`),
			"valid BR-CL-23 warning",
		},
		{"one that is fatal", invoice(xrechnung, payable...), "invalid BR-CO-16 fatal"},
		{"which is a warning in an extension", invoice(extension, payable...), "valid BR-CO-16 warning"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for version, dir := range map[string]pack.Dir{"3.0.2-2026-01-31": one, "3.0.2-2.5.0": both} {
				rep, got := findings(t, dir, c.body)
				if got = string(rep.Verdict) + " " + got; got != c.want || rep.Version != version {
					t.Errorf("%s: %s %s, want %s; %s %v", rep.Version, got, rep.Reason, c.want, version, rep.XSD)
				}
			}
		})
	}
	plain := invoice("urn:cen.eu:en16931:2017", `unitCode="DAY"`, `unitCode="QQQ"`)
	if rep, got := findings(t, both, plain); got != "BR-CL-23 fatal" || rep.Pack != "en16931" ||
		rep.Verdict != Invalid {
		t.Errorf("EN 16931 itself: %s %s %s", rep.Pack, rep.Verdict, got)
	}
}

// en16931Layout is the repository of the rules of EN 16931.
func en16931Layout(t *testing.T) *layout {
	t.Helper()
	i := slices.IndexFunc(layouts, func(l layout) bool { return l.name == "eInvoicing-EN16931" })
	if i < 0 {
		t.Fatal("there is no such layout")
	}
	return &layouts[i]
}

// The jar of XRechnung as it comes from the Maven repository: its newest release, on top of EN 16931, finds what Saxon
// finds with the same files.
func TestXRechnungJarInterop(t *testing.T) {
	jar := saxon.Jar(t, "phive-rules-xrechnung-4.2.3.jar")
	dir := pack.Dir(t.TempDir())
	if _, err := dir.Install(en16931Layout(t).source(t), pack.Options{Check: CheckPack}); err != nil {
		t.Fatal(err)
	}
	in, err := dir.Install(jar, pack.Options{Check: CheckPack})
	if err != nil {
		t.Fatal(err)
	}
	if m := in.Packs[0]; m.Name != "xrechnung" || m.Version != "3.0.2" || len(m.Documents) != 9 ||
		m.With != "en16931 1.3.16" {
		t.Errorf("%s %s with %s: %d document types", m.Name, m.Version, m.With, len(m.Documents))
	}
	packs, err := dir.List()
	if err != nil {
		t.Fatal(err)
	}
	if n := asRecorded(t, packs, recordedRuns(t), func(_ *pack.Pack, file string) string {
		for _, name := range []string{cenUBL, cenCII} {
			if path.Base(file) == path.Base(name) {
				return name
			}
		}
		return ""
	}); n == 0 {
		t.Error("nothing was compared")
	}
	body := strings.Replace(string(golden.Read(t, "rules/en16931/cii/examples/XRechnung-O.xml")),
		">urn:cen.eu:en16931:2017<", ">"+xrechnung+"<", 1)
	const want = "BR-DE-27 warning, BR-DE-28 warning, PEPPOL-EN16931-R008 fatal, PEPPOL-EN16931-R040 fatal, " +
		"PEPPOL-EN16931-R101 fatal, PEPPOL-EN16931-R120 warning" // as Saxon says
	if rep, got := findings(t, dir, body); got != want || rep.Pack != "xrechnung" {
		t.Errorf("%s %s: %s %s\nwant %s", rep.Pack, rep.Verdict, got, rep.Reason, want)
	}
}

// The jar of NLCIUS: its newest files, which have the rules of EN 16931 in them, find what Saxon finds with them.
func TestNLCIUSJarInterop(t *testing.T) {
	dir := pack.Dir(t.TempDir())
	in, err := dir.Install(saxon.Jar(t, "phive-rules-simplerinvoicing-4.2.3.jar"), pack.Options{Check: CheckPack})
	if err != nil {
		t.Fatal(err)
	}
	if m := in.Packs[0]; m.Name != "nlcius" || m.Version != "2.0.3.12" || len(m.Documents) != 3 {
		t.Errorf("%s %s: %d document types", m.Name, m.Version, len(m.Documents))
	}
	body := strings.NewReplacer("urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0",
		"urn:cen.eu:en16931:2017#compliant#urn:fdc:nen.nl:nlcius:v1.0", ">1656.25<", ">1<").Replace(
		string(golden.Read(t, "rules/peppol-billing/examples/base-example.xml")))
	if rep, got := findings(t, dir, body); got != "BR-CO-15 fatal, BR-NL-13 fatal" || len(rep.Findings) != 3 {
		t.Errorf("%s %s: %s %s", rep.Pack, rep.Verdict, got, rep.Reason)
	}
}

// The jar of ZUGFeRD: a profile is checked by its schema and its rules. The lists of codes that the rules read are
// installed with them. The findings are those of Saxon, three of asserts and three of reports.
func TestZUGFeRDJarInterop(t *testing.T) {
	dir := pack.Dir(t.TempDir())
	in, err := dir.Install(saxon.Jar(t, "phive-rules-zugferd-4.2.3.jar"), pack.Options{Check: CheckPack})
	if err != nil {
		t.Fatal(err)
	}
	if m := in.Packs[0]; m.Name != "zugferd" || m.Version != "2.4" || len(m.Documents) != 8 ||
		m.Documents[0].XSD == "" {
		t.Errorf("%s %s: %d document types", m.Name, m.Version, len(m.Documents))
	}
	lists, err := filepath.Glob(filepath.Join(string(dir), "zugferd/2.4/external/schematron/2.4/*_codedb.xml"))
	if err != nil || len(lists) != 4 {
		t.Errorf("lists of codes: %q %v", lists, err)
	}
	body := strings.NewReplacer("<ram:ID>urn:cen.eu:en16931:2017</ram:ID>",
		"<ram:ID>urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended</ram:ID>", ">EUR<", ">EUX<").Replace(
		string(golden.Read(t, "rules/en16931/cii/examples/CII_example5.xml")))
	rep, got := findings(t, dir, body)
	for _, rule := range []string{"FX-SCH-A-000126", "FX-SCH-A-000129", "FX-SCH-A-000196"} {
		if !strings.Contains(got, rule) {
			t.Errorf("%s is not found", rule)
		}
	}
	if len(rep.Findings) != 6 || len(rep.XSD) > 0 || rep.Pack != "zugferd" {
		t.Errorf("%s %s: %d findings, %s %s %v", rep.Pack, rep.Verdict, len(rep.Findings), got, rep.Reason, rep.XSD)
	}
}
