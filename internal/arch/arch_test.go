// Package arch holds the import table of the project (style.md §2): which room may use which, and which room a dependency
// lives in.
package arch

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
)

const module = "github.com/ravn-ap/ravn/"

// allowed lists, for each package, the packages of this project that it may import outside of tests.
var allowed = map[string]string{
	"peppol":                   "",
	"xml":                      "",
	"xml/safe":                 "",
	"xml/dsig":                 "xml/safe",
	"ebms":                     "xml/safe",
	"peppol/doctype":           "xml/safe",
	"sbdh":                     "peppol peppol/doctype xml/safe",
	"certs":                    "peppol",
	"as4/mime":                 "",
	"as4/intake":               "",
	"as4/wssec":                "xml/safe xml/dsig",
	"internal/ttl":             "",
	"xml/regex":                "",
	"xml/xdm":                  "xml/safe",
	"xml/xpath":                "xml/xdm xml/regex",
	"validation/pack":          "internal/durable",
	"validation/core":          "validation/pack xml/schematron",
	"validation":               "peppol/doctype xml/safe validation/pack xml/schematron validation/testset xml/xdm xml/xpath xml/xsd",
	"validation/testset":       "xml/safe xml/xdm",
	"xml/schematron":           "xml/safe xml/xdm xml/xpath",
	"xml/xsd":                  "xml/safe xml/regex",
	"sml":                      "peppol internal/ttl",
	"reporting":                "peppol xml/safe internal/durable",
	"smp":                      "peppol certs internal/ttl xml/safe xml/dsig",
	"as4":                      "ebms as4/intake as4/mime as4/wssec certs peppol sbdh xml/dsig",
	"internal/durable":         "",
	"internal/durable/faultfs": "internal/durable",
	"internal/fault":           "",
	"internal/download":        "smp",
	"internal/config":          "peppol certs internal/fault internal/durable",
	"internal/store":           "peppol",
	"internal/queue":           "internal/store",
	"internal/backend":         "internal/durable internal/fault",
	"internal/explain":         "as4 as4/mime as4/wssec certs ebms peppol sbdh xml/safe xml/dsig internal/fault",
	"internal/ap":              "as4 certs ebms peppol reporting sbdh smp internal/backend internal/fault internal/queue internal/store internal/store/blob validation",
	"internal/node":            "as4 as4/intake certs ebms peppol smp sml sbdh internal/alive internal/ap internal/backend internal/config internal/fault internal/queue internal/accounts internal/store internal/store/blob internal/store/postgres internal/store/sqlite reporting validation validation/core validation/pack internal/durable",
	"internal/setup":           "certs internal/fault certs/localca internal/durable",
	"internal/bench":           "",
	"internal/accounts":        "internal/fault internal/store peppol reporting validation",
	"internal/gendata":         "internal/store internal/store/blob peppol",
	"internal/alive":           "",
	"internal/golden":          "",
	"internal/mutants":         "",
	"internal/testrun":         "",
	"internal/store/blob":      "internal/store internal/durable",
	"internal/store/postgres":  "internal/store",
	"internal/store/sqlite":    "internal/store internal/alive internal/durable",
	"internal/store/storetest": "internal/golden internal/store peppol internal/alive",
	"certs/localca":            "certs internal/durable",
	"testbed/sml":              "peppol sml",
	"testbed/smp":              "certs peppol",
	"testbed/interop":          "internal/golden",
	"testbed/saxon":            "internal/golden testbed/interop",
	"testbed":                  "as4 certs peppol sbdh internal/ap internal/config internal/explain internal/fault internal/node internal/setup internal/store reporting certs/localca testbed/sml testbed/smp internal/durable",
	"cmd/ravn":                 "as4 certs ebms peppol sbdh smp sml internal/ap internal/bench internal/gendata internal/config internal/download internal/explain internal/fault internal/node internal/accounts internal/setup internal/store reporting testbed validation validation/core validation/pack internal/durable",
}

// homes lists the rooms in which a dependency may be imported outside of tests (style.md habit 17).
var homes = map[string]string{
	"github.com/beevik/etree":             "testbed/smp",
	"github.com/russellhaering/goxmldsig": "testbed/smp",
	"github.com/miekg/dns":                "sml testbed/sml",
	"modernc.org/sqlite":                  "internal/store/sqlite",
	"golang.org/x/text":                   "xml/xpath",
	"golang.org/x/sys":                    "internal/store/sqlite",
	"github.com/jackc/pgx":                "internal/store/postgres",
	"github.com/rs/zerolog":               "internal/node cmd/ravn testbed",
	"github.com/spf13/cobra":              "cmd/ravn",
	"github.com/mattn/go-isatty":          "cmd/ravn",
	"github.com/goccy/go-yaml":            "internal/config internal/accounts internal/setup",
	"github.com/xuri/excelize/v2":         "internal/accounts",
	"github.com/klauspost/compress":       "as4 internal/explain",
	"github.com/google/uuid":              "as4 internal/ap internal/store testbed/smp",
	"software.sslmate.com/src/go-pkcs12":  "certs",
}

// foreignXML are readers of XML that must not meet foreign bytes (SEC-030).
var foreignXML = map[string]string{"encoding/xml": ""}

type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Standard,Imports", "./...")
	cmd.Dir = golden.Root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if len(list) < 20 {
		t.Fatalf("go list found %d packages only", len(list))
	}
	return list
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		may, ok := allowed[name]
		if !ok && len(p.Imports) > 0 {
			t.Errorf("%s is not in the table: add it with what it may import", name)
			continue
		}
		for _, imp := range p.Imports {
			if own, ok := strings.CutPrefix(imp, module); ok {
				if !slices.Contains(strings.Fields(may), own) {
					t.Errorf("%s imports %s, which the table does not allow", name, own)
				}
				continue
			}
			checkHome(t, name, imp)
		}
	}
}

func checkHome(t *testing.T, name, imp string) {
	t.Helper()
	if rooms, ok := foreignXML[imp]; ok && !slices.Contains(strings.Fields(rooms), name) {
		t.Errorf("%s imports %s: foreign XML is read by xml/safe alone (SEC-030)", name, imp)
	}
	if first, _, _ := strings.Cut(imp, "/"); !strings.Contains(first, ".") {
		return // standard library
	}
	for dep, rooms := range homes {
		if imp == dep || strings.HasPrefix(imp, dep+"/") || dep == "modernc.org/sqlite" && strings.HasPrefix(imp, "modernc.org/") {
			if !slices.Contains(strings.Fields(rooms), name) {
				t.Errorf("%s imports %s, whose home is %s", name, imp, rooms)
			}
			return
		}
	}
	t.Errorf("%s imports %s, which has no home in the table and no line in docs/dependencies.md", name, imp)
}
