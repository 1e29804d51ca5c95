package as4

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"

	"github.com/ravn-ap/ravn/as4/intake"
	"github.com/ravn-ap/ravn/ebms"
)

// memorySpool is how much of an attachment is kept in memory; what is longer goes to a file (SEC-011).
const memorySpool = 1 << 20

// spool holds one attachment's ciphertext, or a sealed part. Its file is removed from the directory as soon as it is
// open, so that no crash leaves it behind (CP-R1).
type spool struct {
	dir  string
	hold *intake.Body // counts what is used and releases it all when it is closed; nil counts nothing
	room func() error // asked before each write to the file whether the disk has space; nil means yes
	mem  []byte
	file *os.File
	size int64
}

func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil && s.inMemory(len(p)) {
		s.mem = append(s.mem, p...)
		s.size += int64(len(p))
		return len(p), nil
	}
	if s.file == nil {
		if err := s.toFile(); err != nil {
			return 0, err
		}
	}
	if s.room != nil {
		if err := s.room(); err != nil {
			return 0, err
		}
	}
	if err := s.hold.Take(intake.Spool, int64(len(p))); err != nil {
		return 0, err
	}
	n, err := s.file.Write(p)
	s.size += int64(n)
	return n, err
}

// inMemory makes room for n more bytes in memory if the attachment is small and memory is not scarce.
func (s *spool) inMemory(n int) bool {
	need := len(s.mem) + n
	switch {
	case need > memorySpool:
		return false
	case need <= cap(s.mem):
		return true
	}
	grown := min(max(2*cap(s.mem), need), memorySpool)
	if !s.hold.Try(intake.Memory, int64(grown-cap(s.mem))) {
		return false
	}
	s.mem = append(make([]byte, 0, grown), s.mem...)
	return true
}

// toFile moves what is in memory to a file.
func (s *spool) toFile() error {
	if err := s.hold.Take(intake.Files, 1); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.dir, "spool-*")
	if err != nil {
		return err
	}
	if err := os.Remove(f.Name()); err != nil {
		return errors.Join(err, f.Close())
	}
	mem := s.mem
	s.file, s.mem, s.size = f, nil, 0
	s.hold.Return(intake.Memory, int64(cap(mem)))
	_, err = s.Write(mem)
	return err
}

// ReaderAt returns the content.
func (s *spool) ReaderAt() io.ReaderAt {
	if s.file != nil {
		return s.file
	}
	return bytes.NewReader(s.mem)
}

// Close discards the content.
func (s *spool) Close() {
	if s.file != nil {
		_ = s.file.Close() // the file has no name: closing it frees it
	}
	s.file, s.mem = nil, nil
}

// Limits of decompression (SEC-100).
const (
	ratioFrom   = 10 << 20 // output from which maxRatio applies: a small document may compress extremely well
	maxRatio    = 200
	gzipOverage = 1 << 10 // header fields of a gzip member
)

// notInflated is the detail of every failure of decompression; the cause is for our log.
const notInflated = "The payload cannot be decompressed"

func errGzip(err error) error {
	return &ebms.Error{Code: ebms.CodeDecompressionFailure, Detail: notInflated, Err: err}
}

// Why a payload is not decompressed although its data can be read.
var (
	ErrTrailing = errors.New("something follows the one gzip member")
	ErrExpanded = errors.New("the payload is too large, or compressed too much")
)

// Inflate reads one gzip member and nothing else, which may become limit bytes long (AS4-058, SEC-100). Errors are
// *ebms.Error, with ErrTrailing or ErrExpanded or what gzip says, but for those of r.
func Inflate(r io.Reader, limit int64) (io.Reader, error) {
	f := &inflate{src: &counter{r: r}, max: limit}
	f.br = bufio.NewReaderSize(f.src, 8<<10)
	z, err := gzip.NewReader(f.br)
	if err != nil {
		return nil, f.readErr(err)
	}
	z.Multistream(false)
	if len(z.Extra)+len(z.Name)+len(z.Comment) > gzipOverage {
		return nil, errGzip(errors.New("the gzip header is too long"))
	}
	f.z = z
	return f, nil
}

type inflate struct {
	src  *counter
	br   *bufio.Reader
	z    *gzip.Reader
	out  int64
	max  int64
	done bool
}

type counter struct {
	r   io.Reader
	n   int64
	err error // of the source, other than io.EOF
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// readErr distinguishes a failure of the source from defective data.
func (f *inflate) readErr(err error) error {
	if f.src.err != nil {
		return f.src.err
	}
	return errGzip(err)
}

func (f *inflate) Read(p []byte) (int, error) {
	if f.done {
		return 0, io.EOF
	}
	n, err := f.z.Read(p)
	f.out += int64(n)
	if f.out > f.max || f.out > ratioFrom && f.out > maxRatio*f.src.n {
		return 0, errGzip(ErrExpanded)
	}
	switch {
	case err == io.EOF:
		f.done = true
		if _, err := f.br.ReadByte(); err != io.EOF {
			return 0, f.readErr(ErrTrailing)
		}
		return n, io.EOF
	case err != nil:
		return 0, f.readErr(err)
	}
	return n, nil
}

// capped refuses what is longer than left.
type capped struct {
	r    io.Reader
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, refuse(ebms.CodeOther, "The payload is too large")
	}
	return n, err
}
