package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

const (
	docType = "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:cen.eu:en16931:" +
		"2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
	process1 = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
	c1       = "0088:7300010000001"
)

// document is one that C1 hands in.
type document struct {
	name     string // its conversation id, by which it is known everywhere
	receiver string
	keyed    bool     // C1 repeats until it has an answer
	ids      []string // of the messages that C1 was told of
	tries    int
	cancels  []time.Duration // when an operator withdrew it
	requeues []requeue
	takes    int // attempts by an operator
}

// requeue is an operator's decision to send a document again.
type requeue struct {
	at   time.Duration
	from store.State
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (d *document) submission() ap.Submission {
	const ns = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
	content := fmt.Sprintf(`<Invoice xmlns="%s"><!-- %s --></Invoice>`, ns, d.name)
	s := ap.Submission{
		From: must(peppol.ParseParticipant(c1)), To: must(peppol.ParseParticipant(d.receiver)),
		DocType: must(peppol.ParseDocType(docType)), Process: must(peppol.ParseProcess(process1)),
		Conversation: d.name, Open: ap.Bytes([]byte(content)),
	}
	if d.keyed {
		s.Key, s.Content = d.name, bytes.Repeat([]byte(d.name[:1]), 32)
	}
	return s
}

// handIn is C1 with a document. It learns its id, or does not know what became of it; with a key it asks again.
func (w *world) handIn(d *document) {
	r := w.dice("submit", d.name)
	for {
		if n := w.aSender(r.IntN(1000)); n != nil {
			w.decided(func() { d.tries++ })
			err := w.submit(n, d, !d.keyed && !w.short && r.IntN(6) == 0)
			if err == nil {
				return
			}
			w.note("%s: %s is not taken: %s", n.name, d.name, short(err))
			if !d.keyed {
				return
			}
		}
		time.Sleep(between(r, time.Second, 2*time.Minute))
	}
}

func (w *world) submit(n *sender, d *document, atOnce bool) error {
	n.wait()
	ctx := context.Background()
	ctx = context.WithValue(ctx, docKey{}, d.name)
	s := d.submission()
	if atOnce {
		s.AtOnce = &as4.Peer{}
		m, job, err := n.out.SubmitHeld(ctx, s, n.name)
		if err != nil {
			return err
		}
		w.has(n, d, m.ID)
		w.claimed(m.ID, n.name)
		_, err = n.out.AttemptMessage(ctx, job, m, as4.Peer{})
		w.note("%s: %s is sent at once: %s", n.name, d.name, short(err))
		return nil
	}
	m, _, err := n.out.Submit(ctx, s)
	if err != nil {
		return err
	}
	if n.isDead() { // nobody is there to answer
		return errDead
	}
	w.has(n, d, m.ID)
	n.runner.Wake()
	return nil
}

func (w *world) has(n *sender, d *document, id string) {
	w.note("%s: %s is taken as %s", n.name, d.name, id)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(d.ids, id) {
		d.ids = append(d.ids, id)
	}
}

// aSender returns a process of C2 that runs, or nil.
func (w *world) aSender(n int) *sender {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.senders) == 0 {
		return nil
	}
	var names []string
	for name, s := range w.senders {
		if !s.isDead() {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return w.senders[names[n%len(names)]]
}

// operate is an operator who does something with a document (REL-027).
func (w *world) operate(d *document, k int) {
	r := w.dice("operator", d.name, k)
	n := w.aSender(r.IntN(1000))
	w.mu.Lock()
	ids := slices.Clone(d.ids)
	w.mu.Unlock()
	if n == nil || len(ids) == 0 {
		return
	}
	n.wait()
	ctx := context.WithValue(context.Background(), docKey{}, d.name)
	m, err := n.store.Get(ctx, db.DefaultTenant, ids[0])
	if err != nil {
		return
	}
	what, begun := "", w.elapsed()
	switch r.IntN(5) {
	case 0, 1:
		what, err = "cancel", n.store.Cancel(ctx, m.Tenant, m.ID, "operator", "withdrawn")
		if err == nil || errors.Is(err, errUnsure) || errors.Is(err, errDead) {
			w.decided(func() { d.cancels = append(d.cancels, begun) })
		}
	case 2, 3:
		what, err = "requeue", n.store.Requeue(ctx, m.Tenant, m.ID, "operator", "again")
		if err == nil || errors.Is(err, errUnsure) || errors.Is(err, errDead) {
			w.decided(func() { d.requeues = append(d.requeues, requeue{begun, m.State}) })
		}
		n.runner.Wake()
	case 4:
		what = "send now"
		var job store.Job
		if job, err = n.store.Take(ctx, m.Tenant, store.Send, m.ID, n.name, 20*time.Minute); err == nil {
			w.decided(func() { d.takes++ })
			w.claimed(m.ID, n.name)
			_, err = n.out.Attempt(ctx, job, as4.Peer{})
		}
	}
	w.note("%s: operator: %s %s, which is %s: %s", n.name, what, d.name, m.State, short(err))
}

func (w *world) decided(fn func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fn()
}

// plan draws who hands in what when, and all that happens to hosts, registers and clocks.
func (w *world) plan(senders, peers []*host) {
	r := w.dice("plan")
	receivers := 1 + r.IntN(4)
	for i := range receivers {
		name := fmt.Sprintf("0088:73000100001%02d", i)
		list := []entry{{0, r.IntN(accessPoints), r.IntN(2)}}
		for range r.IntN(3) {
			e := list[len(list)-1]
			e.from += between(r, time.Minute, w.faulty/3)
			if r.IntN(2) == 0 {
				e.cert = 1 - e.cert
			} else {
				e.ap = r.IntN(accessPoints)
			}
			list = append(list, e)
		}
		w.register[name] = list
	}
	for i := range 3 + r.IntN(6) {
		d := &document{
			name: fmt.Sprintf("%c-document-%d", 'a'+i, i), keyed: r.IntN(3) > 0,
			receiver: fmt.Sprintf("0088:73000100001%02d", r.IntN(receivers)),
		}
		w.docs = append(w.docs, d)
		from := between(r, time.Second, w.faulty*2/3)
		if r.IntN(2) == 0 {
			from = between(r, time.Second, time.Minute) // many at once
		}
		w.at(from, func() { w.handIn(d) })
		if d.keyed && r.IntN(3) == 0 { // C1 does it twice at once, with the same key
			w.at(from, func() { w.handIn(d) })
		}
		for k := range r.IntN(4) {
			after := []time.Duration{20 * time.Minute, 2 * time.Hour, 10 * time.Hour}[r.IntN(3)]
			w.at(from+between(r, time.Minute, after), func() { w.operate(d, k) })
		}
	}
	if w.mild {
		return
	}
	for _, h := range append(slices.Clone(senders), peers...) {
		for range r.IntN(4) {
			when := between(r, time.Minute, w.faulty)
			halt, long := r.IntN(2) == 0, between(r, time.Second, 40*time.Minute)
			w.at(when, func() {
				switch p := h.current(); {
				case p == nil:
				case halt:
					p.halt(long)
				default:
					p.kill("from outside")
				}
			})
		}
	}
	for range r.IntN(3) {
		by := between(r, -90*time.Minute, 90*time.Minute)
		w.at(between(r, time.Minute, w.faulty), func() { w.setClock(by) })
	}
}

// setClock sets the wall clock of all hosts (F-06), who then look for work.
func (w *world) setClock(by time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.senders {
		n.runner.Wake()
	}
	w.shift += by
	w.moved += by.Abs()
	w.life["clock set"]++
	w.noteLocked("the clock is set by %v", by.Round(time.Second))
}

func (w *world) clockWasSet() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.moved > 0
}

// serve registers at all access points whom they receive for.
func (w *world) serve(s *store.Store) error {
	for i := range accessPoints {
		for name := range w.register {
			e := store.Served{
				Participant: must(peppol.ParseParticipant(name)), DocType: must(peppol.ParseDocType(docType)),
				Process: must(peppol.ParseProcess(process1)),
			}
			if err := s.AddServed(context.Background(), tenantOf(i), e); err != nil {
				return err
			}
		}
	}
	return nil
}
