package agg

import "github.com/nagare-stream/nagare/engine/column"

// regression is the regr_ functions of (y, x), over rows in which neither is NULL. It keeps what covariance
// does, x and y by their names.
type regression struct{ covariance }

func (a *regression) Update(slots, rows []uint32, in *column.Vector) {
	y, x := &in.Kids[0], &in.Kids[1]
	for i, s := range slots {
		if r := rows[i]; !anyNull(in, r) {
			a.acc[s].add(x.Float[r], y.Float[r])
		}
	}
}

func (a *regression) Merge(dst uint32, from Aggregate, src uint32) {
	a.covariance.Merge(dst, &from.(*regression).covariance, src)
}

func (a *regression) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		m := &a.acc[s]
		switch y, ok := m.regression(a.name); {
		case a.name == "regr_count":
			dst.AppendInt(int64(m.n))
		case ok:
			dst.AppendFloat(y)
		default:
			dst.AppendNull()
		}
	}
}

// regression is the value of a regr_ function; not ok is NULL.
func (m *products) regression(name string) (value float64, ok bool) {
	slope, some := m.xy/m.xx, m.n > 0
	switch name {
	case "regr_avgx":
		return m.x, some
	case "regr_avgy":
		return m.y, some
	case "regr_sxx":
		return m.xx, some
	case "regr_syy":
		return m.yy, some
	case "regr_sxy":
		return m.xy, some
	case "regr_slope":
		return slope, m.n > 1 && m.xx != 0
	case "regr_intercept":
		return m.y - float64(slope*m.x), m.n > 1 && m.xx != 0
	}
	switch r, _ := m.value("corr"); { // regr_r2
	case m.n < 2 || m.xx == 0:
		return 0, false
	case m.yy == 0:
		return 1, true
	default:
		return r * r, true
	}
}
