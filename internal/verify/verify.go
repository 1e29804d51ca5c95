// Package verify compares a record with itself and with the payloads that belong to it (REL-003, REL-101): every
// payload against its length and hash, every message against its work, its timeline, its receipt and its duplicate key.
// It reads only, goes on where it stopped, and keeps to a pace that leaves the disk to the traffic.
package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/blob"
)

// Finding is something that is wrong.
type Finding struct {
	MessageID string          `json:"id"`                  // Message.ID
	State     store.State     `json:"state"`               // "" when there is no such message
	Direction store.Direction `json:"direction,omitempty"` // "" when it is about a payload
	Key       string          `json:"payload,omitempty"`
	What      string          `json:"what"`
}

func (f Finding) String() string {
	s := f.MessageID
	if f.State != "" {
		s += " " + string(f.State)
	}
	if f.Key != "" {
		s += " " + f.Key
	}
	return s + ": " + f.What
}

// Verifier looks through one record.
type Verifier struct {
	Store *store.Store
	Blobs blob.Store
	Rate  int64               // of payloads, octets per second; 0 means as fast as it goes
	Found func(Finding) error // called for each finding; an error ends the round

	// Absent reports whether a payload that is not in Blobs may lie elsewhere, as in the folder of another node: then
	// it is passed over. nil means that none does.
	Absent func(ctx context.Context) (bool, error)

	// Wait waits that long, or until ctx ends; nil means in real time.
	Wait func(ctx context.Context, d time.Duration)
}

// page is how many rows are read together. When mostUnread payloads in a row cannot be read, the reason is held to be
// the store as a whole.
const (
	page       = 500
	mostUnread = 10
)

// Record looks at up to limit messages that follow one in the order of their ids, 0 meaning all. It returns how many
// there were and the message after which to go on, "" at the end. With an error it is the last one that was looked at.
func (v *Verifier) Record(ctx context.Context, after string, limit int) (next string, rows int, err error) {
	for limit == 0 || rows < limit {
		bad, n, last, err := v.Store.Conserved(ctx, after, take(limit, rows))
		for i := range bad {
			if err == nil {
				err = v.Found(Finding{
					MessageID: bad[i].MessageID, Direction: bad[i].Direction, State: bad[i].State, What: bad[i].What,
				})
			}
		}
		if err != nil {
			return after, rows, err
		}
		if n == 0 {
			return "", rows, nil
		}
		rows, after = rows+n, last
	}
	return after, rows, nil
}

// Keys looks at up to limit duplicate keys in the same way: somebody has a receipt for the message of each.
func (v *Verifier) Keys(ctx context.Context, after store.Spot, limit int) (next store.Spot, rows int, err error) {
	for limit == 0 || rows < limit {
		bad, n, last, err := v.Store.Strays(ctx, after, take(limit, rows))
		for i := range bad {
			if err == nil {
				err = v.Found(Finding{MessageID: bad[i].MessageID, Direction: bad[i].Direction, What: bad[i].What})
			}
		}
		if err != nil {
			return after, rows, err
		}
		if n == 0 {
			return store.Spot{}, rows, nil
		}
		rows, after = rows+n, last
	}
	return after, rows, nil
}

func take(limit, rows int) int {
	if limit == 0 {
		return page
	}
	return min(page, limit-rows)
}

// Read is how much was read.
type Read struct {
	Messages int   `json:"messages"`
	Payloads int   `json:"payloads"`
	Bytes    int64 `json:"bytes"`
}

// Add adds what another round read.
func (r *Read) Add(o Read) {
	r.Messages, r.Payloads, r.Bytes = r.Messages+o.Messages, r.Payloads+o.Payloads, r.Bytes+o.Bytes
}

// Payloads reads the payloads of the messages that follow one in the order of their ids, until ctx ends or all are read
// (REL-003). It returns whether all are, and if not, the message after which to go on. That ctx ended is no error. One
// that the disk does not give is a finding; when many in a row are, the round ends with an error.
func (v *Verifier) Payloads(ctx context.Context, after string) (next string, read Read, all bool, err error) {
	begin := time.Now()
	unread := 0
	for ctx.Err() == nil {
		list, err := v.Store.Payloads(ctx, after, page)
		if ctx.Err() != nil {
			break
		}
		if err != nil || len(list) == 0 {
			return after, read, err == nil, err
		}
		for _, p := range list {
			err := v.message(ctx, p, &read, &unread)
			if ctx.Err() != nil {
				return after, read, false, nil // it is read again
			}
			after = p.MessageID
			if err != nil {
				return after, read, false, err
			}
			v.pace(ctx, begin, read.Bytes)
		}
	}
	return after, read, false, nil
}

// message reads the payloads of a message. unread counts those in a row that the store did not give.
func (v *Verifier) message(ctx context.Context, p store.Payloads, read *Read, unread *int) error {
	for _, ref := range p.Refs {
		err := blob.Verify(ctx, v.Blobs, ref)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			read.Payloads, read.Bytes, *unread = read.Payloads+1, read.Bytes+ref.Length, 0
			continue
		}
		if err := v.damaged(ctx, p, ref, err); err != nil {
			return err
		}
		if errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrCorrupt) {
			*unread = 0
		} else if *unread++; *unread >= mostUnread {
			return fmt.Errorf("verify: %d payloads in a row cannot be read: %w", *unread, err)
		}
	}
	read.Messages++
	return nil
}

// damaged reports a payload that cannot be read, unless it has been replaced meanwhile or lies elsewhere.
func (v *Verifier) damaged(ctx context.Context, p store.Payloads, ref store.BlobRef, cause error) error {
	missing := errors.Is(cause, blob.ErrNotFound)
	uses, err := v.Store.BlobUses(ctx, []string{ref.Key})
	if err != nil || uses[ref.Key] != store.BlobUsed {
		return err
	}
	if missing && v.Absent != nil {
		if elsewhere, err := v.Absent(ctx); err != nil || elsewhere {
			return err
		}
	}
	what := "the payload cannot be read: " + cause.Error()
	var c *blob.CorruptError
	switch {
	case missing:
		what = "the payload is missing"
	case errors.As(cause, &c):
		what = "the payload is damaged: " + c.Reason
	}
	return v.Found(Finding{MessageID: p.MessageID, State: p.State, Key: ref.Key, What: what})
}

// pace waits until so much may have been read since a time.
func (v *Verifier) pace(ctx context.Context, begin time.Time, read int64) {
	if v.Rate <= 0 {
		return
	}
	ahead := time.Duration(float64(read)/float64(v.Rate)*float64(time.Second)) - time.Since(begin)
	if ahead <= 0 {
		return
	}
	if v.Wait != nil {
		v.Wait(ctx, ahead)
		return
	}
	t := time.NewTimer(ahead)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
