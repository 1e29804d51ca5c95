package fault

import (
	"slices"
	"testing"
)

func TestTableIsComplete(t *testing.T) {
	if !slices.IsSortedFunc(Table, func(a, b Entry) int {
		if a.Code < b.Code {
			return -1
		}
		return 1
	}) {
		t.Error("the table is not sorted by code, or a code stands twice")
	}
	for _, e := range Table {
		for _, lang := range []Lang{English, Bokmal, Nynorsk} {
			if text := e.Texts[lang]; text.What == "" || text.Next == "" {
				t.Errorf("%s has no complete text in %s", e.Code, lang)
			}
		}
		if e.Blame == "" || e.Exit == OK {
			t.Errorf("%s: blame %q, exit code %d", e.Code, e.Blame, e.Exit)
		}
	}
}
