package wssec

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"io"
)

// AES-128-GCM over data of any length in constant memory (AS4-082; NIST SP 800-38D). The standard library only has GCM
// for data that is in memory as a whole. Here the data is encrypted with CTR, starting at counter 2. The authentication
// is taken from the standard AEAD, which is fast and constant-time, chunk by chunk: sealing nothing with a chunk of
// ciphertext as additional data gives (Y ^ L)·H ^ E(K,J0), where Y is GHASH of the chunk and L its length block. From
// that follows Z = Y·H, and the Z of two consecutive chunks combine to Z1·H^n ^ Z2, where n is the number of blocks in
// the second one.
const (
	gcmChunk = 256 << 10 // multiple of the block size
	gcmIV    = 12
	gcmTag   = 16
	gcmKey   = 16
	// GCMOverhead is by how much encryption lengthens a part.
	GCMOverhead = gcmIV + gcmTag
)

// element is an element of GF(2^128) in GCM's bit order: the first bit of hi is the coefficient of x^0.
type element struct{ hi, lo uint64 }

func load(b []byte) element {
	return element{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func (a element) add(b element) element { return element{a.hi ^ b.hi, a.lo ^ b.lo} }

// mul multiplies without branching on its operands.
func (a element) mul(b element) element {
	var z element
	for i := range 128 {
		bit := a.hi >> 63
		if i >= 64 {
			bit = a.lo << (i - 64) >> 63
		}
		mask := -bit
		z.hi ^= b.hi & mask
		z.lo ^= b.lo & mask
		carry := -(b.lo & 1)
		b.lo = b.lo>>1 | b.hi<<63
		b.hi = b.hi>>1 ^ carry&0xE1<<56
		if i < 63 {
			a.hi <<= 1
		}
	}
	return z
}

// pow returns a^n for n >= 1.
func (a element) pow(n int) element {
	z := element{hi: 1 << 63} // 1
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			z = z.mul(a)
		}
		a = a.mul(a)
	}
	return z
}

// gcm is one encryption or decryption in progress.
type gcm struct {
	block cipher.Block
	aead  cipher.AEAD
	iv    []byte
	h     element // E(K, 0)
	mask  element // E(K, J0)
	full  element // H^(blocks of a full chunk)
	z     element
	bytes uint64
}

var errGCM = errors.New("wssec: malformed AES-GCM data")

func newGCM(key, iv []byte) (*gcm, error) {
	if len(key) != gcmKey || len(iv) != gcmIV {
		return nil, errGCM
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	g := &gcm{block: block, aead: aead, iv: append([]byte(nil), iv...)}
	var b [16]byte
	block.Encrypt(b[:], b[:])
	g.h = load(b[:])
	block.Encrypt(b[:], g.counter(1))
	g.mask = load(b[:])
	return g, nil
}

func (g *gcm) counter(n uint32) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, 16), g.iv...), n)
}

// stream returns the key stream of the data, from its start.
func (g *gcm) stream() cipher.Stream { return cipher.NewCTR(g.block, g.counter(2)) }

// absorb authenticates a chunk of ciphertext; all but the last one must be gcmChunk bytes long.
func (g *gcm) absorb(chunk []byte) {
	if len(chunk) == 0 {
		return
	}
	var out [gcmTag]byte
	s := load(g.aead.Seal(out[:0], g.iv, nil, chunk)).add(g.mask)
	z := s.add(element{hi: uint64(len(chunk)) * 8}.mul(g.h))
	blocks := (len(chunk) + 15) / 16
	if g.bytes > 0 {
		if len(chunk) == gcmChunk {
			if g.full == (element{}) {
				g.full = g.h.pow(blocks)
			}
			z = z.add(g.z.mul(g.full))
		} else {
			z = z.add(g.z.mul(g.h.pow(blocks)))
		}
	}
	g.z = z
	g.bytes += uint64(len(chunk))
}

// tag returns the authentication tag of everything absorbed so far.
func (g *gcm) tag() [gcmTag]byte {
	t := g.z.add(element{lo: g.bytes * 8}.mul(g.h)).add(g.mask)
	var out [gcmTag]byte
	binary.BigEndian.PutUint64(out[:], t.hi)
	binary.BigEndian.PutUint64(out[8:], t.lo)
	return out
}

// encrypter encrypts what is written to it and writes IV, ciphertext and, on Close, the tag.
type encrypter struct {
	dst  io.Writer
	g    *gcm
	ctr  cipher.Stream
	buf  []byte
	err  error
	head bool
}

// maxGCM is the most data that one key and IV may protect (SP 800-38D §5.2.1.1), far above any size limit here.
const maxGCM = 1<<36 - 32

func newEncrypter(dst io.Writer, key, iv []byte) (*encrypter, error) {
	g, err := newGCM(key, iv)
	if err != nil {
		return nil, err
	}
	return &encrypter{dst: dst, g: g, ctr: g.stream()}, nil
}

func (e *encrypter) Write(p []byte) (int, error) {
	done := 0
	for len(p) > done && e.err == nil {
		n := min(len(p)-done, gcmChunk-len(e.buf))
		e.buf = append(e.buf, p[done:done+n]...)
		done += n
		if len(e.buf) == gcmChunk {
			e.flush()
		}
	}
	return done, e.err
}

// flush encrypts and writes what is buffered.
func (e *encrypter) flush() {
	if !e.head {
		e.head = true
		_, e.err = e.dst.Write(e.g.iv)
	}
	if e.g.bytes+uint64(len(e.buf)) > maxGCM && e.err == nil {
		e.err = errGCM
	}
	if e.err != nil {
		return
	}
	e.ctr.XORKeyStream(e.buf, e.buf)
	e.g.absorb(e.buf)
	_, e.err = e.dst.Write(e.buf)
	e.buf = e.buf[:0]
}

// Close writes the rest and the tag.
func (e *encrypter) Close() error {
	e.flush()
	if e.err == nil {
		tag := e.g.tag()
		_, e.err = e.dst.Write(tag[:])
	}
	return e.err
}

// checkTag reads the ciphertext once and verifies its tag without producing plaintext (AS4-083, SEC-093).
func checkTag(key []byte, src io.ReaderAt, size int64) (*gcm, error) {
	if size < GCMOverhead || size-GCMOverhead > maxGCM {
		return nil, errGCM
	}
	var iv [gcmIV]byte
	if _, err := src.ReadAt(iv[:], 0); err != nil {
		return nil, err
	}
	g, err := newGCM(key, iv[:])
	if err != nil {
		return nil, err
	}
	end := size - gcmTag
	buf := make([]byte, min(gcmChunk, end-gcmIV))
	for at := int64(gcmIV); at < end; {
		n := min(int64(len(buf)), end-at)
		if _, err := src.ReadAt(buf[:n], at); err != nil {
			return nil, err
		}
		g.absorb(buf[:n])
		at += n
	}
	var got [gcmTag]byte
	if n, err := src.ReadAt(got[:], end); n < gcmTag {
		return nil, err
	}
	if want := g.tag(); subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return nil, errGCM
	}
	return g, nil
}

// plaintext returns the decrypted data. Only for ciphertext whose tag has been verified.
func (g *gcm) plaintext(src io.ReaderAt, size int64) io.Reader {
	return cipher.StreamReader{S: g.stream(), R: io.NewSectionReader(src, gcmIV, size-GCMOverhead)}
}
