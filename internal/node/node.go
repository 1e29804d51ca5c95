// Package node builds one whole server from a configuration and runs it: record, payload store, keys, discovery, AS4
// endpoint and queue. What serve, send, demo, localnet, bench and whole-path tests start is always this.
package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/as4/intake"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/backend"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/queue"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/blob"
	"github.com/ravn-ap/ravn/internal/store/postgres"
	"github.com/ravn-ap/ravn/internal/store/sqlite"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/validation"
	"github.com/ravn-ap/ravn/validation/pack"
)

// Options are the parts of a node that tests replace. The zero value is right for production.
type Options struct {
	Log  zerolog.Logger
	Now  func() time.Time
	Hook func(point string) // crash points of the store, the blobs and the endpoint
}

// Node is one server.
type Node struct {
	Config   *config.Config
	Store    *store.Store
	Blobs    blob.Store
	Keys     *certs.Keyring
	Trust    *certs.Verifier
	Seat     peppol.SeatID // signs by default: of the first key
	Inbound  *ap.Inbound
	Outbound *ap.Outbound

	opts     Options
	spool    string
	listener net.Listener
	gate     *intake.Gate // what strangers may hold at the AS4 endpoint
	runner   *queue.Runner
	health   health
	lines    lines // what is logged of strangers

	rules      *validation.Validator // nil when nothing is checked
	packs      []pack.Pack           // those of rules
	unreadable []error               // rules that could not be read
}

// Open opens everything a node needs but listens to nothing and runs nothing.
func Open(ctx context.Context, cfg *config.Config, opts Options) (*Node, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Hook == nil {
		opts.Hook = func(string) {}
	}
	n := &Node{Config: cfg, opts: opts, lines: newLines(opts.Log, opts.Now)}
	if err := n.openKeys(ctx); err != nil {
		return nil, err
	}
	if err := n.openRecord(ctx); err != nil {
		return nil, err
	}
	if err := n.wire(); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// openKeys reads our keys and the anchors, and refuses a key that the environment would not believe (PKI-030, PKI-031).
func (n *Node) openKeys(ctx context.Context) error {
	var err error
	if n.Keys, err = n.Config.Keyring(); err != nil {
		return err
	}
	anchors, err := n.Config.Anchors()
	if err != nil {
		return err
	}
	n.Trust = certs.NewVerifier(anchors, certs.Unchecked{})
	n.Seat = n.Keys.Identities()[0].Seat
	id, err := n.Keys.Current(n.Seat, n.opts.Now())
	if err == nil {
		err = n.Trust.VerifyAP(ctx, id.Cert, n.opts.Now())
	}
	if err != nil {
		return fault.New(fault.KeyUntrusted, err, "seat %s", n.Seat)
	}
	return nil
}

// openRecord opens folders, database and blobs.
func (n *Node) openRecord(ctx context.Context) error {
	data, blobs, spool, _, err := n.Config.Folders()
	if err != nil {
		return err
	}
	n.spool = spool
	dir, err := blob.OpenDir(blobs, blob.Options{Hook: n.opts.Hook})
	if err != nil {
		return fault.New(fault.FolderUnusable, err, "%s", blobs)
	}
	n.Blobs = &blob.Mixed{Large: dir, Max: inlineMax, Read: n.inline}
	if n.Store, err = openStore(ctx, n.Config, data, store.Options{Hook: n.opts.Hook}); err != nil {
		return fault.New(fault.DatabaseUnusable, err, "")
	}
	return nil
}

// wire joins the parts.
func (n *Node) wire() error {
	core := ap.Core{
		Tenant: store.DefaultTenant, Store: n.Store, Blobs: n.Blobs, Trust: n.Trust, Keys: func() *certs.Keyring { return n.Keys }, Now: n.opts.Now,
		Uncounted: n.Config.Env() == certs.Test,
	}
	lease := time.Duration(n.Config.Deliver.Lease)
	n.Inbound = &ap.Inbound{Core: core, Lease: lease, Backend: &backend.Folder{Dir: n.Config.Path(n.Config.Deliver.Folder)}, Delivered: n.logDelivery, Hook: n.opts.Hook}
	n.runner = &queue.Runner{
		Store: n.Store, Work: map[store.Kind]queue.Work{store.Deliver: n.Inbound.Forward}, Owner: n.owner(), Now: n.opts.Now, Lease: lease,
		OnError: func(job store.Job, err error) {
			n.opts.Log.Error().Str("tx", job.MessageID).Str("job", job.ID).Err(err).Msg("queue")
		},
	}
	n.Inbound.Queue = n.runner
	n.openRules()
	client, directory, err := n.network()
	if err != nil {
		return err
	}
	n.Outbound = &ap.Outbound{
		Core: core, Check: n.check(n.Config.Validation.Outgoing), Directory: directory, Seat: n.Seat, Country: n.Config.Country, Timeout: time.Duration(n.Config.Send.Timeout),
		Sender: &as4.Sender{Trust: n.Trust, HTTP: client, Host: n.Config.Host, Spool: n.spool, Agent: "ravn", Now: n.opts.Now},
	}
	return nil
}

// inlineMax is the largest payload that the record keeps itself; what is longer never passes through the database (D-04).
const inlineMax = 64 << 10

// inline reads a small payload from the record.
func (n *Node) inline(ctx context.Context, messageID, name string) ([]byte, error) {
	e, err := n.Store.Evidence(ctx, store.DefaultTenant, messageID, name)
	return e.Bytes, err
}

// owner names this process in leases.
func (n *Node) owner() string {
	host, err := os.Hostname()
	if err != nil {
		host = n.Config.Host
	}
	return fmt.Sprintf("%s-%d", host, os.Getpid())
}

// Close closes the record.
func (n *Node) Close() error {
	if n.listener != nil {
		_ = n.listener.Close() // closed already after Serve
	}
	return n.Store.Close()
}

// Serve answers requests and delivers documents until ctx ends or the listener fails, then lets what is under way
// finish (REL-063).
func (n *Node) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	srv := n.server()
	var wg sync.WaitGroup
	for _, work := range []func(context.Context){n.runner.Run, n.collectOrphans, n.watchRules, n.watchHealth, n.keepAccounts} {
		wg.Go(func() { work(ctx) })
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(n.listener) }()
	var err error
	select {
	case err = <-served:
		n.opts.Log.Error().Err(err).Msg("the listener failed")
		cancel()
	case <-ctx.Done():
		n.opts.Log.Info().Str("reason", context.Cause(ctx).Error()).Msg("stopping")
		err = n.shutdown(ctx, srv)
		if serr := <-served; !errors.Is(serr, http.ErrServerClosed) {
			err = errors.Join(err, serr)
		}
	}
	wg.Wait()
	n.lines.end()
	return err
}

// shutdownWait is how long requests under way have (REL-063).
const shutdownWait = time.Minute

// shutdown lets requests under way finish.
func (n *Node) shutdown(ctx context.Context, srv *http.Server) error {
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWait)
	defer cancel()
	return srv.Shutdown(stop)
}

// orphanAge is how old a blob without a row must be before it is deleted (REL-007).
const orphanAge = time.Hour

// collectOrphans deletes blobs that no row knows: what a crash between rename and commit left (CP-R7).
func (n *Node) collectOrphans(ctx context.Context) {
	tick := time.NewTicker(orphanAge)
	defer tick.Stop()
	for {
		for key, err := range n.Blobs.Orphans(ctx, n.opts.Now().Add(-orphanAge), func(key string) (bool, error) { return n.Store.BlobInUse(ctx, key) }) {
			if err == nil {
				err = n.Blobs.Delete(ctx, key)
			}
			if err != nil && ctx.Err() == nil {
				n.opts.Log.Error().Err(err).Str("blob", key).Msg("orphan collection")
				break
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// OpenStore opens the record alone, for commands that need nothing else of a node.
func OpenStore(ctx context.Context, cfg *config.Config) (*store.Store, error) {
	data, _, _, _, err := cfg.Folders()
	if err != nil {
		return nil, err
	}
	s, err := openStore(ctx, cfg, data, store.Options{})
	if err != nil {
		return nil, fault.New(fault.DatabaseUnusable, err, "")
	}
	return s, nil
}

func openStore(ctx context.Context, cfg *config.Config, data string, opts store.Options) (*store.Store, error) {
	if cfg.Database != "" {
		return postgres.Open(ctx, cfg.Database, opts)
	}
	return sqlite.Open(ctx, filepath.Join(data, "ravn.db"), opts)
}
