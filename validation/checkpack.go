package validation

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ravn-ap/ravn/validation/pack"
	"github.com/ravn-ap/ravn/xml/schematron"
	"github.com/ravn-ap/ravn/xml/xsd"
)

// maxProblems limits how many problems CheckPack lists.
const maxProblems = 100

// CheckPack loads and compiles everything in a pack. The error lists the first problems that PackProblems finds.
func CheckPack(p *pack.Pack) error {
	wrong := PackProblems(p)
	if n := len(wrong); n > maxProblems {
		wrong = append(wrong[:maxProblems], fmt.Errorf("and %d more", n-maxProblems))
	}
	return errors.Join(wrong...)
}

// PackProblems loads and compiles everything in a pack and returns everything that cannot be used, with file and line.
// For a schema file it returns only the first problem.
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
	for _, file := range distinct(schemas) {
		if _, err := set.Load(file); err != nil {
			wrong = append(wrong, err)
		}
	}
	for _, file := range distinct(rules) {
		wrong = append(wrong, schematron.Check(p.Files, file)...)
	}
	return wrong
}

// distinct returns the names in order, without repeated and empty ones.
func distinct(names []string) []string {
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(s string) bool { return s == "" })
}
