package ap

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/validation"
	"github.com/ravn-ap/ravn/validation/core"
	"github.com/ravn-ap/ravn/validation/pack"
)

// What is too large is not read, what cannot be read is an error, and a failure of the checker is a verdict.
func TestCheckNeverKeepsAMessageBack(t *testing.T) {
	// without files
	broken := validation.New([]pack.Pack{{Manifest: pack.Manifest{
		Name: "p", Version: "1",
		Documents: []pack.Document{{DocType: "::a##c::1", Rules: []string{"r.sch"}}},
	}}})
	c := Check{Rules: broken, Policy: CheckReport}
	req := validation.Request{DocType: "::a##c::1", On: time.Now()}
	unread := func() (io.ReadCloser, error) {
		t.Error("a document was read that is not checked")
		return nil, errors.New("read")
	}
	rep, err := c.document(t.Context(), req, validation.DefaultRoom, unread)
	if err != nil || rep.Verdict != validation.NotChecked {
		t.Errorf("too large: %+v %v", rep, err)
	}
	rep, err = c.document(t.Context(), req, 0, Bytes([]byte("<a/>")))
	if err != nil || rep.Verdict != validation.Error || !strings.Contains(rep.Reason, "the checker failed") {
		t.Errorf("a failure of the checker: %+v %v", rep, err)
	}
	if _, err = c.document(t.Context(), req, 0,
		func() (io.ReadCloser, error) { return nil, io.ErrUnexpectedEOF }); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a document that cannot be read: %v", err)
	}
	off := Check{Rules: broken, Policy: CheckOff}
	if rep, err := off.document(t.Context(), req, 1, unread); rep != nil || err != nil {
		t.Errorf("switched off: %+v %v", rep, err)
	}
}

// design.md §3: a check ends with half of the time that is left for the whole delivery, and neither that nor other
// documents that are being checked keep a message back.
func TestCheckTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := &validation.Room{Bytes: validation.DefaultRoom}
		held, err := room.Take(t.Context(), validation.Need{Bytes: validation.DefaultRoom})
		if err != nil {
			t.Fatal(err)
		}
		c := Check{
			Rules: validation.New([]pack.Pack{core.Pack()}), Policy: CheckReport, Room: room,
			Timeout: time.Minute,
		}
		doc := Bytes(golden.Invoice(t))
		for _, tc := range []struct{ job, want time.Duration }{
			{time.Hour, time.Minute},
			{time.Minute, 30 * time.Second},
		} {
			ctx, stop := context.WithTimeout(t.Context(), tc.job)
			start := time.Now()
			rep, err := c.document(ctx, validation.Request{On: start}, 0, doc)
			if err != nil || rep.Verdict != validation.NotChecked ||
				!strings.Contains(rep.Reason, "no memory became free for this one within "+tc.want.String()) ||
				time.Since(start) != tc.want {
				t.Errorf("no room, a job of %v: %+v, %v, after %v", tc.job, rep, err, time.Since(start))
			}
			stop()
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if rep, err := c.document(ctx, validation.Request{}, 0, doc); !errors.Is(err, context.Canceled) {
			t.Errorf("the node stops: %v, %v", rep, err)
		}
		held.Free()
		if rep, err := c.document(t.Context(), validation.Request{On: time.Now()}, 0, doc); err != nil ||
			rep.Verdict != validation.Valid {
			t.Errorf("with room: %+v, %v", rep, err)
		}
		if _, err := room.Take(t.Context(), validation.Need{Bytes: validation.DefaultRoom}); err != nil {
			t.Error("the place was not given back")
		}
	})
}

// A document that grew or shrank since it was looked at is not checked as something else.
func TestCheckOfChangedDocument(t *testing.T) {
	c := Check{Rules: validation.New([]pack.Pack{core.Pack()}), Policy: CheckReport}
	docs := []string{"<a>long</a>", "<a/>"}
	_, err := c.document(t.Context(), validation.Request{On: time.Now()}, 0, func() (io.ReadCloser, error) {
		doc := docs[0]
		docs = docs[1:]
		return io.NopCloser(strings.NewReader(doc)), nil
	})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
}
