package validation

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/xml/xdm"
	"github.com/ravn-ap/ravn/xml/xpath"
)

// amounts adds up the values of an element in the lines of a document, read by no engine of rules.
func amounts(t *testing.T, doc, element string) (sum float64, n int) {
	t.Helper()
	tree, err := xdm.Parse([]byte(doc), xdm.NewNames())
	if err != nil {
		t.Fatal(err)
	}
	for i := xdm.Node(1); int(i) < tree.Len(); i++ {
		if tree.Kind(i) == xdm.Element && tree.Name(i).Local == element &&
			tree.Name(tree.Parent(i)).Local == "InvoiceLine" {
			v, err := strconv.ParseFloat(tree.Value(i), 64)
			if err != nil {
				t.Fatal(err)
			}
			sum, n = sum+v, n+1
		}
	}
	return sum, n
}

// Published rules, each broken in the example of OpenPeppol, are explained with the values that the document has.
func TestExplainedRules(t *testing.T) {
	v := New(sharedPacks(t))
	base := string(golden.Read(t, baseExample))
	lines, count := amounts(t, base, "LineExtensionAmount")
	const net, vat, charge, spoiled = 1325.0, 331.25, 25.0, 1656.52
	for _, tc := range []struct {
		rule, old, new string
		lang           fault.Lang
		want           []string // parts of the sentence
	}{
		{
			"BR-CO-10", ">1300</", ">1310</", fault.English,
			[]string{
				fmt.Sprintf("1310 is not %v: cbc:LineExtensionAmount is 1310, the sum of ", lines),
				fmt.Sprintf("cbc:LineExtensionAmount is %v (rounded), made of %d values", lines, count),
			},
		},
		{
			"BR-CO-10", ">1300</", ">1310</", fault.Bokmal,
			[]string{fmt.Sprintf("1310 er ikke %v: ", lines), fmt.Sprintf("av %d verdier", count), "summen av "},
		},
		{
			"BR-CO-10", ">1300</", ">1310</", fault.Nynorsk,
			[]string{fmt.Sprintf("1310 er ikkje %v: ", lines), fmt.Sprintf("av %d verdiar", count)},
		},
		{
			"BR-CO-13", ">1300</", ">1310</", fault.English,
			[]string{fmt.Sprintf("%v is not %v: ", net, 1310+charge), "cbc:LineExtensionAmount: 1310"},
		},
		{
			"BR-CO-15", ">1656.25</", ">1656.52</", fault.English,
			[]string{fmt.Sprintf("%v is not %v: ", spoiled, net+vat), "comes to 1656.25", "(with $Currency = “EUR”)"},
		},
		{
			"BR-S-08", "<cbc:TaxableAmount currencyID=\"EUR\">1325", "<cbc:TaxableAmount currencyID=\"EUR\">1335",
			fault.English,
			[]string{
				fmt.Sprintf("%v is not less than %v: ", 1335-1, lines+charge),
				fmt.Sprintf("/cbc:LineExtensionAmount): %v", lines),
				"$rate = 25",
			},
		},
		{
			"BR-CL-01", "<cbc:InvoiceTypeCode>380", "<cbc:InvoiceTypeCode>999", fault.English,
			[]string{"999 (cbc:InvoiceTypeCode) is not one of the 50 values 71, 80, 81, 82, 84, …"},
		},
		{
			"BR-CL-14", "<cbc:IdentificationCode>SE", "<cbc:IdentificationCode>QQ", fault.Bokmal,
			[]string{"«QQ» (cbc:IdentificationCode) er ikke en av de 251 verdiene 1A, AD, AE, AF, AG, …"},
		},
		{
			"PEPPOL-EN16931-R120", "<cbc:PriceAmount currencyID=\"EUR\">400", "<cbc:PriceAmount currencyID=\"EUR\">410",
			fault.English,
			[]string{fmt.Sprintf("2800 is not %d, give or take 0.02: ", 7*410), "$quantity: 7", "$priceAmount: 410"},
		},
		{
			"PEPPOL-EN16931-R008", "<cbc:DocumentCurrencyCode>", "<cbc:Note></cbc:Note><cbc:DocumentCurrencyCode>",
			fault.English,
			[]string{"cbc:Note must not be there: it is empty"},
		},
		{
			"PEPPOL-EN16931-R003", "<cbc:BuyerReference>0150abc</cbc:BuyerReference>", "", fault.Nynorsk,
			[]string{"cbc:BuyerReference manglar; cac:OrderReference/cbc:ID manglar"},
		},
		{
			"PEPPOL-EN16931-F001", "<cbc:IssueDate>2017-11-13", "<cbc:IssueDate>2017-11-13Z", fault.English,
			[]string{"11 is not 10: cbc:IssueDate “2017-11-13Z” has 11 characters"},
		},
		{
			"PEPPOL-COMMON-R041", "<cbc:EndpointID schemeID=\"0088\"", "<cbc:EndpointID schemeID=\"0192\"",
			fault.English,
			[]string{"(cbc:EndpointID) does not match the pattern “^[0-9]{9}$”"},
		},
	} {
		doc := strings.ReplaceAll(base, tc.old, tc.new)
		if doc == base {
			t.Fatalf("%s: the example has no %s", tc.rule, tc.old)
		}
		rep := judged(t, v, []byte(doc))
		var got string
		for _, f := range rep.Findings {
			if f.Rule == tc.rule {
				got = f.Explained(tc.lang)
				if f.Because != f.Explained(fault.English) {
					t.Errorf("%s: the report keeps %q", tc.rule, f.Because)
				}
				break
			}
		}
		for _, want := range tc.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s in %s: %q\nis not in %q", tc.rule, tc.lang, want, got)
			}
		}
	}
}

// What must not be empty is said to be empty, and nothing else.
func TestExplainedEmpty(t *testing.T) {
	f := Finding{Why: []xpath.Fact{{
		Kind: xpath.Compared, Op: "!=",
		Left:  xpath.Operand{Text: "b", Form: xpath.Value, Values: []string{""}, Count: 1},
		Right: &xpath.Operand{Text: "''", Form: xpath.Constant, Values: []string{""}, Count: 1},
	}}}
	for lang, want := range map[fault.Lang]string{fault.English: "b is empty", fault.Bokmal: "b er tom"} {
		if got := f.Explained(lang); got != want {
			t.Errorf("%s: %q", lang, got)
		}
	}
}

// manyLines is the example with n lines that break a rule, which has lets of the rule, and sums that are right.
func manyLines(t testing.TB, n int) []byte {
	t.Helper()
	base := string(golden.Read(t, baseExample))
	from := strings.Index(base, "<cac:InvoiceLine>")
	to := strings.Index(base, "</cac:InvoiceLine>") + len("</cac:InvoiceLine>")
	var b strings.Builder
	b.WriteString(base[:from])
	for i := range n {
		line := strings.Replace(base[from:to], "<cbc:ID>1<", "<cbc:ID>"+strconv.Itoa(i+1)+"<", 1)
		b.WriteString(strings.Replace(line, `"EUR">400<`, `"EUR">410<`, 1))
	}
	b.WriteString(base[strings.LastIndex(base, "</cac:InvoiceLine>")+len("</cac:InvoiceLine>"):])
	return []byte(b.String())
}

// Of a thousand findings of a rule some are explained; which findings there are does not depend on it, nor the verdict
// on what is left for it.
func TestExplainedIsBounded(t *testing.T) {
	v := New(sharedPacks(t))
	doc := manyLines(t, 1200)
	rep := judged(t, v, doc)
	explained := map[string]int{}
	for _, f := range rep.Findings {
		if len(f.Why) > 0 {
			explained[f.Rule]++
		}
	}
	if n := explained["PEPPOL-EN16931-R120"]; n != 20 || len(rep.Findings) < 1000 {
		t.Errorf("%d explained of %d findings", n, len(rep.Findings))
	}
}

// The steps of explanations are those that the rules leave: with the fewest that these need, the report is the same but
// for its explanations.
func TestExplainedTakesNothing(t *testing.T) {
	v, doc := New(sharedPacks(t)), manyLines(t, 3)
	full := judged(t, v, doc)
	with := func(steps int) *Report {
		rep, err := v.Validate(t.Context(), Request{On: day, Body: doc, Budget: Budget{Steps: int64(steps)}})
		if err != nil {
			t.Fatal(err)
		}
		return rep
	}
	least := sort.Search(1<<22, func(n int) bool { return with(n+1).Verdict != NotChecked }) + 1
	rep := with(least)
	if rep.Verdict != full.Verdict || rep.Fatal != full.Fatal || len(rep.Findings) != len(full.Findings) {
		t.Errorf("%s with %d findings, want %s with %d", rep.Verdict, len(rep.Findings), full.Verdict,
			len(full.Findings))
	}
	last := len(full.Findings) - 1
	if full.Findings[last].Because == "" || rep.Findings[last].Because != "" {
		t.Errorf("explained %q, and %q without steps", full.Findings[last].Because, rep.Findings[last].Because)
	}
}

func judged(t testing.TB, v *Validator, doc []byte) *Report {
	t.Helper()
	rep, err := v.Validate(t.Context(), Request{Name: "x.xml", On: day, Body: doc, View: true})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// BenchmarkFindings validates a document with more than a thousand findings of one rule.
func BenchmarkFindings(b *testing.B) {
	v, doc := New(sharedPacks(b)), manyLines(b, 1200)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Validate(b.Context(), Request{On: day, Body: doc}); err != nil {
			b.Fatal(err)
		}
	}
}
