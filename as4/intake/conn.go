package intake

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// Closing describes a connection that the gate closed without a response: a newcomer for which there was no room, or
// one that gave way.
type Closing struct {
	Remote string // its address
	Source Source
	Why    *Error
}

// conn is a counted connection.
type conn struct {
	net.Conn
	entry
	remote string
	idle   bool      // between two requests
	left   time.Time // when it gave way
	body   *Body     // the request being read or worked on
	once   sync.Once
}

// Listener returns l with its connections counted. The server must call ConnState so that the gate knows which are
// idle.
func (g *Gate) Listener(l net.Listener) net.Listener {
	g.init()
	return &listener{l, g}
}

type listener struct {
	net.Listener
	gate *Gate
}

// Accept returns the next connection for which there is room; others are closed before a byte is read.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if admitted := l.gate.admit(c); admitted != nil {
			return admitted, nil
		}
		_ = c.Close() // nothing was read or written
	}
}

// admit counts a connection. It returns nil if there is no room for it.
func (g *Gate) admit(nc net.Conn) *conn {
	c := &conn{Conn: nc, remote: nc.RemoteAddr().String()}
	addr := addrOf(c.remote)
	err := g.locked(func(after *[]func()) error {
		c.entry = entry{gate: g, source: sourceOf(addr), bounded: !g.trusts(addr), since: g.Now()}
		// Connections that gave way stay open until their response is sent. They must not pile up.
		if int64(len(g.conns)) >= 2*g.all[Connections] {
			*after = append(*after, g.leaving())
		}
		if err := g.take(&c.entry, Connections, 1, presumed, after); err != nil {
			return err
		}
		g.conns[c], g.byAddr[c.remote] = true, c
		return nil
	})
	if err != nil {
		g.Closed(Closing{c.remote, c.source, err.(*Error)})
		return nil
	}
	return c
}

// leaving returns a function that closes the connection that gave way longest ago and is still open. Its response may
// be lost.
func (g *Gate) leaving() func() {
	var found *conn
	for c := range g.conns {
		if c.gone && (found == nil || c.left.Before(found.left)) {
			found = c
		}
	}
	if found == nil {
		return func() {}
	}
	return func() { _ = found.Close() } // the server notices that
}

// ConnState follows the state of a connection; it is meant for http.Server.ConnState.
func (g *Gate) ConnState(nc net.Conn, state http.ConnState) {
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok { // *tls.Conn
		nc = t.NetConn()
	}
	c, ok := nc.(*conn)
	if !ok || state == http.StateClosed {
		return // Close has done or will do what is needed
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	c.idle, c.since = state == http.StateIdle, g.Now()
}

// Close closes the connection and releases its place.
func (c *conn) Close() error {
	c.once.Do(func() {
		g := c.gate
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.conns, c)
		if g.byAddr[c.remote] == c {
			delete(g.byAddr, c.remote)
		}
		g.drop(&c.entry)
	})
	return c.Conn.Close()
}

// CloseWrite lets net/http close its side first, so that a response is not lost to a TCP reset.
func (c *conn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

func (c *conn) base() *entry { return &c.entry }

func (c *conn) client() (Source, bool) {
	if c.body != nil {
		return c.body.client()
	}
	return c.source, c.bounded
}

// pace ranks a connection: an idle one lowest, then one that sends no request or does not read its response, then by
// the body that arrives on it.
func (c *conn) pace(now time.Time, newcomers bool) (float64, bool) {
	switch {
	case c.gone:
		return 0, false
	case c.body != nil:
		return c.body.pace(now, newcomers)
	case !newcomers && now.Sub(c.since) < c.gate.Grace:
		return 0, false
	case c.idle:
		return -1, true
	}
	return 0, true
}

func (c *conn) giveWay(why *Error) func() {
	c.left = c.gate.Now()
	if c.body != nil {
		return c.body.giveWay(why) // it gets a response
	}
	c.gate.drop(&c.entry)
	return func() {
		c.gate.Closed(Closing{c.remote, c.source, why})
		_ = c.Close() // the server notices that
	}
}
