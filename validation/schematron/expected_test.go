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
	"github.com/ravn-ap/ravn/internal/xmlsafe"
	"github.com/ravn-ap/ravn/validation/xdm"
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
	Error      string `json:"error"`
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

const nsTest = "http://difi.no/xsd/vefa/validator/1.0"

// documents returns the trees of a file: the one of a plain document, or one for each test of a test set.
func documents(t *testing.T, file string, names *xdm.Names) []*xdm.Tree {
	t.Helper()
	b := golden.Read(t, "rules/"+file)
	var out []*xdm.Tree
	var build *xdm.Builder
	set, depth := false, 0
	err := xmlsafe.Scan(bytes.NewReader(b), xmlsafe.Document, func(e *xmlsafe.Event) error {
		if e.Kind == xmlsafe.Element && e.Depth == 0 {
			set = e.Name.Is(nsTest, "testSet") || e.Name.Is(nsTest, "test")
			build, depth = nil, 2
			if e.Name.Local == "test" {
				depth = 1
			}
		}
		if !set {
			if build == nil {
				build = xdm.NewBuilder(names, len(b))
			}
			return build.Event(e)
		}
		if e.Kind == xmlsafe.Element && e.Depth == depth && e.Name.Space != nsTest {
			build = xdm.NewBuilder(names, len(b))
		}
		if build == nil {
			return nil
		}
		err := build.Event(e)
		if e.Kind == xmlsafe.End && e.Depth == depth {
			out = append(out, build.Tree())
			build = nil
		}
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if !set {
		out = append(out, build.Tree())
	}
	return out
}

// TestExpected compares every recorded run of Saxon with ours: ids, flags, locations, and the number of rules that fired.
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
			trees := map[string][]*xdm.Tree{}
			bad := 0
			for _, e := range list {
				if trees[e.File] == nil {
					trees[e.File] = documents(t, e.File, names)
				}
				if diff := compare(t, schemas[e.Sch], trees[e.File][e.Index], e); diff != "" {
					if bad++; bad <= 10 {
						t.Errorf("%s %d with %s: %s", e.File, e.Index, e.Sch, diff)
					}
				}
			}
			t.Logf("%d runs, %d differ", len(list), bad)
		})
	}
}

func compare(t *testing.T, s *Schema, tree *xdm.Tree, e expectation) string {
	res, err := s.Validate(t.Context(), tree, Options{})
	if err != nil {
		return err.Error()
	}
	var got, want []string
	for _, f := range res.Findings {
		got = append(got, f.ID()+" "+f.Flag()+" "+f.Location+f.Code)
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
