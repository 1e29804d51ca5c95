package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// AS4-121: the waits between attempts are what the file or the environment says, and by default those of D-12.
func TestAS4121RetryWaits(t *testing.T) {
	for _, c := range []struct {
		text, env string
		want      string
	}{
		{"", "", "[1m0s 2m0s 5m0s 10m0s 20m0s 40m0s] 24h0m0s"},
		{"send:\n  retry: [30s, 1h]\n  give_up_after: 2h\n", "", "[30s 1h0m0s] 2h0m0s"},
		{"send:\n  retry: [30s, 1h]\n", "5s, 24h", "[5s 24h0m0s] 24h0m0s"},
	} {
		env := map[string]string{}
		if c.env != "" {
			env["RAVN_SEND_RETRY"] = c.env
		}
		cfg, err := Parse([]byte(c.text), "/", env)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(cfg.RetryWaits(), " ", time.Duration(cfg.Send.GiveUp)); got != c.want {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
	}
}

// AS4-121: a plan that could not be kept is refused, with its line.
func TestAS4121RetryIsChecked(t *testing.T) {
	long := strings.Repeat("1m, ", maxWaits) + "1m"
	for text, want := range map[string]string{
		"send:\n  retry: [1m, 0s]\n":         "send.retry[1] (line 2): want 1s to 24h, have 0s",
		"send:\n  retry:\n  - 1m\n  - -5m\n": "send.retry[1] (line 4): want 1s to 24h, have -5m",
		"send:\n  retry: [25h]\n":            "send.retry[0] (line 2): want 1s to 24h, have 25h",
		"send:\n  retry: [soon]\n":           `send.retry[0] (line 2): want a duration like 30s or 5m, have "soon"`,
		"send:\n  retry: [" + long + "]\n":   "send.retry (line 2): want at most 50 waits, have 51",
		"send:\n  give_up_after: 0s\n":       "send.give_up_after (line 2): want 1m to 720h, have 0s",
		"send:\n  workers: 0\n":              "send.workers (line 2): want 1 to 256, have 0",
		"send:\n  per_access_point: -1\n":    "send.per_access_point (line 2): want 1 to 256, have -1",
	} {
		c, err := Parse([]byte(text), "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q is missing in %v", text, want, err)
		}
	}
}
