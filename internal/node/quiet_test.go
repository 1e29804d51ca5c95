package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// logged is a log whose lines a test reads.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logged) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// lines returns the lines with a message, or all for "".
func (l *logged) lines(t testing.TB, message string) (list []map[string]any) {
	t.Helper()
	for text := range strings.Lines(l.text()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if message == "" || line["message"] == message {
			list = append(list, line)
		}
	}
	return list
}

// Of each kind and source a few lines are written in a span, the rest is counted and told of, also when the storm ends.
func TestQuiet(t *testing.T) {
	log := &logged{}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	q := &quiet{
		log: zerolog.New(log), now: func() time.Time { return now }, span: 10 * time.Second, each: 2, all: 5,
		level: zerolog.WarnLevel,
	}
	storm := func(n int, kind, source string) (wrote int) {
		for range n {
			if q.allow(kind, source) {
				wrote++
			}
		}
		return wrote
	}
	want := func(what string, got, want any) {
		t.Helper()
		if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
			t.Errorf("%s: got %s, want %s", what, g, w)
		}
	}
	told := func() (list []string) {
		for _, l := range log.lines(t, "lines left out") {
			list = append(list, fmt.Sprintf("%v %v %v %v %v", l["level"], l["kind"], l["source"], l["left_out"],
				l["ms"]))
		}
		log.buf.Reset()
		return list
	}
	want("one source", storm(1000, "a", "1"), 2)
	want("another kind", storm(3, "b", "1"), 2)
	now = now.Add(time.Second)
	want("another source, up to the limit of all", storm(7, "a", "2"), 1)
	q.sweep(false)
	want("told within the span", told(), []string{})
	now = now.Add(9 * time.Second)
	q.sweep(false)
	want("told at the end of the span", told(), []string{"warn a 1 998 10000", "warn b 1 1 10000"})
	want("the next span", storm(3, "a", "1"), 2)
	q.sweep(false)
	now = now.Add(10 * time.Second)
	want("told by the next line", storm(1, "a", "1"), 1)
	want("told by the next line", told(), []string{"warn a 1 1 10000"})
	q.sweep(true)
	want("told at the end", told(), []string{"warn a 2 6 19000"})
	want("what is open", len(q.open), 0)

	now = now.Add(time.Minute)
	for i := range 10_000 {
		q.allow("a", fmt.Sprint(i))
		q.allow(fmt.Sprint("kind", i), "1")
	}
	if len(q.open) > 2*maxLineKeys+1 {
		t.Errorf("%d counts are kept", len(q.open))
	}
	q.sweep(true)
	left, lines := 0, log.lines(t, "lines left out")
	for _, l := range lines {
		left += int(l["left_out"].(float64))
	}
	want("left out of 20,000, of which five were written", left, 20_000-5)
	if len(lines) > 2*maxLineKeys+1 {
		t.Errorf("%d lines about what was left out", len(lines))
	}
}

// A line of a source that was quiet for long is written although others are loud.
func TestQuietKeepsKinds(t *testing.T) {
	now := time.Now()
	q := &quiet{now: func() time.Time { return now }, span: time.Second, each: 1, all: 1000}
	for i := range 500 {
		q.allow("loud", fmt.Sprint(i))
	}
	if !q.allow("other kind", "192.0.2.1") {
		t.Error("another kind is drowned")
	}
}
