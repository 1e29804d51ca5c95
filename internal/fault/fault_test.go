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

// A text is there in each language, and in English for any other.
func TestLabel(t *testing.T) {
	l := Label{"one", "en", "ein"}
	for lang, want := range map[Lang]string{English: "one", Bokmal: "en", Nynorsk: "ein", "sv": "one", "": "one"} {
		if got := l.In(lang); got != want {
			t.Errorf("%q: %q", lang, got)
		}
	}
}
