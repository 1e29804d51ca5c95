// Package manual holds the pages of ravn help about the ids that texts of the program contain: error codes (RAVN-2105)
// and requirements (SEC-111). Whoever reads an id in a log or an answer can ask the program what it means.
package manual

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/ravn-ap/ravn/internal/fault"
)

// requirements holds a line for each requirement that a text names: id, tab, what it says, in our own words.
//
//go:embed requirements.txt
var requirements string

// Page is what is known about an id.
type Page struct {
	ID    string `json:"id"`
	Text  string `json:"text"`            // what happened, or what is required
	Blame string `json:"blame,omitempty"` // of an error: who can put it right
	Next  string `json:"next,omitempty"`  // of an error: what to do
	Exit  int    `json:"exit,omitempty"`  // of an error: exit code of a command that ends with it
}

// Find returns the page of an id; letter case does not matter.
func Find(id string) (Page, bool) {
	id = strings.ToUpper(id)
	if e, ok := fault.Find(fault.Code(id)); ok {
		t := e.Texts[fault.English]
		return Page{ID: id, Text: t.What, Blame: e.Blame.Words(), Next: t.Next, Exit: int(e.Exit)}, true
	}
	for line := range strings.Lines(requirements) {
		if name, text, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && name == id {
			return Page{ID: id, Text: text}, true
		}
	}
	return Page{}, false
}

// String is the page as it is read on a terminal.
func (p Page) String() string {
	if p.Next == "" {
		return p.ID + "\n  " + p.Text
	}
	return fmt.Sprintf("%s\n  What happened   %s\n  Who can act     %s\n  What to do      %s\n  Exit code       %d",
		p.ID, p.Text, p.Blame, p.Next, p.Exit)
}
