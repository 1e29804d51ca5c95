package reporting

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ravn-ap/ravn/peppol"
)

const header = "time,direction,c2,c3,doctype_scheme,doctype,process_scheme,process,transport,c1_country,c4_country," +
	"end_user,message_id"

// values are the columns of a row.
func (r row) values() []string {
	return []string{
		r.time, string(r.Direction), string(r.C2), string(r.C3), r.DocType.Scheme, r.DocType.Value, r.Process.Scheme,
		r.Process.Value,
		r.Transport, r.C1Country, r.C4Country, r.EndUser, r.message,
	}
}

func file(rows ...row) string {
	var b strings.Builder
	b.WriteString(header + "\n")
	for _, r := range rows {
		b.WriteString(strings.Join(r.values(), ",") + "\n")
	}
	return b.String()
}

func buildCSV(t testing.TB, c CSV, s string) (*Report, *Summary, error) {
	t.Helper()
	if c.Header.Seat == "" {
		c.Header = october
	}
	c.Temp = t.TempDir()
	rep, sum, err := c.Build(t.Context(), strings.NewReader(s))
	left, derr := os.ReadDir(c.Temp)
	if derr != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v %v", left, derr)
	}
	return rep, sum, err
}

// refused returns the bad rows of a file, one line each, and their number.
func refused(t *testing.T, s string) (string, int64) {
	t.Helper()
	rep, _, err := buildCSV(t, CSV{}, s)
	var bad *CSVError
	if !errors.As(err, &bad) || rep != nil {
		t.Fatalf("not refused: %v", err)
	}
	var out []string
	for _, r := range bad.Rows {
		out = append(out, r.Error())
	}
	return strings.Join(out, "\n"), bad.Total
}

// RPT-8: the worked example from a file, with what can stand in a file but is not counted.
func TestCSVWorkedExample(t *testing.T) {
	rep, sum, err := buildCSV(t, CSV{}, file(append(counted(), notCounted()...)...))
	if err != nil {
		t.Fatal(err)
	}
	checkWorked(t, rep)
	same := mustBuild(t, october, counted())
	if !bytes.Equal(rep.TSR.XML(), same.TSR.XML()) || !bytes.Equal(rep.EUSR.XML(), same.EUSR.XML()) {
		t.Error("the file gives other bytes than the items")
	}
	september, _ := peppol.ParseMonth("2026-09")
	want := &Summary{Rows: 15, Counted: 12, Duplicates: 1, Reports: 1, Other: []MonthRows{{september, 1}}}
	if !reflect.DeepEqual(sum, want) {
		t.Errorf("summary %+v, want %+v", sum, want)
	}
}

// with returns a good row with one value changed, as it stands in a file.
func with(column, value string) string {
	v := counted()[7].values()
	for i, name := range columns {
		if name == column {
			v[i] = value
		}
	}
	return strings.Join(v, ",")
}

func outgoing(column, value string) string {
	v := counted()[0].values()
	for i, name := range columns {
		if name == column {
			v[i] = value
		}
	}
	return strings.Join(v, ",")
}

// What is refused: one bad row on line 2, with column and reason.
func TestCSVRefusedRows(t *testing.T) {
	other := `"urn:x,y ""z"""`
	for _, tc := range []struct{ name, row, want string }{
		{"no zone", with("time", "2026-10-12T13:00:00"), "time: \"2026-10-12T13:00:00\" has no time zone"},
		{"local form", with("time", "12.10.2026 13:00"), "time: \"12.10.2026 13:00\" is not a time"},
		{"empty time", with("time", ""), "time: \"\" is not a time"},
		{"no such day", with("time", "2026-02-29T13:00:00Z"), "time: \"2026-02-29T13:00:00Z\" is no date"},
		{"bad, of another month", with("time", "2026-09-31T13:00:00Z"), "time: \"2026-09-31T13:00:00Z\" is no date"},
		{"direction", with("direction", "Incoming"), `direction: "Incoming" is neither`},
		{"c2", with("c2", "POP00055"), `c2: "POP00055" is not P`},
		{"c3 in small letters", outgoing("c3", "pno000888"), `c3: "pno000888" is not P`},
		{"not our own incoming", with("c3", "PNO000778"), `c3: "PNO000778" is not the reporter PNO000777`},
		{"not our own outgoing", outgoing("c2", "PNO000778"), `c2: "PNO000778" is not the reporter PNO000777`},
		{"no scheme", with("doctype_scheme", ""), `doctype_scheme: "" is empty`},
		{
			"blank at the end", with("doctype", inv.Value+" "),
			"doctype: \"" + inv.Value[:80] + "\"… has a blank at an end",
		},
		{"blank at the beginning", with("process", " p"), `process: " p" has a blank at an end`},
		{"two blanks", with("process_scheme", "a  b"), `process_scheme: "a  b" has two blanks`},
		{"tab", with("transport", "a\tb"), `transport: "a\tb" has a control character`},
		{"line end in an identifier", with("process", "\"a\nb\""), `process: "a\nb" has a control character`},
		{"control character of ISO 8859", with("process", "a\u0085b"), `process: "a\u0085b" has a control character`},
		{"no character of XML", with("process", "a\uffffb"), `process: "a\uffffb" has a control character`},
		{"unknown country of our sender", outgoing("c1_country", "XX"), `c1_country: "XX" is not a country`},
		{"small letters", outgoing("c1_country", "no"), `c1_country: "no" is not a country`},
		{"ZZ for our sender", outgoing("c1_country", "ZZ"), `c1_country: "ZZ" is not a country`},
		{"no country of our sender", outgoing("c1_country", ""), "c1_country: is empty"},
		{"receiver's country outgoing", outgoing("c4_country", "NO"), `c4_country: "NO" stands where nothing may`},
		{"unknown country of our receiver", with("c4_country", "XX"), `c4_country: "XX" is not a country`},
		{"no country of our receiver", with("c4_country", ""), "c4_country: is empty"},
		{"no end user", with("end_user", ""), "end_user: is empty"},
		{
			"no end user of a report", strings.Replace(strings.Join(notCounted()[0].values(), ","), ",we,", ",,", 1),
			"end_user: is empty",
		},
		{"no message id", with("message_id", ""), "message_id: is empty"},
		{"NUL", with("end_user", "a\x00b"), "end_user: has the character NUL"},
		{"NUL in a country", with("c1_country", "a\x00b"), "c1_country: has the character NUL"},
		{"not UTF-8", with("message_id", "a\xffb"), "message_id: is not UTF-8"},
		{"not UTF-8 in a country", with("c1_country", "a\xffb"), "c1_country: is not UTF-8"},
		{
			"a column too few", strings.TrimSuffix(with("message_id", ""), ","),
			"message_id: the row has 12 columns where 13",
		},
		{"a column too many", with("message_id", "m,"), "message_id: the row has 14 columns where 13"},
		{"a blank line", "", "direction: the row has 1 column where 13"},
		{"a column too many, with quotes", with("message_id", `"m",n`), "message_id: the row has 14 columns where 13"},
		{"a quote inside", with("end_user", `a"b`), "end_user: a quote inside a value"},
		{"text behind a quote", with("doctype", other+"x"), "doctype: text behind the second quote"},
		{"a lone carriage return", with("end_user", "a\rb"), "end_user: a carriage return"},
		{"a lone carriage return behind a quote", with("end_user", "\"a\"\rb"), "end_user: a carriage return"},
		{"a carriage return at the end", with("message_id", "m\r\r"), "message_id: a carriage return"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			good := strings.Join(counted()[1].values(), ",")
			for _, eol := range []string{"\n", "\r\n"} {
				got, n := refused(t, header+eol+tc.row+eol+good+eol)
				if n != 1 || !strings.HasPrefix(got, "line 2, "+tc.want) {
					t.Errorf("%d: %s\nwant %s", n, got, tc.want)
				}
			}
		})
	}
}

// What is refused as a whole.
func TestCSVRefusedFiles(t *testing.T) {
	good := strings.Join(counted()[1].values(), ",")
	swapped := strings.Replace(header, "c2,c3", "c3,c2", 1)
	for _, tc := range []struct{ name, file, want string }{
		{"empty", "", "line 1, time: the file is empty"},
		{"a byte order mark alone", "\ufeff", "line 1, time: the file is empty"},
		{"no header", good + "\n", "line 1, time: the header has \"2026-"},
		{"another order", swapped + "\n" + good, `line 1, c2: the header has "c3" here`},
		{
			"a column less", strings.TrimSuffix(header, ",message_id") + "\n",
			"line 1, message_id: the row has 12 columns",
		},
		{"a column more", header + ",x\n", "line 1, message_id: the row has 14 columns"},
		{"capital letters", strings.ToUpper(header) + "\n", `line 1, time: the header has "TIME" here`},
		{"semicolons", strings.ReplaceAll(header, ",", ";") + "\n", "line 1, direction: the row has 1 column"},
		{"UTF-16", "\xff\xfet\x00i\x00", "line 1, direction: the row has 1 column"},
		{
			"a quote without its second one", header + "\n" + with("end_user", `"a`) + "\n" + good + "\n",
			"line 2, end_user: a quote without its second one",
		},
		{
			"a carriage return as the last character", header + "\n" + good + "\r",
			"line 2, message_id: a carriage return",
		},
		{
			"the same behind a quote", header + "\n" + with("message_id", `"m"`) + "\r",
			"line 2, message_id: a carriage return",
		},
		{"a blank line at the end", header + "\n" + good + "\n\n", "line 3, direction: the row has 1 column"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, n := refused(t, tc.file)
			if n != 1 || !strings.HasPrefix(got, tc.want) {
				t.Errorf("%d: %s\nwant %s", n, got, tc.want)
			}
		})
	}
}

// The same content in every form that RFC 4180 allows.
func TestCSVAccepted(t *testing.T) {
	rows := counted()
	want := mustBuild(t, october, rows)
	plain := file(rows...)
	quoted := strings.NewReplacer(",", `","`, "\n", "\"\n\"").Replace(plain)
	quoted = `"` + strings.TrimSuffix(quoted, `"`)
	for name, s := range map[string]string{
		"LF": plain, "CRLF": strings.ReplaceAll(plain, "\n", "\r\n"), "byte order mark": "\ufeff" + plain,
		"no line end at the end": strings.TrimSuffix(plain, "\n"), "quotes": quoted,
		"quotes and CRLF":     strings.ReplaceAll(quoted, "\n", "\r\n"),
		"quotes, no line end": strings.TrimSuffix(quoted, "\n"),
		"mixed line ends":     strings.Replace(plain, "\n", "\r\n", 3),
	} {
		rep, sum, err := buildCSV(t, CSV{}, s)
		if err != nil || sum.Counted != 12 || !bytes.Equal(rep.TSR.XML(), want.TSR.XML()) ||
			!bytes.Equal(rep.EUSR.XML(), want.EUSR.XML()) {
			t.Errorf("%s: %v %+v", name, err, sum)
		}
	}
	rep, _, err := buildCSV(t, CSV{}, header)
	if err != nil || rep.TSR.Total != (Counts{}) || len(rep.TSR.Subtotals)+len(rep.EUSR.Subsets) > 0 {
		t.Errorf("a header alone is a month without traffic: %v", err)
	}
}

// Line numbers are those of the line on which the row begins, also behind values with line ends.
func TestCSVLineNumbers(t *testing.T) {
	s := header + "\r\n" +
		with("end_user", "\"a\nb\r\nc\"") + "\r\n" + // lines 2 to 4
		with("message_id", "\"x\n\n\"") + "\n" + // 5 to 7
		with("direction", "sideways") + "\n" + // 8
		with("end_user", "\"\n\n\"x") + "\n" + // 9 to 11
		with("direction", "\"up\nwards\"") + "\n" + // 12 and 13
		with("c2", "P") // 14
	got, n := refused(t, s)
	want := []string{"line 8, direction", "line 9, end_user: text behind", "line 12, direction", "line 14, c2"}
	lines := strings.Split(got, "\n")
	if n != 4 || len(lines) != 4 {
		t.Fatalf("%d: %s", n, got)
	}
	for i, l := range lines {
		if !strings.HasPrefix(l, want[i]) {
			t.Errorf("%s, want %s", l, want[i])
		}
	}
}

// Rows that are equal as text count once, however they are quoted; another text for a message is refused.
func TestCSVDuplicates(t *testing.T) {
	a := strings.Join(counted()[7].values(), ",")
	requoted := `"` + strings.ReplaceAll(a, ",", `","`) + `"`
	sep := with("time", "2026-09-12T13:00:00Z")
	rep, sum, err := buildCSV(t, CSV{}, strings.Join([]string{header, a, requoted, a}, "\n"))
	if err != nil || sum.Duplicates != 2 || sum.Counted != 1 || rep.TSR.Total.Incoming != 1 ||
		rep.EUSR.FullSet.Receiving != 1 {
		t.Errorf("%v %+v", err, sum)
	}
	_, sum, err = buildCSV(t, CSV{}, strings.Join([]string{header, sep, sep}, "\n"))
	if err != nil || sum.Duplicates != 1 || sum.Counted != 0 || len(sum.Other) != 1 || sum.Other[0].Rows != 1 {
		t.Errorf("another month: %v %+v", err, sum)
	}
	for name, b := range map[string]string{
		"notation of the time": with("time", "2026-10-12T15:00:00+02:00"),
		"fraction":             with("time", "2026-10-12T13:00:00.0Z"),
		"end user":             with("end_user", "B"), "country": with("c1_country", "SE"),
		"unknown country": with("c1_country", "EL"), "month": sep,
		"document type": with("doctype", ord.Value),
	} {
		got, n := refused(t, strings.Join([]string{header, a, a, b, b}, "\n"))
		if n != 2 || !strings.HasPrefix(got, "line 4, message_id: the same message") ||
			!strings.Contains(got, "line 2,") || !strings.Contains(got, "\nline 5, ") {
			t.Errorf("%s: %d: %s", name, n, got)
		}
	}
	for name, b := range map[string]string{
		"other message": with("message_id", "n"),
		"other C2":      with("c2", "POP000556"), "other spelling of the id": with("message_id", "M8@ravn.test"),
	} {
		if _, sum, err := buildCSV(t, CSV{}, strings.Join([]string{header, a, b}, "\n")); err != nil ||
			sum.Counted != 2 {
			t.Errorf("%s: %v %+v", name, err, sum)
		}
	}
}

// Countries: EL is GR in both reports, an unknown one of a foreign sender is ZZ.
func TestCSVCountries(t *testing.T) {
	s := strings.Join([]string{
		header, with("c1_country", "EL"), strings.Replace(with("c4_country", "EL"), "m8", "m9", 1),
		outgoing("c1_country", "EL"),
		strings.Replace(with("c1_country", "no"), "m8", "m10", 1),
		strings.Replace(with("c1_country", `"Norge, ""her"""`), "m8", "m11", 1),
		strings.Replace(with("c1_country", "XI"), "m8", "m12", 1),
	}, "\n")
	rep, _, err := buildCSV(t, CSV{}, s)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(lines(rep), "\n")
	for _, want := range []string{
		"INV GR NO [1 0]", "INV DE GR [1 0]", "INV ZZ NO [2 0]", "INV XI NO [1 0]",
		"PerEUC GR [1 1 1]",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%s is missing in\n%s", want, all)
		}
	}
}

// Commas inside values do not make two combinations one.
func TestCSVCommasInValues(t *testing.T) {
	var b []string
	for i, id := range [][2]string{{"a,b", "c"}, {"a", "b,c"}, {`"a","b`, "c"}, {"a", "b"}, {"a,b", ""}} {
		r := counted()[0]
		r.message, r.Process = fmt.Sprint(i), Identifier{id[0], cmp.Or(id[1], "d")}
		v := r.values()
		for j := range v {
			if strings.ContainsAny(v[j], ",\"") {
				v[j] = `"` + strings.ReplaceAll(v[j], `"`, `""`) + `"`
			}
		}
		b = append(b, strings.Join(v, ","))
	}
	rep, _, err := buildCSV(t, CSV{}, header+"\n"+strings.Join(b, "\n"))
	if err != nil || len(rep.TSR.Subtotals) != 1+len(b) {
		t.Errorf("%v %v", err, rep)
	}
}

// The first bad rows are named by line, wherever they are found; all are counted.
func TestCSVManyBadRows(t *testing.T) {
	b := []string{header}
	for i := range 100 {
		b = append(b, with("message_id", fmt.Sprintf("m%d", i%40)))
		if i%3 == 0 {
			b[i+1] = with("c2", "P")
		}
		if i > 60 {
			b[i+1] = strings.Replace(b[i+1], ",A,", ",B,", 1)
		}
	}
	rep, _, err := buildCSV(t, CSV{Memory: 1}, strings.Join(b, "\n"))
	var bad *CSVError
	if rep != nil || !errors.As(err, &bad) || len(bad.Rows) != maxRowErrors {
		t.Fatal(err)
	}
	for i := range bad.Rows[1:] {
		if bad.Rows[i].Line >= bad.Rows[i+1].Line {
			t.Errorf("not in order: %v", bad)
		}
	}
	said := map[string]string{} // the slow way: what is said of each message first
	total := int64(0)
	for _, s := range b[1:] {
		v := strings.Split(s, ",")
		id := v[colMessageID]
		switch before, ok := said[id]; {
		case v[colC2] == "P", ok && before != s:
			total++
		case !ok:
			said[id] = s
		}
	}
	if bad.Total != total || total < 50 || !strings.HasSuffix(err.Error(),
		fmt.Sprintf("%d bad rows, of which the first 20 are named", total)) {
		t.Errorf("%d bad rows, want %d: %v", bad.Total, total, err)
	}
}

// A row that is longer than the window ends the reading with a clear line.
func TestCSVLongRow(t *testing.T) {
	s := header + "\n" + with("end_user", `"`+strings.Repeat("x,\n", 200_000)) + "\n" + with("c2", "P")
	_, _, err := buildCSV(t, CSV{window: 1 << 16}, s)
	if err == nil || !strings.HasPrefix(err.Error(),
		"line 2, time: the row is longer than 65536 bytes; is there a quote") ||
		!strings.HasSuffix(err.Error(), "\n1 bad row") {
		t.Error(err)
	}
	long := with("end_user", strings.Repeat("x", 30_000))
	if _, sum, err := buildCSV(t, CSV{window: 1 << 15}, header+"\n"+long); err != nil || sum.Counted != 1 {
		t.Errorf("a long row: %v", err)
	}
}

// Too many different combinations are refused, so that no file takes all memory.
func TestCSVTooManyCombinations(t *testing.T) {
	b := []string{header}
	for i := range 1000 {
		b = append(b, strings.Replace(with("process", fmt.Sprintf("p%d", i)), "m8", fmt.Sprintf("m8-%d", i), 1))
	}
	_, _, err := buildCSV(t, CSV{room: 100_000}, strings.Join(b, "\n"))
	if err == nil || !strings.Contains(err.Error(), "more different combinations") ||
		!strings.HasSuffix(err.Error(), "\n1 bad row") {
		t.Error(err)
	}
}

// Two identifiers that the rules cannot tell apart are refused, not reported.
func TestBuildCollidingIdentifiers(t *testing.T) {
	s := strings.Join([]string{header, collide("d::v::a::b", "c", "e", "m1"), collide("d::v", "a", "b::c::e", "m2")},
		"\n")
	rep, _, err := buildCSV(t, CSV{}, s)
	var broken *RuleError
	if !errors.As(err, &broken) || rep != nil ||
		summary(broken.Findings) != "SCH-EUSR-13:2 SCH-EUSR-29:2 SCH-TSR-10:2 SCH-TSR-14:2" {
		t.Errorf("%v", err)
	}
}

func collide(doc, scheme, process, id string) string {
	r := counted()[7]
	r.DocType.Value, r.Process, r.message = doc, Identifier{scheme, process}, id
	return strings.Join(r.values(), ",")
}

// Errors of the file and of temporary files come through, and the end of ctx.
func TestCSVFailures(t *testing.T) {
	broken := errors.New("disk on fire")
	src := io.MultiReader(strings.NewReader(file(counted()...)), iotest.ErrReader(broken))
	if _, _, err := (CSV{Header: october}).Build(t.Context(), src); !errors.Is(err, broken) {
		t.Errorf("reading: %v", err)
	}
	if _, _, err := (CSV{Header: october}).Build(t.Context(),
		io.MultiReader(strings.NewReader(file(counted()...)), iotest.ErrReader(io.ErrUnexpectedEOF))); !errors.Is(err,
		io.ErrUnexpectedEOF) {
		t.Errorf("a file that ends too early: %v", err)
	}
	many := &traffic{n: 10_000, users: 100}
	if _, _, err := (CSV{Header: october, Temp: "/nowhere/at/all", Memory: 1}).Build(t.Context(), many); !errors.Is(err,
		os.ErrNotExist) {
		t.Errorf("temporary folder: %v", err)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := (CSV{Header: october}).Build(done, &traffic{n: 10_000, users: 100}); !errors.Is(err, done.Err()) {
		t.Errorf("end of ctx: %v", err)
	}
	if _, _, err := (CSV{Header: october}).Build(t.Context(),
		iotest.OneByteReader(strings.NewReader(file(counted()...)))); err != nil {
		t.Errorf("one byte at a time: %v", err)
	}
}

// Memory is the same for ten times as many rows and end users.
func TestCSVMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads two million rows")
	}
	var peak [2]uint64
	for i, n := range []int{200_000, 2_000_000} {
		g := &traffic{n: n, users: 1 << 40, collect: true}
		rep, _, err := CSV{Header: october, Memory: 2 << 20, Temp: t.TempDir()}.Build(t.Context(), g)
		if err != nil || rep.TSR.Total.Incoming+rep.TSR.Total.Outgoing != uint64(n) ||
			rep.EUSR.FullSet.Either != uint64(n) {
			t.Fatalf("%v %+v %+v", err, rep.TSR.Total, rep.EUSR.FullSet)
		}
		peak[i] = g.peak
	}
	t.Logf("peak of the heap: %d KiB, %d KiB", peak[0]>>10, peak[1]>>10)
	if peak[1] > peak[0]+4<<20 { // 32 bytes for each row more would be 55 MiB
		t.Errorf("memory grows with the rows: %d, %d", peak[0], peak[1])
	}
}
