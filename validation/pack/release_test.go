package pack

import (
	"fmt"
	"os"
	"path"
	"strings"
	"testing"
	"time"
)

// rules are rule files of the names that are given, with a text in each.
func rules(text string, names ...string) []entry {
	out := []entry{{name: "README.md", text: "x"}}
	for _, name := range names {
		out = append(out, entry{name: name, text: text})
	}
	return out
}

// notes are release notes as OpenPeppol's repositories have them: the newest first.
func notes(dir string, texts ...string) []entry {
	main := "= Release notes\n:icons: font\n\n:leveloffset: +1\n"
	var out []entry
	for _, text := range texts {
		name, rest, _ := strings.Cut(text, "\n")
		main += "\ninclude::" + name + ".adoc[]\n"
		if rest != "" {
			out = append(out, entry{name: dir + name + ".adoc", text: rest})
		}
	}
	return append(out, entry{name: dir + "main.adoc", text: main + "\n:leveloffset: -1\n"})
}

// installed says what comes of an archive of a name: each pack with its release, its days, and from where they are.
func installed(t *testing.T, name string, o Options, entries ...entry) string {
	t.Helper()
	from := path.Join(t.TempDir(), name)
	if err := os.Rename(archive(t, entries...), from); err != nil {
		t.Fatal(err)
	}
	o.Check = reads
	in, err := Dir(t.TempDir()).Install(from, o)
	if err != nil {
		return "refused: " + err.Error()
	}
	var out []string
	for _, m := range in.Packs {
		out = append(out, fmt.Sprintf("%s %s [%s] from %q [%s]", m.Name, m.Version, m.ReleaseFrom, m.ValidFrom,
			m.DaysFrom))
		out = append(out, m.Remarks...)
	}
	return strings.Join(out, "\n")
}

// The release is read from the contents first, the most trustworthy place first, then from names. What contradicts it
// is said. A first day comes from the known releases, then from the notes.
func TestReleases(t *testing.T) {
	const (
		t71       = "target/schematron/PEPPOLBIS-T71.sch"
		t120      = "target/schematron/PEPPOLBIS-T120.sch"
		catalogue = "target/schematron/catalogue-3.0/EHF-CATALOGUE-3.0.sch"
		known     = "the known releases of OpenPeppol"
		ehfHead   = "<!--\n\nThis file is distributed as part of EHF Post-Award G3.\n\nRelease: 2022-06-15\n" +
			"Timestamp: 2023-02-15 15:01z\n-->\n"
		makefile = "#!make\n\nIDENTIFIER = ehf-postaward-g3\nTITLE = EHF Post-Award G3\nRELEASE = 2022-06-15\n"
		billing  = "<!--\nLast update: 2026 May release 3.0.21.\n-->"
	)
	postAward := func(texts ...string) []entry { return append(rules("x", t71), notes(postAwardNotes, texts...)...) }
	logistics := func(texts ...string) []entry { return append(rules("x", t120), notes(postAwardNotes, texts...)...) }
	for _, c := range []struct {
		name, archive string
		entries       []entry
		o             Options
		want          string
	}{
		{
			"notes of a known release", "master.zip",
			postAward("v3.0.15\n= Version 3.0.15\n[horizontal]\nRelease date:: May 2025\n", "v3.0.14"),
			Options{},
			"peppol-postaward 3.0.15 [guides/release-notes/main.adoc] from \"2025-08-25\" [" + known + "]",
		},
		{
			"the day stands in the notes", "master.zip",
			postAward("v3.0.18\n= Version 3.0.18\n[horizontal]\nRelease date:: November 2026\n"+
				"* Date of publication: 2026-11-23\n* Mandatory to use from: 2027-02-24\n", "v3.0.17"),
			Options{},
			"peppol-postaward 3.0.18 [guides/release-notes/main.adoc] from \"2027-02-24\" " +
				"[guides/release-notes/v3.0.18.adoc]",
		},
		{
			"notes with another day than the known one", "master.zip",
			postAward("v3.0.15\n= Version 3.0.15\n\n* Mandatory to use from: 2025-08-23\n"),
			Options{},
			"peppol-postaward 3.0.15 [guides/release-notes/main.adoc] from \"2025-08-25\" [" + known + "]\n" +
				"guides/release-notes/v3.0.15.adoc says that it holds from 2025-08-23; " + known +
				", which count, say 2025-08-25",
		},
		{
			"the archive is called by the release of OpenPeppol", "poacc-upgrade-3-2025.5.zip", rules("x", t71),
			Options{},
			"peppol-postaward 2025.5 [the name poacc-upgrade-3-2025.5] from \"2025-08-25\" [" + known + "]",
		},
		{
			"notes and name mean the same release", "poacc-upgrade-3-2025.5.zip",
			postAward("v3.0.15\n= Version 3.0.15\n"),
			Options{},
			"peppol-postaward 3.0.15 [guides/release-notes/main.adoc] from \"2025-08-25\" [" + known + "]",
		},
		{
			"notes and name contradict each other", "poacc-upgrade-3-3.0.14.zip",
			postAward("v3.0.15\n= Version 3.0.15\n"),
			Options{},
			"peppol-postaward 3.0.15 [guides/release-notes/main.adoc] from \"2025-08-25\" [" + known + "]\n" +
				"the name poacc-upgrade-3-3.0.14 says that it is release 3.0.14; guides/release-notes/main.adoc, " +
				"which counts, says 3.0.15",
		},
		{
			"a hotfix", "master.zip", postAward("v3.0.11-hotfix\n= Version 3.0.11 - hotfix\n", "v3.0.11"),
			Options{},
			"peppol-postaward 3.0.11-hotfix [guides/release-notes/main.adoc] from \"\" []",
		},
		{
			"logistics", "main.zip",
			logistics("v1.2\n= Version 1.2\n[horizontal]\nRelease date:: 2025-11-01\n", "v1.1.1"),
			Options{},
			"peppol-logistics 1.2 [guides/release-notes/main.adoc] from \"\" []",
		},
		{
			"logistics, a release that is being made", "main.zip",
			logistics("v1.3\n= Version 1.3xx\n[horizontal]\nRelease date:: 2026-xx-xx\n", "v1.2\n= Version 1.2\n"),
			Options{},
			"refused: pack: the rules of peppol-logistics do not say which release they are: say it with --release",
		},
		{
			"two names", "logistics-2026-03-01.zip",
			[]entry{
				{name: "logistics-bis-2026-02-11/" + t120, text: "x"},
				{name: "logistics-bis-2026-02-11/README", text: "x"},
			},
			Options{},
			"peppol-logistics 2026-02-11 [the name logistics-bis-2026-02-11] from \"\" []\nthe name " +
				"logistics-2026-03-01 says that it is release 2026-03-01; the name logistics-bis-2026-02-11, which " +
				"counts, says 2026-02-11",
		},
		{
			"--release and --valid-from", "main.zip", logistics("v1.2\n= Version 1.2\n"),
			Options{Version: "1.2b", ValidFrom: "2026-01-01"},
			"peppol-logistics 1.2b [--release] from \"2026-01-01\" [--valid-from, --valid-to]",
		},
		{
			"heads that contradict each other", "x.zip", append(rules(billing, "rules/sch/CEN-EN16931-UBL.sch",
				"rules/sch/PEPPOL-EN16931-UBL.sch", "rules/sch/CEN-EN16931-CII.sch"), entry{
				name: "rules/sch/PEPPOL-EN16931-CII.sch",
				text: "<!--\nLast update: 2025 May release 3.0.19.\n-->",
			}),
			Options{},
			"peppol-billing 3.0.21 [rules/sch/PEPPOL-EN16931-UBL.sch] from \"2026-08-17\" [" + known + "]\n" +
				"rules/sch/PEPPOL-EN16931-CII.sch says that it is release 3.0.19; rules/sch/PEPPOL-EN16931-UBL.sch, " +
				"which counts, says 3.0.21",
		},
		{
			"the notes of Billing are ahead of its rules", "x.zip", append(rules(billing,
				"rules/sch/CEN-EN16931-UBL.sch", "rules/sch/PEPPOL-EN16931-UBL.sch"),
				notes(billingNotes, "v3.0.22\n= Version 3.0.22\n")...),
			Options{},
			"peppol-billing 3.0.21 [rules/sch/PEPPOL-EN16931-UBL.sch] from \"2026-08-17\" [" + known + "]\n" +
				"guide/release-notes/main.adoc says that it is release 3.0.22; rules/sch/PEPPOL-EN16931-UBL.sch, " +
				"which counts, says 3.0.21",
		},
		{
			"EHF, from its Makefile", "ehf-postaward-g3-master.zip",
			append(rules("x", catalogue), entry{name: "Makefile", text: makefile}),
			Options{},
			"ehf-postaward 2022-06-15 [Makefile] from \"\" []",
		},
		{
			"EHF, whose tags are newer than what its files say", "ehf-postaward-g3-2026-08-13.zip",
			append(rules(ehfHead, catalogue), entry{name: "Makefile", text: makefile}),
			Options{},
			"ehf-postaward 2026-08-13 [the name ehf-postaward-g3-2026-08-13] from \"\" []\n" +
				catalogue + " says that it is release 2022-06-15; the name ehf-postaward-g3-2026-08-13, which " +
				"counts, says 2026-08-13\nMakefile says that it is release 2022-06-15; the name " +
				"ehf-postaward-g3-2026-08-13, which counts, says 2026-08-13",
		},
		{
			"EHF, an archive that is older than its files", "ehf-postaward-g3-2020-01-31.zip",
			rules(ehfHead, catalogue),
			Options{},
			"ehf-postaward 2022-06-15 [" + catalogue + "] from \"\" []\nthe name ehf-postaward-g3-2020-01-31 " +
				"says that it is release 2020-01-31; " + catalogue + ", which counts, says 2022-06-15",
		},
		{
			"the archive of EHF's validator", "no.anskaffelser.ehf.postaward.g3-20260813.asice",
			rules("x", "sch/EHF-CATALOGUE-3.0.sch"),
			Options{},
			"ehf-postaward 2026-08-13 [the name no.anskaffelser.ehf.postaward.g3-20260813] from \"\" []",
		},
		{
			"EHF eGovernment", "ehf-egovernment-g1-master.zip", append(rules("x",
				"rules/get-evidence-1.0/sch/EHF-GE-REQUEST.sch"), entry{
				name: "docs/get-evidence-1.0/settings.adoc",
				text: "\ninclude::../shared/links.adoc[]\n\n//\n:revision: 1.0.0\n:release: 2018.08.30\n",
			}), Options{}, "ehf-egovernment 2018-08-30 [docs/get-evidence-1.0/settings.adoc] from \"\" []",
		},
		{
			"a name that is no release", "payment-g1-extras-master.zip",
			rules("x", "sch/PEPPOL-SBDH.sch", "sch/PAYMENT-RA.sch"),
			Options{},
			"refused: pack: the rules of ehf-payment do not say which release they are: say it with --release",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := installed(t, c.archive, c.o, c.entries...); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

// ofTitle is a rule file of XRechnung with its title.
func ofTitle(title string) string {
	return `<schema xmlns="http://purl.oclc.org/dsdl/schematron"><title>` + title + `</title></schema>`
}

// withEN16931 makes a folder in which rules of EN 16931 are installed.
func withEN16931(t *testing.T) Dir {
	t.Helper()
	dir := Dir(t.TempDir())
	for i, v := range []string{"1.3.15", "1.3.16"} {
		src := archive(t, append(rules("<!-- Schematron version "+v+" -->", "ubl/xslt/EN16931-UBL-validation.xslt",
			"cii/schematron/preprocessed/EN16931-CII-validation-preprocessed.sch"),
			entry{name: "LICENSE.txt", text: "EUPL"})...)
		at := time.Date(2026, 4, 13+i, 0, 0, 0, 0, time.UTC)
		if _, err := dir.Install(src, Options{Check: reads, Now: func() time.Time { return at }}); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// XRechnung comes on top of EN 16931, whose rules are taken from the pack that is installed.
func TestXRechnung(t *testing.T) {
	title := ofTitle("Schematron Version 2.5.0 - XRechnung 3.0.2 compatible - UBL - Invoice / Creditnote")
	open := ofTitle("Schematron Version @xr-schematron.version.full@ - XRechnung @xrechnung.version@ compatible")
	changes := entry{
		name: "CHANGELOG.md",
		text: "# Changelog\n\nAll notable changes\n\n## v2.2.0 on 2024-10-31\n\nThis release is compatible with " +
			"XRechnung 3.0.x\n\n## v2.1.0 on 2024-06-20\n",
	}
	zipFiles := []string{
		"schematron/ubl/XRechnung-UBL-validation.sch", "schematron/ubl/XRechnung-UBL-validation.xsl",
		"schematron/cii/XRechnung-CII-validation.sch",
	}
	for _, c := range []struct {
		name, archive string
		entries       []entry
		o             Options
		want          string
	}{
		{
			"archive", "download.zip", rules(title, zipFiles...),
			Options{},
			"xrechnung 3.0.2-2.5.0 [schematron/ubl/XRechnung-UBL-validation.sch] 9 with en16931 1.3.16",
		},
		{
			"archive whose files do not say it", "xrechnung-3.0.2-schematron-2.2.0.zip",
			append(rules(open, zipFiles...), changes),
			Options{},
			"xrechnung 3.0.2-2.2.0 [the name xrechnung-3.0.2-schematron-2.2.0] 9 with en16931 1.3.16",
		},
		{
			"name and contents contradict each other", "xrechnung-3.0.2-schematron-2.4.0.zip",
			rules(title, zipFiles...),
			Options{},
			"xrechnung 3.0.2-2.5.0 [schematron/ubl/XRechnung-UBL-validation.sch] 9 with en16931 1.3.16\nthe name " +
				"xrechnung-3.0.2-schematron-2.4.0 says that it is release 3.0.2-2.4.0; " +
				"schematron/ubl/XRechnung-UBL-validation.sch, which counts, says 3.0.2-2.5.0",
		},
		{
			"neither files nor name say the release of XRechnung", "x.zip", append(rules(open, zipFiles...), changes),
			Options{},
			"refused: pack: xrechnung 2.2.0: the document types that are known are those of 3.0.*",
		},
		{
			"of another XRechnung", "xrechnung-2.3.1-schematron-1.8.2.zip", rules(ofTitle(
				"Schematron Version 1.8.2 - XRechnung 2.3.1 compatible - UBL"), zipFiles...),
			Options{},
			"refused: pack: xrechnung 2.3.1-1.8.2: the document types that are known are those of 3.0.*",
		},
		{
			"sources without what the build adds", "xrechnung-schematron-2.5.0.zip",
			rules(open, "src/validation/schematron/ubl/XRechnung-UBL-validation.sch"),
			Options{},
			"refused: pack: the rules in src/validation/schematron are without those of Peppol",
		},
		{
			"the repository, built", "xrechnung-schematron.zip", append(rules(open,
				"src/validation/schematron/ubl/XRechnung-UBL-validation.sch",
				"build/schematron/ubl/XRechnung-UBL-validation.sch"), entry{name: "build.xml", text: "<project>\n" +
				`  <property name="xr-schematron.version.full" value="2.4.1-SNAPSHOT" />` + "\n" +
				`  <property name="xrechnung.version" value="3.0.2" />` + "\n</project>"}),
			Options{},
			"xrechnung 3.0.2-2.4.1-SNAPSHOT [build.xml] 6 with en16931 1.3.16",
		},
		{
			"jar", "phive-rules-xrechnung-4.2.3.jar", rules("x",
				"external/schematron/2.3.1/XRechnung-UBL-validation.xslt",
				"external/schematron/3.0.1/XRechnung-UBL-validation.xslt",
				"external/schematron/3.0.2/XRechnung-UBL-validation.xslt",
				"external/schematron/3.0.2/XRechnung-CII-validation.xslt"),
			Options{},
			"xrechnung 3.0.2 [the name of external/schematron/3.0.2] 9 with en16931 1.3.16",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := withEN16931(t)
			from := path.Join(t.TempDir(), c.archive)
			if err := os.Rename(archive(t, c.entries...), from); err != nil {
				t.Fatal(err)
			}
			c.o.Check = reads
			in, err := dir.Install(from, c.o)
			if err != nil {
				if got := "refused: " + err.Error(); !strings.HasPrefix(got, c.want) {
					t.Errorf("%s\nwant %s", got, c.want)
				}
				return
			}
			m := in.Packs[0]
			got := fmt.Sprintf("%s %s [%s] %d with %s", m.Name, m.Version, m.ReleaseFrom, len(m.Documents), m.With)
			if got = strings.Join(append([]string{got}, m.Remarks...), "\n"); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
			for _, file := range []string{"en16931/ubl/xslt/EN16931-UBL-validation.xslt", "en16931/LICENSE.txt"} {
				if _, err := os.Stat(path.Join(string(dir), "xrechnung", m.Version, file)); err != nil {
					t.Errorf("the rules of EN 16931 are not installed with it: %v", err)
				}
			}
		})
	}
	bare := archive(t, rules(title, zipFiles...)...)
	if _, err := Dir(t.TempDir()).Install(bare, Options{Check: reads}); err == nil ||
		!strings.Contains(err.Error(), "come on top of those of EN 16931, which are not in it: install en16931 first") {
		t.Errorf("without EN 16931: %v", err)
	}
}

// Jars of phive-rules whose files are known by name: of ZUGFeRD each profile with its schema, of NLCIUS the newest file
// among the releases in one folder, of Peppol Italy what stands in the list of document types.
func TestOtherJars(t *testing.T) {
	for _, c := range []struct {
		name    string
		entries []entry
		want    string
	}{
		{
			"zugferd", rules("x", "external/schematron/2.2/FACTUR-X_BASIC.xslt",
				"external/schematron/2.4/FACTUR-X_BASIC.xslt", "external/schematron/2.4/FACTUR-X_EN16931.xslt",
				"external/schemas/2.2/basic/FACTUR-X_BASIC.xsd",
				"external/schemas/2.4/basic/FACTUR-X_BASIC.xsd"),
			"zugferd 2.4\n" +
				"CrossIndustryInvoice##" + cenID + "#compliant#urn:factur-x.eu:1p0:basic::D22B " +
				"[external/schematron/2.4/FACTUR-X_BASIC.xslt] external/schemas/2.4/basic/FACTUR-X_BASIC.xsd\n" +
				"CrossIndustryInvoice##" + cenID + "#compliant#urn:zugferd.de:2p0:basic::D22B " +
				"[external/schematron/2.4/FACTUR-X_BASIC.xslt] external/schemas/2.4/basic/FACTUR-X_BASIC.xsd",
		},
		{
			"simplerinvoicing", rules("x", "external/schematron/simplerinvoicing/si-ubl-1.2.4.xslt",
				"external/schematron/simplerinvoicing/si-ubl-1.2.4-purchaseorder.xslt",
				"external/schematron/simplerinvoicing/si-ubl-2.0.3.9.xslt",
				"external/schematron/simplerinvoicing/si-ubl-2.0.3.12.xslt",
				"external/schematron/simplerinvoicing/si-ubl-2.0-ext-gaccount-1.0.9.xslt",
				"external/schematron/simplerinvoicing/si-ubl-2.0-ext-gaccount-1.0.12.xslt",
				"external/schematron/nlcius/nlcius-cii-1.0.3.12.xslt"),
			"nlcius 2.0.3.12\n" +
				"Invoice##" + nlciusID + "::2.1 [external/schematron/simplerinvoicing/si-ubl-2.0.3.12.xslt] \n" +
				"CreditNote##" + nlciusID + "::2.1 [external/schematron/simplerinvoicing/si-ubl-2.0.3.12.xslt] \n" +
				"Invoice##" + nlciusID + "#conformant#urn:fdc:nen.nl:gaccount:v1.0::2.1 " +
				"[external/schematron/simplerinvoicing/si-ubl-2.0-ext-gaccount-1.0.12.xslt] ",
		},
		{
			"italy", rules("x", "external/schematron/peppol-italy/2.2.9/AGID-PEPPOL-T16.xslt",
				"external/schematron/peppol-italy/3.1.0/despatch-advice/AGID-PEPPOL-T16.xslt",
				"external/schematron/peppol-italy/3.2.1/despatch-advice/AGID-PEPPOL-T16.xslt",
				"external/schematron/peppol-italy/3.2.1/order/AGID-PEPPOL-T01.xslt",
				"external/schematron/peppol-italy/3.2.1/invoice/AGID-EN16931-UBL.xslt"),
			"peppol-italy 3.2.1\n" +
				"Order##" + postAwardID + "order:3:restrictive:urn:www.agid.gov.it:trns:ordine:3.1::2.1 " +
				"[external/schematron/peppol-italy/3.2.1/order/AGID-PEPPOL-T01.xslt] \n" +
				"DespatchAdvice##" + postAwardID + "despatch_advice:3:extended:urn:www.agid.gov.it:trns:ddt:3.1::2.1 " +
				"[external/schematron/peppol-italy/3.2.1/despatch-advice/AGID-PEPPOL-T16.xslt] ",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, err := Dir(t.TempDir()).Install(archive(t, c.entries...), Options{Check: reads})
			if err != nil {
				t.Fatal(err)
			}
			m := in.Packs[0]
			got := m.Name + " " + m.Version
			for _, d := range m.Documents {
				_, of, _ := strings.Cut(d.DocType, "::")
				got += fmt.Sprintf("\n%s %v %s", of, d.Rules, d.XSD)
			}
			if got != c.want || len(in.Packs) != 1 {
				t.Errorf("%d packs, %s\nwant %s", len(in.Packs), got, c.want)
			}
		})
	}
}
