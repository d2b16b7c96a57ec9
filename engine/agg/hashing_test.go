package agg

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/nagare-stream/nagare/engine/column"
)

// TestHashForms: the hash of a string is the same whichever way it is read.
func TestHashForms(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 30))
	for range 2000 {
		v := ints(column.String)
		var want []uint64
		n := 1 + r.IntN(6)
		for range n {
			b := make([]byte, r.IntN(40))
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			v.AppendBytes(b)
			want = append(want, hashBytes(hashSeed, b))
		}
		v.Data = v.Data[: len(v.Data) : len(v.Data)+r.IntN(cap(v.Data)-len(v.Data)+1)]
		hs := make([]uint64, n)
		for i := range hs {
			hs[i] = hashSeed
		}
		hashColumn(hs, v, ascending(nil, n))
		for i := range hs {
			if hs[i] != want[i] || hashAt(hashSeed, v, uint32(i)) != want[i] {
				t.Fatalf("string %q: hash %x in a column, %x alone, %x by bytes", v.Bytes(i), hs[i], hashAt(hashSeed, v, uint32(i)), want[i])
			}
		}
	}
}

// TestHashSpread: over inputs as they occur, tags of 32 bits collide about as often as chance has it,
// and every bit of the tag is set in half of them.
func TestHashSpread(t *testing.T) {
	const n = 200000
	want := float64(n) * (n - 1) / 2 / (1 << 32) // pairs with equal tags: 4.7
	r := rand.New(rand.NewPCG(2, 30))
	for name, hash := range map[string]func(i int) uint64{
		"integers":          func(i int) uint64 { return stir(hashSeed, uint64(i)) },
		"multiples of 2^20": func(i int) uint64 { return stir(hashSeed, uint64(i)<<20) },
		"multiples of 2^40": func(i int) uint64 { return stir(hashSeed, uint64(i)<<40) },
		"minutes":           func(i int) uint64 { return stir(hashSeed, uint64(i)*60e6) },
		"doubles":           func(i int) uint64 { return stir(hashSeed, math.Float64bits(float64(i)/100)) },
		"users":             func(i int) uint64 { return hashBytes(hashSeed, []byte(fmt.Sprintf("user_%05d", i))) },
		"digits":            func(i int) uint64 { return hashBytes(hashSeed, []byte(fmt.Sprint(i))) },
		"long": func(i int) uint64 {
			return hashBytes(hashSeed, []byte(fmt.Sprintf("a long prefix, then %d and a long suffix", i)))
		},
		"first byte": func(i int) uint64 {
			return hashBytes(hashSeed, append(binary.BigEndian.AppendUint32(nil, uint32(i)), "suffix"...))
		},
		"two words": func(i int) uint64 {
			return hashBytes(hashSeed, binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(i%450)), uint64(i/450)))
		},
		"two columns": func(i int) uint64 {
			return hashBytes(hashBytes(hashSeed, []byte(fmt.Sprint(i%450))), []byte(fmt.Sprint(i/450)))
		},
		"columns swapped": func(i int) uint64 { return stir(stir(hashSeed, uint64(i%450)), uint64(i/450)) },
		"slot and word":   func(i int) uint64 { return wordHash(int64(i/450), uint32(i%450)) },
		"slot and string": func(i int) uint64 { return slotHash(hashBytes(hashSeed, []byte(fmt.Sprint(i/450))), uint32(i%450)) },
		"random":          func(int) uint64 { return r.Uint64() },
	} {
		tags := make(map[uint32]int, n)
		var ones [32]int
		pairs := 0
		for i := range n {
			tag := uint32(hash(i) >> 32)
			pairs += tags[tag]
			tags[tag]++
			for b := range ones {
				ones[b] += int(tag >> b & 1)
			}
		}
		if float64(pairs) > 5*want {
			t.Errorf("%s: %d pairs of %d have equal tags, by chance %.1f", name, pairs, n, want)
		}
		for b, c := range ones {
			if c < n*45/100 || c > n*55/100 {
				t.Errorf("%s: bit %d of the tag is set in %d of %d", name, b, c, n)
			}
		}
	}
}

// TestHashZeros: strings of zeros differ by their lengths.
func TestHashZeros(t *testing.T) {
	seen := map[uint64]int{}
	for n := range 200 {
		h := hashBytes(hashSeed, make([]byte, n))
		if m, ok := seen[h]; ok {
			t.Fatalf("%d and %d zeros have the same hash", m, n)
		}
		seen[h] = n
	}
}
