package schematron

import (
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/validation/testset"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// TestCompiled runs the compiled form of some rule files over all documents that Saxon has seen with the source form.
func TestCompiled(t *testing.T) {
	forms := map[string]string{
		"en16931/ubl/schematron/preprocessed/EN16931-UBL-validation-preprocessed.sch": "compiled/EN16931-UBL-valida" +
			"tion-1.3.16.upstream.xslt",
		"peppol-billing/sch/2026.5/PEPPOL-EN16931-UBL.sch": "compiled/PEPPOL-EN16931-UBL-2" +
			"026.5.xslt",
		"peppol-postaward/sch/2026.5/PEPPOLBIS-T76.sch": "compiled/PEPPOLBIS-T76-2026" +
			".5.xslt",
		"mls/sch/peppol-mls-1.0.1.sch": "compiled/peppol-mls-1.0.1.xslt",
	}
	names := xdm.NewNames()
	schemas := map[string]*Schema{}
	for sch, xslt := range forms {
		schemas[sch] = rulesOf(t, names, xslt)[0]
	}
	runs := map[string]int{}
	for _, name := range []string{"en16931", "peppol-billing", "peppol-postaward", "mls"} {
		for _, e := range expectations(t, name+".jsonl") {
			s := schemas[e.Sch]
			if s == nil {
				continue
			}
			f, err := testset.Read(golden.Read(t, "rules/"+e.File), names)
			if err != nil {
				t.Fatal(err)
			}
			if diff := compare(t, s, &f.Tests[e.Index], e); diff != "" {
				t.Errorf("%s %d with %s: %s", e.File, e.Index, s.Source.Name, diff)
			}
			runs[e.Sch]++
		}
	}
	for sch := range forms {
		if runs[sch] == 0 {
			t.Errorf("%s: no recorded run", sch)
		}
	}
	t.Log(runs)
}

// Every compiled sample loads.
func TestCompiledSamples(t *testing.T) {
	rulesOf(t, xdm.NewNames(), "compiled/CEN-EN16931-UBL-2026.5.xslt", "compiled/EHF-P06-3.0-REMINDER-2023-02.xslt")
}
