// Package core is the small rule pack "ravn-core" that is part of the program, so that a new installation can validate
// at once: the essentials of invoices and credit notes, Message Level Status, the statistics reports, the Peppol
// envelope and the one for letters to citizens. Its rules have the official ids; expressions and texts are ours. They
// agree with the official rules, but there are not all of them and there is no schema, so a verdict based on it alone
// says "basic rules only".
package core

import (
	"embed"
	"io/fs"
	"strings"
	"sync"

	"github.com/ravn-ap/ravn/validation/pack"
	"github.com/ravn-ap/ravn/xml/schematron"
)

// Name and Version of the pack. The version is that of the official rules that it was compared with.
const (
	Name    = "ravn-core"
	Version = "2026.5"
)

//go:embed rules/*.sch
var embedded embed.FS

// files are the rule files.
var files = sync.OnceValue(func() fs.FS {
	sub, err := fs.Sub(embedded, "rules")
	if err != nil {
		panic(err) // cannot happen: the folder is embedded
	}
	return sub
})

// Pack returns the pack.
func Pack() pack.Pack {
	return pack.Pack{
		Manifest: pack.Manifest{
			Name: Name, Version: Version, Licence: "that of Ravn", Source: "built in", Basic: true,
			Documents: documents(), Envelope: []string{"sbdh.sch"},
		},
		Files: files(),
	}
}

// Rule is a rule of the pack. An id occurs twice if it has two texts, as for invoices and credit notes.
type Rule struct {
	ID       string `json:"id"`
	Flag     string `json:"flag"`
	Sentence string `json:"sentence"`
	File     string `json:"file"`
}

// Rules lists the rules, file by file in their order.
func Rules() ([]Rule, error) {
	list, err := fs.Glob(files(), "*.sch")
	if err != nil {
		return nil, err
	}
	var out []Rule
	for _, name := range list {
		src, err := schematron.Load(files(), name)
		if err != nil {
			return nil, err
		}
		for _, p := range src.Patterns {
			for _, r := range p.Rules {
				for _, part := range r.Parts {
					if a := part.Assert; a != nil {
						out = append(out, Rule{a.ID, a.Flag, sentence(a), name})
					}
				}
			}
		}
	}
	return out, nil
}

func sentence(a *schematron.Assert) string {
	var b strings.Builder
	for _, t := range a.Text {
		b.WriteString(t.Text)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// Count is the number of ids in a list of rules.
func Count(list []Rule) int {
	seen := map[string]bool{}
	for _, r := range list {
		seen[r.ID] = true
	}
	return len(seen)
}
