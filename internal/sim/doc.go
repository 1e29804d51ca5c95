// Package sim runs a whole sender with its queue and its record, the access points that it sends to and their records
// in one process under a fake clock, breaks them at random, and checks after each run that nothing was lost or doubled
// (reliability.md §7.2 M3). All of it is in its tests.
//
// Everything that decides is the real code: queue.Runner and queue.Lanes, store.Store on SQLite, ap.Outbound and
// as4.Sender on one side, as4.Receiver, ap.Inbound and another queue and record on the other, with real signatures and
// encryption. What stands in for the world: a register (ap.Directory), the network between the two (http.RoundTripper),
// the system of C4 (backend.Backend), and a layer between database/sql and the driver of SQLite that fails, stalls and
// cuts off a process in the middle of a transaction. A process that was killed can reach neither its record nor the
// network; what was committed stays.
//
// What happens in a run follows from its seed: each fault is drawn from seed, document and attempt, not from the order
// in which goroutines come to ask.
package sim
