package core

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/validation/testset"
	"github.com/ravn-ap/ravn/xml/schematron"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// pairs are our rule files with the official ones that they must agree with.
var pairs = []struct {
	ours, official string
	runs           string // root elements of the documents that they are run on
}{
	{
		"en16931.sch", "en16931/ubl/schematron/preprocessed/EN16931-UBL-validation-preprocessed.sch",
		"Invoice CreditNote",
	},
	{"peppol-common.sch", "peppol-billing/sch/2026.5/PEPPOL-EN16931-UBL.sch", "Invoice CreditNote"},
	{"peppol-common.sch", "peppol-billing/sch/2026.5/PEPPOL-EN16931-UBL-SB.sch", "Invoice CreditNote"},
	{"peppol-billing.sch", "peppol-billing/sch/2026.5/PEPPOL-EN16931-UBL.sch", "Invoice CreditNote"},
	{"peppol-selfbilling.sch", "peppol-billing/sch/2026.5/PEPPOL-EN16931-UBL-SB.sch", "Invoice CreditNote"},
	{"mls.sch", "mls/sch/peppol-mls-1.0.1.sch", "ApplicationResponse"},
	{
		"tsr.sch", "reporting/tsr/schematron/peppol-transaction-statistics-reporting-1.0.5.sch",
		"TransactionStatisticsReport",
	},
	{"eusr.sch", "reporting/eusr/schematron/peppol-end-user-statistics-reporting-1.1.5.sch", "EndUserStatisticsReport"},
}

// document is a shared document, or one of a test set.
type document struct {
	name string
	root string
	tree *xdm.Tree
}

// documentsOf reads every document that the official rules were run on.
func documentsOf(t *testing.T, names *xdm.Names) []document {
	t.Helper()
	seen := map[string]bool{}
	for _, name := range []string{"en16931", "peppol-billing", "ehf", "mls", "peppol-postaward"} {
		in := bufio.NewScanner(bytes.NewReader(golden.Read(t, "rules/expected/"+name+".jsonl")))
		in.Buffer(nil, 10<<20)
		for in.Scan() {
			var e struct{ File string }
			if err := json.Unmarshal(in.Bytes(), &e); err != nil {
				t.Fatal(err)
			}
			seen[e.File] = true
		}
	}
	var out []document
	for _, file := range slices.Sorted(maps.Keys(seen)) {
		set, err := testset.Read(golden.Read(t, "rules/"+file), names)
		if err != nil {
			t.Fatal(err)
		}
		for i := range set.Tests {
			if tree := set.Tests[i].Doc; tree != nil {
				out = append(out, document{fmt.Sprintf("%s %d", file, i), tree.Name(top(tree)).Local, tree})
			}
		}
	}
	return append(out, reports(t, names)...)
}

func compile(t *testing.T, names *xdm.Names, src *schematron.Source, err error) *schematron.Schema {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	s, err := schematron.Compile(src, names, "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// loaded is a pair that is compiled.
type loaded struct {
	ours, official *schematron.Schema
	ids            []string
}

func load(t *testing.T, names *xdm.Names, ours, official string) loaded {
	t.Helper()
	src, err := schematron.Load(files(), ours)
	l := loaded{ours: compile(t, names, src, err)}
	src, err = schematron.Load(os.DirFS(golden.Shared(t, "rules")), official)
	l.official = compile(t, names, src, err)
	list, err := Rules()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if r.File == ours {
			l.ids = append(l.ids, r.ID)
		}
	}
	slices.Sort(l.ids)
	l.ids = slices.Compact(l.ids)
	return l
}

// findings gives what a rule file says of a document, by id: flags and locations, sorted. Remarks have no id.
func findings(t *testing.T, s *schematron.Schema, tree *xdm.Tree) map[string][]string {
	t.Helper()
	res, err := s.Validate(t.Context(), tree, schematron.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for i := range res.Findings {
		f := &res.Findings[i]
		out[f.ID()] = append(out[f.ID()], strings.TrimSpace(f.Flag()+" "+f.Location+" "+f.Code))
	}
	for _, r := range res.Remarks {
		out[""] = append(out[""], "remark "+r.Location+" "+r.Code)
	}
	for _, list := range out {
		slices.Sort(list)
	}
	return out
}

// TestOfficial is the judge: for each rule that the pack lists, its findings over all shared documents are those of
// the official rule of this id, in both directions.
func TestOfficial(t *testing.T) {
	names := xdm.NewNames()
	schemas := make([]loaded, len(pairs))
	for i, p := range pairs {
		schemas[i] = load(t, names, p.ours, p.official)
	}
	list, err := Rules()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		judged := func(p struct{ ours, official, runs string }) bool { return p.ours == r.File }
		if r.File != "sbdh.sch" && r.File != "innbyggerpost.sch" && !slices.ContainsFunc(pairs, judged) {
			t.Errorf("%s is not compared with official rules", r.File)
		}
	}
	docs := documentsOf(t, names)
	for i, p := range pairs {
		t.Run(strings.TrimSuffix(p.ours, ".sch")+" with "+p.official[strings.LastIndex(p.official, "/")+1:],
			func(t *testing.T) {
				s, runs, found, unequal := schemas[i], 0, map[string]int{}, map[string]int{}
				for _, d := range docs {
					if !slices.Contains(strings.Fields(p.runs), d.root) {
						continue
					}
					runs++
					want, got := findings(t, s.official, d.tree), findings(t, s.ours, d.tree)
					for _, id := range s.ids {
						found[id] += len(want[id])
						if slices.Equal(want[id], got[id]) {
							continue
						}
						if unequal[id]++; unequal[id] == 1 {
							t.Errorf("%s on %s:\n got %q\nwant %q", id, d.name, got[id], want[id])
						}
					}
					if list := got[""]; len(list) > 0 {
						t.Errorf("on %s a rule cannot be evaluated: %q", d.name, list)
					}
				}
				if runs == 0 {
					t.Fatal("there is no document")
				}
				silent, total := 0, 0
				for _, id := range s.ids {
					if total += found[id]; found[id] == 0 {
						silent++
					}
				}
				t.Logf("%d documents, %d rules, %d findings, %d rules without any; %d rules differ", runs, len(s.ids),
					total, silent, len(unequal))
			})
	}
}
