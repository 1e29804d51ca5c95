package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/documents"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
)

// waiting hands in messages that nobody sends, and returns their ids.
func waiting(t *testing.T, s *store.Store, n int) (ids []string) {
	t.Helper()
	for i := range n {
		m, _, err := s.Submit(t.Context(), db.DefaultTenant, store.Submission{Message: store.Message{
			ID: db.NewID(), MessageID: fmt.Sprint(i, "@test.example"),
		}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.ID)
	}
	return ids
}

// API-058: a decision about more than one run decides says how many are left, before and after, and ends as unsure; the
// next run decides about them.
func TestAPI058WhatIsLeftIsSaid(t *testing.T) {
	file := quickNode(t)
	ids := waiting(t, openStore(t, file), 5)
	hold := decisions[slices.IndexFunc(decisions, func(d decision) bool { return d.action == documents.Hold })]
	for _, want := range []struct {
		says string
		held int
		exit fault.Exit
	}{
		{"hold: 2 done, 0 skipped, 0 failed, 3 not looked at", 2, fault.Unsure},
		{"hold: 2 done, 0 skipped, 0 failed, 1 not looked at", 4, fault.Unsure},
		{"hold: 1 done, 0 skipped, 0 failed\n", 5, fault.OK},
		{"there is nothing to hold", 5, fault.OK},
	} {
		var out, errs bytes.Buffer
		c := &cli{in: strings.NewReader(""), out: &out, err: &errs, config: file}
		err := c.withDeskOf(t.Context(), func(cfg *config.Config, d *documents.Desk) error {
			asking := decideFlags{reason: "they asked us to wait", all: true, most: 2}
			desks, err := asking.desks(cfg, d)
			if err != nil {
				return err
			}
			err = c.runDecision(t.Context(), hold, &asking, desks, nil)
			if code, _ := faultCode(err); want.exit == fault.Unsure &&
				(code != fault.BadArguments || !strings.Contains(errs.String(), "for another run")) {
				t.Errorf("without a yes: %v, %s", err, &errs)
			}
			asking.yes = true
			return c.runDecision(t.Context(), hold, &asking, desks, nil)
		})
		held, _, _ := call(t, "--config", file, "--json", "queue", "list", "--held")
		if err != nil || c.exit != want.exit || !strings.Contains(out.String(), want.says) ||
			strings.Count(held, "\n") != want.held {
			t.Errorf("%v, exit %d, want %q\n%s%s", err, c.exit, want.says, &out, held)
		}
	}
	if got, errs, code := call(t, "--config", file, "queue", "release", "--all", "--yes", "--reason",
		"they are back"); code != 0 || strings.Count(got, "and released") != len(ids) {
		t.Errorf("exit %d: %s%s", code, got, errs)
	}
}

// OPS-009: an operator sees news that were given up, by the id of their event, and has them told again. Their document,
// which was withdrawn, stays so.
func TestOPS009NewsAreToldAgain(t *testing.T) {
	file := quickNode(t)
	s := openStore(t, file)
	s.TellC1(true)
	id := waiting(t, s, 1)[0]
	err := s.Cancel(t.Context(), db.DefaultTenant, id, "kari", "wrong customer")
	news, cerr := s.Claim(t.Context(), store.Claim{Kind: store.Notify, Owner: "w", Lease: time.Minute, Limit: 9})
	if err = errors.Join(err, cerr); err != nil || len(news) != 1 {
		t.Fatal(err, news)
	}
	if err := s.Bury(t.Context(), news[0], "it crashed twice"); err != nil {
		t.Fatal(err)
	}
	event := news[0].Key
	out, errs, code := call(t, "--config", file, "queue", "list", "--given-up")
	if code != 1 || !strings.Contains(out, event+"  notify   CANCELLED") || !strings.Contains(out, "it crashed twice") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	for _, tc := range []struct {
		exit int
		says string
		args []string
	}{
		{2, "RAVN-5010", []string{"retry", id, "--reason", "mended"}},
		{1, "skipped: news can only be tried again", []string{"hold", event, "--reason", "mended"}},
		{0, "retry: 1 would be done", []string{"retry", "--kind", "notify", "--dry-run"}},
		{0, event + "                   retry and due now", []string{"retry", event, "--reason", "mended"}},
		{1, "skipped: news can only be tried again", []string{"retry", event, "--reason", "mended"}},
		{0, "there is nothing to retry", []string{"retry", "--all", "--yes", "--reason", "mended"}},
		{1, "RAVN-2301", []string{"retry", id + ".99", "--reason", "mended"}},
	} {
		out, errs, code := call(t, append([]string{"--config", file, "queue"}, tc.args...)...)
		if code != tc.exit || !strings.Contains(out+errs, tc.says) {
			t.Errorf("%v: exit %d: %s%s", tc.args, code, out, errs)
		}
	}
	m, err := s.Get(t.Context(), db.DefaultTenant, id)
	work, werr := s.Claim(t.Context(), store.Claim{Kind: store.Send, Owner: "w", Lease: time.Minute, Limit: 9})
	if err := errors.Join(err, werr); err != nil || m.State != store.Cancelled || len(work) > 0 {
		t.Errorf("%v: %s, to be sent %v", err, m.State, work)
	}
	told, err := s.Claim(t.Context(), store.Claim{Kind: store.Notify, Owner: "w", Lease: time.Minute, Limit: 9})
	if err != nil || len(told) != 1 || told[0].ID != news[0].ID {
		t.Errorf("told again: %v %v", told, err)
	}
}
