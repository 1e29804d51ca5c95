package smp

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/peppol"
	smptest "github.com/ravn-ap/ravn/testbed/smp"
)

const (
	mixed = "9930:DE123456789"
	lower = "9930:de123456789"
)

// owners lists what a test SMP was asked for, by the spelling of the participant and "g" for the group, "s" for a
// service.
func owners(t *testing.T, s *smptest.Server) (list []string) {
	t.Helper()
	for _, path := range s.Requests() {
		participant, err := url.PathUnescape(strings.Split(path, "/")[1])
		if err != nil {
			t.Fatal(err)
		}
		kind := "g "
		if strings.Contains(path, "/services/") {
			kind = "s "
		}
		list = append(list, kind+strings.TrimPrefix(participant, peppol.SchemeParticipant+"::"))
	}
	return list
}

// DISC-003: an SMP is asked in lower case, because the strictest know nothing else; after a 404 once as the caller
// wrote.
func TestDISC003Spelling(t *testing.T) {
	t.Parallel()
	exact := registered(t, "urn:ns::Invoice##a@b::2.1")
	star := registered(t, "urn:ns::Invoice##a*::2.1")
	for _, tc := range []struct {
		name       string
		ask        string
		registered peppol.DocTypeID
		docType    peppol.DocTypeID
		only       string // the spelling that the SMP has; "" means lower case
		want       Reason
		requests   []string
	}{
		{"lower case", lower, exact, exact, "", "", []string{"s " + lower}},
		{"mixed case", mixed, exact, exact, "", "", []string{"s " + lower}},
		{
			"mixed case, wildcard", mixed, star, exact, "", "",
			[]string{"s " + lower, "s " + mixed, "s " + lower, "s " + mixed, "s " + lower},
		},
		{"an SMP that knows the other spelling", mixed, exact, exact, mixed, "", nil},
		{
			"no such document type", mixed, star, doctype(t, invoice), "", NoDocType,
			[]string{"s " + lower, "s " + mixed, "g " + lower},
		},
		{
			"no such participant", "9930:DE999", star, doctype(t, invoice), "", UnknownToSMP,
			[]string{"s 9930:de999", "s 9930:DE999", "g 9930:de999", "g 9930:DE999"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s := w.service()
			s.Participant, s.DocType = participant(t, mixed), tc.registered
			w.smp.Register(s)
			base := w.smp
			if tc.only != "" {
				w.locator.url = translating(t, w, tc.only)
			}
			e, err := w.client.Endpoint(context.Background(), participant(t, tc.ask), tc.docType, w.p)
			expect(t, tc.name, err, tc.want)
			if err == nil && (e.URL != apURL || e.Registered != tc.registered) {
				t.Errorf("got %+v", e)
			}
			if got := owners(t, base); tc.only == "" && !slices.Equal(got, tc.requests) {
				t.Errorf("asked for %q, want %q", got, tc.requests)
			}
		})
	}
}

// translating is an SMP in front of the world's own that knows one spelling only, and is no friend of lower case.
func translating(t *testing.T, w *world, spelling string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		path, _ := url.PathUnescape(r.URL.EscapedPath())
		if !strings.Contains(path, "::"+spelling+"/") {
			http.NotFound(rw, r)
			return
		}
		resp, err := http.Get(w.smp.URL() + strings.Replace(r.URL.EscapedPath(), segment(spelling),
			segment(strings.ToLower(spelling)), 1))
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		_, _ = io.Copy(rw, resp.Body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// DISC-003: the ServiceGroup likewise.
func TestDISC003Lookup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.service()
	s.Participant = participant(t, mixed)
	w.smp.Register(s)
	g, err := w.client.Lookup(context.Background(), s.Participant)
	if err != nil || !slices.Equal(g.DocTypes, []peppol.DocTypeID{w.d}) {
		t.Errorf("got %+v, %v", g, err)
	}
	if got := owners(t, w.smp); !slices.Equal(got, []string{"g " + lower}) {
		t.Errorf("asked for %q", got)
	}
}

// DISC-003: and what a Redirect points at: in lower case, after a 404 as the Redirect has it.
func TestDISC003Redirect(t *testing.T) {
	t.Parallel()
	for name, strict := range map[string]bool{
		"an SMP with lower-case keys":              true,
		"an SMP with the spelling of the Redirect": false,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.r = participant(t, mixed)
			w.smp.Register(w.service())
			there := w.smp
			target := there.URL()
			if !strict {
				target = translating(t, w, mixed)
			}
			first := w.server(t, smptest.Options{Signer: w.signer})
			href := target + "/" + segment(w.r.String()) + "/services/" + segment(w.d.String()) + "?x=y"
			first.Redirect(w.r, w.d, href, w.signer.Cert.Subject.String())
			w.locator.url = first.URL()
			e, err := w.find()
			if err != nil || e.URL != apURL {
				t.Errorf("got %+v, %v", e, err)
			}
			if got := owners(t, there); !slices.Equal(got, []string{"s " + lower}) {
				t.Errorf("asked for %q", got)
			}
		})
	}
}

// DISC-082: the destination of a Redirect as SMPs write it that do not encode their identifiers.
func TestDISC082NotEncoded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.server(t, smptest.Options{Signer: w.signer})
	w.locator.url = first.URL()
	first.Redirect(w.r, w.d, w.smp.URL()+"/"+w.r.String()+"/services/"+w.d.String(), w.signer.Cert.Subject.String())
	if e, err := w.find(); err != nil || e.URL != apURL {
		t.Errorf("got %+v, %v", e, err)
	}
	for _, href := range []string{
		"https://192.0.2.1#@localhost/", "https://localhost#.example.org/",
		"https://a#b@localhost/",
	} {
		first.Unregister(w.r)
		w.client.Forget(w.r, w.d)
		first.Redirect(w.r, w.d, href, w.signer.Cert.Subject.String())
		_, err := w.find()
		expect(t, href, err, Forbidden)
	}
}

// SEC-113: what is compressed although nobody asked is read; what cannot be read says nothing about the receiver.
func TestSEC113ContentCoding(t *testing.T) {
	t.Parallel()
	zip := func(b []byte) []byte {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		if _, err := z.Write(b); err != nil || z.Close() != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	bomb := zip(bytes.Repeat([]byte(" "), 64<<20))
	for _, tc := range []struct {
		name, coding string
		change       func([]byte) []byte
		want         Reason
	}{
		{"identity", "identity", func(b []byte) []byte { return b }, ""},
		{"gzip", "gzip", zip, ""},
		{"x-gzip in capitals", "X-GZIP", zip, ""},
		{"gzip that is not declared", "", zip, ""},
		{"declared and not compressed", "gzip", func(b []byte) []byte { return b }, Unavailable},
		{"cut off", "gzip", func(b []byte) []byte { return zip(b)[:200] }, Unavailable},
		{"damaged", "gzip", func(b []byte) []byte { z := zip(b); z[len(z)-5] ^= 1; return z }, Unavailable},
		{"another coding", "br", func(b []byte) []byte { return b }, Unavailable},
		{"longer than the limit", "gzip", func([]byte) []byte { return bomb }, BadResponse},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.smp.Behave(smptest.Behaviour{Bytes: tc.change, Coding: tc.coding})
			_, err := w.find()
			expect(t, tc.name, err, tc.want)
		})
	}
}

// repeating is a body without end, which counts what is read of it.
type repeating struct {
	piece []byte
	read  int
}

func (r *repeating) Read(p []byte) (n int, err error) {
	for n < len(p) {
		n += copy(p[n:], r.piece[(r.read+n)%len(r.piece):])
	}
	r.read += n
	return n, nil
}

func (r *repeating) Close() error { return nil }

// SEC-113: an answer without end is given up once it is longer than allowed, compressed or not, also one of empty gzip
// members, which never gives anything.
func TestSEC113WithoutEnd(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		content, coding string
	}{
		"plain":         {"x", ""},
		"gzip":          {strings.Repeat("x", 1<<20), "gzip"},
		"empty members": {"", "gzip"},
	} {
		body := &repeating{piece: []byte(tc.content)}
		if tc.coding != "" {
			var out bytes.Buffer
			z := gzip.NewWriter(&out)
			if _, err := z.Write([]byte(tc.content)); err != nil || z.Close() != nil {
				t.Fatal(err)
			}
			body.piece = out.Bytes()
		}
		got, err := readBody(&http.Response{Header: http.Header{"Content-Encoding": {tc.coding}}, Body: body})
		if len(got) > maxBody+1 || err == nil && len(got) <= maxBody {
			t.Errorf("%s: %d octets, %v", name, len(got), err)
		}
		if body.read > maxBody+8<<10 {
			t.Errorf("%s: %d octets were read", name, body.read)
		}
	}
}

// REL-026: an SMP that says when it wants to be asked again is heard.
func TestREL026RetryAfter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Now().Truncate(time.Second)
	w.client.Now = func() time.Time { return now }
	for after, want := range map[string]time.Duration{
		"90": 90 * time.Second, now.Add(3 * time.Minute).UTC().Format(http.TimeFormat): 3 * time.Minute, "": 0,
	} {
		w.smp.Behave(smptest.Behaviour{Status: 503, RetryAfter: after})
		_, err := w.find()
		expect(t, after, err, HTTPStatus)
		if e, ok := err.(*Error); !ok || e.RetryAfter < want-2*time.Second || e.RetryAfter > want {
			t.Errorf("Retry-After %q: got %+v, want %s", after, err, want)
		}
	}
}
