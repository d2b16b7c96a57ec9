// Package window is event time: which windows a row belongs to, how far a partition has come, and
// which rows are too late.
//
// # Slices
//
// A Spec is window(ts, size, slide, offset): windows start at offset + k·slide and are size long.
// Rows are not folded into windows but into slices, the widest pieces of which every window is a
// whole number. Their width is the greatest common divisor of size and slide. With a size of 10 and
// a slide of 4 it is 2:
//
//	windows   [0 ............. 10)
//	                [4 ............. 14)
//	                        [8 ............. 18)
//	slices    |0  |2  |4  |6  |8  |10 |12 |14 |16 |18
//
// So a row costs one fold however many windows hold it, and a window is the merge of its slices.
//
// # Lateness
//
// A row has a mark: the watermark of its partition just before it. It counts in a window if and only
// if the window's end is greater than the mark. This is judged row by row and depends on what the
// partition holds alone, not on batches, on the scheduler or on restarts.
//
// Take the row x in slice 8 above. Three windows hold it, with the ends 10, 14 and 18; the least is
// the slice's FirstEnd, the greatest its LastEnd:
//
//	mark of x     x counts in the windows that end at    minEnd
//	below 10      10  14  18                             10
//	10 to 13          14  18                             14
//	14 to 17              18                             18
//	18 and above  none: x is late
//
// The ends of the windows that hold a slice follow one another on the grid of all ends, a slide
// apart, so what counts is always a tail of that list, and its first end is
//
//	minEnd = max(FirstEnd(slice), NextEnd(mark)),  NextEnd(m) the least end of any window that is > m
//
// and the row is late when minEnd > LastEnd(slice), which is to say LastEnd(slice) <= mark. Rows of one
// slice with different minEnd must not be mixed, for some windows take the one and not the other.
// So a partial aggregate has the name (slice, minEnd), and a window takes every partial of its slices
// whose minEnd is not above its end:
//
//	(8, 10)  → windows ending at 10, 14, 18
//	(8, 14)  → windows ending at     14, 18
//	(8, 18)  → windows ending at         18
//
// In a tumbling window slice, window and minEnd are one: there is one partial a slice. In a sliding
// one, rows in order have one as well; only rows that come late for some of their windows make more.
//
// # Watermarks
//
// A Tracker is the watermark of one partition: the greatest event time so far less the delay, over
// rows whose time can be believed. The least over the partitions says when a window is closed, and
// never which rows count.
//
// Times are in microseconds since 1970-01-01T00:00:00Z, from year 1 to year 9999. Nothing in this
// package looks at a clock.
package window
