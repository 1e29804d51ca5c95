package store

import (
	"context"
	"sync/atomic"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/ledger"
)

// Store is the record in an open database. Its methods may be called from any goroutine.
type Store struct {
	*db.DB
	Ledger *ledger.Ledger // counts what is accepted and sent, in the same transaction

	tells atomic.Bool // C1 is told of documents that came to an end
}

// TellC1 says whether work of kind Notify is entered, from now on, when an outgoing message has come to its end or
// needs a person (OPS-009).
func (s *Store) TellC1(on bool) { s.tells.Store(on) }

// Open returns the record in a database that was opened, which the Store closes with itself. It takes what the opening
// functions of package db return: Open(store.Open(sqlite.Open(…))).
func Open(d *db.DB, err error) (*Store, error) {
	if err != nil {
		return nil, err
	}
	return &Store{DB: d, Ledger: ledger.New(d)}, nil
}

// Tx is a transaction that may write rows of one tenant. It is valid only inside the function given to Update.
type Tx struct {
	*db.Tx
	ledger *ledger.Ledger
	tells  bool
}

// Update runs fn in a transaction and returns when it is committed, as [db.DB.Update] says.
func (s *Store) Update(ctx context.Context, tenant string, fn func(*Tx) error) error {
	return s.DB.Update(ctx, tenant, s.in(fn))
}

// in makes fn a function of the database.
func (s *Store) in(fn func(*Tx) error) func(*db.Tx) error {
	return func(tx *db.Tx) error { return fn(&Tx{tx, s.Ledger, s.tells.Load()}) }
}
