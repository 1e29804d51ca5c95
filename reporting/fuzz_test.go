package reporting

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
)

// splitRow is a row as a reader gives it: the line on which it begins, and its values or what is wrong.
type splitRow struct {
	line   int64
	values []string
	bad    bool
}

// slowSplit reads the whole of a file, one byte after the other, by the grammar of RFC 4180 §2 with LF as a further
// line end.
func slowSplit(s string) (rows []splitRow) {
	line := int64(1)
	for i := 0; i < len(s); {
		r := splitRow{line: line, values: []string{""}}
		last := func() *string { return &r.values[len(r.values)-1] }
		begin, from := true, i
		for done := false; !done; {
			switch {
			case i == len(s) || s[i] == '\n':
				i, done = i+1, true
			case strings.HasPrefix(s[i:], "\r\n"):
				i, done = i+2, true
			case s[i] == ',':
				r.values, begin = append(r.values, ""), true
				i++
			case s[i] == '"' && begin:
				begin = false
				for i++; i < len(s) && (s[i] != '"' || strings.HasPrefix(s[i:], `""`)); i++ {
					*last() += s[i : i+1]
					if s[i] == '"' {
						i++
					}
				}
				i++ // the second quote
				rest := s[min(i, len(s)):]
				r.bad = i > len(s) || rest != "" && rest[0] != ',' && rest[0] != '\n' &&
					!strings.HasPrefix(rest, "\r\n")
			case s[i] == '"' || s[i] == '\r':
				r.bad = true
			default:
				begin = false
				*last() += s[i : i+1]
				i++
			}
			if r.bad {
				i = min(i, len(s))
				if j := strings.IndexByte(s[i:], '\n'); j >= 0 {
					i += j + 1
				} else {
					i = len(s) + 1
				}
				done = true
			}
		}
		line += int64(strings.Count(s[from:min(i, len(s))], "\n"))
		if r.bad = r.bad || len(r.values) != colCount; r.bad {
			r.values = nil
		}
		rows = append(rows, r)
	}
	return rows
}

// fastSplit reads a file with the reader.
func fastSplit(t *testing.T, s string, window int) (rows []splitRow) {
	in := newRecords(strings.NewReader(s), window)
	for {
		f, err := in.read()
		if err == io.EOF {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		r := splitRow{line: in.line, bad: f != nil}
		if f == nil {
			for _, v := range in.field {
				r.values = append(r.values, string(v))
			}
		}
		rows = append(rows, r)
	}
}

// combinations reports whether two rows with the same values have the same text for their shared columns, and others
// another.
func combinations(t *testing.T, s string) {
	in := newRecords(strings.NewReader(s), 1<<16)
	values := map[string]string{}
	for {
		f, err := in.read()
		if err != nil {
			return
		}
		if f != nil {
			continue
		}
		said := string(bytes.Join(in.field[colShared:colSharedEnd], []byte{0}))
		text := string(in.combination())
		if before, ok := values[text]; ok && before != said {
			t.Errorf("%q stands for %q and for %q", text, before, said)
		}
		values[text] = said
	}
}

func checkSplit(t *testing.T, s string) {
	t.Helper()
	want := slowSplit(s)
	for _, window := range []int{len(s) + 1, 1 << 16} {
		if got := fastSplit(t, s, window); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q\ngot  %v\nwant %v", s, got, want)
		}
	}
	combinations(t, s)
}

// The reader gives what a slow one gives, of random files with all sorts of mistakes.
func TestRecordsAgainstSlowReader(t *testing.T) {
	r := golden.Random(t)
	pieces := []string{
		",", ",", "\"", "\"", "\n", "\r\n", "\r", "a", "\u00e6", " ", `""`, "x,y",
		strings.Repeat(",", colCount-1), "\x00", "\xff",
	}
	for range 50 * golden.Cases(t) {
		var b strings.Builder
		for range r.IntN(40) {
			if r.IntN(3) == 0 {
				b.WriteString(strings.Repeat("b,", r.IntN(colCount)))
			}
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		checkSplit(t, b.String())
	}
}

// A row that goes over the end of the window is the same row: every size of a window that holds the longest row will
// do.
func TestRecordsWindows(t *testing.T) {
	r := golden.Random(t)
	for range golden.Cases(t) / 10 {
		s := randomFile(r, randomMonth(r))
		s = strings.TrimPrefix(s, "\ufeff")
		want := slowSplit(s)
		for range 5 {
			if got := fastSplit(t, s, 2048+r.IntN(4096)); !reflect.DeepEqual(got, want) {
				t.Fatalf("%q: other rows with a small window", s)
			}
		}
	}
}

func FuzzRecords(f *testing.F) {
	for _, s := range []string{"", "\n", `"a",b` + "\r\n", strings.Repeat(",", 12) + "\n\"", file(counted()...)} {
		f.Add(s)
	}
	f.Fuzz(checkSplit)
}

// Whatever a file holds: it is refused with its bad rows, or gives reports that break no rule and do not depend on
// memory.
func FuzzCSV(f *testing.F) {
	f.Add(strings.TrimPrefix(file(append(counted(), notCounted()...)...), header+"\n"))
	r := golden.Random(f)
	for range 20 {
		_, body, _ := strings.Cut(strings.TrimPrefix(randomFile(r, randomMonth(r)), "\ufeff"), "\n")
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		rep, sum, err := CSV{Header: october}.Build(context.Background(), strings.NewReader(header+"\n"+body))
		small, _, serr := CSV{Header: october, Memory: 1}.Build(context.Background(),
			strings.NewReader(header+"\n"+body))
		if (err == nil) != (serr == nil) || err != nil && err.Error() != serr.Error() {
			t.Fatalf("%v; with little memory %v", err, serr)
		}
		if err != nil {
			var bad *CSVError
			var rule *RuleError
			if !errors.As(err, &bad) && !errors.As(err, &rule) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(rep.TSR.XML(), small.TSR.XML()) || !bytes.Equal(rep.EUSR.XML(), small.EUSR.XML()) {
			t.Error("other bytes with little memory")
		}
		rows := sum.Counted + sum.Duplicates + sum.Reports
		for _, m := range sum.Other {
			rows += m.Rows
		}
		if rows != sum.Rows || len(rep.Check()) > 0 {
			t.Errorf("%+v, %v", sum, rep.Check())
		}
		if again, err := ReadTSR(rep.TSR.XML()); err != nil || !reflect.DeepEqual(normal(again), normal(rep.TSR)) {
			t.Errorf("the TSR does not read back: %v", err)
		}
	})
}

// normal makes no difference between no subtotals and an empty list.
func normal(r *TSR) TSR {
	out := *r
	out.Subtotals = slices.Clip(append([]Subtotal{}, r.Subtotals...))
	return out
}

// FuzzRead: what reads as a report is written and read back the same, and is checked without panic.
func FuzzRead(f *testing.F) {
	for _, j := range official(f) {
		f.Add(j.doc)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ReadTSR(b); err == nil {
			again, err := ReadTSR(r.XML())
			if err != nil || !reflect.DeepEqual(r, again) {
				t.Errorf("TSR: %v", err)
			}
			if !slices.Equal(r.Check(), again.Check()) {
				t.Error("TSR: other findings")
			}
		}
		if e, err := ReadEUSR(b); err == nil {
			again, err := ReadEUSR(e.XML())
			if err != nil || !reflect.DeepEqual(e, again) {
				t.Errorf("EUSR: %v", err)
			}
			if !slices.Equal(e.Check(), again.Check()) {
				t.Error("EUSR: other findings")
			}
		}
	})
}
