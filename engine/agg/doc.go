// Package agg is grouped aggregation: Groups numbers the distinct keys of rows as slots, an
// Aggregate keeps one accumulator a slot as a struct of arrays, and a Hash is both together.
//
// Everything works a batch at a time. Accumulators take rows in the order in which they come and
// merge in the order in which Merge is called, so that sums of doubles are the same to the last bit
// whatever the batches.
package agg
