package wssec

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/certs/localca"
)

// Each message has a content key and an IV of its own, also when the same message is sealed again.
func TestSEC096FreshKeys(t *testing.T) {
	p, err := localca.Shared()
	if err != nil {
		t.Fatal(err)
	}
	to, err := p.AP.Issue(localca.Leaf{CN: "POP900002"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	const n = 2000
	keys, ivs := map[string]bool{}, map[string]bool{}
	for range n {
		s, err := NewSealing(EDelivery1, to.Cert)
		if err != nil {
			t.Fatal(err)
		}
		var part bytes.Buffer
		w, err := s.Attach("x@a.example", "application/gzip", &part)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, "the same"); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		keys[string(s.key)], ivs[string(part.Bytes()[:gcmIV])] = true, true
	}
	if len(keys) != n || len(ivs) != n || keys[string(make([]byte, gcmKey))] || ivs[string(make([]byte, gcmIV))] {
		t.Errorf("%d keys and %d IVs in %d messages", len(keys), len(ivs), n)
	}
}
