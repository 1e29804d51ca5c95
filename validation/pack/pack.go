// Package pack manages rule packs: the schemas and rules of a release, the document types they are for, and the days on
// which they are valid. Packs are data in a folder; several versions of one can be there side by side, and the day of a
// document decides which one applies.
//
// A Dir is such a folder: List, Install, Update and Remove work on it. What Install takes is a pack of ours, or what
// OpenPeppol, CEN, EHF and phive-rules publish, whose layouts are recognised. Load does the same without installing.
package pack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/textfile"
)

// ManifestName is the file that describes a pack.
const ManifestName = "pack.json"

// Manifest describes a pack.
type Manifest struct {
	Name      string     `json:"name"`
	Version   string     `json:"version"`
	ValidFrom string     `json:"valid_from,omitempty"` // first day, YYYY-MM-DD; "" means always
	ValidTo   string     `json:"valid_to,omitempty"`   // last day; "" means until a newer one is valid
	Licence   string     `json:"licence,omitempty"`
	Source    string     `json:"source,omitempty"` // where it came from
	SHA256    string     `json:"sha256,omitempty"` // of the archive, in hex; of a folder there is none
	Installed string     `json:"installed,omitempty"`
	Basic     bool       `json:"basic,omitempty"` // essentials only: a verdict based on it alone says so
	Documents []Document `json:"documents"`

	// With is the pack of EN 16931 that rules of this one were taken from when it was installed.
	With string `json:"with,omitempty"`

	// ReleaseFrom and DaysFrom say where Version and the days were read. Remarks are what else there was to say of
	// them, in sentences.
	ReleaseFrom string   `json:"release_from,omitempty"`
	DaysFrom    string   `json:"days_from,omitempty"`
	Remarks     []string `json:"remarks,omitempty"`

	// Envelope are rule files for the StandardBusinessDocument around a document of the pack, as a whole.
	Envelope []string `json:"envelope,omitempty"`

	// Configurations are the rule files of the official test sets, by the name of their configuration as Configuration
	// writes it.
	Configurations map[string][]string `json:"configurations,omitempty"`

	licences   []string // files with licences
	hint       string   // advice if the rules of this layout cannot be used
	byDay      bool     // a collection of many releases: its version is the day of installation, unless one is given
	generation string   // what its version begins with, "" if it may be any: its document types are those of no other
}

// release is the part of a configuration's name that changes with releases.
var release = regexp.MustCompile(`-base-[0-9.]+`)

// Configuration returns the form of a configuration's name by which its rules are found.
func Configuration(name string) string { return release.ReplaceAllString(strings.ToLower(name), "") }

// Document says how documents of a type are checked: with the schema first, then with each rule file.
type Document struct {
	Title     string   `json:"title,omitempty"`
	Scheme    string   `json:"scheme,omitempty"` // of DocType; "" means busdox-docid-qns
	DocType   string   `json:"doctype"`
	Processes []string `json:"processes,omitempty"` // empty means any
	XSD       string   `json:"xsd,omitempty"`
	Rules     []string `json:"rules,omitempty"`

	// Levels are the flags, fatal or warning, of rules that count otherwise than they say, by the id of the rule.
	Levels map[string]string `json:"levels,omitempty"`
}

// nameForm is the form of the names of packs and versions, which become names of folders.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Check returns what is wrong with a manifest.
func (m *Manifest) Check() error {
	switch {
	case !nameForm.MatchString(m.Name):
		return fmt.Errorf("pack: %q is not a name: letters, digits, dot, dash and underscore", m.Name)
	case m.Version == "":
		return fmt.Errorf("pack: the rules of %s do not say which release they are: say it with --release", m.Name)
	case !nameForm.MatchString(m.Version):
		return fmt.Errorf("pack: %q is not a version: letters, digits, dot, dash and underscore", m.Version)
	case len(m.Documents) == 0:
		return errors.New("pack: there is no document type in it")
	case !strings.HasPrefix(m.Version, m.generation):
		return fmt.Errorf("pack: %s %s: the document types that are known are those of %s*", m.Name, m.Version,
			m.generation)
	}
	for _, day := range []string{m.ValidFrom, m.ValidTo} {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			return fmt.Errorf("pack: %q is not a date like 2026-05-31", day)
		}
	}
	if m.ValidFrom != "" && m.ValidTo != "" && m.ValidTo < m.ValidFrom {
		return errors.New("pack: it ends before it begins")
	}
	for i := range m.Documents {
		d := &m.Documents[i]
		if d.DocType == "" || d.XSD == "" && len(d.Rules) == 0 {
			return fmt.Errorf("pack: document %d has no type, or neither schema nor rules", i+1)
		}
		if err := inside(append(slices.Clone(d.Rules), d.XSD)); err != nil {
			return err
		}
		for rule, flag := range d.Levels {
			if flag != "fatal" && flag != "warning" {
				return fmt.Errorf("pack: the level %q of %s is neither fatal nor warning", flag, rule)
			}
		}
	}
	if err := inside(m.Envelope); err != nil {
		return err
	}
	for _, files := range m.Configurations {
		if err := inside(files); err != nil {
			return err
		}
	}
	return nil
}

func inside(files []string) error {
	for _, file := range files {
		if file != "" && !fs.ValidPath(file) {
			return fmt.Errorf("pack: %q leads out of the pack", file)
		}
	}
	return nil
}

// On reports whether the pack is valid on a day.
func (m *Manifest) On(day time.Time) bool {
	d := day.UTC().Format(time.DateOnly)
	return (m.ValidFrom == "" || d >= m.ValidFrom) && (m.ValidTo == "" || d <= m.ValidTo)
}

// Pack is a pack with its files.
type Pack struct {
	Manifest
	Files fs.FS
}

// Unreadable is an installed version of a pack that cannot be read.
type Unreadable struct {
	Name, Version string // as its folders are named
	Dir           string
	Err           error
}

func (u *Unreadable) Error() string { return u.Dir + ": " + u.Err.Error() }

// Unwrap returns the cause.
func (u *Unreadable) Unwrap() error { return u.Err }

// Dir is a folder of packs: name/version/pack.json.
type Dir string

// List returns the packs in the folder by name, the newest version first; none if there is no folder. Unreadable packs
// are left out and listed in the error, which does not keep the others from being returned.
func (d Dir) List() ([]Pack, error) {
	manifests, err := filepath.Glob(filepath.Join(string(d), "*", "*", ManifestName))
	if err != nil {
		return nil, err
	}
	var out []Pack
	var wrong []error
	for _, path := range manifests {
		dir := filepath.Dir(path)
		if strings.HasPrefix(filepath.Base(dir), ".") {
			continue // an installation in progress
		}
		p, err := openPack(folder(dir))
		if err != nil {
			name := filepath.Base(filepath.Dir(dir))
			wrong = append(wrong, &Unreadable{Name: name, Version: filepath.Base(dir), Dir: dir, Err: err})
			continue
		}
		out = append(out, *p)
	}
	slices.SortStableFunc(out, func(a, b Pack) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return newer(&b.Manifest, &a.Manifest)
	})
	return out, errors.Join(wrong...)
}

// folder is a folder as a file system. A link that leads out of it is not followed: what a pack reads is what was
// published with it.
type folder string

func (f folder) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return os.OpenInRoot(string(f), filepath.FromSlash(name))
}

// asItLies is the version of rules that are used directly from a published folder and do not name their release.
const asItLies = "as-it-lies"

// Load returns the packs in a folder of installed packs, or in a folder with rules as published.
func Load(path string) ([]Pack, error) {
	list, err := recognise(folder(path), nil, filepath.Base(path))
	if errors.Is(err, errUnknownLayout) {
		return Dir(path).List()
	}
	if err != nil {
		return nil, err
	}
	in := &Installation{Packs: list}
	if len(list) > 1 {
		in.leaveUndated()
	}
	var out []Pack
	for _, m := range in.Packs {
		if m.Version == "" {
			m.Version = asItLies
		}
		m.describe(path, "", Options{})
		if err := m.Check(); err != nil {
			return nil, err
		}
		out = append(out, Pack{*m, folder(path)})
	}
	return out, nil
}

// newer orders two versions of a pack: by first day, then by installation.
func newer(a, b *Manifest) int {
	if c := strings.Compare(a.ValidFrom, b.ValidFrom); c != 0 {
		return c
	}
	return strings.Compare(a.Installed, b.Installed)
}

// Remove deletes a version of a pack.
func (d Dir) Remove(name, version string) error {
	if !nameForm.MatchString(name) || !nameForm.MatchString(version) {
		return fmt.Errorf("pack: there is no pack %s %s", name, version)
	}
	dir := filepath.Join(string(d), name, version)
	if _, err := os.Stat(filepath.Join(dir, ManifestName)); err != nil {
		return fmt.Errorf("pack: there is no pack %s %s", name, version)
	}
	// Renamed first, so that nobody sees a pack of which half is deleted.
	gone := filepath.Join(string(d), name, "."+version+".removed")
	if err := errors.Join(os.RemoveAll(gone), os.Rename(dir, gone), os.RemoveAll(gone)); err != nil {
		return err
	}
	_ = os.Remove(filepath.Join(string(d), name)) // only if it was the last version
	return nil
}

// openPack reads a pack with its manifest.
func openPack(files fs.FS) (*Pack, error) {
	b, err := fs.ReadFile(files, ManifestName)
	if err != nil {
		return nil, err
	}
	p := &Pack{Files: files}
	if err := json.Unmarshal(textfile.Clean(b), &p.Manifest); err != nil {
		return nil, fmt.Errorf("pack: %s: %w", ManifestName, err)
	}
	return p, p.Check()
}
