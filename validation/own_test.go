package validation

import (
	"bytes"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/validation/pack"
)

// ownPack installs the small pack of this repository, so that the room is tried also where no official rules are.
func ownPack(t *testing.T) *Validator {
	t.Helper()
	dir := pack.Dir(t.TempDir())
	if _, err := dir.Install("testdata/parcel", pack.Options{Check: CheckPack}); err != nil {
		t.Fatal(err)
	}
	packs, err := dir.List()
	if err != nil || len(packs) != 1 {
		t.Fatalf("%d packs, %v", len(packs), err)
	}
	return New(packs)
}

func parcel(t *testing.T, changes ...string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/parcel/parcel.xml")
	if err != nil {
		t.Fatal(err)
	}
	return []byte(strings.NewReplacer(changes...).Replace(string(b)))
}

// From the detection of the type over schema and rules to the three forms of a report.
func TestOwnPack(t *testing.T) {
	v := ownPack(t)
	for _, tc := range []struct {
		name     string
		doc      []byte
		want     Verdict
		findings string // schema errors by their line, findings as rule, place and line
		text     string // somewhere in the report for people
	}{
		{"good", parcel(t), Valid, "", "valid"},
		{
			"in an envelope", []byte(sbd(string(parcel(t)[bytes.Index(parcel(t), []byte("<Parcel")):]))), Valid, "",
			"valid",
		},
		{"a warning", parcel(t, ">2.25<", ">30<", ">3.75<", ">31.5<"), Valid, "P-02 /Parcel[1] 2", "A heavy parcel."},
		{"a wrong sum", parcel(t, ">3.75<", ">4<"), Invalid, "P-01 /Parcel[1] 2", "The parcel weighs 3.75, not 4."},
		{
			"two of one name", parcel(t, "lamp", "book"), Invalid, "P-03 /Parcel[1]/Item[2] 7",
			"There are two items called book.",
		},
		{"against the schema", parcel(t, "2026-11-02", "yesterday"), Invalid, "5", "Sent"},
		{"of no known type", parcel(t, "parcel:1", "parcel:9"), Error, "", "no pack has rules"},
		{"no XML", []byte("PDF"), Invalid, "1", "cannot be read"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rep, err := v.Validate(t.Context(), Request{Name: "parcel.xml", On: day, Body: tc.doc, Trace: true})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range rep.XSD {
				got = append(got, strconv.Itoa(e.Line))
			}
			for _, f := range rep.Findings {
				got = append(got, f.Rule+" "+f.Location+" "+strconv.Itoa(f.Line))
			}
			if rep.Verdict != tc.want || strings.Join(got, ", ") != tc.findings {
				t.Errorf("%s %q, reason %q; want %s %q", rep.Verdict, got, rep.Reason, tc.want, tc.findings)
			}
			var text, html, svrl bytes.Buffer
			if err := rep.WriteText(&text, fault.English); err != nil || !strings.Contains(text.String(), tc.text) {
				t.Errorf("%v, text\n%s", err, text.String())
			}
			if err := WriteHTML(&html, []*Report{rep}, fault.English); err != nil ||
				!strings.Contains(html.String(), "parcel.xml") {
				t.Errorf("%v, page\n%s", err, html.String())
			}
			if err := rep.WriteSVRL(&svrl); err != nil ||
				strings.Contains(svrl.String(), `id="P-01"`) != strings.Contains(tc.findings, "P-01") {
				t.Errorf("%v, SVRL\n%s", err, svrl.String())
			}
		})
	}
}

// A rule file says the same as source and as the ISO skeleton compiles it; a phase leaves patterns out.
func TestOwnRuleFile(t *testing.T) {
	doc := parcel(t, "lamp", "book", ">3.75<", ">40<")
	p1 := Fired{"P-01", "fatal", "/Parcel[1]"}
	p2 := Fired{"P-02", "warning", "/Parcel[1]"}
	p3 := Fired{"P-03", "fatal", "/Parcel[1]/Item[2]"}
	for _, tc := range []struct {
		file, phase string
		want        []Fired
		rules       int
	}{
		{"parcel.sch", "", []Fired{p1, p2, p3}, 3},
		{"parcel.xslt", "", []Fired{p1, p2, p3}, 3},
		{"parcel.sch", "quick", []Fired{p1, p2}, 1},
	} {
		f, err := LoadRuleFile("testdata/parcel/"+tc.file, tc.phase)
		if err != nil {
			t.Fatal(err)
		}
		runs, err := f.Run(t.Context(), "parcel.xml", doc)
		if err != nil || len(runs) != 1 {
			t.Fatal(runs, err)
		}
		var fired []Fired
		for _, x := range runs[0].Fired {
			x.Location = strings.NewReplacer("*:", "", "[namespace-uri()='urn:ravn:example:parcel']",
				"").Replace(x.Location)
			fired = append(fired, x)
		}
		if !reflect.DeepEqual(fired, tc.want) || runs[0].FiredRules != tc.rules || !runs[0].Fatal() {
			t.Errorf("%s %s: %+v", tc.file, tc.phase, runs[0])
		}
	}
	s, err := LoadSchemaFile("testdata/parcel/parcel.xsd")
	if err != nil {
		t.Fatal(err)
	}
	if run := s.Run("testdata/parcel/parcel.xml"); !run.Valid || len(run.Errors) > 0 {
		t.Errorf("%+v", run)
	}
}

// Expectations of a test set are held against the rules: met, missed, and of rules that are not there.
func TestOwnTestSet(t *testing.T) {
	v := ownPack(t)
	body := string(parcel(t)[bytes.Index(parcel(t), []byte("<Parcel")):])
	set := func(configuration, expect string) []byte {
		return []byte(`<testSet xmlns="http://difi.no/xsd/vefa/validator/1.0" configuration="` + configuration + `">` +
			`<assert><scope>P-01</scope></assert><test><assert>` + expect + `</assert>` + body + `</test></testSet>`)
	}
	for _, tc := range []struct {
		name string
		doc  []byte
		want string
	}{
		{"met", set("parcel-base", "<success>P-01</success>"), "pass"},
		{"missed", set("parcel-base", "<error>P-01</error>"), "fail"},
		{"no such rules", set("letter-base", "<success>P-01</success>"), "error"},
	} {
		results, err := v.RunTests(t.Context(), "set.xml", tc.doc, day)
		if err != nil || len(results) != 1 || results[0].TestSet != tc.want {
			t.Errorf("%s: %+v, %v", tc.name, results, err)
		}
	}
}
