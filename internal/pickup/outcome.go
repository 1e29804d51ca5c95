package pickup

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/durable"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
)

// Outcome is what NAME.xml.json says when all is over (OPS-040). The first seven members are those of phoss-ap.
type Outcome struct {
	Success    bool   `json:"success"`
	SourceFile string `json:"sourceFile"`
	InstanceID string `json:"sbdhInstanceID"` // "" when it was not handed in
	MessageID  string `json:"transactionID"`  // eb:MessageId
	Status     string `json:"status"`         // state on record; REFUSED when it was not handed in
	Details    string `json:"errorDetails"`
	Processed  string `json:"processedDT"`
	ID         string `json:"id"`   // on record
	Code       string `json:"code"` // RAVN-nnnn or EBMS:nnnn
	Next       string `json:"next"` // what to do
}

// status is what NAME.xml.status.json says while it is not.
type status struct {
	State        string `json:"status"`
	SourceFile   string `json:"sourceFile"`
	InstanceID   string `json:"sbdhInstanceID"`
	MessageID    string `json:"transactionID"`
	ID           string `json:"id"`
	Code         string `json:"code"`
	Next         string `json:"next"`
	Updated      string `json:"updated"`
	Installation string `json:"installation"` // whose record it is
	Tenant       string `json:"tenant"`       // under which it is handed in, and
	Path         string `json:"path"`         // where it was put then, as its key has it; "" in files of an older program

	// what is about to be published, and where the document is moved for it: after a crash between the two the rest
	// follows
	Outcome *Outcome `json:"outcome,omitempty"`
	Target  string   `json:"target,omitempty"`
}

// deleted is the target of a document that is not kept.
const deleted = "-"

// standing is what a state means to who handed a document in.
type standing int

const (
	onItsWay standing = iota
	arrived
	gaveUp
	undecided // an operator must decide
)

// standingOf tells what a message means: done needs C3's receipt (REL-043).
func standingOf(m *store.Message) standing {
	switch m.State {
	case store.Sent:
		return arrived
	case store.Closed:
		if !m.Accepted.IsZero() {
			return arrived
		}
		return gaveUp
	case store.FailedPermanent, store.Cancelled:
		return gaveUp
	case store.Quarantined, store.UnknownAccepted, store.ReceiptInvalid, store.RecoveryHold:
		return undecided
	}
	return onItsWay
}

// waiting is the status of a document on its way.
func waiting(m store.Message) status {
	st := status{
		State: string(m.State), InstanceID: m.InstanceID, MessageID: m.MessageID, ID: m.ID, Code: m.FaultCode,
		Next: "Nothing: it is sent, and sent again if need be. How it stands: ravn queue show " + m.ID,
	}
	if standingOf(&m) == undecided {
		st.Next = "It may have arrived. An operator must decide: ravn documents show " + m.ID
	}
	return st
}

// same reports whether two status files tell the same. That an attempt is under way is no news.
func (s status) same(t status) bool {
	quiet := func(s status) status {
		if s.State == string(store.Sending) || s.State == string(store.Ready) {
			s.State = string(store.Submitted)
		}
		s.Updated, s.SourceFile, s.Installation, s.Tenant, s.Path = "", "", "", "", ""
		return s
	}
	return quiet(s) == quiet(t)
}

// note writes the status file of a document, if it has something new to say.
func (r *round) note(e *entry, st status) error {
	if e.shown.State != "" && st.same(e.shown) {
		return nil
	}
	if err := r.writeStatus(e, st); err != nil {
		return err
	}
	e.shown = st
	return nil
}

// writeStatus writes the status file of a document: it says as well under what the document was begun.
func (r *round) writeStatus(e *entry, st status) error {
	st.SourceFile, st.Installation, st.Tenant, st.Path = originalName(e.name), r.Installation, e.tenant, e.path
	st.Updated = stamp(r.Now())
	text, err := textOf(st)
	if err != nil {
		return err
	}
	return r.root.write(r.Pending, e.name+statusEnding, text)
}

// readStatus reads the status file of a document. One that is missing or cannot be understood says nothing.
func (r *round) readStatus(name string) (st status, err error) {
	text, err := r.root.read(filepath.Join(r.Pending, name+statusEnding), 1<<20)
	if err != nil {
		return st, skipGone(err)
	}
	if json.Unmarshal(text, &st) != nil {
		return status{}, nil
	}
	return st, nil
}

// textOf is a file that says something.
func textOf(v any) ([]byte, error) {
	text, err := json.MarshalIndent(v, "", "  ")
	return append(text, '\n'), err
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// settle looks what became of the messages, and moves away the documents for which that is final.
func (r *round) settle(ctx context.Context) error {
	now := r.Now()
	due := map[string][]*entry{} // by tenant: some may have been begun under another one
	for _, e := range r.open {
		if e.due(now) {
			due[e.tenant] = append(due[e.tenant], e)
		}
	}
	for tenant, list := range due {
		if err := r.settleOf(ctx, tenant, list); err != nil {
			return err
		}
	}
	return nil
}

// settleOf is settle for documents of a tenant.
func (r *round) settleOf(ctx context.Context, tenant string, due []*entry) error {
	now := r.Now()
	ids := make([]string, len(due))
	for i, e := range due {
		ids[i] = e.m.ID
	}
	found, err := r.Record.Many(ctx, tenant, ids)
	if err != nil {
		return err
	}
	for _, e := range due {
		m, ok := found[e.m.ID]
		if !ok { // it may have been sent all the same: nothing is handed in again
			err = fault.New(fault.NoSuchMessage, nil, "%s", e.m.ID)
		} else {
			err = r.look(ctx, e, m)
		}
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			e.delay.push(now, r.Scan)
			r.trouble(originalName(e.name), err)
		}
	}
	return nil
}

// look takes note of the state of one message.
func (r *round) look(ctx context.Context, e *entry, m store.Message) error {
	before := standingOf(&e.m)
	e.m = m
	is := standingOf(&m)
	if is == onItsWay || is == undecided {
		age := r.Now().Sub(m.Created)
		e.delay.until = r.Now().Add(min(max(r.Scan, age/10), max(time.Minute, r.Scan)))
		if is == undecided && before != undecided {
			r.tell(Note{What: Attention, Message: m})
		}
		return r.note(e, waiting(m))
	}
	var receipt []byte
	out := Outcome{Success: is == arrived}
	if is == arrived {
		piece, err := r.Record.Evidence(ctx, e.tenant, m.ID, store.EvidenceReceipt)
		if err != nil && !errors.Is(err, db.ErrNotFound) {
			return err
		}
		receipt = piece.Bytes
	} else if err := r.whyNot(ctx, e.tenant, m, &out); err != nil {
		return err
	}
	out.InstanceID, out.MessageID, out.Status, out.ID = m.InstanceID, m.MessageID, string(m.State), m.ID
	if err := r.finish(e, out, receipt); err != nil {
		return err
	}
	what := Failed
	if out.Success {
		what = Done
	}
	r.tell(Note{What: what, Message: m})
	return nil
}

// whyNot says why a message was given up, and what to do. What may have arrived must not be handed in again (REL-027,
// design.md §3), so nothing here advises that.
func (r *round) whyNot(ctx context.Context, tenant string, m store.Message, out *Outcome) error {
	events, err := r.Record.Timeline(ctx, tenant, m.ID)
	if err != nil {
		return err
	}
	attempts, err := r.Record.Attempts(ctx, tenant, m.ID)
	if err != nil {
		return err
	}
	unclear := m.FaultCode == string(fault.GivenUpUnclear) || m.State == store.Closed
	for _, a := range attempts {
		unclear = unclear || a.Unclear
	}
	out.Code = m.FaultCode
	if len(events) > 0 {
		out.Details = events[len(events)-1].Detail
	}
	if stop, ok := store.LastStop(events); ok && stop.Detail != "" {
		out.Details = stop.Detail
	}
	if unclear {
		out.Details = strings.TrimSpace("It may have arrived: no receipt came, and no refusal. " + out.Details)
		out.Next = "Ask the receiver what arrived. An operator can send the same bytes again, which the receiver " +
			"recognises: ravn documents show " + m.ID
		return nil
	}
	out.Next = "It did not arrive. When the cause is gone, an operator can send it: ravn documents show " + m.ID +
		". A corrected document is a new one, under a new file name."
	return nil
}

// refusal is the outcome of a document that was not handed in.
func (r *round) refusal(e *entry, err error) Outcome {
	out := Outcome{Status: "REFUSED", Details: err.Error()}
	var coded *fault.Error
	if errors.As(err, &coded) {
		row, _ := fault.Find(coded.Code)
		advice := row.Texts[fault.English].Next
		out.Code, out.Next = string(coded.Code), advice
		out.Details = strings.TrimSpace(strings.TrimSuffix(coded.Error(), advice))
		switch coded.Code { // their advice is for the command line
		case fault.BadArguments, fault.DocumentUnknown, fault.PartyMissing, fault.CountryMissing:
			out.Next = "Nothing was sent. Say it in a side file, " + originalName(e.name) + sideEnding +
				", or in the defaults of the folder, and put the document into the folder again."
		}
	}
	return out
}

// finish moves a document and what belongs to it to where it ends. What is about to happen is written down first, so
// that after a crash the next round does the rest (conclude). The outcome file comes last: when it is there, all is.
func (r *round) finish(e *entry, out Outcome, receipt []byte) error {
	out.SourceFile, out.Processed = originalName(e.name), stamp(r.Now())
	st := waiting(e.m)
	st.State, st.Outcome = out.Status, &out
	err := r.still(e)
	if err == nil {
		r.mark()
		err = r.away(e, &st)
	}
	if err == nil {
		e.over = true
		r.hook("pickup.moved")
		err = r.publish(e.name, st, receipt)
	}
	// what is gone or was replaced is looked at anew; what cannot be moved now is tried again
	e.rest = err != nil && (e.over || errors.Is(err, errReplaced) || errors.Is(err, fs.ErrNotExist))
	return err
}

var errReplaced = errors.New("another file has its name in pending now")

// still makes sure that a document in Pending is the one that is meant.
func (r *round) still(e *entry) error {
	info, err := r.root.Lstat(filepath.Join(r.Pending, e.name))
	if err == nil && !os.SameFile(info, e.info) {
		err = errReplaced
	}
	return err
}

// away moves a document out of Pending, and writes down before where to. If another one has got the name meanwhile, it
// takes the next one (OPS-041).
func (r *round) away(e *entry, st *status) error {
	e.shown = status{} // whatever comes now, the status file must be written anew
	at := filepath.Join(r.Pending, e.name)
	for range mostNames {
		err := r.aim(e, st)
		if err == nil {
			err = r.writeStatus(e, *st)
		}
		if err != nil {
			return err
		}
		r.hook("pickup.decided")
		if st.Target == deleted {
			return r.root.remove(at)
		}
		if err = r.root.move(at, st.Target); !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return errNoName
}

// aim chooses where a document ends.
func (r *round) aim(e *entry, st *status) (err error) {
	dir := r.Failed
	if st.Outcome.Success {
		dir = r.Done
	}
	if st.Target = deleted; st.Outcome.Success && r.Keep == 0 {
		return nil
	}
	name, err := r.freeTarget(dir, originalName(e.name), filepath.Join(r.Pending, e.name))
	st.Target = filepath.Join(dir, name)
	return err
}

// conclude does the rest for a document that was moved just before a crash.
func (r *round) conclude(ctx context.Context, name string, st status) error {
	var receipt []byte
	if st.Outcome != nil && st.Outcome.Success {
		tenant := cmp.Or(st.Tenant, r.Tenant)
		piece, err := r.Record.Evidence(ctx, tenant, st.ID, store.EvidenceReceipt)
		if err != nil && !errors.Is(err, db.ErrNotFound) {
			return err
		}
		receipt = piece.Bytes
	}
	return r.publish(name, st, receipt)
}

// publish writes what belongs to a document that was moved, and removes what is left in Pending.
func (r *round) publish(name string, st status, receipt []byte) error {
	meta := filepath.Join(r.Pending, name+metaEnding)
	if st.Target == deleted || st.Outcome == nil {
		if err := r.root.remove(meta); err != nil {
			return err
		}
		return r.root.remove(filepath.Join(r.Pending, name+statusEnding))
	}
	if err := skipGone(r.root.move(meta, st.Target+metaEnding)); err != nil {
		return err
	}
	dir, base := filepath.Split(st.Target)
	dir = filepath.Clean(dir)
	if receipt != nil {
		if err := r.root.add(dir, base+receiptEnding, receipt, sameReceipt(receipt)); err != nil {
			return err
		}
	}
	r.hook("pickup.receipt")
	text, err := textOf(st.Outcome)
	if err != nil {
		return err
	}
	if err := r.root.add(dir, base+outcomeEnding, text, sameOutcome(st.Outcome)); err != nil {
		return err
	}
	r.hook("pickup.outcome")
	if err := durable.SyncDir(r.root, r.Pending); err != nil {
		return err
	}
	return r.root.remove(filepath.Join(r.Pending, name+statusEnding))
}

// clean deletes from Done what was kept long enough, once an hour. Only what has an outcome file is ours.
func (r *round) clean() error {
	now := r.Now()
	if now.Sub(r.cleaned) < cleanEvery {
		return nil
	}
	var old []string
	err := r.each(r.Done, func(e fs.DirEntry) error {
		base, ok := strings.CutSuffix(e.Name(), outcomeEnding)
		if !ok || strings.HasSuffix(e.Name(), metaEnding) || !e.Type().IsRegular() || len(old) >= mostFiles {
			return nil
		}
		info, err := e.Info()
		if err == nil && (r.Keep == 0 || now.Sub(info.ModTime()) > r.Keep) {
			old = append(old, base)
		}
		return skipGone(err)
	})
	if len(old) < mostFiles { // else the next round goes on
		r.cleaned = now
	}
	for _, base := range old {
		for _, ending := range []string{"", metaEnding, receiptEnding, outcomeEnding} { // the outcome last
			err = errors.Join(err, r.root.remove(filepath.Join(r.Done, base+ending)))
		}
	}
	for _, dir := range []string{r.Pending, r.Done, r.Failed} {
		err = errors.Join(err, durable.Sweep(r.root, dir, now))
	}
	return err
}
