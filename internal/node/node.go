// Package node builds one complete server from a configuration and runs it: record, payload store, keys, discovery, AS4
// endpoint and queue. The commands serve, send, demo and bench and the end-to-end tests all start this.
package node

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/as4/intake"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/alive"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/documents"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/pickup"
	"github.com/ravn-ap/ravn/internal/queue"
	"github.com/ravn-ap/ravn/internal/routes"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/blob"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sbdh"
	"github.com/ravn-ap/ravn/validation"
	"github.com/ravn-ap/ravn/validation/pack"
)

// Options are the parts of a node that tests replace. The zero value is for a server in production.
type Options struct {
	Log  zerolog.Logger
	Now  func() time.Time
	Hook func(point string) // crash points of the store, the blobs and the endpoint

	Program string // name and version of the program, for the reports of checks
	Version string // of the program, and
	Commit  string // from what it was built, for the metrics

	DiskSpace func(dir string) (free, total uint64, err error) // of the disk of a folder, in bytes

	Command bool // not a server: it does one thing, and leaves the schema of a running server alone
}

// Node is one server, from one configuration. A reload makes another one that takes its place (Reload).
type Node struct {
	*lasting
	Config   *config.Config
	Keys     *certs.Keyring
	Trust    *certs.Verifier
	Seat     peppol.SeatID // signs by default: the seat of the first key
	Inbound  *ap.Inbound
	Outbound *ap.Outbound
	Remarks  []string // of the checks of the configuration

	opts    Options
	routes  *routes.Table
	targets map[string]*target // for received documents, by name
	cursor  string             // of findLost
	filled  string             // of fillDocuments
	runner  *queue.Runner
	sender  *queue.Runner // of messages to other access points
	teller  *queue.Runner // of news to C1; nil if nobody is told
	pickups []*pickup.Folder
	lines   lines // limits what strangers can make us log

	rules      *validation.Validator // nil if nothing is checked
	room       *validation.Room      // memory for all checks
	packs      []pack.Pack           // those of rules
	unreadable []error               // rules that could not be read
}

// lasting is what a reload of the configuration leaves as it is.
type lasting struct {
	Store *store.Store
	Blobs blob.Store
	Desk  *documents.Desk

	data       *Data
	process    *alive.Process
	spool      string
	listener   net.Listener
	cert       *reloading   // of the listener; nil without TLS
	gate       *intake.Gate // limits what strangers may hold at the AS4 endpoint
	lanes      *queue.Lanes // what is known of other access points
	places     *queue.Lanes // what is known of backends
	health     health
	tolerated  tolerances
	succession succession
	eye        eye // what is seen of the node from outside
	ops        opsServer
	upkeep     sync.Mutex // held while the file of the checks is written
	differs    differs    // see Differences
}

// Open opens everything that a node needs, but does not listen or run anything yet. It begins with the checks of Check.
func Open(ctx context.Context, cfg *config.Config, opts Options) (*Node, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Hook == nil {
		opts.Hook = func(string) {}
	}
	if opts.DiskSpace == nil {
		opts.DiskSpace = statfs
	}
	opts.DiskSpace = (&disks{ask: opts.DiskSpace}).space
	in := inspect(ctx, cfg, CheckOptions{Now: opts.Now(), Server: !opts.Command})
	if err := errors.Join(in.bad...); err != nil {
		return nil, err
	}
	n := configured(cfg, in, opts, &lasting{succession: succession{begun: make(chan struct{})}})
	n.newEye()
	if err := n.show(); err != nil {
		return nil, err
	}
	if err := n.openRecord(ctx); err != nil {
		return nil, errors.Join(err, n.process.Leave())
	}
	n.buryDead(ctx)
	if !opts.Command {
		err := cfg.MakeNew(&config.Config{})
		if err == nil {
			err = n.openPickups(ctx)
		}
		if err != nil {
			return nil, errors.Join(err, n.Close())
		}
	}
	n.wire(in)
	return n, nil
}

// configured makes the node of a checked configuration, without its record.
func configured(cfg *config.Config, in *inspection, opts Options, l *lasting) *Node {
	return &Node{
		lasting: l, Config: cfg, Remarks: in.remarks, opts: opts, lines: newLines(opts.Log, opts.Now),
		Keys: certs.NewKeyring(in.ids...), Trust: in.trust, Seat: in.ids[0].Seat,
	}
}

// show registers this process in the data folder, before anything there is opened, and warns about another server that
// uses the folder. Two servers on one folder are allowed, but rarely intended.
func (n *Node) show() error {
	data, _, _, err := n.Config.Folders()
	if err != nil {
		return err
	}
	schema, err := db.Schema()
	if err != nil {
		return err
	}
	dir := filepath.Join(data, sqlite.ProcessesDir)
	if n.process, err = alive.Enter(dir, alive.Self(!n.opts.Command, schema, n.opts.Now())); err != nil {
		return fault.New(fault.FolderUnusable, err, "%s", dir)
	}
	others, err := n.process.Others()
	if err != nil {
		return errors.Join(fault.New(fault.FolderUnusable, err, "%s", dir), n.process.Leave())
	}
	for _, who := range others {
		if who.Server && !n.opts.Command {
			n.opts.Log.Warn().Str("folder", data).Stringer("server", who).Msg("another server uses the data folder")
		}
	}
	return nil
}

// openRecord opens folders, database and blobs.
func (n *Node) openRecord(ctx context.Context) (err error) {
	n.data, err = openData(ctx, n.Config, db.Options{
		Hook: n.opts.Hook, Server: !n.opts.Command, Committed: n.committed,
	},
		blob.Options{Hook: n.opts.Hook, Synced: n.eye.metrics.Fsync, Rescued: func(key string) {
			n.heir().failure(fault.New(fault.PayloadRescued, nil, "%s", key)).Msg("payload rescued")
		}}, true)
	if err != nil {
		return err
	}
	n.spool, n.Store, n.Blobs = n.data.spool, n.data.Store, n.data.blobs()
	n.Desk = n.data.desk(n.opts.Now)
	return nil
}

// buryDead gives back the jobs of processes on this folder that have died. Their file locks are gone, so they cannot do
// anything any more, and nobody has to wait until their leases expire.
func (n *Node) buryDead(ctx context.Context) {
	err := n.process.Bury(func(owner string) error {
		jobs, err := n.Store.BuryOwner(ctx, owner)
		for _, j := range jobs {
			n.opts.Log.Warn().Str("tx", j.MessageID).Str("job", j.ID).Str("owner",
				owner).Msg("work of a process that died is given back")
		}
		return err
	})
	if err != nil {
		n.opts.Log.Error().Err(err).Msg("jobs of a dead process not given back: they are free when their leases end")
	}
}

// wire connects the parts.
func (n *Node) wire(in *inspection) {
	core := ap.Core{
		Tenant: db.DefaultTenant, Store: n.Store, Blobs: n.Blobs, Trust: n.Trust,
		Keys: func() *certs.Keyring { return n.Keys }, Now: n.opts.Now,
		Meter: n.eye.metrics, Uncounted: n.Config.Env() == certs.Test,
	}
	n.routes, n.targets = n.Config.RouteTable(), targets(n.Config)
	n.Inbound = &ap.Inbound{
		Core: core, Lease: time.Duration(n.Config.Deliver.Lease), Route: n.route, Spread: ap.Jitter,
		Delivered: n.logDelivery, Alone: n.data.alone, Hook: n.opts.Hook,
	}
	n.runner = n.newDeliverer()
	n.Inbound.Queue, n.Inbound.Lanes = n.runner, n.places
	n.openRules()
	client, directory := n.network(in.guard, in.roots)
	n.Outbound = &ap.Outbound{
		Core: core, Check: n.check(n.Config.Validation.Outgoing), Directory: directory, Seat: n.Seat,
		Country: n.Config.Country,
		Timeout: time.Duration(n.Config.Send.Timeout), Hold: time.Duration(n.Config.Send.Hold),
		PlanFor:  n.planFor,
		Spread:   ap.Jitter,
		Envelope: sbdh.Options{FullStandard: n.Config.FullStandard},
		Sender: &as4.Sender{
			Trust: n.Trust, HTTP: client, Host: n.Config.Host, Spool: n.spool, Agent: "ravn",
			Now: n.opts.Now,
		},
	}
	n.sender, n.teller = n.newSender(), n.newTeller()
}

// Close gives back the jobs that this process still holds and closes the record.
func (n *Node) Close() error {
	if n.listener != nil {
		_ = n.listener.Close() // closed already after Serve
	}
	if n.ops.listener != nil {
		_ = n.ops.listener.Close()
	}
	_, err := n.Store.LeaveOwner(context.Background(), n.process.Name)
	if err == nil { // otherwise the next process that opens the folder gives them back
		err = n.process.Leave()
	}
	return errors.Join(err, n.Store.Close())
}

// Serve answers requests and delivers documents until ctx ends or the listener fails, then lets running requests and
// jobs finish (REL-063).
func (n *Node) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer n.serveOps()()
	srv := n.server()
	n.succession.begin(ctx, n)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(n.listener) }()
	var err error
	select {
	case err = <-served:
		err = fault.New(fault.ListenFailed, err, "%s", n.Config.AS4.Listen)
		n.heir().failure(err).Msg("the listener failed, the server stops")
		cancel()
		err = errors.Join(err, n.shutdown(ctx, srv)) // running requests finish as at any other stop
	case <-ctx.Done():
		n.heir().opts.Log.Info().Str("reason", context.Cause(ctx).Error()).Msg("stopping")
		err = n.shutdown(ctx, srv)
		if serr := <-served; !errors.Is(serr, http.ErrServerClosed) {
			err = errors.Join(err, serr)
		}
	}
	n.succession.wait()
	n.heir().logTolerated()
	return err
}

// finishBefore gives the work that a reload leaves behind all its time, until a channel is closed because the server is
// to end: then it has REL-063's.
func (n *Node) finishBefore(end <-chan struct{}) {
	for _, r := range []*queue.Runner{n.runner, n.sender, n.teller} {
		if r != nil {
			r.Ending = end
		}
	}
}

// work is what a node does beside answering requests. Each ends soon after its context.
func (n *Node) work() []func(context.Context) {
	list := []func(context.Context){
		n.tell, n.runner.Run, n.sender.Run, n.keepData, n.watchRules, n.watchHealth, n.watchExpiry, n.keepAccounts,
		n.keepDocuments, n.keepConserved, n.watchRecord, n.watchCounts,
		n.watchAlerts, n.reroute,
	}
	for _, f := range n.pickups {
		list = append(list, f.Run)
	}
	return list
}

// shutdownWait is how long running requests may take to finish (REL-063).
const shutdownWait = time.Minute

// shutdown lets running requests finish.
func (n *Node) shutdown(ctx context.Context, srv *http.Server) error {
	n.eye.draining.Store(true) // REL-063: readiness goes first
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWait)
	defer cancel()
	return srv.Shutdown(stop)
}
