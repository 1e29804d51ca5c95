package main

import (
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/node"
)

// tuneGC lets the heap grow further between collections than Go's default does, unless GOGC says otherwise: the live heap
// of a node is small, so a few MiB save much work.
func tuneGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

func (c *cli) serve() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Run the access point", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			log := c.logger(cfg)
			tuneGC()
			n, err := node.Open(cmd.Context(), cfg, node.Options{Log: log, Hook: failpoint()})
			if err != nil {
				return err
			}
			defer func() { _ = n.Close() }() // what was committed is safe either way
			if err := n.Listen(); err != nil {
				return err
			}
			if cfg.Env() != certs.Local && cfg.Certs.Revocation == "unchecked" {
				log.Warn().Msg("certs.revocation is unchecked: revoked certificates are believed")
			}
			for _, i := range n.Trust.Anchors().AP { // PKI-004
				log.Info().Str("anchor", certs.Subject(i.CA)).Str("sha256", certs.Fingerprint(i.CA)).Msg("access points are trusted that this CA issued")
			}
			log.Info().Str("url", n.URL()).Str("seat", string(n.Seat)).Str("environment", cfg.Environment).Msg("ready")
			return n.Serve(cmd.Context())
		},
	}
}
