package config

import (
	"net"

	"github.com/ravn-ap/ravn/certs"
)

// checkOps checks the listener of those who watch. It has no login, so it is on loopback unless the operator says
// otherwise (API-080); in local there is no otherwise (D-20).
func (c *Config) checkOps(env certs.Environment, bad complain) {
	o := &c.Ops
	if o.Listen == "" {
		if o.Public {
			bad("ops.public", "ops.listen is missing")
		}
		return
	}
	host, _, _ := net.SplitHostPort(o.Listen)
	switch {
	case !IsAddress(o.Listen):
		bad("ops.listen", "want host:port, have %q", o.Listen)
	case env == certs.Local && !loopback(host):
		bad("ops.listen", "local listens on loopback addresses only (D-20), have %q", host)
	case !loopback(host) && !o.Public:
		bad("ops.listen", "%q can be reached from other machines, and the listener has no login: listen on 127.0.0.1, "+
			"or set ops.public", host)
	case o.Listen == c.AS4.Listen && server(o.Listen):
		bad("ops.listen", "%s is as4.listen", o.Listen)
	}
}
