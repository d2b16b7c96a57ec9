// Package session is session windows: rows of a key whose spans, each from its time to the end of the gap behind it,
// touch one another.
//
// # What a row counts in
//
// A row has a span and a mark, the watermark of its partition just before it. It is late if its span ends at or before
// the mark. Else it belongs to the session that it touches and that no watermark had ended by then: think of one
// watermark that rises from the beginning of time. A row is there once the watermark has passed its mark, and a session is
// closed once the watermark is at its end. What comes out follows from the rows alone, whoever read what first.
//
// Most rows lie before their mark, and for these it does not matter when they are there: whatever they touch ends behind
// their mark. So they are merged as they come, into pieces of sessions. A row at or behind its mark, which counts only for
// the gap behind it, may touch a session that is closed before the row is there: it stays by itself, deferred, until
// sessions are closed, unless its span begins in a piece that cannot be closed before.
//
// # Pieces
//
//	Lane    a partition's pieces that begin behind its watermark. Rows come to these alone.
//	Sealed  a partition's pieces that begin before it: they touch no row to come, but other pieces may.
//	Merged  the sealed pieces of all partitions, by their ends.
//
// A piece is sealed by the first row whose mark is not before the piece: so what is in which piece, and the order in which
// pieces are merged, depend on the partition alone. A session is closed when the watermark of all partitions is at its end.
// By then all of its pieces are sealed.
package session
