// Package pickup sends the documents that somebody puts into a folder, and says in the folder what became of each
// (OPS-040, OPS-041). A finished file is moved to pending/ by one rename, handed in under a key that its path and
// content make, and moved to done/ or failed/ when its outcome is final. At each moment a file is in exactly one place,
// and all that is known of it is in the names, in the record and in the files beside it: after a crash the next round
// goes on from there, and the key makes sure that one file is one message.
package pickup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"

	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/durable"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

// Folder takes documents from one pick-up folder. Its parts Pending, Done and Failed must be there: none is made here,
// so that a disk that is not mounted is noticed.
type Folder struct {
	Dir            string // absolute
	Pending        string // names of the parts in Dir
	Done, Failed   string
	Tenant         string
	Defaults       ap.Defaults
	Scan, Settle   time.Duration
	Keep           time.Duration                 // of what was sent; 0: it is deleted at once
	MaxBytes       int64                         // of a document
	Installation   string                        // whose record it is; files of another one in Pending are left alone
	Ours           func(seat peppol.SeatID) bool // whether a seat is one of our own
	Submit         Submit
	Record         Record
	Now            func() time.Time
	Hook           func(point string)   // crash points
	Tell           func(Note)           // what happened; called from several goroutines
	Parallel       int                  // documents that are handed in at once; 0 means 4
	watch          *watch               // nil while the folder cannot be watched
	seen           map[string]sight     // of files in Dir that are not taken yet
	open           map[string]*entry    // by name in Pending
	blocked        map[string]*delay    // of files that could not be moved, by name in Dir
	cleaned        time.Time            // when Done was last looked through
	foreignersTold map[string]bool      // files of another installation, which were told of
	takings        map[string]time.Time // since when another node has been taking a file, by name in Dir

	last looked // when Pending was looked through last, and how it was then

	tap func(op, name string) error // of a test: called before each operation on the folder
}

// Submit hands a document in; ap.Outbound has it.
type Submit func(context.Context, ap.Submission) (m store.Message, repeated bool, err error)

// Record says what became of messages; *store.Store has it.
type Record interface {
	Many(ctx context.Context, tenant string, ids []string) (map[string]store.Message, error)
	Attempts(ctx context.Context, tenant, id string) ([]store.Attempt, error)
	Timeline(ctx context.Context, tenant, id string) ([]store.Event, error)
	Evidence(ctx context.Context, tenant, id, kind string) (store.Evidence, error)
}

// What a Note tells of.
const (
	HandedIn  = "handed in"
	Done      = "done"
	Failed    = "failed"
	Attention = "attention" // an operator must decide
	Trouble   = "trouble"   // it is tried again; Err says why
)

// Note tells of one step of a document, or of trouble with the folder.
type Note struct {
	What    string
	Message store.Message // ID is "" if there is none
	Again   bool          // handed in before, under the same name with the same content
	File    string        // that is in trouble, without long numbers; "" for the whole folder
	Key     string        // tells the file from others whose File is the same
	Err     error
}

const (
	mostFiles    = 10_000           // of a scan (OPS-041)
	mostParallel = 4                // documents that are handed in at once
	roundLimit   = time.Minute      // after which a round begins nothing new
	submitLimit  = 10 * time.Minute // of handing in one document
	leastBetween = 50 * time.Millisecond
	mostDelay    = 5 * time.Minute // between two tries of what does not work
	cleanEvery   = time.Hour
)

// Run takes documents until ctx ends.
func (f *Folder) Run(ctx context.Context) {
	f.init()
	defer f.unwatch()
	trouble := delay{}
	for ctx.Err() == nil {
		wait, err := f.round(ctx)
		if err != nil && ctx.Err() == nil {
			f.unwatch()
			f.trouble("", err)
			wait = trouble.next(f.Scan)
		} else {
			trouble = delay{}
		}
		f.sleep(ctx, wait)
	}
}

func (f *Folder) init() {
	f.seen, f.open, f.blocked = map[string]sight{}, map[string]*entry{}, map[string]*delay{}
	f.last, f.cleaned = looked{}, time.Time{}
	f.foreignersTold, f.takings = map[string]bool{}, map[string]time.Time{}
}

// sleep waits until the next round is due, or a new file wakes it.
func (f *Folder) sleep(ctx context.Context, wait time.Duration) {
	least := time.NewTimer(leastBetween) // a flood of new files makes no flood of rounds
	defer least.Stop()
	select {
	case <-ctx.Done():
		return
	case <-least.C:
	}
	due := time.NewTimer(max(wait-leastBetween, 0))
	defer due.Stop()
	select {
	case <-ctx.Done():
	case <-due.C:
	case <-f.woken():
	}
}

// round is one pass over the folder. The handles of it end with it: the folder may be another one next time.
type round struct {
	*Folder
	root   files
	end    time.Time
	lockOn *os.File  // the file that is locked
	locked bool      // no other node works on the folder meanwhile
	marked sync.Once // that Pending was changed
}

// round looks through the folder once, and returns how long the next time may wait.
func (f *Folder) round(ctx context.Context) (wait time.Duration, err error) {
	dir, err := os.OpenRoot(f.Dir)
	if err != nil {
		return 0, err
	}
	r := &round{Folder: f, root: files{durable.Root{Root: dir}, f.tap, f.hook}, end: f.Now().Add(roundLimit)}
	defer func() { err = errors.Join(err, dir.Close()) }()
	if err := r.parts(); err != nil {
		return 0, err
	}
	unlock, err := r.lock()
	if err != nil || unlock == nil {
		return f.Scan, err
	}
	defer unlock()
	f.rewatch()
	if wait, err = r.work(ctx); f.Now().After(r.end) {
		wait = 0
	}
	r.remember(err)
	return wait, err
}

// work is a round under the lock of the folder.
func (r *round) work(ctx context.Context) (wait time.Duration, err error) {
	if err := r.recover(ctx); err != nil {
		return 0, err
	}
	wait, err = r.take()
	if err == nil {
		r.handIn(ctx)
		err = r.settle(ctx)
	}
	if err == nil {
		err = r.clean()
	}
	return wait, err
}

// parts makes sure that the parts of the folder are there and are no links.
func (r *round) parts() error {
	for _, name := range []string{r.Pending, r.Done, r.Failed} {
		info, err := r.root.Lstat(name)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return fmt.Errorf("%s is not a folder", name)
		}
	}
	return nil
}

// lockName is that of the file in Pending that a round locks.
const lockName = ".lock"

// lock lets one node at a time work on the folder; the lock of a process that dies is free at once. It returns nil if
// another node has it. On a file system without locks the renames alone decide which node takes a file.
func (r *round) lock() (unlock func(), err error) {
	name := filepath.Join(r.Pending, lockName)
	f, err := r.root.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600) // NFS locks only what may be written
	if err != nil {
		return nil, err
	}
	if err = r.root.before("lock", name); err == nil {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if errors.Is(err, durable.ErrLocked) {
		return nil, f.Close()
	}
	r.lockOn, r.locked = f, err == nil
	return func() { _ = f.Close() }, nil // which only gives the lock back
}

// parallel is how many documents are handed in at once.
func (f *Folder) parallel() int {
	if f.Parallel > 0 {
		return f.Parallel
	}
	return mostParallel
}

func (f *Folder) hook(point string) {
	if f.Hook != nil {
		f.Hook(point)
	}
}

func (f *Folder) tell(n Note) {
	if f.Tell != nil {
		f.Tell(n)
	}
}

// delay makes what does not work wait longer each time.
type delay struct {
	until time.Time
	last  time.Duration
}

func (d *delay) next(first time.Duration) time.Duration {
	d.last = min(max(2*d.last, first), max(mostDelay, first))
	return d.last
}

// push puts the next try off.
func (d *delay) push(now time.Time, first time.Duration) { d.until = now.Add(d.next(first)) }

// trouble tells of what is tried again. Its text has no names of files, because they may be those of persons; what the
// table of errors knows is told as it is.
func (f *Folder) trouble(file string, err error) {
	var coded *fault.Error
	if !errors.As(err, &coded) {
		err = fault.New(fault.PickupBlocked, bare(err), "%s", f.Dir)
	}
	note := Note{What: Trouble, File: masked(file), Err: err}
	if file != "" {
		sum := sha256.Sum256([]byte(file))
		note.Key = hex.EncodeToString(sum[:8])
	}
	f.tell(note)
}

// bare is an error without the names of files.
func bare(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return fmt.Errorf("%s: %w", path.Op, path.Err)
	case errors.As(err, &link):
		return fmt.Errorf("%s: %w", link.Op, link.Err)
	}
	return err
}

// masked is the name of a file for the log: long numbers in it may be those of persons, also if they are written in
// parts, 010203-12345 or 010203 12345.
func masked(name string) string {
	return numbers.ReplaceAllStringFunc(name, func(number string) string {
		digits := 0
		for _, c := range number {
			if c >= '0' && c <= '9' {
				digits++
			}
		}
		if digits > 8 {
			return "*"
		}
		return number
	})
}

var numbers = regexp.MustCompile(`\d(?:[-. ]*\d)*`)
