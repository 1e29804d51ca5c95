package accounts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/reporting"
)

// Customer is an end user: the legal customer behind one or more participants (RPT-2).
type Customer struct {
	ID           string   `json:"id"` // ours
	Name         string   `json:"name"`
	Country      string   `json:"country"`             // ISO 3166-1 alpha-2
	CountsAs     string   `json:"counts_as,omitempty"` // customer as which this one, a branch for example, is reported
	Participants []string `json:"participants"`        // in lower case, sorted
}

// Registry maps participants to customers, as it was after an event.
type Registry struct {
	Events int64 // last event

	customers map[string]*Customer
	owner     map[string]string // participant in lower case to customer
}

// Fields of a customer in events.
const (
	fieldName     = "name"
	fieldCountry  = "country"
	fieldCountsAs = "counts_as"
	fieldCustomer = "customer" // of a participant
)

// Latest means the last event of the registry.
const Latest = -1

// Registry returns the customers as they were after an event; before the first one, 0, there are none.
func (a *Accounts) Registry(ctx context.Context, last int64) (*Registry, error) {
	r := &Registry{customers: map[string]*Customer{}, owner: map[string]string{}}
	if last == 0 {
		return r, nil
	}
	events, err := a.Ledger.CustomerEvents(ctx, a.Tenant, max(last, 0))
	if err != nil {
		return nil, err
	}
	for i := range events {
		r.apply(&events[i])
	}
	return r, nil
}

// apply applies an event.
func (r *Registry) apply(e *ledger.CustomerEvent) {
	r.Events = e.Seq
	if e.Kind == ledger.EventParticipant {
		r.owner[e.Subject] = e.New
		if e.New == "" {
			delete(r.owner, e.Subject)
		}
		return
	}
	c := r.customers[e.Subject]
	if c == nil {
		c = &Customer{ID: e.Subject}
		r.customers[e.Subject] = c
	}
	*c.field(e.Field) = e.New
}

// field returns the field that an event changes.
func (c *Customer) field(name string) *string {
	switch name {
	case fieldName:
		return &c.Name
	case fieldCountry:
		return &c.Country
	case fieldCountsAs:
		return &c.CountsAs
	}
	return new(string) // a field of a later version of this program: ignored
}

// Customers returns all customers by id.
func (r *Registry) Customers() []Customer {
	owned := map[string][]string{}
	for p, id := range r.owner {
		owned[id] = append(owned[id], p)
	}
	var out []Customer
	for _, id := range slices.Sorted(maps.Keys(r.customers)) {
		c := *r.customers[id]
		c.Participants = owned[id]
		slices.Sort(c.Participants)
		out = append(out, c)
	}
	return out
}

// EndUser returns who is reported for a participant: an id that is the same for all participants of the customer, and
// the customer's country, "" if unknown. A participant without a customer is an end user of its own.
func (r *Registry) EndUser(participant string) (id, country string) {
	key := strings.ToLower(participant)
	c := r.customers[r.owner[key]]
	if c == nil {
		return key, ""
	}
	country = c.Country
	for c.CountsAs != "" && r.customers[c.CountsAs] != nil {
		c = r.customers[c.CountsAs] // no cycles: Change refuses them
		if country == "" {
			country = c.Country
		}
	}
	return "customer " + c.ID, country
}

// Customer returns the customer of a participant, nil when there is none.
func (r *Registry) Customer(participant string) *Customer {
	return r.customers[r.owner[strings.ToLower(participant)]]
}

// Errors of changes.
var (
	errNoID      = errors.New("the customer has no id")
	errTwice     = errors.New("stands in the list twice")
	errMoves     = errors.New("belongs to another customer")
	errNoCountry = errors.New("is not a country of the code list, which has ISO 3166-1 alpha-2 in capital letters")
)

// Change adds and changes customers: each one's fields become those given, and the participants named become its own.
// What is not named stays. A customer that stands twice in the list, and a participant that belongs to another
// customer, are refused. All or nothing; it returns the number of corrections, which name the actor.
func (a *Accounts) Change(ctx context.Context, actor string, customers []Customer) (int, error) {
	return a.change(ctx, actor, customers, false)
}

// Replace is Change without these refusals: the later of two entries for a customer wins, and participants move.
func (a *Accounts) Replace(ctx context.Context, actor string, customers []Customer) (int, error) {
	return a.change(ctx, actor, customers, true)
}

func (a *Accounts) change(ctx context.Context, actor string, customers []Customer, replace bool) (int, error) {
	r, err := a.Registry(ctx, Latest)
	if err != nil {
		return 0, err
	}
	last := r.Events
	var events []ledger.CustomerEvent
	given := map[string]string{} // participant to customer, in this call
	first := map[string]int{}    // customer to its place in the list
	for i := range customers {
		id := customers[i].ID
		if n, again := first[id]; again && !replace {
			return 0, &CustomerError{Index: i, First: n, ID: id, Replaces: true, Err: errTwice}
		}
		first[id] = i
		list, err := r.change(&customers[i], given, replace)
		if err != nil {
			return 0, &CustomerError{Index: i, First: -1, ID: id, Replaces: errors.Is(err, errMoves), Err: err}
		}
		for j := range list {
			list[j].Actor = actor
			r.apply(&list[j])
		}
		events = append(events, list...)
	}
	for i := range customers {
		if err := r.acyclic(customers[i].ID); err != nil {
			return 0, &CustomerError{Index: i, First: -1, ID: customers[i].ID, Err: err}
		}
	}
	return len(events), a.Ledger.CorrectCustomers(ctx, a.Tenant, last, events)
}

// CustomerError says which customer of a change is wrong.
type CustomerError struct {
	Index    int // from 0
	First    int // index of its earlier entry if it is listed twice, else -1
	ID       string
	Replaces bool // Replace would accept it
	Err      error
}

func (e *CustomerError) Error() string { return fmt.Sprintf("customer %q: %v", e.ID, e.Err) }

// Unwrap returns what is wrong.
func (e *CustomerError) Unwrap() error { return e.Err }

// change returns the events that change a customer to what it should be.
func (r *Registry) change(to *Customer, given map[string]string, replace bool) ([]ledger.CustomerEvent, error) {
	if to.ID == "" || strings.TrimSpace(to.ID) != to.ID {
		return nil, errNoID
	}
	for _, text := range []string{to.ID, to.Name, to.CountsAs} {
		if err := db.CheckText(text); err != nil {
			return nil, err
		}
	}
	if code, ok := reporting.Country(to.Country); to.Country != "" && (!ok || code != to.Country) {
		return nil, fmt.Errorf("%q %w", to.Country, errNoCountry)
	}
	was := r.customers[to.ID]
	fresh := was == nil
	if fresh {
		was = &Customer{}
	}
	var events []ledger.CustomerEvent
	for _, name := range []string{fieldName, fieldCountry, fieldCountsAs} {
		if before, after := *was.field(name), *to.field(name); before != after || fresh && name == fieldName {
			events = append(events, ledger.CustomerEvent{
				Kind: ledger.EventCustomer, Subject: to.ID, Field: name,
				Old: before, New: after,
			})
		}
	}
	for _, text := range to.Participants {
		p, err := peppol.ParseParticipant(text)
		if err != nil {
			return nil, fmt.Errorf("participant %q: %w", text, err)
		}
		key := p.Key()
		before := r.owner[key]
		if other, ok := given[key]; ok && other != to.ID && !replace {
			return nil, fmt.Errorf("participant %s is given to customer %q as well: it %w", key, other, errMoves)
		}
		if before != "" && before != to.ID && !replace {
			return nil, fmt.Errorf("participant %s %w, %q", key, errMoves, before)
		}
		given[key] = to.ID
		if before != to.ID {
			events = append(events, ledger.CustomerEvent{
				Kind: ledger.EventParticipant, Subject: key,
				Field: fieldCustomer, Old: before, New: to.ID,
			})
		}
	}
	return events, nil
}

// acyclic follows the chain of CountsAs and refuses a cycle.
func (r *Registry) acyclic(id string) error {
	path := []string{id}
	for c := r.customers[id]; c != nil && c.CountsAs != ""; c = r.customers[c.CountsAs] {
		if r.customers[c.CountsAs] == nil {
			return fmt.Errorf("counts as customer %q, which does not exist", c.CountsAs)
		}
		if slices.Contains(path, c.CountsAs) {
			return fmt.Errorf("counts as itself: %s", strings.Join(append(path, c.CountsAs), " → "))
		}
		path = append(path, c.CountsAs)
	}
	return nil
}

// Release takes participants away from their customers.
func (a *Accounts) Release(ctx context.Context, actor string, participants []string) (int, error) {
	r, err := a.Registry(ctx, Latest)
	if err != nil {
		return 0, err
	}
	last := r.Events
	var events []ledger.CustomerEvent
	for _, text := range participants {
		key := strings.ToLower(text)
		if r.owner[key] == "" {
			return 0, fmt.Errorf("report: participant %s belongs to no customer", key)
		}
		e := ledger.CustomerEvent{
			Actor: actor, Kind: ledger.EventParticipant, Subject: key, Field: fieldCustomer,
			Old: r.owner[key],
		}
		r.apply(&e)
		events = append(events, e)
	}
	return len(events), a.Ledger.CorrectCustomers(ctx, a.Tenant, last, events)
}
