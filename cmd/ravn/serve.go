package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/config"
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
		Long: "Runs the access point until SIGTERM or SIGINT, then finishes what is in progress and ends. SIGHUP is " +
			"logged and\n" +
			"changes nothing.\n\n" +
			"The log goes to standard error, including start, stop and the reasons.\n\n" +
			"Exit codes: 0 it was asked to end; 2 the configuration is wrong, see ravn config check; 3 it had to stop.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(c.config)
			if err != nil {
				return err
			}
			log := c.logger(cfg)
			defer ignoreHangup(log)()
			tuneGC()
			log.Info().Str("version", programVersion()).Str("go", runtime.Version()).Int("pid", os.Getpid()).
				Str("environment", cfg.Environment).Str("config", c.config).Str("listen",
				cfg.AS4.Listen).Msg("starting")
			if err := runServer(cmd.Context(), cfg, log); err != nil {
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

// ignoreHangup logs SIGHUP, which would otherwise end the process, until the returned function is called.
func ignoreHangup(log zerolog.Logger) (end func()) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-hup:
				log.Info().Str("signal", "SIGHUP").Msg("ignored: a changed configuration needs a restart")
			case <-done:
				return
			}
		}
	}()
	return func() { signal.Stop(hup); close(done) }
}

// runServer opens the server, runs it and closes it.
func runServer(ctx context.Context, cfg *config.Config, log zerolog.Logger) error {
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
	for _, r := range n.Remarks {
		log.Warn().Msg(r)
	}
	if cfg.Env() != certs.Local && cfg.Certs.Revocation == "unchecked" {
		log.Warn().Msg("certs.revocation is unchecked: revoked certificates are believed")
	}
	for _, ca := range certs.CAs(n.Trust.Anchors().AP) { // PKI-004
		log.Info().Str("anchor", certs.Subject(ca)).Str("sha256", certs.Fingerprint(ca)).
			Msg("access points are trusted that this CA issued")
	}
	var seats []string
	for _, id := range n.Keys.Identities() {
		seats = append(seats, string(id.Seat))
	}
	log.Info().Str("url", n.URL()).Str("listen", n.Addr()).Str("ops", n.OpsAddr()).Strs("seats", seats).
		Str("environment", cfg.Environment).Msg("ready")
	return n.Serve(ctx)
}
