package store

import (
	"context"
	"errors"

	"github.com/ravn-ap/ravn/internal/db"
)

const (
	jobsOf = `SELECT ` + jobColumns + ` FROM outbox WHERE owner = ? AND done = 0 AND lease_end <> 0 ORDER BY id`

	// The two differ in what the claim counts for: a worker that died may have died of its work, one that leaves has
	// not.
	buryOwner  = `UPDATE outbox SET lease_end = 0, token = token + 1, suspect = suspect + ? WHERE id = ? AND token = ?`
	leaveOwner = `UPDATE outbox SET lease_end = 0, token = token + 1, unended = unended - 1 WHERE id = ? AND token = ?`
)

// BuryOwner gives back at once what a process held that certainly runs no more, instead of waiting for the end of its
// leases. Attempts that it left open are closed as interrupted. Its work is a suspect if it held nothing else
// (REL-067).
func (s *Store) BuryOwner(ctx context.Context, owner string) (jobs []Job, err error) {
	return s.giveUpAll(ctx, owner, func(tx *Tx, held []Job, j Job) error {
		_, err := tx.Exec(buryOwner, bit(len(held) == 1), j.ID, j.Token)
		return err
	})
}

// LeaveOwner gives back what a process holds that is about to end; its workers have stopped. Nothing is held against
// the work.
func (s *Store) LeaveOwner(ctx context.Context, owner string) (jobs []Job, err error) {
	return s.giveUpAll(ctx, owner, func(tx *Tx, _ []Job, j Job) error {
		_, err := tx.Exec(leaveOwner, j.ID, j.Token)
		return err
	})
}

func (s *Store) giveUpAll(ctx context.Context, owner string, giveUp func(tx *Tx, held []Job, j Job) error) (jobs []Job,
	err error,
) {
	if owner == "" {
		return nil, errors.New("store: owner without a name")
	}
	err = s.UpdateAny(ctx, s.in(func(tx *Tx) (err error) {
		if jobs, err = db.ChangeAll(tx.Tx, scanJob, jobsOf, owner); err != nil {
			return err
		}
		for _, j := range jobs {
			if err := giveUp(tx, jobs, j); err != nil {
				return err
			}
			if err := tx.abandon(j); err != nil {
				return err
			}
		}
		return nil
	}))
	return jobs, err
}

// abandon closes the attempt that a vanished worker left open.
func (tx *Tx) abandon(j Job) error {
	if j.Kind != Send && j.Kind != Deliver {
		return nil
	}
	tx.SetTenant(j.Tenant) // the transaction is one of the process, for the work of all tenants
	m, err := tx.Get(j.MessageID)
	if errors.Is(err, db.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if working, fallback := underWay(m.Direction); m.State == working {
		return tx.interrupt(&m, fallback)
	}
	return nil
}

// JobOf returns the work of a kind for a message, open or not, or db.ErrNotFound.
func (s *Store) JobOf(ctx context.Context, tenant string, kind Kind, messageID string) (Job, error) {
	return db.ReadOne(ctx, s.DB, "job", scanJob, `SELECT `+jobColumns+` FROM outbox WHERE id = ? AND tenant = ?`,
		jobID(tenant, kind, messageID), tenant)
}
