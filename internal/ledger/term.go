package ledger

import (
	"context"
	"sync"

	"github.com/ravn-ap/ravn/internal/db"
)

// TermKind says what a term is a text of.
type TermKind int64

// Kinds of terms, as they are stored.
const (
	TermSeat TermKind = iota + 1
	TermDocType
	TermProcess
	TermTransport
	TermCountry
	TermParticipant
	TermDomain
)

// TermID is the number of a term. Numbers are never given twice.
type TermID int64

// Term is a text that counting rows repeat.
type Term struct {
	Kind   TermKind
	Scheme string // of a document type or process
	Value  string // as written: participants keep their letter case
}

// term is a Term of a tenant.
type term struct {
	tenant string
	Term
}

// terms remembers the numbers of terms that are committed.
type terms struct {
	mu sync.RWMutex
	id map[term]TermID
}

// maxTerms bounds the memory for terms: of a large installation's participants most are met again soon.
const maxTerms = 100_000

func (t *terms) find(k term) (TermID, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	id, ok := t.id[k]
	return id, ok
}

func (t *terms) remember(k term, id TermID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.id == nil || len(t.id) > maxTerms {
		t.id = map[term]TermID{}
	}
	t.id[k] = id
}

const (
	insertTerm = `INSERT INTO term (tenant, kind, scheme, value) VALUES (?, ?, ?, ?) ON CONFLICT (tenant, kind, value,
		scheme) DO NOTHING`
	findTerm = `SELECT id FROM term WHERE tenant = ? AND kind = ? AND value = ? AND scheme = ?`
)

// number returns the number of a term and makes one if need be. It is remembered once the transaction is committed:
// before, it may still be undone.
func (t *terms) number(tx *db.Tx, of Term) (TermID, error) {
	k := term{tx.Tenant(), of}
	if id, ok := t.find(k); ok {
		return id, nil
	}
	if _, err := tx.Exec(insertTerm, k.tenant, int64(of.Kind), of.Scheme, of.Value); err != nil {
		return 0, err
	}
	n, err := db.One(tx, db.ScanInt, findTerm, k.tenant, int64(of.Kind), of.Value, of.Scheme)
	if err != nil {
		return 0, err
	}
	tx.OnCommit(func() { t.remember(k, TermID(n)) })
	return TermID(n), nil
}

// FindTerm returns the number of a term, or db.ErrNotFound when no counting row has it.
func (l *Ledger) FindTerm(ctx context.Context, tenant string, t Term) (TermID, error) {
	id, err := db.ReadOne(ctx, l.db, "find term", db.ScanInt, findTerm, tenant, int64(t.Kind), t.Value, t.Scheme)
	return TermID(id), err
}

// Glossary reads the texts of terms. It is for one goroutine.
type Glossary struct {
	db     *db.DB
	tenant string
	texts  map[TermID]Term
}

// Glossary returns the texts of a tenant's terms.
func (l *Ledger) Glossary(tenant string) *Glossary {
	return &Glossary{db: l.db, tenant: tenant, texts: map[TermID]Term{}}
}

// glossaryPage is how many terms are read together: those of a time are met together.
const glossaryPage = 512

type numbered struct {
	id TermID
	Term
}

// Term returns the text of a term, or db.ErrNotFound.
func (g *Glossary) Term(ctx context.Context, id TermID) (Term, error) {
	if t, ok := g.texts[id]; ok {
		return t, nil
	}
	scan := func(row db.Row) (n numbered, err error) {
		err = row.Scan((*int64)(&n.id), (*int64)(&n.Kind), &n.Scheme, &n.Value)
		return n, err
	}
	from := id - id%glossaryPage
	page, err := db.ReadAll(ctx, g.db, "terms", scan, `SELECT id, kind, scheme, value FROM term WHERE id >= ?
		AND id < ? AND tenant = ?`,
		int64(from), int64(from+glossaryPage), g.tenant)
	if err != nil {
		return Term{}, err
	}
	for _, n := range page {
		g.texts[n.id] = n.Term
	}
	t, ok := g.texts[id]
	if !ok {
		return t, db.ErrNotFound
	}
	return t, nil
}
