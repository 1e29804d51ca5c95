package report

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/reporting"
)

// worker turns counts into items of reports.
type worker struct {
	accounts *Accounts
	ctx      context.Context // of one call, within which the worker lives
	reg      *Registry
	terms    *store.Glossary
	users    map[store.TermID]*user
	seats    []peppol.SeatID
	missing  map[string]*Missing
}

func (a *Accounts) worker(ctx context.Context, reg *Registry) *worker {
	return &worker{accounts: a, ctx: ctx, reg: reg, terms: a.Store.Glossary(a.Tenant), users: map[store.TermID]*user{}, seats: slices.Clone(a.Seats)}
}

// user is what is known of a participant of ours.
type user struct {
	participant string
	id, country string
}

// text returns the text of a term.
func (w *worker) text(id store.TermID) (string, error) {
	t, err := w.terms.Term(w.ctx, id)
	return t.Value, err
}

func (w *worker) identifier(id store.TermID) (reporting.Identifier, error) {
	t, err := w.terms.Term(w.ctx, id)
	return reporting.Identifier{Scheme: t.Scheme, Value: t.Value}, err
}

func (w *worker) user(id store.TermID) (*user, error) {
	if u := w.users[id]; u != nil {
		return u, nil
	}
	p, err := w.text(id)
	if err != nil {
		return nil, err
	}
	u := &user{participant: p}
	u.id, u.country = w.reg.EndUser(p)
	if u.country == "" && strings.EqualFold(p, w.accounts.Own) {
		u.country = w.accounts.Country
	}
	w.users[id] = u
	return u, nil
}

// findSeats enters the seats that took part.
func (w *worker) findSeats(src source) error {
	for t, err := range src {
		if err == nil {
			_, err = w.seat(t.Seat)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// seat returns the text of a seat of ours.
func (w *worker) seat(id store.TermID) (peppol.SeatID, error) {
	text, err := w.text(id)
	if seat := peppol.SeatID(text); err == nil && !slices.Contains(w.seats, seat) {
		w.seats = append(w.seats, seat)
	}
	return peppol.SeatID(text), err
}

// items yields what was exchanged by a seat.
func (w *worker) items(seat peppol.SeatID, src source) iter.Seq2[reporting.Item, error] {
	return func(yield func(reporting.Item, error) bool) {
		for t, err := range src {
			var at peppol.SeatID
			if err == nil {
				at, err = w.seat(t.Seat)
			}
			if err != nil {
				yield(reporting.Item{}, err)
				return
			}
			if at != seat {
				continue
			}
			if !w.itemsOf(seat, &t, yield) {
				return
			}
		}
	}
}

// itemsOf yields the items of one part, and tells whether to go on.
func (w *worker) itemsOf(seat peppol.SeatID, t *store.Tally, yield func(reporting.Item, error) bool) bool {
	docType, err := w.identifier(t.DocType)
	if err != nil {
		return yield(reporting.Item{}, err)
	}
	process, err := w.identifier(t.Process)
	if err != nil {
		return yield(reporting.Item{}, err)
	}
	for i := range t.Entries {
		it := reporting.Item{Direction: reporting.Outgoing, C2: seat, DocType: docType, Process: process}
		if t.Direction == store.In {
			it.Direction, it.C2, it.C3 = reporting.Incoming, "", seat
		}
		if err := w.fill(&it, &t.Entries[i]); err != nil {
			return yield(it, err)
		}
		if !yield(it, nil) {
			return false
		}
	}
	return true
}

// fill completes an item with what an entry says.
func (w *worker) fill(it *reporting.Item, e *store.TallyEntry) error {
	u, err := w.user(e.User)
	if err != nil {
		return err
	}
	peer, err := w.text(e.Peer)
	if err != nil {
		return err
	}
	if it.Transport, err = w.text(e.Transport); err != nil {
		return err
	}
	if it.C1Country, err = w.text(e.CountryC1); err != nil {
		return err
	}
	it.EndUser, it.N = u.id, uint64(e.N)
	country := &it.C1Country
	if it.Direction == reporting.Incoming {
		it.C2, it.C4Country = peppol.SeatID(peer), u.country
		country = &it.C4Country
	} else if it.C3 = peppol.SeatID(peer); u.country != "" {
		if _, ok := reporting.Country(it.C1Country); !ok {
			it.C1Country = u.country // what stood in the envelope is no country; the customer's is
		}
	}
	if _, ok := reporting.Country(*country); !ok {
		w.miss(u, e.N)
	}
	return nil
}

// miss enters a participant in the worklist.
func (w *worker) miss(u *user, n int64) {
	m := w.missing[u.participant]
	if m == nil {
		m = &Missing{Participant: u.participant}
		if c := w.reg.Customer(u.participant); c != nil {
			m.Customer = c.ID
		}
		w.missing[u.participant] = m
	}
	m.Exchanges += n
}
