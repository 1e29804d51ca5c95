// Package store is the system of record: messages, evidence, attempts, work that is due, events, duplicate keys and
// counting rows, in an SQL database (design.md D-03). For the caller:
//
//   - A write that returned nil is durable. A write that returned an error did not happen, except when the error is an
//     [ErrOutcomeUnknown]: then the connection broke during COMMIT, and the caller looks again before it decides
//     (REL-072). Accept and Submit do so themselves, by a second try.
//   - Every change of state is one transaction that checks the state it came from; the loser of a race gets
//     [ErrConflict], reads again and decides. The event that tells of the change is written in the same transaction
//     (REL-102), so the timeline of a message cannot disagree with its state.
//   - Work is a row of the outbox. A worker holds it by a lease with a fencing token; whoever held it before gets
//     [ErrLeaseLost] from every call that would end it (REL-013).
//   - Writes that arrive together share one commit. A context that ends stops a write that still waits for its turn
//     to be handed in; it never stops one that was handed in (REL-006).
//   - Each call takes the tenant whose rows it may touch (D-21); none reaches the rows of another.
//
// Times are kept as microseconds in UTC; the zero time stands for "not set". Packages sqlite and postgres open a Store,
// package storetest holds the tests that both must pass, package blob keeps the payload bytes.
package store
