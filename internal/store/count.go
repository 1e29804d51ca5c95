package store

import (
	"fmt"
	"time"
)

// Month is a calendar month in UTC, as year × 100 + month: 202610.
type Month int64

// MonthOf returns the month in which t lies.
func MonthOf(t time.Time) Month {
	t = t.UTC()
	return Month(t.Year()*100 + int(t.Month()))
}

// Bounds returns the first moment of the month and that of the next one.
func (m Month) Bounds() (from, to time.Time) {
	from = time.Date(int(m/100), time.Month(m%100), 1, 0, 0, 0, 0, time.UTC)
	return from, from.AddDate(0, 1, 0)
}

// Next returns the month after m.
func (m Month) Next() Month {
	_, to := m.Bounds()
	return MonthOf(to)
}

func (m Month) String() string { return fmt.Sprintf("%04d-%02d", m/100, m%100) }

// Counted is a counting row of the monthly reports: one exchange with a positive receipt, in numbers of terms (RPT-2).
type Counted struct {
	Seq       int64 // place in the ledger
	Month     Month // in which it is counted
	Direction Direction
	At        time.Time // when the receipt was committed
	MessageID string
	C2, C3    TermID
	DocType   TermID
	Process   TermID
	Transport TermID
	CountryC1 TermID
	Sender    TermID // raw participants; customer and country are found when a report is built
	Receiver  TermID
	Domain    TermID
}

// Late tells whether the row is counted later than in the month of its exchange, because that was closed.
func (c *Counted) Late() bool { return c.Month != MonthOf(c.At) }

// Own returns our seat and participant of the exchange, and the other's seat.
func (c *Counted) Own() (seat, user, peer TermID) {
	if c.Direction == In {
		return c.C3, c.Receiver, c.C2
	}
	return c.C2, c.Sender, c.C3
}

// Tally returns where the row is counted.
func (c *Counted) Tally() (TallyKey, TallyUser, TallyPeer) {
	seat, user, peer := c.Own()
	u := TallyUser{User: user, N: 1}
	if c.Direction == Out {
		u.CountryC1 = c.CountryC1
	}
	return TallyKey{c.Month, seat, c.Direction, c.DocType, c.Process}, u, TallyPeer{Peer: peer, Transport: c.Transport, CountryC1: c.CountryC1, N: 1}
}

// Stored forms of a direction in counting rows.
const (
	countedIn  = 1
	countedOut = 2
)

func countedDirection(d Direction) int64 {
	if d == In {
		return countedIn
	}
	return countedOut
}

func directionOf(n int64) Direction {
	if n == countedIn {
		return In
	}
	return Out
}

const insertCounting = `INSERT INTO counting (tenant, direction, c2, message_id, at, c3, doctype, process, transport, country_c1,
	sender, receiver, domain) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, direction, c2, message_id) DO NOTHING`

// count writes the counting row of m. A row that is there already is no error: counting never makes an accept fail (D-11).
func (tx *Tx) count(m *Message) error {
	var ids [9]TermID
	for i, t := range [...]Term{
		{TermSeat, "", string(m.C2)},
		{TermSeat, "", string(m.C3)},
		{TermDocType, m.DocTypeScheme, m.DocType},
		{TermProcess, m.ProcessScheme, m.Process},
		{TermTransport, "", m.Transport},
		{TermCountry, "", m.CountryC1},
		{TermParticipant, "", m.Sender},
		{TermParticipant, "", m.Receiver},
		{TermDomain, "", m.Domain},
	} {
		id, err := tx.term(t)
		if err != nil {
			return err
		}
		ids[i] = id
	}
	_, err := tx.exec(insertCounting, tx.tenant, countedDirection(m.Direction), int64(ids[0]), m.MessageID, micros(tx.now),
		int64(ids[1]), int64(ids[2]), int64(ids[3]), int64(ids[4]), int64(ids[5]), int64(ids[6]), int64(ids[7]), int64(ids[8]))
	return err
}
