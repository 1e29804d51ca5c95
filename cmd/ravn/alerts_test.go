package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/testbed"
)

// OPS-072: an operator sees what is wrong and decides about it while the server runs and when it does not; the exit
// code
// says whether something presses; each decision is audited; a test of a channel says whether it works.
func TestOPS072Alerts(t *testing.T) {
	from, to, cert, invoice := twoNodes(t)
	got := make(chan string, 100)
	status := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e struct {
			Type string
			Data struct{ Rule string }
		}
		_ = json.NewDecoder(r.Body).Decode(&e) // what it is not, is seen below
		w.WriteHeader(status)
		got <- e.Type + " " + e.Data.Rule
	}))
	defer srv.Close()
	const secret = "whsec_cmF2bi1leGFtcGxlLXNlY3JldC0wMTIzNDU2Nzg5YWI="
	f, err := os.OpenFile(from, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(f,
		"alerts:\n  channels:\n  - {name: hook, kind: webhook, min_severity: info, url: %q, secret: %s}\n",
		srv.URL, secret)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	alerts := func(args ...string) (out string, code int) {
		t.Helper()
		out, errs, code := call(t, append([]string{"--config", from, "--json", "alerts"}, args...)...)
		if strings.Contains(out+errs, secret) {
			t.Errorf("the secret is shown: %s%s", out, errs)
		}
		return out + errs, code
	}
	if out, code := alerts("test"); code != 0 || !strings.Contains(out, `"channel":"hook","ok":true`) {
		t.Errorf("exit %d: %s", code, out)
	}
	if e := <-got; e != "ravn.webhook.test test" {
		t.Errorf("got %s", e)
	}
	if out, code := alerts("test", "no-such"); code != 2 || !strings.Contains(out, "RAVN-1012") {
		t.Errorf("exit %d: %s", code, out)
	}

	// A message that nobody takes, because its receiver is not served there, is given up.
	s := serveProcess(t, to)
	_, _ = ravn(t, nil, "--config", from, "send", "--from", testbed.Sender, "--to", testbed.Sender, "--endpoint", s.url,
		"--endpoint-cert", cert, invoice)
	sender := serveProcess(t, from)
	for {
		if e := <-got; e == "ravn.alert.opened send_failed" {
			break
		}
	}
	var row alertRow
	out, code := alerts("list")
	for line := range strings.Lines(out) {
		var r alertRow
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err, line)
		}
		if r.Rule == "send_failed" {
			row = r
		}
	}
	if row.Severity != "info" || row.Document == "" || row.Next == "" || row.Blame == "" || row.Code != "" && code > 1 {
		t.Fatalf("exit %d: %s", code, out)
	}
	for _, c := range []struct {
		args []string
		exit int
		says string
	}{
		{[]string{"ack", "nobody"}, 1, "RAVN-3301"},
		{[]string{"ack"}, 2, "RAVN-1012"},
		{[]string{"silence", row.ID}, 2, "--for"},
		{[]string{"silence", row.ID, "--for", "1000h", "--reason", "x"}, 2, "--for"},
		{[]string{"silence", row.ID, "--for", "2h"}, 2, "--reason"},
		{[]string{"ack", row.ID}, 0, `"acknowledged_by":`},
	} {
		if out, code := alerts(c.args...); code != c.exit || !strings.Contains(out, c.says) {
			t.Errorf("%v: exit %d: %s", c.args, code, out)
		}
	}
	sender.kill()
	if out, code := alerts("silence", row.ID, "--for", "2h", "--reason", "known"); code != 0 ||
		!strings.Contains(out, `"silenced_why":"known"`) {
		t.Errorf("without a server: exit %d: %s", code, out)
	}
	status = http.StatusInternalServerError
	if out, code := alerts("test", "hook"); code != 3 || !strings.Contains(out, "RAVN-3302") ||
		!strings.Contains(out, "HTTP 500") {
		t.Errorf("exit %d: %s", code, out)
	}
	people, _, _ := call(t, "--config", from, "alerts", "list")
	if !strings.Contains(people, "silenced until") || !strings.Contains(people, "\n    ") {
		t.Errorf("%s", people)
	}
}
