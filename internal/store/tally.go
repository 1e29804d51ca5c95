package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// TallyKey names a part of a month's counts.
type TallyKey struct {
	Month     Month
	Seat      TermID // our own
	Direction Direction
	DocType   TermID
	Process   TermID
}

// TallyUser is a number of exchanges of one of our participants.
type TallyUser struct {
	User      TermID
	CountryC1 TermID // outgoing: of the envelope, which may differ; incoming: 0
	N         int64
}

// TallyPeer is a number of exchanges with another service provider.
type TallyPeer struct {
	Peer      TermID // its seat
	Transport TermID
	CountryC1 TermID
	Class     string // of our participant, as Classes says; its country, for the reports
	N         int64
}

// Tally is a part of a month's counts, in two ways: by our participants, and by the others' seats. Each has all exchanges.
type Tally struct {
	TallyKey
	Users []TallyUser // sorted, no two of them differ in N alone
	Peers []TallyPeer // likewise
}

// Classes divides our participants. What it says of one may change with its version.
type Classes struct {
	Version int64
	Of      func(user TermID) (string, error)
}

func (u TallyUser) compare(o TallyUser) int {
	return cmp.Or(cmp.Compare(u.User, o.User), cmp.Compare(u.CountryC1, o.CountryC1))
}

func (p TallyPeer) compare(o TallyPeer) int {
	return cmp.Or(cmp.Compare(p.Peer, o.Peer), cmp.Compare(p.Transport, o.Transport), cmp.Compare(p.CountryC1, o.CountryC1), cmp.Compare(p.Class, o.Class))
}

// tallies collects rows.
type tallies map[TallyKey]*collected

type collected struct {
	users map[TallyUser]int64
	peers map[TallyPeer]int64
}

func (t tallies) add(c *Counted, classes *Classes) error {
	key, u, p := c.Tally()
	class, err := classes.Of(u.User)
	if err != nil {
		return err
	}
	to := t[key]
	if to == nil {
		to = &collected{map[TallyUser]int64{}, map[TallyPeer]int64{}}
		t[key] = to
	}
	u.N, p.N, p.Class = 0, 0, class
	to.users[u]++
	to.peers[p]++
	return nil
}

// tally returns what was collected for a key.
func (t tallies) tally(k TallyKey) Tally {
	out := Tally{TallyKey: k}
	for u, n := range t[k].users {
		u.N = n
		out.Users = append(out.Users, u)
	}
	for p, n := range t[k].peers {
		p.N = n
		out.Peers = append(out.Peers, p)
	}
	slices.SortFunc(out.Users, TallyUser.compare)
	slices.SortFunc(out.Peers, TallyPeer.compare)
	return out
}

// plus returns the sum of two parts of the same key.
func (t *Tally) plus(o *Tally) Tally {
	return Tally{
		t.TallyKey,
		merged(t.Users, o.Users, TallyUser.compare, func(u *TallyUser, n TallyUser) { u.N += n.N }),
		merged(t.Peers, o.Peers, TallyPeer.compare, func(p *TallyPeer, n TallyPeer) { p.N += n.N }),
	}
}

// merged joins two sorted lists; add makes one of two that compare equal.
func merged[T any](a, b []T, compare func(T, T) int, add func(*T, T)) []T {
	out := make([]T, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := compare(a[0], b[0]); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, a[0])
			add(&out[len(out)-1], b[0])
			a, b = a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// packedVersion is the first byte of packed counts.
const packedVersion = 1

// pack writes the lists of a part: the number of users, for each the distance to the one before, country and number; likewise
// the peers, with the length and the bytes of the class.
func (t *Tally) pack() []byte {
	b := []byte{packedVersion}
	number := func(n int64) { b = binary.AppendUvarint(b, uint64(n)) }
	number(int64(len(t.Users)))
	last := TermID(0)
	for _, u := range t.Users {
		number(int64(u.User - last))
		number(int64(u.CountryC1))
		number(u.N)
		last = u.User
	}
	number(int64(len(t.Peers)))
	for _, p := range t.Peers {
		number(int64(p.Peer))
		number(int64(p.Transport))
		number(int64(p.CountryC1))
		number(int64(len(p.Class)))
		b = append(b, p.Class...)
		number(p.N)
	}
	return b
}

var errPacked = errors.New("store: damaged counts")

// unpacker reads packed counts.
type unpacker struct {
	b   []byte
	bad bool
}

func (r *unpacker) number() int64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > math.MaxInt64 {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[size:]
	return int64(n)
}

// length reads a number of things of which each takes a byte at least.
func (r *unpacker) length() int64 {
	n := r.number()
	if n > int64(len(r.b)) {
		r.bad = true
		return 0
	}
	return n
}

// unpack reads what pack wrote.
func (t *Tally) unpack(b []byte) error {
	if len(b) == 0 || b[0] != packedVersion {
		return errPacked
	}
	r := &unpacker{b: b[1:]}
	t.Users = make([]TallyUser, r.length())
	last := TermID(0)
	for i := range t.Users {
		last += TermID(r.number())
		t.Users[i] = TallyUser{last, TermID(r.number()), r.number()}
	}
	t.Peers = make([]TallyPeer, r.length())
	for i := range t.Peers {
		p := TallyPeer{Peer: TermID(r.number()), Transport: TermID(r.number()), CountryC1: TermID(r.number())}
		n := r.length()
		p.Class, r.b = string(r.b[:n]), r.b[n:]
		p.N = r.number()
		t.Peers[i] = p
	}
	if r.bad || len(r.b) != 0 {
		return errPacked
	}
	return nil
}
