package reporting

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ravn-ap/ravn/peppol"
)

// CSV makes the reports of a month from a file with one exchange a row.
//
// A repeated row counts once, and two rows that contradict each other about one message are refused. Memory does not
// depend on the number of rows: what must be remembered about each row and each end user is sorted on disk. It grows
// with the number of different combinations of the columns from direction to c4_country, up to a limit.
type CSV struct {
	Header Header
	Temp   string // folder of temporary files; "" means that of the system
	Memory int    // bytes for sorting; 0 means DefaultMemory

	window int // for tests: size of the reader's window
	room   int // for tests: limit for different combinations, in bytes
}

// DefaultMemory is the default for CSV.Memory.
const DefaultMemory = 32 << 20

// maxCombinations limits the memory for different combinations of columns, in bytes.
const maxCombinations = 256 << 20

// Summary says how the rows of a file were used.
type Summary struct {
	Rows       int64       `json:"rows"`       // without the header
	Counted    int64       `json:"counted"`    // in the reports
	Duplicates int64       `json:"duplicates"` // equal to an earlier row, not counted again
	Reports    int64       `json:"reports"`    // TSRs and EUSRs, which are never counted
	Other      []MonthRows `json:"other_months"`
}

// MonthRows is the number of rows of a month.
type MonthRows struct {
	Month peppol.Month `json:"month"`
	Rows  int64        `json:"rows"`
}

// CSVError says why a file was refused.
type CSVError struct {
	Rows  []RowError // the first ones, by line
	Total int64      // number of bad rows
}

// RowError is a bad row.
type RowError struct {
	Line   int64  `json:"line"` // where the row begins; the header is line 1
	Column string `json:"column"`
	Reason string `json:"reason"`
}

func (e RowError) Error() string { return fmt.Sprintf("line %d, %s: %s", e.Line, e.Column, e.Reason) }

func (e *CSVError) Error() string {
	var b strings.Builder
	for _, r := range e.Rows {
		b.WriteString(r.Error() + "\n")
	}
	return b.String() + e.Count()
}

// Count says in words how many rows are bad.
func (e *CSVError) Count() string {
	switch {
	case e.Total == 1:
		return "1 bad row"
	case e.Total > int64(len(e.Rows)):
		return fmt.Sprintf("%d bad rows, of which the first %d are named", e.Total, len(e.Rows))
	}
	return fmt.Sprintf("%d bad rows", e.Total)
}

// maxRowErrors is how many bad rows are listed.
const maxRowErrors = 20

// Build reads a file and makes the reports. A file with bad rows is refused with a *CSVError; for other errors see the
// function Build.
func (c CSV) Build(ctx context.Context, r io.Reader) (*Report, *Summary, error) {
	b := c.start(r)
	defer b.memory.close()
	if err := b.read(ctx); err != nil {
		return nil, nil, err
	}
	if err := b.memory.finish(); err != nil {
		return nil, nil, err
	}
	if err := b.evaluate(ctx); err != nil {
		return nil, nil, err
	}
	if b.bad.total > 0 {
		return nil, nil, &CSVError{b.bad.list, b.bad.total}
	}
	return b.result()
}

// csvBuild is a run of CSV.Build.
type csvBuild struct {
	header Header
	month  int // as utcMonth counts
	in     *records
	bad    badRows
	sum    Summary

	index  map[string]int32 // of combinations, by the text of their columns
	combos []combo
	others map[int]int64 // rows by month
	room   int           // for further combinations, in bytes
	users  *userCounter

	memory *memory
}

func (c CSV) start(r io.Reader) *csvBuild {
	from, _ := c.Header.Month.Bounds()
	return &csvBuild{
		header: c.Header, month: 12*from.Year() + int(from.Month()) - 1,
		in:    newRecords(r, cmp.Or(c.window, recordBuffer)),
		index: map[string]int32{}, others: map[int]int64{}, room: cmp.Or(c.room, maxCombinations),
		users:  newUserCounter(),
		memory: newMemory(c.Temp, cmp.Or(c.Memory, DefaultMemory)),
	}
}

// read goes through the file once.
func (b *csvBuild) read(ctx context.Context) error {
	b.in.src = &contextReader{ctx, b.in.src}
	f, err := b.readHeader()
	for err == nil && (f == nil || !f.stop) {
		if f, err = b.in.read(); err != nil {
			break
		}
		b.sum.Rows++
		if f == nil {
			f, err = b.row()
		}
		if f != nil {
			b.bad.add(b.in.line, f)
		}
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// contextReader stops reading when ctx ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// readHeader checks line 1. A byte order mark in front of it is skipped.
func (b *csvBuild) readHeader() (*rowProblem, error) {
	if err := b.in.fill(); err != nil {
		return nil, err
	}
	if bytes.HasPrefix(b.in.buf[:b.in.end], []byte("\ufeff")) {
		b.in.pos = len("\ufeff")
	}
	f, err := b.in.read()
	if err == io.EOF {
		b.in.line, f, err = 1, &rowProblem{
			column: columns[0],
			reason: "the file is empty; the first line must name the columns",
		}, nil
	}
	for i, v := range b.in.field {
		if f == nil && err == nil && string(v) != columns[i] {
			f = &rowProblem{column: columns[i], reason: fmt.Sprintf("the header has %s here; it must be %s",
				quoted(string(v)), strings.Join(columns[:], ","))}
		}
	}
	if f != nil {
		f.stop = true
		b.bad.add(b.in.line, f)
	}
	return f, err
}

// row counts the current row.
func (b *csvBuild) row() (*rowProblem, error) {
	f := &b.in.field
	month, why := utcMonth(f[colTime])
	if why != "" {
		return &rowProblem{column: columns[colTime], reason: quoted(string(f[colTime])) + " " + why}, nil
	}
	n, bad := b.combo()
	if bad != nil {
		return bad, nil
	}
	c := &b.combos[n]
	for _, col := range [...]int{colEndUser, colMessageID} {
		if why := badText(f[col]); why != "" {
			return &rowProblem{column: columns[col], reason: why}, nil
		}
	}
	switch {
	case len(f[colEndUser]) == 0 && c.kind != status:
		return &rowProblem{column: columns[colEndUser], reason: noEndUser}, nil
	case len(f[colMessageID]) == 0:
		return &rowProblem{column: columns[colMessageID], reason: "is empty"}, nil
	}
	what, where := uint64(n), nowhere
	if month != b.month {
		b.others[month]++
		what = otherMonth | uint64(month+12)
	} else {
		c.item.N++
		if c.kind == business {
			where = c.place<<1 | int32(c.item.Direction.does()>>1)
		}
	}
	return nil, b.memory.addRow(f, note{tail: uint64(b.in.line)<<lineShift | what, combo: n, where: where})
}

// The tail of a row's record: the line, and in the lower bits how the row was counted: as a combination or another
// month. A duplicate is found only later and is then taken off there again.
const (
	lineShift  = 24
	otherMonth = 1 << (lineShift - 1)
	maxCombos  = otherMonth - 1
)

// badText says why bytes are not a valid text.
func badText(v []byte) string {
	switch {
	case !utf8.Valid(v):
		return "is not UTF-8"
	case bytes.IndexByte(v, 0) >= 0:
		return "has the character NUL"
	}
	return ""
}

// combo returns the number of the combination of columns in the current row. Bad ones are not kept.
func (b *csvBuild) combo() (int32, *rowProblem) {
	if n, ok := b.index[string(b.in.combination())]; ok {
		return n, nil
	}
	key := string(b.in.combination())
	for i := colShared; i < colSharedEnd; i++ {
		if why := badText(b.in.field[i]); why != "" {
			return 0, &rowProblem{column: columns[i], reason: why}
		}
	}
	c := combo{item: b.item(key)}
	var err *ItemError
	if c.kind, err = c.item.normalizeShared(b.header); err != nil {
		return 0, &rowProblem{column: err.Field, reason: err.Reason}
	}
	const size = 700 // roughly what a combination takes besides its text, here and in the reports
	if b.room -= len(key) + size; b.room < 0 || len(b.combos) == maxCombos {
		return 0, &rowProblem{
			columns[colDirection],
			fmt.Sprintf("the columns from %s to %s have more different combinations than fit into a report",
				columns[colShared], columns[colSharedEnd-1]), true,
		}
	}
	if c.kind == business {
		c.place = b.users.place(c.item.place())
	}
	n := int32(len(b.combos))
	b.index[key] = n
	b.combos = append(b.combos, c)
	return n, nil
}

// item returns the item in the current row, without its end user. To save memory its texts are parts of the key if
// possible.
func (b *csvBuild) item(key string) Item {
	f := strings.Split(key, ",")
	if !b.in.plain {
		f = f[:0]
		for _, v := range b.in.field[colShared:colSharedEnd] {
			f = append(f, string(v))
		}
	}
	return Item{
		Direction: Direction(f[0]), C2: peppol.SeatID(f[1]), C3: peppol.SeatID(f[2]),
		DocType: Identifier{f[3], f[4]}, Process: Identifier{f[5], f[6]}, Transport: f[7], C1Country: f[8],
		C4Country: f[9],
	}
}

// evaluate finds duplicates and contradictions and, at the same time, counts end users.
func (b *csvBuild) evaluate(ctx context.Context) error {
	users := make(chan error, 1)
	go func() { users <- b.countUsers(ctx) }()
	err := b.findDuplicates(ctx)
	if other := <-users; err == nil {
		err = other
	}
	return err
}

// findDuplicates goes through the rows sorted by message, and for each message by line.
func (b *csvBuild) findDuplicates(ctx context.Context) error {
	var first record
	return b.memory.rows.each(withContext(ctx, func(r *record) error {
		line := int64(r.tail >> lineShift)
		switch {
		case r.key != first.key:
			first = *r
		case r.text != first.text:
			b.bad.add(line, &rowProblem{
				column: columns[colMessageID],
				reason: fmt.Sprintf(
					"the same message of this direction and c2 stands on line %d, and something else is said of "+
						"it there",
					first.tail>>lineShift),
			})
		default:
			b.sum.Duplicates++
			if what := r.tail & (1<<lineShift - 1); what&otherMonth != 0 {
				b.others[int(what&^otherMonth)-12]--
			} else {
				b.combos[what].item.N--
			}
		}
		return nil
	}))
}

// countUsers goes through what was seen, end user by end user. A repeated row makes no difference here.
func (b *csvBuild) countUsers(ctx context.Context) error {
	var at record
	started := false
	err := b.memory.seen.each(withContext(ctx, func(r *record) error {
		if started && r.key != at.key {
			b.users.next()
		}
		at, started = *r, true
		b.users.mark(int32(r.tail>>1), 1<<(r.tail&1))
		return nil
	}))
	if started {
		b.users.next()
	}
	return err
}

// withContext makes f fail once ctx has ended, which it checks every 65,536 records.
func withContext(ctx context.Context, f func(*record) error) func(*record) error {
	n := 0
	return func(r *record) error {
		if n++; n&0xffff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		return f(r)
	}
}

// result makes the reports of what was counted.
func (b *csvBuild) result() (*Report, *Summary, error) {
	t := newCounter()
	t.users = b.users
	for i := range b.combos {
		c := &b.combos[i]
		switch {
		case c.item.N == 0: // of other months only
		case c.kind == report:
			b.sum.Reports += int64(c.item.N)
		default:
			b.sum.Counted += int64(c.item.N)
			t.add(&c.item)
		}
	}
	b.sum.Other = []MonthRows{}
	for _, m := range slices.Sorted(maps.Keys(b.others)) {
		year := m / 12
		if m < 0 {
			year = -1
		}
		b.sum.Other = append(b.sum.Other, MonthRows{peppol.Month(100*year + m - 12*year + 1), b.others[m]})
	}
	rep, err := t.report(b.header)
	return rep, &b.sum, err
}

// badRows keeps the first bad rows.
type badRows struct {
	list  []RowError
	total int64
}

func (e *badRows) add(line int64, f *rowProblem) {
	e.total++
	if len(e.list) == maxRowErrors && e.list[maxRowErrors-1].Line <= line {
		return
	}
	i, _ := slices.BinarySearchFunc(e.list, line,
		func(r RowError, line int64) int { return int(min(max(r.Line-line, -1), 1)) })
	e.list = slices.Insert(e.list, i, RowError{line, f.column, f.reason})
	e.list = e.list[:min(len(e.list), maxRowErrors)]
}
