package expr

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/bits"

	"github.com/nagare-stream/nagare/engine/column"
)

func hashes() []function {
	return []function{
		{name: "md5", sig: "only text -> string", kernel: eachText(func(f *frame, i uint32, dst []byte) []byte {
			sum := md5.Sum(f.text(0, i))
			return appendHex(dst, sum[:])
		})},
		{name: "sha1", also: "sha", sig: "only text -> string", kernel: eachText(func(f *frame, i uint32, dst []byte) []byte {
			sum := sha1.Sum(f.text(0, i))
			return appendHex(dst, sum[:])
		})},
		{name: "sha2", sig: "only text;int -> string", kernel: eachText(sha2)},
		{name: "crc32", sig: "only text -> bigint", kernel: eachInt(func(f *frame, i uint32) int64 { return int64(crc32.ChecksumIEEE(f.text(0, i))) })},
		{name: "hash", check: checkHash(column.Int32), kernel: same(hashKernel(murmur3)), nulls: true},
		{name: "xxhash64", check: checkHash(column.Int64), kernel: same(hashKernel(xxhash64)), nulls: true},
	}
}

func appendHex(dst, b []byte) []byte {
	const digits = "0123456789abcdef"
	for _, c := range b {
		dst = append(dst, digits[c>>4], digits[c&15])
	}
	return dst
}

func sha2(f *frame, i uint32, dst []byte) []byte {
	b := f.text(0, i)
	switch f.int(1, i) {
	case 0, 256:
		sum := sha256.Sum256(b)
		return appendHex(dst, sum[:])
	case 224:
		sum := sha256.Sum224(b)
		return appendHex(dst, sum[:])
	case 384:
		sum := sha512.Sum384(b)
		return appendHex(dst, sum[:])
	case 512:
		sum := sha512.Sum512(b)
		return appendHex(dst, sum[:])
	}
	f.null(i)
	return dst
}

func checkHash(k column.Kind) func(c *call) *Node {
	return func(c *call) *Node {
		if !c.arity(1, -1) {
			return nil
		}
		for i, a := range c.args {
			if a.Type.Kind == column.Map {
				return c.fault("DATATYPE_MISMATCH.HASH_MAP_TYPE", "argument %d of %s is a map, which has no hash", i+1, c.name)
			}
		}
		return c.node(column.Of(k))
	}
}

// A hasher folds a value into the hash of what came before it. Both are Spark's: seed 42, NULL leaves
// the hash as it is.
type hasher struct {
	ofInt   func(x uint32, seed uint64) uint64
	ofLong  func(x, seed uint64) uint64
	ofBytes func(b []byte, seed uint64) uint64
}

const hashSeed = 42

func hashKernel(h hasher) kernel {
	return func(f *frame, rows []uint32) {
		narrow := f.out.Type.Kind == column.Int32
		for _, i := range rows {
			seed := uint64(hashSeed)
			for _, v := range f.args {
				seed = h.value(v, int(i), seed)
			}
			f.out.Int[i] = int64(seed)
			if narrow {
				f.out.Int[i] = int64(int32(seed))
			}
		}
	}
}

func (h *hasher) value(v *column.Vector, i int, seed uint64) uint64 {
	if v.Type.Kind == column.Void || v.IsNull(i) {
		return seed
	}
	switch t := v.Type; t.Kind {
	case column.Bool, column.Int8, column.Int16, column.Int32, column.Date, column.YearMonth:
		return h.ofInt(uint32(v.Int[i]), seed)
	case column.Int64, column.Timestamp, column.TimestampNTZ, column.DayTime:
		return h.ofLong(uint64(v.Int[i]), seed)
	case column.Float32:
		return h.ofInt(math.Float32bits(float32(v.Float[i]+0)), seed) // +0: no negative zero
	case column.Float64:
		return h.ofLong(math.Float64bits(v.Float[i]+0), seed)
	case column.Decimal:
		if t.Precision <= 18 {
			return h.ofLong(uint64(v.Int[i]), seed)
		}
		return h.ofBytes(bigEndian(decimalAt(v, i)), seed)
	case column.Struct:
		for k := range v.Kids {
			seed = h.value(&v.Kids[k], i, seed)
		}
	case column.Array:
		for from, to := v.Span(i); from < to; from++ {
			seed = h.value(&v.Kids[0], int(from), seed)
		}
	default:
		return h.ofBytes(v.Bytes(i), seed)
	}
	return seed
}

// bigEndian is a number in as few bytes as its two's complement needs, as BigInteger.toByteArray.
func bigEndian(x int128) []byte {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(x.hi))
	binary.BigEndian.PutUint64(b[8:], x.lo)
	at := 0
	for at < 15 && (b[at] == 0 && b[at+1] < 0x80 || b[at] == 0xff && b[at+1] >= 0x80) {
		at++
	}
	return b[at:]
}

// murmur3 is MurmurHash3_x86_32, but that Spark mixes each byte behind the last whole word by itself.
var murmur3 = hasher{
	ofInt: func(x uint32, seed uint64) uint64 { return uint64(murmurEnd(murmurMix(uint32(seed), x), 4)) },
	ofLong: func(x, seed uint64) uint64 {
		return uint64(murmurEnd(murmurMix(murmurMix(uint32(seed), uint32(x)), uint32(x>>32)), 8))
	},
	ofBytes: func(b []byte, seed uint64) uint64 {
		h, n := uint32(seed), uint32(len(b))
		for ; len(b) >= 4; b = b[4:] {
			h = murmurMix(h, binary.LittleEndian.Uint32(b))
		}
		for _, c := range b {
			h = murmurMix(h, uint32(int32(int8(c))))
		}
		return uint64(murmurEnd(h, n))
	},
}

func murmurMix(h, k uint32) uint32 {
	k = bits.RotateLeft32(k*0xcc9e2d51, 15) * 0x1b873593
	return bits.RotateLeft32(h^k, 13)*5 + 0xe6546b64
}

func murmurEnd(h, n uint32) uint32 {
	h ^= n
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}

const (
	xxPrime1 = 0x9E3779B185EBCA87
	xxPrime2 = 0xC2B2AE3D27D4EB4F
	xxPrime3 = 0x165667B19E3779F9
	xxPrime4 = 0x85EBCA77C2B2AE63
	xxPrime5 = 0x27D4EB2F165667C5
)

// xxhash64 is XXH64 with the hash so far as its seed.
var xxhash64 = hasher{
	ofInt: func(x uint32, seed uint64) uint64 {
		h := seed + xxPrime5 + 4
		h = bits.RotateLeft64(h^uint64(x)*xxPrime1, 23)*xxPrime2 + xxPrime3
		return xxEnd(h)
	},
	ofLong: func(x, seed uint64) uint64 {
		h := seed + xxPrime5 + 8
		h = bits.RotateLeft64(h^xxRound(0, x), 27)*xxPrime1 + xxPrime4
		return xxEnd(h)
	},
	ofBytes: xxBytes,
}

func xxRound(acc, x uint64) uint64 { return bits.RotateLeft64(acc+x*xxPrime2, 31) * xxPrime1 }

func xxEnd(h uint64) uint64 {
	h = (h ^ h>>33) * xxPrime2
	h = (h ^ h>>29) * xxPrime3
	return h ^ h>>32
}

func xxBytes(b []byte, seed uint64) uint64 {
	n := uint64(len(b))
	h := seed + xxPrime5
	if len(b) >= 32 {
		acc := [4]uint64{seed, seed, seed, seed} // sums wrap around, which constants must not
		acc[0] += xxPrime1
		acc[0] += xxPrime2
		acc[1] += xxPrime2
		acc[3] -= xxPrime1
		for ; len(b) >= 32; b = b[32:] {
			for k := range acc {
				acc[k] = xxRound(acc[k], binary.LittleEndian.Uint64(b[8*k:]))
			}
		}
		h = bits.RotateLeft64(acc[0], 1) + bits.RotateLeft64(acc[1], 7) + bits.RotateLeft64(acc[2], 12) + bits.RotateLeft64(acc[3], 18)
		for _, a := range acc {
			h = (h^xxRound(0, a))*xxPrime1 + xxPrime4
		}
	}
	h += n
	for ; len(b) >= 8; b = b[8:] {
		h = bits.RotateLeft64(h^xxRound(0, binary.LittleEndian.Uint64(b)), 27)*xxPrime1 + xxPrime4
	}
	for ; len(b) >= 4; b = b[4:] {
		h = bits.RotateLeft64(h^uint64(binary.LittleEndian.Uint32(b))*xxPrime1, 23)*xxPrime2 + xxPrime3
	}
	for _, c := range b {
		h = bits.RotateLeft64(h^uint64(c)*xxPrime5, 11) * xxPrime1
	}
	return xxEnd(h)
}
