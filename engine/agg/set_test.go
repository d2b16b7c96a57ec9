package agg

import (
	"math/rand/v2"
	"testing"
)

// TestSame compares values of all short lengths that differ in one byte, or in none.
func TestSame(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for n := range 40 {
		a := make([]byte, n)
		for i := range a {
			a[i] = byte(r.IntN(256))
		}
		if b := append([]byte(nil), a...); !same(a, b) {
			t.Errorf("%d bytes differ from themselves", n)
		}
		if same(a, append(a[:n:n], 0)) {
			t.Errorf("%d bytes are the same as one more", n)
		}
		for i := range a {
			b := append([]byte(nil), a...)
			if b[i] ^= 1 << r.IntN(8); same(a, b) {
				t.Errorf("%d bytes are the same with another byte %d", n, i)
			}
		}
	}
}
