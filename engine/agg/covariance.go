package agg

import (
	"math"

	"github.com/nagare-stream/nagare/engine/column"
)

// covariance is covar_pop, covar_samp and corr, over rows in which neither argument is NULL. Update
// and merge are those of Spark's Covariance and PearsonCorrelation; see moment for the formulas.
type covariance struct {
	acc  []products
	name string
}

// products of a slot: the count, the means, and the sums of the products of the deviations.
type products struct{ n, x, y, xy, xx, yy float64 }

func (m *products) add(x, y float64) {
	m.n++
	dx, dy := x-m.x, y-m.y
	m.x += dx / m.n
	m.y += dy / m.n
	m.xy += float64(dx * (y - m.y))
	m.xx += float64(dx * (x - m.x))
	m.yy += float64(dy * (y - m.y))
}

func (m *products) merge(o products) {
	if o.n == 0 {
		return
	}
	n1, n2 := m.n, o.n
	n := n1 + n2
	dx, dy := o.x-m.x, o.y-m.y
	dxn, dyn := dx/n, dy/n
	m.n = n
	m.x += float64(dxn * n2)
	m.y += float64(dyn * n2)
	m.xy = m.xy + o.xy + float64(dx*dyn*n1*n2)
	m.xx = m.xx + o.xx + float64(dx*dxn*n1*n2)
	m.yy = m.yy + o.yy + float64(dy*dyn*n1*n2)
}

// value is the result; not ok is NULL.
func (m *products) value(name string) (x float64, ok bool) {
	switch name {
	case "covar_pop":
		return m.xy / m.n, m.n > 0
	case "covar_samp":
		return m.xy / (m.n - 1), m.n > 1
	}
	return m.xy / math.Sqrt(m.xx*m.yy), m.n > 1 // corr
}

func (a *covariance) Grow(slots int) { a.acc = extend(a.acc, slots) }

func (a *covariance) Update(slots, rows []uint32, in *column.Vector) {
	x, y := &in.Kids[0], &in.Kids[1]
	for i, s := range slots {
		if r := rows[i]; !anyNull(in, r) {
			a.acc[s].add(x.Float[r], y.Float[r])
		}
	}
}

func (a *covariance) Merge(dst uint32, from Aggregate, src uint32) {
	a.acc[dst].merge(from.(*covariance).acc[src])
}

func (a *covariance) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		x, ok := a.acc[s].value(a.name)
		if !ok {
			dst.AppendNull()
			continue
		}
		dst.AppendFloat(x)
	}
}

func (a *covariance) Reset(slot uint32)  { a.acc[slot] = products{} }
func (a *covariance) Clear(release bool) { a.acc = cleared(a.acc, release) }
func (a *covariance) Size() int64        { return int64(cap(a.acc)) * 48 }

func (a *covariance) AppendState(dst []byte, slot uint32) []byte {
	m := &a.acc[slot]
	if m.n == 0 {
		return dst
	}
	return appendFloats(dst, m.n, m.x, m.y, m.xy, m.xx, m.yy)
}

func (a *covariance) SetState(slot uint32, src []byte) error {
	a.Reset(slot)
	if len(src) == 0 {
		return nil
	}
	m := &a.acc[slot]
	return stateError(a.name, nil, readFloats(src, &m.n, &m.x, &m.y, &m.xy, &m.xx, &m.yy))
}
