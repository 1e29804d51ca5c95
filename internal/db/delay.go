package db

import "time"

// delay decides whether a writer waits for more writes before it commits. While commits follow each other closely, one
// a little later that carries several costs less than many, and nobody notices. A lone writer never waits for company
// that does not come: each wait in vain doubles the number of commits until the next.
type delay struct {
	gap time.Duration // least time between two commits under load; 0 means that there is no waiting

	last   time.Time // end of the last commit
	waited bool      // since then
	vain   int       // waits in vain in a row
	skip   int       // commits until the next wait
}

// maxVain limits the number of commits without a wait to 1<<maxVain.
const maxVain = 7

// wait tells how long to wait for more writes. Those that nobody waits for may stay twice as long.
func (p *delay) wait(now time.Time, urgent bool) time.Duration {
	if p.skip > 0 {
		return 0
	}
	gap := p.gap
	if !urgent {
		gap *= 2
	}
	d := p.last.Add(gap).Sub(now)
	if d > 0 {
		p.waited = true
	}
	return d
}

// gathered tells how many writes the next commit carries.
func (p *delay) gathered(n int) {
	switch {
	case n > 1:
		p.vain, p.skip = 0, 0
	case p.waited:
		p.vain = min(p.vain+1, maxVain)
		p.skip = 1 << p.vain
	case p.skip > 0:
		p.skip--
	}
}

// served tells when a commit ended.
func (p *delay) served(at time.Time) { p.last, p.waited = at, false }
