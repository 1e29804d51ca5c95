package reporting

import (
	"maps"
	"slices"
)

// Builder makes both reports like Build, for a caller that has many items which differ only in the end user. What they
// have in common is then checked only once.
type Builder struct {
	header  Header
	counter *counter
	users   *marks
	shared  []combo
	missing map[string]struct{} // end users whose country is not known
}

// combo is what items have in common, and the number of exchanges that have it.
type combo struct {
	item      Item // normalized, without end user
	kind      kind
	place     int32      // where its end users are seen; only for business
	noCountry *ItemError // set by Builder if the country of its end users is not known
}

// Shared identifies what many items have in common: everything but end user and number.
type Shared int32

// NewBuilder returns a Builder without items.
func NewBuilder(h Header) *Builder {
	return &Builder{
		header: h, counter: newCounter(), users: &marks{map[string]int32{}, map[spot]*spotted{}},
		missing: map[string]struct{}{},
	}
}

// Shared registers what items have in common. It ignores EndUser and N. The error is an *ItemError.
func (b *Builder) Shared(it Item) (Shared, error) {
	c := combo{item: it}
	c.item.EndUser, c.item.N = "", 0
	var err *ItemError
	if c.kind, err = c.item.normalizeShared(b.header); err != nil {
		if !err.noCountry {
			return 0, err
		}
		c.noCountry = err
	} else if c.kind == business {
		c.place = b.counter.users.place(c.item.place())
	}
	b.shared = append(b.shared, c)
	return Shared(len(b.shared) - 1), nil
}

// Add counts n exchanges of an end user. The error is an *ItemError.
func (b *Builder) Add(s Shared, endUser string, n uint64) error {
	if err := b.Count(s, n); err != nil {
		return err
	}
	return b.See(s, endUser)
}

// Count counts n exchanges without looking at end users. The error is an *ItemError.
func (b *Builder) Count(s Shared, n uint64) error {
	if n == 0 {
		return &ItemError{Field: "n", Reason: "is 0"}
	}
	b.shared[s].item.N += n
	return nil
}

// See notes an end user, however many exchanges there are of it. What the item says of the other seat and of the
// transport does not matter. The error is an *ItemError.
func (b *Builder) See(s Shared, endUser string) error {
	c := &b.shared[s]
	switch {
	case endUser == "" && c.kind != status:
		return &ItemError{Field: "end_user", Reason: noEndUser}
	case c.noCountry != nil && endUser != "":
		b.missing[endUser] = struct{}{}
	case c.noCountry == nil && c.kind == business:
		b.users.mark(endUser, c.place, c.item.Direction)
	}
	return nil
}

// Report makes the reports of what was added; its errors are those of Build.
func (b *Builder) Report() (*Report, error) {
	if len(b.missing) > 0 {
		return nil, &CountryError{slices.Sorted(maps.Keys(b.missing))}
	}
	for i := range b.shared {
		c := &b.shared[i]
		switch {
		case c.item.N == 0 || c.kind == report:
		case c.noCountry != nil:
			return nil, c.noCountry
		default:
			b.counter.add(&c.item)
		}
	}
	b.users.count(b.counter.users)
	return b.counter.report(b.header)
}
