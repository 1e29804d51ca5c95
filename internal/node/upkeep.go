package node

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/durable"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/verify"
)

// The record is compared with itself every minute: what was entered lately, and a part of all the rest (REL-101). All
// payloads are read once a week, in the hourly tidying (REL-003). A server that is started again goes on where it was.
const (
	conserveEvery = time.Minute
	conserveLimit = 30 * time.Second // of one round
	recentSpan    = 15 * time.Minute
	recentRows    = 20_000
	restRows      = 5_000
	scrubEvery    = 7 * 24 * time.Hour
	scrubRate     = 32 << 20 // octets per second
	mostFindings  = 100      // that are kept, and told in one round
)

// Upkeep is how far the checks of a data folder and its record have come, as they are shown and kept beside the
// folder's identity.
type Upkeep struct {
	Payloads Pass `json:"payloads"`
	Record   Pass `json:"record"`
	Keys     Pass `json:"keys"`

	Recent      time.Time `json:"recent"` // when what was entered lately was last compared
	RecentWrong int       `json:"recent_wrong"`
	RecentOut   int       `json:"recent_wrong_out"` // of these, messages to other access points
}

// Pass is one look at everything of a kind, bit by bit.
type Pass struct {
	Began     time.Time        `json:"began,omitzero"` // of the one that goes on, or the last
	Ended     time.Time        `json:"ended,omitzero"` // zero while it goes on
	Previous  time.Time        `json:"previous,omitzero"`
	After     string           `json:"after,omitempty"` // where it goes on
	Spot      *store.Spot      `json:"spot,omitempty"`  // likewise, among keys
	Rows      int64            `json:"rows"`
	Read      verify.Read      `json:"read"`
	Wrong     int              `json:"wrong"`
	Out       int              `json:"wrong_out"`          // of Wrong, messages to other access points
	LastWrong int              `json:"last_wrong"`         // of the pass before
	LastOut   int              `json:"last_wrong_out"`     // of the pass before
	Findings  []verify.Finding `json:"findings,omitempty"` // some of Wrong
}

// begin begins another pass if the last one has ended.
func (p *Pass) begin(now time.Time) {
	if !p.Began.IsZero() && p.Ended.IsZero() {
		return
	}
	*p = Pass{Began: now, Previous: p.Ended, LastWrong: p.Wrong, LastOut: p.Out}
}

func (p *Pass) end(now time.Time) { p.Ended, p.After, p.Spot = now, "", nil }

// note keeps a finding.
func (p *Pass) note(f verify.Finding) {
	if f.Direction == store.Out {
		p.Out++
	}
	if p.Wrong++; len(p.Findings) < mostFindings {
		p.Findings = append(p.Findings, f)
	}
}

const upkeepName = "upkeep.json"

// Upkeep returns what the checks of a server on the folder have found so far; the zero value if there were none.
func (d *Data) Upkeep() (u Upkeep, err error) {
	text, err := os.ReadFile(filepath.Join(d.dir, upkeepName))
	if errors.Is(err, fs.ErrNotExist) {
		return u, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &u)
	}
	return u, err
}

func (d *Data) saveUpkeep(u *Upkeep) error {
	text, err := json.MarshalIndent(u, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(d.dir, upkeepName), 0o600, durable.Bytes(append(text, '\n')))
}

// Verifier compares record and payloads of the folder.
func (d *Data) Verifier(found func(verify.Finding) error) *verify.Verifier {
	elsewhere := func(ctx context.Context) (bool, error) { alone, err := d.alone(ctx); return !alone, err }
	return &verify.Verifier{Store: d.Store, Blobs: d.blobs(), Absent: elsewhere, Found: found}
}

// conservation is the name of the alarm about a record that is not as it must be (OPS-070).
const conservation = "conservation"

// found tells and keeps a finding.
func (n *Node) found(p *Pass, alarm string) func(verify.Finding) error {
	told := 0
	return func(f verify.Finding) error {
		p.note(f)
		if told++; told <= missingLines {
			err := fault.New(fault.RecordDiffers, nil, "%s", f)
			n.opts.Log.Error().Err(err).Str("code", string(err.Code)).Str("alarm", alarm).Str("tx", f.MessageID).
				Msg("the record is not as it must be")
		}
		return nil
	}
}

// keepConserved compares the record with itself from time to time, and keeps what came of it.
func (n *Node) keepConserved(ctx context.Context) {
	every(ctx, conserveEvery, func() {
		ctx, cancel := context.WithTimeout(ctx, conserveLimit)
		defer cancel()
		if err := n.conserve(ctx, n.opts.Now()); err != nil && !errors.Is(err, context.Canceled) {
			n.trouble("the record was not compared with itself", err)
		}
	})
}

// conserve compares what was entered lately and the next part of the rest. What is wrong with a recent message is found
// by each round until it is mended, and kept in the pass that finds it. What was found is kept also when the round was
// cut short.
func (n *Node) conserve(ctx context.Context, now time.Time) error {
	n.upkeep.Lock()
	defer n.upkeep.Unlock()
	u, err := n.data.Upkeep()
	if err != nil { // it is begun anew
		n.trouble("the progress of the checks cannot be read", err)
		u = Upkeep{}
	}
	for _, compare := range []func(context.Context, *Upkeep, time.Time) error{
		n.compareRecent, n.compareRecord, n.compareKeys,
	} {
		if err = compare(ctx, &u, now); err != nil {
			break
		}
	}
	in, out := u.differences()
	n.differs.in.Store(in)
	n.differs.out.Store(out)
	return errors.Join(err, n.data.saveUpkeep(&u))
}

// differences is how many messages of each direction the last checks found that are not as they must be. Keys are those
// of received ones.
func (u *Upkeep) differences() (in, out int64) {
	out = int64(max(u.RecentOut, u.Record.Out, u.Record.LastOut))
	in = int64(max(u.RecentWrong-u.RecentOut, u.Record.Wrong-u.Record.Out, u.Record.LastWrong-u.Record.LastOut) +
		max(u.Keys.Wrong, u.Keys.LastWrong))
	return in, out
}

func (n *Node) compareRecent(ctx context.Context, u *Upkeep, now time.Time) error {
	var recent Pass
	v := n.data.Verifier(n.found(&recent, conservation))
	_, _, err := v.Record(ctx, db.FirstID(time.Now().Add(-recentSpan)), recentRows)
	if err == nil {
		u.Recent, u.RecentWrong, u.RecentOut = now, recent.Wrong, recent.Out
	}
	return err
}

func (n *Node) compareRecord(ctx context.Context, u *Upkeep, now time.Time) error {
	u.Record.begin(now)
	v := n.data.Verifier(n.found(&u.Record, conservation))
	next, rows, err := v.Record(ctx, u.Record.After, restRows)
	u.Record.Rows, u.Record.After = u.Record.Rows+int64(rows), next
	if err == nil && next == "" {
		u.Record.end(now)
	}
	return err
}

func (n *Node) compareKeys(ctx context.Context, u *Upkeep, now time.Time) error {
	u.Keys.begin(now)
	v := n.data.Verifier(n.found(&u.Keys, conservation))
	var spot store.Spot
	if u.Keys.Spot != nil {
		spot = *u.Keys.Spot
	}
	next, rows, err := v.Keys(ctx, spot, restRows)
	u.Keys.Rows, u.Keys.Spot = u.Keys.Rows+int64(rows), &next
	if err == nil && next == (store.Spot{}) {
		u.Keys.end(now)
	}
	return err
}

// scrub reads payloads until its context ends or all were read, and begins anew a week after it began (REL-003).
func (n *Node) scrub(ctx context.Context) error {
	now := n.opts.Now()
	u, err := n.readUpkeep()
	if err != nil || !u.Payloads.Ended.IsZero() && now.Sub(u.Payloads.Began) < scrubEvery {
		return err
	}
	p := u.Payloads
	p.begin(now)
	v := n.data.Verifier(n.found(&p, "payload_damaged"))
	v.Rate = scrubRate
	v.Absent = func(context.Context) (bool, error) { return true, nil } // findLost tells of those every hour
	next, read, all, verr := v.Payloads(ctx, p.After)
	p.Read.Add(read)
	if p.After = next; all {
		p.end(n.opts.Now())
		n.opts.Log.Info().Int("messages", p.Read.Messages).Int("payloads", p.Read.Payloads).
			Int64("bytes", p.Read.Bytes).Int("wrong", p.Wrong).Msg("all payloads were read")
	}
	n.upkeep.Lock()
	defer n.upkeep.Unlock()
	if u, err = n.data.Upkeep(); err != nil {
		return errors.Join(verr, err)
	}
	u.Payloads = p
	return errors.Join(verr, n.data.saveUpkeep(&u))
}

func (n *Node) readUpkeep() (Upkeep, error) {
	n.upkeep.Lock()
	defer n.upkeep.Unlock()
	return n.data.Upkeep()
}

// differs is how many messages are not as the record must have them.
type differs struct{ in, out atomic.Int64 }

func (d *differs) byDirection() map[string]int64 {
	return map[string]int64{string(store.In): d.in.Load(), string(store.Out): d.out.Load()}
}

// Differences is how many messages the last checks of the record found that are not as they must be (REL-101).
func (n *Node) Differences() int64 { return n.differs.in.Load() + n.differs.out.Load() }
