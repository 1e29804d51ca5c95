package node

import (
	"net/http"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/sml"
	"github.com/ravn-ap/ravn/smp"
)

// network makes the HTTP client for outgoing messages and the directory of receivers, which is nil if no zone is known.
// Both contact only addresses that the environment allows (SEC-111, D-20).
func (n *Node) network() (*http.Client, ap.Directory, error) {
	roots, err := n.Config.TLSRoots()
	if err != nil {
		return nil, nil, err
	}
	local := n.Config.Env() == certs.Local
	guard := &smp.Guard{Local: local, Deny: n.Config.Denied()}
	toPeers, client := guard.AccessPoints(roots), guard.Client(roots)
	zone := n.zone()
	if zone == "" {
		return toPeers, nil, nil
	}
	d := n.Config.Discovery
	resolver := &sml.Resolver{Zone: zone, Server: d.Resolver, Local: local, Canary: n.Config.Canary(), Now: n.opts.Now}
	return toPeers, &smp.Client{
		Locator: resolver, Trust: n.Trust, Guard: guard, HTTP: client, OldCanonicalization: d.OldForm, Now: n.opts.Now,
	}, nil
}

// zone returns the SML zone: the configured one, or else that of the environment; local has none.
func (n *Node) zone() string {
	switch {
	case n.Config.Discovery.Zone != "":
		return n.Config.Discovery.Zone
	case n.Config.Env() == certs.Production:
		return sml.ZoneProduction
	case n.Config.Env() == certs.Test:
		return sml.ZoneTest
	}
	return ""
}
