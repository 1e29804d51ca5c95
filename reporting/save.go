package reporting

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// File is a report that was written.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Names of the files that Save writes.
const (
	FileTSR  = "tsr.xml"
	FileEUSR = "eusr.xml"
)

// Document is what is written to a file.
type Document struct {
	Name  string
	Mode  fs.FileMode // rights of the file; 0 means 0644
	Write func(io.Writer) error
}

// Save writes both reports into a folder, as the function Save does.
func (r *Report) Save(dir string) ([]File, error) {
	return Save(dir, Document{Name: FileTSR, Write: all(r.TSR)}, Document{Name: FileEUSR, Write: all(r.EUSR)})
}

func all(doc io.WriterTo) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := doc.WriteTo(w)
		return err
	}
}

// Save writes documents into a folder, which it makes if there is none. Each appears whole or not at all: all are written and
// synced under other names before the first gets its own.
func Save(dir string, docs ...Document) (files []File, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var temps []string
	defer func() {
		for _, name := range temps {
			_ = os.Remove(name) // not there any more when all went well
		}
	}()
	for _, d := range docs {
		f, err := os.CreateTemp(dir, "."+d.Name+"-*")
		if err != nil {
			return nil, err
		}
		temps = append(temps, f.Name())
		file, err := write(f, &d)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	for i, f := range files {
		if err := os.Rename(temps[i], filepath.Join(dir, f.Name)); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// write fills and closes f.
func write(f *os.File, d *Document) (File, error) {
	defer func() { _ = f.Close() }() // the second time after success, which does nothing
	if err := f.Chmod(cmp.Or(d.Mode, 0o644)); err != nil {
		return File{}, err
	}
	sum := sha256.New()
	if err := d.Write(io.MultiWriter(f, sum)); err != nil {
		return File{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return File{}, err
	}
	if err := f.Sync(); err != nil {
		return File{}, err
	}
	return File{Name: d.Name, Bytes: info.Size(), SHA256: hex.EncodeToString(sum.Sum(nil))}, f.Close()
}
