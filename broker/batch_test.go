package broker

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/nagare-stream/nagare/engine/record"
	"pgregory.net/rapid"
)

func someRecords(rt *rapid.T) *record.Records {
	r := &record.Records{}
	bytesOrNull := rapid.Custom(func(t *rapid.T) []byte {
		if rapid.IntRange(0, 3).Draw(t, "null") == 0 {
			return nil
		}
		return rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', '\n', 0xff}), 0, 200).Draw(t, "bytes")
	})
	withHeaders := rapid.Bool().Draw(rt, "with headers")
	for range rapid.IntRange(1, 150).Draw(rt, "count") {
		r.Times = append(r.Times, rapid.Int64().Draw(rt, "time"))
		k, v := bytesOrNull.Draw(rt, "key"), bytesOrNull.Draw(rt, "value")
		r.Keys.Append(k)
		r.Values.Append(v)
		if h := bytesOrNull.Draw(rt, "headers"); withHeaders && h != nil {
			r.PutHeaders(r.Values.Len()-1, record.AppendHeader(nil, h, v))
		}
	}
	return r
}

func show(r *record.Records, from, to int) string {
	var s bytes.Buffer
	for i := from; i < to; i++ {
		fmt.Fprintf(&s, "%d %q %v %q %v %q\n", r.Times[i], r.Keys.At(i), r.Keys.IsNull(i), r.Values.At(i), r.Values.IsNull(i), r.HeadersAt(i))
	}
	return s.String()
}

// spread is the same records with keys and values in one memory, and something between them.
func spread(r *record.Records) *record.Records {
	s := &record.Records{Times: r.Times, Headers: r.Headers}
	var memory []byte
	lay := func(to, of *record.Bytes, i int) {
		memory = append(memory, "between"...)
		start := uint32(len(memory))
		if of.IsNull(i) {
			to.AppendSpan(start, start-1)
			return
		}
		memory = append(memory, of.At(i)...)
		to.AppendSpan(start, uint32(len(memory)))
	}
	for i := range r.Values.Len() {
		lay(&s.Keys, &r.Keys, i)
		lay(&s.Values, &r.Values, i)
	}
	s.Keys.Data, s.Values.Data = memory, memory
	return s
}

// Any part of any records, decoded behind any others and from any offset on, is what was encoded.
func TestBatchKeepsRecords(t *testing.T) {
	var e encoder
	rapid.Check(t, func(rt *rapid.T) {
		r := someRecords(rt)
		n := r.Values.Len()
		from := rapid.IntRange(0, n-1).Draw(rt, "from")
		to := rapid.IntRange(from+1, n).Draw(rt, "to")
		base := rapid.Int64Range(0, 1<<50).Draw(rt, "base")
		if rapid.Bool().Draw(rt, "spread") {
			r = spread(r)
		}
		switch rapid.IntRange(0, 3).Draw(rt, "packed") {
		case 0: // and those of others, which are not used
			r.Packed = s2.Encode(nil, append([]byte("x"), r.Values.Data...))
		case 1:
			from, to = 0, n
			fallthrough
		case 2:
			r.Packed = s2.Encode(nil, r.Values.Data)
		}
		frame := e.encode(nil, r, from, to, 7, 9)
		chain := stamp(frame, base, 11)
		h, err := parseHead(frame)
		if err != nil {
			rt.Fatal(err)
		}
		if h.count != to-from || h.base != base || h.seq != 7 || h.mark != 9 || h.chain != chain {
			rt.Fatalf("the head is %+v", h)
		}
		dst := &record.Records{}
		before := rapid.IntRange(0, 70).Draw(rt, "before")
		for i := range before {
			dst.Offsets, dst.Times = append(dst.Offsets, int64(i)), append(dst.Times, int64(i))
			dst.Keys.AppendNull()
			dst.Values.Append([]byte("before"))
		}
		kept := show(dst, 0, before)
		skip := rapid.IntRange(0, to-from).Draw(rt, "skip")
		if err := appendBatch(dst, &h, frame, base+int64(skip)); err != nil {
			rt.Fatal(err)
		}
		if got := show(dst, 0, before); got != kept {
			rt.Fatalf("the records before are\n%swant\n%s", got, kept)
		}
		if got, want := show(dst, before, dst.Len()), show(r, from+skip, to); got != want {
			rt.Fatalf("the records are\n%swant\n%s", got, want)
		}
		for i := before; i < dst.Len(); i++ {
			if dst.Offsets[i] != base+int64(skip+i-before) {
				rt.Fatalf("record %d has offset %d", i, dst.Offsets[i])
			}
		}
		dst.Keys.Append([]byte("next")) // marks of NULL must not be left behind the end
		dst.Values.Append([]byte("next"))
		if dst.Keys.IsNull(dst.Len()) || dst.Values.IsNull(dst.Len()) {
			rt.Fatal("a record appended behind is NULL")
		}
	})
}

func TestChangedBatchIsNoticed(t *testing.T) {
	r := sample(100)
	var e encoder
	frame := e.encode(nil, r, 0, 100, -1, 0)
	stamp(frame, 5, 0)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		at := rng.IntN(len(frame))
		frame[at] ^= 1 << rng.IntN(8)
		if _, err := parseHead(frame); err == nil {
			t.Fatalf("a bit flipped in byte %d of %d is not noticed", at, len(frame))
		}
		copy(frame, e.encode(nil, r, 0, 100, -1, 0))
		stamp(frame, 5, 0)
	}
	for n := range frame {
		if _, err := parseHead(frame[:n]); err == nil {
			t.Fatalf("a batch cut to %d of %d bytes is not noticed", n, len(frame))
		}
	}
}

func sample(n int) *record.Records {
	r := &record.Records{}
	for i := range n {
		r.Times = append(r.Times, int64(i*i))
		r.Keys.Append(fmt.Appendf(nil, "user_%d", i))
		r.Values.Append(fmt.Appendf(nil, `{"n":%d,"text":"something that repeats"}`, i))
	}
	return r
}

// FuzzBatch gives the decoder anything, with a checksum that fits. It must not panic nor take more
// memory than a batch may need, and what it accepts must be whole.
func FuzzBatch(f *testing.F) {
	var e encoder
	for _, n := range []int{1, 3, 100} {
		frame := e.encode(nil, sample(n), 0, n, int64(n), 1)
		stamp(frame, 1, 2)
		f.Add(frame)
	}
	nulls := &record.Records{Times: []int64{1, -1 << 63}}
	for range 2 {
		nulls.Keys.AppendNull()
		nulls.Values.AppendNull()
	}
	f.Add(e.encode(nil, nulls, 0, 2, -1, 0))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if len(frame) >= batchHeader {
			frame = bytes.Clone(frame)
			copy(frame, batchMagic)
			sum := crc32.Checksum(frame[atFlags:], castagnoli)
			binary.LittleEndian.PutUint32(frame[atSum:], sum)
		}
		h, err := parseHead(frame)
		if err != nil {
			return
		}
		dst := sample(3)
		dst.Offsets = []int64{0, 1, 2}
		before := show(dst, 0, 3)
		err = appendBatch(dst, &h, frame, h.base+1)
		if got := show(dst, 0, 3); got != before {
			t.Fatalf("records before changed to\n%s", got)
		}
		n := dst.Len()
		if err != nil && n != 3 {
			t.Fatalf("after the error %v there are %d records", err, n)
		}
		if len(dst.Times) != n || dst.Keys.Len() != n || dst.Values.Len() != n {
			t.Fatalf("%d offsets, %d times, %d keys, %d values", n, len(dst.Times), dst.Keys.Len(), dst.Values.Len())
		}
		if err != nil {
			return
		}
		if n != 3+h.count-1 {
			t.Fatalf("a batch of %d records gave %d", h.count, n-2)
		}
		_ = show(dst, 0, n)
		for _, b := range []*record.Bytes{&dst.Keys, &dst.Values} {
			if int(b.Ends[n-1]) != len(b.Data) {
				t.Fatalf("the strings end at %d of %d bytes", b.Ends[n-1], len(b.Data))
			}
		}
	})
}

func TestDecodingAllocatesNothing(t *testing.T) {
	r := sample(1000)
	var e encoder
	frame := e.encode(nil, r, 0, 1000, -1, 0)
	stamp(frame, 0, 0)
	var dst record.Records
	decode := func() {
		dst.Reset()
		for range 4 {
			h, err := parseHead(frame)
			if err == nil {
				err = appendBatch(&dst, &h, frame, 0)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	decode()
	if n := testing.AllocsPerRun(20, decode); n != 0 {
		t.Errorf("%v allocations for 4 batches", n)
	}
	if n := testing.AllocsPerRun(20, func() { frame = e.encode(frame[:0], r, 0, 1000, -1, 0) }); n > 1 {
		t.Errorf("%v allocations to encode a batch", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	r := sample(1000)
	var e encoder
	frame := e.encode(nil, r, 0, 1000, -1, 0)
	stamp(frame, 0, 0)
	var dst record.Records
	b.SetBytes(int64(len(r.Values.Data)))
	b.ReportAllocs()
	for b.Loop() {
		dst.Reset()
		h, _ := parseHead(frame)
		if err := appendBatch(&dst, &h, frame, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func TestTokensAreSafeAndApart(t *testing.T) {
	names := []string{"a", "A", "a.b", "a_b", "a-b", "_2e", ".", "*", ">", "a b", "日本", "purchase-events", "TOPIC$invalid", "x/y", "x\\y", "\x00"}
	for _, n := range []int{60, 61, 180, 181, 249} {
		names = append(names, string(bytes.Repeat([]byte{'x'}, n)), string(bytes.Repeat([]byte{'X'}, n)), string(bytes.Repeat([]byte{'.'}, n)))
	}
	seen := make(map[string]string)
	for _, name := range names {
		tok := token(name)
		if other, ok := seen[tok]; ok {
			t.Errorf("%q and %q have the token %q", name, other, tok)
		}
		seen[tok] = name
		if len(tok) > maxToken {
			t.Errorf("the token of %q has %d bytes", name, len(tok))
		}
		for _, c := range []byte(tok) {
			if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
				t.Errorf("the token %q of %q has a %q", tok, name, c)
			}
		}
	}
	if token("purchase-events") != "purchase-events" {
		t.Error("a plain name has to stay readable")
	}
}
