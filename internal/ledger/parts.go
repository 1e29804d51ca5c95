package ledger

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/ravn-ap/ravn/peppol"
)

// TotalsKey names a part of a month's counts.
type TotalsKey struct {
	Month     peppol.Month
	Seat      TermID // our own
	Direction Direction
	DocType   TermID
	Process   TermID
}

// UserTotal is a number of exchanges of one of our participants.
type UserTotal struct {
	User      TermID
	CountryC1 TermID // outgoing: of the envelope, which may differ; incoming: 0
	N         int64
}

// PeerTotal is a number of exchanges with another service provider.
type PeerTotal struct {
	Peer      TermID // its seat
	Transport TermID
	CountryC1 TermID
	Class     string // of our participant, as Classes says; its country, for the reports
	N         int64
}

// Totals is a part of a month's counts, in two ways: by our participants, and by the others' seats. Each has all
// exchanges.
type Totals struct {
	TotalsKey
	Users []UserTotal // sorted, no two of them differ in N alone
	Peers []PeerTotal // likewise
}

// Classes divides our participants. What it says of one may change with its version.
type Classes struct {
	Version int64
	Of      func(user TermID) (string, error)
}

func (u UserTotal) compare(o UserTotal) int {
	return cmp.Or(cmp.Compare(u.User, o.User), cmp.Compare(u.CountryC1, o.CountryC1))
}

func (p PeerTotal) compare(o PeerTotal) int {
	return cmp.Or(cmp.Compare(p.Peer, o.Peer), cmp.Compare(p.Transport, o.Transport),
		cmp.Compare(p.CountryC1, o.CountryC1), cmp.Compare(p.Class, o.Class))
}

// sums are totals under construction, in maps because entries come in any order.
type sums map[TotalsKey]*collected

type collected struct {
	users map[UserTotal]int64
	peers map[PeerTotal]int64
}

func (t sums) count(c *Entry, classes *Classes) error {
	key, u, p := c.Place()
	class, err := classes.Of(u.User)
	if err != nil {
		return err
	}
	to := t[key]
	if to == nil {
		to = &collected{map[UserTotal]int64{}, map[PeerTotal]int64{}}
		t[key] = to
	}
	u.N, p.N, p.Class = 0, 0, class
	to.users[u]++
	to.peers[p]++
	return nil
}

// of returns what was collected for a part, in the form that is stored.
func (t sums) of(k TotalsKey) Totals {
	out := Totals{TotalsKey: k}
	for u, n := range t[k].users {
		u.N = n
		out.Users = append(out.Users, u)
	}
	for p, n := range t[k].peers {
		p.N = n
		out.Peers = append(out.Peers, p)
	}
	slices.SortFunc(out.Users, UserTotal.compare)
	slices.SortFunc(out.Peers, PeerTotal.compare)
	return out
}

// plus returns the sum of two parts of the same key.
func (t *Totals) plus(o *Totals) Totals {
	return Totals{
		t.TotalsKey,
		merged(t.Users, o.Users, UserTotal.compare, func(u *UserTotal, n UserTotal) { u.N += n.N }),
		merged(t.Peers, o.Peers, PeerTotal.compare, func(p *PeerTotal, n PeerTotal) { p.N += n.N }),
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

// pack writes the lists of a part: the number of users, for each the distance to the one before, country and number;
// likewise the peers, with the length and the bytes of the class.
func (t *Totals) pack() []byte {
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

var errPacked = errors.New("ledger: damaged counts")

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
func (t *Totals) unpack(b []byte) error {
	if len(b) == 0 || b[0] != packedVersion {
		return errPacked
	}
	r := &unpacker{b: b[1:]}
	t.Users = make([]UserTotal, r.length())
	last := TermID(0)
	for i := range t.Users {
		last += TermID(r.number())
		t.Users[i] = UserTotal{last, TermID(r.number()), r.number()}
	}
	t.Peers = make([]PeerTotal, r.length())
	for i := range t.Peers {
		p := PeerTotal{Peer: TermID(r.number()), Transport: TermID(r.number()), CountryC1: TermID(r.number())}
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
