package node

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/internal/alert"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/smp"
)

// hookSecret signs the webhooks of these tests.
const hookSecret = "whsec_cmF2bi1leGFtcGxlLXNlY3JldC0wMTIzNDU2Nzg5YWI="

// event is what a webhook gets.
type event struct {
	ID, Type string
	Data     struct{ Rule, Key, Severity, Text, Document, Code string }
}

// hook is a server that takes webhooks.
func hook(t *testing.T) (url string, got chan event) {
	t.Helper()
	got = make(chan event, 100)
	secret, err := alert.ParseSecret(hookSecret)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var e event
		if err != nil || json.Unmarshal(body, &e) != nil || r.Header.Get("Webhook-Id") != e.ID {
			t.Errorf("%v: %s", err, body)
		}
		var at int64
		_, err = fmt.Sscan(r.Header.Get("Webhook-Timestamp"), &at)
		if want := secret.Sign(e.ID, time.Unix(at, 0), body); err != nil || r.Header.Get("Webhook-Signature") != want {
			t.Errorf("signature %s of %s", r.Header.Get("Webhook-Signature"), body)
		}
		got <- e
	}))
	t.Cleanup(srv.Close)
	return srv.URL, got
}

// alertLines name a webhook as channel.
func alertLines(url string) string {
	return opsLines + "alerts:\n  channels:\n  - {name: hook, kind: webhook, min_severity: info, url: '" + url +
		"', secret: " + hookSecret + "}\n"
}

// OPS-070, OPS-071: a running server sees that its disk fills up, logs and counts that, and tells a program, signed.
func TestOPS070ServeTells(t *testing.T) {
	_, pki := testPKI(t)
	url, got := hook(t)
	var free atomic.Uint64
	free.Store(100 << 30)
	n := runNodeWith(t, nodeFile(t, pki, "POP900001", alertLines(url)), Options{
		Log:       zerolog.New(nil).Level(zerolog.InfoLevel),
		DiskSpace: func(string) (uint64, uint64, error) { return free.Load(), 400 << 30, nil },
	})
	seen := map[string]string{}
	for range 2 {
		e := <-got
		seen[e.Data.Key] = fmt.Sprint(e.Type, " ", e.Data.Rule, " ", e.Data.Severity, " ", e.Data.Text)
	}
	host := hostName()
	for _, volume := range []string{"data", "deliver"} {
		want := fmt.Sprintf("ravn.alert.opened disk warn the disk of folder %s on %s is 75 %% full, 102400 MiB are "+
			"free", volume,
			host)
		if seen[host+" "+volume] != want {
			t.Errorf("%s: %q", volume, seen[host+" "+volume])
		}
	}
	if err := n.count(t.Context()); err != nil {
		t.Fatal(err)
	}
	shows(t, n, `ravn_alerts_open{severity="warn"} 2`, `ravn_alerts_open{severity="page"} 0`)
	lines := 0
	for line := range strings.Lines(n.Log.text()) {
		var l struct{ Level, Message, State, Rule, Severity string }
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if l.Message == "alert" {
			if lines++; l.Level != "warn" || l.State != "opened" || l.Rule != "disk" || l.Severity != "warn" {
				t.Errorf("%s", line)
			}
		}
	}
	if lines != 2 {
		t.Errorf("%d lines", lines)
	}
}

// OPS-070: what the facts of a node are, from its record: documents given up, dead, in quarantine or in doubt, what
// waits and for whom, refusals, lookups, the checks of readiness.
func TestOPS070Facts(t *testing.T) {
	_, pki := testPKI(t)
	dir := &changing{err: lookupError(smp.NoParticipant)}
	h := openHolder(t, nodeFile(t, pki, "POP900001", ""), dir, time.Now())
	defer func() { _ = h.Close() }()
	given, _ := h.submit(t) // not registered: given up
	dir.err = lookupError(smp.Unavailable)
	waiting, _ := h.submit(t)
	m, _, err := h.Submit(t.Context(), ap.Submission{
		From: participant(t, c1), To: participant(t, c4), Open: ap.Bytes(golden.Invoice(t)),
	})
	if err != nil {
		t.Fatal(err)
	}
	job, err := h.Store.JobOf(t.Context(), db.DefaultTenant, store.Send, m.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Store.Quarantine(t.Context(), job, "it crashed"); err != nil {
		t.Fatal(err)
	}
	h.age(t, given.ID, 100*24*time.Hour) // an operator held it that long: that it failed is news all the same
	h.age(t, m.ID, 100*24*time.Hour)
	now := time.Now()
	for range 3 {
		h.eye.seen.request("refused", "POP000007", now)
	}
	h.eye.seen.request("accepted", "POP000007", now)
	h.eye.seen.lookup(false, now.Add(-time.Minute))
	h.eye.seen.lookup(false, now)
	h.eye.seen.send(false, now)
	h.differs.in.Store(2)
	h.eye.answers.Store(false)
	f := h.facts()
	if err := h.recordFacts(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	ids := func(list []alert.Document) (s []string) {
		for _, d := range list {
			s = append(s, d.Tenant+" "+d.ID+" "+d.Code)
		}
		return s
	}
	if got := ids(f.Failed); !slices.Equal(got, []string{"default " + given.ID + " RAVN-2101"}) {
		t.Errorf("failed: %v", got)
	}
	if got := ids(f.Quarantined); len(got) != 1 || !strings.HasPrefix(got[0], "default "+m.ID) {
		t.Errorf("quarantined: %v", got)
	}
	if f.Unsent.Open != 1 || f.Unsent.Oldest < 0 {
		t.Errorf("unsent: %+v", f.Unsent)
	}
	if f.Refused != (alert.Portion{Bad: 3, All: 4}) || f.Refusals["POP000007"] != 3 ||
		!f.LookupsFail.Equal(now.Add(-time.Minute)) || f.Sends != (alert.Portion{Bad: 1, All: 1}) ||
		f.Differences["record"] != 2 || f.Storage == "" || !slices.Equal(f.NotReady, []string{checkStore}) ||
		f.NotReadySince.IsZero() || len(f.Disks) != 2 || len(f.Certificates) == 0 {
		t.Errorf("%+v", f)
	}
	if err := h.Store.Hold(t.Context(), db.DefaultTenant, waiting.ID, "kari", "asked to wait"); err != nil {
		t.Fatal(err)
	}
	h.eye.seen.lookup(true, now)
	h.eye.answers.Store(true)
	f = h.facts()
	if err := h.recordFacts(t.Context(), f); err != nil || !f.LookupsFail.IsZero() || f.Storage != "" ||
		len(f.NotReady) > 0 || f.Unsent != (alert.Backlog{}) { // what is kept back is not late
		t.Errorf("%v %+v", err, f)
	}
}

// age makes a document one that was handed in earlier.
func (h *holder) age(t *testing.T, id string, by time.Duration) {
	t.Helper()
	err := h.Store.Update(t.Context(), db.DefaultTenant, func(tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE message SET created = created - ? WHERE id = ?`, by.Microseconds(), id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// REL-066: a jump of the clock is noticed by what has really passed.
func TestREL066Jump(t *testing.T) {
	var c clockwork
	wall, mono := time.Unix(1_800_000_000, 0), time.Unix(50, 0)
	c.tick(wall, mono)
	for _, s := range []struct{ wall, mono, want time.Duration }{
		{2 * time.Second, 2 * time.Second, 0},
		{7 * time.Second, 2 * time.Second, 0},
		{8 * time.Second, 2 * time.Second, 6 * time.Second},
		{-time.Hour, time.Second, -time.Hour - time.Second},
		{time.Hour, time.Hour, 0}, // suspended, or just late
	} {
		wall, mono = wall.Add(s.wall), mono.Add(s.mono)
		if got := c.tick(wall, mono); got != s.want {
			t.Errorf("%v: %s", s, got)
		}
	}
	if got := c.jumped(wall.Add(-2 * time.Hour)); got != -time.Hour-time.Second {
		t.Errorf("last jump: %s", got)
	}
	if got := c.jumped(wall.Add(-time.Minute)); got != 0 {
		t.Errorf("an old jump: %s", got)
	}
}

// OPS-071: a secret that cannot be read or is none is found at the start and by config check, with its line, and is not
// shown.
func TestOPS071ChannelsAreChecked(t *testing.T) {
	_, pki := testPKI(t)
	const hidden = "not-a-secret-at-all"
	for name, c := range map[string]struct{ secret, want string }{
		"no secret":   {"secret: " + hidden, "alerts.channels[0].secret (line 18)"},
		"no file":     {"secret_file: missing", "alerts.channels[0].secret_file (line 18)"},
		"a good one":  {"secret: " + hookSecret, ""},
		"a good file": {"secret_file: hook.secret", ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := nodeFile(t, pki, "POP900001",
				"alerts:\n  channels:\n  - {name: hook, kind: webhook, url: 'https://example.org/x', "+c.secret+"}\n")
			if err := os.WriteFile(filepath.Join(filepath.Dir(file), "hook.secret"), []byte(hookSecret+"\n"),
				0o600); err != nil {
				t.Fatal(err)
			}
			cfg, err := config.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Check(t.Context(), cfg, CheckOptions{Now: time.Now()})
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) ||
				strings.Contains(err.Error(), hidden)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
