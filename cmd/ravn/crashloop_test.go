package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/store"
)

// crashEnv is a number from the environment: make crash CYCLES=1000, and SEED to see a run again.
func crashEnv(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// loop kills a sender and a receiver again and again while documents come.
type loop struct {
	*pair
	*rand.Rand
	processes [2]*victim // the sender, the receiver
	kills     [2]int
	acquitted int
	put       map[string][]byte
}

// victim is a process of which nobody waits until it is ready: it may be killed while it starts.
type victim struct {
	kill func()
}

// M4 of reliability.md §7.2, CP-S5, CP-S6: sender and receiver are killed at random moments, while they start as well,
// and started again, while documents come into the pick-up folder. In the end everything has drained (I5), nothing is
// lost, nothing is doubled, no document has a second MessageId, and each is in done with its receipt. make crash makes
// more of it.
func TestCrashLoop(t *testing.T) {
	cycles := int(crashEnv(t, "RAVN_TEST_CRASH_CYCLES", 5))
	seed := crashEnv(t, "RAVN_TEST_CRASH_SEED", uint64(time.Now().UnixNano())%1_000_000)
	t.Logf("seed %d, %d cycles: make crash CYCLES=%d SEED=%d", seed, cycles, cycles, seed)
	l := &loop{pair: newPair(t, "100ms"), Rand: rand.New(rand.NewPCG(seed, 0)), put: map[string][]byte{}}
	l.start(0)
	l.start(1)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) { // the first one makes the folder
		if _, err := os.Stat(filepath.Join(l.folder, "failed")); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	for range cycles {
		l.documents()
		time.Sleep(time.Duration(l.IntN(1000)) * time.Millisecond) // the moment is the point, not what is waited for
		l.strike()
	}
	for _, p := range l.processes {
		p.kill()
	}
	l.receiver()
	serveProcess(t, l.from) // anew, and with it its circuit breaker
	left := func() int { return len(l.names(".")) + len(l.names("pending")) }
	for deadline := time.Now().Add(5 * time.Minute); left() > 0 && time.Now().Before(deadline); {
		l.acquit() // the last start may still have put some into quarantine
		time.Sleep(200 * time.Millisecond)
	}
	l.drained(time.Minute)
	l.exactlyOnce(l.put)
	l.consistent()
	l.tally()
}

// start starts the sender (0) or the receiver (1).
func (l *loop) start(which int) {
	l.Helper()
	config, listen := l.from, "127.0.0.1:0"
	if which == 1 {
		config, listen = l.to, l.listen
	}
	var log bytes.Buffer
	cmd := command([]string{"RAVN_AS4_LISTEN=" + listen, "RAVN_DELIVER_LEASE=2s"}, "serve", "--config", config)
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		l.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	kill := func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		<-done
		if !strings.HasPrefix(cmd.ProcessState.String(), "signal: killed") {
			l.Errorf("process %d ended by itself: %s\n%s", which, cmd.ProcessState, log.String())
		}
	}
	l.processes[which] = &victim{kill}
	l.Cleanup(func() { _ = cmd.Process.Kill() })
}

// documents puts a few documents into the folder: small ones and some that are stored in files of their own, with side
// files and without.
func (l *loop) documents() {
	for range 1 + l.IntN(8) {
		name := fmt.Sprintf("%05d", len(l.put))
		text := invoiceNumber(name)
		if l.IntN(4) == 0 {
			text = bytes.Replace(text, []byte("<cbc:ID>"),
				[]byte("<!-- "+strings.Repeat("large ", 20_000)+"--><cbc:ID>"), 1)
		}
		if l.IntN(2) == 0 {
			l.pair.put(name+".json", []byte(`{"conversation_id": "c-`+name+`"}`))
		}
		l.pair.put(name+".xml", text)
		l.put[name+".xml"] = text
	}
}

// strike kills one or both, and starts them again.
func (l *loop) strike() {
	victims := [][]int{{0}, {1}, {0, 1}}[l.IntN(3)]
	for _, which := range victims {
		l.processes[which].kill()
		l.kills[which]++
	}
	for _, which := range victims {
		l.start(which)
	}
}

// acquit decides for those whose work was under way in one death after another, as an operator does: they were taken
// for the cause and are in quarantine (REL-067), although it was us.
func (l *loop) acquit() {
	l.Helper()
	s := openStore(l.T, l.from)
	page, err := s.List(l.Context(), db.DefaultTenant, store.Filter{
		Standings: []store.Standing{{Direction: store.Out, State: store.Quarantined}}, Limit: 100_000,
	})
	if err != nil {
		l.Fatal(err)
	}
	for _, m := range page.Found {
		err := s.Requeue(l.Context(), db.DefaultTenant, m.ID, "crash loop", "it was killed, not poison")
		if err != nil {
			l.Fatal(err)
		}
	}
	l.acquitted += len(page.Found)
}

// consistent has both sides compare data folder and record (I6).
func (l *loop) consistent() {
	l.Helper()
	for _, config := range []string{l.from, l.to} {
		if out, code := ravn(l.T, nil, "--config", config, "data", "check"); code != 0 {
			l.Errorf("data check of %s: exit %d\n%s", config, code, out)
		}
	}
}

// tally says what the kills have met.
func (l *loop) tally() {
	l.Helper()
	s := openStore(l.T, l.from)
	attempts, repeated := 0, 0
	for id := range l.sentMessages(s) {
		list, err := s.Attempts(l.Context(), db.DefaultTenant, id)
		if err != nil {
			l.Fatal(err)
		}
		if attempts += len(list); len(list) > 1 {
			repeated++
		}
	}
	l.Logf("%d documents, the sender was killed %d times, the receiver %d times; %d attempts, %d documents had more "+
		"than one, %d were in quarantine", len(l.put), l.kills[0], l.kills[1], attempts, repeated, l.acquitted)
}
