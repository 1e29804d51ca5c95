package intake

import (
	"time"
)

// Body is a request in progress: what it holds, and how fast its body arrives. A nil Body counts nothing and refuses
// nothing. Its methods must be called from one goroutine.
type Body struct {
	entry
	meter     meter
	interrupt func()
	conn      *conn // its connection; nil if the gate does not know it
	complete  bool
	err       *Error // why it gave way
}

// Begin admits a client's request before its body is read. If the request has to give way, interrupt is called, at most
// once and from another goroutine: it must end a blocked Read of the body. Close must be called at the end.
func (g *Gate) Begin(from Client, interrupt func()) (*Body, error) {
	g.init()
	b := &Body{interrupt: interrupt}
	err := g.locked(func(after *[]func()) error {
		now := g.Now()
		b.entry = entry{gate: g, source: from.Source, bounded: from.bounded, since: now}
		b.meter = meter{start: now, mark: now}
		c := g.byAddr[from.peer]
		if c != nil && c.gone {
			return &Error{Kind: Connections, Gave: true} // it gave way just before its request arrived
		}
		if err := g.take(&b.entry, Requests, 1, presumed, after); err != nil {
			return err
		}
		g.bodies[b] = true
		if c != nil {
			b.conn, c.body = c, b
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Err returns an error if the request had to give way.
func (b *Body) Err() error {
	if b == nil {
		return nil
	}
	b.gate.mu.Lock()
	defer b.gate.mu.Unlock()
	return b.refusal()
}

func (b *Body) refusal() error {
	if b.err == nil {
		return nil // not a nil *Error in an error
	}
	return b.err
}

// Came counts n octets that have arrived.
func (b *Body) Came(n int) error {
	if b == nil {
		return nil
	}
	b.gate.mu.Lock()
	defer b.gate.mu.Unlock()
	b.meter.count(b.gate.Now(), n)
	return b.refusal()
}

// Take lets the request hold n more of k, or says why not. Slower requests give way to it at once if need be.
func (b *Body) Take(k Kind, n int64) error {
	if b == nil {
		return nil
	}
	return b.gate.locked(func(after *[]func()) error {
		if b.err != nil {
			return b.err
		}
		return b.gate.take(&b.entry, k, n, b.own(), after)
	})
}

// Try is Take for a resource that the caller can do without: nobody gives way, and half of each limit stays reserved
// for those who cannot.
func (b *Body) Try(k Kind, n int64) bool {
	if b == nil {
		return true
	}
	g := b.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	of := g.sources[b.source]
	if b.gone || g.total[k]+n > g.all[k]/2 || b.bounded && of != nil && of[k]+n > g.source[k]/2 {
		return false
	}
	g.book(&b.entry, k, n)
	return true
}

// own is the pace with which the request competes: for a newcomer at least the presumed one.
func (b *Body) own() float64 {
	now := b.gate.Now()
	rate := b.meter.rate(now)
	if now.Sub(b.since) < b.gate.Grace {
		return max(rate, presumed)
	}
	return rate
}

// Return releases n of k.
func (b *Body) Return(k Kind, n int64) {
	if b == nil {
		return
	}
	b.gate.mu.Lock()
	defer b.gate.mu.Unlock()
	if !b.gone {
		b.gate.book(&b.entry, k, -n)
	}
}

// Complete says that the whole body has arrived: from now on the request does not give way. It fails if it already has.
func (b *Body) Complete() error {
	if b == nil {
		return nil
	}
	b.gate.mu.Lock()
	defer b.gate.mu.Unlock()
	if b.err == nil {
		b.complete = true
	}
	return b.refusal()
}

// Close releases everything that the request holds. It may be called more than once.
func (b *Body) Close() {
	if b == nil {
		return
	}
	g := b.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.bodies, b)
	g.drop(&b.entry)
	if c := b.conn; c != nil && c.body == b {
		c.body, c.since = nil, g.Now() // next comes the response; a connection that reads it slowly may give way, too
	}
}

func (b *Body) base() *entry { return &b.entry }

func (b *Body) client() (Source, bool) { return b.source, b.bounded }

func (b *Body) pace(now time.Time, newcomers bool) (float64, bool) {
	if b.gone || b.complete || !newcomers && now.Sub(b.since) < b.gate.Grace {
		return 0, false
	}
	return b.meter.rate(now), true
}

func (b *Body) giveWay(why *Error) func() {
	b.err = why
	b.gate.drop(&b.entry)
	if b.conn != nil && why.Kind == Connections {
		b.gate.drop(&b.conn.entry) // it is closed after the response
	}
	return b.interrupt
}

// meter measures the pace of the last one to two spans.
type meter struct {
	start, mark time.Time // mark is the start of the current span
	last, now   int64     // octets in the previous span and in the current one
}

// span is long enough not to mistake a hiccup of the network for a slow client.
const span = 10 * time.Second

func (m *meter) roll(now time.Time) {
	switch gap := now.Sub(m.mark); {
	case gap < span:
	case gap < 2*span:
		m.last, m.now, m.mark = m.now, 0, m.mark.Add(span)
	default:
		m.last, m.now, m.mark = 0, 0, now
	}
}

func (m *meter) count(now time.Time, n int) {
	m.roll(now)
	m.now += int64(n)
}

// rate is in octets per second, over at least one second.
func (m *meter) rate(now time.Time) float64 {
	m.roll(now)
	from := m.mark.Add(-span)
	if from.Before(m.start) {
		from = m.start
	}
	return float64(m.last+m.now) / max(now.Sub(from).Seconds(), 1)
}
