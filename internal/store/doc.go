// Package store is the system of record: messages, evidence, attempts, work that is due, events and duplicate keys, in
// an SQL database (design.md D-03). What package db promises of a write holds here as well; beside that:
//
//   - Accept and Submit look again by themselves when the outcome of a commit is unknown, by a second try (REL-072).
//   - Every change of state is one transaction that checks the state it came from; the loser of a race gets
//     [db.ErrConflict], reads again and decides. The event that tells of the change is written in the same transaction
//     (REL-102), so the timeline of a message cannot disagree with its state.
//   - Work is a row of the outbox. A worker holds it by a lease with a fencing token; whoever held it before gets
//     [ErrLeaseLost] from every call that would end it (REL-013).
//   - What was exchanged is counted in the same transaction, by package ledger (D-11).
//   - Each call takes the tenant whose rows it may touch (D-21); none reaches the rows of another.
//
// Package storetest holds the tests that every database must pass, package blob keeps the payload bytes.
package store
