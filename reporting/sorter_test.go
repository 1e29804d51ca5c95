package reporting

import (
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
)

// Records come out sorted, however few fit into memory and however often they repeat.
func TestSorter(t *testing.T) {
	r := golden.Random(t)
	for range golden.Cases(t) / 10 {
		limit, n := 16+r.IntN(3000), r.IntN(20_000)
		keys := []uint64{^uint64(0), 1, 3, 1 << 40}[r.IntN(4)]
		s := sorter{dir: t.TempDir(), limit: limit}
		want := make([]record, n)
		for i := range want {
			want[i] = record{
				key: [2]uint64{r.Uint64() & keys, r.Uint64() & keys}, text: r.Uint64(),
				tail: r.Uint64() & 0xff,
			}
			if err := s.add(want[i]); err != nil {
				t.Fatal(err)
			}
		}
		byAll := func(a, b record) int {
			if c := a.compare(&b); c != 0 {
				return c
			}
			return slices.Compare([]uint64{a.text}, []uint64{b.text})
		}
		var got []record
		if err := s.each(func(r *record) error { got = append(got, *r); return nil }); err != nil {
			t.Fatal(err)
		}
		if !slices.IsSortedFunc(got, func(a, b record) int { return a.compare(&b) }) {
			t.Fatalf("%d records, %d in memory: not sorted", n, limit)
		}
		slices.SortFunc(got, byAll)
		slices.SortFunc(want, byAll)
		if !slices.Equal(got, want) {
			t.Fatalf("%d records, %d in memory: other records", n, limit)
		}
		if left, err := os.ReadDir(s.dir); err != nil || len(left) > 0 {
			t.Errorf("left behind before close: %v %v", left, err)
		}
		s.close()
		s.close()
	}
}

// A failure of the file comes to light, wherever it happens.
func TestSorterFailures(t *testing.T) {
	fill := func(s *sorter, n int) error {
		for i := range n {
			if err := s.add(record{tail: uint64(i)}); err != nil {
				return err
			}
		}
		return nil
	}
	none := sorter{dir: "/nowhere/at/all", limit: 16}
	defer none.close()
	if err := fill(&none, 100); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	s := sorter{dir: t.TempDir(), limit: 16}
	defer s.close()
	if err := fill(&s, 100); err != nil {
		t.Fatal(err)
	}
	if err := s.wait(); err != nil {
		t.Fatal(err)
	}
	if err := s.file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.each(func(*record) error { return nil }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the last run cannot be written: %v", err)
	}
	s.runs = []int64{100}
	if err := s.merge(func(*record) error { return nil }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a run cannot be read: %v", err)
	}
	stop := errors.New("stop")
	few := sorter{limit: 100}
	if err := fill(&few, 10); err != nil {
		t.Fatal(err)
	}
	if err := few.each(func(*record) error { return stop }); !errors.Is(err, stop) {
		t.Error("the end that the caller wants")
	}
}
