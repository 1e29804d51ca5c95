package sim

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/ravn-ap/ravn/ebms"
)

func base64Decode(s string) ([]byte, error) { return base64.StdEncoding.DecodeString(s) }

// faults are what can happen to an attempt (F-12 to F-16). The first two are none.
var faults = []mishap{
	{"fine", 4, func(t *trip) (*http.Response, error) { return t.given(t.through(0)) }},
	{"slow", 4, func(t *trip) (*http.Response, error) {
		return t.given(t.through(between(t.dice, time.Second, timeout/2)))
	}},
	{"twice at once", 6, func(t *trip) (*http.Response, error) { // as by a proxy that repeats
		t.x.twice = true
		t.w.wg.Go(func() {
			if t.wait(t.w.far) == nil {
				t.w.atPeer(t, 0)
			}
		})
		t.w.wg.Go(func() {
			if t.wait(t.w.far) == nil {
				t.w.atPeer(t, 1)
			}
		})
		return t.given(t.through(t.w.far))
	}},
	{"too late", 6, func(t *trip) (*http.Response, error) { return t.through(timeout + time.Minute) }},
	{"silence", 4, func(t *trip) (*http.Response, error) { return nil, t.wait(time.Hour) }},
	{"reset before", 5, func(t *trip) (*http.Response, error) { return nil, errReset }},
	{"reset after", 4, func(t *trip) (*http.Response, error) {
		return nil, errors.Join(t.wait(t.latency()), errReset)
	}},
	{"receipt lost", 12, func(t *trip) (*http.Response, error) {
		if _, err := t.through(0); err != nil {
			return nil, err
		}
		return nil, errReset
	}},
	{"receipt torn", 6, func(t *trip) (*http.Response, error) { return torn(t, io.ErrUnexpectedEOF) }},
	{"receipt cut short", 4, func(t *trip) (*http.Response, error) { return torn(t, nil) }},
	{"503", 8, status(503, "later")},
	{"429", 4, status(429, "later")},
	{"408", 2, status(408, "")},
	{"500", 4, status(500, "<html>oops</html>")},
	{"502", 3, status(502, "<html>gateway</html>")},
	{"200 empty", 4, func(t *trip) (*http.Response, error) {
		if _, err := t.through(0); err != nil {
			return nil, err
		}
		return t.status(200, "")
	}},
	{"202", 2, status(202, "")},
	{"204", 2, status(204, "")},
	{"200 HTML", 2, status(200, "<html>welcome</html>")},
	{"301", 1, status(301, "")},
	{"401", 1, status(401, "")},
	{"403", 1, status(403, "<html>no</html>")},
	{"404", 3, status(404, "<html>no</html>")},
	{"405", 1, status(405, "")},
	{"415", 1, status(415, "")},
	{"413", 1, status(413, "")},
	{"EBMS:0202", 4, ebmsError(&ebms.Error{Code: ebms.CodeDeliveryFailure}, false, true)},
	{"EBMS:0005", 1, ebmsError(&ebms.Error{Code: ebms.CodeConnectionFailure}, false, false)},
	{"EBMS:0201", 1, ebmsError(&ebms.Error{Code: ebms.CodeDysfunctionalReliability}, false, true)},
	{"not serviced", 4, ebmsError(ebms.NotServiced("not here"), true, true)},
	{"EBMS:0003", 1, ebmsError(&ebms.Error{Code: ebms.CodeValueInconsistent, Detail: "no"}, true, true)},
	{"EBMS:0101", 1, ebmsError(&ebms.Error{Code: ebms.CodeFailedAuthentication}, true, false)},
	{"EBMS:0102", 1, ebmsError(&ebms.Error{Code: ebms.CodeFailedDecryption}, true, true)},
	{"EBMS:0303", 1, ebmsError(&ebms.Error{Code: ebms.CodeDecompressionFailure}, true, true)},
	{"error for another message", 2, func(t *trip) (*http.Response, error) {
		return t.signal(200, t.self(), &ebms.Signal{
			RefTo: "another@message", Errors: []*ebms.Error{{Code: ebms.CodeValueInconsistent}},
		})
	}},
	{"duplicate error", 4, func(t *trip) (*http.Response, error) {
		res, err := ebmsError(&ebms.Error{Code: ebms.CodeDuplicateDetected}, false, t.dice.IntN(2) == 0)(t)
		t.x.duplicate, t.x.permanent = true, true
		return res, err
	}},
	{"receipt unsigned", 2, func(t *trip) (*http.Response, error) {
		res, err := t.receipt(200, t.references())
		if err == nil {
			res = unsigned(res)
		}
		return res, err
	}},
	{"receipt of another access point", 2, func(t *trip) (*http.Response, error) {
		return t.signal(200, t.other(), &ebms.Signal{Receipt: &ebms.Receipt{References: t.references()}})
	}},
	{"receipt for another message", 2, func(t *trip) (*http.Response, error) {
		return t.signal(200, t.self(), &ebms.Signal{
			RefTo: "another@message", Receipt: &ebms.Receipt{References: t.references()},
		})
	}},
	{"receipt without digests", 2, func(t *trip) (*http.Response, error) { return t.receipt(200, nil) }},
	{"receipt with wrong digest", 1, func(t *trip) (*http.Response, error) {
		refs := t.references()
		refs[len(refs)-1].Value[0] ^= 1
		t.x.wrong = true
		return t.receipt(200, refs)
	}},
	{"receipt with a digest missing", 1, func(t *trip) (*http.Response, error) {
		t.x.wrong = true
		return t.receipt(200, t.references()[1:])
	}},
	{"receipt with HTTP 500", 2, func(t *trip) (*http.Response, error) {
		res, err := t.given(t.through(0))
		if err == nil {
			res.StatusCode = 500
		}
		return res, err
	}},
	{"receipt and error", 2, func(t *trip) (*http.Response, error) {
		return t.signal(200, t.self(), &ebms.Signal{
			Receipt: &ebms.Receipt{References: t.references()}, Errors: []*ebms.Error{{Code: ebms.CodeDeliveryFailure}},
		})
	}},
}

func (t *trip) receipt(code int, refs []ebms.Reference) (*http.Response, error) {
	return t.signal(code, t.self(), &ebms.Signal{Receipt: &ebms.Receipt{References: refs}})
}

// torn is an answer of which only a part comes through.
func torn(t *trip, err error) (*http.Response, error) {
	res, terr := t.through(0)
	if terr != nil {
		return nil, terr
	}
	half := res.ContentLength / 2
	if half <= 0 {
		half = 500
	}
	res.Body = io.NopCloser(io.MultiReader(io.LimitReader(res.Body, half), failing{err}))
	return res, nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}
