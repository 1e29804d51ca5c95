package validation

import (
	"bytes"
	"errors"
	"io/fs"
)

// ErrFolder says that what is named as a document is a folder.
var ErrFolder = errors.New("it is a folder")

// NoFile returns a report about a file that cannot be opened or read: nothing is known about the document.
func NoFile(r Request, err error) *Report {
	why := say(fileShut, err.Error())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		why = say(fileMissing)
	case errors.Is(err, ErrFolder):
		why = say(fileFolder)
	}
	return newReport(r).conclude(Error, why)
}

// Foreign returns a report about a file that is no XML document and looks like something else that people have; nil
// for any other. A document that is meant to be XML and cannot be read is invalid, which Validate says.
func Foreign(r Request) *Report {
	what, ok := kindOf(r.Body)
	if !ok {
		return nil
	}
	rep := newReport(r).conclude(Error, say(fileIs, what))
	rep.finish(r)
	return rep
}

// beginnings of files, by what they are. An ASiC container is a zip archive that says so in its first file.
var beginnings = []struct {
	bytes string
	what  label
}{
	{"%PDF-", filePDF},
	{"PK\x03\x04", fileZip},
	{"\x1f\x8b", fileGzip},
	{"\x89PNG", fileImage},
	{"\xff\xd8\xff", fileImage},
	{"{", fileJSON},
	{"[", fileJSON},
	{"UNA", fileEDI},
	{"UNB+", fileEDI},
}

func kindOf(b []byte) (label, bool) {
	b = bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\ufeff")))
	head := bytes.ToLower(b[:min(len(b), 512)])
	switch {
	case len(b) == 0:
		return fileEmpty, true
	case bytes.HasPrefix(b, []byte("PK\x03\x04")) && bytes.Contains(head, []byte("application/vnd.etsi.asic")):
		return fileASiC, true
	case bytes.HasPrefix(head, []byte("<!doctype html")), bytes.HasPrefix(head, []byte("<html")),
		bytes.HasPrefix(head, []byte("<?xml")) && bytes.Contains(head, []byte("<!doctype html")):
		return fileHTML, true
	}
	for _, k := range beginnings {
		if bytes.HasPrefix(b, []byte(k.bytes)) {
			return k.what, true
		}
	}
	return label{}, false
}
