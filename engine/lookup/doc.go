// Package lookup joins rows with a table that does not change: the stage of a dataflow behind a join of a stream with
// constants or a file. A Table is the other side in memory, indexed by what is compared for equality, and shared by all
// who look into it; a Lookup is one goroutine's way of doing so.
//
//	rows of a batch    a 1                a  A1       a 1 A1
//	                   c 2    looked up   a  A2   →   a 1 A2    chunk; From says which row each is made of: 0 0
//	                          in          b  B
//
// Rows come in the order of the input's rows, and for each in the order of the table's, so that they are the same
// whenever they are made again. They come in chunks that are bounded in rows and bytes. Where no key is in the table
// twice nothing is copied: the input's own columns are handed on, with those of the table beside them.
package lookup
