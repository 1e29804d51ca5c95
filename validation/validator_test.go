package validation

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/peppol/doctype"
	"github.com/ravn-ap/ravn/validation/pack"
)

var day = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

const (
	invoiceType = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:cen.eu:en16931:2017#" +
		"compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
	billing = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
)

// sbd puts documents into an envelope.
func sbd(docs string) string {
	return `<StandardBusinessDocument xmlns="` + doctype.NSEnvelope +
		`"><StandardBusinessDocumentHeader><HeaderVersion>1.0</HeaderVersion></StandardBusinessDocumentHeader>` +
		docs + `</StandardBusinessDocument>`
}

// installed installs the shared rules and returns a Validator for them.
func installed(t testing.TB) (*Validator, pack.Dir) {
	t.Helper()
	dir := pack.Dir(t.TempDir())
	if _, err := dir.Install(golden.Shared(t, "rules"), pack.Options{Version: "2026.5", Check: CheckPack}); err != nil {
		t.Fatal(err)
	}
	packs, err := dir.List()
	if err != nil || len(packs) != 1 {
		t.Fatalf("%d packs, %v", len(packs), err)
	}
	return New(packs), dir
}

// The rules for a document are found without being told, and the verdict has everything that a person needs.
func TestValidate(t *testing.T) {
	v, _ := installed(t)
	base := golden.Read(t, "rules/peppol-billing/examples/base-example.xml")
	check := func(doc []byte) *Report {
		t.Helper()
		rep, err := v.Validate(t.Context(), Request{Name: "x", On: day, Body: doc})
		if err != nil {
			t.Fatal(err)
		}
		return rep
	}
	if rep := check(base); rep.Verdict != Valid || rep.Pack != "official" ||
		!strings.HasSuffix(rep.DocType, "billing:3.0::2.1") {
		t.Errorf("the base example: %+v", rep)
	}
	if rep := check(bytes.Replace(base, []byte("<cbc:Percent>25.0"), []byte("<cbc:Percent>24.0"),
		1)); rep.Verdict != Invalid || len(rep.Findings) == 0 {
		t.Errorf("a wrong rate: %+v", rep)
	} else if f := rep.Findings[0]; f.Line < 2 || f.Column < 1 || f.Source == "" || f.Text == "" ||
		!strings.HasPrefix(f.Location, "/Invoice[1]/") {
		t.Errorf("finding %+v", f)
	}
	rep := check(bytes.Replace(base, []byte("<cbc:IssueDate>"), []byte("<cbc:Nonsense>x</cbc:Nonsense><cbc:IssueDate>"),
		1))
	if rep.Verdict != Invalid || len(rep.XSD) == 0 || len(rep.Findings) > 0 || rep.XSD[0].Line < 2 {
		t.Errorf("a document against the schema: %+v", rep)
	}
	if rep := check([]byte(sbd(string(base[bytes.Index(base, []byte("<Invoice")):])))); rep.Verdict != Valid {
		t.Errorf("in an envelope: %+v", rep)
	}
}

// What cannot be checked says why, and is never called valid.
func TestValidateBadInput(t *testing.T) {
	v, _ := installed(t)
	base := golden.Read(t, "rules/peppol-billing/examples/base-example.xml")
	inner := string(base[bytes.Index(base, []byte("<Invoice")):])
	for _, c := range []struct {
		name, doc string
		r         Request
		want      Verdict
		reason    string
	}{
		{"empty", "", Request{}, Invalid, "cannot be read"},
		{"cut off", string(base[:len(base)/2]), Request{}, Invalid, "cannot be read"},
		{"DTD", "<!DOCTYPE a><a/>", Request{}, Invalid, "cannot be read"},
		{"unknown", "<a/>", Request{}, Error, "no pack has rules for the root element a"},
		{
			"unknown type", string(base),
			Request{DocType: "x::y##z::1"},
			Error,
			"no pack has rules for the document type",
		},
		{
			"another root than its type", strings.ReplaceAll(string(base), "Invoice", "CreditNote"),
			Request{DocType: invoiceType, Process: billing},
			Invalid, "the root element is",
		},
		{
			"an envelope without document", sbd(""),
			Request{DocType: invoiceType, Process: billing},
			Invalid,
			"the root element is missing",
		},
		{"two documents in an envelope", sbd(inner + inner), Request{}, Invalid, "a second document"},
		{
			"foreign identifiers",
			`<a xmlns:b="urn:b"><b:CustomizationID>c</b:CustomizationID><b:ProfileID>p</b:ProfileID></a>`,
			Request{},
			Error, "the root element a",
		},
		{"unknown process", string(base), Request{Process: "p"}, Error, "not with the process"},
		{"too much work", string(base), Request{Budget: Budget{Steps: 100}}, NotChecked, "steps"},
	} {
		c.r.Body, c.r.On = []byte(c.doc), day
		rep, err := v.Validate(t.Context(), c.r)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Verdict != c.want || !strings.Contains(rep.Reason, c.reason) {
			t.Errorf("%s: %s %q", c.name, rep.Verdict, rep.Reason)
		}
	}
}

// Every official example that Saxon and Xerces call valid is valid, and no other.
func TestValidateExamples(t *testing.T) {
	v, _ := installed(t)
	root := golden.Shared(t, "rules")
	verdicts := map[Verdict]int{}
	for _, dir := range []string{
		"peppol-billing/examples", "peppol-postaward/examples", "ehf/postaward-g3/example",
		"mls/examples",
	} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(path, ".xml") {
				return err
			}
			doc, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			rep, err := v.Validate(t.Context(), Request{Name: path, On: day, Body: doc})
			if err != nil {
				return err
			}
			verdicts[rep.Verdict]++
			if rep.Verdict != Valid {
				t.Logf("%s: %s %s %.300v", strings.TrimPrefix(path, root), rep.Verdict, rep.Reason, rep.Findings)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Log(verdicts)
}

// The official test sets are run as their publishers run them; three expectations are older than the rules (README of
// the shared rules).
func TestRunTests(t *testing.T) {
	v, _ := installed(t)
	root := golden.Shared(t, "rules")
	outcome := map[string]int{}
	var failed []string
	err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".xml") {
			return err
		}
		doc, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(doc[:min(len(doc), 2000)], []byte("<testSet")) {
			return err
		}
		results, err := v.RunTests(t.Context(), strings.TrimPrefix(path, root+"/"), doc, day)
		for _, r := range results {
			outcome[r.TestSet]++
			if r.TestSet != "pass" {
				failed = append(failed, fmt.Sprintf("%s %d %v", r.File, r.Index, r.Problems))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(outcome)
	if outcome["error"] > 0 || outcome["fail"] != 3 || outcome["pass"] < 2000 {
		t.Errorf("%v\n%s", outcome, strings.Join(failed, "\n"))
	}
}
