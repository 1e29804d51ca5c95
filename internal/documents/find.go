package documents

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/peppol/doctype"
)

// Query says which documents are wanted, in the words of API-057. Empty fields want all.
type Query struct {
	Direction                     string // in or out
	States, Statuses              string // separated by commas
	Sender, Receiver, Participant string
	DocumentType                  string // whole, or without its version
	C2, C3                        string
	MessageID, InstanceID         string
	Number                        string
	Hash                          string // SHA-256 in hex, of the payload or of the file that was handed in
	From, To                      time.Time
	Before                        string // Page.Next of the page before
	Limit                         int
}

// maxLimit is how many documents a page has at most.
const maxLimit = 1000

// Page is a part of a list, newest first.
type Page struct {
	Items []Document `json:"items"`
	// where the list goes on; a page may be short or empty and the list not at its end
	Next string `json:"next,omitempty"`
}

// filter reads a query.
func (d *Desk) filter(ctx context.Context, q *Query) (f store.Filter, err error) {
	f = store.Filter{
		C2: q.C2, C3: q.C3, MessageID: strings.Trim(q.MessageID, "<>"), InstanceID: q.InstanceID,
		DocumentNumber: doctype.Number(q.Number), DocType: withoutScheme(q.DocumentType), From: q.From, To: q.To,
		Limit: q.Limit,
	}
	if f.Limit < 0 || f.Limit > maxLimit {
		return f, fault.New(fault.BadArguments, nil, "limit: want 1 to %d", maxLimit)
	}
	switch f.Direction = store.Direction(strings.ToLower(q.Direction)); f.Direction {
	case "", store.In, store.Out:
	default:
		return f, unknown("direction", q.Direction, []string{string(store.In), string(store.Out)})
	}
	if f.Standings, err = standings(q.States, q.Statuses); err != nil {
		return f, err
	}
	for _, p := range []struct {
		name, given string
		to          *string
	}{
		{"participant", q.Participant, &f.Participant},
		{"sender", q.Sender, &f.Sender},
		{"receiver", q.Receiver, &f.Receiver},
	} {
		if p.given == "" {
			continue
		}
		id, err := peppol.ParseParticipant(p.given)
		if err != nil {
			return f, fault.New(fault.BadArguments, err, "%s", p.name)
		}
		*p.to = id.Value()
	}
	if q.Hash != "" {
		if f.Hash, err = hex.DecodeString(q.Hash); err != nil || len(f.Hash) != 32 {
			return f, fault.New(fault.BadArguments, nil, "hash: want the 64 hexadecimal digits of a SHA-256")
		}
	}
	if !f.To.IsZero() && !f.From.Before(f.To) {
		return f, fault.New(fault.BadArguments, nil, "the span ends before it begins")
	}
	if q.Before != "" {
		m, err := d.get(ctx, q.Before)
		if err != nil {
			return f, err
		}
		f.Before = &m
	}
	return f, checkTexts(q.C2, q.C3, q.MessageID, q.InstanceID, q.Number, q.DocumentType)
}

// checkTexts refuses what no text of the record can be.
func checkTexts(texts ...string) error {
	for _, s := range texts {
		if err := db.CheckText(s); err != nil {
			return fault.New(fault.BadArguments, err, "")
		}
	}
	return nil
}

// withoutScheme is the value of a document type, as the record has it.
func withoutScheme(t string) string {
	for _, scheme := range []string{peppol.SchemeBusdox, peppol.SchemeWildcard} {
		if value, ok := strings.CutPrefix(t, scheme+"::"); ok {
			return value
		}
	}
	return t
}

// List returns documents, newest first. An empty answer to a question about the number of a document is an error while
// rows wait for theirs: then nobody can tell.
func (d *Desk) List(ctx context.Context, q Query) (Page, error) {
	f, err := d.filter(ctx, &q)
	if err != nil {
		return Page{}, err
	}
	found, err := d.Store.List(ctx, d.Tenant, f)
	if err != nil {
		return Page{}, fault.New(fault.RecordUnreadable, err, "")
	}
	p := Page{Items: []Document{}}
	for i := range found.Found {
		p.Items = append(p.Items, document(&found.Found[i]))
	}
	if found.Next != nil {
		p.Next = found.Next.ID
	}
	if q.Number != "" && len(p.Items) == 0 && p.Next == "" {
		return p, d.sure(ctx)
	}
	return p, nil
}

// sure returns an error while there are rows whose number nobody has read yet.
func (d *Desk) sure(ctx context.Context) error {
	n, err := d.Store.CountUndetailed(ctx)
	switch {
	case err != nil:
		return fault.New(fault.RecordUnreadable, err, "")
	case n > 0:
		return fault.New(fault.NotYetKnown, nil, "%s", count(n, "document"))
	}
	return nil
}

// count names a number of things.
func count(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// By says what a value was that a document was found by.
type By string

// In the order in which Find looks.
const (
	ByID          By = "id"
	ByMessageID   By = "message_id"
	ByInstanceID  By = "instance_id"
	ByNumber      By = "document_number"
	ByHash        By = "hash"
	ByParticipant By = "participant"
)

// Find returns the documents that one exact value stands for, and what the value is: an id, a MessageId, an
// InstanceIdentifier, the number of a document, a SHA-256 or a participant, in this order (API-057, q). None is an
// error.
func (d *Desk) Find(ctx context.Context, value string) (By, Page, error) {
	if err := checkTexts(value); err != nil {
		return "", Page{}, err
	}
	f, err := d.foundByID(ctx, value)
	switch {
	case err == nil:
		return ByID, Page{Items: []Document{document(f)}}, nil
	case !errors.Is(err, db.ErrNotFound):
		return "", Page{}, fault.New(fault.RecordUnreadable, err, "")
	}
	var unsure error
	for _, way := range ways(value) {
		page, err := d.List(ctx, way.q)
		if isNotYetKnown(err) {
			unsure = err
			continue
		}
		if err != nil || len(page.Items) > 0 {
			return way.by, page, err
		}
	}
	if unsure != nil {
		return "", Page{}, unsure
	}
	return "", Page{}, fault.New(fault.NoSuchMessage, nil, "%s", value)
}

func isNotYetKnown(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Code == fault.NotYetKnown
}

// way is one meaning of a value.
type way struct {
	by By
	q  Query
}

// ways returns the meanings that a value may have beside that of an id.
func ways(value string) []way {
	list := []way{
		{ByMessageID, Query{MessageID: value}},
		{ByInstanceID, Query{InstanceID: value}},
		{ByNumber, Query{Number: value}},
	}
	if sum, err := hex.DecodeString(value); err == nil && len(sum) == 32 {
		list = append(list, way{ByHash, Query{Hash: value}})
	}
	if _, err := peppol.ParseParticipant(value); err == nil {
		list = append(list, way{ByParticipant, Query{Participant: value}})
	}
	return list
}

// foundByID returns a document by its id, or db.ErrNotFound.
func (d *Desk) foundByID(ctx context.Context, id string) (*store.Found, error) {
	f, _, err := d.tried(ctx, id)
	return f, err
}

// tried returns a document by its id with its attempts, or db.ErrNotFound.
func (d *Desk) tried(ctx context.Context, id string) (*store.Found, []store.Attempt, error) {
	m, err := d.Store.Get(ctx, d.Tenant, id)
	if err != nil {
		return nil, nil, err
	}
	attempts, err := d.Store.Attempts(ctx, d.Tenant, id)
	return &store.Found{Message: m, Attempts: len(attempts), Reached: reached(&m, attempts)}, attempts, err
}

// reached reports whether the next one has a message for sure.
func reached(m *store.Message, attempts []store.Attempt) bool {
	if m.Direction == store.Out {
		return !m.Accepted.IsZero()
	}
	for _, a := range attempts {
		if a.Outcome == outcomeDelivered {
			return true
		}
	}
	return false
}

// outcomeDelivered is how a delivery ends that C4 has.
const outcomeDelivered = "delivered"

// get returns a message by its id.
func (d *Desk) get(ctx context.Context, id string) (store.Message, error) {
	if err := checkTexts(id); err != nil {
		return store.Message{}, err
	}
	m, err := d.Store.Get(ctx, d.Tenant, id)
	switch {
	case errors.Is(err, db.ErrNotFound):
		return m, fault.New(fault.NoSuchMessage, nil, "%s", id)
	case err != nil:
		return m, fault.New(fault.RecordUnreadable, err, "")
	}
	return m, nil
}

// shownCandidates is how many documents an error about an ambiguous id names.
const shownCandidates = 5

// Resolve returns the id of the one document that is named by its id, its MessageId or its InstanceIdentifier. Several
// are an error that names them.
func (d *Desk) Resolve(ctx context.Context, name string) (string, error) {
	m, err := d.get(ctx, name)
	var f *fault.Error
	if err == nil || errors.As(err, &f) && f.Code != fault.NoSuchMessage {
		return m.ID, err
	}
	for _, w := range ways(name)[:2] {
		page, err := d.List(ctx, w.q)
		switch {
		case err != nil:
			return "", err
		case len(page.Items) == 1:
			return page.Items[0].ID, nil
		case len(page.Items) > 1:
			return "", ambiguous(name, w.by, page)
		}
	}
	return "", err
}

func ambiguous(name string, by By, page Page) error {
	var list []string
	for _, x := range page.Items {
		if len(list) == shownCandidates {
			list = append(list, "…")
			break
		}
		list = append(list, fmt.Sprintf("%s (%s, %s)", x.ID, x.Direction, x.State))
	}
	return fault.New(fault.BadArguments, nil, "%s is the %s of several documents, give the id of one: %s",
		name, by, strings.Join(list, ", "))
}
