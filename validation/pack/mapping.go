package pack

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

// Columns of the table in mapping.md.
const (
	colTitle = iota + 2
	colRoot
	colCustomization
	colVersion
	colProcess
	colXSD
	colRules
	columns
)

// fromMapping reads the table "document type → rules".
func fromMapping(files fs.FS, text []byte) (*Manifest, error) {
	m := &Manifest{Name: "official", byDay: true}
	byType := map[string]int{} // document type and steps to the index in m.Documents
	add := func(d Document) {
		key := strings.Join(append([]string{d.DocType, d.XSD}, d.Rules...), "\n")
		i, ok := byType[key]
		if !ok {
			byType[key] = len(m.Documents)
			m.Documents = append(m.Documents, d)
			return
		}
		m.Documents[i].Processes = append(m.Documents[i].Processes, d.Processes...)
	}
	for in := bufio.NewScanner(bytes.NewReader(text)); in.Scan(); {
		cells := strings.Split(in.Text(), "|")
		if len(cells) < columns || // no row of the table, or one of its head
			strings.TrimSpace(cells[colRoot]) == "Root" || strings.Contains(cells[colRoot], "---") {
			continue
		}
		for i, c := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(c), "`")
		}
		d, ok := mappedDocument(files, cells)
		if !ok {
			return nil, fmt.Errorf("pack: mapping.md: the steps of %s are not understood", cells[colTitle])
		}
		add(d)
	}
	for _, d := range beyondTable {
		if present(files, &d) {
			add(d)
		}
	}
	m.configurations(files)
	return m, nil
}

// transaction is the number of a transaction in the name of its rule file.
var transaction = regexp.MustCompile(`PEPPOLBIS-(T[0-9]+)\.(?:sch|xslt?)$`)

// configurations finds the rule files of the official test sets (schematron.md §9).
func (m *Manifest) configurations(files fs.FS) {
	m.Configurations = map[string][]string{}
	for name, list := range testSets {
		if present(files, &Document{Rules: list}) {
			m.Configurations[name] = list
		}
	}
	for _, d := range m.Documents {
		for _, file := range d.Rules {
			if t := transaction.FindStringSubmatch(file); t != nil {
				m.Configurations["peppolbis-"+strings.ToLower(t[1])] = []string{file}
			}
		}
	}
}

const (
	enUBL     = "en16931/ubl/schematron/preprocessed/EN16931-UBL-validation-preprocessed.sch"
	enCII     = "en16931/cii/schematron/preprocessed/EN16931-CII-validation-preprocessed.sch"
	peppolUBL = "peppol-billing/sch/2026.5/PEPPOL-EN16931-UBL.sch"
)

// testSets are the configurations that do not follow from the name of a rule file.
var testSets = map[string][]string{
	"tc434-ubl":                            {enUBL},
	"tc434-ubl-cn":                         {enUBL},
	"tc434-cii":                            {enCII},
	"peppolbis-en16931-ubl":                {peppolUBL},
	"peppolbis-en16931-cii":                {"peppol-billing/sch/3.0.19/PEPPOL-EN16931-CII.sch"},
	"peppolbis-en16931-01-3.0-ubl-invoice": {enUBL, peppolUBL},
	"ehf-common":                           {"ehf/postaward-g3/common/sch/parts/combined.sch"},
	"ehf-ge-request-1.0":                   {"ehf/egovernment-g1/sch/EHF-GE-REQUEST.sch"},
	"ehf-ge-response-1.0":                  {"ehf/egovernment-g1/sch/EHF-GE-RESPONSE.sch"},
}

func mappedDocument(files fs.FS, cells []string) (Document, bool) {
	d := Document{
		Title:     cells[colTitle],
		DocType:   docType(cells[colRoot], cells[colCustomization], cells[colVersion]),
		Processes: []string{cells[colProcess]},
	}
	if steps, ok := reports[cells[colRoot]]; ok {
		d.XSD, d.Rules = steps.XSD, steps.Rules
		return d, true
	}
	d.XSD = cells[colXSD]
	for _, rule := range strings.Split(cells[colRules], "<br>") {
		d.Rules = append(d.Rules, strings.ReplaceAll(strings.TrimSpace(rule), "…", "schematron/preprocessed"))
	}
	if p, ok := alsoProcess[cells[colProcess]]; ok {
		d.Processes = append(d.Processes, p)
	}
	return d, present(files, &d)
}

// present reports whether all files of a document are there.
func present(files fs.FS, d *Document) bool {
	for _, name := range append([]string{d.XSD}, d.Rules...) {
		if _, err := fs.Stat(files, name); name != "" && err != nil {
			return false
		}
	}
	return true
}

// docType is the identifier of a document type by its root element, customization and version.
func docType(root, customization, version string) string {
	space := "urn:oasis:names:specification:ubl:schema:xsd:" + root + "-2"
	switch root {
	case "CrossIndustryInvoice":
		space = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
	case "EndUserStatisticsReport":
		space = "urn:fdc:peppol:end-user-statistics-report:1.1"
	case "TransactionStatisticsReport":
		space = "urn:fdc:peppol:transaction-statistics-report:1.0"
	}
	return space + "::" + root + "##" + customization + "::" + version
}

// reports are the two statistics reports, which the table names without files.
var reports = map[string]Document{
	"EndUserStatisticsReport": {
		XSD:   "reporting/eusr/xsd/peppol-end-user-statistics-reporting-1.1.xsd",
		Rules: []string{"reporting/eusr/schematron/peppol-end-user-statistics-reporting-1.1.5.sch"},
	},
	"TransactionStatisticsReport": {
		XSD:   "reporting/tsr/xsd/peppol-transaction-statistics-reporting-1.0.xsd",
		Rules: []string{"reporting/tsr/schematron/peppol-transaction-statistics-reporting-1.0.5.sch"},
	},
}

// alsoProcess are processes that documents carry beside the one of the code list (notes of mapping.md).
var alsoProcess = map[string]string{
	"urn:fdc:peppol.eu:logistics:bis:waybill:1": "urn:fdc:peppol.eu:logistics:bis:waybill_only:1",
}

// beyondTable are document types that only the notes of mapping.md speak of, and invoices of no other specification
// than EN 16931.
var beyondTable = []Document{
	{
		Title: "EN 16931 UBL Invoice", DocType: docType("Invoice", "urn:cen.eu:en16931:2017", "2.1"),
		XSD: "xsd/ubl-2.1/maindoc/UBL-Invoice-2.1.xsd", Rules: []string{enUBL},
	},
	{
		Title: "EN 16931 UBL Credit Note", DocType: docType("CreditNote", "urn:cen.eu:en16931:2017", "2.1"),
		XSD: "xsd/ubl-2.1/maindoc/UBL-CreditNote-2.1.xsd", Rules: []string{enUBL},
	},
	{
		Title:   "EN 16931 CII Invoice",
		DocType: docType("CrossIndustryInvoice", "urn:cen.eu:en16931:2017", "D16B"),
		XSD:     "xsd/cii-d16b-uncoupled/data/standard/CrossIndustryInvoice_100pD16B.xsd", Rules: []string{enCII},
	},
	{
		Title:     "EHF Punch Out 3.0",
		DocType:   docType("Catalogue", postAwardID+"punch_out:3"+norwegian, "2.2"),
		Processes: []string{"urn:fdc:anskaffelser.no:2019:ehf:postaward:g3:04:1.0"},
		XSD:       "xsd/ubl-2.2/maindoc/UBL-Catalogue-2.2.xsd",
		Rules:     []string{"ehf/postaward-g3/sch-2026-08/punch-out-3.0/EHF-PUNCH-OUT-3.0.sch"},
	},
	{
		Title:   "Get evidence, request",
		DocType: docType("QualificationApplicationRequest", evidenceID, "2.2"),
		XSD:     "xsd/ubl-2.2/maindoc/UBL-QualificationApplicationRequest-2.2.xsd",
		Rules:   []string{"ehf/egovernment-g1/sch/EHF-GE-REQUEST.sch"},
	},
	{
		Title:   "Get evidence, response",
		DocType: docType("QualificationApplicationResponse", evidenceID, "2.2"),
		XSD:     "xsd/ubl-2.2/maindoc/UBL-QualificationApplicationResponse-2.2.xsd",
		Rules:   []string{"ehf/egovernment-g1/sch/EHF-GE-RESPONSE.sch"},
	},
}
