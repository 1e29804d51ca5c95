package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/node"
)

// tuneGC lets the heap grow more between garbage collections than by default, unless GOGC is set: the live heap of a
// node is small, so a few MiB save a lot of work.
func tuneGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

func (c *cli) serve() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Run the access point", Args: cobra.NoArgs,
		Long: "Runs the access point until SIGTERM or SIGINT, then finishes what is in progress and ends. SIGHUP, or " +
			"ravn config reload,\n" +
			"makes it read the configuration again: keys, certificates, plans, limits, rules and everything else but " +
			"addresses,\n" +
			"environment, data folder and database. If that is wrong, the old one stays and the log says why.\n\n" +
			"The log goes to standard error, including start, stop and the reasons.\n\n" +
			"Exit codes: 0 it was asked to end; 2 the configuration is wrong, see ravn config check; 3 it had to stop.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(c.config)
			if err != nil {
				return err
			}
			log := c.logger(cfg)
			hup := make(chan os.Signal, 1)
			signal.Notify(hup, syscall.SIGHUP) // from now on it does not end the process
			defer signal.Stop(hup)
			tuneGC()
			log.Info().Str("version", programVersion()).Str("go", runtime.Version()).Int("pid", os.Getpid()).
				Str("environment", cfg.Environment).Str("config", c.config).Str("listen",
				cfg.AS4.Listen).Msg("starting")
			if err := c.runServer(cmd.Context(), cfg, log, hup); err != nil {
				for _, one := range flatten(err) { // what config check says, line by line
					log.Error().Err(one).Msg("stopped")
				}
				return &shownError{err}
			}
			log.Info().Msg("stopped")
			return nil
		},
	}
}

// reloadOnHangup reloads the configuration of a server at each SIGHUP, until the returned function is called. One that
// came while the server was starting is obeyed when it has begun.
func (c *cli) reloadOnHangup(hup <-chan os.Signal, n *node.Node) (end func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-n.Begun():
		case <-done:
			return
		}
		for {
			select {
			case <-hup:
				c.reload(n)
			case <-done:
				return
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

// reload replaces the configuration of a running server by what the file says now. If that is wrong, the old one stays
// and the log says everything that is wrong with it (OPS-122).
func (c *cli) reload(n *node.Node) {
	log := c.logger(n.Config)
	cfg, err := config.Load(c.config)
	var next *node.Node
	var kept []string
	if err == nil {
		log = c.logger(cfg)
		next, kept, err = n.Reload(cfg, log)
	}
	switch {
	case errors.Is(err, node.ErrNotServing):
		log.Warn().Msg("not reloaded: the server is ending")
		return
	case err != nil:
		for _, one := range flatten(err) {
			log.Error().Str("code", string(fault.ConfigKept)).Err(one).
				Msg("the changed configuration is wrong: the server goes on with the one it has")
		}
		return
	}
	for _, key := range kept {
		log.Warn().Str("key", key).Msg("it has changed and needs a restart: until then the old value stays")
	}
	remarks(log, next)
	log.Info().Str("config", c.config).Strs("seats", seats(next)).Msg("the configuration was reloaded")
}

// runServer opens the server, runs it and closes it.
func (c *cli) runServer(ctx context.Context, cfg *config.Config, log zerolog.Logger,
	hup <-chan os.Signal,
) error {
	n, err := node.Open(ctx, cfg, node.Options{
		Log: log, Hook: failpoint(), Program: programName(), Version: programVersion(), Commit: programCommit(),
	})
	if err != nil {
		return err
	}
	defer func() { _ = n.Close() }() // what was committed is safe either way
	if err := n.Listen(); err != nil {
		return err
	}
	remarks(log, n)
	for _, ca := range certs.CAs(n.Trust.Anchors().AP) { // PKI-004
		log.Info().Str("anchor", certs.Subject(ca)).Str("sha256", certs.Fingerprint(ca)).
			Msg("access points are trusted that this CA issued")
	}
	log.Info().Str("url", n.URL()).Str("listen", n.Addr()).Str("ops", n.OpsAddr()).Strs("seats", seats(n)).
		Str("environment", cfg.Environment).Msg("ready")
	defer c.reloadOnHangup(hup, n)()
	return n.Serve(ctx)
}

// remarks logs what an operator should know about a configuration that is in use.
func remarks(log zerolog.Logger, n *node.Node) {
	for _, r := range n.Remarks {
		log.Warn().Msg(r)
	}
	if n.Config.Env() != certs.Local && n.Config.Certs.Revocation == "unchecked" {
		log.Warn().Msg("certs.revocation is unchecked: revoked certificates are believed")
	}
}

// seats lists the seats of our keys.
func seats(n *node.Node) (list []string) {
	for _, id := range n.Keys.Identities() {
		list = append(list, string(id.Seat))
	}
	return list
}
