package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/reporting"
)

// Query selects the exchanges behind a number in a report by its keys. Empty fields select all.
type Query struct {
	Direction   string // incoming or outgoing
	Seat        string // ours
	Provider    string // the other's seat: the SP key
	DocType     string // value
	Process     string // value
	C1Country   string // as reported: ZZ if unknown
	C4Country   string
	EndUser     string // participant, or id of a customer
	UserCountry string // of the end user: C1 if it sends, C4 if it receives
}

// Exchange is a row behind a number.
type Exchange struct {
	At          time.Time `json:"at"`
	Direction   string    `json:"direction"`
	MessageID   string    `json:"message_id"`
	C2          string    `json:"c2"`
	C3          string    `json:"c3"`
	DocType     string    `json:"doctype"`
	Process     string    `json:"process"`
	Sender      string    `json:"sender"`
	Receiver    string    `json:"receiver"`
	C1Country   string    `json:"c1_country"`
	C4Country   string    `json:"c4_country,omitempty"`
	Customer    string    `json:"customer,omitempty"`
	Late        bool      `json:"late,omitempty"` // it belongs to a month that had already been closed
	participant string
	endUser     string
}

// Rows calls yield for each exchange of a month that the query selects, until yield returns an error. Participants are
// personal data if they stand for a person: what it yields is only for the operator.
func (a *Accounts) Rows(ctx context.Context, m peppol.Month, q Query, yield func(*Exchange) error) error {
	if _, err := a.Ledger.Post(ctx, a.Tenant); err != nil {
		return err
	}
	reg, err := a.Registry(ctx, Latest)
	if err != nil {
		return err
	}
	if err := a.check(ctx, &q, reg); err != nil {
		return err
	}
	w := a.worker(ctx, reg)
	for c, err := range a.Ledger.Entries(ctx, a.Tenant, m) {
		if err != nil {
			return err
		}
		x, err := w.exchange(&c)
		if err != nil {
			return err
		}
		if !q.chooses(x) {
			continue
		}
		if err := yield(x); err != nil {
			return err
		}
	}
	return nil
}

// QueryError means that a Query has a value that no row can have, so that an empty answer would say nothing.
type QueryError struct{ Key, Why string } // Key as the command line calls it

func (e *QueryError) Error() string { return "accounts: --" + e.Key + ": " + e.Why }

// check refuses values that are malformed, or that nothing in the record has.
func (a *Accounts) check(ctx context.Context, q *Query, reg *Registry) error {
	if q.Direction != "" && q.Direction != string(reporting.Incoming) && q.Direction != string(reporting.Outgoing) {
		return &QueryError{"direction", fmt.Sprintf("want incoming or outgoing, have %q", q.Direction)}
	}
	if q.Seat != "" && !slices.Contains(a.Seats, peppol.SeatID(q.Seat)) {
		return &QueryError{"seat", fmt.Sprintf("%q is none of our seats, which are %s", q.Seat, seatList(a.Seats))}
	}
	for _, c := range [...]struct{ key, code string }{
		{"sender-country", q.C1Country}, {"receiver-country", q.C4Country}, {"end-user-country", q.UserCountry},
	} {
		if c.code != "" && c.code != reported(c.code) {
			return &QueryError{c.key, fmt.Sprintf("%q is not a country, nor ZZ", c.code)}
		}
	}
	if err := a.checkEndUser(q.EndUser, reg); err != nil {
		return err
	}
	return a.checkTerms(ctx, q)
}

func (a *Accounts) checkEndUser(user string, reg *Registry) error {
	isCustomer := slices.ContainsFunc(reg.Customers(), func(c Customer) bool { return c.ID == user })
	if _, err := peppol.ParseParticipant(user); user != "" && !isCustomer && err != nil {
		return &QueryError{"end-user", fmt.Sprintf("%q is neither a customer nor a participant", user)}
	}
	return nil
}

// checkTerms refuses texts that no exchange of the record has, in any month.
func (a *Accounts) checkTerms(ctx context.Context, q *Query) error {
	for _, f := range [...]struct {
		key, value string
		kind       ledger.TermKind
		schemes    []string
	}{
		{"sp", q.Provider, ledger.TermSeat, []string{""}},
		{"doctype", q.DocType, ledger.TermDocType, []string{peppol.SchemeBusdox, peppol.SchemeWildcard}},
		{"process", q.Process, ledger.TermProcess, []string{peppol.SchemeProcess}},
	} {
		found := f.value == ""
		for _, scheme := range f.schemes {
			if found {
				break
			}
			_, err := a.Ledger.FindTerm(ctx, a.Tenant, ledger.Term{Kind: f.kind, Scheme: scheme, Value: f.value})
			if err != nil && !errors.Is(err, db.ErrNotFound) {
				return err
			}
			found = err == nil
		}
		if !found {
			return &QueryError{f.key, fmt.Sprintf("no exchange of the record has %q", f.value)}
		}
	}
	return nil
}

func seatList(seats []peppol.SeatID) string {
	var list []string
	for _, s := range seats {
		list = append(list, string(s))
	}
	return strings.Join(list, ", ")
}

// exchange returns a row as texts, with the countries as a preview reports them.
func (w *worker) exchange(c *ledger.Entry) (*Exchange, error) {
	_, own, _ := c.Own()
	u, err := w.user(own)
	if err != nil {
		return nil, err
	}
	x := &Exchange{
		At: c.At, Direction: string(reporting.Outgoing), MessageID: c.MessageID, Late: c.Late(),
		participant: u.participant, endUser: u.id,
	}
	for _, f := range []struct {
		to *string
		id ledger.TermID
	}{
		{&x.C2, c.C2},
		{&x.C3, c.C3},
		{&x.DocType, c.DocType},
		{&x.Process, c.Process},
		{&x.Sender, c.Sender},
		{&x.Receiver, c.Receiver},
		{&x.C1Country, c.CountryC1},
	} {
		if *f.to, err = w.termText(f.id); err != nil {
			return nil, err
		}
	}
	if cust := w.reg.Customer(u.participant); cust != nil {
		x.Customer = cust.ID
	}
	if c.Direction == ledger.Incoming {
		x.Direction = string(reporting.Incoming)
		x.C4Country = reported(u.country)
	} else if _, ok := reporting.Country(x.C1Country); !ok {
		x.C1Country = u.country
	}
	x.C1Country = reported(x.C1Country)
	return x, nil
}

// reported is the code under which a country is reported, ZZ when it is not known.
func reported(country string) string {
	code, ok := reporting.Country(country)
	if !ok {
		return "ZZ"
	}
	return code
}

func (q *Query) chooses(x *Exchange) bool {
	seat, peer, country := x.C2, x.C3, x.C1Country
	if x.Direction == string(reporting.Incoming) {
		seat, peer, country = x.C3, x.C2, x.C4Country
	}
	for _, f := range [...]struct{ want, have string }{
		{q.Direction, x.Direction},
		{q.Seat, seat},
		{q.Provider, peer},
		{q.DocType, x.DocType},
		{q.Process, x.Process},
		{q.C1Country, x.C1Country},
		{q.C4Country, x.C4Country},
		{q.UserCountry, country},
	} {
		if f.want != "" && f.want != f.have {
			return false
		}
	}
	return q.EndUser == "" || strings.EqualFold(q.EndUser, x.participant) || q.EndUser == x.Customer ||
		x.endUser == "customer "+q.EndUser
}

// Difference is a number that differs between two builds of a month.
type Difference struct {
	Report string `json:"report"` // tsr or eusr
	Number string `json:"number"` // what it is about
	A      string `json:"a"`      // "" if it is missing
	B      string `json:"b"`
}

// Diff compares two revisions of a seat's reports.
func (a *Accounts) Diff(ctx context.Context, m peppol.Month, seat string, first, second int64) ([]Difference, error) {
	list, err := a.Archive(ctx, m)
	if err != nil {
		return nil, err
	}
	find := func(revision int64) (*Built, error) {
		for i := range list {
			if list[i].Revision == revision && (seat == "" || string(list[i].Seat) == seat) {
				return &list[i], nil
			}
		}
		return nil, fmt.Errorf("%w: revision %d of %s %s", db.ErrNotFound, revision, m, seat)
	}
	x, err := find(first)
	if err != nil {
		return nil, err
	}
	y, err := find(second)
	if err != nil {
		return nil, err
	}
	before, err := numbers(x)
	if err != nil {
		return nil, err
	}
	after, err := numbers(y)
	if err != nil {
		return nil, err
	}
	return differences(before, after), nil
}

// number is a number in a report with its name.
type number struct{ report, name, value string }

// numbers lists the numbers of a build in their order.
func numbers(b *Built) ([]number, error) {
	tsr, err := reporting.ReadTSR(b.XML.TSR)
	if err != nil {
		return nil, err
	}
	eusr, err := reporting.ReadEUSR(b.XML.EUSR)
	if err != nil {
		return nil, err
	}
	counts := func(c reporting.Counts) string {
		return fmt.Sprintf("incoming %d, outgoing %d", c.Incoming, c.Outgoing)
	}
	users := func(u reporting.Users) string {
		return fmt.Sprintf("sending %d, receiving %d, either %d", u.Sending, u.Receiving, u.Either)
	}
	list := []number{{"tsr", "total", counts(tsr.Total)}}
	for _, s := range tsr.Subtotals {
		list = append(list, number{"tsr", named(s.Type, s.Keys), counts(s.Counts)})
	}
	list = append(list, number{"eusr", "full set", users(eusr.FullSet)})
	for _, s := range eusr.Subsets {
		list = append(list, number{"eusr", named(s.Type, s.Keys), users(s.Users)})
	}
	return list, nil
}

// named names a subtotal or subset by its keys.
func named(typ string, keys []reporting.Key) string {
	var b strings.Builder
	b.WriteString(typ)
	for _, k := range keys {
		fmt.Fprintf(&b, " %s=%s", k.Scheme, k.Value)
	}
	return b.String()
}

func differences(before, after []number) []Difference {
	type key struct{ report, name string }
	have := map[key]string{}
	for _, n := range after {
		have[key{n.report, n.name}] = n.value
	}
	var out []Difference
	for _, n := range before {
		k := key{n.report, n.name}
		if have[k] != n.value {
			out = append(out, Difference{n.report, n.name, n.value, have[k]})
		}
		delete(have, k)
	}
	for _, n := range after {
		if _, left := have[key{n.report, n.name}]; left {
			out = append(out, Difference{n.report, n.name, "", n.value})
		}
	}
	return out
}
