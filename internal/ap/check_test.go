package ap

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/validation"
	"github.com/ravn-ap/ravn/validation/pack"
)

// What is too large is not read, what cannot be read is an error, and a fault of the checker is a verdict.
func TestCheckNeverKeepsAMessageBack(t *testing.T) {
	broken := validation.New([]pack.Pack{{Manifest: pack.Manifest{Name: "p", Version: "1", Documents: []pack.Document{{DocType: "::a##c::1", Rules: []string{"r.sch"}}}}}}) // without files
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
		t.Errorf("a fault of the checker: %+v %v", rep, err)
	}
	if _, err = c.document(t.Context(), req, 0, func() (io.ReadCloser, error) { return nil, io.ErrUnexpectedEOF }); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a document that cannot be read: %v", err)
	}
	off := Check{Rules: broken, Policy: CheckOff}
	if rep, err := off.document(t.Context(), req, 1, unread); rep != nil || err != nil {
		t.Errorf("switched off: %+v %v", rep, err)
	}
}
