package agg

import (
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
)

// summary is an aggregate that needs all its values at the end: percentiles, median, mode and listagg. They
// are exact, and the state is the values, as that of collect_list.
type summary struct {
	collect
	spec   Spec
	values column.Vector // scratch: of a slot
	order  []uint32      // scratch: rows of values
	counts []int64       // scratch: up to which place each of order stands
}

func newSummary(s Spec) *summary {
	return &summary{collect: *newCollect(inputType(s.Args)), spec: s}
}

func (a *summary) Merge(dst uint32, from Aggregate, src uint32) {
	a.collect.Merge(dst, &from.(*summary).collect, src)
}

func (a *summary) mergeAll(slots []uint32, from Aggregate) {
	a.collect.mergeAll(slots, &from.(*summary).collect)
}

func (a *summary) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		if a.load(s) {
			a.finish(dst)
		} else {
			dst.AppendNull()
		}
	}
	dst.EnsureNull(dst.Len())
}

// load reads the values of a slot; false: there is no result.
func (a *summary) load(slot uint32) bool {
	if a.collect.Failed(slot) != "" {
		return false
	}
	a.readAll(slot)
	if a.isNegative() {
		return false
	}
	x := a.value()
	a.order = a.order[:0]
	for i := range uint32(a.values.Len()) {
		if !isNull(x.Null, i) {
			a.order = append(a.order, i)
		}
	}
	return len(a.order) > 0
}

// readAll reads the values of a slot.
func (a *summary) readAll(slot uint32) {
	a.values.Reset(a.typ)
	for _, e := range a.list.of(slot, 0) {
		if err := a.read(&a.values, e); err != nil {
			panic("BUG: a list holds what is no value: " + err.Error())
		}
	}
}

// value is the first argument.
func (a *summary) value() *column.Vector {
	if len(a.spec.Args) > 1 {
		return &a.values.Kids[0]
	}
	return &a.values
}

// NegativeFrequency is the class of percentile(x, p, frequency) with a frequency below 0.
const NegativeFrequency = "NEGATIVE_VALUES_IN_FREQUENCY_EXPRESSION"

func (a *summary) Failed(slot uint32) string {
	if class := a.collect.Failed(slot); class != "" || !a.hasFrequencies() {
		return class
	}
	if a.readAll(slot); a.isNegative() {
		return NegativeFrequency
	}
	return ""
}

// hasFrequencies reports percentile(x, p, frequency).
func (a *summary) hasFrequencies() bool { return len(a.spec.Args) == 2 && a.spec.Name == "percentile" }

// isNegative reports a frequency below 0 among the values that were read.
func (a *summary) isNegative() bool {
	if !a.hasFrequencies() {
		return false
	}
	x, n := &a.values.Kids[0], &a.values.Kids[1]
	for i := range uint32(a.values.Len()) {
		if !isNull(x.Null, i) && !isNull(n.Null, i) && n.Int[i] < 0 {
			return true
		}
	}
	return false
}

func (a *summary) finish(dst *column.Vector) {
	x := a.value()
	switch a.spec.Name {
	case "mode":
		a.mode(dst, x)
		return
	case "listagg":
		a.join(dst, x)
		return
	}
	a.sort(x, a.spec.Desc)
	a.count()
	if len(a.order) == 0 || a.spec.Many && len(a.spec.Points) == 0 {
		dst.AppendNull()
		return
	}
	if !a.spec.Many {
		a.point(dst, x, a.spec.points()[0])
		return
	}
	for _, p := range a.spec.Points {
		a.point(&dst.Kids[0], x, p)
	}
	dst.Kids[0].EnsureNull(dst.Kids[0].Len())
	dst.Ends = append(dst.Ends, uint32(dst.Kids[0].Len()))
}

func (a *summary) sort(x *column.Vector, desc bool) {
	slices.SortStableFunc(a.order, func(i, j uint32) int {
		if desc {
			i, j = j, i
		}
		return compareAt(x, i, x, j)
	})
}

// count sums the frequencies up, and leaves out what comes no time.
func (a *summary) count() {
	a.counts = a.counts[:0]
	n, kept := int64(0), a.order[:0]
	for _, i := range a.order {
		step := int64(1)
		if len(a.spec.Args) > 1 {
			if step = a.values.Kids[1].Int[i]; isNull(a.values.Kids[1].Null, i) || step <= 0 {
				continue
			}
		}
		n += step
		kept, a.counts = append(kept, i), append(a.counts, n)
	}
	a.order = kept
}

// at is the row that stands at a place from 1 on.
func (a *summary) at(place int64) uint32 {
	i, _ := slices.BinarySearch(a.counts, place)
	return a.order[min(i, len(a.order)-1)]
}

// point appends the value at a point: between two values where the percentile is continuous.
func (a *summary) point(dst, x *column.Vector, p float64) {
	n := a.counts[len(a.counts)-1]
	switch a.spec.Name {
	case "percentile_approx":
		place := int64(math.Ceil(p * float64(n)))
		if p <= a.spec.Error {
			place = 1
		} else if p >= 1-a.spec.Error {
			place = n
		}
		dst.AppendFrom(x, int(a.at(max(place, 1))))
	case "percentile_disc":
		appendNumber(dst, numberAt(x, a.at(max(int64(math.Ceil(p*float64(n))), 1))))
	default:
		position := float64(n-1) * p
		low, high := math.Floor(position), math.Ceil(position)
		i, j := a.at(int64(low)+1), a.at(int64(high)+1)
		y := numberAt(x, i)
		if low != high && compareAt(x, i, x, j) != 0 {
			y = float64((high-position)*y) + float64((position-low)*numberAt(x, j))
		}
		appendNumber(dst, y)
	}
}

func numberAt(x *column.Vector, i uint32) float64 {
	if x.Type.UsesFloat() {
		return x.Float[i]
	}
	return float64(x.Int[i])
}

// appendNumber appends a double, or an interval without its fraction.
func appendNumber(dst *column.Vector, y float64) {
	if dst.Type.UsesFloat() {
		dst.AppendFloat(y)
		return
	}
	dst.AppendInt(int64(y))
}

// mode appends the most frequent value.
func (a *summary) mode(dst, x *column.Vector) {
	a.sort(x, a.spec.Desc)
	best, most := uint32(0), 0
	for from := 0; from < len(a.order); {
		to := from + 1
		for to < len(a.order) && compareAt(x, a.order[from], x, a.order[to]) == 0 {
			to++
		}
		if n := to - from; n > most || n == most && !a.spec.Least && a.order[from] < best {
			best, most = a.order[from], n
		}
		from = to
	}
	dst.AppendFrom(x, int(best))
}

// join appends the texts with the delimiter between, in the order of the keys and then as they came.
func (a *summary) join(dst, x *column.Vector) {
	slices.SortStableFunc(a.order, func(i, j uint32) int {
		for k, o := range a.spec.Orders {
			if c := a.compareKey(&a.values.Kids[k+1], o, i, j); c != 0 {
				return c
			}
		}
		return 0
	})
	for k, i := range a.order {
		if k > 0 {
			dst.Data = append(dst.Data, a.spec.Delimiter...)
		}
		dst.Data = append(dst.Data, x.Bytes(int(i))...)
		if a.most > 0 && dst.Size() > a.most {
			break
		}
	}
	dst.Ends = append(dst.Ends, uint32(len(dst.Data)))
}

func (a *summary) compareKey(key *column.Vector, o Order, i, j uint32) int {
	x, y := isNull(key.Null, i), isNull(key.Null, j)
	switch {
	case x && y:
		return 0
	case x || y:
		if x == o.NullsFirst {
			return -1
		}
		return 1
	case o.Desc:
		i, j = j, i
	}
	return compareAt(key, i, key, j)
}
