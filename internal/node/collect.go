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

// Payloads without a row are what a crash between rename and commit left (CP-R7), but a wrong database makes every
// payload look like that. So they are counted before any is touched, rest in quarantine, and are never looked at just
// after the start (design.md §3 "files without a row").
const (
	tidyEvery      = time.Hour          // the first time, too
	orphanAge      = 24 * time.Hour     // younger ones may be on their way into the record
	quarantineTime = 7 * 24 * time.Hour // before a payload is deleted for good
	tidyLimit      = 20 * time.Minute   // of one round of one kind of work
	rowsPerRound   = 50_000             // rows whose payload is looked for in one round
	keysPerLook    = 1000               // payloads that are looked up together
	rowsPerLook    = 500
	missingLines   = 20 // in the log, of one round
)

// tooMany tells whether so many payloads are unknown that the database is more likely to be wrong than they are to be
// waste.
func tooMany(unknown, of int) bool { return unknown > 100 || unknown >= 10 && unknown*100 >= of }

// Census is what the record knows of the payloads in the folder.
type Census struct {
	Blobs      int      `json:"blobs"`              // older than a day, those in quarantine included
	Unknown    int      `json:"unknown"`            // of them: no message is theirs, and no operator let them go
	Superseded int      `json:"superseded"`         // their message has another one now
	Quarantine int      `json:"quarantine"`         // taken out of their place
	Examples   []string `json:"examples,omitempty"` // some of Unknown
	waste      []string // in their place, for the quarantine
	held       []blob.Held
	needed     []blob.Held // in quarantine, although a message refers to them
}

// census looks all payloads up that are old enough.
func (d *Data) census(ctx context.Context, now time.Time) (*Census, error) {
	c := &Census{}
	err := d.look(ctx, now.Add(-orphanAge), func(key string, use store.BlobUse) error {
		c.add(key, use)
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
			c.add(h.Key, uses[h.Key])
		}
		if c.Quarantine++; uses[h.Key] == store.BlobUsed {
			c.needed = append(c.needed, h)
		} else {
			c.held = append(c.held, h)
		}
	}
	return c, nil
}

func (c *Census) add(key string, use store.BlobUse) {
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

// look calls fn for each payload in its place that was written before a time.
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

// collect moves payloads without a row into quarantine and deletes those that were there long enough, unless there are
// so many of them that something else must be wrong: then it says so and touches nothing.
func (d *Data) collect(ctx context.Context, now time.Time) error {
	c, err := d.census(ctx, now)
	if err != nil {
		return err
	}
	for _, h := range c.needed {
		if err := d.Files.Release(h); err != nil { // it tells of itself
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
		if now.Sub(h.Since) < quarantineTime+24*time.Hour { // the day itself had any length
			continue
		}
		if err := d.Files.Expel(h); err != nil {
			return err
		}
	}
	return nil
}

// CollectAll moves all payloads without a row into quarantine that are old enough, however many they are, for an
// operator who knows that they may go. It returns their number. The decision is audited.
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

// lost looks for the payloads of rows behind the message after, and calls found for each that is not in the folder. It
// ends after limit rows, 0 for all, and returns the message to go on behind; "" at the end.
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

// sureLost looks at the row again: it may have another payload by now.
func (d *Data) sureLost(ctx context.Context, key string, found func() error) error {
	uses, err := d.Store.BlobUses(ctx, []string{key})
	if err != nil || uses[key] != store.BlobUsed {
		return err
	}
	return found()
}

// alone tells whether the folder is the only one of its database. If not, a payload that is missing may lie in another.
func (d *Data) alone(ctx context.Context) (bool, error) {
	in, err := d.Store.Installation(ctx)
	return len(in.Folders) == 1, err
}

// every does something each time that a span has passed.
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

// keepData notes the start on both sides and tidies from time to time.
func (n *Node) keepData(ctx context.Context) {
	n.try(ctx, "data folder", n.data.mark)
	every(ctx, tidyEvery, func() { n.tidy(ctx) })
}

// tidy keeps folder and record in order, and raises an alarm about what is not.
func (n *Node) tidy(ctx context.Context) {
	now := n.opts.Now()
	n.try(ctx, "temporary files", func(context.Context) error {
		return errors.Join(n.data.Files.Sweep(now), n.inbox.Sweep(now))
	})
	if !n.try(ctx, "data folder", n.data.mark) {
		return // nothing is removed while it is not sure that the database is the right one
	}
	n.try(ctx, "payloads without a row", func(ctx context.Context) error { return n.data.collect(ctx, now) })
	n.try(ctx, "rows without a payload", n.findLost)
}

// try does a part of the tidying within its time and logs its error.
func (n *Node) try(ctx context.Context, what string, do func(context.Context) error) bool {
	ctx, cancel := context.WithTimeout(ctx, tidyLimit)
	defer cancel()
	err := do(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		n.failure(err).Msg(what)
	}
	return err == nil
}

// findLost looks for rows whose payload is missing, some of them each time.
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
	Database string          `json:"database"`           // its installation; "" when no folder has joined it
	Folders  []db.DataFolder `json:"folders"`            // that belong to the database
	Stranger string          `json:"stranger,omitempty"` // why folder and database do not belong together
	Census
	Needed  int      `json:"needed"` // in quarantine, although a message refers to them
	Rows    int      `json:"rows"`
	Missing int      `json:"missing"`        // payloads of rows; not looked for when there are several folders
	Lost    []string `json:"lost,omitempty"` // some of Missing: message and payload

	Undetailed int64 `json:"without_columns"` // documents of before that cannot be found by their number yet (API-120)
}

// lostExamples is how many missing payloads a report names.
const lostExamples = 100

// Check looks at everything, for a command. It changes nothing, but that a payload which is needed returns from
// quarantine.
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

// Alarms are the faults in a report, the worst first.
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
