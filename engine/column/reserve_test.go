package column

import (
	"errors"
	"testing"
)

// TestReserve: rows of every shape are appended without more memory once there is room for them, what is asked for
// is what the vector holds then, and a refusal leaves it as it was.
func TestReserve(t *testing.T) {
	text, number := Of(String), DecimalOf(30, 2)
	pair := StructOf(Field{"a", text}, Field{"b", number}, Field{"c", Of(Float64)})
	list := Type{Kind: Array, Elem: &pair}
	lists := Type{Kind: Array, Elem: &list}
	table := Type{Kind: Map, Key: &text, Elem: &lists}
	src := &Vector{}
	src.Reset(table)
	rows := []uint32{}
	for i := range 100 {
		rows = append(rows, uint32(i))
		if i%7 == 3 {
			src.AppendNull()
			continue
		}
		for range i % 3 {
			src.Kids[0].AppendString("key that is long")
			for range i % 4 {
				for range i % 5 {
					p := &src.Kids[1].Kids[0].Kids[0]
					p.Kids[0].AppendString("text")
					p.Kids[1].AppendInt(int64(i))
					p.Kids[2].AppendFloat(1)
				}
				inner := &src.Kids[1].Kids[0]
				inner.Ends = append(inner.Ends, uint32(inner.Kids[0].Len()))
			}
			src.Kids[1].Ends = append(src.Kids[1].Ends, uint32(src.Kids[1].Kids[0].Len()))
		}
		src.Ends = append(src.Ends, uint32(src.Kids[0].Len()))
	}
	src.EnsureNull(100)
	dst, held, peak := &Vector{}, int64(0), int64(0)
	dst.Reset(table)
	ask := func(_, most int64) (int64, error) {
		held += most
		peak = max(peak, held)
		return most, nil
	}
	for range 20 {
		for _, part := range [][]uint32{rows[:50], {1, 5, 6, 50}, rows[60:]} {
			if err := dst.Reserve(src, part, ask); err != nil {
				t.Fatal(err)
			}
			before := *dst
			for _, r := range part {
				dst.AppendFrom(src, int(r))
			}
			if cap(before.Ends) != cap(dst.Ends) {
				t.Fatal("rows for which there was room took memory")
			}
			bitmaps := dst.Capacity() - held
			if bitmaps < 0 || bitmaps > int64(dst.Len()) {
				t.Fatalf("%d bytes were asked for, and %d are held", held, dst.Capacity())
			}
		}
	}
	if peak <= held {
		t.Errorf("at most %d bytes were asked for at a time, and %d are held: growing holds the old ones too", peak, held)
	}
	full, before := errors.New("full"), dst.Capacity()
	if err := dst.Reserve(dst, make([]uint32, 1<<20), func(int64, int64) (int64, error) { return 0, full }); !errors.Is(err, full) || dst.Capacity() != before {
		t.Errorf("%v, %d bytes held before and %d now", err, before, dst.Capacity())
	}
}
