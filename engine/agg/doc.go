// Package agg is grouped aggregation: Groups numbers the distinct keys of rows as slots, an
// Aggregate keeps one accumulator a slot as a struct of arrays, and a Hash is both together.
//
//	keys    ──► Groups ──► slots ─┐
//	                              ├─► Aggregate: acc[slot] = fold(acc[slot], input[row])
//	inputs ───────────────────────┘
//
// Everything works a batch at a time, a column at a time: a loop over rows holds no interface call,
// no lock and, in steady state, no allocation. Accumulators take rows in the order in which they
// come and merge in the order in which Merge is called, so that sums of doubles are the same to the
// last bit whatever the batches.
//
// # Results
//
// Names, types and NULLs are Spark's (Resolve), with ANSI on. Sums of integers and decimals are kept
// exactly, in 128 and 192 bits, and overflow if and only if the sum itself does not fit: Spark also
// fails on some sums that overflow on the way, depending on how it split the rows. A result that
// does not fit is NULL, and Failed says why; it is for the caller to fail the row or the query.
//
// # Distinct
//
// An aggregate over distinct values is a set in front of the plain one (distinct.go): exact, one
// table for all slots, each value checked and not only its hash.
//
// # States
//
// A slot becomes bytes by AppendSlot, and by AppendSlotDelta only what changed since ClearDirty: of a
// set or list, which grow for as long as a window is open, the new values alone. A store that holds
// the first and, behind it, each of the second gives the slot back.
//
// # Where things are
//
// To add an aggregate: a file of the shape of count.go, its name and family in resolve.go, a case in
// new.go, its definition in oracle_test.go; the tests then run it through batches, merges, states and
// damaged bytes by themselves.
package agg
