package validation

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
)

// TestRuleRunForm writes recorded runs anew and compares them byte for byte: the form is the one that others read.
func TestRuleRunForm(t *testing.T) {
	const sch = "mls/sch/peppol-mls-1.0.1.sch"
	rules, err := LoadRuleFile(golden.Shared(t, "rules/"+sch), "")
	if err != nil {
		t.Fatal(err)
	}
	rules.Name = sch
	lines := bufio.NewScanner(bytes.NewReader(golden.Read(t, "rules/expected/mls.jsonl")))
	n := 0
	for ; lines.Scan(); n++ {
		want := lines.Text()
		var e struct {
			File  string
			Index int
		}
		if err := json.Unmarshal([]byte(want), &e); err != nil {
			t.Fatal(err)
		}
		runs, err := rules.Run(t.Context(), e.File, golden.Read(t, "rules/"+e.File))
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(runs[e.Index])
		if err != nil {
			t.Fatal(err)
		}
		if recorded, _, cut := strings.Cut(want, `,"testset"`); cut {
			want = recorded + "}"
		}
		if string(got) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if n == 0 {
		t.Fatal("no recorded runs")
	}
}

// What cannot be read is a result of its own, and what cannot be compiled names file and line.
func TestRuleRunBadInput(t *testing.T) {
	rules, err := LoadRuleFile(golden.Shared(t, "rules/mls/sch/peppol-mls-1.0.1.sch"), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range []string{"", "<a>", "<!DOCTYPE a><a/>", "text", "<a>\x00</a>"} {
		runs, err := rules.Run(t.Context(), "doc", []byte(doc))
		if err != nil || len(runs) != 1 || runs[0].Error == "" || !runs[0].Fatal() {
			t.Errorf("%q: %+v, %v", doc, runs, err)
		}
	}
	if _, err := LoadRuleFile(golden.Shared(t, "rules/mls/examples")+"/MessageLevelStatus_Example_RE4.xml",
		""); err == nil || !strings.Contains(err.Error(), "not a Schematron schema") {
		t.Errorf("a document as rules: %v", err)
	}
}
