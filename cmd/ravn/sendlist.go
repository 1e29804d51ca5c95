package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sendItem is a document that is to be sent, with what was given about it.
type sendItem struct {
	file  string
	flags sendFlags
	key   string // "" for that of its content
	err   error  // why it is none
}

// sendItems yields what is to be sent, one after the other, until ctx ends.
func (c *cli) sendItems(ctx context.Context, f *sendFlags, args []string) (<-chan sendItem, error) {
	if !f.batch {
		files, err := filesOf(args)
		if err != nil {
			return nil, err
		}
		return yielding(ctx, func(yield func(sendItem) bool) {
			for _, file := range files {
				if !yield(sendItem{file: file, flags: *f}) {
					return
				}
			}
		}), nil
	}
	return yielding(ctx, func(yield func(sendItem) bool) { readBatch(c.in, f, yield) }), nil
}

// yielding runs a producer beside its consumers, which are never far behind. When ctx ends, the channel stays open: it
// is closed only when everything was consumed.
func yielding(ctx context.Context, produce func(yield func(sendItem) bool)) <-chan sendItem {
	items := make(chan sendItem)
	go func() {
		cut := false
		produce(func(it sendItem) bool {
			select {
			case items <- it:
				return true
			case <-ctx.Done():
				cut = true
				return false
			}
		})
		if !cut {
			close(items)
		}
	}()
	return items
}

// filesOf returns the files that arguments name: of a folder its finished XML files, sorted.
func filesOf(args []string) (files []string, err error) {
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil || !info.IsDir() {
			files = append(files, arg) // what is wrong with a file is the result of that file
			continue
		}
		entries, err := os.ReadDir(arg)
		if err != nil {
			return nil, badArgs("%s: %v", arg, err)
		}
		var own []string
		for _, e := range entries {
			finished := strings.EqualFold(filepath.Ext(e.Name()), ".xml") && !strings.HasPrefix(e.Name(), ".")
			// a link may lead nowhere: then that is its result
			if finished && (e.Type().IsRegular() || e.Type()&os.ModeSymlink != 0) {
				own = append(own, filepath.Join(arg, e.Name()))
			}
		}
		if len(own) == 0 {
			return nil, badArgs("%s: there are no files *.xml in this folder", arg)
		}
		slices.Sort(own)
		files = append(files, own...)
	}
	return files, nil
}

// batchLine is one line of standard input. What it does not say is as the flags say.
type batchLine struct {
	File    string `json:"file"`
	From    string `json:"from"`
	To      string `json:"to"`
	DocType string `json:"doctype"`
	Process string `json:"process"`
	Country string `json:"country"`
	Key     string `json:"key"`
	Tenant  string `json:"tenant"`
}

// maxBatchLine is how long a line may be, in bytes.
const maxBatchLine = 64 << 10

// readBatch reads one document a line. A line that cannot be read is a document that is refused.
func readBatch(in io.Reader, f *sendFlags, yield func(sendItem) bool) {
	r := bufio.NewReaderSize(in, maxBatchLine)
	for n := 1; ; n++ {
		line, err := r.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		it := sendItem{file: "line " + decimal(n), flags: *f}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.ReadSlice('\n')
		}
		switch line = bytes.TrimSpace(line); {
		case long:
			it.err = badArgs("the line is longer than %d bytes", maxBatchLine)
		case len(line) > 0:
			it.read(line)
		}
		if (long || len(line) > 0) && !yield(it) {
			return
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			yield(sendItem{file: "standard input", flags: *f, err: badArgs("%v", err)})
			return
		}
	}
}

// read takes what a line says.
func (it *sendItem) read(line []byte) {
	var l batchLine
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	err := dec.Decode(&l)
	if err == nil {
		if _, end := dec.Token(); end != io.EOF { // More would take a closing bracket for the end
			err = errors.New("there is more behind it")
		}
	}
	if err != nil {
		it.err = badArgs("want one JSON object with file, from, to, doctype, process, country, key, tenant: %v", err)
		return
	}
	if l.File == "" {
		it.err = badArgs("there is no file in the line")
		return
	}
	it.file, it.key = l.File, l.Key
	for _, x := range []struct {
		to   *string
		said string
	}{
		{&it.flags.from, l.From},
		{&it.flags.to, l.To},
		{&it.flags.docType, l.DocType},
		{&it.flags.process, l.Process},
		{&it.flags.country, l.Country},
		{&it.flags.tenant, l.Tenant},
	} {
		if x.said != "" {
			*x.to = x.said
		}
	}
	if len(l.Key) > maxKey || strings.ContainsFunc(l.Key, func(r rune) bool { return r < '!' || r > '~' }) {
		it.err = badArgs("key: want at most %d visible ASCII characters", maxKey)
	}
}

// maxKey is how long an idempotency key may be (API-040).
const maxKey = 255
