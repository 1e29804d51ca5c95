package as4

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
)

// REL-024: when no connection could be made, so that certainly no byte has left, there is one more try at once.
func TestREL024Reconnect(t *testing.T) {
	const message = "a message"
	var bodies atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); string(body) == message { // what is missing is found by the comparison
			bodies.Add(1)
		}
		w.WriteHeader(503)
	}))
	defer srv.Close()
	s := hostileSender(t)
	var refuse atomic.Int64 // connections
	s.HTTP.Transport.(*http.Transport).DialContext = func(_ context.Context, network, addr string) (net.Conn, error) {
		if refuse.Add(-1) >= 0 {
			return nil, errors.New("connection refused")
		}
		return net.Dial(network, addr)
	}
	for i, step := range []struct {
		refuse  int64
		outcome Outcome
		bodies  int64
	}{{0, Later, 1}, {1, Later, 2}, {2, NotSent, 2}} {
		refuse.Store(step.refuse)
		r := toPeer(t, srv.URL)
		r.Body, r.Length = strings.NewReader(message), int64(len(message))
		_, err := s.Post(t.Context(), r)
		var se *SendError
		if !errors.As(err, &se) || se.Outcome != step.outcome || bodies.Load() != step.bodies {
			t.Errorf("step %d: %v with %d bodies, want %s with %d", i, err, bodies.Load(), step.outcome, step.bodies)
		}
	}
}

// zeros is a body of any length.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// D-13: a body is streamed: what is allocated does not depend on its length.
func TestD13BodyIsStreamed(t *testing.T) {
	var got atomic.Int64
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body) // what is missing is found by the comparison
		got.Store(n)
		w.WriteHeader(503)
	}))
	defer srv.Close()
	s := hostileSender(t)
	s.HTTP = srv.Client()
	allocated := func(length int64) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := toPeer(t, srv.URL)
		r.Body, r.Length = io.LimitReader(zeros{}, length), length
		if _, err := s.Post(t.Context(), r); err == nil || got.Load() != length {
			t.Errorf("%d octets of %d arrived: %v", got.Load(), length, err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	allocated(1 << 10)
	if n := allocated(64 << 20); n > 4<<20 && !golden.Race { // which allocates as well
		t.Errorf("64 MiB allocate %d octets", n)
	}
}
