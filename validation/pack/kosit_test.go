package pack

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// configurationOf is KoSIT's configuration for XRechnung, in the form in which its archives have it.
func configurationOf(release, built string) string {
	scenario := func(name, prefix, match, space, xsd, rules, levels string) string {
		return fmt.Sprintf(`
  <scenario>
    <name>%s</name>
    <description><p>Validates</p></description>
    <namespace prefix="cbc">urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2</namespace>
    <namespace prefix="%s">%s</namespace>
    <namespace prefix="rep">http://www.xoev.de/de/validator/varl/1</namespace>
    <match>%s</match>
    <validateWithXmlSchema>
      <resource><name>XML Schema</name><location>resources/%s</location></resource>
    </validateWithXmlSchema>%s
    <createReport>
      <resource><name>Report</name><location>resources/xrechnung-report.xsl</location></resource>
      <!-- overwrites CEN severity level -->%s
    </createReport>
    <acceptMatch>/rep:report/rep:assessment[1]/rep:accept[1]</acceptMatch>
  </scenario>`, name, prefix, space, match, xsd, rules, levels)
	}
	rule := func(file string) string {
		return "\n    <validateWithSchematron>\n      <resource><name>R</name><location>resources/" + file +
			"</location></resource>\n    </validateWithSchematron>"
	}
	level := func(level, rule string) string {
		return "\n      <customLevel level=\"" + level + "\">" + rule + "</customLevel>"
	}
	const (
		invoice = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
		cii     = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
		ciiID   = "rsm:ExchangedDocumentContext/ram:GuidelineSpecifiedDocumentContextParameter/ram:ID/text()"
		ublXSD  = "ubl/2.1/xsd/maindoc/UBL-Invoice-2.1.xsd"
		ciiXSD  = "cii/16b/xsd/CrossIndustryInvoice_100pD16B.xsd"
	)
	en, xr := rule("ubl/2.1/xsl/EN16931-UBL-validation.xsl"), rule("xrechnung/3.0.2/xsl/XRechnung-UBL-validation.xsl")
	ciiRules := rule("cii/16b/xsl/EN16931-CII-validation.xsl") +
		rule("xrechnung/3.0.2/xsl/XRechnung-CII-validation.xsl")
	return `<?xml version="1.0" encoding="UTF-8"?>
<!-- This is the source file for creating scenarios.xml 
  - DO NOT USE DIRECTLY
  -->
<scenarios xmlns="` + nsScenarios + `" frameworkVersion="1.0.0">
  <name>Validator Configuration XRechnung ` + release + `</name>
  <author>Coordination Office for IT Standards (KoSIT)</author>
  <date>` + built + `</date>
  <description><p>Checks whether XML Documents conform to XRechnung</p></description>` +
		scenario("EN16931 XRechnung (UBL Invoice)", "invoice",
			"exists(/invoice:Invoice/cbc:CustomizationID[ . = '"+xrechnungID+"']) ", invoice, ublXSD, en+xr,
			level("warning", "BR-CL-23")+level("warning", "BR-CL-21")) +
		scenario("EN16931 XRechnung Extension (UBL Invoice)", "invoice",
			"exists(/invoice:Invoice/cbc:CustomizationID[ . = '"+xrechnungExtension+"'])", invoice, ublXSD, en+xr,
			level("information", "BR-CO-16")) +
		scenario("EN16931 XRechnung (CII)", "rsm", "exists(/rsm:CrossIndustryInvoice["+ciiID+" = '"+xrechnungID+"'])",
			cii, ciiXSD, ciiRules, level("error", "CII-SR-453")) +
		scenario("EN16931 (UBL Invoice)", "invoice", "exists(/invoice:Invoice[ cbc:CustomizationID/text() = "+
			"'urn:cen.eu:en16931:2017' ])", invoice, ublXSD, en, "") + `
  <noScenarioReport><resource><name>D</name><location>resources/default-report.xsl</location></resource></noScenarioReport>
</scenarios>
`
}

// configured is an archive of KoSIT's configuration, with a file for each of its rules and schemas.
func configuredFiles(scenarios string, dir string) []entry {
	out := []entry{{name: dir + "scenarios.xml", text: scenarios}, {name: "LICENSE", text: "Apache"}}
	for _, file := range []string{
		"ubl/2.1/xsd/maindoc/UBL-Invoice-2.1.xsd", "ubl/2.1/xsl/EN16931-UBL-validation.xsl",
		"xrechnung/3.0.2/xsl/XRechnung-UBL-validation.xsl", "cii/16b/xsd/CrossIndustryInvoice_100pD16B.xsd",
		"cii/16b/xsl/EN16931-CII-validation.xsl", "xrechnung/3.0.2/xsl/XRechnung-CII-validation.xsl",
	} {
		out = append(out, entry{name: dir + "resources/" + file, text: "x"})
	}
	return out
}

func changelog(dir string) entry {
	return entry{name: dir + "CHANGELOG.md", text: "# Changelog\n\nThe format is\n\n## 2026-01-31\n\nThis release is " +
		"compatible with XRechnung 3.0.x\n\n## 2025-07-10\n"}
}

// The configuration of KoSIT says which schema and which rules are for which document type, and what counts otherwise.
func TestConfiguration(t *testing.T) {
	good := configurationOf("3.0.2", "2026-02-04")
	for _, c := range []struct {
		name, archive string
		entries       []entry
		want          string
	}{
		{
			"archive", "download.zip", append(configuredFiles(good, ""), changelog("")),
			"xrechnung 3.0.2-2026-01-31 [CHANGELOG.md] from \"\" []",
		},
		{
			"archive without a changelog", "xrechnung-3.0.2-validator-configuration-2026-01-31.zip",
			configuredFiles(good, ""),
			"xrechnung 3.0.2-2026-01-31 [the name xrechnung-3.0.2-validator-configuration-2026-01-31] from \"\" []",
		},
		{
			"only the day on which it was built", "download.zip", configuredFiles(good, ""),
			"xrechnung 3.0.2-2026-02-04 [scenarios.xml] from \"\" []",
		},
		{
			"name and changelog contradict each other", "validator-configuration-xrechnung_3.0.2_2025-07-10.zip",
			append(configuredFiles(good, ""), changelog("")),
			"xrechnung 3.0.2-2026-01-31 [CHANGELOG.md] from \"\" []\nthe name " +
				"validator-configuration-xrechnung_3.0.2_2025-07-10 says that it is release 2025-07-10; " +
				"CHANGELOG.md, which counts, says 2026-01-31",
		},
		{
			"the repository, built", "validator-configuration-xrechnung.zip",
			append(configuredFiles(good, "build/"), changelog("build/"), entry{
				name: "scenarios.xml",
				text: configurationOf("@xrechnung.version@", "@build.date@"),
			}), "xrechnung 3.0.2-2026-01-31 [build/CHANGELOG.md] from \"\" []",
		},
		{
			"the repository, not built", "validator-configuration-xrechnung-master.zip",
			rules(configurationOf("@xrechnung.version@", "@build.date@"), "scenarios.xml", "build.xml"),
			"refused: pack: scenarios.xml: \"Validator Configuration XRechnung @xrechnung.version@\" names no " +
				"release of XRechnung: it is the template",
		},
		{
			"a file is missing", "x.zip", configuredFiles(good, "")[:4],
			"refused: pack: scenarios.xml: line 10: the scenario \"EN16931 XRechnung (UBL Invoice)\": " +
				"resources/xrechnung/3.0.2/xsl/XRechnung-UBL-validation.xsl is missing",
		},
		{
			"not well-formed", "x.zip", rules("<scenarios><name>", "scenarios.xml", "build.xml"),
			"refused: pack: scenarios.xml: ",
		},
		{
			"entities", "x.zip", rules(`<!DOCTYPE s [<!ENTITY a "b">]><s>&a;</s>`, "scenarios.xml", "build.xml"),
			"refused: pack: scenarios.xml: ",
		},
		{
			"of something else", "x.zip", rules(strings.Replace(good, "XRechnung 3.0.2", "BIS 3.0", 1), "scenarios.xml",
				"build.xml"), "refused: pack: nothing is recognised here",
		},
		{
			"a level that is not known", "x.zip", configuredFiles(strings.Replace(good, `level="warning"`,
				`level="fatal"`, 1), ""),
			"refused: pack: scenarios.xml: line 10: the scenario \"EN16931 XRechnung (UBL Invoice)\": the level " +
				"\"fatal\" is not known",
		},
		{
			"a condition that is not understood", "x.zip", configuredFiles(strings.Replace(good,
				"exists(/invoice:Invoice/cbc:", "exists(//cbc:", 1), ""),
			"refused: pack: scenarios.xml: line 10: the scenario \"EN16931 XRechnung (UBL Invoice)\": the condition",
		},
		{
			"a location that leads out", "x.zip", configuredFiles(strings.Replace(good, "resources/ubl",
				"../../etc/ubl", 1), ""), "refused: pack: scenarios.xml: line 10: ",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := installed(t, c.archive, Options{}, c.entries...)
			if got != c.want && !(strings.HasPrefix(c.want, "refused") && strings.HasPrefix(got, c.want)) {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
	dir := Dir(t.TempDir())
	from := path.Join(t.TempDir(), "x.zip")
	if err := os.Rename(archive(t, configuredFiles(good, "")...), from); err != nil {
		t.Fatal(err)
	}
	in, err := dir.Install(from, Options{Check: reads})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(in.Packs[0].Documents)
	if err != nil {
		t.Fatal(err)
	}
	const ubl = `"xsd":"resources/ubl/2.1/xsd/maindoc/UBL-Invoice-2.1.xsd",` +
		`"rules":["resources/ubl/2.1/xsl/EN16931-UBL-validation.xsl",` +
		`"resources/xrechnung/3.0.2/xsl/XRechnung-UBL-validation.xsl"],"levels":`
	want := `[{"title":"EN16931 XRechnung (UBL Invoice)","doctype":"` +
		docType("Invoice", xrechnungID, "2.1") + `",` + ubl + `{"BR-CL-21":"warning","BR-CL-23":"warning"}},` +
		`{"title":"EN16931 XRechnung Extension (UBL Invoice)","doctype":"` +
		docType("Invoice", xrechnungExtension, "2.1") + `",` + ubl + `{"BR-CO-16":"warning"}},` +
		`{"title":"EN16931 XRechnung (CII)","doctype":"` + docType("CrossIndustryInvoice", xrechnungID, "D16B") +
		`","xsd":"resources/cii/16b/xsd/CrossIndustryInvoice_100pD16B.xsd",` +
		`"rules":["resources/cii/16b/xsl/EN16931-CII-validation.xsl",` +
		`"resources/xrechnung/3.0.2/xsl/XRechnung-CII-validation.xsl"],"levels":{"CII-SR-453":"fatal"}}]`
	if string(text) != want {
		t.Errorf("%s\nwant %s", text, want)
	}

	folder := t.TempDir() // as it was unpacked
	for _, e := range append(configuredFiles(good, ""), changelog("")) {
		file := filepath.Join(folder, e.name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(e.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	packs, err := Load(folder)
	if err != nil || len(packs) != 1 || packs[0].Version != "3.0.2-2026-01-31" || len(packs[0].Documents) != 3 {
		t.Errorf("used as it lies: %+v %v", packs, err)
	}
}
