package reporting

import (
	"slices"

	"github.com/ravn-ap/ravn/peppol"
)

// counter adds up the figures of both reports from normalized items.
type counter struct {
	total     Counts
	transport map[string]*Counts
	provider  map[providerKey]*Counts
	countries map[countriesKey]uint64 // incoming
	users     *userCounter
}

type providerKey struct {
	seat   peppol.SeatID
	dt, pr Identifier
}

type countriesKey struct {
	providerKey
	c1, c4 string
}

func newCounter() *counter {
	return &counter{
		transport: map[string]*Counts{}, provider: map[providerKey]*Counts{}, countries: map[countriesKey]uint64{},
		users: newUserCounter(),
	}
}

// add adds the exchanges of an item (RPT-5.1).
func (t *counter) add(it *Item) {
	p := providerKey{it.other(), it.DocType, it.Process}
	for _, c := range [...]*Counts{&t.total, entry(t.transport, it.Transport), entry(t.provider, p)} {
		if it.Direction == Outgoing {
			c.Outgoing += it.N
		} else {
			c.Incoming += it.N
		}
	}
	if it.Direction == Incoming {
		t.countries[countriesKey{p, it.C1Country, it.C4Country}] += it.N
	}
}

func entry[K comparable](m map[K]*Counts, k K) *Counts {
	c := m[k]
	if c == nil {
		c = &Counts{}
		m[k] = c
	}
	return c
}

// report makes the documents and refuses them if they break a rule.
func (t *counter) report(h Header) (*Report, error) {
	r := &Report{t.tsr(h), t.users.eusr(h)}
	if list := r.Check(); len(list) > 0 && !h.Preview {
		return nil, &RuleError{list}
	}
	return r, nil
}

func (t *counter) tsr(h Header) *TSR {
	out := &TSR{
		Top: top(h, customTSR), Total: t.total,
		Subtotals: make([]Subtotal, 0, len(t.transport)+len(t.provider)+len(t.countries)),
	}
	add := func(typ string, c Counts, keys ...Key) {
		out.Subtotals = append(out.Subtotals, Subtotal{typ, keys, c})
	}
	for tp, c := range t.transport {
		add(perTP, *c, Key{metaTP, schemeTP, tp})
	}
	for p, c := range t.provider {
		add(perSPDTPR, *c, p.keys()...)
	}
	for p, n := range t.countries {
		add(perSPDTPRCC, Counts{Incoming: n}, append(p.keys(), Key{metaCC, schemeSender, p.c1},
			Key{metaCC, schemeReceiver, p.c4})...)
	}
	out.sort()
	return out
}

func (p *providerKey) keys() []Key {
	return append(make([]Key, 0, 5), Key{metaSP, schemeSeat, string(p.seat)}, p.dt.key(metaDT), p.pr.key(metaPR))
}

func (id Identifier) key(meta string) Key { return Key{meta, id.Scheme, id.Value} }

// userCounter counts different end users, in the full set and in each subset (RPT-5.2). End users come one after the
// other: all marks of one, then next.
type userCounter struct {
	full    Users
	places  map[placeKey]int32
	subsets []place // by number of the place
	index   map[subsetKey]int32
	keys    []subsetKey // by number of the subset, like the next two
	counts  []Users
	does    []uint8 // what the current end user does there
	doesAny uint8
	touched []int32 // subsets in which he does anything
}

// placeKey is where an end user is seen.
type placeKey struct {
	dt, pr  Identifier
	country string
}

// place has the numbers of the four subsets in which an end user counts who is seen there.
type place [4]int32

type subsetKey struct {
	typ string
	placeKey
}

// What an end user does.
const (
	sends uint8 = 1 << iota
	receives
)

func newUserCounter() *userCounter {
	return &userCounter{places: map[placeKey]int32{}, index: map[subsetKey]int32{}}
}

// place returns the number of a place.
func (u *userCounter) place(k placeKey) int32 {
	n, ok := u.places[k]
	if !ok {
		n = int32(len(u.subsets))
		u.places[k] = n
		u.subsets = append(u.subsets, place{
			u.subset(subsetKey{perDTPREUC, k}),
			u.subset(subsetKey{perDTPR, placeKey{dt: k.dt, pr: k.pr}}),
			u.subset(subsetKey{perDTEUC, placeKey{dt: k.dt, country: k.country}}),
			u.subset(subsetKey{perEUC, placeKey{country: k.country}}),
		})
	}
	return n
}

func (u *userCounter) subset(k subsetKey) int32 {
	n, ok := u.index[k]
	if !ok {
		n = int32(len(u.keys))
		u.index[k] = n
		u.keys, u.counts, u.does = append(u.keys, k), append(u.counts, Users{}), append(u.does, 0)
	}
	return n
}

// mark records that the current end user sends or receives at a place.
func (u *userCounter) mark(place int32, what uint8) {
	u.doesAny |= what
	for _, s := range u.subsets[place] {
		if u.does[s] == 0 {
			u.touched = append(u.touched, s)
		}
		u.does[s] |= what
	}
}

// next ends the current end user and counts him once in each subset.
func (u *userCounter) next() {
	for _, s := range u.touched {
		u.counts[s].countUser(u.does[s])
		u.does[s] = 0
	}
	u.full.countUser(u.doesAny)
	u.doesAny, u.touched = 0, u.touched[:0]
}

func (c *Users) countUser(does uint8) {
	if does&sends != 0 {
		c.Sending++
	}
	if does&receives != 0 {
		c.Receiving++
	}
	if does != 0 {
		c.Either++
	}
}

func (u *userCounter) eusr(h Header) *EUSR {
	out := &EUSR{Top: top(h, customEUSR), FullSet: u.full}
	for i := range u.keys {
		if u.counts[i].Either > 0 {
			out.Subsets = append(out.Subsets, Subset{u.keys[i].typ, u.keys[i].keys(), u.counts[i]})
		}
	}
	out.sort()
	return out
}

func (k *subsetKey) keys() []Key {
	var out []Key
	if k.dt != (Identifier{}) {
		out = append(out, k.dt.key(metaDT))
	}
	if k.pr != (Identifier{}) {
		out = append(out, k.pr.key(metaPR))
	}
	if k.country != "" {
		out = append(out, Key{metaCC, schemeEndUser, k.country})
	}
	return out
}

// marks remembers who was seen where.
type marks struct {
	users map[string]int32
	seen  map[spot]*spotted
}

// spot is what is done at a place.
type spot struct {
	place int32
	what  uint8
}

// spotted are the end users seen at a spot. The first sorted of them are sorted and unique. Sorting now and then
// instead of looking each one up keeps adding cheap.
type spotted struct {
	users  []int32
	sorted int
}

func (m *marks) mark(user string, place int32, d Direction) {
	n, ok := m.users[user]
	if !ok {
		n = int32(len(m.users))
		m.users[user] = n
	}
	at := spot{place, d.does()}
	s := m.seen[at]
	if s == nil {
		s = &spotted{}
		m.seen[at] = s
	}
	s.users = append(s.users, n)
	if len(s.users) >= 2*s.sorted+minSpotted {
		s.sortUnique()
	}
}

// minSpotted is how many are added before sorting is worthwhile.
const minSpotted = 1024

// sortUnique sorts the end users and drops repeated ones.
func (s *spotted) sortUnique() {
	slices.Sort(s.users)
	s.users = slices.Compact(s.users)
	s.sorted = len(s.users)
}

func (d Direction) does() uint8 {
	if d == Outgoing {
		return sends
	}
	return receives
}

// count passes all marks to u, end user by end user. It groups them with a counting sort, without a map per end user.
func (m *marks) count(u *userCounter) {
	ends := make([]int, len(m.users)+1) // of each user's spots in spots, first their number
	total := 0
	for _, s := range m.seen {
		s.sortUnique()
		total += len(s.users)
		for _, n := range s.users {
			ends[n]++
		}
	}
	start := 0
	for n := range ends {
		start, ends[n] = start+ends[n], start
	}
	spots := make([]spot, total)
	for at, s := range m.seen {
		for _, n := range s.users {
			spots[ends[n]] = at
			ends[n]++
		}
	}
	start = 0
	for n := range len(m.users) {
		for _, at := range spots[start:ends[n]] {
			u.mark(at.place, at.what)
		}
		start = ends[n]
		u.next()
	}
}
