package intake

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Source is who is counted as one client: an IPv4 address, or the first 64 bits of an IPv6 address, because whoever has
// one address in such a network has all of them.
type Source struct{ prefix netip.Prefix }

// sourceOf is the zero Source for an address that is not valid.
func sourceOf(a netip.Addr) Source {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return Source{}
	}
	return Source{p}
}

// SourceOf is the source of a remote address, with or without port.
func SourceOf(remote string) Source { return sourceOf(addrOf(remote)) }

func (s Source) String() string {
	switch {
	case !s.prefix.IsValid():
		return "unknown"
	case s.prefix.IsSingleIP():
		return s.prefix.Addr().String()
	}
	return s.prefix.String()
}

// addrOf reads an address with or without port; IPv4 in IPv6 is IPv4, and zones do not count.
func addrOf(text string) netip.Addr {
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		p, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}
		}
		a = p.Addr()
	}
	return a.Unmap().WithZone("")
}

// Client is who sent a request.
type Client struct {
	Remote string // its address; with its port, when it is connected to us itself
	Proxy  string // the trusted proxy through which it came, "" for none
	Source Source

	peer    string // remote address of the connection
	bounded bool
}

// Known reports whether Source is the client itself: a proxy that names no client may stand for many.
func (c Client) Known() bool { return c.bounded }

// Client returns who sent a request: the peer of the connection or, if that is a trusted proxy, the client that it
// names. Forwarding headers from anybody else are ignored (SEC-015).
//
// A proxy that names no client counts as itself and has no limit per source. If its headers cannot be read, or
// Forwarded and X-Forwarded-For disagree, one of them was written by a client: then all such requests count as one
// source.
func (g *Gate) Client(r *http.Request) Client {
	g.init()
	peer := addrOf(r.RemoteAddr)
	c := Client{Remote: r.RemoteAddr, Source: sourceOf(peer), peer: r.RemoteAddr, bounded: true}
	if !g.trusts(peer) {
		return c
	}
	var named []netip.Addr
	for _, hops := range [][]string{xForwardedFor(r.Header["X-Forwarded-For"]), forwarded(r.Header["Forwarded"])} {
		if len(hops) == 0 {
			continue
		}
		a := g.nearest(hops)
		if !a.IsValid() {
			return c
		}
		named = append(named, a)
	}
	switch {
	case len(named) == 2 && named[0] != named[1]:
		return c
	case len(named) == 0 || g.trusts(named[0]):
		c.bounded = false
		return c
	}
	c.Remote, c.Proxy, c.Source = named[0].String(), peer.String(), sourceOf(named[0])
	return c
}

// trusts reports whether an address is one of a trusted proxy.
func (g *Gate) trusts(a netip.Addr) bool {
	g.init()
	return slices.ContainsFunc(*g.proxies.Load(), func(p netip.Prefix) bool { return p.Contains(a) })
}

// nearest returns the last hop that is not a trusted proxy, the first one if all are, and nothing if it meets a hop
// that is not an address. It reads from the end because a client can write whatever it likes at the front.
func (g *Gate) nearest(hops []string) netip.Addr {
	for i := len(hops) - 1; ; i-- {
		a := addrOf(hops[i])
		if i == 0 || !a.IsValid() || !g.trusts(a) {
			return a
		}
	}
}

// xForwardedFor lists the hops of all header lines.
func xForwardedFor(lines []string) (hops []string) {
	for _, line := range lines {
		for hop := range strings.SplitSeq(line, ",") {
			hops = append(hops, strings.TrimSpace(hop))
		}
	}
	return hops
}

// forwarded lists the "for" of each element of the header lines (RFC 7239 §4), "" for an element without one.
func forwarded(lines []string) (hops []string) {
	for _, line := range lines {
		for _, element := range split(line, ',') {
			hop := ""
			for _, pair := range split(element, ';') {
				name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
				if strings.EqualFold(name, "for") {
					hop = strings.Trim(value, `"`)
				}
			}
			hops = append(hops, hop)
		}
	}
	return hops
}

// split splits at a separator outside of quotes.
func split(s string, sep byte) (out []string) {
	quoted, from := false, 0
	for i := range len(s) {
		switch s[i] {
		case '"':
			quoted = !quoted
		case sep:
			if !quoted {
				out, from = append(out, s[from:i]), i+1
			}
		}
	}
	return append(out, s[from:])
}
