package report

import (
	"context"
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
	missing  map[string]*Missing // of the seat at hand, like the next
	shared   map[sharedKey]sharedItem
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

// build adds up what was exchanged by a seat.
func (w *worker) build(h reporting.Header, src source) (*reporting.Report, error) {
	b := reporting.NewBuilder(h)
	w.missing, w.shared = map[string]*Missing{}, map[sharedKey]sharedItem{}
	for t, err := range src {
		var at peppol.SeatID
		if err == nil {
			at, err = w.seat(t.Seat)
		}
		if err == nil && at == h.Seat {
			err = w.add(b, h.Seat, &t)
		}
		if err != nil {
			return nil, err
		}
	}
	return b.Report()
}

// sharedKey is what decides about all of an item but its end user.
type sharedKey struct {
	direction                             store.Direction
	docType, process, peer, transport, c1 store.TermID
	user                                  string // country of our participant
}

// sharedItem is an item's part in a builder.
type sharedItem struct {
	number    reporting.Shared
	noCountry bool
}

// add adds one part of the counts.
func (w *worker) add(b *reporting.Builder, seat peppol.SeatID, t *store.Tally) error {
	for i := range t.Entries {
		e := &t.Entries[i]
		u, err := w.user(e.User)
		if err != nil {
			return err
		}
		key := sharedKey{t.Direction, t.DocType, t.Process, e.Peer, e.Transport, e.CountryC1, u.country}
		s, ok := w.shared[key]
		if !ok {
			if s, err = w.share(b, seat, &key); err != nil {
				return err
			}
			w.shared[key] = s
		}
		if s.noCountry {
			w.miss(u, e.N)
		}
		if err := b.Add(s.number, u.id, uint64(e.N)); err != nil {
			return err
		}
	}
	return nil
}

// share makes the item of a key.
func (w *worker) share(b *reporting.Builder, seat peppol.SeatID, k *sharedKey) (s sharedItem, err error) {
	it := reporting.Item{Direction: reporting.Outgoing}
	if it.DocType, err = w.identifier(k.docType); err != nil {
		return s, err
	}
	if it.Process, err = w.identifier(k.process); err != nil {
		return s, err
	}
	peer, err := w.text(k.peer)
	if err != nil {
		return s, err
	}
	if it.Transport, err = w.text(k.transport); err != nil {
		return s, err
	}
	if it.C1Country, err = w.text(k.c1); err != nil {
		return s, err
	}
	country := &it.C1Country
	if it.C2, it.C3 = seat, peppol.SeatID(peer); k.direction == store.In {
		it.Direction, it.C2, it.C3, it.C4Country = reporting.Incoming, it.C3, it.C2, k.user
		country = &it.C4Country
	} else if _, ok := reporting.Country(it.C1Country); !ok && k.user != "" {
		it.C1Country = k.user // what stood in the envelope is no country; the customer's is
	}
	_, ok := reporting.Country(*country)
	s.noCountry = !ok
	s.number, err = b.Shared(it)
	return s, err
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
