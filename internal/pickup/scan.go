package pickup

import (
	"container/heap"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// candidate is a file in the folder that may be a finished document.
type candidate struct {
	name     string
	info     fs.FileInfo
	side     string // its side file, "" if it has none
	sideInfo fs.FileInfo
}

// newestFirst is a heap of candidates with the newest on top, the first to be left out when there are too many.
type newestFirst []candidate

func (h newestFirst) Len() int           { return len(h) }
func (h newestFirst) Less(i, j int) bool { return h[i].before(h[j]) > 0 }
func (h newestFirst) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *newestFirst) Push(x any)        { *h = append(*h, x.(candidate)) }

// Pop takes the newest away.
func (h *newestFirst) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

// before orders candidates by age.
func (c candidate) before(d candidate) int {
	if by := c.info.ModTime().Compare(d.info.ModTime()); by != 0 {
		return by
	}
	return strings.Compare(c.name, d.name)
}

// candidates lists the oldest files of the folder that may be documents, oldest first, at most mostFiles (OPS-041).
// Links, folders, other special files and empty files are none.
func (r *round) candidates() ([]candidate, error) {
	var oldest newestFirst
	now := r.Now()
	err := r.each(".", func(e fs.DirEntry) error {
		if ignored(e.Name()) || !e.Type().IsRegular() {
			return nil
		}
		if d := r.blocked[e.Name()]; d != nil && now.Before(d.until) {
			return nil
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && (!info.Mode().IsRegular() || info.Size() == 0) {
			return nil
		}
		if err != nil {
			return err
		}
		heap.Push(&oldest, candidate{name: e.Name(), info: info})
		if len(oldest) > mostFiles {
			heap.Pop(&oldest)
		}
		return nil
	})
	slices.SortFunc(oldest, candidate.before)
	return oldest, err
}

// each calls do for each entry of a folder, in no order.
func (r *round) each(dir string, do func(fs.DirEntry) error) error {
	f, err := r.root.list(dir)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	for {
		list, err := f.ReadDir(1000)
		for _, e := range list {
			if err := do(e); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// sight is how a file was seen first, and since when it has been like that.
type sight struct {
	info  fs.FileInfo
	since time.Time
}

// stands returns how much longer a file must stand still before it counts as finished (OPS-040). Only what was seen by
// our own clock counts, because that of the file may be another machine's.
func (r *round) stands(name string, info fs.FileInfo, next map[string]sight) time.Duration {
	now := r.Now()
	s, known := r.seen[name]
	if !known || !os.SameFile(s.info, info) || s.info.Size() != info.Size() ||
		!s.info.ModTime().Equal(info.ModTime()) {
		s = sight{info, now}
	}
	next[name] = s
	return s.since.Add(r.Settle).Sub(now)
}

// take moves the finished documents to Pending, and returns when the next one could be finished.
func (r *round) take() (wait time.Duration, err error) {
	list, err := r.candidates()
	if err != nil {
		return 0, err
	}
	wait = r.Scan
	next := make(map[string]sight, len(list))
	shared, err := r.sides(list)
	if err != nil {
		return 0, err
	}
	for _, c := range list {
		if left := r.left(c, next); left > 0 {
			wait = min(wait, left)
			continue
		}
		err := errShared
		if shared[c.side] < 2 {
			err = r.claim(c)
		}
		if err != nil {
			r.block(c.name, err)
		}
	}
	r.seen = next
	for name, d := range r.blocked { // what is gone, or was forgotten long ago
		if r.Now().Sub(d.until) > mostDelay {
			delete(r.blocked, name)
		}
	}
	return wait, nil
}

// left is how long a document must still wait for itself and for its side file.
func (r *round) left(c candidate, next map[string]sight) time.Duration {
	left := r.stands(c.name, c.info, next)
	if c.side == "" {
		return left
	}
	return max(left, r.stands(c.side, c.sideInfo, next))
}

// sideFile finds the side file of a document in the folder: that of its whole name, else that of its name without
// extension. It returns "" if there is none.
func (r *round) sideFile(name string) (string, fs.FileInfo, error) {
	for _, side := range []string{name + sideEnding, sideOf(name)} {
		info, err := r.root.Lstat(side)
		if err == nil && info.Mode().IsRegular() {
			return side, info, nil
		}
		if err := skipGone(err); err != nil {
			return "", nil, err
		}
	}
	return "", nil, nil
}

var errShared = errors.New("its side file may be that of another document as well: " +
	"name it like the document, with .json after the extension")

// sides finds the side files of documents, and says of how many documents in the folder each is.
func (r *round) sides(list []candidate) (shared map[string]int, err error) {
	for i := range list {
		if list[i].side, list[i].sideInfo, err = r.sideFile(list[i].name); err != nil {
			return nil, err
		}
	}
	return r.shared(list)
}

// shared says of how many documents in the folder each of the side files is.
func (r *round) shared(list []candidate) (map[string]int, error) {
	count := map[string]int{}
	for _, c := range list {
		if c.side != "" {
			count[c.side] = 0
		}
	}
	if len(count) == 0 {
		return count, nil
	}
	return count, r.each(".", func(e fs.DirEntry) error {
		name := e.Name()
		_, whole := count[name+sideEnding]
		_, stem := count[sideOf(name)]
		if ignored(name) || !e.Type().IsRegular() || !whole && !stem {
			return nil
		}
		side, _, err := r.sideFile(name)
		if _, asked := count[side]; asked {
			count[side]++
		}
		return err
	})
}

// block leaves a file alone for a while that cannot be moved, and says so. It stays where it is.
func (r *round) block(name string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		return // another node was faster, or somebody has taken it away
	}
	d := r.blocked[name]
	if d == nil {
		d = &delay{}
		r.blocked[name] = d
	}
	d.push(r.Now(), r.Scan)
	r.trouble(name, err)
}

var errLongName = errors.New("its name has more than 200 bytes")

// claim moves a document to Pending.
func (r *round) claim(c candidate) error {
	name := c.name
	if len(name) > longestName {
		return errLongName
	}
	busy, err := r.begin(name)
	if err != nil || busy {
		return err
	}
	err = r.bring(c)
	delete(r.takings, name)
	return errors.Join(err, r.root.remove(r.taking(name)))
}

// taking is the name of the file in Pending that a node makes while it takes a document, so that no other node takes
// the same one: not its side file either, and not its name in Pending. It matters where a file system has no locks.
func (r *round) taking(name string) string { return filepath.Join(r.Pending, "."+name+takingEnding) }

// takingLimit is how long another node may need for that, by our own clock. After that it is dead.
const takingLimit = time.Minute

// begin makes the file that says that a document is taken. busy says that another node is at it.
func (r *round) begin(name string) (busy bool, err error) {
	f, err := r.root.Create(r.taking(name), 0o600)
	if errors.Is(err, fs.ErrExist) {
		busy, err = r.busy(name)
		if r.locked || err != nil || busy {
			return busy, err
		}
		// what a dead node has left: it goes, and whoever makes it anew next time has it
		delete(r.takings, name)
		return true, r.root.remove(r.taking(name))
	}
	if err != nil {
		return false, err
	}
	return false, f.Close()
}

// busy reports whether another node may be taking a document. Who has the lock of the folder is alone: a file that says
// so is what a crash has left.
func (r *round) busy(name string) (bool, error) {
	_, err := r.root.Lstat(r.taking(name))
	if err != nil || r.locked {
		return false, skipGone(err)
	}
	if r.takings[name].IsZero() {
		r.takings[name] = r.Now()
	}
	return r.Now().Sub(r.takings[name]) < takingLimit, nil
}

// bring moves a document to Pending. It is renamed and not linked: whatever is put into the folder under its name
// between the two steps would be lost. Its side file goes first: a document that is in Pending is complete, and a side
// file that is there alone goes back (recover).
func (r *round) bring(c candidate) error {
	pending, err := r.freePending(c.name)
	if err != nil {
		return err
	}
	at := filepath.Join(r.Pending, pending)
	r.mark()
	err = r.moveSide(c.side, at+metaEnding)
	if err != nil {
		return err
	}
	r.hook("pickup.side")
	if err := r.root.Rename(c.name, at); err != nil {
		if c.side != "" && r.root.move(at+metaEnding, c.side) != nil {
			r.last.stale = true // recover does it
		}
		return err
	}
	r.hook("pickup.taken")
	info, err := r.root.Lstat(at)
	if err != nil {
		r.last.stale = true // the next round finds it
		return nil
	}
	r.open[pending] = r.enter(pending, info, status{})
	return nil
}

// moveSide takes a side file along, if there is one.
func (r *round) moveSide(from, to string) error {
	if from == "" {
		return nil
	}
	info, err := r.root.Lstat(from)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil
	}
	if err == nil {
		err = r.root.Rename(from, to)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
