package pack

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Limits of what is installed. They are far above the largest official release.
const (
	maxArchive = 200 << 20 // bytes of an archive
	maxFile    = 64 << 20  // bytes of a file
	maxTotal   = 400 << 20 // bytes of all files that are used
	maxEntries = 50_000
)

// Options of an installation.
type Options struct {
	Name, Version      string // replace those of the manifest; needed where a layout says none
	ValidFrom, ValidTo string // likewise
	SHA256             string // in hex: the archive must have this hash

	// Check loads and compiles a pack. What it reads of Files is what is installed.
	Check func(p *Pack) error
	// Fetch returns the file at an https address if it has at most limit bytes; nil refuses addresses.
	Fetch func(address string, limit int64) ([]byte, error)
	Now   func() time.Time
}

// Install brings the pack in a folder, a ZIP or a JAR, here or at an https address, into the folder d. It is checked before: a
// pack that cannot be used is refused with the reason and changes nothing.
func (d Dir) Install(source string, o Options) (*Manifest, error) {
	files, sum, err := openSource(source, o.Fetch)
	if err != nil {
		return nil, err
	}
	if o.SHA256 != "" && !strings.EqualFold(o.SHA256, sum) {
		return nil, fmt.Errorf("pack: the SHA-256 of %s is %s, not the one that was asked for", source, sum)
	}
	m, err := recognise(files)
	if err != nil {
		return nil, err
	}
	m.describe(source, sum, o)
	if err := m.Check(); err != nil {
		return nil, err
	}
	used := &recorder{fsys: files, seen: map[string][]byte{}}
	if err := o.Check(&Pack{*m, used}); err != nil {
		return nil, fmt.Errorf("pack: %s %s cannot be used: %w", m.Name, m.Version, err)
	}
	return m, d.write(m, used.seen)
}

// describe completes a manifest with what the caller knows of it.
func (m *Manifest) describe(source, sum string, o Options) {
	for _, f := range []struct {
		to   *string
		from string
	}{{&m.Name, o.Name}, {&m.Version, o.Version}, {&m.ValidFrom, o.ValidFrom}, {&m.ValidTo, o.ValidTo}} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	now := time.Now
	if o.Now != nil {
		now = o.Now
	}
	m.SHA256, m.Installed = sum, now().UTC().Format(time.RFC3339)
	if m.Source == "" {
		m.Source = source
	}
	if m.Version == "" {
		m.Version = now().UTC().Format("2006-01-02")
	}
}

// openSource opens a folder or archive. sum is the hash of an archive.
func openSource(source string, fetch func(string, int64) ([]byte, error)) (files fs.FS, sum string, err error) {
	if IsAddress(source) {
		if fetch == nil {
			return nil, "", errors.New("pack: addresses are not fetched here")
		}
		b, err := fetch(source, maxArchive)
		if err != nil {
			return nil, "", err
		}
		return openArchive(source, b)
	}
	info, err := os.Stat(source)
	if err != nil {
		return nil, "", err
	}
	if info.IsDir() {
		return os.DirFS(source), "", nil
	}
	if info.Size() > maxArchive {
		return nil, "", fmt.Errorf("pack: %s is larger than %d MiB", source, maxArchive>>20)
	}
	b, err := os.ReadFile(source)
	if err != nil {
		return nil, "", err
	}
	return openArchive(source, b)
}

// IsAddress tells whether a source is an address instead of a path.
func IsAddress(source string) bool { return strings.Contains(source, "://") }

// openArchive opens a ZIP in memory. sum is its SHA-256 in hex.
func openArchive(source string, b []byte) (files fs.FS, sum string, err error) {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, "", fmt.Errorf("pack: %s is neither a folder nor a ZIP: %w", source, err)
	}
	if err := checkArchive(z); err != nil {
		return nil, "", err
	}
	return descend(z), hash(b), nil
}

// hash returns the SHA-256 of a file in hex.
func hash(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// checkArchive refuses archives that are made to do harm, whether or not the files in question would be used.
func checkArchive(z *zip.Reader) error {
	if len(z.File) > maxEntries {
		return fmt.Errorf("pack: the archive has more than %d entries", maxEntries)
	}
	seen := map[string]bool{}
	for _, f := range z.File {
		name := strings.TrimSuffix(f.Name, "/")
		switch {
		case !fs.ValidPath(name) || strings.ContainsAny(name, "\\:"):
			return fmt.Errorf("pack: the archive has an entry %q that leads out of it", f.Name)
		case f.Mode()&fs.ModeType&^fs.ModeDir != 0:
			return fmt.Errorf("pack: the archive entry %q is a link or a device", f.Name)
		case seen[strings.ToLower(name)]:
			return fmt.Errorf("pack: the archive has two entries %q", f.Name)
		case f.UncompressedSize64 > maxFile:
			return fmt.Errorf("pack: the archive entry %q is larger than %d MiB", f.Name, maxFile>>20)
		}
		seen[strings.ToLower(name)] = true
	}
	return nil
}

// descend enters the one folder that release archives put everything in.
func descend(files fs.FS) fs.FS {
	for {
		list, err := fs.ReadDir(files, ".")
		if err != nil || len(list) != 1 || !list[0].IsDir() {
			return files
		}
		sub, err := fs.Sub(files, list[0].Name())
		if err != nil {
			return files
		}
		files = sub
	}
}

// recorder keeps what is read, within limits.
type recorder struct {
	fsys  fs.FS
	seen  map[string][]byte
	total int
}

func (r *recorder) Open(name string) (fs.File, error) {
	b, ok := r.seen[name]
	if !ok {
		f, err := r.fsys.Open(name)
		if err != nil {
			return nil, err
		}
		b, err = io.ReadAll(io.LimitReader(f, maxFile+1))
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		if r.total += len(b); len(b) > maxFile || r.total > maxTotal {
			return nil, fmt.Errorf("pack: %s: more than %d MiB in a file or %d MiB in all", name, maxFile>>20, maxTotal>>20)
		}
		r.seen[name] = b
	}
	return &memFile{Reader: bytes.NewReader(b), name: path.Base(name)}, nil
}

// memFile is a file in memory.
type memFile struct {
	*bytes.Reader
	name string
}

func (f *memFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *memFile) Close() error               { return nil }
func (f *memFile) Name() string               { return f.name }
func (f *memFile) Mode() fs.FileMode          { return 0o444 }
func (f *memFile) ModTime() time.Time         { return time.Time{} }
func (f *memFile) IsDir() bool                { return false }
func (f *memFile) Sys() any                   { return nil }

// write makes the folder of a pack appear complete, by one rename.
func (d Dir) write(m *Manifest, files map[string][]byte) error {
	parent := filepath.Join(string(d), m.Name)
	final := filepath.Join(parent, m.Version)
	if _, err := os.Stat(final); err == nil {
		return fmt.Errorf("pack: %s %s is installed already; remove it first", m.Name, m.Version)
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(parent, ".new-*")
	if err != nil {
		return err
	}
	err = fill(tmp, m, files)
	if err == nil {
		err = os.Rename(tmp, final)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(tmp))
	}
	return nil
}

func fill(dir string, m *Manifest, files map[string][]byte) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, ManifestName), append(text, '\n'), 0o644); err != nil {
		return err
	}
	for name, b := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return err
		}
	}
	return nil
}
