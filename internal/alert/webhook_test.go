package alert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The vector of API-091.
const (
	vectorSecret = "whsec_cmF2bi1leGFtcGxlLXNlY3JldC0wMTIzNDU2Nzg5YWI="
	vectorID     = "019b2f6e-6c1a-7c3e-9a51-2f4d8f0b7a10"
	vectorBody   = `{"specversion":"1.0","id":"019b2f6e-6c1a-7c3e-9a51-2f4d8f0b7a10","source":"/ravn/default",` +
		`"type":"ravn.document.sent","time":"2026-11-21T12:00:03.120456Z","datacontenttype":"application/json",` +
		`"data":{"id":"019b2f6e-5d10-7b02-8c77-0b6f1f2a9e31","state":"SENT"}}`
	vectorSign = "v1,u7NMzDb4X5WxksFyR3JIzyRPpiR6qgTi/FMDh8tQO1Q="
)

// API-091: the signature is that of the specification's vector, and of nothing else.
func TestAPI091Vector(t *testing.T) {
	s, err := ParseSecret(vectorSecret)
	if err != nil || len(vectorBody) != 260 {
		t.Fatal(err, len(vectorBody))
	}
	at := time.Unix(1795262403, 999)
	if got := s.Sign(vectorID, at, []byte(vectorBody)); got != vectorSign {
		t.Errorf("got %s", got)
	}
	for what, got := range map[string]string{
		"id": s.Sign(vectorID+"1", at, []byte(vectorBody)), "time": s.Sign(vectorID, at.Add(time.Second),
			[]byte(vectorBody)),
		"body": s.Sign(vectorID, at, []byte(vectorBody+" ")), "secret": s[1:].Sign(vectorID, at, []byte(vectorBody)),
	} {
		if got == vectorSign {
			t.Errorf("another %s has the same signature", what)
		}
	}
	for _, text := range []string{
		"", "whsec_", "whsec_c2hvcnQ=", vectorSecret[6:], vectorSecret + "!", "whsec_" + strings.Repeat("AAAA", 22),
	} {
		if _, err := ParseSecret(text); err == nil || len(text) > 10 && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// API-094: a 2xx answer is success; everything else is not, a redirect is not followed, Retry-After is honoured up
// to an
// hour; the events arrive signed, with their own bytes.
func TestAPI094Webhook(t *testing.T) {
	secret, err := ParseSecret(vectorSecret)
	if err != nil {
		t.Fatal(err)
	}
	var status int
	header := http.Header{}
	followed, got := 0, ""
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			followed++
			return
		}
		body, _ := io.ReadAll(r.Body) // compared below
		got = fmt.Sprint(r.Method, r.URL.Path, " ", r.Header.Get("Webhook-Id"), " ",
			r.Header.Get("Webhook-Timestamp"), " ",
			r.Header.Get("Webhook-Signature"), " ", r.Header.Get("Content-Type"), " ", r.Header.Get("User-Agent"), " ",
			string(body))
		for name := range header {
			w.Header().Set(name, header.Get(name))
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(strings.Repeat("x", 1<<20))) // the client stops reading
	}))
	defer srv.Close()
	hook := &Webhook{
		URL: srv.URL + "/hook", Secret: secret, HTTP: srv.Client(), Agent: "Ravn/v1",
		Now: func() time.Time { return time.Unix(1795262403, 0) },
	}
	n := []Notice{{ID: vectorID, Event: vectorBody}}
	for _, status = range []int{200, 201, 204, 299} {
		if err := hook.Send(t.Context(), n); err != nil {
			t.Errorf("%d: %v", status, err)
		}
	}
	want := "POST/hook " + vectorID + " 1795262403 " + vectorSign +
		" application/cloudevents+json; charset=utf-8 Ravn/v1 " +
		vectorBody
	if got != want {
		t.Errorf("got %s", got)
	}
	for _, c := range []struct {
		status          int
		location, after string
		wait            time.Duration
	}{
		{301, "/elsewhere", "", 0},
		{302, "/elsewhere", "", 0},
		{307, "/elsewhere", "", 0},
		{304, "", "", 0},
		{400, "", "", 0},
		{410, "", "", 0},
		{500, "", "", 0},
		{503, "", "120", 2 * time.Minute},
		{429, "", "999999", time.Hour},
	} {
		status, header = c.status, http.Header{}
		if c.location != "" {
			header.Set("Location", c.location)
		}
		if c.after != "" {
			header.Set("Retry-After", c.after)
		}
		err := hook.Send(t.Context(), n)
		var later *Later
		if errors.As(err, &later) != (c.wait > 0) || later != nil && later.After != c.wait || err == nil ||
			!strings.Contains(err.Error(), fmt.Sprint("HTTP ", c.status)) {
			t.Errorf("%d: %v", c.status, err)
		}
	}
	if followed > 0 {
		t.Error("a redirect was followed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := hook.Send(ctx, n); err == nil || strings.Contains(err.Error(), "/hook") {
		t.Errorf("an error with the address: %v", err)
	}
}
