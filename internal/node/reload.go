package node

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
)

// succession is which node of a process serves: the first one, or the one of the last reload. It is the handler of the
// AS4 listener, which outlives them.
type succession struct {
	receiver atomic.Pointer[as4.Receiver]
	begun    chan struct{} // closed when Serve has begun

	mu   sync.Mutex
	ctx  context.Context // of Serve; nil before it and after it
	node *Node           // whose work is running
	end  func()          // ends the work of node
	wg   sync.WaitGroup  // the work of all nodes
}

// ServeHTTP leaves a request to the node that serves when it arrives.
func (s *succession) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.receiver.Load().ServeHTTP(w, r)
}

// begin starts the work of the first node.
func (s *succession) begin(ctx context.Context, n *Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ctx = ctx
	s.start(n)
	close(s.begun)
}

// start starts the work of a node. What it has under way when it is ended may finish (REL-063).
func (s *succession) start(n *Node) {
	ctx, end := context.WithCancel(s.ctx)
	s.node, s.end = n, end
	n.finishBefore(s.ctx.Done())
	n.eye.current.Store(n)
	var work sync.WaitGroup
	for _, do := range n.work() {
		work.Go(func() { do(ctx) })
	}
	s.wg.Go(func() {
		work.Wait()
		n.lines.flush()
	})
}

// wait returns when the work of all nodes has ended.
func (s *succession) wait() {
	s.mu.Lock()
	s.ctx = nil
	s.mu.Unlock()
	s.wg.Wait()
}

// heir is the node that serves: n, or the one of the last reload. What outlives a reload logs through it.
func (n *Node) heir() *Node { return n.eye.current.Load() }

// Begun is closed when the server has begun to serve: from then on it can be reloaded.
func (n *Node) Begun() <-chan struct{} { return n.succession.begun }

// ErrNotServing means that the server has not begun to serve yet, or is ending.
var ErrNotServing = errors.New("node: the server is not running")

// Reload replaces the configuration of the node that serves (OPS-122). Requests, attempts and deliveries that are under
// way end as they began; what comes after is the new node's, on the same record, the same listener and the same
// connections. If anything is wrong with the new configuration, nothing is changed, and the error says everything that
// is. Keys that need a restart keep their values; kept names them.
func (n *Node) Reload(cfg *config.Config, log zerolog.Logger) (next *Node, kept []string, err error) {
	s := &n.succession
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil || s.ctx.Err() != nil {
		return nil, nil, ErrNotServing
	}
	old := s.node
	kept = cfg.Keep(old.Config)
	in := inspect(s.ctx, cfg, CheckOptions{Now: n.opts.Now(), Server: true})
	if err := errors.Join(in.bad...); err != nil {
		return nil, nil, err
	}
	if err := cfg.MakeNew(old.Config); err != nil {
		return nil, nil, err
	}
	opts := n.opts
	opts.Log = log
	next = configured(cfg, in, opts, n.lasting)
	if err := next.openPickups(s.ctx); err != nil {
		return nil, nil, err
	}
	if err := n.noteReload(s.ctx, cfg.Changes(old.Config)); err != nil {
		return nil, nil, err
	}
	next.wire(in)
	if next.cert != nil {
		next.cert.use(cfg.Path(cfg.AS4.TLSCert), cfg.Path(cfg.AS4.TLSKey), next.logReload)
	}
	all, source := next.limits()
	next.gate.Change(all, source, cfg.TrustedProxies())
	s.receiver.Store(next.Receiver())
	s.end()
	s.start(next)
	return next, kept, nil
}

// reloadedAction is the action of the audit row of a reload.
const reloadedAction = "config_reloaded"

// noteReload writes the audit row of a reload.
func (n *Node) noteReload(ctx context.Context, changes []string) error {
	detail := strings.Join(changes, "; ")
	if detail == "" {
		detail = "no key changed"
	}
	err := n.Store.AppendAudit(ctx, db.DefaultTenant, db.Audit{
		Actor: n.process.Name, Action: reloadedAction, Detail: detail,
	})
	if err != nil {
		return fault.New(fault.RecordUnreadable, err, "")
	}
	return nil
}
