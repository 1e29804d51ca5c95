package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/documents"
	"github.com/ravn-ap/ravn/testbed"
)

// A document whose delivery kills the server twice is put into quarantine, aloud; an operator sees it and has it tried
// again.
func TestREL067QuarantineIsSeenAndEnded(t *testing.T) {
	from, to, cert, invoice := twoNodes(t)
	s := serveProcess(t, to, "RAVN_FAILPOINT=deliver.claimed")
	_, _ = ravn(t, nil, "--config", from, "send", "--from", testbed.Sender, "--to", testbed.Receiver, "--endpoint",
		s.url, "--endpoint-cert", cert, invoice)
	<-s.done // before or after the receipt left
	again := command([]string{"RAVN_AS4_LISTEN=127.0.0.1:0", "RAVN_FAILPOINT=deliver.claimed"}, "serve", "--config", to)
	_ = again.Run()
	if again.ProcessState.ExitCode() != -1 {
		t.Fatalf("the second start ended by itself: %s", again.ProcessState)
	}

	log := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	third := command([]string{"RAVN_AS4_LISTEN=127.0.0.1:0", "RAVN_FAILPOINT=deliver.claimed"}, "serve", "--config", to)
	third.Stderr = f
	if err := third.Start(); err != nil {
		t.Fatal(err)
	}
	var lines string
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(lines,
		`"alarm":"quarantined"`); time.Sleep(20 * time.Millisecond) {
		b, err := os.ReadFile(log)
		if lines = string(b); err != nil || time.Now().After(deadline) {
			t.Fatalf("no alarm: %v\n%s", err, lines)
		}
	}
	_ = third.Process.Kill()
	_ = third.Wait()
	if !strings.Contains(lines, "work of a process that died is given back") || !strings.Contains(lines, "RAVN-3007") {
		t.Errorf("log:\n%s", lines)
	}

	out, errs, code := call(t, "--config", to, "--json", "queue", "list")
	var row documents.Work
	if err := json.Unmarshal([]byte(out), &row); err != nil || code != 1 || row.State != "QUARANTINED" ||
		!row.GivenUp || !strings.Contains(row.Reason, "without an end") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	for _, tc := range []struct {
		args []string
		exit int
		says string
	}{
		{[]string{row.ID}, 2, "--reason"},
		{[]string{"nobody", "--reason", "mended"}, 1, "RAVN-2301"},
		{[]string{row.ID, "--reason", "the disk was mended"}, 0, "DELIVERY_FAILED and due now"},
	} {
		if out, errs, code := call(t, append([]string{"--config", to, "queue", "retry"},
			tc.args...)...); code != tc.exit || !strings.Contains(out+errs, tc.says) {
			t.Errorf("retry %v: exit %d: %s%s", tc.args, code, out, errs)
		}
	}
	if out, errs, code := call(t, "--config", to, "queue", "list"); code != 0 || !strings.Contains(out, row.ID) {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if _, errs, code := call(t, "--config", to, "queue", "cancel", row.ID, "--reason", "unwanted"); code != 2 ||
		!strings.Contains(errs, "RAVN-5010") {
		t.Errorf("a received one was cancelled: exit %d: %s", code, errs)
	}
	if _, errs, code := call(t, "--config", to, "queue", "discard", row.ID, "--reason", "unwanted"); code != 2 ||
		!strings.Contains(errs, "DELIVERY_FAILED") {
		t.Errorf("one that waits was discarded: exit %d: %s", code, errs)
	}
	serveProcess(t, to)
	if got := delivered(t, to, 1); len(got) != 1 || got[0] != row.ID {
		t.Errorf("delivered: %v", got)
	}
	if out, errs, code := call(t, "--config", to, "queue", "list"); code != 0 || out != "" {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

// An operator sees where a message goes, and what it waits for.
func TestQueueWhere(t *testing.T) {
	for want, w := range map[string]documents.Work{
		"":                        {},
		"waits for its turn":      {Waits: true},
		"to as4.example":          {Host: "as4.example"},
		"waits for as4.example:8": {Host: "as4.example:8", Waits: true},
	} {
		l := workList{}
		if got := strings.Join(l.parts(&w), "; "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
