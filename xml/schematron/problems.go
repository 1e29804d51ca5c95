package schematron

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// maxProblems limits how many problems the errors of Load and Compile list. Check returns all.
const maxProblems = 20

// problems are what makes a rule file unusable. Reading continues after a problem, so that all are found.
type problems []error

func (p *problems) note(err error) {
	if err != nil {
		*p = append(*p, err)
	}
}

// err joins the first problems, nil when there are none.
func (p problems) err() error {
	all := flat(p)
	if n := len(all); n > maxProblems {
		return errors.Join(append(all[:maxProblems:maxProblems], fmt.Errorf("and %d more", n-maxProblems))...)
	}
	return errors.Join(all...)
}

// flat returns joined errors one by one.
func flat(list []error) []error {
	var out []error
	for _, err := range list {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			out = append(out, flat(joined.Unwrap())...)
		} else {
			out = append(out, err)
		}
	}
	return out
}

// Check loads and compiles a rule file and returns everything in it that cannot be used, each with file and line.
func Check(fsys fs.FS, name string) []error {
	src, wrong := load(fsys, name)
	if src != nil {
		_, more := compile(src, xdm.NewNames(), "")
		wrong = append(wrong, more...)
	}
	return flat(wrong)
}
