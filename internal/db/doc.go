// Package db is an open SQL database: who it is, its schema, the transactions that write it, and the reads beside them
// (design.md D-03). It knows nothing of messages and months; packages store and ledger keep those in it. For the
// caller:
//
//   - A write that returned nil is durable. A write that returned an error did not happen, except when the error is an
//     [ErrOutcomeUnknown]: then the connection broke during COMMIT, and the caller looks again before it decides
//     (REL-072).
//   - Writes that arrive together share one commit. A context that ends stops a write that still waits for its turn
//     to be handed in; it never stops one that was handed in (REL-006).
//   - Each write takes the tenant whose rows it may touch (D-21).
//
// Times are kept as microseconds in UTC; the zero time stands for "not set". Packages sqlite and postgres open a DB,
// package storetest holds the tests that both must pass.
package db
