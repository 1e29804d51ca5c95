package store

import (
	"context"
	"time"
)

// ReportBuild is a pair of monthly reports as they were built. Nothing of it ever changes.
type ReportBuild struct {
	Month    Month
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
	insertMark = `INSERT INTO report_mark (tenant, month, seat, what, revision, at, actor, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	marksOf    = `SELECT month, seat, what, revision, at, actor, detail FROM report_mark WHERE tenant = ? AND month = ? ORDER BY at, what`
)

// ArchiveReport adds a build and sets its Revision and At.
func (s *Store) ArchiveReport(ctx context.Context, tenant string, b *ReportBuild) error {
	return s.Update(ctx, tenant, func(tx *Tx) error {
		if _, err := tx.lockLedger(); err != nil {
			return err
		}
		last, err := one(tx, scanInt, lastBuild, tenant, int64(b.Month), b.Seat)
		if err != nil {
			return err
		}
		b.Revision, b.At = last+1, tx.now
		_, err = tx.exec(insertBuild, tenant, int64(b.Month), b.Seat, b.Revision, micros(b.At), b.Actor, b.Events, b.TSR, b.EUSR, b.Protocol)
		return err
	})
}

// ReportBuilds returns the builds of a month by seat, the oldest first.
func (s *Store) ReportBuilds(ctx context.Context, tenant string, m Month) ([]ReportBuild, error) {
	scan := func(row scanner) (b ReportBuild, err error) {
		var at int64
		err = row.Scan((*int64)(&b.Month), &b.Seat, &b.Revision, &at, &b.Actor, &b.Events, &b.TSR, &b.EUSR, &b.Protocol)
		b.At = fromMicros(at)
		return b, err
	}
	return readAll(ctx, s, "report builds", scan, buildsOf, tenant, int64(m))
}

// ReportMark says that a report was handed over.
type ReportMark struct {
	Month    Month
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
func (s *Store) MarkReport(ctx context.Context, tenant string, m ReportMark) error {
	return s.Update(ctx, tenant, func(tx *Tx) error {
		_, err := tx.exec(insertMark, tenant, int64(m.Month), m.Seat, m.What, m.Revision, micros(tx.now), m.Actor, m.Detail)
		return err
	})
}

// ReportMarks returns what was handed over of a month, the oldest first.
func (s *Store) ReportMarks(ctx context.Context, tenant string, month Month) ([]ReportMark, error) {
	scan := func(row scanner) (m ReportMark, err error) {
		var at int64
		err = row.Scan((*int64)(&m.Month), &m.Seat, &m.What, &m.Revision, &at, &m.Actor, &m.Detail)
		m.At = fromMicros(at)
		return m, err
	}
	return readAll(ctx, s, "report marks", scan, marksOf, tenant, int64(month))
}
