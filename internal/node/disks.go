package node

import (
	"errors"
	"sync"
	"syscall"
	"time"
)

// disks asks how full the disks of folders are. Nobody waits long for one that hangs, as that of a network mount may:
// each folder has one question under way at most, and its answer counts for all who ask meanwhile.
type disks struct {
	ask func(dir string) (free, total uint64, err error)

	mu     sync.Mutex
	asking map[string]*question
}

type question struct {
	began       time.Time
	done        chan struct{}
	free, total uint64
	err         error
}

// diskLimit is how long an answer may take.
const diskLimit = 2 * time.Second

var errDiskSilent = errors.New("node: the disk does not answer")

// space returns the free space and the size of the disk of a folder, in bytes.
func (d *disks) space(dir string) (free, total uint64, err error) {
	q := d.question(dir)
	wait := time.NewTimer(diskLimit - time.Since(q.began))
	defer wait.Stop()
	select {
	case <-q.done:
		return q.free, q.total, q.err
	case <-wait.C:
		return 0, 0, errDiskSilent
	}
}

// question returns the question that is under way, or asks it.
func (d *disks) question(dir string) *question {
	d.mu.Lock()
	defer d.mu.Unlock()
	if q := d.asking[dir]; q != nil {
		return q
	}
	q := &question{began: time.Now(), done: make(chan struct{})}
	if d.asking == nil {
		d.asking = map[string]*question{}
	}
	d.asking[dir] = q
	go func() {
		q.free, q.total, q.err = d.ask(dir)
		d.mu.Lock()
		delete(d.asking, dir)
		d.mu.Unlock()
		close(q.done)
	}()
	return q
}

// statfs asks the system.
func statfs(dir string) (free, total uint64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	block := uint64(st.Bsize)
	return st.Bavail * block, st.Blocks * block, nil
}
