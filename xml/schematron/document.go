package schematron

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// What the documents may have together that the expressions of a rule file name. The largest published one has 0.2 MiB.
const (
	maxDocuments     = 32
	maxDocumentBytes = 32 << 20
	maxDocumentTrees = 64 << 20 // bytes in memory
)

// dataFiles reads the documents that expressions name with document() and doc(): files of the pack, relative to the
// rule file, which is where a stylesheet compiled from it would look for them (XSLT 2.0 §16.1).
type dataFiles struct {
	src   *Source
	names *xdm.Names
	trees map[string]*xdm.Tree // by path
	bytes int64
	size  int64 // of the trees
}

func (d *dataFiles) open(name string) (*xdm.Tree, error) {
	file, err := d.path(name)
	if err != nil {
		return nil, err
	}
	if t := d.trees[file]; t != nil {
		return t, nil
	}
	if len(d.trees) == maxDocuments {
		return nil, fmt.Errorf("the rules read more than %d documents", maxDocuments)
	}
	b, err := d.read(file)
	if err != nil {
		return nil, err
	}
	size := xdm.SizeOf(b)
	if d.size += size.Tree(); d.size > maxDocumentTrees {
		return nil, fmt.Errorf("%s: the documents that the rules read take more than %d MiB of memory",
			file, maxDocumentTrees>>20)
	}
	t, err := xdm.ParseKnown(b, d.names)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	d.trees[file] = t
	return t, nil
}

// path returns the path of the file that a name means, if it is a file of the pack.
func (d *dataFiles) path(name string) (string, error) {
	switch {
	case name == "":
		return "", errors.New("the rule file itself is not supported as a document")
	case strings.ContainsAny(name, `:?#%\`), strings.HasPrefix(name, "/"):
		return "", fmt.Errorf("%q is not the relative name of a file", name)
	case d.src.xmlBase:
		return "", errors.New("xml:base is not supported in rules that read documents")
	case d.src.files == nil:
		return "", errors.New("there are no files here")
	}
	file := path.Join(path.Dir(d.src.Name), name)
	if fs.ValidPath(d.src.Name) && !fs.ValidPath(file) { // a rule file that is run by itself may lie anywhere
		return "", fmt.Errorf("%q leads out of the pack", name)
	}
	return file, nil
}

// read reads a file as far as the documents may be large.
func (d *dataFiles) read(file string) ([]byte, error) {
	f, err := d.src.files.Open(file)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxDocumentBytes-d.bytes+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if d.bytes += int64(len(b)); d.bytes > maxDocumentBytes {
		return nil, fmt.Errorf("%s: the documents that the rules read have more than %d MiB",
			file, maxDocumentBytes>>20)
	}
	return b, nil
}
