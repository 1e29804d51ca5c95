// Package node builds one whole server from a configuration and runs it: record, payload store, keys, discovery, AS4
// endpoint and queue. What serve, send, demo, localnet, bench and whole-path tests start is always this.
package node

import (
	"context"
	"crypto/tls"
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
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/alive"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/backend"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/queue"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/blob"
	"github.com/ravn-ap/ravn/internal/store/sqlite"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/validation"
	"github.com/ravn-ap/ravn/validation/pack"
)

// Options are the parts of a node that tests replace. The zero value is right for a server in production.
type Options struct {
	Log  zerolog.Logger
	Now  func() time.Time
	Hook func(point string) // crash points of the store, the blobs and the endpoint

	// Command says that the node does one thing and ends: it shows nobody that it lives, and leaves the schema of a
	// running server alone.
	Command bool
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
	data     *Data
	sign     *alive.Sign // that this server lives; nil for a command
	inbox    *backend.Folder
	cursor   string // of findLost
	spool    string
	listener net.Listener
	runner   *queue.Runner
	health   health
	rules    *validation.Validator // nil when nothing is checked
	packs    []pack.Pack           // those of rules
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
	n := &Node{Config: cfg, opts: opts}
	if err := n.openKeys(ctx); err != nil {
		return nil, err
	}
	if err := n.show(); err != nil {
		return nil, err
	}
	if err := n.openRecord(ctx); err != nil {
		return nil, errors.Join(err, n.hide())
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

// show leaves a sign of this server in the data folder, before anything there is opened, and says who else has one. Two
// servers on one folder are allowed, but rarely meant.
func (n *Node) show() error {
	if n.opts.Command {
		return nil
	}
	data, _, _, _, err := n.Config.Folders()
	if err != nil {
		return err
	}
	schema, err := store.Schema()
	if err != nil {
		return err
	}
	dir := filepath.Join(data, sqlite.ServersDir)
	if n.sign, err = alive.Leave(dir, alive.Self(schema, n.opts.Now())); err != nil {
		return fault.New(fault.FolderUnusable, err, "%s", dir)
	}
	others, err := n.sign.Others()
	if err != nil {
		return errors.Join(fault.New(fault.FolderUnusable, err, "%s", dir), n.hide())
	}
	for _, who := range others {
		n.opts.Log.Warn().Str("folder", data).Stringer("server", who).Msg("another server uses the data folder")
	}
	return nil
}

// hide takes the sign away.
func (n *Node) hide() error {
	if n.sign == nil {
		return nil
	}
	return n.sign.Close()
}

// openRecord opens folders, database and blobs.
func (n *Node) openRecord(ctx context.Context) (err error) {
	rescued := func(key string) { n.alarm(fault.New(fault.PayloadRescued, nil, "%s", key), "payload rescued") }
	n.data, err = openData(ctx, n.Config, store.Options{Hook: n.opts.Hook, Server: !n.opts.Command},
		blob.Options{Hook: n.opts.Hook, Rescued: rescued}, true)
	if err != nil {
		return err
	}
	n.spool, n.Store = n.data.spool, n.data.Store
	n.Blobs = &blob.Mixed{Large: n.data.Files, Max: inlineMax, Read: n.inline}
	return nil
}

// wire joins the parts.
func (n *Node) wire() error {
	core := ap.Core{
		Tenant: store.DefaultTenant, Store: n.Store, Blobs: n.Blobs, Trust: n.Trust, Keys: func() *certs.Keyring { return n.Keys }, Now: n.opts.Now,
		Uncounted: n.Config.Env() == certs.Test,
	}
	lease := time.Duration(n.Config.Deliver.Lease)
	n.inbox = &backend.Folder{Dir: n.Config.Path(n.Config.Deliver.Folder)}
	n.Inbound = &ap.Inbound{
		Core: core, Lease: lease, Backend: n.inbox, Delivered: n.logDelivery, Alone: n.data.alone, Hook: n.opts.Hook,
	}
	n.runner = &queue.Runner{
		Store: n.Store, Work: map[store.Kind]queue.Work{store.Deliver: n.Inbound.Forward}, Owner: n.owner(), Now: n.opts.Now, Lease: lease,
		OnError: func(job store.Job, err error) { n.opts.Log.Error().Str("job", job.ID).Err(err).Msg("queue") },
	}
	n.Inbound.Queue = n.runner
	if err := n.openRules(); err != nil {
		return err
	}
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
	return errors.Join(n.Store.Close(), n.hide())
}

// Listen binds the AS4 address, so that Addr is known before Serve.
func (n *Node) Listen() error {
	l, err := net.Listen("tcp", n.Config.AS4.Listen)
	if err != nil {
		return fault.New(fault.ListenFailed, err, "%s", n.Config.AS4.Listen)
	}
	if !n.Config.AS4.Plain {
		cert := &reloading{certFile: n.Config.Path(n.Config.AS4.TLSCert), keyFile: n.Config.Path(n.Config.AS4.TLSKey)}
		if _, err := cert.get(nil); err != nil {
			return errors.Join(fault.New(fault.TLSUnreadable, err, ""), l.Close())
		}
		l = tls.NewListener(l, serverTLS(cert))
	}
	n.listener = l
	return nil
}

// Addr is the address of the AS4 endpoint, after Listen.
func (n *Node) Addr() string { return n.listener.Addr().String() }

// URL is the AS4 endpoint, after Listen.
func (n *Node) URL() string {
	scheme := "https"
	if n.Config.AS4.Plain {
		scheme = "http"
	}
	return scheme + "://" + n.Addr() + n.Config.AS4.Path
}

// Serve answers requests and delivers documents until ctx ends, then lets what is under way finish (REL-063). When the
// listener fails, that ends it as well: a server that nobody reaches must not look like one that works.
func (n *Node) Serve(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	srv := n.server()
	var wg sync.WaitGroup
	wg.Go(func() { n.runner.Run(ctx) })
	wg.Go(func() { n.keepData(ctx) })
	wg.Go(func() { n.watchRules(ctx) })
	wg.Go(func() { n.keepAccounts(ctx) })
	served := make(chan error, 1)
	go func() { served <- srv.Serve(n.listener) }()
	var err error
	select {
	case err = <-served:
		err = fault.New(fault.ListenFailed, err, "%s", n.Config.AS4.Listen)
		n.alarm(err, "the listener failed, the server stops")
		stop()
		err = errors.Join(err, shutdown(ctx, srv)) // requests under way end like at any stop
	case <-ctx.Done():
		err = shutdown(ctx, srv)
		if serr := <-served; !errors.Is(serr, http.ErrServerClosed) {
			err = errors.Join(err, serr)
		}
	}
	wg.Wait()
	return err
}

// shutdown lets requests under way finish, for a minute.
func shutdown(ctx context.Context, srv *http.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return srv.Shutdown(ctx)
}

// server is the AS4 listener: HTTP/1.1 only, nothing but the endpoint on it (SEC-010, SEC-012, SEC-014).
func (n *Node) server() *http.Server {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler: n.Receiver(), Protocols: protocols, ErrorLog: discardLog(),
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10,
	}
}

// Receiver is the AS4 endpoint of the node.
func (n *Node) Receiver() *as4.Receiver {
	c := n.Config.AS4
	return &as4.Receiver{
		Keys: func() *certs.Keyring { return n.Keys }, Trust: n.Trust, Handler: n.Inbound, Seat: n.Seat, Host: n.Config.Host, Path: c.Path, Spool: n.spool,
		MaxBytes: c.MaxBytes, MaxExpanded: c.MaxSize, InFlight: c.InFlight, Lenient: c.Lenient,
		Ready: n.ready, Done: n.finished, Hook: n.opts.Hook, Now: n.opts.Now,
	}
}
