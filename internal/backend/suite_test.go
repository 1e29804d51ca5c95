package backend_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ravn-ap/ravn/internal/backend"
	"github.com/ravn-ap/ravn/internal/backend/backendtest"
	"github.com/ravn-ap/ravn/internal/durable"
)

// folderC4 is a folder as C4 sees it.
type folderC4 struct{ dir string }

func (c *folderC4) Backend() backend.Backend { return &backend.Folder{Dir: c.dir} }

func (c *folderC4) Dying(n int) (backend.Backend, func() bool) {
	mortal := &mortalFS{dies: int64(n)}
	return &backend.Folder{Dir: c.dir, FS: mortal}, func() bool { return mortal.step.Load() >= mortal.dies }
}

func (c *folderC4) Got(t testing.TB) map[string]backendtest.Got {
	t.Helper()
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]backendtest.Got{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		f, err := os.Open(filepath.Join(c.dir, e.Name(), backend.PayloadName))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = backendtest.Read(t, f)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

var errDead = errors.New("the process is dead")

// mortalFS is the file system of a process that dies at a step of those that change something: that one and all after
// it are not done.
type mortalFS struct {
	durable.OS
	dies int64
	step atomic.Int64
}

// live does a step, unless the process is dead by then.
func (m *mortalFS) live(step func() error) error {
	if m.step.Add(1) >= m.dies {
		return errDead
	}
	return step()
}

func (m *mortalFS) Create(name string, mode fs.FileMode) (f durable.File, err error) {
	err = m.live(func() error { f, err = m.OS.Create(name, mode); return err })
	return mortalFile{f, m}, err
}

func (m *mortalFS) Open(name string) (durable.File, error) {
	f, err := m.OS.Open(name)
	return mortalFile{f, m}, err
}

func (m *mortalFS) Link(old, name string) error {
	return m.live(func() error { return m.OS.Link(old, name) })
}

func (m *mortalFS) Rename(old, name string) error {
	return m.live(func() error { return m.OS.Rename(old, name) })
}

func (m *mortalFS) Remove(name string) error {
	return m.live(func() error { return m.OS.Remove(name) })
}

func (m *mortalFS) Mkdir(name string, mode fs.FileMode) error {
	return m.live(func() error { return m.OS.Mkdir(name, mode) })
}

type mortalFile struct {
	durable.File
	m *mortalFS
}

func (f mortalFile) Write(p []byte) (n int, err error) {
	err = f.m.live(func() error { n, err = f.File.Write(p); return err })
	if f.m.step.Load() == f.m.dies {
		n, _ = f.File.Write(p[:len(p)/2]) // it died in the middle
	}
	return n, err
}

func (f mortalFile) Sync() error { return f.m.live(f.File.Sync) }

func TestOPS004Folder(t *testing.T) {
	backendtest.Run(t, func(t testing.TB) backendtest.C4 { return &folderC4{t.TempDir()} })
}
