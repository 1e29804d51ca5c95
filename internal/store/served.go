package store

import (
	"context"
	"fmt"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/peppol"
)

// Served says that this installation receives documents of a type, in a process, for a participant.
type Served struct {
	Participant peppol.ParticipantID
	DocType     peppol.DocTypeID // a wildcard type may end its customization id with "*" (DISC-018)
	Process     peppol.ProcessID
	Domain      string
	From, Until time.Time // served from From on and before Until; zero means without bound
}

const upsertServed = `INSERT INTO served (tenant, participant_key, doctype_scheme, doctype, process_scheme, process,
	participant, domain, valid_from, valid_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (tenant, participant_key, doctype_scheme, doctype, process_scheme, process) DO UPDATE SET
	participant = excluded.participant, domain = excluded.domain, valid_from = excluded.valid_from,
		valid_until = excluded.valid_until`

// AddServed adds entries, or replaces those with the same participant, document type and process.
func (s *Store) AddServed(ctx context.Context, tenant string, entries ...Served) error {
	return s.Update(ctx, tenant, func(tx *Tx) error {
		for _, e := range entries {
			_, err := tx.Exec(upsertServed, append(e.key(tenant), e.Participant.Value(), e.Domain, db.Micros(e.From),
				db.Micros(e.Until))...)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// RemoveServed removes an entry by participant, document type and process; db.ErrNotFound if there is none.
func (s *Store) RemoveServed(ctx context.Context, tenant string, e Served) error {
	return s.Update(ctx, tenant, func(tx *Tx) error {
		n, err := tx.Exec(`DELETE FROM served WHERE tenant = ? AND participant_key = ? AND doctype_scheme = ?
			AND doctype = ?
			AND process_scheme = ? AND process = ?`, e.key(tenant)...)
		if err == nil && n == 0 {
			err = db.ErrNotFound
		}
		return err
	})
}

// RemoveParticipant removes all entries of a participant and returns how many there were.
func (s *Store) RemoveParticipant(ctx context.Context, tenant string, p peppol.ParticipantID) (n int64, err error) {
	err = s.Update(ctx, tenant, func(tx *Tx) (err error) {
		n, err = tx.Exec(`DELETE FROM served WHERE tenant = ? AND participant_key = ?`, tenant, p.Key())
		return err
	})
	return n, err
}

func (e Served) key(tenant string) []any {
	return []any{
		tenant, e.Participant.Key(), e.DocType.Scheme(), e.DocType.Value(), e.Process.Scheme(),
		e.Process.Value(),
	}
}

const servedColumns = `participant, doctype_scheme, doctype, process_scheme, process, domain, valid_from, valid_until`

// ListServed returns the entries of a participant, or all for the zero participant, in the order of their keys.
func (s *Store) ListServed(ctx context.Context, tenant string, p peppol.ParticipantID) ([]Served, error) {
	return db.ReadAll(ctx, s.DB, "list served", scanServed, `SELECT `+servedColumns+` FROM served
		WHERE tenant = ? AND (? = '' OR participant_key = ?)
		ORDER BY participant_key, doctype_scheme, doctype, process_scheme, process`, tenant, p.Key(), p.Key())
}

// Serves finds the entry under which a document is served now. Participants compare without letter case, document types
// and processes byte for byte; for wildcard types the best matching entry counts (SBDH-043, DISC-020 to DISC-024). An
// error means that it cannot be told, which is not the same as false.
func (s *Store) Serves(ctx context.Context, tenant string, p peppol.ParticipantID, d peppol.DocTypeID,
	proc peppol.ProcessID,
) (Served, bool, error) {
	entries, err := db.ReadAll(ctx, s.DB, "serves", scanServed, `SELECT `+servedColumns+` FROM served
		WHERE tenant = ? AND participant_key = ? AND doctype_scheme = ? AND process_scheme = ? AND process = ?`,
		tenant, p.Key(), d.Scheme(), proc.Scheme(), proc.Value())
	if err != nil {
		return Served{}, false, err
	}
	now := s.Now()
	for _, candidate := range d.Candidates() {
		for _, e := range entries {
			if e.DocType == candidate && e.in(now) {
				return e, true, nil
			}
		}
	}
	return Served{}, false, nil
}

// in tells whether the entry holds at t.
func (e *Served) in(t time.Time) bool {
	return !t.Before(e.From) && (e.Until.IsZero() || t.Before(e.Until))
}

func scanServed(row db.Row) (Served, error) {
	var participant, docScheme, doc, procScheme, proc, domain string
	var from, until int64
	if err := row.Scan(&participant, &docScheme, &doc, &procScheme, &proc, &domain, &from, &until); err != nil {
		return Served{}, err
	}
	e := Served{Domain: domain, From: db.FromMicros(from), Until: db.FromMicros(until)}
	var err error
	if e.Participant, err = peppol.ParseParticipant(participant); err != nil {
		return e, fmt.Errorf("served row: %w", err)
	}
	if e.DocType, err = peppol.ParseRegisteredDocType(docScheme, doc); err != nil {
		return e, fmt.Errorf("served row: %w", err)
	}
	if e.Process, err = peppol.NewProcess(procScheme, proc); err != nil {
		return e, fmt.Errorf("served row: %w", err)
	}
	return e, nil
}
