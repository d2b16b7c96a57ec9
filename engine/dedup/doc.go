// Package dedup remembers the ids of a partition's records for a time, so that a record that comes twice
// is seen: exactly, in memory that the horizon bounds, and with a state that grows at its end alone.
//
//	set.go    ids, their table, what is forgotten
//	state.go  what a checkpoint keeps
//
// Ids lie in segments, in the order in which they came. Their times ascend, so what is too old lies in
// the oldest segments, which are dropped whole; the table finds an id's place by its hash.
//
//	table     ┌──┬──┬──┬──┬──┬──┬──┬──┐   number of an entry, or none
//	          └──┴┬─┴──┴──┴┬─┴──┴──┴──┘
//	              ▼        ▼
//	segments  [ 4,096 ids ][ 4,096 ids ][ so far ]   number = place since the first id of all
package dedup
