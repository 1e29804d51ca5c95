package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/node"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/testbed"
)

// A batch on standard input ends at a signal although nothing more comes, and says that it did not look at everything.
func TestREL063ABatchEndsAtASignal(t *testing.T) {
	from, to, cert, invoice := twoNodes(t)
	s := serveProcess(t, to)
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd := command(nil, "--json", "--config", from, "send", "--batch", "--endpoint", s.url, "--endpoint-cert", cert)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		guard := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() }) // standard input stays open
		defer guard.Stop()
		line, _ := json.Marshal(batchLine{File: invoice})
		if _, err := in.Write(append(line, '\n')); err != nil {
			t.Fatal(err)
		}
		dec := json.NewDecoder(out)
		var r sendResult
		var sum sendSummary
		if err := dec.Decode(&r); err != nil || !r.OK {
			t.Fatal(r, err)
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if err := dec.Decode(&sum); err != nil || !sum.Interrupted || sum.Documents != 1 {
			t.Errorf("%s: %+v, %v", sig, sum, err)
		}
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != 3 {
			t.Errorf("%s: exit %d", sig, code)
		}
	}
}

// What is waited for beside a server has an end when the server is gone, and when nothing moves although one runs: the
// message is on record, and the line says why it waits.
func TestREL025WaitingForAServerEnds(t *testing.T) {
	from, _, _, invoice := twoNodes(t)
	cfg, err := config.Load(from)
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.Open(t.Context(), cfg, node.Options{Log: zerolog.Nop(), Command: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	begin := time.Now()
	const soon, long = time.Second, 11 * time.Second
	handIn := func() store.Message {
		m, _, err := n.HandIn(t.Context(), ap.Submission{
			From: party(t, testbed.Sender), To: party(t, testbed.Receiver),
			Open: func() (io.ReadCloser, error) { return os.Open(invoice) },
		})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for name, tc := range map[string]struct {
		after  time.Duration
		served bool // as far as was asked
		until  time.Duration
		do     func(m store.Message)
		says   string // "": it is still waited for
	}{
		"a server runs":                {after: soon, served: true},
		"the server went away":         {after: long, says: "no server runs on this data folder"},
		"nobody asked yet":             {after: soon},
		"nothing moves":                {after: long, served: true, says: "its turn does not come"},
		"nothing moves, with --wait":   {after: long, served: true, until: time.Hour},
		"the time of --wait is over":   {after: soon, served: true, until: time.Nanosecond, says: "ravn serve goes on"},
		"an operator holds one back":   {after: soon, served: true, do: hold(t, n), says: "an operator holds it back"},
		"it is not on record any more": {after: soon, served: true, do: nil, says: "RAVN-"},
	} {
		m := handIn()
		r := sendResult{File: "a.xml"}.of(&m)
		if tc.do != nil {
			tc.do(m)
		}
		if strings.HasPrefix(tc.says, "RAVN") {
			r.ID = "nobody"
		}
		var out bytes.Buffer
		w := &crowd{
			c: &cli{out: &out, err: io.Discard}, n: n, f: &sendFlags{}, moved: begin, asked: begin,
			now:     func() time.Time { return begin.Add(tc.after) },
			summary: sendSummary{Results: map[string]int{}},
		}
		if tc.until > 0 {
			w.until = begin.Add(tc.until)
		}
		if tc.served {
			w.asked = begin.Add(tc.after)
		}
		rest := w.look(t.Context(), []sendResult{r})
		if (len(rest) > 0) != (tc.says == "") || !strings.Contains(out.String(), tc.says) ||
			w.summary.Results[resultWaiting] != 1-len(rest) {
			t.Errorf("%s: %d are still waited for: %s", name, len(rest), out.String())
		}
	}
}

func hold(t *testing.T, n *node.Node) func(store.Message) {
	return func(m store.Message) {
		if err := n.Store.Hold(t.Context(), db.DefaultTenant, m.ID, "me", "not yet"); err != nil {
			t.Fatal(err)
		}
	}
}

func party(t *testing.T, id string) peppol.ParticipantID {
	t.Helper()
	p, err := peppol.ParseParticipant(id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A line of a batch is one object and nothing else.
func TestBatchLineWithMoreBehindIt(t *testing.T) {
	for line, ok := range map[string]bool{
		`{"file":"a.xml"}`: true, `{"file":"a.xml"} `: true, `{"file":"a.xml"}]`: false, `{"file":"a.xml"}}`: false,
		`{"file":"a.xml"}{"file":"b.xml"}`: false, `{"file":"a.xml"} "x"`: false, `{"file":"a.xml"},`: false,
		`[{"file":"a.xml"}]`: false, `{"file":"a.xml"} x`: false,
	} {
		var it sendItem
		if it.read([]byte(line)); (it.err == nil) != ok {
			t.Errorf("%s: %v", line, it.err)
		}
	}
}

// A file is read more than once, so that nothing but a file can be sent.
func TestSendOnlyFiles(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe.xml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (&sendFlags{}).submission(pipe); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("got %v", err)
	}
}
