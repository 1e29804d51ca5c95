package pickup

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
)

var errInvalid = fault.New(fault.DocumentInvalid, nil, "")

// at runs do once, when a crash point is reached.
func (b *bench) at(point string, do func()) {
	once := sync.Once{}
	b.Hook = func(p string) {
		if p == point {
			once.Do(do)
		}
	}
}

// noLinks refuses links, as a file system without them does.
func noLinks(op, _ string) error {
	if op == "link" {
		return syscall.EPERM
	}
	return nil
}

// OPS-041: another document that gets the name in failed or done at the last moment is not replaced, nor is a file that
// belongs to it: ours takes the next name. It is the same where files can have no second name.
func TestOPS041TakenAtTheLastMoment(t *testing.T) {
	for _, links := range []bool{true, false} {
		for dir, refuse := range map[string]error{"failed": errInvalid, "done": nil} {
			b := newBench(t)
			b.out.refuse = refuse
			if !links {
				b.tap = noLinks
			}
			b.put("a.xml", "<ours/>")
			b.put("a.json", `{"country_c1": "SE"}`)
			b.at("pickup.decided", func() { b.put(dir+"/a.xml", "<another/>") })
			b.settled()
			b.out.becomes("id-1", store.Sent, "")
			b.turn(b.Scan)
			all := b.files()
			if all[dir+"/a.xml"] != "<another/>" || all[dir+"/a-1.xml"] != "<ours/>" {
				t.Errorf("%s, links %t: %q", dir, links, all)
			}
			if all[dir+"/a-1.xml.metadata.json"] == "" || outcomeIn(t, all[dir+"/a-1.xml.json"]).SourceFile != "a.xml" {
				t.Errorf("%s, links %t: what belongs to it: %q", dir, links, all)
			}
			for name := range all {
				if !strings.HasPrefix(name, dir+"/a-1.xml") && name != dir+"/a.xml" {
					t.Errorf("%s, links %t: %s is left", dir, links, name)
				}
			}
		}
	}
}

// OPS-041: a file that has the name of a side file, receipt or outcome is not replaced. The document is told of, keeps
// no other waiting, and is concluded when it is gone.
func TestOPS041SideInTheWay(t *testing.T) {
	for _, ending := range []string{metaEnding, receiptEnding, outcomeEnding} {
		b := newBench(t)
		b.put("a.xml", "<a/>")
		b.put("a.json", `{"country_c1": "SE"}`)
		b.settled()
		b.out.becomes("id-1", store.Sent, "")
		b.at("pickup.moved", func() { b.put("done/a.xml"+ending, "of another") })
		b.turn(b.Scan)
		b.put("b.xml", "<b/>")
		b.settled()
		if all := b.files(); all["done/a.xml"+ending] != "of another" || len(b.out.subs) != 2 ||
			b.notes[len(b.notes)-1].What != HandedIn && b.notes[len(b.notes)-1].What != Trouble {
			t.Errorf("%s: %q, told %+v", ending, all, b.notes)
		}
		if err := os.Remove(filepath.Join(b.Dir, "done/a.xml"+ending)); err != nil {
			t.Fatal(err)
		}
		b.turn(time.Minute)
		all := b.has("concluded", "done/a.xml", "done/a.xml.metadata.json", "done/a.xml.receipt.xml",
			"done/a.xml.json", "pending/b.xml", "pending/b.xml.status.json")
		if all["done/a.xml.receipt.xml"] != "receipt of id-1" || outcomeIn(t, all["done/a.xml.json"]).ID != "id-1" {
			t.Errorf("%s: %q", ending, all)
		}
	}
}

// OPS-041: a side file that goes back to the folder does not replace a newer one.
func TestOPS041SideFileGoesBack(t *testing.T) {
	for _, newer := range []string{"", `{"country_c1": "NO"}`} {
		b := newBench(t)
		b.put("a.xml", "<a/>")
		b.put("a.json", `{"country_c1": "SE"}`)
		b.at("pickup.side", func() { // the document is taken away
			if err := os.Remove(filepath.Join(b.Dir, "a.xml")); err != nil {
				t.Error(err)
			}
			if newer != "" {
				b.put("a.json", newer)
			}
		})
		b.settled()
		b.turn(b.Scan)
		want := newer
		if want == "" {
			want = `{"country_c1": "SE"}`
		}
		if all := b.has("gone back", "a.json"); all["a.json"] != want {
			t.Errorf("%q, want %q", all, want)
		}
	}
}

// OPS-041: documents whose names look like those of files beside others get other names.
func TestOPS041NamesOfFilesBeside(t *testing.T) {
	b := newBench(t)
	b.out.refuse = errInvalid
	for _, name := range []string{"a.xml", "a.xml.receipt.xml", "a.xml.metadata"} {
		b.put(name, "<"+name+"/>")
	}
	b.settled()
	all := b.has("refused", "failed/a.xml", "failed/a.xml.json", "failed/a.xml.receipt-1.xml",
		"failed/a.xml.receipt-1.xml.json", "failed/a.xml.metadata-1", "failed/a.xml.metadata-1.json")
	if all["failed/a.xml"] != "<a.xml/>" {
		t.Errorf("%q", all)
	}
}

// OPS-041: of nodes that work at once on a file system without locks, none replaces what another has moved to failed,
// and no side file is parted from its document.
func TestOPS041NodesWithoutLocks(t *testing.T) {
	b := newBench(t)
	b.out.refuse = errInvalid
	nodes := []*Folder{b.Folder, b.node(b.Dir)}
	want := map[string]string{}
	for i := range 30 {
		name, text := fmt.Sprintf("a%d.xml", i%10), fmt.Sprintf("<a>%d</a>", i)
		if i >= 10 { // the others are there already, from another folder or program
			name = strings.Replace(name, ".", fmt.Sprintf("-%d.", i/10), 1)
		}
		b.put(name, text)
		b.put(sideOf(name), fmt.Sprintf(`{"conversation_id": "c%d"}`, i))
		want[text] = fmt.Sprintf(`{"conversation_id": "c%d"}`, i)
	}
	for _, f := range nodes {
		f.tap = func(op, _ string) error {
			if op == "lock" {
				return syscall.ENOLCK
			}
			return nil
		}
	}
	for range 40 {
		var wg sync.WaitGroup
		for _, f := range nodes {
			wg.Go(func() {
				for range 2 {
					_, _ = f.round(t.Context()) // a file that the other one was faster with is an error
				}
			})
		}
		wg.Wait()
		b.now = b.now.Add(b.Settle)
	}
	all := b.files()
	for text, side := range want {
		found := false
		for name, t := range all {
			found = found || t == text && strings.HasPrefix(name, "failed/") && all[name+metaEnding] == side
		}
		if !found {
			t.Errorf("%s is not in failed with its side file: %q", text, slices.Sorted(maps.Keys(all)))
		}
	}
}

// OPS-041: without locks a node finds the side file of a document in pending, and the other one brings the document
// before it has looked whether anybody is at it: the side file stays with its document.
func TestOPS041SideFileOfADocumentThatComes(t *testing.T) {
	const side = `{"conversation_id": "c1"}`
	b := newBench(t)
	b.put("a.xml", "<a/>")
	b.put("pending/a.xml.metadata.json", side)
	b.tap = func(op, name string) error {
		switch {
		case op == "lock":
			return syscall.ENOLCK
		case op == "lstat" && strings.HasSuffix(name, takingEnding):
			err := os.Rename(filepath.Join(b.Dir, "a.xml"), filepath.Join(b.Dir, "pending/a.xml"))
			return skipGone(err)
		}
		return nil
	}
	b.settled()
	b.settled()
	if len(b.out.subs) != 1 || b.out.subs[0].Conversation != "c1" {
		t.Errorf("handed in: %+v", b.out.subs)
	}
	b.has("handed in", "pending/a.xml", "pending/a.xml.metadata.json", "pending/a.xml.status.json")
}

// OPS-041: a document that the listing of pending has missed keeps its status and side files.
func TestOPS041TheListingMissesADocument(t *testing.T) {
	b := newBench(t)
	b.put("a.xml", "<a/>")
	b.put("a.json", `{"conversation_id": "c1"}`)
	b.settled()
	want := b.has("handed in", "pending/a.xml", "pending/a.xml.metadata.json", "pending/a.xml.status.json")
	at, away := filepath.Join(b.Dir, "pending/a.xml"), filepath.Join(t.TempDir(), "a.xml")
	if err := os.Rename(at, away); err != nil {
		t.Fatal(err)
	}
	other := b.node(b.Dir)
	other.tap = func(op, name string) error {
		if op == "lock" {
			return syscall.ENOLCK
		}
		if op == "lstat" && name == filepath.Join("pending", "a.xml") { // after the listing
			return skipGone(os.Rename(away, at))
		}
		return nil
	}
	if _, err := other.round(t.Context()); err != nil {
		t.Error(err)
	}
	if got := b.files(); !maps.Equal(got, want) {
		t.Errorf("there is %q, want %q", got, want)
	}
}

var errDead = errors.New("the process is dead")

// OPS-041, REL-020: the process dies before any one of its operations on the folder, and goes on in the same folder, or
// in one with another path and for another tenant: the document is handed in once, and ends with all that belongs to
// it, and nothing else is left.
func TestOPS041DeathAtEachOperation(t *testing.T) {
	for _, tc := range []struct{ links, moved, refuse bool }{
		{true, false, false},
		{true, false, true},
		{true, true, false},
		{true, true, true},
		{false, false, false},
		{false, false, true},
	} {
		t.Run(fmt.Sprintf("%+v", tc), func(t *testing.T) {
			t.Parallel()
			var refuse error
			if tc.refuse {
				refuse = errInvalid
			}
			for n := 1; deathAt(t, n, tc.links, tc.moved, refuse); n++ {
			}
		})
	}
}

// deathAt lets a process die before its n-th operation, and tells whether there was one.
func deathAt(t *testing.T, n int, links, moved bool, refuse error) (died bool) {
	t.Helper()
	b := newBench(t)
	b.out.refuse = refuse
	b.put("a.xml", "<a/>")
	b.put("a.json", `{"country_c1": "SE"}`)
	b.turn(0)
	mu, ops := sync.Mutex{}, 0
	b.tap = func(op, name string) error {
		mu.Lock()
		defer mu.Unlock()
		if ops++; ops >= n {
			died = true
			return errDead
		}
		if !links {
			return noLinks(op, name)
		}
		return nil
	}
	for range 2 {
		b.now = b.now.Add(b.Settle)
		if _, err := b.round(t.Context()); died && err == nil && len(b.notes) == 0 {
			t.Errorf("%d: nobody was told", n)
		}
		b.out.becomes("id-1", store.Sent, "")
	}
	if moved {
		if err := os.Rename(b.Dir, b.Dir+"-moved"); err != nil {
			t.Fatal(err)
		}
		b.Dir += "-moved"
	}
	b.unwatch()
	f := b.node(b.Dir)
	defer f.unwatch()
	if moved {
		f.Tenant = "another"
	}
	b.Folder = f
	for range 4 {
		b.turn(b.Settle)
		b.out.becomes("id-1", store.Sent, "")
	}
	dir, want := "done", []string{"", metaEnding, outcomeEnding, receiptEnding}
	if refuse != nil {
		dir, want = "failed", want[:3]
	}
	for i := range want {
		want[i] = dir + "/a.xml" + want[i]
	}
	all := b.has(fmt.Sprintf("death at %d, links %t, moved %t, refused %v", n, links, moved, refuse), want...)
	if len(b.out.subs) > 1 || refuse == nil && len(b.out.subs) == 0 || all[dir+"/a.xml"] != "<a/>" {
		t.Errorf("death at %d, links %t, moved %t: handed in %d times: %q", n, links, moved, len(b.out.subs), all)
	}
	return died
}

// OPS-041, REL-020: what was begun for one tenant, in a folder with one path, is concluded under these, whatever the
// configuration says after a restart. An id that the record does not have is told of, and nothing is handed in again.
func TestOPS041BegunUnderAnother(t *testing.T) {
	for _, point := range []string{"pickup.noted", "pickup.handed_in", ""} {
		b := newBench(t)
		b.put("a.xml", "<a/>")
		dead := false
		b.Hook = func(p string) { dead = dead || p == point }
		b.tap = func(string, string) error {
			if dead {
				return errDead
			}
			return nil
		}
		b.settled()
		key := b.Dir + "/a.xml:"
		if err := os.Rename(b.Dir, b.Dir+"-moved"); err != nil {
			t.Fatal(err)
		}
		b.Folder = b.node(b.Dir + "-moved")
		b.Tenant = "another"
		b.turn(b.Scan)
		if s := b.out.subs; len(s) != 1 || s[0].Tenant != "default" || !strings.HasPrefix(s[0].Key, "folder:"+key) {
			t.Errorf("died at %q: handed in %+v", point, s)
		}
		b.out.becomes("id-1", store.Sent, "")
		b.put("b.xml", "<b/>")
		b.turn(b.Settle)
		b.turn(b.Settle)
		if s := b.out.subs; len(s) != 2 || s[1].Tenant != "another" || !strings.HasPrefix(s[1].Key, "folder:"+b.Dir) {
			t.Errorf("a new one: handed in %+v", s)
		}
		b.has("concluded", "done/a.xml", "done/a.xml.json", "done/a.xml.receipt.xml", "pending/b.xml",
			"pending/b.xml.status.json")
	}
	b := newBench(t)
	b.put("pending/a.xml", "<a/>")
	b.put("pending/a.xml.status.json", `{"status": "SUBMITTED", "id": "id-9", "installation": "here"}`)
	for range 3 {
		b.turn(b.Scan)
	}
	b.has("kept", "pending/a.xml", "pending/a.xml.status.json")
	var coded *fault.Error
	if len(b.out.subs) != 0 || len(b.notes) == 0 || !errors.As(b.notes[0].Err, &coded) ||
		coded.Code != fault.NoSuchMessage {
		t.Errorf("handed in %d, told %+v", len(b.out.subs), b.notes)
	}
}

// OPS-041: where a file can have no second name, and a rename is done although it is said to have failed, as over a
// network, the file is not removed.
func TestOPS041RenameThatLied(t *testing.T) {
	b := newBench(t)
	b.out.refuse = errInvalid
	lies := 1
	b.tap = func(op, name string) error {
		if err := noLinks(op, name); err != nil || op != "rename" || name != "failed/a.xml" || lies == 0 {
			return err
		}
		lies--
		return errors.Join(os.Rename(filepath.Join(b.Dir, "pending/a.xml"), filepath.Join(b.Dir, name)), syscall.ENOENT)
	}
	b.put("a.xml", "<ours/>")
	b.settled()
	b.turn(b.Scan)
	if all := b.files(); all["failed/a.xml"] != "<ours/>" || lies != 0 {
		t.Errorf("left: %q", all)
	}
}

// OPS-041: a document counts as concluded only if it is where it was to be moved.
func TestOPS041ConcludedOnlyIfThere(t *testing.T) {
	b := newBench(t)
	b.put("pending/a.xml.status.json", `{"status": "SENT", "id": "id-1", "installation": "here",
		"target": "done/a.xml", "outcome": {"success": true, "sourceFile": "a.xml", "id": "id-1"}}`)
	b.turn(0)
	b.has("taken away")
	if len(b.notes) != 1 || b.notes[0].What != Trouble || !errors.Is(b.notes[0].Err, errVanished) {
		t.Errorf("told %+v", b.notes)
	}
}
