// Package jobs does the work nobody waits for, on River in the store's own database: it asks Cybersource about subscriptions,
// makes partitions ahead of time and drops old ones, and clears expired sessions.
//
// One file a job; jobs.go registers them all. Every job can run twice, or die half-way, without harm: it reads the present
// state, writes what it found, and leaves the rest to its next run. The package serves no requests and decides nothing that
// a person should decide.
package jobs
