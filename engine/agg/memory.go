package agg

import "github.com/nagare-stream/nagare/engine/column"

// resize gives s the length n; what it holds is unspecified.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

// extend gives s the length n at least; new entries are zero, whatever the memory held before.
func extend[T any](s []T, n int) []T {
	if n <= len(s) {
		return s
	}
	if n > cap(s) {
		grown := make([]T, n, max(n, 2*cap(s)))
		copy(grown, s)
		return grown
	}
	old := len(s)
	s = s[:n]
	clear(s[old:])
	return s
}

// vectorSize is the memory of a vector, about.
func vectorSize(v *column.Vector) int64 {
	n := int64(cap(v.Int)+cap(v.Hi)+cap(v.Float)+cap(v.Null))*8 + int64(cap(v.Data)) + int64(cap(v.Ends))*4
	for k := range v.Kids {
		n += vectorSize(&v.Kids[k])
	}
	return n
}
