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

// folderC4 is a folder of a layout as C4 sees it.
type folderC4 struct {
	dir    string
	layout backend.Layout
}

func (c *folderC4) folder(fsys durable.FS) *backend.Folder {
	return &backend.Folder{
		Dir: c.dir, Layout: c.layout, Pattern: "{receiver-value}_{delivery-id}", FS: fsys,
	}
}

func (c *folderC4) Backend() backend.Backend { return c.folder(nil) }

func (c *folderC4) Dying(n int) (backend.Backend, func() bool) {
	mortal := &mortalFS{dies: int64(n)}
	return c.folder(mortal), func() bool { return mortal.step.Load() >= mortal.dies }
}

// endings are those of the documents of each layout, below the folder.
var endings = map[backend.Layout]string{
	backend.LayoutRavn: "/document.xml", backend.LayoutFlat: ".xml", backend.LayoutPerTransaction: "/sbd.xml",
	backend.LayoutOxalis: "_ap.example.org.doc.xml",
}

// befores are what stands before the id of a delivery.
var befores = map[backend.Layout]string{
	backend.LayoutFlat: "0192_810418052_", backend.LayoutPerTransaction: "0192_810418052_",
	backend.LayoutOxalis: "0192_810418052/0192_991825827/",
}

func (c *folderC4) Got(t testing.TB) map[string]backendtest.Got {
	t.Helper()
	got := map[string]backendtest.Got{}
	err := filepath.WalkDir(c.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(e.Name(), ".") && path != c.dir {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		name, ok := strings.CutSuffix(strings.TrimPrefix(path, c.dir+"/"), endings[c.layout])
		if !ok {
			return nil
		}
		id, ok := strings.CutPrefix(name, befores[c.layout])
		if !ok {
			t.Errorf("there is %s", path)
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		got[id] = backendtest.Read(t, f)
		return f.Close()
	})
	if err != nil {
		t.Fatal(err)
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
	for _, layout := range backend.Layouts {
		t.Run(string(layout), func(t *testing.T) {
			backendtest.Run(t, func(t testing.TB) backendtest.C4 { return &folderC4{t.TempDir(), layout} })
		})
	}
}
