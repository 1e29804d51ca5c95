package reporting

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/ravn-ap/ravn/internal/durable"
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
	Mode  fs.FileMode // permissions of the file; 0 means 0644
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

// Save writes documents into a folder, which it creates if necessary. Each appears complete or not at all: all are
// written and synced under temporary names before the first gets its own.
func Save(dir string, docs ...Document) (files []File, err error) {
	if err := durable.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := durable.Sweep(durable.OS{}, dir, time.Now()); err != nil {
		return nil, err
	}
	temps := make([]*durable.Temp, len(docs))
	for i := range docs {
		if temps[i], err = durable.Create(durable.OS{}, dir, docs[i].Name, cmp.Or(docs[i].Mode, 0o644)); err != nil {
			return nil, err
		}
		defer temps[i].Discard()
		file, err := write(temps[i], &docs[i])
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	for i, f := range files {
		if err := temps[i].Publish(filepath.Join(dir, f.Name)); err != nil {
			return nil, err
		}
	}
	return files, durable.SyncDir(durable.OS{}, dir)
}

// write fills and seals a file.
func write(t *durable.Temp, d *Document) (File, error) {
	sum := &sized{Hash: sha256.New()}
	if err := d.Write(io.MultiWriter(t, sum)); err != nil {
		return File{}, err
	}
	if err := t.Seal(); err != nil {
		return File{}, err
	}
	return File{Name: d.Name, Bytes: sum.n, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

// sized is a hash that knows how much went into it.
type sized struct {
	hash.Hash
	n int64
}

func (c *sized) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.Hash.Write(p)
}
