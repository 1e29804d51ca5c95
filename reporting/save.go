package reporting

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
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

// Save writes both reports into a folder, which it makes if there is none. Each appears whole or not at all: both are written
// and synced under other names before the first gets its own.
func (r *Report) Save(dir string) (files []File, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var temps []string
	defer func() {
		for _, name := range temps {
			_ = os.Remove(name) // not there any more when all went well
		}
	}()
	for _, d := range [...]struct {
		name string
		doc  io.WriterTo
	}{{FileTSR, r.TSR}, {FileEUSR, r.EUSR}} {
		f, err := os.CreateTemp(dir, "."+d.name+"-*")
		if err != nil {
			return nil, err
		}
		temps = append(temps, f.Name())
		file, err := write(f, d.doc)
		if err != nil {
			return nil, err
		}
		file.Name = d.name
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
func write(f *os.File, doc io.WriterTo) (File, error) {
	defer func() { _ = f.Close() }() // the second time after success, which does nothing
	if err := f.Chmod(0o644); err != nil {
		return File{}, err
	}
	sum := sha256.New()
	n, err := doc.WriteTo(io.MultiWriter(f, sum))
	if err != nil {
		return File{}, err
	}
	if err := f.Sync(); err != nil {
		return File{}, err
	}
	return File{Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, f.Close()
}
