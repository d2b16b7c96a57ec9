package codec

import "github.com/nagare-stream/nagare/engine/column"

// truncate cuts a vector back to its first n rows.
func truncate(v *column.Vector, n int) {
	switch {
	case v.Type.UsesInt():
		v.Int = v.Int[:n]
		if v.Type.Kind == column.Decimal {
			v.Hi = v.Hi[:n]
		}
	case v.Type.UsesFloat():
		v.Float = v.Float[:n]
	case v.Type.UsesBytes():
		v.Ends = v.Ends[:n]
		v.Data = v.Data[:lastEnd(v)]
	case v.Type.Kind == column.Struct:
		for k := range v.Kids {
			truncate(&v.Kids[k], n)
		}
	case v.Type.Kind == column.Array || v.Type.Kind == column.Map:
		v.Ends = v.Ends[:n]
		for k := range v.Kids {
			truncate(&v.Kids[k], int(lastEnd(v)))
		}
	}
	for i := range v.Null {
		if keep := n - i<<6; keep <= 0 {
			v.Null[i] = 0
		} else if keep < 64 {
			v.Null[i] &= 1<<uint(keep) - 1
		}
	}
}

func lastEnd(v *column.Vector) uint32 {
	if len(v.Ends) == 0 {
		return 0
	}
	return v.Ends[len(v.Ends)-1]
}
