package main

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
)

// gateway answers in front of an access point whose answers are lost, and counts what it got.
type gateway struct {
	*httptest.Server
	got atomic.Int32
}

func newGateway(t *testing.T) *gateway {
	g := &gateway{}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		g.got.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *gateway) args(cert string) []string {
	return []string{"--endpoint", g.URL + "/as4", "--endpoint-cert", cert}
}

// Each state of an outgoing message has one word and one exit code. "failed" is said only of what certainly did not
// arrive, because whoever reads it hands the document in anew.
func TestREL027TheWordOfEachState(t *testing.T) {
	at := time.Now()
	for name, tc := range map[string]struct {
		m    store.Message
		word string
		exit fault.Exit
		says string
	}{
		"submitted":  {store.Message{State: store.Submitted}, "waiting", 3, "ravn serve goes on"},
		"ready":      {store.Message{State: store.Ready}, "waiting", 3, "ravn serve goes on"},
		"sending":    {store.Message{State: store.Sending}, "waiting", 3, "ravn serve goes on"},
		"retry wait": {store.Message{State: store.RetryWait}, "waiting", 3, "ravn serve goes on"},
		"unknown":    {store.Message{State: store.Unknown}, "waiting", 3, "ravn serve goes on"},
		"sent":       {store.Message{State: store.Sent, Accepted: at}, "sent", 0, ""},
		"closed":     {store.Message{State: store.Closed, Accepted: at}, "sent", 0, ""},
		"closed without a receipt": {
			store.Message{State: store.Closed, FaultCode: "RAVN-2203"}, "attention", 3, "RAVN-2203",
		},
		"refused": {store.Message{State: store.FailedPermanent, FaultCode: "EBMS:0004"}, "failed", 1, "EBMS:0004"},
		"given up": {
			store.Message{State: store.FailedPermanent, FaultCode: "RAVN-2207"}, "failed", 1, "RAVN-2207",
		},
		"given up, it may have arrived": {
			store.Message{State: store.FailedPermanent, FaultCode: "RAVN-2208"},
			"attention", 3,
			"ravn documents retry ID-1 sends the same bytes again",
		},
		"cancelled":       {store.Message{State: store.Cancelled}, "failed", 1, "an operator cancelled it"},
		"receipt lost":    {store.Message{State: store.UnknownAccepted}, "attention", 3, "Do not send it again"},
		"receipt invalid": {store.Message{State: store.ReceiptInvalid}, "attention", 3, "Do not send again"},
		"recovery":        {store.Message{State: store.RecoveryHold}, "attention", 3, "RAVN-"},
		"quarantined":     {store.Message{State: store.Quarantined}, "attention", 3, "queue retry ID-1"},
	} {
		m := tc.m
		m.ID, m.Direction = "ID-1", store.Out
		f := fateOf(&m)
		if f.word != tc.word || f.exit != tc.exit || !strings.Contains(f.text, tc.says) ||
			(f.text == "") != (f.exit == 0) {
			t.Errorf("%s: %s, exit %d: %s", name, f.word, f.exit, f.text)
		}
		if f.word == "attention" && strings.Contains(f.text, "anew") {
			t.Errorf("%s: it may arrive twice: %s", name, f.text)
		}
		after := f.because(fault.New(fault.NotRegistered, nil, ""))
		if after.word != f.word || after.exit != f.exit || f.exit != 0 && after.code != fault.NotRegistered {
			t.Errorf("%s, after an attempt: %+v", name, after)
		}
	}
}

// giveUp ends the plan of the only message that waits.
func giveUp(t *testing.T, config string) (id string) {
	t.Helper()
	s := openStore(t, config)
	jobs, err := s.Jobs(t.Context(), db.DefaultTenant, store.JobFilter{Kind: store.Send})
	if err != nil || len(jobs) != 1 {
		t.Fatal(jobs, err)
	}
	id = jobs[0].MessageID
	job, err := s.Take(t.Context(), db.DefaultTenant, store.Send, id, "test", time.Minute)
	if err == nil {
		err = s.NotSent(t.Context(), job, store.NotSent{Over: func(unclear bool, last string) string {
			code := fault.GivenUp
			if unclear {
				code = fault.GivenUpUnclear
			}
			return fault.New(code, errors.New(last), "").Error()
		}, Reason: "no answer"})
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// A document that was given up and may have arrived is not sent a second time, whoever asks for it and how: alone, in
// a folder, beside nobody, by its id. It is never said to have failed.
func TestREL027WhatMayHaveArrivedIsNotSentAnew(t *testing.T) {
	from, _, cert, _ := twoNodes(t)
	g := newGateway(t)
	dir, numbers := invoices(t, 1)
	file := filepath.Join(dir, numbers[0]+".xml")
	send := func(args ...string) []string {
		return append(append([]string{"--config", from, "send"}, g.args(cert)...), args...)
	}
	out, errs, code := call(t, send(file)...)
	if code != 3 || !strings.Contains(out, "UNKNOWN: waiting") || !strings.Contains(errs, "RAVN-2202") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	id := giveUp(t, from)
	for name, args := range map[string][]string{
		"alone": send(file), "by its id": send("--resume", id),
		"handed over": {"--config", from, "send", "--no-wait", file}, "in a folder": send(dir),
	} {
		out, errs, code := call(t, args...)
		if code != 3 || !strings.Contains(out+errs, "RAVN-2208") || !strings.Contains(out, id) ||
			!strings.Contains(out, "attention") || strings.Contains(out, "failed") ||
			strings.Contains(out+errs, "anew") {
			t.Errorf("%s: exit %d: %s%s", name, code, out, errs)
		}
	}
	out, _, code = call(t, append([]string{"--json"}, send(file)...)...)
	if code != 3 || strings.Count(out, "\n") != 1 || !strings.Contains(out, `"event":"finished"`) ||
		!strings.Contains(out, `"result":"attention"`) || !strings.Contains(out, `"code":"RAVN-2208"`) ||
		!strings.Contains(out, `"ok":false`) {
		t.Errorf("exit %d: %s", code, out)
	}
	same(t, "afterwards", outgoing(t, from), store.FailedPermanent)
	if n := g.got.Load(); n != 1 {
		t.Errorf("%d attempts", n)
	}
}

// A batch that is run again with another access point brings it nothing that may be at the first one.
func TestREL027ABatchRunAgainGoesToNoOtherAccessPoint(t *testing.T) {
	from, _, cert, invoice := twoNodes(t)
	first, other := newGateway(t), newGateway(t)
	ours := filepath.Join(filepath.Dir(from), "cert.pem") // of another seat
	run := func(g *gateway, cert string, more ...string) (string, int) {
		args := append([]string{"--json", "--config", from, "send"}, g.args(cert)...)
		out, _, code := call(t, append(args, more...)...)
		return out, code
	}
	if out, code := run(first, cert, "--wait", "1s", invoice); code != 3 {
		t.Fatalf("exit %d: %s", code, out)
	}
	for _, more := range [][]string{{"--wait", "1s", invoice}, {invoice}} {
		if out, code := run(other, ours, more...); code != 3 || !strings.Contains(out, `"result":"waiting"`) ||
			!strings.Contains(out, `"code":"RAVN-2202"`) || !strings.Contains(out, "it may be at POP900002") {
			t.Errorf("%v: exit %d: %s", more, code, out)
		}
	}
	if first.got.Load() != 1 || other.got.Load() != 0 {
		t.Errorf("%d attempts at the first one, %d at the other", first.got.Load(), other.got.Load())
	}
	same(t, "afterwards", outgoing(t, from), store.Unknown)
}

// The same content twice in one run is one message with one attempt, also by another name. What a link leads to counts;
// one that leads nowhere has its line.
func TestREL020TwinsOfOneRun(t *testing.T) {
	from, to, cert, _ := twoNodes(t)
	dir, numbers := invoices(t, 2)
	s := serveProcess(t, to)
	for name, target := range map[string]string{"link.xml": numbers[0] + ".xml", "dangling.xml": "nowhere.xml"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	g := newGateway(t)
	run := func(args ...string) (map[string]int, []sendResult, int) {
		out, _, code := call(t, append([]string{"--json", "--config", from, "send"}, args...)...)
		list, sum := results(t, out)
		return sum.Results, list, code
	}
	got, list, code := run(append(g.args(cert), dir)...)
	if want := map[string]int{"waiting": 2, "already": 1, "refused": 1}; !maps.Equal(got, want) || code != 3 {
		t.Errorf("exit %d: %v, want %v", code, got, want)
	}
	for _, r := range list {
		if (r.Result == resultRefused) != (filepath.Base(r.File) == "dangling.xml") ||
			r.OK != (r.Result == resultAlready) { // the line of its twin says how it ended
			t.Errorf("%+v", r)
		}
	}
	if n := g.got.Load(); n != 2 {
		t.Errorf("%d attempts", n)
	}
	got, _, code = run("--endpoint", s.url, "--endpoint-cert", cert, dir)
	if want := map[string]int{"sent": 2, "already": 1, "refused": 1}; !maps.Equal(got, want) || code != 2 {
		t.Errorf("again: exit %d: %v, want %v", code, got, want)
	}
	onceEach(t, to, numbers)
}

// A file that was sent in whatever way is found by a command for it alone.
func TestREL020SentInABatchAndThenAlone(t *testing.T) {
	from, to, cert, invoice := twoNodes(t)
	s := serveProcess(t, to)
	args := []string{"--config", from, "send", "--endpoint", s.url, "--endpoint-cert", cert, invoice}
	if out, errs, code := call(t, append(args, "--wait", "1m")...); code != 0 {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	out, errs, code := call(t, args...)
	if code != 0 || !strings.Contains(out, "nothing was sent now") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	same(t, "afterwards", outgoing(t, from), store.Sent)
	if out, errs, code := call(t, append(args, "--again")...); code != 0 {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	same(t, "a second one on purpose", outgoing(t, from), store.Sent, store.Sent)
	if got := arrived(t, to); got["DEMO-1"] != 2 {
		t.Errorf("arrived: %v", got)
	}
}
