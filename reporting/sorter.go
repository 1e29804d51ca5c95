package reporting

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"os"
	"slices"
)

// record is an entry of fixed size. Records are ordered by key, then tail.
type record struct {
	key  [2]uint64 // a hash
	text uint64    // a hash
	tail uint64
}

const recordSize = 32

func (a *record) compare(b *record) int {
	if a.key[0] != b.key[0] {
		return cmp.Compare(a.key[0], b.key[0])
	}
	return cmp.Or(cmp.Compare(a.key[1], b.key[1]), cmp.Compare(a.tail, b.tail))
}

// sorter sorts any number of records in bounded memory: a goroutine sorts a full buffer and writes it to a temporary
// file while another buffer fills; at the end the sorted runs are merged. If there are few records, they stay in
// memory.
type sorter struct {
	dir   string // of the temporary file; "" means that of the system
	limit int    // records in a buffer, of which there are two

	buf, spare []record
	busy       chan error // a buffer is being written
	file       *os.File
	name       string  // of the file, if it still has one
	runs       []int64 // where each run ends in the file, in records
}

func (s *sorter) add(r record) error {
	if len(s.buf) == s.limit {
		if err := s.spill(); err != nil {
			return err
		}
	}
	if len(s.buf) == cap(s.buf) {
		s.buf = append(make([]record, 0, min(max(2*len(s.buf), 4096), s.limit)), s.buf...)
	}
	s.buf = append(s.buf, r)
	return nil
}

// spill starts sorting and writing the buffer.
func (s *sorter) spill() error {
	if err := s.wait(); err != nil {
		return err
	}
	full := s.buf
	s.buf, s.spare = s.spare[:0], full
	s.busy = make(chan error, 1)
	go func(busy chan<- error) { busy <- s.write(full) }(s.busy)
	return nil
}

// wait waits until the buffer is written that is being written, if any.
func (s *sorter) wait() error {
	if s.busy == nil {
		return nil
	}
	err := <-s.busy
	s.busy = nil
	return err
}

// write appends a run to the file.
func (s *sorter) write(list []record) error {
	sortRecords(list)
	if s.file == nil {
		if err := s.create(); err != nil {
			return err
		}
	}
	b := make([]byte, 0, 2048*recordSize)
	for i := range list {
		b = list[i].append(b)
		if len(b) == cap(b) || i == len(list)-1 {
			if _, err := s.file.Write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	end := int64(len(list))
	if n := len(s.runs); n > 0 {
		end += s.runs[n-1]
	}
	s.runs = append(s.runs, end)
	return nil
}

// create opens the temporary file. If the system allows it, the file is removed from the directory at once, so that it
// vanishes with the process however that ends.
func (s *sorter) create() error {
	f, err := os.CreateTemp(s.dir, "ravn-report-*")
	if err != nil {
		return err
	}
	s.file = f
	if os.Remove(f.Name()) != nil {
		s.name = f.Name()
	}
	return nil
}

// close releases everything. It may be called at any time, and more than once.
func (s *sorter) close() {
	_ = s.wait() // an error does not matter any more
	if s.file != nil {
		_ = s.file.Close()
	}
	if s.name != "" {
		_ = os.Remove(s.name)
	}
	s.file, s.name, s.buf, s.spare = nil, "", nil, nil
}

// each calls f for all records in order. Nothing can be added afterwards.
func (s *sorter) each(f func(*record) error) error {
	if err := s.wait(); err != nil {
		return err
	}
	if s.file == nil {
		sortRecords(s.buf)
		for i := range s.buf {
			if err := f(&s.buf[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if err := s.write(s.buf); err != nil {
		return err
	}
	s.buf, s.spare = nil, nil
	return s.merge(f)
}

// merge reads all runs side by side, each with a share of the memory that the two buffers had.
func (s *sorter) merge(f func(*record) error) error {
	size := min(max(2*s.limit/len(s.runs), 64), 8192) * recordSize
	m := make(merger, 0, len(s.runs))
	from := int64(0)
	for _, to := range s.runs {
		r := &run{file: s.file, off: from * recordSize, left: to - from, buf: make([]byte, 0, size)}
		from = to
		ok, err := r.next()
		if err != nil {
			return err
		}
		if ok {
			m = append(m, r)
		}
	}
	for i := len(m)/2 - 1; i >= 0; i-- {
		m.down(i)
	}
	for len(m) > 0 {
		if err := f(&m[0].head); err != nil {
			return err
		}
		ok, err := m[0].next()
		if err != nil {
			return err
		}
		if !ok {
			m[0] = m[len(m)-1]
			m = m[:len(m)-1]
		}
		m.down(0)
	}
	return nil
}

// run reads a sorted run.
type run struct {
	file *os.File
	off  int64 // of what was not read yet
	left int64 // records after head
	buf  []byte
	pos  int
	head record
}

func (r *run) next() (bool, error) {
	if r.left == 0 {
		return false, nil
	}
	if r.pos == len(r.buf) {
		r.buf = r.buf[:min(int64(cap(r.buf)), r.left*recordSize)]
		if _, err := r.file.ReadAt(r.buf, r.off); err != nil {
			return false, err
		}
		r.off += int64(len(r.buf))
		r.pos = 0
	}
	r.head.decode(r.buf[r.pos:])
	r.pos += recordSize
	r.left--
	return true, nil
}

// merger is a heap of runs, the one with the smallest record first.
type merger []*run

func (m merger) down(i int) {
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(m); c++ {
			if m[c].head.compare(&m[least].head) < 0 {
				least = c
			}
		}
		if least == i {
			return
		}
		m[i], m[least] = m[least], m[i]
		i = least
	}
}

// sortRecords sorts in place. Keys are hashes and so evenly distributed: their first bits put each record close to its
// final place (an American flag sort), which is faster than comparing.
func sortRecords(list []record) {
	const most = 14
	width := min(bits.Len(uint(len(list)))-4, most)
	if width < 4 {
		slices.SortFunc(list, func(a, b record) int { return a.compare(&b) })
		return
	}
	shift := 64 - width
	ends := make([]int, 1<<width) // of each bucket
	for i := range list {
		ends[list[i].key[0]>>shift]++
	}
	next := make([]int, 1<<width) // free place of each bucket
	at := 0
	for i, n := range ends {
		next[i] = at
		at += n
		ends[i] = at
	}
	begin := 0
	for bucket, end := range ends {
		for next[bucket] < end {
			r := &list[next[bucket]]
			if home := int(r.key[0] >> shift); home != bucket {
				*r, list[next[home]] = list[next[home]], *r
				next[home]++
			} else {
				next[bucket]++
			}
		}
		slices.SortFunc(list[begin:end], func(a, b record) int { return a.compare(&b) })
		begin = end
	}
}

func (a *record) append(b []byte) []byte {
	for _, v := range [...]uint64{a.key[0], a.key[1], a.text, a.tail} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

func (a *record) decode(b []byte) {
	_ = b[recordSize-1]
	a.key[0] = binary.LittleEndian.Uint64(b)
	a.key[1] = binary.LittleEndian.Uint64(b[8:])
	a.text = binary.LittleEndian.Uint64(b[16:])
	a.tail = binary.LittleEndian.Uint64(b[24:])
}
