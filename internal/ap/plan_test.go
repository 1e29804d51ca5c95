package ap

import (
	"testing"
	"time"
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
