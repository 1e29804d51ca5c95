package node

import (
	"context"
	"errors"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/blob"
)

// A crash between rename and commit leaves a payload without a row (CP-R7), but with the wrong database every payload
// looks like that. So they are counted before any is touched, spend a week in quarantine, and are never looked at right
// after the start (design.md §3 "files without a row").
const (
	tidyEvery      = time.Hour          // also before the first time
	orphanAge      = 24 * time.Hour     // the row of a younger one may still be written
	quarantineTime = 7 * 24 * time.Hour // before a payload is deleted for good
	tidyLimit      = 20 * time.Minute   // of one round of one kind of work
	rowsPerRound   = 50_000             // rows whose payload is checked in one round
	keysPerLook    = 1000               // payloads that are looked up together
	rowsPerLook    = 500
	missingLines   = 20 // log lines about missing payloads in one round
)

// tooMany reports whether so many payloads are unknown that it is more likely the wrong database than leftovers.
func tooMany(unknown, of int) bool { return unknown > 100 || unknown >= 10 && unknown*100 >= of }

// Census is what the record knows about the payloads in the folder.
type Census struct {
	Blobs      int      `json:"blobs"`              // older than a day, those in quarantine included
	Unknown    int      `json:"unknown"`            // of these: no message has them, and no operator released them
	Superseded int      `json:"superseded"`         // their message has another payload by now
	Quarantine int      `json:"quarantine"`         // moved to quarantine
	Examples   []string `json:"examples,omitempty"` // some of Unknown
	waste      []string // still in their place, to be moved to quarantine
	held       []blob.Held
	needed     []blob.Held // in quarantine, although a message refers to them
}

// census looks up all payloads that are old enough.
func (d *Data) census(ctx context.Context, now time.Time) (*Census, error) {
	c := &Census{}
	err := d.look(ctx, now.Add(-orphanAge), func(key string, use store.BlobUse) error {
		c.countBlob(key, use)
		if use != store.BlobUsed && len(c.waste) < keysPerLook {
			c.waste = append(c.waste, key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	held, err := d.Files.Quarantined()
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(held))
	for i, h := range held {
		keys[i] = h.Key
	}
	uses, err := d.Store.BlobUses(ctx, keys)
	if err != nil {
		return nil, err
	}
	for _, h := range held {
		if h.Accepted && uses[h.Key] == store.BlobUnknown {
			c.Blobs++
		} else {
			c.countBlob(h.Key, uses[h.Key])
		}
		if c.Quarantine++; uses[h.Key] == store.BlobUsed {
			c.needed = append(c.needed, h)
		} else {
			c.held = append(c.held, h)
		}
	}
	return c, nil
}

func (c *Census) countBlob(key string, use store.BlobUse) {
	c.Blobs++
	switch use {
	case store.BlobUnknown:
		if c.Unknown++; len(c.Examples) < 10 {
			c.Examples = append(c.Examples, key)
		}
	case store.BlobSuperseded:
		c.Superseded++
	}
}

// look calls fn for each payload that is in its place and was written before the given time.
func (d *Data) look(ctx context.Context, before time.Time, fn func(key string, use store.BlobUse) error) error {
	var keys []string
	flush := func() error {
		uses, err := d.Store.BlobUses(ctx, keys)
		for _, key := range keys {
			if err == nil {
				err = fn(key, uses[key])
			}
		}
		keys = keys[:0]
		return err
	}
	for key, err := range d.Files.Keys(ctx, before) {
		if err != nil {
			return err
		}
		if keys = append(keys, key); len(keys) == keysPerLook {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// collect moves payloads without a row into quarantine and deletes those that have been there long enough. If there are
// so many of them that something else must be wrong, it touches nothing and returns an error.
func (d *Data) collect(ctx context.Context, now time.Time) error {
	c, err := d.census(ctx, now)
	if err != nil {
		return err
	}
	for _, h := range c.needed {
		if err := d.Files.Release(h); err != nil { // blob.Options.Rescued reports it
			return err
		}
	}
	if tooMany(c.Unknown, c.Blobs) {
		return fault.New(fault.PayloadsUnknown, nil, "%d of %d in %s", c.Unknown, c.Blobs, d.dir)
	}
	for _, key := range c.waste {
		if err := d.Files.Quarantine(key, now); err != nil {
			return err
		}
	}
	for _, h := range c.held {
		if now.Sub(h.Since) < quarantineTime+24*time.Hour { // Since is a day; the payload may have come at its end
			continue
		}
		if err := d.Files.Expel(h); err != nil {
			return err
		}
	}
	return nil
}

// CollectAll moves all payloads without a row that are old enough into quarantine, however many they are, because an
// operator says that they may go. It returns their number. The decision is audited.
func (d *Data) CollectAll(ctx context.Context, now time.Time, actor string) (moved int, err error) {
	decision := db.Audit{Actor: actor, Action: "data_collected", Subject: d.place()}
	if err := d.Store.AppendAudit(ctx, db.DefaultTenant, decision); err != nil {
		return 0, err
	}
	err = d.look(ctx, now.Add(-orphanAge), func(key string, use store.BlobUse) error {
		if use == store.BlobUsed {
			return nil
		}
		moved++
		return d.Files.Quarantine(key, now)
	})
	return moved, errors.Join(err, d.Files.Accept(now))
}

// lost looks for the payloads of rows that follow the message after, and calls found for each that is not in the
// folder. It stops after limit rows, 0 meaning all, and returns the message after which to continue, "" at the end.
func (d *Data) lost(ctx context.Context, after string, limit int, found func(messageID, key string) error) (
	next string, rows int, err error,
) {
	for limit == 0 || rows < limit {
		page, err := d.Store.BlobRows(ctx, after, rowsPerLook)
		if err != nil || len(page) == 0 {
			return "", rows, err
		}
		for _, row := range page {
			for _, key := range row.Keys {
				ok, err := d.Files.Has(key)
				if err == nil && !ok {
					err = d.sureLost(ctx, key, func() error { return found(row.MessageID, key) })
				}
				if err != nil {
					return after, rows, err
				}
			}
		}
		after, rows = page[len(page)-1].MessageID, rows+len(page)
	}
	return after, rows, nil
}

// sureLost reads the row again before it calls found: meanwhile the message may have got another payload.
func (d *Data) sureLost(ctx context.Context, key string, found func() error) error {
	uses, err := d.Store.BlobUses(ctx, []string{key})
	if err != nil || uses[key] != store.BlobUsed {
		return err
	}
	return found()
}

// alone reports whether the folder is the only one of its database. If not, a missing payload may be in another one.
func (d *Data) alone(ctx context.Context) (bool, error) {
	in, err := d.Store.Installation(ctx)
	return len(in.Folders) == 1, err
}

// every calls do each time that span has passed.
func every(ctx context.Context, span time.Duration, do func()) {
	tick := time.NewTicker(span)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}

// keepData marks the start in folder and database, and tidies from time to time.
func (n *Node) keepData(ctx context.Context) {
	n.try(ctx, "data folder", n.data.mark)
	every(ctx, tidyEvery, func() { n.tidy(ctx) })
}

// tidy cleans up folder and record, and raises an alarm about what it cannot repair.
func (n *Node) tidy(ctx context.Context) {
	now := n.opts.Now()
	n.try(ctx, "temporary files", func(context.Context) error {
		return errors.Join(n.data.Files.Sweep(now), n.sweepTargets(now))
	})
	if !n.try(ctx, "data folder", n.data.mark) {
		return // nothing is removed unless the database is certainly the right one
	}
	n.try(ctx, "payloads without a row", func(ctx context.Context) error { return n.data.collect(ctx, now) })
	n.try(ctx, "rows without a payload", n.findLost)
	n.try(ctx, "payloads", n.scrub)
}

// try does one step of the tidying with a time limit and logs its error.
func (n *Node) try(ctx context.Context, what string, do func(context.Context) error) bool {
	ctx, cancel := context.WithTimeout(ctx, tidyLimit)
	defer cancel()
	err := do(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		n.failure(err).Msg(what)
	}
	return err == nil
}

// findLost looks for rows whose payload is missing, a part of the rows each time.
func (n *Node) findLost(ctx context.Context) error {
	alone, err := n.data.alone(ctx)
	if err != nil || !alone {
		return err
	}
	missing := 0
	n.cursor, _, err = n.data.lost(ctx, n.cursor, rowsPerRound, func(id, key string) error {
		if missing++; missing <= missingLines {
			n.failure(fault.New(fault.PayloadMissing, nil, "message %s, %s", id, key)).Msg("row without a payload")
		}
		return nil
	})
	if err == nil && missing > missingLines {
		err = fault.New(fault.PayloadMissing, nil, "and %d more", missing-missingLines)
	}
	return err
}

// DataReport is what Check found.
type DataReport struct {
	Place    string          `json:"place"`
	Identity Identity        `json:"identity"`
	Database string          `json:"database"`           // its installation; "" if no folder has joined it
	Folders  []db.DataFolder `json:"folders"`            // that belong to the database
	Stranger string          `json:"stranger,omitempty"` // why folder and database do not belong together
	Census
	Needed  int      `json:"needed"` // in quarantine, although a message refers to them
	Rows    int      `json:"rows"`
	Missing int      `json:"missing"`        // payloads of rows; not checked if there are several folders
	Lost    []string `json:"lost,omitempty"` // some of Missing: message and payload

	Undetailed int64 `json:"without_columns"` // older documents that cannot be found by their number yet (API-120)
}

// lostExamples is how many missing payloads a report lists.
const lostExamples = 100

// Check looks at everything, for a command. It changes nothing, except that a payload which a message needs is brought
// back from quarantine.
func (d *Data) Check(ctx context.Context, now time.Time) (*DataReport, error) {
	id, err := d.identity()
	if err != nil {
		return nil, fault.New(fault.FolderUnusable, err, "%s", d.dir)
	}
	in, err := d.Store.Installation(ctx)
	if err != nil {
		return nil, fault.New(fault.DatabaseUnusable, err, "")
	}
	r := &DataReport{Place: d.place(), Identity: id, Database: in.ID, Folders: in.Folders}
	if id.Installation != "" {
		r.Stranger = id.strangerTo(&in)
	}
	c, err := d.census(ctx, now)
	if err != nil {
		return nil, fault.New(fault.RecordUnreadable, err, "")
	}
	r.Census, r.Needed = *c, len(c.needed)
	if r.Undetailed, err = d.Store.CountUndetailed(ctx); err != nil {
		return nil, fault.New(fault.RecordUnreadable, err, "")
	}
	if len(in.Folders) > 1 {
		return r, nil
	}
	_, r.Rows, err = d.lost(ctx, "", 0, func(id, key string) error {
		if r.Missing++; len(r.Lost) < lostExamples {
			r.Lost = append(r.Lost, id+" "+key)
		}
		return nil
	})
	if err != nil {
		return nil, fault.New(fault.RecordUnreadable, err, "")
	}
	return r, nil
}

// Alarms are the errors in a report, the worst first.
func (r *DataReport) Alarms() (all []*fault.Error) {
	if r.Stranger != "" {
		all = append(all, fault.New(fault.WrongDatabase, nil, "%s", r.Stranger))
	}
	if tooMany(r.Unknown, r.Blobs) {
		all = append(all, fault.New(fault.PayloadsUnknown, nil, "%d of %d", r.Unknown, r.Blobs))
	}
	if r.Needed > 0 {
		all = append(all, fault.New(fault.PayloadRescued, nil, "%d", r.Needed))
	}
	if r.Missing > 0 {
		all = append(all, fault.New(fault.PayloadMissing, nil, "%d", r.Missing))
	}
	return all
}
