package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
)

// check looks at both records and at what C4 has when a run is over.
func (w *world) check() error {
	c2, err := w.look("c2.db")
	if err != nil {
		return err
	}
	c3, err := w.look("c3.db")
	if err != nil {
		return errors.Join(err, c2.Close())
	}
	c := &checker{world: w, c2: c2, c3: c3}
	return errors.Join(c.all(), c2.Close(), c3.Close())
}

type checker struct {
	*world
	c2, c3 *store.Store
	sent   []outgoing
	taken  []incoming
}

// outgoing is a message in the record of C2.
type outgoing struct {
	store.Message
	job      store.Job
	attempts []store.Attempt
	evidence []store.Evidence
	events   []store.Event
}

// incoming is a message in the record of C3.
type incoming struct {
	store.Message
	receipt []byte
}

func (c *checker) all() error {
	if err := c.read(); err != nil {
		return err
	}
	for _, d := range c.docs {
		c.document(d)
	}
	for i := range c.sent {
		c.outgoing(&c.sent[i])
	}
	c.promises()
	c.office()
	return c.counted()
}

func everything(ctx context.Context, s *store.Store, tenant string) (list []store.Message, err error) {
	p, err := s.List(ctx, tenant, store.Filter{Limit: 1000})
	for _, f := range p.Found {
		list = append(list, f.Message)
	}
	return list, err
}

func (c *checker) read() error {
	ctx := context.Background()
	list, err := everything(ctx, c.c2, db.DefaultTenant)
	for _, m := range list {
		o := outgoing{}
		var errs [5]error
		o.Message, errs[4] = c.c2.Get(ctx, m.Tenant, m.ID)
		o.job, errs[0] = c.c2.JobOf(ctx, m.Tenant, store.Send, m.ID)
		o.attempts, errs[1] = c.c2.Attempts(ctx, m.Tenant, m.ID)
		o.evidence, errs[2] = c.c2.AllEvidence(ctx, m.Tenant, m.ID)
		o.events, errs[3] = c.c2.Timeline(ctx, m.Tenant, m.ID)
		if errors.Is(errs[0], db.ErrNotFound) {
			c.violate("I6", "%s has no row in the outbox", m.ConversationID)
			errs[0] = nil
		}
		err = errors.Join(err, errors.Join(errs[:]...))
		c.sent = append(c.sent, o)
	}
	for i := range accessPoints {
		list, lerr := everything(ctx, c.c3, tenantOf(i))
		err = errors.Join(err, lerr)
		for _, m := range list {
			full, ferr := c.c3.Get(ctx, m.Tenant, m.ID)
			e, eerr := c.c3.Evidence(ctx, m.Tenant, m.ID, store.EvidenceReceipt)
			err = errors.Join(err, ferr, eerr)
			c.taken = append(c.taken, incoming{full, e.Bytes})
		}
	}
	return err
}

// document checks that each document is in the record as often as C1 was told (I6, REL-020).
func (c *checker) document(d *document) {
	var ids []string
	for _, m := range c.sent {
		if m.ConversationID == d.name {
			ids = append(ids, m.ID)
		}
	}
	for _, id := range d.ids {
		if !slices.Contains(ids, id) {
			c.violate("I1", "%s was taken as %s, which is not in the record", d.name, id)
		}
	}
	if len(d.ids) > 1 || len(ids) > 1 {
		c.violate("I6", "%s was handed in once, C1 was told of %q, the record has %q", d.name, d.ids, ids)
	}
	if len(ids) > 0 && d.tries == 0 {
		c.violate("I3", "%s was never handed in", d.name)
	}
}

func (c *checker) wireOf(doc string) (list []*passage) {
	for _, x := range c.wire {
		if x.doc == doc {
			list = append(list, x)
		}
	}
	return list
}

func (c *checker) docNamed(name string) *document {
	for _, d := range c.docs {
		if d.name == name {
			return d
		}
	}
	return &document{name: name}
}

func anyOf(list []*passage, has func(*passage) bool) bool { return slices.ContainsFunc(list, has) }

// outgoing checks that a message is where it is for a reason.
func (c *checker) outgoing(m *outgoing) {
	wire, d := c.wireOf(m.ConversationID), c.docNamed(m.ConversationID)
	c.count("end " + string(m.State))
	bad := func(invariant, format string, args ...any) {
		c.violate(invariant, "%s is %s: %s", m.ConversationID, m.State, fmt.Sprintf(format, args...))
	}
	for _, x := range wire {
		if x.id != m.MessageID {
			bad("I7", "it was sent as %s, the record has %s", x.id, m.MessageID)
		}
	}
	waiting := slices.Contains([]store.State{store.Ready, store.RetryWait, store.Unknown, store.Sending}, m.State)
	if waiting != m.job.Done.IsZero() {
		bad("I6", "its work is done: %v", !m.job.Done.IsZero())
	}
	c.events(m, bad)
	if n := len(m.attempts); n > 0 && m.attempts[n-1].Ended.IsZero() {
		bad("I6", "attempt %d never ended", n)
	}
	if len(wire) > len(m.attempts) {
		bad("REL-022", "it was sent %d times, %d attempts are on record", len(wire), len(m.attempts))
	}
	if limit := c.attemptsAtMost(d); len(m.attempts) > limit {
		bad("plan", "%d attempts, at most %d are in its plans", len(m.attempts), limit)
	}
	switch m.State {
	case store.Sent:
		c.sentState(m, wire, bad)
	case store.FailedPermanent:
		c.failedState(m, wire, d, bad)
	case store.UnknownAccepted:
		if !anyOf(wire, func(x *passage) bool { return x.duplicate && x.n > 1 }) {
			bad("truth", "no access point said that it is there")
		}
	case store.ReceiptInvalid:
		if !anyOf(wire, func(x *passage) bool { return x.wrong }) {
			bad("truth", "no access point gave a wrong receipt")
		}
	case store.Cancelled:
		c.cancelledState(m, d, wire, bad)
	case store.Quarantined:
		if c.life["kills"] == 0 {
			bad("truth", "no process died")
		}
	default:
		bad("I5", "it has no end")
	}
}

// events checks that the timeline leads to the state without a gap.
func (c *checker) events(m *outgoing, bad func(string, string, ...any)) {
	var state store.State
	for i, e := range m.events {
		if e.Kind == store.EventAttempt && c.moved == 0 && c.holder(m.ID, e.At) != e.Actor {
			bad("REL-013", "%s began an attempt when %s had its work", e.Actor, c.holder(m.ID, e.At))
		}
		if e.Seq != int64(i+1) {
			bad("I6", "event %d has number %d", i+1, e.Seq)
		}
		if e.To == "" {
			continue
		}
		if e.From == store.FailedPermanent && e.Kind != store.EventRequeued {
			bad("truth", "event %d %s takes it up again, and nobody said so", e.Seq, e.Kind)
		}
		if e.From != state {
			bad("I6", "event %d %s begins at %s, where %s was", e.Seq, e.Kind, e.From, state)
		}
		state = e.To
	}
	if state != m.State {
		bad("I6", "its events end at %s", state)
	}
}

// holder is who got the work of a message last before a time.
func (c *checker) holder(id string, at time.Time) (process string) {
	for _, k := range c.claims[id] {
		if !k.at.After(at) {
			process = k.process
		}
	}
	return process
}

// attemptsAtMost is how many attempts the plans of a document can have.
func (c *checker) attemptsAtMost(d *document) int {
	hours := int((c.giveUp + c.moved) / time.Hour)
	return (1+len(d.requeues))*(len(planWaits)+2+hours*10/8) + d.takes + c.life["kills"] + c.life["stops"] + 2
}

func (c *checker) sentState(m *outgoing, wire []*passage, bad func(string, string, ...any)) {
	var receipt []byte
	for _, e := range m.evidence {
		if e.Kind == store.EvidenceReceipt {
			receipt = e.Bytes
		}
	}
	genuine := false
	for i := range accessPoints {
		for _, b := range c.proof[m.MessageID+" "+hostOf(i)] {
			genuine = genuine || bytes.Equal(b, receipt)
		}
	}
	if !genuine {
		bad("I4", "no access point gave the receipt that is archived: %.200q", receipt)
	}
	if !anyOf(wire, func(x *passage) bool { return x.receipt }) {
		bad("I4", "no receipt came through")
	}
	if !slices.ContainsFunc(c.taken, func(in incoming) bool { return in.MessageID == m.MessageID }) {
		bad("I1", "no access point has it")
	}
	if m.Accepted.IsZero() {
		bad("I4", "when is not on record")
	}
}

func (c *checker) failedState(m *outgoing, wire []*passage, d *document, bad func(string, string, ...any)) {
	turned := 0
	for _, x := range wire {
		if x.turned {
			turned++
		}
	}
	over := m.FaultCode == string(fault.GivenUp) || m.FaultCode == string(fault.GivenUpUnclear)
	since := m.Updated.Sub(m.job.Begun)
	switch {
	case anyOf(wire, func(x *passage) bool { return x.permanent }), turned >= 3, c.denied[d.receiver[5:]],
		c.denied[d.receiver]:
	case over && since >= c.giveUp-2*time.Hour-c.moved:
	default:
		bad("truth", "code %s after %v: nobody refused it and its plan is not over ", m.FaultCode, since)
	}
	there := slices.ContainsFunc(c.taken, func(in incoming) bool { return in.MessageID == m.MessageID })
	if there && m.FaultCode != string(fault.GivenUpUnclear) {
		bad("REL-027", "its code is %s, and an access point has it", m.FaultCode)
	}
}

func (c *checker) cancelledState(m *outgoing, d *document, wire []*passage, bad func(string, string, ...any)) {
	if len(d.cancels) == 0 {
		bad("truth", "nobody withdrew it")
		return
	}
	if slices.ContainsFunc(c.taken, func(in incoming) bool { return in.MessageID == m.MessageID }) {
		bad("REL-027", "an access point has it")
	}
	last := slices.Max(d.cancels)
	if anyOf(wire, func(x *passage) bool { return x.start > last+10*time.Minute }) {
		bad("REL-027", "it was sent afterwards")
	}
}

// promises checks that what access points gave receipts for is in their record, delivered, and no more than that (I1,
// I2, I3).
func (c *checker) promises() {
	for key, receipts := range c.proof {
		var found *incoming
		for i := range c.taken {
			if in := &c.taken[i]; in.MessageID+" "+hostOf(apOfTenant(in.Tenant)) == key {
				if found != nil {
					c.violate("I2", "%s is in the record of %s twice, as %s and %s", key, in.Tenant, found.ID, in.ID)
				}
				found = in
			}
		}
		if found == nil {
			c.violate("I1", "an access point gave a receipt for %s and has nothing", key)
			continue
		}
		for _, b := range receipts {
			if !bytes.Equal(b, found.receipt) {
				c.violate("REL-004", "a receipt for %s is not the one on record", key)
			}
		}
	}
	byDoc := map[string][]*incoming{}
	for i := range c.taken {
		in := &c.taken[i]
		if in.State != store.Delivered {
			if in.State != store.Quarantined || c.life["kills"] == 0 {
				c.violate("I1", "%s at %s is %s", in.ConversationID, in.Tenant, in.State)
			}
		} else if c.desk.docs[in.ID] == nil {
			c.violate("I1", "%s at %s is delivered, and C4 has nothing", in.ConversationID, in.Tenant)
		}
		byDoc[in.ConversationID] = append(byDoc[in.ConversationID], in)
	}
	for doc, list := range byDoc {
		if len(list) > 1 && !c.mayBeTwice(doc, list) {
			c.violate("I2", "%s is at %s and at %s", doc, list[0].Tenant, list[1].Tenant)
		}
	}
}

func apOfTenant(tenant string) (n int) {
	_, _ = fmt.Sscanf(tenant, "ap%d", &n)
	return n
}

// mayBeTwice reports whether a document may be at two access points: because an operator had it sent again after it was
// given up, or sent it himself.
func (c *checker) mayBeTwice(doc string, list []*incoming) bool {
	d := c.docNamed(doc)
	if list[0].Tenant == list[1].Tenant {
		return false
	}
	return d.takes > 0 || slices.ContainsFunc(d.requeues, func(q requeue) bool { return q.from != store.Unknown })
}

// office checks what C4 has (I2, I3).
func (c *checker) office() {
	for id, got := range c.desk.docs {
		i := slices.IndexFunc(c.taken, func(in incoming) bool { return in.ID == id })
		if i < 0 {
			c.violate("I3", "C4 has %s of %s, which no access point accepted", got.doc, id)
			continue
		}
		in := c.taken[i]
		if fmt.Sprintf("%x", in.Payload.SHA256) != got.digest {
			c.violate("I3", "C4 has another %s than was accepted", got.doc)
		}
		k := slices.IndexFunc(c.sent, func(o outgoing) bool { return o.MessageID == got.messageID })
		if k < 0 || c.sent[k].Payload.SHA256 != in.Payload.SHA256 {
			c.violate("I3", "C4 has a %s that C1 did not hand in", got.doc)
		}
		if most := 1 + c.life["kills"] + c.life["stops"] + c.life["statements that failed"]; got.times > 4+most {
			c.violate("I2", "%s was delivered %d times", got.doc, got.times)
		}
	}
}

// counted checks that what was sent and accepted is counted once (D-11).
func (c *checker) counted() error {
	sent, ids := 0, map[string]bool{} // one that is at two access points is counted once: their record is one
	for _, in := range c.taken {
		ids[in.MessageID] = true
	}
	for _, m := range c.sent {
		if m.State == store.Sent {
			sent++
		}
	}
	for _, one := range []struct {
		name string
		s    *store.Store
		want int
	}{{"c2", c.c2, sent}, {"c3", c.c3, len(ids)}} {
		n, err := countRows(one.s)
		if err != nil {
			return err
		}
		if n != one.want {
			c.violate("I6", "%d exchanges are counted in %s, want %d", n, one.name, one.want)
		}
	}
	return nil
}

func countRows(s *store.Store) (n int, err error) {
	scan := func(row db.Row) (v int64, err error) { err = row.Scan(&v); return v, err }
	v, err := db.ReadOne(context.Background(), s.DB, "counting", scan, "SELECT COUNT(*) FROM counting")
	return int(v), err
}
