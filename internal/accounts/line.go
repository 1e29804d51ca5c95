package accounts

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/reporting"
)

// line is a number of exchanges that are the same in all columns.
type line struct {
	direction         ledger.Direction
	seat, counterpart string
	docType, process  reporting.Identifier
	transport, domain string

	senderScheme, receiverScheme   string // ICD, 0192 for example
	senderCountry, receiverCountry string // as reported; that of the receiver is "" when we sent

	customer    *Customer // nil if there is none
	participant string    // ours, if there is no customer

	count int64
}

func (l *line) sent() int64 {
	if l.direction == ledger.Outgoing {
		return l.count
	}
	return 0
}

func (l *line) received() int64 { return l.count - l.sent() }

func (l *line) customerID() string {
	if l.customer == nil {
		return ""
	}
	return l.customer.ID
}

// gatherer adds up the rows of a month. Its memory grows with the number of participants and of combinations of
// everything else.
type gatherer struct {
	*worker           // with the customers that the reports were made with
	latest  *Registry // the customers as they are now
	counts  map[ledger.Entry]int64
	groups  map[group]ledger.TermID         // the first participant of each
	alike   map[ledger.TermID]ledger.TermID // participant to the first of its group
	own     map[ledger.TermID]ledger.TermID // likewise, of ours
}

// group is everything that an export shows of a participant.
type group struct {
	scheme            string
	customer, country string // of ours
	alone             string // participant of ours that has no customer
	ours              bool
}

// gather fills lines and sums from the rows of the month.
func (e *Export) gather(w *worker, latest *Registry) error {
	g := &gatherer{
		worker: w, latest: latest, counts: map[ledger.Entry]int64{}, groups: map[group]ledger.TermID{},
		alike: map[ledger.TermID]ledger.TermID{}, own: map[ledger.TermID]ledger.TermID{},
	}
	for c, err := range w.accounts.Ledger.Entries(w.ctx, w.accounts.Tenant, e.Month) {
		if err != nil {
			return err
		}
		if err := g.countRow(&c); err != nil {
			return err
		}
	}
	for _, c := range slices.SortedFunc(maps.Keys(g.counts), compareCounted) {
		l, err := g.line(&c)
		if err != nil {
			return err
		}
		if l.docType.IsReport() {
			continue
		}
		l.count = g.counts[c]
		e.lines = append(e.lines, l)
		e.Sent, e.Received = e.Sent+l.sent(), e.Received+l.received()
	}
	slices.SortStableFunc(e.lines, func(a, b line) int {
		return cmp.Or(strings.Compare(a.customerID(), b.customerID()), strings.Compare(a.participant, b.participant))
	})
	return nil
}

// compareCounted orders combinations, so that the same numbers give the same bytes.
func compareCounted(a, b ledger.Entry) int {
	return cmp.Or(
		cmp.Compare(a.Direction, b.Direction), cmp.Compare(a.C2, b.C2), cmp.Compare(a.C3, b.C3),
		cmp.Compare(a.DocType, b.DocType),
		cmp.Compare(a.Process, b.Process), cmp.Compare(a.Transport, b.Transport), cmp.Compare(a.CountryC1, b.CountryC1),
		cmp.Compare(a.Sender, b.Sender), cmp.Compare(a.Receiver, b.Receiver), cmp.Compare(a.Domain, b.Domain),
	)
}

// countRow counts a row under its combination: without what is unique to it, and with each participant replaced by the
// first one of its group.
func (g *gatherer) countRow(c *ledger.Entry) (err error) {
	k := *c
	k.Seq, k.Month, k.At, k.MessageID = 0, 0, time.Time{}, ""
	ours, other := &k.Sender, &k.Receiver
	if k.Direction == ledger.Incoming {
		ours, other = other, ours
	}
	if *ours, err = g.first(*ours, g.own, g.ours); err != nil {
		return err
	}
	if *other, err = g.first(*other, g.alike, g.other); err != nil {
		return err
	}
	g.counts[k]++
	return nil
}

// first returns the first participant of the group to which a participant belongs.
func (g *gatherer) first(id ledger.TermID, known map[ledger.TermID]ledger.TermID,
	groupOf func(ledger.TermID) (group, error),
) (ledger.TermID, error) {
	if first, ok := known[id]; ok {
		return first, nil
	}
	k, err := groupOf(id)
	if err != nil {
		return 0, err
	}
	first, ok := g.groups[k]
	if !ok {
		first = id
		g.groups[k] = id
	}
	known[id] = first
	return first, nil
}

// ours is the group of a participant of ours.
func (g *gatherer) ours(id ledger.TermID) (group, error) {
	u, err := g.user(id)
	if err != nil {
		return group{}, err
	}
	k := group{scheme: scheme(u.participant), country: u.country, ours: true}
	if c := g.latest.Customer(u.participant); c != nil {
		k.customer = c.ID
	} else {
		k.alone = strings.ToLower(u.participant)
	}
	return k, nil
}

// other is the group of a participant of somebody else.
func (g *gatherer) other(id ledger.TermID) (group, error) {
	p, err := g.termText(id)
	return group{scheme: scheme(p)}, err
}

// scheme is the scheme of a participant like 0192:991825827.
func scheme(participant string) string {
	icd, _, ok := strings.Cut(participant, ":")
	if !ok {
		return ""
	}
	return icd
}

// line returns a combination as texts, without its count.
func (g *gatherer) line(c *ledger.Entry) (l line, err error) {
	x, err := g.exchange(c)
	if err != nil {
		return l, err
	}
	l = line{
		direction: c.Direction, seat: x.C2, counterpart: x.C3, customer: g.latest.Customer(x.participant),
		senderScheme: scheme(x.Sender), receiverScheme: scheme(x.Receiver), senderCountry: x.C1Country,
		receiverCountry: x.C4Country,
	}
	if c.Direction == ledger.Incoming {
		l.seat, l.counterpart = x.C3, x.C2
	}
	if l.customer == nil {
		l.participant = strings.ToLower(x.participant)
	}
	if l.docType, err = g.identifier(c.DocType); err != nil {
		return l, err
	}
	if l.process, err = g.identifier(c.Process); err != nil {
		return l, err
	}
	if l.transport, err = g.termText(c.Transport); err != nil {
		return l, err
	}
	l.domain, err = g.termText(c.Domain)
	return l, err
}
