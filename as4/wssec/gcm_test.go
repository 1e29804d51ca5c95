package wssec

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"io"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Test cases 1 to 3 of the GCM specification (McGrew and Viega, also NIST CAVS), AES-128 without additional data.
func TestAS4082GCMVectors(t *testing.T) {
	for _, v := range []struct{ key, iv, plain, cipher, tag string }{
		{"00000000000000000000000000000000", "000000000000000000000000", "", "", "58e2fccefa7e3061367f1d57a4e7455a"},
		{
			"00000000000000000000000000000000", "000000000000000000000000", "00000000000000000000000000000000",
			"0388dace60b6a392f328c2b971b2fe78", "ab6e47d42cec13bdf53a67b21257bddf",
		},
		{
			"feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
			"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5" +
				"aa0de657ba637b391aafd255",
			"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b39" +
				"6a0aac973d58e091473f5985",
			"4d5c2af327cd64a62cf35abd2ba6fab4",
		},
	} {
		var out bytes.Buffer
		e, err := newEncrypter(&out, unhex(t, v.key), unhex(t, v.iv))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Write(unhex(t, v.plain)); err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if got, want := hex.EncodeToString(out.Bytes()), v.iv+v.cipher+v.tag; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// sealed encrypts plain with the streaming form and compares with the standard library.
func sealed(t *testing.T, key, iv, plain []byte, step int) []byte {
	t.Helper()
	var out bytes.Buffer
	e, err := newEncrypter(&out, key, iv)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(plain); at += step {
		if _, err := e.Write(plain[at:min(len(plain), at+step)]); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	if want := aead.Seal(append([]byte(nil), iv...), iv, plain, nil); !bytes.Equal(out.Bytes(), want) {
		t.Fatalf("%d bytes: differs from crypto/cipher", len(plain))
	}
	return out.Bytes()
}

func TestAS4082GCMChunkBorders(t *testing.T) {
	key, iv := make([]byte, gcmKey), make([]byte, gcmIV)
	_, _ = rand.Read(key)
	_, _ = rand.Read(iv)
	plain := make([]byte, 3*gcmChunk+17)
	_, _ = rand.Read(plain)
	var sizes []int
	for n := range 66 {
		sizes = append(sizes, n)
	}
	for k := 1; k <= 3; k++ {
		for _, d := range []int{-17, -16, -15, -1, 0, 1, 15, 16, 17} {
			sizes = append(sizes, k*gcmChunk+d)
		}
	}
	for _, n := range sizes {
		data := sealed(t, key, iv, plain[:n], 100_003)
		r := bytes.NewReader(data)
		g, err := checkTag(key, r, int64(len(data)))
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		got, err := io.ReadAll(g.plaintext(r, int64(len(data))))
		if err != nil || !bytes.Equal(got, plain[:n]) {
			t.Fatalf("%d bytes: plaintext differs, %v", n, err)
		}
	}
}

// SEC-093: any changed byte of IV, ciphertext or tag, and any truncation, is found before plaintext is made.
func TestSEC093GCMTamper(t *testing.T) {
	key, iv := make([]byte, gcmKey), make([]byte, gcmIV)
	for _, n := range []int{0, 1, 40} {
		data := sealed(t, key, iv, make([]byte, n), 16)
		for i := range data {
			bad := bytes.Clone(data)
			bad[i] ^= 0x80
			if _, err := checkTag(key, bytes.NewReader(bad), int64(len(bad))); err == nil {
				t.Errorf("%d bytes: change of byte %d not found", n, i)
			}
		}
		for _, cut := range []int{1, 4, 8, 12, 15, 16, len(data)} {
			bad := data[:max(0, len(data)-cut)]
			if _, err := checkTag(key, bytes.NewReader(bad), int64(len(bad))); err == nil {
				t.Errorf("%d bytes: truncation by %d not found", n, cut)
			}
		}
	}
}

func BenchmarkGCM(b *testing.B) {
	key, iv := make([]byte, gcmKey), make([]byte, gcmIV)
	plain := make([]byte, 16<<20)
	b.Run("stream", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		for b.Loop() {
			e, _ := newEncrypter(io.Discard, key, iv)
			_, _ = e.Write(plain)
			_ = e.Close()
		}
	})
	b.Run("standard", func(b *testing.B) {
		block, _ := aes.NewCipher(key)
		aead, _ := cipher.NewGCM(block)
		out := make([]byte, 0, len(plain)+16)
		b.SetBytes(int64(len(plain)))
		for b.Loop() {
			aead.Seal(out[:0], iv, plain, nil)
		}
	})
}
