package validation

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/validation/pack"
)

func TestAlarms(t *testing.T) {
	version := func(name, version, from, to, docType string, basic bool) pack.Pack {
		return pack.Pack{Manifest: pack.Manifest{
			Name: name, Version: version, ValidFrom: from, ValidTo: to, Basic: basic,
			Documents: []pack.Document{{DocType: docType, Processes: []string{"p"}, Rules: []string{"r.sch"}}},
		}}
	}
	packs := []pack.Pack{
		version("billing", "3", "2026-11-01", "", "a::Invoice##x::1", false),
		version("billing", "2", "2026-05-01", "2026-10-31", "a::Invoice##x::1", false),
		version("order", "2", "2026-01-01", "2026-06-30", "a::Order##x::1", false),
		version("order", "1", "2025-01-01", "2025-12-31", "a::Order##x::1", false),
		version("core", "1", "", "", "a::Reminder##x::1", true),
	}
	seen := []Seen{
		{"a::Invoice##x::1", "p", 10},
		{"a::Invoice##x::1", "q", 1},
		{"a::Order##x::1", "p", 2},
		{"a::Reminder##x::1", "p", 3},
		{"a::Letter##x::1", "p", 4},
	}
	day := func(text string) time.Time {
		d, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for on, want := range map[string][]string{
		"2026-10-31": {
			"no-rules 1 not with the process", "no-rules 2 do not hold on 2026-10-31",
			"basic-rules 3 basic rules of core", "no-rules 4 no pack has rules",
			"upcoming 0 billing 3 is installed and holds from 2026-11-01", "ended 0 order 2 ended on 2026-06-30",
		},
		"2026-06-30": {
			"no-rules 1 not with the process", "basic-rules 3 basic rules of core", "no-rules 4 no pack has rules",
			"upcoming 0 billing 3 is installed",
		},
	} {
		list := Alarms(packs, seen, day(on))
		for i, w := range want {
			kind, rest, _ := strings.Cut(w, " ")
			_, text, _ := strings.Cut(rest, " ")
			if i >= len(list) || string(list[i].Kind) != kind || !strings.Contains(list[i].Text, text) ||
				rest[0] != byte('0'+list[i].Count) {
				t.Errorf("%s: wanted %q in %+v", on, w, list)
				break
			}
		}
		if len(list) != len(want) {
			t.Errorf("%s: %d alarms, wanted %d: %+v", on, len(list), len(want), list)
		}
	}
	if list := Alarms(slices.Clone(packs[:1]), nil, day("2026-12-01")); len(list) != 0 {
		t.Errorf("nothing is wrong: %+v", list)
	}
}
