package smp

import (
	"context"
	"io"
	"net/http"
	"testing"

	smptest "github.com/ravn-ap/ravn/testbed/smp"
)

// FuzzSMPResponse feeds bodies to the client, as metadata and as ServiceGroup. What is found in metadata is what was
// signed, whatever was done to the document around it.
func FuzzSMPResponse(f *testing.F) {
	w := newWorld(f)
	for _, b := range []smptest.Behaviour{
		{},
		{Explicit: true},
		{Exclusive: true},
		{SHA1: true},
		{Unsigned: true},
		{Document: prefixed},
		{Document: comment("ServiceInformation"), Only: services},
	} {
		w.smp.Behave(b)
		for _, path := range []string{w.smp.ServiceURL(w.r, w.d), w.smp.GroupURL(w.r)} {
			f.Add(fetchBody(f, path))
		}
	}
	w.smp.Behave(smptest.Behaviour{})
	w.smp.Unregister(w.r)
	w.smp.Redirect(w.r, w.d, w.smp.URL(), w.signer.Cert.Subject.String())
	f.Add(fetchBody(f, w.smp.ServiceURL(w.r, w.d)))
	f.Add([]byte("<html>"))

	w.client.once.Do(w.client.init)
	f.Fuzz(func(t *testing.T, body []byte) {
		if e, err := w.read(body); err == nil && e != nil && e.URL != apURL {
			t.Errorf("SEC-114: found %+v", e)
		}
		if g, err := readGroup(body, w.r); err == nil {
			for _, d := range g.DocTypes {
				if d.IsZero() {
					t.Error("DISC-069: a document type without value")
				}
			}
		}
	})
}

// read does what a lookup does with an answer; a Redirect gives nothing.
func (w *world) read(body []byte) (*Endpoint, error) {
	s, err := w.client.verify(context.Background(), body)
	if err != nil {
		return nil, err
	}
	if _, ok := s.redirect(); ok {
		return nil, nil
	}
	m, err := s.read(w.r, w.d)
	if err != nil {
		return nil, err
	}
	return w.client.choose(m, w.p)
}

func fetchBody(f *testing.F, url string) []byte {
	f.Helper()
	resp, err := http.Get(url)
	if err != nil {
		f.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		f.Fatal(err)
	}
	return body
}
