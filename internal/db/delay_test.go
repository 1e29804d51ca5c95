package db

import (
	"testing"
	"time"
)

// Under load a commit waits for company, a write without hurry twice as long; after a pause nobody waits.
func TestPaceUnderLoad(t *testing.T) {
	const gap = 10 * time.Millisecond
	t0 := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	p := delay{gap: gap}
	if d := p.wait(t0, true); d > 0 {
		t.Errorf("the first write waits %v", d)
	}
	p.served(t0)
	if d := p.wait(t0.Add(4*time.Millisecond), true); d != 6*time.Millisecond {
		t.Errorf("an urgent write waits %v, want 6ms", d)
	}
	if d := p.wait(t0.Add(4*time.Millisecond), false); d != 16*time.Millisecond {
		t.Errorf("a patient write waits %v, want 16ms", d)
	}
	if d := p.wait(t0.Add(gap), true); d > 0 {
		t.Errorf("a write after a pause waits %v", d)
	}
	if d := (&delay{last: t0}).wait(t0, false); d > 0 {
		t.Errorf("without a gap a write waits %v", d)
	}
}

// A lone writer soon stops waiting for company, and company brings the waiting back.
func TestPaceLoneWriter(t *testing.T) {
	p := delay{gap: 10 * time.Millisecond}
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	var waits int
	for range 1000 {
		if p.wait(now, true) > 0 {
			waits++
		}
		p.gathered(1)
		now = now.Add(time.Millisecond)
		p.served(now)
	}
	if waits > 14 {
		t.Errorf("%d of 1000 commits of a lone writer waited", waits)
	}
	p.gathered(2)
	p.served(now)
	if p.wait(now, true) <= 0 {
		t.Error("after a commit with two writes nobody waits")
	}
}
