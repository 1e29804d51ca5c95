package pickup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/store"
)

// operations are those of one round on the folder, sorted.
func (b *bench) operations() []string {
	b.Helper()
	var mu sync.Mutex
	var ops []string
	b.tap = func(op, name string) error {
		mu.Lock()
		defer mu.Unlock()
		ops = append(ops, op+" "+name)
		return nil
	}
	b.turn(0)
	b.tap = nil
	slices.Sort(ops)
	return ops
}

// OPS-041: a round does the same few operations, however many documents are on their way, and one more document costs
// what it costs alone. Pending is looked through at the start and when it was changed by others.
func TestOPS041RoundsCost(t *testing.T) {
	quiet, looks := map[int][]string{}, map[int]int{}
	for _, n := range []int{1, 40} {
		b := newBench(t)
		for i := range n {
			b.put(fmt.Sprintf("%02d.xml", i), fmt.Sprintf("<a>%d</a>", i))
		}
		b.settled()
		b.turn(b.Scan)
		quiet[n] = b.operations()
		b.put("pending/by-hand.xml", "<b/>") // which changes the time of pending
		if err := os.Chtimes(filepath.Join(b.Dir, "pending"), time.Time{}, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		looks[n] = len(b.operations())
		if len(b.out.subs) != n+1 {
			t.Errorf("of %d a file was not seen that a person put into pending", n)
		}
		if again := b.operations(); !slices.Equal(again, quiet[n]) {
			t.Errorf("of %d, after it was looked through: %q, before %q", n, again, quiet[n])
		}
	}
	if !slices.Equal(quiet[1], quiet[40]) || slices.Contains(quiet[1], "list pending") {
		t.Errorf("of 1 document: %q, of 40: %q", quiet[1], quiet[40])
	}
	if looks[40] <= looks[1] { // else the test counts nothing
		t.Errorf("looked through: %d operations of 1, %d of 40", looks[1], looks[40])
	}
}

// OPS-041: what a node had on its way when it died goes on with another one that has looked through pending before.
func TestOPS041AnotherNodeDied(t *testing.T) {
	b := newBench(t)
	other := b.node(b.Dir)
	if _, err := other.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.put("a.xml", "<a/>")
	pending := filepath.Join(b.Dir, "pending")
	b.settled()
	if len(b.out.subs) != 1 {
		t.Fatal("not handed in")
	}
	b.out.becomes("id-1", store.Sent, "")
	// as on a file system whose times are coarse
	if err := os.Chtimes(pending, time.Time{}, other.last.changed); err != nil {
		t.Fatal(err)
	}
	if _, err := other.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.has("the other one goes on", "done/a.xml", "done/a.xml.json", "done/a.xml.receipt.xml")
}

// OPS-041: the lock file is open for writing, without which NFS gives no lock.
func TestOPS041LockFile(t *testing.T) {
	if _, err := os.Stat("/proc/self/fdinfo"); err != nil {
		t.Skip("only Linux tells how a file was opened")
	}
	b := newBench(t)
	b.turn(0) // makes it
	var flags []string
	b.at("pickup.side", func() {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Error(err)
		}
		for _, fd := range open {
			if path, _ := os.Readlink("/proc/self/fd/" + fd.Name()); path != filepath.Join(b.Dir, "pending", lockName) {
				continue
			}
			text, err := os.ReadFile("/proc/self/fdinfo/" + fd.Name())
			if err != nil {
				t.Error(err)
			}
			flags = append(flags, strings.Fields(string(text))[3])
		}
	})
	b.put("a.xml", "<a/>")
	b.settled()
	if len(flags) != 1 {
		t.Fatalf("the lock file is open %d times", len(flags))
	}
	if n, err := strconv.ParseInt(flags[0], 8, 64); err != nil || n&3 != int64(os.O_RDWR) {
		t.Errorf("flags %s, %v", flags[0], err)
	}
}

// OPS-040: a side file that could be that of two documents is neither's: both stay where they are, and are told of. By
// the whole name of its document it is that one's.
func TestOPS040SharedSideFile(t *testing.T) {
	b := newBench(t)
	b.put("a.json", `{"conversation_id": "of-both"}`)
	b.put("a.xml", "<a/>")
	b.put("a.pdf", "text")
	b.settled()
	b.has("of both", "a.json", "a.xml", "a.pdf")
	if len(b.notes) != 2 || b.notes[0].What != Trouble || b.notes[0].Key == b.notes[1].Key ||
		!strings.Contains(b.notes[0].Err.Error(), errShared.Error()) {
		t.Errorf("told %+v", b.notes)
	}
	b.put("a.pdf.json", `{"conversation_id": "of-pdf", "wrap": "binary"}`)
	b.turn(time.Minute)
	b.turn(b.Settle)
	b.has("of one each", "pending/a.xml", "pending/a.xml.metadata.json", "pending/a.xml.status.json", "pending/a.pdf",
		"pending/a.pdf.metadata.json", "pending/a.pdf.status.json")
	got := map[string]string{}
	for i, s := range b.out.subs {
		got[b.out.texts[i]] = s.Conversation
	}
	if len(got) != 2 || got["<a/>"] != "of-both" || got["text"] != "of-pdf" {
		t.Errorf("handed in %v", got)
	}
}

// Two files whose names look the same in the log are told apart by their keys, of which none has the name.
func TestMaskedNamesAreToldApart(t *testing.T) {
	b := newBench(t)
	b.trouble("a-12345678901.xml", errLongName)
	b.trouble("a-10987654321.xml", errLongName)
	b.trouble("", errLongName)
	if n := b.notes; n[0].File != n[1].File || n[0].Key == n[1].Key || strings.Contains(n[0].Key, "1234") ||
		n[2].Key != "" {
		t.Errorf("told %+v", n)
	}
}
