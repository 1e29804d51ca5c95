package accounts

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/reporting"
)

// worker turns counts into items for the reports.
type worker struct {
	accounts *Accounts
	ctx      context.Context // of the one call for which the worker exists
	reg      *Registry
	terms    *ledger.Glossary
	users    map[ledger.TermID]*user
	seats    []peppol.SeatID
	missing  worklist // of the seat at hand, like the next three
	unowned  worklist
	shared   map[sharedKey]sharedItem
	lastKey  sharedKey
	last     sharedItem
}

func (a *Accounts) worker(ctx context.Context, reg *Registry) *worker {
	return &worker{
		accounts: a, ctx: ctx, reg: reg, terms: a.Ledger.Glossary(a.Tenant),
		users: map[ledger.TermID]*user{},
	}
}

// user is what is known about one of our participants.
type user struct {
	participant string
	id, country string
	customer    string // id, "" when it belongs to nobody
	us          bool   // the service provider itself
}

// termText returns the text of a term.
func (w *worker) termText(id ledger.TermID) (string, error) {
	t, err := w.terms.Term(w.ctx, id)
	return t.Value, err
}

func (w *worker) identifier(id ledger.TermID) (reporting.Identifier, error) {
	t, err := w.terms.Term(w.ctx, id)
	return reporting.Identifier{Scheme: t.Scheme, Value: t.Value}, err
}

func (w *worker) user(id ledger.TermID) (*user, error) {
	if u := w.users[id]; u != nil {
		return u, nil
	}
	p, err := w.termText(id)
	if err != nil {
		return nil, err
	}
	u := &user{participant: p, us: strings.EqualFold(p, w.accounts.Own)}
	u.id, u.country = w.reg.EndUser(p)
	if c := w.reg.Customer(p); c != nil {
		u.customer = c.ID
	}
	if u.country == "" && u.us {
		u.country = w.accounts.Country
	}
	w.users[id] = u
	return u, nil
}

// counts yields the counts that are kept in addition to the rows.
func (w *worker) counts(m peppol.Month) source {
	return w.accounts.Ledger.Totals(w.ctx, w.accounts.Tenant, m, w.classes())
}

// rows yields the rows themselves, as counts of one each.
func (w *worker) rows(m peppol.Month) source {
	return func(yield func(ledger.Totals, error) bool) {
		users, peers := make([]ledger.UserTotal, 1), make([]ledger.PeerTotal, 1)
		for c, err := range w.accounts.Ledger.Entries(w.ctx, w.accounts.Tenant, m) {
			t := ledger.Totals{Users: users, Peers: peers}
			if err == nil {
				t.TotalsKey, users[0], peers[0] = c.Place()
				var u *user
				if u, err = w.user(users[0].User); err == nil {
					peers[0].Class = u.country
				}
			}
			if !yield(t, err) || err != nil {
				return
			}
		}
	}
}

// refresh makes the counts of a month agree with the present customers. Counts made with an earlier state of the
// registry are kept if that says the same about all participants in them, and made again otherwise.
func (w *worker) refresh(m peppol.Month) error {
	l, tenant := w.accounts.Ledger, w.accounts.Tenant
	versions, err := l.Versions(w.ctx, tenant, m)
	if err != nil {
		return err
	}
	for _, v := range versions {
		if v == w.reg.Events {
			continue
		}
		same, err := w.same(m, v)
		if err != nil {
			return err
		}
		if !same {
			if err := l.DropTotals(w.ctx, tenant, m); err != nil {
				return err
			}
			if err := l.UpdateTotals(w.ctx, tenant, w.classes()); err != nil && !errors.Is(err, db.ErrConflict) {
				return err
			}
			return nil // after a conflict, rows that are not folded are read one by one
		}
		if err := l.Reclass(w.ctx, tenant, m, v, w.reg.Events); err != nil {
			return err
		}
	}
	return nil
}

// same reports whether an earlier state of the registry says the same of all participants of a month.
func (w *worker) same(m peppol.Month, version int64) (bool, error) {
	reg, err := w.accounts.Registry(w.ctx, version)
	if err != nil {
		return false, err
	}
	before := w.accounts.worker(w.ctx, reg)
	seen := map[ledger.TermID]bool{}
	for t, err := range w.accounts.Ledger.Totals(w.ctx, w.accounts.Tenant, m, w.classes()) {
		if err != nil {
			return false, err
		}
		for _, e := range t.Users {
			if seen[e.User] {
				continue
			}
			seen[e.User] = true
			old, err := before.user(e.User)
			if err != nil {
				return false, err
			}
			now, err := w.user(e.User)
			if err != nil {
				return false, err
			}
			if old.country != now.country {
				return false, nil
			}
		}
	}
	return true, nil
}

// pairs makes the reports of all seats: ours, and any others that the month has exchanges of.
func (w *worker) pairs(m peppol.Month, src source, preview bool) ([]Pair, error) {
	w.seats = slices.Clone(w.accounts.Seats)
	if len(w.seats) == 0 {
		if err := w.findSeats(src); err != nil {
			return nil, err
		}
	}
	var out []Pair
	for i := 0; i < len(w.seats); i++ { // not range: build may find more
		rep, err := w.build(reporting.Header{Month: m, Seat: w.seats[i], Preview: preview}, src)
		if err != nil {
			return nil, err
		}
		out = append(out, Pair{w.seats[i], rep, w.missing.sorted(), w.unowned.sorted()})
	}
	slices.SortFunc(out, func(a, b Pair) int { return strings.Compare(string(a.Seat), string(b.Seat)) })
	return out, nil
}

// findSeats adds the seats that took part.
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
func (w *worker) seat(id ledger.TermID) (peppol.SeatID, error) {
	text, err := w.termText(id)
	if seat := peppol.SeatID(text); err == nil && !slices.Contains(w.seats, seat) {
		w.seats = append(w.seats, seat)
	}
	return peppol.SeatID(text), err
}

// build adds up what was exchanged by a seat.
func (w *worker) build(h reporting.Header, src source) (*reporting.Report, error) {
	b := reporting.NewBuilder(h)
	w.missing, w.unowned, w.shared, w.lastKey = worklist{}, worklist{}, map[sharedKey]sharedItem{}, sharedKey{}
	for t, err := range src {
		var at peppol.SeatID
		if err == nil {
			at, err = w.seat(t.Seat)
		}
		if err == nil && at == h.Seat {
			err = w.addTally(b, h.Seat, &t)
		}
		if err != nil {
			return nil, err
		}
	}
	return b.Report()
}

// sharedKey determines everything about an item except its end user. Peer and transport are 0 in entries about end
// users.
type sharedKey struct {
	direction                             ledger.Direction
	docType, process, peer, transport, c1 ledger.TermID
	class                                 string // country of our participant
}

// sharedItem is an item's part in a builder.
type sharedItem struct {
	number    reporting.Shared
	noCountry bool
}

// classes divides our participants by country.
func (w *worker) classes() ledger.Classes {
	return ledger.Classes{Version: w.reg.Events, Of: func(id ledger.TermID) (string, error) {
		u, err := w.user(id)
		if err != nil {
			return "", err
		}
		return u.country, nil
	}}
}

// addTally adds one part of the counts.
func (w *worker) addTally(b *reporting.Builder, seat peppol.SeatID, t *ledger.Totals) error {
	for _, e := range t.Users {
		u, err := w.user(e.User)
		if err != nil {
			return err
		}
		s, err := w.item(b, seat, sharedKey{
			direction: t.Direction, docType: t.DocType, process: t.Process,
			c1: e.CountryC1, class: u.country,
		})
		if err != nil {
			return err
		}
		if s.noCountry {
			w.missing.addExchanges(u, e.N)
		}
		if u.customer == "" && !u.us {
			w.unowned.addExchanges(u, e.N)
		}
		if err := b.See(s.number, u.id); err != nil {
			return err
		}
	}
	for _, e := range t.Peers {
		s, err := w.item(b, seat, sharedKey{
			t.Direction, t.DocType, t.Process, e.Peer, e.Transport, e.CountryC1,
			e.Class,
		})
		if err == nil {
			err = b.Count(s.number, uint64(e.N))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// item returns the item of a key.
func (w *worker) item(b *reporting.Builder, seat peppol.SeatID, k sharedKey) (sharedItem, error) {
	if k == w.lastKey { // entries are sorted
		return w.last, nil
	}
	s, ok := w.shared[k]
	if !ok {
		var err error
		if s, err = w.share(b, seat, &k); err != nil {
			return s, err
		}
		w.shared[k] = s
	}
	w.lastKey, w.last = k, s
	return s, nil
}

// share makes the item of a key.
func (w *worker) share(b *reporting.Builder, seat peppol.SeatID, k *sharedKey) (s sharedItem, err error) {
	it := reporting.Item{Direction: reporting.Outgoing, Transport: peppol.TransportAS4}
	if it.DocType, err = w.identifier(k.docType); err != nil {
		return s, err
	}
	if it.Process, err = w.identifier(k.process); err != nil {
		return s, err
	}
	peer := string(seat)
	if k.peer != 0 {
		if peer, err = w.termText(k.peer); err != nil {
			return s, err
		}
		if it.Transport, err = w.termText(k.transport); err != nil {
			return s, err
		}
	}
	if k.c1 != 0 {
		if it.C1Country, err = w.termText(k.c1); err != nil {
			return s, err
		}
	}
	country := &it.C1Country
	if it.C2, it.C3 = seat, peppol.SeatID(peer); k.direction == ledger.Incoming {
		it.Direction, it.C2, it.C3, it.C4Country = reporting.Incoming, it.C3, it.C2, k.class
		country = &it.C4Country
	} else if _, ok := reporting.Country(it.C1Country); !ok && k.class != "" {
		it.C1Country = k.class // the envelope has no valid country, but the customer has
	}
	_, ok := reporting.Country(*country)
	s.noCountry = !ok
	s.number, err = b.Shared(it)
	return s, err
}

// worklist has entries by participant.
type worklist map[string]*Missing

func (l worklist) addExchanges(u *user, n int64) {
	m := l[u.participant]
	if m == nil {
		m = &Missing{Participant: u.participant, Customer: u.customer}
		l[u.participant] = m
	}
	m.Exchanges += n
}

func (l worklist) sorted() (out []Missing) {
	for _, key := range slices.Sorted(maps.Keys(l)) {
		out = append(out, *l[key])
	}
	return out
}
