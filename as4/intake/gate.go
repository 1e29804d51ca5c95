// Package intake bounds what an AS4 endpoint spends on clients before it knows who they are: connections, bodies that
// are being read, and the memory and spool they use (SEC-012, SEC-016). A Gate counts per source and in total. When a
// limit is reached the slowest gives way: idle connections first, then those that send no request, then the body that
// arrives slowest. A newcomer is turned away only if nobody is slower. A request whose body is complete is never
// touched.
//
// A Gate works in two places: its Listener counts connections from the moment they are accepted, before any handshake,
// and Begin counts requests, whose source may be a client behind a trusted proxy (SEC-015). Each works without the
// other.
package intake

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Kind is a kind of resource that is limited.
type Kind uint8

// Kinds.
const (
	Connections Kind = iota
	Requests
	Memory // octets of messages in memory
	Spool  // octets of messages in files
	Files
	kinds
)

func (k Kind) String() string {
	return [kinds]string{"connections", "requests", "memory", "spool", "files"}[k]
}

// Limits bound what may be held at once. A zero field means the default.
type Limits struct {
	Connections int   // connections that are open, and likewise requests under way
	Memory      int64 // octets of messages in memory
	Spool       int64 // octets of messages in files
	Files       int   // files of the spool
}

// Defaults for everybody together and for one source (security.md §5). A source may spool two messages of the largest
// size that Peppol payments have, 2 GiB.
var (
	DefaultAll    = Limits{Connections: 256, Memory: 64 << 20, Spool: 8 << 30, Files: 256}
	DefaultSource = Limits{Connections: 32, Memory: 16 << 20, Spool: 4 << 30, Files: 32}
)

// amounts are what is or may be held, by Kind.
type amounts [kinds]int64

func (l Limits) amounts(def Limits) amounts {
	pick := func(v, d int64) int64 {
		if v == 0 {
			return d
		}
		return v
	}
	n := pick(int64(l.Connections), int64(def.Connections))
	return amounts{n, n, pick(l.Memory, def.Memory), pick(l.Spool, def.Spool), pick(int64(l.Files), int64(def.Files))}
}

// DefaultGrace is how long a newcomer is left alone before its pace counts.
const DefaultGrace = 2 * time.Second

// presumed is the pace, in octets per second, that a newcomer is assumed to have: whoever is slower gives way to it.
const presumed = 64 << 10

// Gate admits connections and requests. It must not be copied after first use.
type Gate struct {
	All     Limits           // of everybody together; zero fields mean DefaultAll
	Source  Limits           // of one source; zero fields mean DefaultSource
	Grace   time.Duration    // how long a newcomer does not give way; 0 means DefaultGrace
	Proxies []netip.Prefix   // whose forwarding headers are trusted; they have no limit per source (SEC-015)
	Closed  func(Closing)    // called for each connection that is closed without a response; may be nil
	Now     func() time.Time // nil means time.Now

	once    sync.Once
	proxies atomic.Pointer[[]netip.Prefix]

	mu      sync.Mutex
	all     amounts // limits
	source  amounts // limits
	conns   map[*conn]bool
	byAddr  map[string]*conn // by the remote address
	bodies  map[*Body]bool
	total   amounts
	sources map[Source]*amounts
}

// Error says which limit was reached.
type Error struct {
	Kind   Kind
	Source bool // the limit of one source, else that of everybody together
	Gave   bool // it was the slowest and gave way to another
}

func (e *Error) Error() string {
	s := "intake: too many " + e.Kind.String()
	if e.Kind == Memory || e.Kind == Spool {
		s = "intake: no room in the " + e.Kind.String()
	}
	if e.Source {
		s += " of this source"
	}
	if e.Gave {
		s += ", and this one came slowest"
	}
	return s
}

func (g *Gate) init() {
	g.once.Do(func() {
		g.all, g.source = g.All.amounts(DefaultAll), g.Source.amounts(DefaultSource)
		g.proxies.Store(&g.Proxies)
		if g.Grace == 0 {
			g.Grace = DefaultGrace
		}
		if g.Now == nil {
			g.Now = time.Now
		}
		if g.Closed == nil {
			g.Closed = func(Closing) {}
		}
		g.conns, g.byAddr = map[*conn]bool{}, map[string]*conn{}
		g.bodies, g.sources = map[*Body]bool{}, map[Source]*amounts{}
	})
}

// Change replaces limits and trusted proxies while the Gate is in use. What is held above a lower limit stays until its
// holders let go of it.
func (g *Gate) Change(all, source Limits, proxies []netip.Prefix) {
	g.init()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all, g.source = all.amounts(DefaultAll), source.amounts(DefaultSource)
	g.proxies.Store(&proxies)
}

// Held is what everybody together holds at the moment.
type Held struct {
	Connections, Requests, Files int
	Memory, Spool                int64
}

// Held returns what is held now.
func (g *Gate) Held() Held {
	g.init()
	g.mu.Lock()
	defer g.mu.Unlock()
	t := &g.total
	return Held{int(t[Connections]), int(t[Requests]), int(t[Files]), t[Memory], t[Spool]}
}

// entry is something that holds resources: a connection or a request.
type entry struct {
	gate    *Gate
	source  Source
	bounded bool // counts as one of its source
	holds   amounts
	since   time.Time // when it began, or entered its present phase
	gone    bool      // it gave way or ended: what it held has been released
}

// book books n of k for e; the gate is locked.
func (g *Gate) book(e *entry, k Kind, n int64) {
	e.holds[k] += n
	g.total[k] += n
	if !e.bounded {
		return
	}
	of := g.sources[e.source]
	if of == nil {
		of = &amounts{}
		g.sources[e.source] = of
	}
	if of[k] += n; *of == (amounts{}) {
		delete(g.sources, e.source)
	}
}

// drop releases everything that e holds, once.
func (g *Gate) drop(e *entry) {
	if e.gone {
		return
	}
	e.gone = true
	for k := range kinds {
		if n := e.holds[k]; n != 0 {
			g.book(e, k, -n)
		}
	}
}

// over returns which limit n more of k for e would exceed, nil if none. alone means that it would be exceeded even if
// everybody else gave way.
func (g *Gate) over(e *entry, k Kind, n int64) (err *Error, alone bool) {
	if e.bounded {
		held := n
		if of := g.sources[e.source]; of != nil {
			held += of[k]
		}
		if held > g.source[k] {
			return &Error{Kind: k, Source: true}, e.holds[k]+n > g.source[k]
		}
	}
	if g.total[k]+n > g.all[k] {
		return &Error{Kind: k}, e.holds[k]+n > g.all[k]
	}
	return nil, false
}

// take lets e, whose pace is given, hold n more of k. If need be, others that are slower give way; what must be done
// about them once the gate is unlocked is appended to after, because it may call back into the gate.
func (g *Gate) take(e *entry, k Kind, n int64, pace float64, after *[]func()) error {
	for {
		err, alone := g.over(e, k, n)
		if err == nil {
			g.book(e, k, n)
			return nil
		}
		if alone {
			return err
		}
		inScope := func(o *entry) bool { return o != e && (!err.Source || o.bounded && o.source == e.source) }
		v := g.slowest(k, pace, inScope)
		if v == nil && !err.Source {
			v = g.heaviest(e, k)
		}
		if v == nil {
			return err
		}
		*after = append(*after, v.giveWay(&Error{Kind: k, Source: err.Source, Gave: true}))
	}
}

// holder is a connection or a request that may have to give way.
type holder interface {
	base() *entry
	client() (s Source, ok bool)                                  // ok is false for a proxy without a known client
	pace(now time.Time, newcomers bool) (octets float64, ok bool) // ok is false if it must not be touched
	giveWay(why *Error) (after func())
}

// holders calls visit for everyone who holds some of k.
func (g *Gate) holders(k Kind, visit func(holder)) {
	if k == Connections {
		for c := range g.conns {
			if c.holds[k] > 0 {
				visit(c)
			}
		}
		return
	}
	for b := range g.bodies {
		if b.holds[k] > 0 {
			visit(b)
		}
	}
}

// slowest returns the holder with the lowest pace among those in scope if that is lower than pace; of equals, the
// oldest.
func (g *Gate) slowest(k Kind, pace float64, scope func(*entry) bool) (found holder) {
	now := g.Now()
	g.holders(k, func(h holder) {
		p, ok := h.pace(now, false)
		if !ok || !scope(h.base()) {
			return
		}
		if p < pace || p == pace && found != nil && h.base().since.Before(found.base().since) {
			found, pace = h, p
		}
	})
	return found
}

// heaviest returns the slowest holder, newcomers included, of the source with most connections or requests, if that has
// at least two more than the source of e: a flood of newcomers from one source must not keep everybody else out.
func (g *Gate) heaviest(e *entry, k Kind) (found holder) {
	if k != Connections && k != Requests {
		return nil
	}
	count := map[Source]int{}
	g.holders(k, func(h holder) {
		if s, ok := h.client(); ok {
			count[s]++
		}
	})
	own := 0
	if e.bounded {
		own = count[e.source]
	}
	now, lowest, most := g.Now(), 0.0, own+1
	g.holders(k, func(h holder) {
		s, known := h.client()
		p, ok := h.pace(now, true)
		if n := count[s]; known && ok && (n > most || n == most && found != nil && p < lowest) {
			found, lowest, most = h, p, n
		}
	})
	return found
}

// locked runs f with the gate locked and then, unlocked, what f has left to be done.
func (g *Gate) locked(f func(after *[]func()) error) error {
	var after []func()
	g.mu.Lock()
	err := f(&after)
	g.mu.Unlock()
	for _, do := range after {
		do()
	}
	return err
}
