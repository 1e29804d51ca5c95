package validation

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ravn-ap/ravn/validation/pack"
	"github.com/ravn-ap/ravn/xml/schematron"
	"github.com/ravn-ap/ravn/xml/xsd"
)

// maxProblems limits what CheckPack names.
const maxProblems = 100

// CheckPack loads and compiles everything in a pack. The error joins what PackProblems names, as far as a person reads it.
func CheckPack(p *pack.Pack) error {
	wrong := PackProblems(p)
	if n := len(wrong); n > maxProblems {
		wrong = append(wrong[:maxProblems], fmt.Errorf("and %d more", n-maxProblems))
	}
	return errors.Join(wrong...)
}

// PackProblems loads and compiles everything in a pack and returns all that cannot be used: each names what it is, with file and
// line. Of a schema file it is the first.
func PackProblems(p *pack.Pack) []error {
	var schemas, rules []string
	for i := range p.Documents {
		schemas = append(schemas, p.Documents[i].XSD)
		rules = append(rules, p.Documents[i].Rules...)
	}
	rules = append(rules, p.Envelope...)
	for _, files := range p.Configurations {
		rules = append(rules, files...)
	}
	var wrong []error
	set := xsd.NewSet(p.Files)
	for _, file := range once(schemas) {
		if _, err := set.Load(file); err != nil {
			wrong = append(wrong, err)
		}
	}
	for _, file := range once(rules) {
		wrong = append(wrong, schematron.Check(p.Files, file)...)
	}
	return wrong
}

// once returns the names in order, each once and none that is empty.
func once(names []string) []string {
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(s string) bool { return s == "" })
}
