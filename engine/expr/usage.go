package expr

import (
	"errors"
	"regexp"
	"sync/atomic"

	"github.com/nagare-stream/nagare/engine/column"
)

// ErrTooLarge and ErrStopped end a run of an expression that has a Room.
var (
	ErrTooLarge = errors.New("the values of the expression are too large")
	ErrStopped  = errors.New("the expression was stopped")
)

// Room bounds one run of an expression, which without it takes what it needs: a sequence of a million
// numbers over a batch of rows does not fit into any memory.
type Room struct {
	Bytes int64        // of the vectors that the run may fill, about
	Work  int64        // elements and characters that may be looked at; 0: any number
	Stop  *atomic.Bool // ends the run once it is true; nil: nothing does
}

// usage is what a run has used of its Room. Steps add the vectors that they filled; a kernel that makes
// large rows asks before it does.
type usage struct {
	Room
	taken, most int64 // bytes now, and at most
	work        int64
}

// halt unwinds the kernels of a run that is at the end of its Room: they nest to any depth, and none of
// them has anything to finish.
type halt struct{ reason error }

// RunWithin is Run in a Room. A run that does not fit gives ErrTooLarge, one that was stopped
// ErrStopped. taken is the bytes that the run filled, which the Eval keeps for the next one.
func (e *Eval) RunWithin(r Room, b *column.Batch, sel []uint32, errs *RowErrors) (out *column.Vector, taken int64, err error) {
	defer e.leave(e.enter(r), &taken, &err)
	return e.Run(b, sel, errs), 0, nil
}

// FilterWithin is Filter in a Room, as RunWithin is Run.
func (e *Eval) FilterWithin(r Room, b *column.Batch, sel, dst []uint32, errs *RowErrors) (rows []uint32, taken int64, err error) {
	defer e.leave(e.enter(r), &taken, &err)
	return e.Filter(b, sel, dst, errs), 0, nil
}

func (e *Eval) enter(r Room) *usage {
	e.use = usage{Room: r}
	e.exec.use = &e.use
	return &e.use
}

func (e *Eval) leave(u *usage, taken *int64, err *error) {
	e.exec.use = nil
	*taken = u.most
	switch p := recover().(type) {
	case nil:
	case halt:
		*taken, *err = u.taken, p.reason // most counts what was refused
	default:
		panic(p)
	}
}

// add counts bytes that a step has filled and keeps.
func (u *usage) add(n int64) {
	if u != nil {
		u.taken += n
		u.see(0)
	}
}

// fill counts a vector that a step has filled.
func (u *usage) fill(v *column.Vector) {
	if u != nil {
		u.add(v.Size())
	}
}

// see ends the run if n bytes more do not fit, or if it was stopped.
func (u *usage) see(n int64) {
	if u == nil {
		return
	}
	u.most = max(u.most, u.taken+n)
	if u.most > u.Bytes {
		panic(halt{ErrTooLarge})
	}
	u.spend(1)
}

// spend counts work: n looks at elements or characters.
func (u *usage) spend(n int) {
	if u == nil {
		return
	}
	if u.Stop != nil && u.Stop.Load() {
		panic(halt{ErrStopped})
	}
	if u.work += int64(n); u.Work > 0 && u.work > u.Work {
		panic(halt{ErrTooLarge})
	}
}

// reserve ends the run if the output under way cannot take n bytes more.
func (f *frame) reserve(n int64) {
	if f.x.use != nil {
		f.x.use.see(f.out.Size() + n)
	}
}

// extend appends a piece of a row of text to dst, which is the output's Data with what the row has so far.
func (f *frame) extend(dst, piece []byte) []byte {
	if u := f.x.use; u != nil {
		u.see(int64(len(dst) + len(piece)))
	}
	return append(dst, piece...)
}

// matches is all matches of an expression in a text with their groups, as the library gives them. They are
// many times as large as the text, so a run in a Room looks for no more than it can take.
func (f *frame) matches(re *regexp.Regexp, b []byte) [][]int {
	u := f.x.use
	if u == nil {
		return re.FindAllSubmatchIndex(b, -1)
	}
	each := int64(24 + 16*(re.NumSubexp()+1)) // a slice, and two places a group
	most := max(1, (u.Bytes-u.taken)/each)
	found := re.FindAllSubmatchIndex(b, int(min(most, 1<<31-1)))
	u.see(each * int64(len(found)+len(found)/4))
	return found
}

// reserveJSON asks for the JSON of row i of the argument: its values with the names of their fields, which
// stand there anew for each element of an array.
func (f *frame) reserveJSON(i uint32) {
	if f.x.use != nil {
		f.reserve(jsonSize(f.args[0], i, i+1))
	}
}

func jsonSize(v *column.Vector, from, to uint32) int64 {
	n := v.SizeOf(from, to)
	if from >= to {
		return n
	}
	switch v.Type.Kind {
	case column.Struct:
		for k := range v.Kids {
			n += int64(to-from)*int64(len(v.Type.Fields[k].Name)+4) + jsonSize(&v.Kids[k], from, to)
		}
	case column.Array, column.Map:
		first := uint32(0)
		if from > 0 {
			first = v.Ends[from-1]
		}
		for k := range v.Kids {
			n += jsonSize(&v.Kids[k], first, v.Ends[to-1])
		}
	}
	return n
}

// checkRow ends the run if the output under way is too large. It is no part of shut, so that shut is inlined into loops.
//
//go:noinline
func (f *frame) checkRow() { f.reserve(0) }
