// Package join pairs the rows of two streams by equal keys and near times, in an order that follows from the streams'
// contents alone.
//
//	lane 0  ─ rows, each with the watermark of its partition just before it ─┐
//	lane 1  ─ …                                                              ├─ in order of (mark, lane, number) → state
//	lane n  ─ …                                                              ┘
//
// A row is taken once every other lane is past its place: no row can come any more that stands before it. So whatever
// the schedule, rows are taken in one order, pairs come out in one order, and a row that can find no partner any more
// comes out in its place between them: as soon as the least of all watermarks is past its deadline, which is its time
// and the bound.
//
//	spec.go    what is joined, and with what
//	lane.go    rows that were not taken yet
//	rows.go    memory of the rows that are kept
//	due.go     their deadlines
//	output.go  pairs and single rows as columns
//	join.go    the order in which rows are taken, their partners, rows that can find none any more
//	buffer.go  rows on their way from a task
//	state.go   what a checkpoint keeps
package join
