package notify

import (
	"testing"
	"time"
)

// OPS-009: the waits grow to a quarter of an hour, and there is no last one.
func TestOPS009Waits(t *testing.T) {
	for tries, want := range map[int]time.Duration{
		0: 10 * time.Second, 1: 10 * time.Second, 2: 20 * time.Second, 7: 640 * time.Second, 8: 15 * time.Minute,
		1_000_000: 15 * time.Minute,
	} {
		if got := wait(tries); got != want {
			t.Errorf("after %d tries: %s, want %s", tries, got, want)
		}
	}
}
