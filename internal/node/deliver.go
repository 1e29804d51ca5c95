package node

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/backend"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/queue"
	"github.com/ravn-ap/ravn/internal/routes"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

// target is a backend with what the configuration says of attempts to deliver to it.
type target struct {
	*backend.Folder
	plan    ap.Plan
	timeout time.Duration
	limits  queue.Limits
}

// targets makes the backends of a configuration (OPS-001).
func targets(cfg *config.Config) map[string]*target {
	all := map[string]*target{}
	for _, t := range cfg.Targets() {
		all[t.Name] = &target{
			&backend.Folder{
				Called: t.Name, Dir: t.Dir, Layout: backend.Layout(t.Layout), Pattern: t.Pattern, Mode: t.Mode,
				Phoss: t.Phoss,
			},
			ap.Plan{Waits: t.Retry, GiveUp: t.GiveUp},
			t.Timeout,
			queue.Limits{Places: t.Concurrency, Rate: t.Rate},
		}
	}
	return all
}

// newDeliverer makes the worker that delivers to backends. There are as many places as all of them may have, so that
// none waits for another, however slow that is (OPS-006); one that fails is left alone for a while (OPS-005).
func (n *Node) newDeliverer() *queue.Runner {
	if n.places == nil {
		n.places = &queue.Lanes{LaneStore: n.Store, Now: n.opts.Now}
	}
	r := &queue.Runner{
		Store: n.places, Work: map[store.Kind]queue.Work{store.Deliver: n.Inbound.Forward}, Owner: n.process.Name,
		Now: n.opts.Now, Lease: n.Inbound.Lease, Timeout: n.longestDelivery(),
		OnError: n.logJob,
	}
	own := map[string]queue.Limits{}
	shortest := neverGivenUp
	for name, t := range n.targets {
		own[name] = t.limits
		r.Limit += t.limits.Places
		if t.plan.GiveUp > 0 {
			shortest = min(shortest, t.plan.GiveUp)
		}
	}
	n.places.Tune(queue.Tuning{
		PerLane: queue.DefaultLimit, Own: own, Fixed: true, Expire: shortest, Wake: r.Wake, Changed: n.logBackend,
	})
	return r
}

// neverGivenUp is longer than any delivery waits.
const neverGivenUp = 100 * 365 * 24 * time.Hour

// logBackend says that a backend is left alone for a while, or served again.
func (n *Node) logBackend(name string, open time.Time) {
	if open.IsZero() {
		n.opts.Log.Info().Str("backend", name).Msg("a backend that failed takes documents again")
		return
	}
	n.opts.Log.Warn().Str("backend", name).Time("until", open).
		Msg("a backend failed five times in a row: its documents wait")
}

// longestDelivery is how long checking and delivering the largest document may take, before that counts as a crash.
func (n *Node) longestDelivery() time.Duration {
	var longest time.Duration
	for _, t := range n.targets {
		longest = max(longest, ap.DeliverTimeout(t.timeout, n.Config.AS4.MaxSize))
	}
	return max(queue.DefaultTimeout, longest+time.Duration(n.Config.Validation.Timeout)+time.Minute)
}

// route returns where a received document goes (OPS-003).
func (n *Node) route(m *store.Message) (ap.Destination, bool) {
	r, ok := n.routes.Find(routes.Document{
		Tenant: m.Tenant, Receiver: m.Receiver, Sender: m.Sender, DocType: m.DocTypeScheme + "::" + m.DocType,
		Process: m.ProcessScheme + "::" + m.Process, Domain: m.Domain, C2: string(m.C2),
	})
	if !ok {
		return ap.Destination{}, false
	}
	t := n.targets[r.To]
	return ap.Destination{Route: r.Name, Backend: t.Folder, Plan: t.plan, Timeout: t.timeout}, true
}

// ProbeBackend tries the backend of a checked configuration with a probe (OPS-007).
func ProbeBackend(cfg *config.Config, name string) error {
	t, ok := targets(cfg)[name]
	if !ok {
		return fault.New(fault.BadArguments, nil, "there is no backend %q: ravn backends list shows them", name)
	}
	if err := t.Probe(); err != nil {
		return fault.New(fault.FolderUnusable, err, "backend %s, %s", name, t.Dir)
	}
	return nil
}

// rerouteAgain is when waiting documents are looked through a second time: a worker of the configuration before may
// have looked the route of one up just before the first time.
const rerouteAgain = time.Minute

// reroute makes a changed route count at once for what waits (OPS-003), also for a backend that takes nothing now.
func (n *Node) reroute(ctx context.Context) {
	n.try(ctx, "routes of waiting documents", n.rerouteAll)
	select {
	case <-ctx.Done():
	case <-time.After(rerouteAgain):
		n.try(ctx, "routes of waiting documents", n.rerouteAll)
	}
}

// reroutePage is how many waiting documents are looked at together.
const reroutePage = 1000

// rerouteAll moves waiting documents whose route leads elsewhere to the lane of the backend that it leads to.
func (n *Node) rerouteAll(ctx context.Context) error {
	moved, behind := 0, store.Parked{}
	for {
		page, err := n.Store.Parked(ctx, behind, reroutePage)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		behind = page[len(page)-1]
		var elsewhere []store.Parked
		for _, p := range page {
			if to := lane(n.route(&p.Message)); to != p.Lane {
				p.Lane = to
				elsewhere = append(elsewhere, p)
			}
		}
		if len(elsewhere) > 0 {
			if err := n.Store.Reroute(ctx, elsewhere); err != nil {
				return err
			}
			n.runner.Wake()
		}
		moved += len(elsewhere)
	}
	if moved > 0 {
		n.opts.Log.Info().Int("documents", moved).Msg("waiting documents go where their routes lead now")
	}
	return nil
}

// lane is that of a delivery with a route, or of one without.
func lane(to ap.Destination, ok bool) string {
	if !ok {
		return ""
	}
	return to.Backend.Name()
}

// mostUnrouted is how many participants without a route a check names.
const mostUnrouted = 20

// unrouted remarks on participants who are served for a document type that no route can be the route of (OPS-002).
func (in *inspection) unrouted(ctx context.Context) (err error) {
	s, err := openStore(ctx, in.cfg, in.cfg.Path(in.cfg.Data), db.Options{Used: true})
	if err != nil {
		return in.cfg.Fault(fault.DatabaseUnusable, err, "database", "it cannot be read")
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	table := in.cfg.RouteTable()
	left := 0
	for _, tenant := range append([]string{db.DefaultTenant}, in.cfg.Tenants...) {
		entries, err := s.ListServed(ctx, tenant, peppol.ParticipantID{})
		if err != nil {
			return in.cfg.Fault(fault.RecordUnreadable, err, "database", "who is served")
		}
		said := map[string]bool{}
		for _, e := range entries {
			if said[e.Participant.Key()] || table.Could(served(tenant, &e)) {
				continue
			}
			said[e.Participant.Key()] = true
			if left++; left <= mostUnrouted {
				in.remark("routes", "tenant %s, %s: no route can match a document of type %s: it would wait", tenant,
					e.Participant.Value(), e.DocType)
			}
		}
	}
	if left > mostUnrouted {
		in.remark("routes", "so it is with %d other participants", left-mostUnrouted)
	}
	return nil
}

// served is what is known of the documents of an entry. Which types one with a * stands for is not known.
func served(tenant string, e *store.Served) routes.Document {
	d := routes.Document{
		Tenant: tenant, Receiver: e.Participant.Value(), DocType: e.DocType.String(), Process: e.Process.String(),
		Domain: e.Domain,
	}
	if strings.Contains(d.DocType, "*") {
		d.DocType = ""
	}
	return d
}

// sweepTargets removes what dead attempts left in the folders of backends (CP-R12). That one is gone, each delivery
// says.
func (n *Node) sweepTargets(now time.Time) error {
	var all []error
	for _, t := range n.targets {
		if err := t.Sweep(now); !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}
