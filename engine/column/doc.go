// Package column holds typed vectors and batches: the form that rows have inside the engine.
//
// A Batch is a set of Vectors of one length. A Vector is one column: its Type chooses which payload
// slices are in use. Everything that works on rows works on a Vector and a selection, a list of
// ascending row numbers, so that a loop over rows holds no interface call and no allocation.
//
// Strings lie back to back:
//
//	Data  t o k y o o s a k a
//	Ends  5         10        10      row 0 "tokyo", row 1 "osaka", row 2 "" (or NULL, by the bitmap)
//
// The package is a leaf: it imports nothing of nagare.
package column
