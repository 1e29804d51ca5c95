package ledger

import (
	"context"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/peppol"
)

// ReportBuild is a pair of monthly reports as they were built. Nothing of it ever changes.
type ReportBuild struct {
	Month    peppol.Month
	Seat     string
	Revision int64 // from 1; the newest counts
	At       time.Time
	Actor    string
	Events   int64 // last correction of the customer registry that was used
	TSR      []byte
	EUSR     []byte
	Protocol string // JSON: what checked the reports, versions of program and code lists
}

const (
	lastBuild   = `SELECT COALESCE(MAX(revision), 0) FROM report_build WHERE tenant = ? AND month = ? AND seat = ?`
	insertBuild = `INSERT INTO report_build (tenant, month, seat, revision, at, actor, events, tsr, eusr, protocol)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	buildsOf = `SELECT month, seat, revision, at, actor, events, tsr, eusr, protocol FROM report_build
		WHERE tenant = ? AND month = ? ORDER BY seat, revision`
	insertMark = `INSERT INTO report_mark (tenant, month, seat, what, revision, at, actor, detail) VALUES (?, ?, ?, ?,
		?, ?, ?, ?)`
	marksOf = `SELECT month, seat, what, revision, at, actor, detail FROM report_mark WHERE tenant = ? AND month = ?
		ORDER BY at, what`
)

// ArchiveReport adds a build and sets its Revision and At.
func (l *Ledger) ArchiveReport(ctx context.Context, tenant string, b *ReportBuild) error {
	return l.db.Update(ctx, tenant, func(tx *db.Tx) error {
		if _, err := lock(tx); err != nil {
			return err
		}
		last, err := db.One(tx, db.ScanInt, lastBuild, tenant, int64(b.Month), b.Seat)
		if err != nil {
			return err
		}
		b.Revision, b.At = last+1, tx.Now()
		_, err = tx.Exec(insertBuild, tenant, int64(b.Month), b.Seat, b.Revision, db.Micros(b.At), b.Actor, b.Events,
			b.TSR, b.EUSR, b.Protocol)
		return err
	})
}

// ReportBuilds returns the builds of a month by seat, the oldest first.
func (l *Ledger) ReportBuilds(ctx context.Context, tenant string, m peppol.Month) ([]ReportBuild, error) {
	scan := func(row db.Row) (b ReportBuild, err error) {
		var at int64
		err = row.Scan((*int64)(&b.Month), &b.Seat, &b.Revision, &at, &b.Actor, &b.Events, &b.TSR, &b.EUSR, &b.Protocol)
		b.At = db.FromMicros(at)
		return b, err
	}
	return db.ReadAll(ctx, l.db, "report builds", scan, buildsOf, tenant, int64(m))
}

// ReportMark says that a report was handed over.
type ReportMark struct {
	Month    peppol.Month
	Seat     string
	What     string // MarkTSR, MarkEUSR or MarkDFO
	Revision int64
	At       time.Time // set by the store
	Actor    string
	Detail   string // MessageId, file
}

// What was handed over.
const (
	MarkTSR  = "tsr"
	MarkEUSR = "eusr"
	MarkDFO  = "dfo"
)

// MarkReport notes that a report was handed over.
func (l *Ledger) MarkReport(ctx context.Context, tenant string, m ReportMark) error {
	return l.db.Update(ctx, tenant, func(tx *db.Tx) error {
		_, err := tx.Exec(insertMark, tenant, int64(m.Month), m.Seat, m.What, m.Revision, db.Micros(tx.Now()), m.Actor,
			m.Detail)
		return err
	})
}

// ReportMarks returns what was handed over of a month, the oldest first.
func (l *Ledger) ReportMarks(ctx context.Context, tenant string, month peppol.Month) ([]ReportMark, error) {
	scan := func(row db.Row) (m ReportMark, err error) {
		var at int64
		err = row.Scan((*int64)(&m.Month), &m.Seat, &m.What, &m.Revision, &at, &m.Actor, &m.Detail)
		m.At = db.FromMicros(at)
		return m, err
	}
	return db.ReadAll(ctx, l.db, "report marks", scan, marksOf, tenant, int64(month))
}
