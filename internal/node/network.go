package node

import (
	"crypto/x509"
	"net/http"
	"time"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/sml"
	"github.com/ravn-ap/ravn/smp"
)

// network makes the HTTP client for outgoing messages and the directory of receivers, which is nil if no zone is known.
// Both contact only addresses that the environment allows (SEC-111, D-20), through the proxy if there is one (OPS-140).
func (n *Node) network(guard *smp.Guard, roots *x509.CertPool) (*http.Client, ap.Directory) {
	toPeers, client := guard.AccessPoints(roots), guard.Client(roots)
	zone := zoneOf(n.Config)
	if zone == "" {
		return toPeers, nil
	}
	d := n.Config.Discovery
	resolver := &sml.Resolver{
		Zone: zone, Server: d.Resolver, Local: guard.Local, Canary: n.Config.Canary(),
		Now: n.opts.Now, Asked: func(took time.Duration) { n.eye.metrics.Asked("dns", took) },
	}
	client.Transport = &timed{client.Transport, func(took time.Duration) { n.eye.metrics.Asked("smp", took) }}
	return toPeers, directory{n: n, Client: &smp.Client{
		Locator: resolver, Trust: n.Trust, Guard: guard, HTTP: client, OldCanonicalization: d.OldForm, Now: n.opts.Now,
	}}
}

// zoneOf returns the SML zone: the configured one, or else that of the environment; local has none.
func zoneOf(cfg *config.Config) string {
	switch {
	case cfg.Discovery.Zone != "":
		return cfg.Discovery.Zone
	case cfg.Env() == certs.Production:
		return sml.ZoneProduction
	case cfg.Env() == certs.Test:
		return sml.ZoneTest
	}
	return ""
}
