// Package ledger counts what was exchanged, for the monthly reports (RPT-2): a counting row in the transaction of each
// receipt, the ledger that puts them in order and into a month, totals that are kept beside it, the closing of months,
// the registry of customers, and the archive of the reports that were built.
package ledger

import (
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/peppol"
)

// Ledger keeps the counts in a database. Its methods may be called from any goroutine.
type Ledger struct {
	db    *db.DB
	terms terms
}

// New returns the ledger of an open database.
func New(d *db.DB) *Ledger { return &Ledger{db: d} }

// Direction says which end of an exchange we were. The numbers are those of the record.
type Direction int64

// Directions.
const (
	Incoming Direction = 1 // we were C3 and gave the receipt
	Outgoing Direction = 2 // we were C2 and got the receipt
)

// Exchange is an exchange with a positive receipt, as it is handed in to be counted (RPT-2).
type Exchange struct {
	Direction     Direction
	MessageID     string // eb:MessageId
	C2, C3        peppol.SeatID
	DocTypeScheme string
	DocType       string
	ProcessScheme string
	Process       string
	Transport     string // transport profile
	CountryC1     string // of the envelope; "" when absent
	Sender        string // C1, raw participant value
	Receiver      string // C4, raw participant value
	Domain        string // "" when the installation does not tell them apart
}

// Entry is a counting row of the monthly reports: one exchange with a positive receipt, in numbers of terms (RPT-2).
type Entry struct {
	Seq       int64        // place in the ledger
	Month     peppol.Month // in which it is counted
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
func (c *Entry) Late() bool { return c.Month != peppol.MonthOf(c.At) }

// Own returns our seat and participant of the exchange, and the other's seat.
func (c *Entry) Own() (seat, user, peer TermID) {
	if c.Direction == Incoming {
		return c.C3, c.Receiver, c.C2
	}
	return c.C2, c.Sender, c.C3
}

// Place returns where the row is counted.
func (c *Entry) Place() (TotalsKey, UserTotal, PeerTotal) {
	seat, user, peer := c.Own()
	u := UserTotal{User: user, N: 1}
	if c.Direction == Outgoing {
		u.CountryC1 = c.CountryC1
	}
	return TotalsKey{c.Month, seat, c.Direction, c.DocType, c.Process}, u,
		PeerTotal{Peer: peer, Transport: c.Transport, CountryC1: c.CountryC1, N: 1}
}

const insertCounting = `INSERT INTO counting (tenant, direction, c2, message_id, at, c3, doctype, process, transport,
	country_c1,
	sender, receiver, domain) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, direction, c2,
		message_id) DO NOTHING`

// Count writes the counting row of an exchange in the transaction of its receipt. A row that is there already is no
// error: counting never makes an accept fail (D-11). Whose message it is does not matter: a provider reports the
// traffic of all its tenants together, so the books are those of the default tenant.
func (l *Ledger) Count(tx *db.Tx, x Exchange) error {
	defer tx.SetTenant(tx.Tenant())
	tx.SetTenant(db.DefaultTenant)
	var ids [9]TermID
	for i, t := range [...]Term{
		{TermSeat, "", string(x.C2)},
		{TermSeat, "", string(x.C3)},
		{TermDocType, x.DocTypeScheme, x.DocType},
		{TermProcess, x.ProcessScheme, x.Process},
		{TermTransport, "", x.Transport},
		{TermCountry, "", x.CountryC1},
		{TermParticipant, "", x.Sender},
		{TermParticipant, "", x.Receiver},
		{TermDomain, "", x.Domain},
	} {
		id, err := l.terms.number(tx, t)
		if err != nil {
			return err
		}
		ids[i] = id
	}
	_, err := tx.Exec(insertCounting, tx.Tenant(), int64(x.Direction), int64(ids[0]), x.MessageID, db.Micros(tx.Now()),
		int64(ids[1]), int64(ids[2]), int64(ids[3]), int64(ids[4]), int64(ids[5]), int64(ids[6]), int64(ids[7]),
		int64(ids[8]))
	return err
}
