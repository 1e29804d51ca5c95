package ap

import (
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/store"
)

// D-12: the waits of the plan, then one an hour.
func TestD12Waits(t *testing.T) {
	p := Plan{Waits: []time.Duration{time.Minute, 5 * time.Minute}}
	for n, want := range map[int]time.Duration{
		0: time.Hour, 1: time.Minute, 2: 5 * time.Minute, 3: time.Hour, 99: time.Hour,
	} {
		if got := p.wait(n); got != want {
			t.Errorf("after attempt %d: %s, want %s", n, got, want)
		}
	}
}

// REL-026: what cannot be tried is looked at again, less often the longer that lasts.
func TestREL026Pause(t *testing.T) {
	now := time.Now()
	out := &Outbound{Spread: func(d time.Duration) time.Duration { return d }}
	out.Now = func() time.Time { return now }
	for since, want := range map[time.Duration]time.Duration{
		-time.Hour: time.Minute, 0: time.Minute, 8 * time.Minute: time.Minute, 40 * time.Minute: 5 * time.Minute,
		2 * time.Hour: 15 * time.Minute, 20 * time.Hour: 15 * time.Minute,
	} {
		if got := out.pause(store.Job{Begun: now.Add(-since)}); got != want {
			t.Errorf("after %s: %s, want %s", since, got, want)
		}
	}
}

// D-12: waits are spread by a fifth, to both sides.
func TestD12Jitter(t *testing.T) {
	least, most := time.Hour, time.Duration(0)
	for range 10_000 {
		d := Jitter(10 * time.Minute)
		least, most = min(least, d), max(most, d)
	}
	if least < 8*time.Minute || least > 9*time.Minute || most > 12*time.Minute || most < 11*time.Minute {
		t.Errorf("%s to %s", least, most)
	}
}
