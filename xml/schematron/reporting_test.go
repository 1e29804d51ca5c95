package schematron

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/xml/safe"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// xmlDecl is misplaced in one of the unit tests.
var xmlDecl = regexp.MustCompile(`<\?xml[^>]*\?>`)

// report builds the tree of a report, which in unit tests stands inside another document.
func report(t *testing.T, file string, names *xdm.Names) *xdm.Tree {
	b := xmlDecl.ReplaceAll(golden.Read(t, "rules/reporting/"+file), nil)
	build, depth := (*xdm.Builder)(nil), 0
	err := safe.Scan(bytes.NewReader(b), safe.Document, func(e *safe.Event) error {
		if build == nil && e.Kind == safe.Element && strings.HasPrefix(e.Name.Space, "urn:fdc:peppol:") {
			build, depth = xdm.NewBuilder(names, len(b)), e.Depth
		}
		if build == nil || e.Depth < depth {
			return nil
		}
		return build.Event(e)
	})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return build.Tree()
}

// TestReporting compares the rules of the statistics reports, newest and older, with the recorded results of Saxon.
// They use keys and functions.
func TestReporting(t *testing.T) {
	names := xdm.NewNames()
	rules := rulesOf(t, names,
		"reporting/tsr/schematron/peppol-transaction-statistics-reporting-1.0.5.sch",
		"reporting/tsr/schematron/peppol-transaction-statistics-reporting-1.0.4.sch",
		"reporting/eusr/schematron/peppol-end-user-statistics-reporting-1.1.5.sch",
		"reporting/eusr/schematron/peppol-end-user-statistics-reporting-1.1.4.sch")
	lines := strings.Split(strings.TrimSpace(string(golden.Read(t, "rules/reporting/expected.tsv"))), "\n")
	for _, line := range lines[1:] {
		col := strings.Split(line, "\t")
		first := 0
		if strings.HasPrefix(col[0], "eusr") {
			first = 2
		}
		tree := report(t, col[0], names)
		for i, want := range col[3:5] {
			if got := failed(t, rules[first+i], tree); got != want {
				t.Errorf("%s with %s: %s, want %s", col[0], rules[first+i].Source.Name, got, want)
			}
		}
	}
	t.Logf("%d reports", len(lines)-1)
}

// failed writes the failed assertions in the form of the table.
func failed(t *testing.T, s *Schema, tree *xdm.Tree) string {
	res, err := s.Validate(t.Context(), tree, Options{})
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, f := range res.Findings {
		count[f.ID()+f.Code]++
	}
	var out []string
	for id, n := range count {
		out = append(out, fmt.Sprintf("%s:%d", id, n))
	}
	if len(out) == 0 {
		return "-"
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}
