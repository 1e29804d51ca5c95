package config

import (
	"strings"
	"testing"
	"time"
)

const (
	goodMail = "name: ops, kind: mail, server: 'mail.example.org:587', from: ravn@example.org, to: [ops@example.org]"
	goodHook = "name: hook, kind: webhook, url: 'https://hooks.example.org/x', secret_file: s"
)

// OPS-070, OPS-071: thresholds have bounds and defaults; a channel that could not work, that would send in the clear or
// to where it must not, is refused with its line.
func TestOPS071AlertsAreChecked(t *testing.T) {
	channel := func(text string) string { return "environment: test\nalerts:\n  channels:\n  - {" + text + "}\n" }
	for _, c := range [][2]string{
		{channel(goodMail), ""},
		{channel(goodHook), ""},
		{channel(goodMail + ", tls: tls, user: u, password_file: p, min_severity: page, rules: [disk]"), ""},
		{channel(goodMail + ", tenants: [default]"), ""},
		{channel(strings.Replace(goodMail, "mail.example.org:587", "127.0.0.1:25", 1) + ", tls: none"), ""},
		{channel(strings.Replace(goodHook, "org/x", "org:8443/x", 1)), ""},
		{channel(strings.Replace(goodHook, "https://hooks.example.org/x", "http://127.0.0.1:9/x", 1) +
			", internal: true"), ""},
		{channel(goodMail + ", tls: none"), "tls (line 4): none is for a mail server on this machine only"},
		{channel(goodMail + ", tls: maybe"), "tls (line 4): want starttls, tls or none"},
		{channel(goodMail + ", password: x"), "user: a password without a user"},
		{channel(goodMail + ", user: u, password: x, password_file: y"), "password (line 4): give either"},
		{
			channel(goodMail + ", url: 'https://x.example'"),
			"kind (line 4): url, secret and internal are keys of a webhook",
		},
		{channel(strings.Replace(goodMail, "ops@example.org", "Ops <ops@example.org>", 1)), "to (line 4): from and to"},
		{channel(strings.Replace(goodMail, "[ops@example.org]", "[]", 1)), "to (line 4): want 1 to 50 receivers"},
		{
			channel(strings.Replace(goodMail, "mail.example.org:587", "mail.example.org", 1)),
			"server (line 4): want host:port",
		},
		{channel(strings.Replace(goodMail, "name: ops", "name: O P S", 1)), "name (line 4): want a name of its own"},
		{channel(strings.Replace(goodMail, "kind: mail", "kind: pigeon", 1)), "kind (line 4): want mail or webhook"},
		{channel(goodMail + ", min_severity: bad"), "min_severity (line 4): want info, warn or page"},
		{channel(goodMail + ", rules: [disk, wish]"), `rules[1] (line 4): there is no rule "wish"`},
		{channel(goodMail + ", tenants: [acme]"), `tenants[0] (line 4): "acme" is not among the tenants`},
		{channel(goodMail + "}\n  - {" + goodMail), "channels[1].name (line 5): want a name of its own"},
		{channel(strings.Replace(goodHook, "https", "http", 1)), "url (line 4): want an https address"},
		{channel(strings.Replace(goodHook, "https://hooks.example.org/x", "http://127.0.0.1:9/x", 1)), "url (line 4)"},
		{channel(strings.Replace(goodHook, "//", "//u:pw@", 1)), "url (line 4): want an https address without user"},
		{channel(strings.Replace(goodHook, "org/x", "org:9000/x", 1)), "url (line 4): want port 443 or 8443"},
		{channel(strings.Replace(goodHook, ", secret_file: s", "", 1)), "secret_file: events are signed"},
		{channel(goodHook + ", secret: x"), "secret (line 4): give either secret or secret_file"},
		{channel(goodHook + ", from: a@b.example"), "kind (line 4): server, tls, user"},
		{"alerts:\n  off: [disk, wish]\n", `alerts.off[1] (line 2): there is no rule "wish"`},
		{
			"alerts:\n  send_delayed: {warn: 2h}\n",
			"alerts.send_delayed.warn (line 2): want at most alerts.send_delayed.page",
		},
		{"alerts:\n  disk: {warn: 101}\n", "alerts.disk.warn (line 2): want 1 to 100, have 101"},
		{"alerts:\n  close_after: -1s\n", "alerts.close_after (line 2): want 1m to 1h"},
	} {
		cfg, err := Parse([]byte(c[0]), "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for line := range strings.Lines(errorText(cfg.Check())) {
			if strings.Contains(line, ": alerts.") {
				got += line
			}
		}
		if c[1] == "" && got != "" || !strings.Contains(got, c[1]) || strings.Contains(got, "u:pw") {
			t.Errorf("%q: %q, want %q", c[0], got, c[1])
		}
	}
	cfg, err := Parse([]byte("alerts: {send_failed: {percent: 0}}\n"), "/",
		map[string]string{"RAVN_ALERTS_DISK_WARN": "60"})
	if err != nil {
		t.Fatal(err)
	}
	a := &cfg.Alerts
	if a.Disk.Warn != 60 || a.Disk.Page != 90 || a.SendFailed.Percent != 0 || a.SendFailed.Of != 50 ||
		time.Duration(a.CloseAfter) != 5*time.Minute || time.Duration(a.SendDelayed.Page) != time.Hour {
		t.Errorf("%+v", a)
	}
}
