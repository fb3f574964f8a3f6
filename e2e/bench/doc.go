// Command bench measures the receiver as ratios against limits measured in the same run: pgbench inserting the same row, and the receiver itself
// with every delivery committed alone. `make bench` runs it; docs/performance.md says how it measures and what came out.
//
// Load generator, receiver and PostgreSQL share the machine. The receiver is a process of its own (this program, started again), so that its
// processor time and memory are its own.
package main
