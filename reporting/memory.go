package reporting

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
)

// memory keeps what must be remembered of each row, on disk if it becomes too much: which message it is about, what it
// says about it, and who was seen where. A goroutine of its own computes the hashes, so that two cores share the work.
type memory struct {
	rows   sorter // one record for each row
	seen   sorter // who was seen where
	recent []uint64
	secret [16]byte // makes hashes unpredictable
	seed   maphash.Seed
	buf    []byte

	filling    *batch
	full, free chan *batch
	ended      chan struct{} // closed when the goroutine ends
	err        error         // of the goroutine; valid once ended is closed
	closed     bool          // no more batches will come
}

// batch holds rows on their way to the goroutine.
type batch struct {
	notes []note
	text  []byte
}

// note is a row in a batch: how it was counted, and where its texts end.
type note struct {
	tail                 uint64 // of its record
	combo                int32
	where                int32 // twice the place plus the direction, or nowhere
	message, about, user int   // ends of: direction, C2 and message id; time; end user
}

// nowhere is the place of a row whose end user is not counted.
const nowhere = int32(-1)

// Limits of a batch.
const (
	batchRows = 1024
	batchText = 1 << 18
)

func newMemory(dir string, size int) *memory {
	m := &memory{
		// Two buffers each; three quarters for the rows.
		rows:   sorter{dir: dir, limit: max(size*3/8/recordSize, 16)},
		seen:   sorter{dir: dir, limit: max(size/8/recordSize, 16)},
		recent: make([]uint64, 1<<18), seed: maphash.MakeSeed(),
		filling: &batch{}, full: make(chan *batch, 2), free: make(chan *batch, 3), ended: make(chan struct{}),
	}
	_, _ = rand.Read(m.secret[:]) // never fails
	for range 2 {
		m.free <- &batch{}
	}
	go func() {
		defer close(m.ended)
		m.err = m.work()
	}()
	return m
}

// addRow stores a row. The error may be about an earlier row.
func (m *memory) addRow(f *[colCount][]byte, n note) error {
	b := m.filling
	b.text = append(append(append(b.text, f[colDirection][0]), f[colC2]...), f[colMessageID]...)
	n.message = len(b.text)
	b.text = append(b.text, f[colTime]...)
	n.about = len(b.text)
	b.text = append(b.text, f[colEndUser]...)
	n.user = len(b.text)
	b.notes = append(b.notes, n)
	if len(b.notes) < batchRows && len(b.text) < batchText {
		return nil
	}
	return m.flush()
}

// flush hands the batch over and takes an empty one.
func (m *memory) flush() error {
	select {
	case m.full <- m.filling:
	case <-m.ended:
		return m.err
	}
	select {
	case m.filling = <-m.free:
	case <-m.ended:
		return m.err
	}
	return nil
}

// finish waits until everything is stored.
func (m *memory) finish() error {
	if err := m.flush(); err != nil {
		return err
	}
	m.stop()
	return m.err
}

func (m *memory) stop() {
	if !m.closed {
		m.closed = true
		close(m.full)
	}
	<-m.ended
}

// close releases everything. It may be called at any time.
func (m *memory) close() {
	m.stop()
	m.rows.close()
	m.seen.close()
}

// work is what the goroutine runs.
func (m *memory) work() error {
	for b := range m.full {
		from := 0
		for i := range b.notes {
			n := &b.notes[i]
			if err := m.keep(n, b.text[from:n.message], b.text[n.message:n.about], b.text[n.about:n.user]); err != nil {
				return err
			}
			from = n.user
		}
		b.notes, b.text = b.notes[:0], b.text[:0]
		m.free <- b
	}
	return nil
}

// keep stores a row.
//
// Its key stands for direction, C2 and message id: 128 bits of SHA-256 with a secret of this run. Every row is compared
// with every other, so the key must be wide (the chance that any two of 2^34 rows have the same key is 2^-60), and
// nobody must be able to prepare two messages with the same key, because one of them would not be counted. The rest of
// the row is compared only between rows with the same key, for which 64 bits of a seeded hash are enough.
func (m *memory) keep(n *note, message, time, user []byte) error {
	m.buf = binary.LittleEndian.AppendUint32(m.buf[:0], uint32(n.combo))
	m.buf = append(append(append(m.buf, time...), ','), user...)
	text := maphash.Bytes(m.seed, m.buf)
	err := m.rows.add(record{key: m.hash('m', message), text: text, tail: n.tail})
	if err != nil || n.where == nowhere {
		return err
	}
	return m.see(uint64(n.where), user)
}

// see records that an end user was seen somewhere. Most such facts are repeated over and over; the latest are
// recognised by a seeded hash of 64 bits, which is compared with only one other. What is recorded is compared with
// everything else and so has a key like that of rows.
func (m *memory) see(where uint64, user []byte) error {
	m.buf = append(binary.LittleEndian.AppendUint64(m.buf[:0], where), user...)
	h := maphash.Bytes(m.seed, m.buf)
	known := &m.recent[h%uint64(len(m.recent))]
	if *known == h {
		return nil
	}
	*known = h
	return m.seen.add(record{key: m.hash('u', user), tail: where})
}

func (m *memory) hash(what byte, text []byte) [2]uint64 {
	m.buf = append(append(append(m.buf[:0], m.secret[:]...), what), text...)
	sum := sha256.Sum256(m.buf)
	return [2]uint64{binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])}
}
