package reporting

import (
	"bytes"
	"fmt"
	"io"
)

// columns are those of the CSV form, in their order.
var columns = [...]string{
	"time", "direction", "c2", "c3", "doctype_scheme", "doctype", "process_scheme", "process", "transport",
	"c1_country", "c4_country", "end_user", "message_id",
}

// Indexes of columns. Those from colShared to colSharedEnd repeat from row to row.
const (
	colTime      = 0
	colShared    = 1
	colDirection = 1
	colC2        = 2
	colSharedEnd = 11
	colEndUser   = 11
	colMessageID = 12
	colCount     = len(columns)
)

// recordBuffer is the size of the window on the file, and thus the longest possible row.
const recordBuffer = 1 << 20

// rowProblem says what is wrong with a row.
type rowProblem struct {
	column string
	reason string
	stop   bool // nothing after it can be read
}

// records splits a file into rows according to RFC 4180: CRLF or LF; quoted values may contain commas, line ends and
// doubled quotes. It allocates nothing per row; the fields are valid until the next row.
type records struct {
	src  io.Reader
	buf  []byte // the window; a row must fit in it
	pos  int    // where the next row begins
	end  int    // of what was read
	eof  bool
	next int64 // line on which the next row begins

	line   int64 // on which the current row begins
	field  [colCount][]byte
	shared []byte // the columns from colShared to before colSharedEnd, with commas between them
	plain  bool   // no value in shared contains a comma, so every comma is a separator
	text   []byte // the values of a row with quotes, a comma behind each
	key    []byte
}

func newRecords(src io.Reader, size int) *records {
	return &records{src: src, buf: make([]byte, size), next: 1}
}

// read goes to the next row. It returns io.EOF after the last one. With a problem the fields are not to be used.
func (r *records) read() (*rowProblem, error) {
	for {
		n, f, ok := r.split(r.buf[r.pos:r.end])
		if ok {
			r.pos += n
			return f, nil
		}
		if r.eof {
			return nil, io.EOF
		}
		if r.pos == 0 && r.end == len(r.buf) {
			r.line, r.eof, r.end = r.next, true, 0
			return &rowProblem{columns[0], fmt.Sprintf(
				"the row is longer than %d bytes; is there a quote without its second one?", len(r.buf)), true}, nil
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// fill moves what is left to the front and reads until the window is full.
func (r *records) fill() error {
	copy(r.buf, r.buf[r.pos:r.end])
	r.end -= r.pos
	r.pos = 0
	for idle := 0; r.end < len(r.buf); {
		n, err := r.src.Read(r.buf[r.end:])
		r.end += n
		if err == io.EOF {
			r.eof = true
			return nil
		}
		if err != nil {
			return err
		}
		if idle++; n > 0 { // a Reader may return nothing now and then, but not for ever
			idle = 0
		} else if idle > 100 {
			return io.ErrNoProgress
		}
	}
	return nil
}

// split reads the row at the start of data and returns its length including the line end. ok is false if data ends
// first.
func (r *records) split(data []byte) (n int, f *rowProblem, ok bool) {
	row, ended := data, 0
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		row, ended = data[:i], 1
	} else if !r.eof || len(data) == 0 {
		return 0, nil, false
	}
	if bytes.IndexByte(row, '"') >= 0 {
		return r.splitQuoted(data)
	}
	n = len(row) + ended
	r.line = r.next
	r.next += int64(ended)
	if i := bytes.IndexByte(row, '\r'); i >= 0 {
		if i != len(row)-1 || ended == 0 {
			return n, &rowProblem{column: columnAt(bytes.Count(row[:i], comma)), reason: loneCR}, true
		}
		row = row[:i]
	}
	at := 0
	for i := range colCount - 1 {
		j := bytes.IndexByte(row[at:], ',')
		if j < 0 {
			return n, wrongCount(i + 1), true
		}
		r.field[i] = row[at : at+j : at+j]
		at += j + 1
	}
	r.field[colCount-1] = row[at:]
	if bytes.IndexByte(row[at:], ',') >= 0 {
		return n, wrongCount(1 + bytes.Count(row, comma)), true
	}
	first := len(r.field[colTime]) + 1
	r.shared, r.plain = row[first:at-len(r.field[colEndUser])-2], true
	return n, nil, true
}

var comma = []byte{','}

const loneCR = "a carriage return that is not part of a line end; a value with one needs quotes around it"

// columnAt names the column with this index, or the last one.
func columnAt(i int) string { return columns[min(i, colCount-1)] }

func wrongCount(n int) *rowProblem {
	have := "1 column"
	if n != 1 {
		have = fmt.Sprintf("%d columns", n)
	}
	return &rowProblem{column: columnAt(n), reason: fmt.Sprintf("the row has %s where %d are needed", have, colCount)}
}

// splitQuoted is split for rows with quotes. After a problem it continues after the next line end.
func (r *records) splitQuoted(data []byte) (n int, f *rowProblem, ok bool) {
	var ends [colCount]int // of the values in r.text
	r.text = r.text[:0]
	i, column := 0, 0
	for last := false; !last; column++ {
		var more bool
		if i, f, more = r.value(data, i); more {
			return 0, nil, false
		}
		if f == nil {
			i, last, f, more = r.separator(data, i)
		}
		if more {
			return 0, nil, false
		}
		if f != nil {
			f.column = columnAt(column)
			return r.skip(data, i, f)
		}
		if column < colCount {
			ends[column] = len(r.text)
		}
		r.text = append(r.text, ',')
	}
	r.line = r.next
	r.next += int64(bytes.Count(data[:i], []byte{'\n'}))
	if column != colCount {
		return i, wrongCount(column), true
	}
	from := 0
	for c, to := range ends {
		r.field[c] = r.text[from:to:to]
		from = to + 1
	}
	r.shared = r.text[ends[colShared-1]+1 : ends[colSharedEnd-1]]
	r.plain = bytes.Count(r.shared, comma) == colSharedEnd-colShared-1
	return i, nil, true
}

// value appends the value that begins at i to r.text and returns where it ends.
func (r *records) value(data []byte, i int) (end int, f *rowProblem, more bool) {
	if i == len(data) || data[i] != '"' {
		from := i
		for i < len(data) && data[i] != ',' && data[i] != '\n' && data[i] != '\r' {
			if data[i] == '"' {
				return i, &rowProblem{reason: "a quote inside a value that has none around it"}, false
			}
			i++
		}
		r.text = append(r.text, data[from:i]...)
		return i, nil, i == len(data) && !r.eof
	}
	for i++; ; i++ {
		j := bytes.IndexByte(data[i:], '"')
		if j < 0 {
			return len(data), &rowProblem{reason: "a quote without its second one", stop: true}, !r.eof
		}
		r.text = append(r.text, data[i:i+j]...)
		if i += j + 1; i == len(data) && !r.eof {
			return i, nil, true
		}
		if i == len(data) || data[i] != '"' {
			return i, nil, false
		}
		r.text = append(r.text, '"')
	}
}

// separator reads the comma or line end after a value; last means that the row ends with it.
func (r *records) separator(data []byte, i int) (end int, last bool, f *rowProblem, more bool) {
	switch rest := data[i:]; {
	case len(rest) == 0:
		return i, true, nil, !r.eof
	case rest[0] == ',':
		return i + 1, false, nil, false
	case rest[0] == '\n':
		return i + 1, true, nil, false
	case rest[0] != '\r':
		return i, false, &rowProblem{reason: "text behind the second quote"}, false
	case len(rest) > 1 && rest[1] == '\n':
		return i + 2, true, nil, false
	case len(rest) == 1 && !r.eof:
		return i, false, nil, true
	}
	return i, false, &rowProblem{reason: loneCR}, false
}

// skip ends a row that has a problem at i at the next line end.
func (r *records) skip(data []byte, i int, f *rowProblem) (int, *rowProblem, bool) {
	end := len(data)
	if j := bytes.IndexByte(data[i:], '\n'); j >= 0 {
		end = i + j + 1
	} else if !r.eof {
		return 0, nil, false
	}
	r.line = r.next
	r.next += int64(bytes.Count(data[:end], []byte{'\n'}))
	return end, f, true
}

// combination returns a text that is equal for two rows if and only if their values from colShared to before
// colSharedEnd are.
func (r *records) combination() []byte {
	if r.plain {
		return r.shared
	}
	r.key = r.key[:0]
	for _, v := range r.field[colShared:colSharedEnd] {
		r.key = append(append(append(r.key, '"'), bytes.ReplaceAll(v, []byte{'"'}, []byte(`""`))...), '"', ',')
	}
	return r.key
}
