package config

import (
	"fmt"
	"time"
)

// Bounds of the waits between attempts.
const (
	minWait  = time.Second
	maxWait  = 24 * time.Hour
	maxWaits = 50
)

// RetryWaits returns the waits between the attempts to send a message (D-12). The text was checked.
func (c *Config) RetryWaits() (waits []time.Duration) {
	for _, text := range c.Send.Retry {
		d, _ := time.ParseDuration(text)
		waits = append(waits, d)
	}
	return waits
}

func (c *Config) checkPlan(bad complain) {
	if n := len(c.Send.Retry); n > maxWaits {
		bad("send.retry", "want at most %d waits, have %d", maxWaits, n)
	}
	for i, text := range c.Send.Retry {
		switch d, err := time.ParseDuration(text); {
		case err != nil:
			bad(fmt.Sprintf("send.retry[%d]", i), "want a duration like 30s or 5m, have %q", text)
		case d < minWait || d > maxWait:
			bad(fmt.Sprintf("send.retry[%d]", i), "want %s to %s, have %s", shortDuration(minWait),
				shortDuration(maxWait), text)
		}
	}
}
