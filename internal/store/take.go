package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const takeJob = `UPDATE outbox SET owner = ?, lease_end = ` + clock + ` + ?, token = token + 1, tries = tries + 1, unended = unended + 1
	WHERE id = ? AND tenant = ? AND done = 0 AND lease_end <= ` + clock + ` RETURNING ` + jobColumns

// Take leases the job of one message, due or not, for an operator who wants it done now. ErrConflict means that it is
// done, given up, or held by a worker.
func (s *Store) Take(ctx context.Context, tenant string, kind Kind, messageID, owner string, lease time.Duration) (Job, error) {
	var job Job
	err := s.Update(ctx, tenant, func(tx *Tx) (err error) {
		job, err = tx.take(kind, messageID, owner, lease)
		return err
	})
	return job, err
}

func (tx *Tx) take(kind Kind, messageID, owner string, lease time.Duration) (Job, error) {
	now := tx.clock()
	job, err := change(tx, scanJob, takeJob, owner, now, lease.Microseconds(), jobID(tx.tenant, kind, messageID), tx.tenant, now)
	if errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("%w: no open work of kind %s for the message", ErrConflict, kind)
	}
	job.Unended-- // the row counts this claim as well
	return job, err
}
