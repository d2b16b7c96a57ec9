package agg

import (
	"math"

	"github.com/nagare-stream/nagare/engine/column"
)

// moment is var_*, stddev_*, skewness and kurtosis. Update and merge are those of Spark's
// CentralMomentAgg, operation by operation, so that the last bits agree; the formulas are Pébay's,
// "Formulas for robust, one-pass parallel computation of covariances and arbitrary-order statistical
// moments" (2008). Products are converted so that no machine fuses them into a sum.
type moment struct {
	acc  []deviations
	name string
}

// deviations of a slot: the count, the mean, and the sums of the deviations' second to fourth powers.
type deviations struct{ n, mean, m2, m3, m4 float64 }

func (m *deviations) add(x float64, high bool) {
	m.n++
	d := x - m.mean
	dn := d / m.n
	m.mean += dn
	m.m2 += float64(d * (d - dn))
	if !high {
		return
	}
	d2, dn2 := float64(d*d), float64(dn*dn)
	m.m3 = m.m3 - float64(float64(3*dn)*m.m2) + float64(d*(d2-dn2))
	m.m4 = m.m4 - float64(float64(4*dn)*m.m3) - float64(float64(6*dn2)*m.m2) +
		float64(d*(float64(d*d2)-float64(dn*dn2)))
}

func (m *deviations) merge(o deviations) {
	if o.n == 0 {
		return
	}
	n1, n2 := m.n, o.n
	n := n1 + n2
	d := o.mean - m.mean
	dn := d / n
	dn2 := float64(dn * dn)
	m.m4 = m.m4 + o.m4 +
		float64(dn2*dn*d*n1*n2*(float64(n1*n1)-float64(n1*n2)+float64(n2*n2))) +
		float64(6*dn2*(float64(n1*n1*o.m2)+float64(n2*n2*m.m2))) +
		float64(4*dn*(float64(n1*o.m3)-float64(n2*m.m3)))
	m.m3 = m.m3 + o.m3 + float64(dn2*d*n1*n2*(n1-n2)) + float64(3*dn*(float64(n1*o.m2)-float64(n2*m.m2)))
	m.m2 = m.m2 + o.m2 + float64(d*dn*n1*n2)
	m.mean += float64(dn * n2)
	m.n = n
}

// value is the result; not ok is NULL.
func (m *deviations) value(name string) (x float64, ok bool) {
	switch name {
	case "var_pop":
		return m.m2 / m.n, m.n > 0
	case "stddev_pop":
		return math.Sqrt(m.m2 / m.n), m.n > 0
	case "var_samp":
		return m.m2 / (m.n - 1), m.n > 1
	case "stddev_samp":
		return math.Sqrt(m.m2 / (m.n - 1)), m.n > 1
	case "skewness":
		return math.Sqrt(m.n) * m.m3 / math.Sqrt(m.m2*m.m2*m.m2), m.n > 0 && m.m2 != 0
	}
	return float64(m.n*m.m4)/(m.m2*m.m2) - 3, m.n > 0 && m.m2 != 0 // kurtosis
}

func (a *moment) Grow(slots int) { a.acc = extend(a.acc, slots) }

func (a *moment) Update(slots, rows []uint32, in *column.Vector) {
	high := a.name == "skewness" || a.name == "kurtosis"
	for i, s := range slots {
		if r := rows[i]; !isNull(in.Null, r) {
			a.acc[s].add(in.Float[r], high)
		}
	}
}

func (a *moment) Merge(dst uint32, from Aggregate, src uint32) {
	a.acc[dst].merge(from.(*moment).acc[src])
}

func (a *moment) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		x, ok := a.acc[s].value(a.name)
		if !ok {
			dst.AppendNull()
			continue
		}
		dst.AppendFloat(x)
	}
}

func (a *moment) Reset(slot uint32)  { a.acc[slot] = deviations{} }
func (a *moment) Clear(release bool) { a.acc = cleared(a.acc, release) }
func (a *moment) Size() int64        { return int64(cap(a.acc)) * 40 }

func (a *moment) AppendState(dst []byte, slot uint32) []byte {
	m := &a.acc[slot]
	if m.n == 0 {
		return dst
	}
	return appendFloats(dst, m.n, m.mean, m.m2, m.m3, m.m4)
}

func (a *moment) SetState(slot uint32, src []byte) error {
	a.Reset(slot)
	if len(src) == 0 {
		return nil
	}
	m := &a.acc[slot]
	return stateError(a.name, nil, readFloats(src, &m.n, &m.mean, &m.m2, &m.m3, &m.m4))
}

func appendFloats(dst []byte, x ...float64) []byte {
	for _, f := range x {
		dst = appendFloat(dst, f)
	}
	return dst
}

// readFloats reads numbers that take all of src.
func readFloats(src []byte, x ...*float64) (err error) {
	for _, f := range x {
		if *f, src, err = readFloat(src); err != nil {
			return err
		}
	}
	if len(src) > 0 {
		return errLeft
	}
	return nil
}
