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

	"github.com/ravn-ap/ravn/internal/durable"
)

// Limits of an installation, far above the largest official release.
const (
	maxArchive = 200 << 20 // bytes of an archive
	maxFile    = 64 << 20  // bytes of a file
	maxTotal   = 400 << 20 // bytes of all files that are used
	maxEntries = 50_000
)

// Options of an installation.
type Options struct {
	Name, Version      string // replace those of the manifest; needed if the layout does not say them
	ValidFrom, ValidTo string // likewise
	SHA256             string // in hex: the archive must have this hash

	// Check loads and compiles a pack. What it reads of Files is what is installed.
	Check func(p *Pack) error
	// Fetch returns the file at an https address if it has at most limit bytes; nil refuses addresses.
	Fetch func(address string, limit int64) ([]byte, error)
	Now   func() time.Time
}

func (o *Options) now() time.Time {
	if o.Now != nil {
		return o.Now()
	}
	return time.Now()
}

// Installation is the result of an installation.
type Installation struct {
	Packs   []*Manifest
	LeftOut []LeftOut
}

// LeftOut are versions of a pack in the source that were not installed.
type LeftOut struct {
	Name     string   `json:"name"`
	Versions []string `json:"versions"`
	Why      string   `json:"why"`
}

// Install installs the packs of a folder, ZIP or JAR, local or at an https address, into the folder d: a single one, or
// releases from a jar of phive-rules, which has many; o.Name and o.Version select among them. Everything is checked
// first: what cannot be used is refused with the reason and nothing is changed.
func (d Dir) Install(source string, o Options) (*Installation, error) {
	src, err := openSource(source, o.Fetch)
	if err != nil {
		return nil, err
	}
	if o.SHA256 != "" && !strings.EqualFold(o.SHA256, src.sum) {
		return nil, fmt.Errorf("pack: the SHA-256 of %s is %s, not the one that was asked for", source, src.sum)
	}
	base := d.base(o.now())
	if base != nil {
		src.files = &onTop{src.files, base.Files}
	}
	list, err := recognise(src.files, base, src.names...)
	if err != nil {
		return nil, err
	}
	in, err := d.choose(list, &o)
	if err != nil {
		return nil, err
	}
	var used []map[string][]byte
	for _, m := range in.Packs {
		m.describe(source, src.sum, o)
		seen, err := m.try(src.files, o.Check)
		if err != nil {
			return nil, err
		}
		used = append(used, seen)
	}
	if err := d.writeAll(in.Packs, used); err != nil {
		return nil, err
	}
	return in, nil
}

// try checks a pack and returns the files that it needs.
func (m *Manifest) try(files fs.FS, check func(*Pack) error) (map[string][]byte, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	used := &recorder{fsys: files, seen: map[string][]byte{}}
	for _, licence := range m.licences {
		if _, err := fs.ReadFile(used, licence); err != nil {
			return nil, err
		}
	}
	if err := check(&Pack{*m, used}); err != nil {
		return nil, fmt.Errorf("pack: %s %s cannot be used: %w%s", m.Name, m.Version, err, m.hint)
	}
	return used.seen, nil
}

// writeAll writes packs with their files, all or none.
func (d Dir) writeAll(packs []*Manifest, files []map[string][]byte) error {
	for i, m := range packs {
		if err := d.write(m, files[i]); err != nil {
			for _, done := range packs[:i] {
				err = errors.Join(err, d.Remove(done.Name, done.Version))
			}
			return err
		}
	}
	return nil
}

// describe completes a manifest with what the caller knows about it.
func (m *Manifest) describe(source, sum string, o Options) {
	for _, f := range []struct {
		to   *string
		from string
	}{{&m.Name, o.Name}, {&m.Version, o.Version}, {&m.ValidFrom, o.ValidFrom}, {&m.ValidTo, o.ValidTo}} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	if o.Version != "" {
		m.ReleaseFrom = "--release"
	}
	if o.ValidFrom+o.ValidTo != "" {
		m.DaysFrom = "--valid-from, --valid-to"
	}
	now := o.now().UTC()
	m.SHA256, m.Installed = sum, now.Format(time.RFC3339)
	if m.Version == "" && m.byDay {
		m.Version, m.ReleaseFrom = now.Format(time.DateOnly), "the day of the installation"
	}
	if m.Source == "" {
		m.Source = source
	}
}

// opened is what an installation reads.
type opened struct {
	files fs.FS
	names []string // of the folder or archive, and of the folders that everything in it lies in
	sum   string   // SHA-256 of an archive, in hex
}

// openSource opens a folder or archive.
func openSource(source string, fetch func(string, int64) ([]byte, error)) (*opened, error) {
	if IsAddress(source) {
		if fetch == nil {
			return nil, errors.New("pack: addresses are not fetched here")
		}
		b, err := fetch(source, maxArchive)
		if err != nil {
			return nil, err
		}
		return openArchive(source, b)
	}
	info, err := os.Stat(source)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return &opened{files: folder(source), names: []string{filepath.Base(source)}}, nil
	}
	if info.Size() > maxArchive {
		return nil, fmt.Errorf("pack: %s is larger than %d MiB", source, maxArchive>>20)
	}
	b, err := os.ReadFile(source)
	if err != nil {
		return nil, err
	}
	return openArchive(source, b)
}

// IsAddress reports whether a source is an address instead of a path.
func IsAddress(source string) bool { return strings.Contains(source, "://") }

// openArchive opens a ZIP in memory.
func openArchive(source string, b []byte) (*opened, error) {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("pack: %s is neither a folder nor a ZIP: %w", source, err)
	}
	if err := checkArchive(z); err != nil {
		return nil, err
	}
	files, inner := descend(z)
	return &opened{files, append([]string{archiveName(source)}, inner...), hash(b)}, nil
}

// archiveName is the name of an archive without folders, query and extension.
func archiveName(source string) string {
	if IsAddress(source) {
		source, _, _ = strings.Cut(source, "?")
	}
	name := path.Base(filepath.ToSlash(source))
	for _, ext := range []string{".zip", ".jar", ".asice"} {
		name = strings.TrimSuffix(name, ext)
	}
	return name
}

// hash returns the SHA-256 of a file in hex.
func hash(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// checkArchive refuses archives that are made to do harm, even if the files in question would not be used.
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

// descend enters the only folder into which release archives put everything, and returns the folders that it went
// through.
func descend(files fs.FS) (inside fs.FS, names []string) {
	for {
		list, err := fs.ReadDir(files, ".")
		if err != nil || len(list) != 1 || !list[0].IsDir() {
			return files, names
		}
		sub, err := fs.Sub(files, list[0].Name())
		if err != nil {
			return files, names
		}
		files, names = sub, append(names, list[0].Name())
	}
}

// recorder keeps what is read, within limits. Checking a pack through it finds out which files the pack uses: only
// those are installed, byte for byte as they were checked.
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
			return nil, fmt.Errorf("pack: %s: more than %d MiB in a file or %d MiB in all",
				name, maxFile>>20, maxTotal>>20)
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
	installed := fmt.Errorf("pack: %s %s is installed already; remove it first", m.Name, m.Version)
	if _, err := os.Stat(final); err == nil {
		return installed
	}
	if err := durable.MkdirAll(parent, folderMode); err != nil {
		return err
	}
	if err := durable.Sweep(durable.OS{}, parent, time.Now()); err != nil {
		return err
	}
	tmp, err := durable.CreateFolder(durable.OS{}, parent, m.Version, folderMode)
	if err != nil {
		return err
	}
	defer tmp.Discard()
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := tmp.Write(ManifestName, fileMode, durable.Bytes(append(text, '\n'))); err != nil {
		return err
	}
	for name, b := range files {
		if err := tmp.Write(name, fileMode, durable.Bytes(b)); err != nil {
			return err
		}
	}
	switch err := tmp.Publish(final); {
	case errors.Is(err, fs.ErrExist): // another process has just installed it
		return installed
	case err != nil:
		return err
	}
	return durable.SyncDir(durable.OS{}, parent)
}

// Permissions of an installed pack: it is not secret.
const (
	folderMode = 0o755
	fileMode   = 0o644
)
