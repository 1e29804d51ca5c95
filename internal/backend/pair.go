package backend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/ravn-ap/ravn/internal/durable"
)

// pair are the two files of a document in the layouts flat and oxalis. The side file is there before the document is,
// so that whoever sees the document finds both.
type pair struct {
	dir       string // that they are in; it may have to be made, with the one around it
	doc, side string // their names
	content   []byte // of the side file

	// marked says that no two deliveries have the same content of the side file, so that it tells whose the pair is.
	marked bool
}

// flat is NAME.xml and NAME.json.
func (f *Folder) flat(ctx context.Context, at spot, d Delivery) Outcome {
	p := pair{dir: at.dir, doc: f.name(&d) + ".xml", side: f.name(&d) + ".json"}
	var err error
	if p.content, err = f.describe(&d, p.doc); err != nil {
		return Ended(err)
	}
	out, _ := f.pair(ctx, at, d, p)
	return out
}

// oxalis is <message id>.doc.xml and <message id>.receipt.dat. Another access point may have used the same id for the
// same receiver: the receipt, which comes first and never changes, tells whose the name is, and the second document
// gets a name of its own.
func (f *Folder) oxalis(ctx context.Context, at spot, d Delivery) Outcome {
	if d.Receipt == nil {
		return Ended(errors.New("backend: the layout oxalis needs the receipt"))
	}
	receipt, err := d.Receipt(ctx)
	if err != nil {
		return Ended(err)
	}
	receiver, _ := fileName(filtered(value(d.Metadata.Receiver)))
	sender, _ := fileName(filtered(value(d.Metadata.Sender)))
	name, cut := fileName(filtered(d.Metadata.MessageID))
	names := []string{name, own(name, d.ID)}
	if cut {
		names = names[1:]
	}
	for _, name := range names {
		out, foreign := f.pair(ctx, at, d, pair{
			filepath.Join(at.dir, receiver, sender), name + ".doc.xml", name + ".receipt.dat", receipt, true,
		})
		if !foreign {
			return out
		}
	}
	return conflict("there is another receipt under the name %s", names[len(names)-1])
}

// pair delivers into two files. foreign says that another delivery has the names.
func (f *Folder) pair(ctx context.Context, at spot, d Delivery, p pair) (out Outcome, foreign bool) {
	if p.marked {
		mine, err := at.holds(filepath.Join(p.dir, p.side), p.content)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Ended(err), false
		}
		if err == nil && !mine {
			return Outcome{}, true
		}
		if out = f.repeatPair(ctx, at, d, p); err != nil && out.Class == Conflict {
			return out, true // C4 took the receipt of another one
		}
	} else {
		out = f.repeatPair(ctx, at, d, p)
	}
	if !errors.Is(out.Err, fs.ErrNotExist) {
		return out, false
	}
	return f.writePair(ctx, at, d, p)
}

// writePair writes both files and gives them their names.
func (f *Folder) writePair(ctx context.Context, at spot, d Delivery, p pair) (out Outcome, foreign bool) {
	doc, err := durable.Create(at.FS, at.dir, d.ID, f.fileMode())
	if err != nil {
		return Ended(err), false
	}
	defer doc.Discard()
	if err := errors.Join(copyWhole(ctx, doc, d), doc.Seal()); err != nil {
		return Ended(err), false
	}
	side, err := durable.Create(at.FS, at.dir, d.ID, f.fileMode())
	if err != nil {
		return Ended(err), false
	}
	defer side.Discard()
	if _, err := side.Write(p.content); err != nil {
		return Ended(err), false
	}
	if err := ctx.Err(); err != nil { // the lease is lost or the server stops: another attempt will deliver it
		return Ended(err), false
	}
	if foreign, err = at.publishSide(side, p, f.folderMode()); foreign || err != nil {
		return Ended(err), foreign
	}
	if err := errors.Join(f.syncPair(at, p), ctx.Err()); err != nil {
		return Ended(err), false
	}
	final := filepath.Join(p.dir, p.doc)
	err = doc.PublishNew(final)
	if errors.Is(err, fs.ErrExist) { // another attempt was faster
		return f.repeatPair(ctx, at, d, p), false
	}
	if err != nil {
		return Ended(err), false
	}
	if err := f.syncPair(at, p); err != nil { // a second fsync could succeed in vain (REL-002): it is written anew
		return Ended(errors.Join(err, at.Remove(final))), false
	}
	return Outcome{Class: Taken}, false
}

// publishSide gives the side file its name. One that is there came from an attempt that died, or is of another
// delivery.
func (at spot) publishSide(side *durable.Temp, p pair, mode fs.FileMode) (foreign bool, err error) {
	if p.dir != at.dir {
		for _, dir := range []string{filepath.Dir(p.dir), p.dir} {
			if err := at.Mkdir(dir, mode); err != nil && !errors.Is(err, fs.ErrExist) {
				return false, err
			}
		}
	}
	final := filepath.Join(p.dir, p.side)
	err = side.PublishNew(final)
	if !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	if !p.marked {
		return false, side.Publish(final)
	}
	mine, err := at.holds(final, p.content)
	return err == nil && !mine, err
}

// repeatPair ends the delivery of a document that was delivered before, as repeat does.
func (f *Folder) repeatPair(ctx context.Context, at spot, d Delivery, p pair) Outcome {
	file, err := at.Open(filepath.Join(p.dir, p.doc))
	if err != nil {
		return Ended(err)
	}
	if out := compare(ctx, file, d); out.Class != Already {
		return out
	}
	if err := f.syncPair(at, p); err != nil {
		return Ended(err)
	}
	return Outcome{Class: Already}
}

// syncPair makes the names of a pair durable, and those of the folders that may have been made for it.
func (f *Folder) syncPair(at spot, p pair) error {
	if p.dir == at.dir {
		return f.sync(at)
	}
	return errors.Join(durable.SyncDir(at.FS, p.dir), durable.SyncDir(at.FS, filepath.Dir(p.dir)), f.sync(at))
}

// holds reports whether a file has this content.
func (at spot) holds(name string, content []byte) (bool, error) {
	file, err := at.Open(name)
	if err != nil {
		return false, err
	}
	got, err := io.ReadAll(io.LimitReader(file, int64(len(content))+1))
	if err = errors.Join(err, file.Close()); errors.Is(err, syscall.EISDIR) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("backend: %s: %w", name, err)
	}
	return bytes.Equal(got, content), nil
}
