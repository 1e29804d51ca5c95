package validation

import (
	"time"

	"github.com/ravn-ap/ravn/peppol/doctype"
	"github.com/ravn-ap/ravn/validation/pack"
)

// Applying returns for each pack for how many of its document types it is the one whose rules documents of a day are
// checked by, with one process at least.
func Applying(packs []pack.Pack, on time.Time) []int {
	out := make([]int, len(packs))
	v := New(packs)
	for i := range v.packs {
		for j := range v.packs[i].Documents {
			if v.applies(&v.packs[i].Documents[j], on) {
				out[i]++
			}
		}
	}
	return out
}

// applies reports whether the rules of a document type of a pack are chosen on a day.
func (v *Validator) applies(d *pack.Document, on time.Time) bool {
	processes := d.Processes
	if len(processes) == 0 {
		processes = []string{""}
	}
	for _, p := range processes {
		c, _ := v.choose(doctype.About{}, Request{DocType: d.DocType, Process: p, On: on})
		if c != nil && c.doc == d {
			return true
		}
	}
	return false
}
