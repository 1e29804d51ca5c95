package reporting

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ravn-ap/ravn/peppol"
)

// CSV makes the reports of a month from a file with one exchange a row.
//
// A row that stands twice counts once, and two rows that tell different things of one message are refused. Memory does not
// depend on the number of rows: what must be remembered of each row and each end user is sorted outside of memory. It grows
// with the number of different combinations of the columns from direction to c4_country, up to a limit.
type CSV struct {
	Header Header
	Temp   string // folder of temporary files; "" means that of the system
	Memory int    // bytes for sorting; 0 means DefaultMemory

	window    int // for tests: size of the reader's window
	maxShared int // for tests: limit for different combinations, in bytes
}

// DefaultMemory is what sorting takes when nothing is said.
const DefaultMemory = 32 << 20

// maxShared limits what different combinations of columns take, in bytes.
const maxShared = 128 << 20

// Summary says what became of the rows of a file.
type Summary struct {
	Rows       int64       `json:"rows"`       // without the header
	Counted    int64       `json:"counted"`    // in the reports
	Duplicates int64       `json:"duplicates"` // equal to a row before, not counted again
	Reports    int64       `json:"reports"`    // TSR and EUSR themselves, never counted
	Other      []MonthRows `json:"other_months"`
}

// MonthRows is the number of rows of a month.
type MonthRows struct {
	Month Month `json:"month"`
	Rows  int64 `json:"rows"`
}

// CSVError says why a file was refused.
type CSVError struct {
	Rows  []RowError // the first ones, by line
	Total int64      // number of bad rows
}

// RowError is a bad row.
type RowError struct {
	Line   int64  `json:"line"` // on which the row begins; the header is on line 1
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

// maxRowErrors is how many bad rows are named.
const maxRowErrors = 20

// Build reads a file and makes the reports. A file that does not follow the form is refused with a *CSVError; for others see
// the function Build.
func (c CSV) Build(ctx context.Context, r io.Reader) (*Report, *Summary, error) {
	b := c.start(r)
	defer b.rows.close()
	defer b.seen.close()
	if err := b.read(ctx); err != nil {
		return nil, nil, err
	}
	if err := b.settle(ctx); err != nil {
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
	bad    faults
	sum    Summary

	index  map[string]int32 // of combinations, by the text of their columns
	combos []combo
	others map[int]int64 // rows by month
	room   int           // for further combinations, in bytes
	users  *userTally

	secret [16]byte // makes the hashes below unpredictable
	seed   maphash.Seed
	buf    []byte
	rows   sorter   // one record for each row
	seen   sorter   // who was seen where
	recent []uint64 // hashes of what was noted last
}

// combo is what rows have in common, and the number of those in the month.
type combo struct {
	item  Item
	kind  kind
	place int32
}

func (c CSV) start(r io.Reader) *csvBuild {
	memory := c.Memory
	if memory == 0 {
		memory = DefaultMemory
	}
	window, room := c.window, c.maxShared
	if window == 0 {
		window = recordBuffer
	}
	if room == 0 {
		room = maxShared
	}
	from, _ := c.Header.Month.Bounds()
	b := &csvBuild{
		header: c.Header, month: 12*from.Year() + int(from.Month()) - 1, in: newRecords(r, window),
		index: map[string]int32{}, others: map[int]int64{}, room: room, users: newUserTally(), seed: maphash.MakeSeed(),
		// Two buffers each; three quarters for the rows.
		rows:   sorter{dir: c.Temp, limit: max(memory*3/8/recordSize, 16)},
		seen:   sorter{dir: c.Temp, limit: max(memory/8/recordSize, 16)},
		recent: make([]uint64, 1<<18),
	}
	_, _ = rand.Read(b.secret[:]) // never fails
	return b
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

// contextReader ends with ctx.
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

// readHeader checks line 1. A byte order mark in front of it is left out.
func (b *csvBuild) readHeader() (*fault, error) {
	if err := b.in.fill(); err != nil {
		return nil, err
	}
	if bytes.HasPrefix(b.in.buf[:b.in.end], []byte("\ufeff")) {
		b.in.pos = len("\ufeff")
	}
	f, err := b.in.read()
	if err == io.EOF {
		b.in.line, f, err = 1, &fault{column: columns[0], reason: "the file is empty; the first line must name the columns"}, nil
	}
	for i, v := range b.in.field {
		if f == nil && err == nil && string(v) != columns[i] {
			f = &fault{column: columns[i], reason: fmt.Sprintf("the header has %s here; it must be %s", quoted(string(v)), strings.Join(columns[:], ","))}
		}
	}
	if f != nil {
		f.stop = true
		b.bad.add(b.in.line, f)
	}
	return f, err
}

// row counts the row at hand.
func (b *csvBuild) row() (*fault, error) {
	f := &b.in.field
	month, why := utcMonth(f[colTime])
	if why != "" {
		return &fault{column: columns[colTime], reason: quoted(string(f[colTime])) + " " + why}, nil
	}
	n, bad := b.combo()
	if bad != nil {
		return bad, nil
	}
	c := &b.combos[n]
	for _, col := range [...]int{colEndUser, colMessageID} {
		if why := badText(f[col]); why != "" {
			return &fault{column: columns[col], reason: why}, nil
		}
	}
	switch {
	case len(f[colEndUser]) == 0 && c.kind != status:
		return &fault{column: columns[colEndUser], reason: noEndUser}, nil
	case len(f[colMessageID]) == 0:
		return &fault{column: columns[colMessageID], reason: "is empty"}, nil
	}
	what := uint64(n)
	if month == b.month {
		c.item.N++
	} else {
		b.others[month]++
		what = otherMonth | uint64(month+12)
	}
	if err := b.rows.add(b.rowRecord(n, what)); err != nil {
		return nil, err
	}
	if month == b.month && c.kind == business {
		return nil, b.see(uint64(c.place)<<1 | uint64(c.item.Direction.does()>>1))
	}
	return nil, nil
}

// The tail of a row's record: the line, and in the lower bits what the row was counted as: a combination or another month.
const (
	lineShift  = 24
	otherMonth = 1 << (lineShift - 1)
	maxCombos  = otherMonth - 1
)

// badText says why bytes are no text.
func badText(v []byte) string {
	switch {
	case !utf8.Valid(v):
		return "is not UTF-8"
	case bytes.IndexByte(v, 0) >= 0:
		return "has the character NUL"
	}
	return ""
}

// combo returns the number of the combination of columns that the row at hand has. Bad ones are not kept.
func (b *csvBuild) combo() (int32, *fault) {
	key := b.in.combination()
	if n, ok := b.index[string(key)]; ok {
		return n, nil
	}
	for i := colShared; i < colSharedEnd; i++ {
		if why := badText(b.in.field[i]); why != "" {
			return 0, &fault{column: columns[i], reason: why}
		}
	}
	c := combo{item: b.item()}
	var err *ItemError
	if c.kind, err = c.item.settleShared(b.header); err != nil {
		return 0, &fault{column: err.Field, reason: err.Reason}
	}
	if b.room -= 2*len(key) + 256; b.room < 0 || len(b.combos) == maxCombos {
		return 0, &fault{columns[colDirection], fmt.Sprintf("the columns from %s to %s have more different combinations than fit into a report", columns[colShared], columns[colSharedEnd-1]), true}
	}
	if c.kind == business {
		c.place = b.users.place(c.item.place())
	}
	n := int32(len(b.combos))
	b.index[string(key)] = n
	b.combos = append(b.combos, c)
	return n, nil
}

// item returns what the row at hand says, without its end user.
func (b *csvBuild) item() Item {
	f := b.in.field[:]
	text := func() string {
		f = f[1:]
		return string(f[0])
	}
	return Item{
		Direction: Direction(text()), C2: peppol.SeatID(text()), C3: peppol.SeatID(text()),
		DocType: Identifier{text(), text()}, Process: Identifier{text(), text()}, Transport: text(),
		C1Country: text(), C4Country: text(),
	}
}

// rowRecord is what is remembered of a row. Its key stands for direction, C2 and message id: 128 bits of SHA-256 behind a
// secret of this run. All rows meet all rows there, so that the key must be wide (a chance of 2^-60 at 2^34 rows), and nobody
// must be able to prepare two messages with one key, of which one would be lost. The other columns are compared only between
// rows with the same key, where 64 bits of a seeded hash are enough.
func (b *csvBuild) rowRecord(combo int32, what uint64) record {
	f := &b.in.field
	k := append(append(b.buf[:0], b.secret[:]...), f[colDirection][0])
	k = append(append(k, f[colC2]...), f[colMessageID]...)
	sum := sha256.Sum256(k)
	k = binary.LittleEndian.AppendUint32(k[:0], uint32(combo))
	k = append(append(append(k, f[colTime]...), ','), f[colEndUser]...)
	b.buf = k
	return record{
		key:  [2]uint64{binary.LittleEndian.Uint64(sum[0:]), binary.LittleEndian.Uint64(sum[8:])},
		text: maphash.Bytes(b.seed, k), tail: uint64(b.in.line)<<lineShift | what,
	}
}

// see notes that the end user of the row was seen somewhere: twice the place plus the direction. Most such facts come again and
// again; the latest are known by a seeded hash of 64 bits, each compared with one other. Notes meet all other notes, so that
// they have a key like that of rows.
func (b *csvBuild) see(where uint64) error {
	user := b.in.field[colEndUser]
	b.buf = append(binary.LittleEndian.AppendUint64(b.buf[:0], where), user...)
	h := maphash.Bytes(b.seed, b.buf)
	known := &b.recent[h%uint64(len(b.recent))]
	if *known == h {
		return nil
	}
	*known = h
	b.buf = append(append(append(b.buf[:0], b.secret[:]...), 'u'), user...)
	sum := sha256.Sum256(b.buf)
	return b.seen.add(record{key: [2]uint64{binary.LittleEndian.Uint64(sum[0:]), binary.LittleEndian.Uint64(sum[8:])}, tail: where})
}

// settle finds duplicates and contradictions, and counts end users; both at once.
func (b *csvBuild) settle(ctx context.Context) error {
	users := make(chan error, 1)
	go func() { users <- b.countUsers(ctx) }()
	err := b.findDuplicates(ctx)
	return errors.Join(err, <-users)
}

// findDuplicates goes through the rows by message, and for each message by line.
func (b *csvBuild) findDuplicates(ctx context.Context) error {
	var first record
	return b.rows.each(withContext(ctx, func(r *record) error {
		line := int64(r.tail >> lineShift)
		switch {
		case r.key != first.key || first.tail == 0:
			first = *r
		case r.text != first.text:
			b.bad.add(line, &fault{column: columns[colMessageID], reason: fmt.Sprintf("the same message of this direction and c2 stands on line %d, and something else is said of it there", first.tail>>lineShift)})
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

// countUsers goes through what was seen, end user by end user. A row that stands twice makes no difference here.
func (b *csvBuild) countUsers(ctx context.Context) error {
	var at record
	started := false
	err := b.seen.each(withContext(ctx, func(r *record) error {
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

// withContext makes f end with ctx, which it asks now and then.
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
	t := newTally()
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
		b.sum.Other = append(b.sum.Other, MonthRows{Month{year, time.Month(m - 12*year + 1)}, b.others[m]})
	}
	rep, err := t.report(b.header)
	return rep, &b.sum, err
}

// faults keeps the first bad rows.
type faults struct {
	list  []RowError
	total int64
}

func (e *faults) add(line int64, f *fault) {
	e.total++
	if len(e.list) == maxRowErrors && e.list[maxRowErrors-1].Line <= line {
		return
	}
	i, _ := slices.BinarySearchFunc(e.list, line, func(r RowError, line int64) int { return int(min(max(r.Line-line, -1), 1)) })
	e.list = slices.Insert(e.list, i, RowError{line, f.column, f.reason})
	e.list = e.list[:min(len(e.list), maxRowErrors)]
}
