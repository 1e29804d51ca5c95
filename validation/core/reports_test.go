package core

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/xml/safe"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// xmlDecl is misplaced in one of the unit tests.
var xmlDecl = regexp.MustCompile(`<\?xml[^>]*\?>`)

// reports reads the shared statistics reports, which in unit tests stand inside another document.
func reports(t *testing.T, names *xdm.Names) []document {
	t.Helper()
	var out []document
	lines := strings.Split(strings.TrimSpace(string(golden.Read(t, "rules/reporting/expected.tsv"))), "\n")
	for _, line := range lines[1:] {
		file, _, _ := strings.Cut(line, "\t")
		b := xmlDecl.ReplaceAll(golden.Read(t, "rules/reporting/"+file), nil)
		build, depth := (*xdm.Builder)(nil), 0
		root := ""
		err := safe.Scan(bytes.NewReader(b), safe.Document, func(e *safe.Event) error {
			if build == nil && e.Kind == safe.Element && strings.HasPrefix(e.Name.Space, "urn:fdc:peppol:") {
				build, depth, root = xdm.NewBuilder(names, len(b)), e.Depth, e.Name.Local
			}
			if build == nil || e.Depth < depth {
				return nil
			}
			return build.Event(e)
		})
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out = append(out, document{file, root, build.Tree()})
	}
	return out
}
