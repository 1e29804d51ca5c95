package intake

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

// clock is a time of day that a test sets.
type clock struct{ now time.Time }

func (c *clock) add(d time.Duration) { c.now = c.now.Add(d) }

// scene is a gate with its clock and a list of what it closed.
type scene struct {
	*Gate
	clock  clock
	closed []Closing
}

func newScene(all, source Limits) *scene {
	s := &scene{clock: clock{time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}}
	s.Gate = &Gate{
		All: all, Source: source, Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")},
		Now: func() time.Time { return s.clock.now }, Closed: func(c Closing) { s.closed = append(s.closed, c) },
	}
	return s
}

// request is a body under way in a test.
type request struct {
	*Body
	interrupted bool
}

func from(addr string) Client {
	a := addrOf(addr)
	return Client{Remote: addr, Source: sourceOf(a), peer: addr, bounded: true}
}

func (s *scene) begin(t *testing.T, addr string) *request {
	t.Helper()
	r := &request{}
	var err error
	if r.Body, err = s.Begin(from(addr), func() { r.interrupted = true }); err != nil {
		t.Fatalf("%s: %v", addr, err)
	}
	return r
}

// wantErr checks which bound an error names.
func wantErr(t *testing.T, err error, want Error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || *e != want {
		t.Errorf("got %v, want %v", err, &want)
	}
}

func wantHeld(t *testing.T, g *Gate, want Held) {
	t.Helper()
	if got := g.Held(); got != want {
		t.Errorf("held: %+v, want %+v", got, want)
	}
}

// nothing checks that all was given back.
func nothing(t *testing.T, g *Gate) {
	t.Helper()
	wantHeld(t, g, Held{})
	if len(g.sources)+len(g.conns)+len(g.bodies)+len(g.byAddr) > 0 {
		t.Errorf("left over: sources %v, %d connections, %d bodies", g.sources, len(g.conns), len(g.bodies))
	}
}

// SEC-012: of those that hold what is short, the one that came slowest lately gives way, and nobody else.
func TestSEC012SlowestGivesWay(t *testing.T) {
	s := newScene(Limits{Spool: 1000}, Limits{})
	took := func(r *request, k Kind, n int64) {
		t.Helper()
		if err := r.Take(k, n); err != nil {
			t.Fatal(err)
		}
	}
	fast, stalled := s.begin(t, "192.0.2.1:1"), s.begin(t, "192.0.2.2:1")
	slow, empty := s.begin(t, "192.0.2.3:1"), s.begin(t, "192.0.2.4:1")
	took(fast, Spool, 300)
	took(stalled, Spool, 300)
	took(slow, Spool, 300)
	came := func(r *request, n int) {
		t.Helper()
		if err := r.Came(n); err != nil {
			t.Fatal(err)
		}
	}
	came(stalled, 50<<20) // fast once, then nothing for long
	for range 30 {
		s.clock.add(time.Second)
		came(fast, 100<<10)
		came(slow, 1000)
	}
	next := s.begin(t, "192.0.2.5:1")
	took(next, Spool, 300)
	if !stalled.interrupted || fast.interrupted || slow.interrupted || empty.interrupted {
		t.Errorf("who gave way: fast %v, stalled %v, slow %v, empty %v",
			fast.interrupted, stalled.interrupted, slow.interrupted, empty.interrupted)
	}
	gave := Error{Kind: Spool, Gave: true}
	wantErr(t, stalled.Err(), gave)
	wantErr(t, stalled.Came(1), gave)
	wantErr(t, stalled.Take(Memory, 1), gave)
	wantErr(t, stalled.Complete(), gave)
	wantHeld(t, s.Gate, Held{Requests: 4, Spool: 900})

	took(next, Spool, 300)
	if wantErr(t, slow.Err(), gave); fast.interrupted || next.interrupted {
		t.Error("more than one gave way")
	}
	s.clock.add(time.Minute) // next has not brought anything yet: now it is the slowest itself
	came(fast, 100<<10)
	wantErr(t, next.Take(Spool, 300), Error{Kind: Spool})
	if err := next.Err(); err != nil {
		t.Errorf("what was refused gave way: %v", err)
	}
	for _, r := range []*request{fast, stalled, slow, empty, next, next} {
		r.Close()
	}
	nothing(t, s.Gate)
}

// SEC-012: a newcomer, a body that is complete, and the one that asks do not give way; who asks for more than there is
// costs nobody anything.
func TestSEC012Untouched(t *testing.T) {
	s := newScene(Limits{Memory: 100}, Limits{})
	complete, newcomer := s.begin(t, "192.0.2.1:1"), (*request)(nil)
	if err := errors.Join(complete.Take(Memory, 40), complete.Complete()); err != nil {
		t.Fatal(err)
	}
	s.clock.add(time.Minute)
	newcomer = s.begin(t, "192.0.2.2:1")
	if err := newcomer.Take(Memory, 60); err != nil {
		t.Fatal(err)
	}
	other := s.begin(t, "192.0.2.3:1")
	wantErr(t, other.Take(Memory, 1), Error{Kind: Memory})
	s.clock.add(DefaultGrace)
	wantErr(t, other.Take(Memory, 101), Error{Kind: Memory})
	if complete.interrupted || newcomer.interrupted {
		t.Errorf("gave way: complete %v, newcomer %v", complete.interrupted, newcomer.interrupted)
	}
	if err := other.Came(1); err != nil {
		t.Fatal(err)
	}
	if err := other.Take(Memory, 1); err != nil || !newcomer.interrupted {
		t.Errorf("after the grace: %v, gave way %v", err, newcomer.interrupted)
	}
	other.Return(Memory, 1)
	wantHeld(t, s.Gate, Held{Requests: 2, Memory: 40})
	newcomer.Return(Memory, 60) // what gave way has nothing to return
	wantHeld(t, s.Gate, Held{Requests: 2, Memory: 40})
	for _, r := range []*request{complete, newcomer, other} {
		r.Close()
	}
	nothing(t, s.Gate)
}

// SEC-012: every bound of a source holds at n and not at n+1, and costs other sources nothing. An IPv6 network of 64
// bits is one source.
func TestSEC012BoundsOfASource(t *testing.T) {
	source := Limits{Connections: 3, Memory: 10, Spool: 20, Files: 2}
	for _, addrs := range [][2]string{
		{"192.0.2.1:1", "192.0.2.1:2"},
		{"[2001:db8:1:2::3]:1", "[2001:db8:1:2:ffff::4]:2"},
		{"[::ffff:192.0.2.1]:1", "192.0.2.1:9"},
	} {
		s := newScene(Limits{}, source)
		one, two, stranger := s.begin(t, addrs[0]), s.begin(t, addrs[1]), s.begin(t, "198.51.100.1:1")
		for k, limit := range map[Kind]int64{Memory: 10, Spool: 20, Files: 2} {
			if err := one.Take(k, limit-1); err != nil {
				t.Errorf("%s %s: %v", addrs, k, err)
			}
			if err := two.Take(k, 1); err != nil {
				t.Errorf("%s %s at the limit: %v", addrs, k, err)
			}
			wantErr(t, two.Take(k, 1), Error{Kind: k, Source: true})
			if err := stranger.Take(k, limit); err != nil {
				t.Errorf("%s %s: another source: %v", addrs, k, err)
			}
		}
		third := s.begin(t, addrs[0])
		_, err := s.Begin(from(addrs[1]), nil)
		wantErr(t, err, Error{Kind: Requests, Source: true})
		third.Close()
		s.begin(t, addrs[1]).Close()
		for _, r := range []*request{one, two, stranger} {
			r.Close()
		}
		nothing(t, s.Gate)
	}
}

// The limits that are not set are those of security.md §5.
func TestSEC012Defaults(t *testing.T) {
	g := &Gate{Source: Limits{Files: 7}}
	g.init()
	all, source := amounts{256, 256, 64 << 20, 8 << 30, 256}, amounts{32, 32, 16 << 20, 4 << 30, 7}
	if g.all != all || g.source != source || g.Grace != 2*time.Second {
		t.Errorf("%v, %v, %v", g.all, g.source, g.Grace)
	}
}

// pipe is a connection from an address.
type pipe struct {
	net.Conn
	addr   string
	closed bool
}

type pipeAddr string

func (a pipeAddr) Network() string { return "tcp" }
func (a pipeAddr) String() string  { return string(a) }

func (p *pipe) RemoteAddr() net.Addr { return pipeAddr(p.addr) }
func (p *pipe) Close() error         { p.closed = true; return nil }

// secured is like a *tls.Conn around a connection.
type secured struct{ net.Conn }

func (s secured) NetConn() net.Conn { return s.Conn }

// accepted yields connections and then ends.
type accepted struct {
	net.Listener
	list []net.Conn
}

func (a *accepted) Accept() (net.Conn, error) {
	if len(a.list) == 0 {
		return nil, net.ErrClosed
	}
	c := a.list[0]
	a.list = a.list[1:]
	return c, nil
}

// connect lets a connection come, nil if it was not admitted.
func (s *scene) connect(addr string) (p *pipe, c net.Conn) {
	p = &pipe{addr: addr}
	c, err := s.Listener(&accepted{list: []net.Conn{p}}).Accept()
	if err != nil {
		return p, nil
	}
	return p, c
}

// SEC-012: where the bound of all is reached an idle connection gives way first, then one that brings no request, then
// the one whose body is slowest; a connection that is being served never.
func TestSEC012Connections(t *testing.T) {
	s := newScene(Limits{Connections: 5}, Limits{})
	silent, _ := s.connect("192.0.2.2:1")
	s.clock.add(time.Second)
	idle, idleConn := s.connect("192.0.2.1:1")
	slowPipe, _ := s.connect("192.0.2.3:1")
	fastPipe, _ := s.connect("192.0.2.4:1")
	served, _ := s.connect("192.0.2.5:1")
	s.ConnState(secured{idleConn}, http.StateIdle)
	slow, fast, work := s.begin(t, "192.0.2.3:1"), s.begin(t, "192.0.2.4:1"), s.begin(t, "192.0.2.5:1")
	if err := work.Complete(); err != nil {
		t.Fatal(err)
	}
	if p, c := s.connect("198.51.100.1:1"); c != nil || !p.closed { // all are newcomers of as many sources
		t.Error("a sixth one is admitted")
	}
	s.clock.add(3 * time.Second)
	if err := errors.Join(slow.Came(10), fast.Came(10<<20)); err != nil {
		t.Fatal(err)
	}
	for i, tc := range []struct {
		gives  *bool
		answer bool
	}{{&idle.closed, false}, {&silent.closed, false}, {&slow.interrupted, true}} {
		before := len(s.closed)
		if _, c := s.connect(fmt.Sprintf("198.51.100.%d:1", i+2)); c == nil || !*tc.gives ||
			tc.answer != (len(s.closed) == before) {
			t.Errorf("newcomer %d: admitted %v, the right one gave way %v, closed %+v", i, c != nil, *tc.gives,
				s.closed)
		}
	}
	if slowPipe.closed || fast.interrupted || fastPipe.closed || work.interrupted || served.closed {
		t.Errorf("slow closed %v, fast %v %v, served %v %v",
			slowPipe.closed, fast.interrupted, fastPipe.closed, work.interrupted, served.closed)
	}
	if _, c := s.connect("198.51.100.9:1"); c != nil {
		t.Error("one more is admitted while nobody is slow")
	}
	last := s.closed[len(s.closed)-1]
	if last.Remote != "198.51.100.9:1" || last.Source.String() != "198.51.100.9" ||
		*last.Why != (Error{Kind: Connections}) {
		t.Errorf("reported: %+v", last)
	}
	if w := s.closed[1].Why; s.closed[1].Remote != "192.0.2.1:1" || *w != (Error{Kind: Connections, Gave: true}) {
		t.Errorf("reported: %+v %v", s.closed[1], w)
	}
}

// SEC-012: a source has its own bound, within which its own connections give way; a trusted proxy has none.
func TestSEC012ConnectionsOfASource(t *testing.T) {
	s := newScene(Limits{Connections: 100}, Limits{Connections: 2})
	first, firstConn := s.connect("192.0.2.1:1")
	_, second := s.connect("192.0.2.1:2")
	if _, c := s.connect("192.0.2.1:3"); c != nil || first.closed {
		t.Errorf("a third one: %v, the first one closed %v", c != nil, first.closed)
	}
	if w := s.closed[0].Why; *w != (Error{Kind: Connections, Source: true}) {
		t.Errorf("reported %v", w)
	}
	s.clock.add(time.Minute)
	s.ConnState(second, http.StateActive)
	_, third := s.connect("192.0.2.1:3")
	if third == nil || !first.closed {
		t.Error("the stalled one of the source did not give way")
	}
	_ = firstConn.Close() // the server closes it, too
	wantHeld(t, s.Gate, Held{Connections: 2})
	for i := range 50 {
		if _, c := s.connect(fmt.Sprintf("10.0.0.7:%d", i)); c == nil {
			t.Fatalf("connection %d of the proxy is refused", i)
		}
	}
	_, _ = second.Close(), third.Close()
	wantHeld(t, s.Gate, Held{Connections: 50})
}

// SEC-012: many that come all the time do not keep a single one out: the source that has most gives way, even within
// the grace; it is never the single one, and not one that is being served.
func TestSEC012FairShare(t *testing.T) {
	s := newScene(Limits{Connections: 40}, Limits{Connections: 32})
	var flood []*pipe
	for i := range 20 {
		for source := range 2 {
			p, _ := s.connect(fmt.Sprintf("192.0.2.%d:%d", source, i))
			flood = append(flood, p)
		}
	}
	good, c := s.connect("198.51.100.1:1")
	if c == nil {
		t.Fatal("the single one is kept out")
	}
	for i := range 100 {
		s.connect(fmt.Sprintf("192.0.2.%d:%d", i%3, 100+i))
	}
	if good.closed {
		t.Error("the single one gave way")
	}
	closed := 0
	for _, p := range flood {
		if p.closed {
			closed++
		}
	}
	if h := s.Held(); closed == 0 || h.Connections != 40 {
		t.Errorf("%d of the flood gave way, %d are open", closed, h.Connections)
	}
}

// Behind a proxy the clients share its connections, and one with many does not keep another's out.
func TestSEC015FairShareBehindProxy(t *testing.T) {
	s := newScene(Limits{Connections: 10}, Limits{Connections: 9})
	proxied := func(port int, client string) *request {
		peer := fmt.Sprintf("10.0.0.7:%d", port)
		if _, c := s.connect(peer); c == nil {
			t.Fatalf("connection %d of the proxy is refused", port)
		}
		r := &request{}
		who := from(client)
		who.peer = peer
		var err error
		if r.Body, err = s.Begin(who, func() { r.interrupted = true }); err != nil {
			t.Fatal(err)
		}
		return r
	}
	var flood []*request
	for i := range 9 {
		flood = append(flood, proxied(i, "192.0.2.1"))
	}
	single := proxied(9, "192.0.2.2")
	proxied(10, "192.0.2.3")
	gave := 0
	for _, r := range flood {
		if r.interrupted {
			gave++
		}
	}
	if gave != 1 || single.interrupted {
		t.Errorf("%d of the flood gave way, the single one %v", gave, single.interrupted)
	}
}

// Those that gave way but do not end, because nobody takes their answer, do not add up without bound, and keep nobody
// out.
func TestSEC012HardBound(t *testing.T) {
	s := newScene(Limits{Connections: 3}, Limits{})
	for i := range 20 {
		addr := fmt.Sprintf("192.0.2.%d:1", i)
		if _, c := s.connect(addr); c == nil {
			t.Fatalf("number %d is kept out", i)
		}
		s.begin(t, addr)
		s.clock.add(time.Minute)
	}
	if n := len(s.conns); n != 6 {
		t.Errorf("%d connections are open", n)
	}
	wantHeld(t, s.Gate, Held{Connections: 3, Requests: 3})
}

// What gave way just before its request was there is not served.
func TestSEC012GaveWayBeforeItsRequest(t *testing.T) {
	s := newScene(Limits{Connections: 1}, Limits{})
	s.connect("192.0.2.1:1")
	s.clock.add(time.Minute)
	s.Closed = func(Closing) {
		_, err := s.Begin(from("192.0.2.1:1"), nil)
		wantErr(t, err, Error{Kind: Connections, Gave: true})
	}
	if _, c := s.connect("192.0.2.2:1"); c == nil {
		t.Error("the newcomer is kept out")
	}
	wantHeld(t, s.Gate, Held{Connections: 1})
}

// SEC-015.
func TestSEC015Client(t *testing.T) {
	s := newScene(Limits{}, Limits{})
	for _, tc := range []struct {
		name, peer     string
		xff, forwarded []string
		source, remote string
		proxy          string
		bounded        bool
	}{
		{"nobody between", "192.0.2.1:7", nil, nil, "192.0.2.1", "192.0.2.1:7", "", true},
		{
			"a spoofed header of a stranger", "192.0.2.1:7",
			[]string{"8.8.8.8"},
			[]string{"for=8.8.8.8"},
			"192.0.2.1", "192.0.2.1:7", "", true,
		},
		{"X-Forwarded-For", "10.0.0.9:7", []string{"192.0.2.1"}, nil, "192.0.2.1", "192.0.2.1", "10.0.0.9", true},
		{
			"the rightmost untrusted hop", "10.0.0.9:7",
			[]string{"8.8.8.8, 192.0.2.1", "10.0.0.3"},
			nil,
			"192.0.2.1", "192.0.2.1", "10.0.0.9", true,
		},
		{
			"Forwarded", "10.0.0.9:7", nil,
			[]string{`for=8.8.8.8;by=x, For="[2001:db8:1:2::3]:4711";proto=https`},
			"2001:db8:1:2::/64", "2001:db8:1:2::3", "10.0.0.9", true,
		},
		{
			"Forwarded in two lines", "10.0.0.9:7", nil,
			[]string{"for=8.8.8.8", "for=192.0.2.1;by=10.0.0.3, for=10.0.0.3"},
			"192.0.2.1", "192.0.2.1", "10.0.0.9", true,
		},
		{
			"a comma in quotes", "10.0.0.9:7", nil,
			[]string{`for="8.8.8.8, for=7.7.7.7", for=192.0.2.1`},
			"192.0.2.1", "192.0.2.1", "10.0.0.9", true,
		},
		{
			"an address with port", "10.0.0.9:7",
			[]string{"192.0.2.1:4711"},
			nil,
			"192.0.2.1", "192.0.2.1", "10.0.0.9", true,
		},
		{
			"both agree", "10.0.0.9:7",
			[]string{"192.0.2.1"},
			[]string{"for=192.0.2.1"},
			"192.0.2.1", "192.0.2.1", "10.0.0.9", true,
		},
		{
			"both differ: one is the client's own", "10.0.0.9:7",
			[]string{"192.0.2.1"},
			[]string{"for=8.8.8.8"},
			"10.0.0.9", "10.0.0.9:7", "", true,
		},
		{"an obfuscated hop", "10.0.0.9:7", nil, []string{"for=_hidden"}, "10.0.0.9", "10.0.0.9:7", "", true},
		{
			"an element without for", "10.0.0.9:7", nil,
			[]string{"for=192.0.2.1, proto=https"},
			"10.0.0.9", "10.0.0.9:7", "", true,
		},
		{
			"an open quote swallows the rest", "10.0.0.9:7", nil,
			[]string{`for="8.8.8.8, for=192.0.2.1`},
			"10.0.0.9", "10.0.0.9:7", "", true,
		},
		{"no address", "10.0.0.9:7", []string{"8.8.8.8, unknown"}, nil, "10.0.0.9", "10.0.0.9:7", "", true},
		{"the proxy names nobody", "10.0.0.9:7", nil, nil, "10.0.0.9", "10.0.0.9:7", "", false},
		{"the proxy names itself", "10.0.0.9:7", []string{"10.0.0.4"}, nil, "10.0.0.9", "10.0.0.9:7", "", false},
		{
			"IPv4 in IPv6 is trusted as IPv4", "[::ffff:10.0.0.9]:7",
			[]string{"192.0.2.1"},
			nil,
			"192.0.2.1", "192.0.2.1", "10.0.0.9", true,
		},
		{"a peer without address", "@", nil, nil, "unknown", "@", "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: tc.peer, Header: http.Header{}}
			r.Header["X-Forwarded-For"], r.Header["Forwarded"] = tc.xff, tc.forwarded
			got := s.Client(r)
			want := Client{Remote: tc.remote, Proxy: tc.proxy, Source: got.Source, peer: tc.peer, bounded: tc.bounded}
			if got != want || got.Source.String() != tc.source {
				t.Errorf("got %+v (source %s), want %+v (%s)", got, got.Source, want, tc.source)
			}
		})
	}
}

// A nil Body is for who has no gate.
func TestNilBody(t *testing.T) {
	var b *Body
	if err := errors.Join(b.Err(), b.Came(1), b.Take(Spool, 1<<60), b.Complete()); err != nil {
		t.Error(err)
	}
	b.Return(Spool, 1)
	b.Close()
}

// OPS-122: limits and proxies may change while a gate is in use.
func TestOPS122Change(t *testing.T) {
	s := newScene(Limits{Memory: 100}, Limits{Memory: 100})
	r := s.begin(t, "192.0.2.1:1")
	if err := r.Take(Memory, 80); err != nil {
		t.Fatal(err)
	}
	s.Change(Limits{Memory: 90}, Limits{Memory: 90}, []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")})
	wantErr(t, r.Take(Memory, 11), Error{Kind: Memory, Source: true})
	if err := r.Take(Memory, 10); err != nil {
		t.Error(err)
	}
	for addr, want := range map[string]bool{"10.0.0.1": false, "192.0.2.7": true} {
		if got := s.trusts(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s is a proxy: %t, want %t", addr, got, want)
		}
	}
}
