package pickup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
)

// entry is a document in Pending, as this process knows it.
type entry struct {
	name  string // in Pending
	info  fs.FileInfo
	m     store.Message // ID is "" before it was handed in; only that and State are set after a restart
	delay delay         // until it is looked at again
	shown status        // what its status file says; the zero value if that is not known

	// under which it was begun, whatever the configuration says now; the path as the key has it
	tenant, path string

	over bool // it is no longer in Pending
	rest bool // something is left to do in Pending, or it is not as it was: look through it
}

// enter makes the entry of a document in Pending. What its status file says was begun, and goes on as it began: another
// tenant or path would make a second message of it (OPS-041).
func (r *round) enter(name string, info fs.FileInfo, st status) *entry {
	e := &entry{name: name, info: info, tenant: r.Tenant, path: r.pathOf(name)}
	if st.Path != "" {
		e.tenant, e.path = st.Tenant, st.Path
	}
	e.m.ID, e.m.State = st.ID, store.State(st.State)
	return e
}

// handIn hands in the documents of Pending that have no message yet. Those that a crash left are among them: their key
// finds the message that they have already.
func (r *round) handIn(ctx context.Context) {
	work := make(chan *entry)
	var wg sync.WaitGroup
	for range r.parallel() {
		wg.Go(func() {
			for e := range work {
				r.one(ctx, e)
			}
		})
	}
	for _, e := range r.waiting() {
		if ctx.Err() != nil || r.Now().After(r.end) {
			break
		}
		work <- e
	}
	close(work)
	wg.Wait()
}

// waiting lists what is to be handed in now, the oldest first.
func (r *round) waiting() (list []*entry) {
	for _, e := range r.open {
		if e.m.ID == "" && !r.Now().Before(e.delay.until) {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b *entry) int {
		return candidate{name: a.name, info: a.info}.before(candidate{name: b.name, info: b.info})
	})
	return list
}

// one hands in one document, or says why it cannot be sent, or when it is tried again.
func (r *round) one(ctx context.Context, e *entry) {
	ctx, cancel := context.WithTimeout(ctx, submitLimit)
	defer cancel()
	err := r.submit(ctx, e)
	var no *refused
	if errors.As(err, &no) {
		r.hook("pickup.refused")
		err = r.finish(e, r.refusal(e, no.err), nil)
		if err == nil {
			r.tell(Note{What: Failed, Err: no.err})
		}
	}
	if err != nil {
		e.delay.push(r.Now(), r.Scan)
		if ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded) {
			r.trouble(originalName(e.name), err)
		}
	}
}

// refused is an error that another try with the same files would bring again.
type refused struct{ err error }

func (e *refused) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *refused) Unwrap() error { return e.err }

// submit hands a document in under its key (REL-020, OPS-040).
func (r *round) submit(ctx context.Context, e *entry) error {
	if e.info.Size() > r.MaxBytes {
		return &refused{fault.New(fault.DocumentTooLarge, nil, "%d bytes, the limit is %d", e.info.Size(), r.MaxBytes)}
	}
	d := &document{round: r, at: filepath.Join(r.Pending, e.name)}
	sub, err := r.submission(d, e)
	if err != nil {
		return err
	}
	if err := r.note(e, status{State: string(store.Submitted)}); err != nil {
		return err
	}
	r.hook("pickup.noted")
	m, again, err := r.Submit(ctx, sub)
	if err != nil {
		return d.verdict(err)
	}
	r.hook("pickup.handed_in")
	e.m, e.delay = m, delay{}
	r.tell(Note{What: HandedIn, Message: m, Again: again})
	return r.note(e, waiting(m))
}

// submission makes one of a document and its side file.
func (r *round) submission(d *document, e *entry) (sub ap.Submission, err error) {
	text, err := r.readSide(e.name)
	if errors.Is(err, fs.ErrPermission) {
		err = &refused{sideFault("%v", bare(err))}
	}
	if err != nil {
		return sub, err
	}
	if err := d.measure(); err != nil {
		return sub, err
	}
	sub = ap.Submission{
		Tenant: e.tenant, Key: e.key(d.sum), Content: content(d.sum, text), Defaults: r.Defaults, Open: d.open,
		Batch: true, // a folder may bring thousands at once
	}
	if text == nil {
		return sub, nil
	}
	s, err := parseSide(text)
	if err == nil {
		err = s.apply(&sub, originalName(e.name), r.Ours)
	}
	if err != nil {
		return sub, &refused{err}
	}
	return sub, nil
}

// key is the idempotency key of a document: where it was put, and what it is (OPS-040).
func (e *entry) key(sum []byte) string { return "folder:" + e.path + ":" + hex.EncodeToString(sum) }

// pathOf is where a document in Pending was put, as text.
func (r *round) pathOf(name string) string {
	path := filepath.Join(r.Dir, originalName(name))
	if !utf8.ValidString(path) {
		path = strconv.QuoteToASCII(path)
	}
	return path
}

// content is the digest of what was handed in: the document and what its side file says of it.
func content(sum, side []byte) []byte {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%x:%d:", sum, len(side)) // a hash takes everything
	_, _ = h.Write(side)
	return h.Sum(nil)
}

// document is a file in Pending that is read, more than once.
type document struct {
	*round
	at     string
	sum    []byte
	mu     sync.Mutex
	failed error // of reading it: then the document is not to blame
}

var errChanged = errors.New("it was changed while it was read")

// measure takes the digest of the document.
func (d *document) measure() error {
	f, err := d.root.openRegular(d.at)
	if err != nil {
		return d.unreadable(err)
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return d.unreadable(err)
	}
	d.sum = h.Sum(nil)
	return nil
}

// unreadable refuses a document that we may not read. Other errors may pass.
func (d *document) unreadable(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, errSpecial) {
		return &refused{fault.New(fault.DocumentUnreadable, bare(err), "")}
	}
	return err
}

// open opens the document; reading it to the end makes sure that it is still the same.
func (d *document) open() (io.ReadCloser, error) {
	f, err := d.root.openRegular(d.at)
	if err != nil {
		d.fail(err)
		return nil, err
	}
	return &reading{File: f, doc: d, hash: sha256.New()}, nil
}

func (d *document) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed = err
}

type reading struct {
	*os.File
	doc  *document
	hash hash.Hash
}

// Read reads on.
func (f *reading) Read(p []byte) (n int, err error) {
	n, err = f.File.Read(p)
	_, _ = f.hash.Write(p[:n])
	switch {
	case errors.Is(err, io.EOF):
		if !bytes.Equal(f.hash.Sum(nil), f.doc.sum) {
			err = errChanged
			f.doc.fail(err)
		}
	case err != nil:
		f.doc.fail(err)
	}
	return n, err
}

// verdict tells whether an error of handing in speaks against the document.
func (d *document) verdict(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed != nil {
		return d.failed
	}
	var coded *fault.Error
	if !errors.As(err, &coded) {
		return err
	}
	entry, _ := fault.Find(coded.Code)
	if entry.Blame == fault.Submitter || coded.Code == fault.BadArguments {
		return &refused{err}
	}
	return err
}

// due reports whether it is time to look at a message again: the longer it takes, the more rarely.
func (e *entry) due(now time.Time) bool { return e.m.ID != "" && !now.Before(e.delay.until) }
