package agg

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/engine/column"
)

// New returns an empty aggregate for a call. A Spec that Resolve has not made may be refused.
func New(s Spec) (Aggregate, error) {
	if len(s.Args) == 0 && s.Name != "count" {
		return nil, fmt.Errorf("make aggregate %s: it has no argument", s.Name)
	}
	a := plain(s)
	if a == nil {
		return nil, fmt.Errorf("make aggregate %s: there is none of that name for %s", s.Name, s.Args[0])
	}
	if s.Distinct {
		return newDistinct(a, inputType(s.Args)), nil
	}
	return a, nil
}

// inputType is the type of the one input vector for the arguments.
func inputType(args []column.Type) column.Type {
	if len(args) == 1 {
		return args[0]
	}
	fields := make([]column.Field, len(args))
	for i, t := range args {
		fields[i].Type = t
	}
	return column.StructOf(fields...)
}

// plain makes the aggregate over all values, distinct or not; nil: there is none.
func plain(s Spec) Aggregate {
	try := s.Name == "try_sum" || s.Name == "try_avg"
	switch s.Name {
	case "count":
		return &count{parts: len(s.Args) > 1}
	case "count_if":
		return &countIf{}
	case "sum", "try_sum":
		switch t := s.Args[0]; {
		case t.UsesFloat():
			return &sumFloat{}
		case t.Kind == column.Decimal:
			return &sumDecimal{digits: int(s.Type.Precision), try: try}
		case t.UsesInt():
			return &sumInt{kind: s.Type.Kind, try: try}
		}
	case "avg", "try_avg":
		switch t := s.Args[0]; {
		case t.Kind == column.Decimal:
			return &avgExact{typ: s.Type, scale: int(s.Type.Scale) - int(t.Scale), try: try}
		case t.IsNumeric():
			return &avgFloat{}
		case t.UsesInt():
			return &avgExact{typ: s.Type, try: try}
		}
	case "min", "bool_and":
		return extremeOf(s.Args[0], 1)
	case "max", "bool_or":
		return extremeOf(s.Args[0], -1)
	case "first", "first_ignore_nulls", "any_value", "any_value_ignore_nulls", "last", "last_ignore_nulls":
		return &pick{cell: cells{typ: s.Args[0]}, last: strings.HasPrefix(s.Name, "last"), ignoreNulls: strings.HasSuffix(s.Name, "_ignore_nulls")}
	case "min_by", "max_by":
		sign := 1
		if s.Name == "max_by" {
			sign = -1
		}
		if s.Limit > 0 {
			return &extremesBy{x: s.Args[0], y: s.Args[1], limit: s.Limit, most: s.Name == "max_by"}
		}
		return &extremeBy{x: cells{typ: s.Args[0]}, y: cells{typ: s.Args[1]}, sign: sign}
	case "bit_and":
		return &bitOp{op: '&'}
	case "bit_or":
		return &bitOp{op: '|'}
	case "bit_xor":
		return &bitOp{op: '^'}
	case "collect_list":
		return newCollect(s.Args[0])
	case "collect_set":
		return newDistinct(newCollect(s.Args[0]), s.Args[0])
	case "var_pop", "var_samp", "stddev_pop", "stddev_samp", "skewness", "kurtosis":
		return &moment{name: s.Name}
	case "percentile", "percentile_disc", "percentile_approx", "mode", "listagg":
		return newSummary(s)
	case "approx_count_distinct":
		precision := s.Precision
		if precision == 0 {
			precision = defaultPrecision
		}
		return &hyperloglog{precision: precision}
	case "regr_count", "regr_avgx", "regr_avgy", "regr_sxx", "regr_syy", "regr_sxy", "regr_slope", "regr_intercept", "regr_r2":
		return &regression{covariance{name: s.Name}}
	case "covar_pop", "covar_samp", "corr":
		return &covariance{name: s.Name}
	}
	return nil
}

// extremeOf makes min, sign 1, or max, sign -1.
func extremeOf(t column.Type, sign int) Aggregate {
	switch {
	case t.Kind == column.Void:
		return null{}
	case t.Kind == column.Decimal:
		return &extremeDecimal{sign: sign}
	case t.UsesInt():
		return &extremeInt{flip: int64(sign-1) >> 1}
	case t.UsesFloat():
		return &extremeFloat{sign: sign}
	case t.UsesBytes():
		return &extremeBytes{sign: sign}
	}
	return &extremeAny{best: cells{typ: t}, sign: sign}
}
