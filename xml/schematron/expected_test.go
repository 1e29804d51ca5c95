package schematron

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/validation/testset"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// expectation is a line of rules/expected: what Saxon found.
type expectation struct {
	File  string `json:"file"`
	Index int    `json:"index"`
	Sch   string `json:"sch"`
	Fired []struct {
		ID       string `json:"id"`
		Flag     string `json:"flag"`
		Location string `json:"location"`
	} `json:"fired"`
	FiredRules int    `json:"firedRules"`
	TestSet    string `json:"testset"` // pass or fail, of what the document itself expects
}

func expectations(t *testing.T, name string) []expectation {
	t.Helper()
	var out []expectation
	in := bufio.NewScanner(bytes.NewReader(golden.Read(t, "rules/expected/"+name)))
	in.Buffer(nil, 10<<20)
	for in.Scan() {
		var e expectation
		if err := json.Unmarshal(in.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// TestExpected compares every recorded run of Saxon with ours: ids, flags, locations, the number of rules that fired,
// and whether the document's own expectation is met.
func TestExpected(t *testing.T) {
	rules := golden.Shared(t, "rules")
	for _, name := range []string{"en16931", "peppol-billing", "peppol-postaward", "ehf", "mls"} {
		t.Run(name, func(t *testing.T) {
			list := expectations(t, name+".jsonl")
			names := xdm.NewNames()
			schemas := map[string]*Schema{}
			for _, e := range list {
				if schemas[e.Sch] != nil {
					continue
				}
				src, err := Load(os.DirFS(rules), e.Sch)
				if err != nil {
					t.Fatal(err)
				}
				if schemas[e.Sch], err = Compile(src, names, ""); err != nil {
					t.Fatal(err)
				}
			}
			files := map[string]*testset.File{}
			bad := 0
			for _, e := range list {
				if files[e.File] == nil {
					var err error
					if files[e.File], err = testset.Read(golden.Read(t, "rules/"+e.File), names); err != nil {
						t.Fatal(err)
					}
				}
				if diff := compare(t, schemas[e.Sch], &files[e.File].Tests[e.Index], e); diff != "" {
					if bad++; bad <= 10 {
						t.Errorf("%s %d with %s: %s", e.File, e.Index, e.Sch, diff)
					}
				}
			}
			t.Logf("%d runs, %d differ", len(list), bad)
		})
	}
}

func compare(t *testing.T, s *Schema, test *testset.Test, e expectation) string {
	res, err := s.Validate(t.Context(), test.Doc, Options{})
	if err != nil {
		return err.Error()
	}
	var got, want []string
	var found []testset.Finding
	for _, f := range res.Findings {
		got = append(got, f.ID()+" "+f.Flag()+" "+f.Location+f.Code)
		found = append(found, testset.Finding{ID: f.ID(), Flag: f.Flag()})
	}
	if wrong := test.Judge(found); e.TestSet != "" && (e.TestSet == "pass") != (len(wrong) == 0) {
		return fmt.Sprintf("the test %q, want %s", wrong, e.TestSet)
	}
	for _, f := range e.Fired {
		want = append(want, f.ID+" "+f.Flag+" "+f.Location)
	}
	if slices.Equal(got, want) && res.Fired == e.FiredRules {
		return ""
	}
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			return fmt.Sprintf("finding %d is %s, want %s (%d rules fired, want %d)", i, g, w, res.Fired, e.FiredRules)
		}
	}
	return fmt.Sprintf("%d rules fired, want %d", res.Fired, e.FiredRules)
}
