package state

// AppendOrdered appends an int64 so that bytes order as numbers do.
func AppendOrdered(dst []byte, x int64) []byte {
	u := uint64(x) ^ 1<<63
	return append(dst, byte(u>>56), byte(u>>48), byte(u>>40), byte(u>>32), byte(u>>24), byte(u>>16), byte(u>>8), byte(u))
}

// Ordered reads what AppendOrdered wrote.
func Ordered(b []byte) int64 {
	var u uint64
	for _, c := range b[:8] {
		u = u<<8 | uint64(c)
	}
	return int64(u ^ 1<<63)
}
