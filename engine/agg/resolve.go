package agg

import (
	"fmt"

	"github.com/nagare-stream/nagare/engine/column"
)

// Spark's error classes that this package gives.
const (
	ArithmeticOverflow = "ARITHMETIC_OVERFLOW"
	IntervalOverflow   = "INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION"
	ValueOutOfRange    = "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION"
	unresolved         = "UNRESOLVED_ROUTINE"
	wrongNumber        = "WRONG_NUM_ARGS.WITHOUT_SUGGESTION"
	wrongType          = "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"
	wrongOrdering      = "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE"
)

// family is how the types of a group of aggregates follow from their arguments.
type family uint8

const (
	families    family = iota
	counting           // any arguments, none included; BIGINT
	condition          // BOOLEAN; BIGINT
	summing            // numbers, intervals
	averaging          // numbers, intervals
	moments            // DOUBLE; DOUBLE
	pairing            // two DOUBLEs; DOUBLE
	extreme            // any orderable type, kept
	logical            // BOOLEAN, kept
	bitwise            // integers, kept
	picking            // any type, kept
	picking2           // a value of any type and an orderable one; the type of the first
	collecting         // any type; array of it
	collectSet         // any type that can be grouped; array of it
	percentiles        // DOUBLE or an interval, and maybe how often it counts; that
	approximate        // numbers, times, intervals, kept
	modal              // any orderable type, kept
	listing            // STRING or BINARY, and any keys of its order; that
	sketching          // BIGINT hashes; BIGINT
	regressing         // two DOUBLEs; DOUBLE, and BIGINT of regr_count
)

// familyOf returns the canonical name of an aggregate and its family; families for none.
//
// first, last and any_value take a second argument in SQL, a constant, or IGNORE NULLS: where that
// is true, the binder asks for first_ignore_nulls and so on, which SQL text cannot name.
func familyOf(name string) (string, family) {
	switch name {
	case "count":
		return name, counting
	case "count_if":
		return name, condition
	case "sum", "try_sum":
		return name, summing
	case "avg", "try_avg":
		return name, averaging
	case "mean":
		return "avg", averaging
	case "std", "stddev", "stddev_samp":
		return "stddev_samp", moments
	case "variance", "var_samp":
		return "var_samp", moments
	case "stddev_pop", "var_pop", "skewness", "kurtosis":
		return name, moments
	case "corr", "covar_pop", "covar_samp":
		return name, pairing
	case "regr_count", "regr_avgx", "regr_avgy", "regr_sxx", "regr_syy", "regr_sxy", "regr_slope", "regr_intercept", "regr_r2":
		return name, regressing
	case "percentile", "percentile_cont", "median":
		return "percentile", percentiles
	case "percentile_disc":
		return name, percentiles
	case "percentile_approx", "approx_percentile":
		return "percentile_approx", approximate
	case "mode":
		return name, modal
	case "listagg", "string_agg":
		return "listagg", listing
	case "approx_count_distinct":
		return name, sketching
	case "min", "max":
		return name, extreme
	case "bool_and", "every":
		return "bool_and", logical
	case "bool_or", "any", "some":
		return "bool_or", logical
	case "bit_and", "bit_or", "bit_xor":
		return name, bitwise
	case "first", "first_value":
		return "first", picking
	case "last", "last_value":
		return "last", picking
	case "any_value", "first_ignore_nulls", "last_ignore_nulls", "any_value_ignore_nulls":
		return name, picking
	case "max_by", "min_by":
		return name, picking2
	case "collect_list", "array_agg":
		return "collect_list", collecting
	case "collect_set":
		return name, collectSet
	}
	return "", families
}

// Names returns the names of all aggregates as SQL text writes them, in alphabetical order.
func Names() []string {
	return []string{"any", "any_value", "approx_count_distinct", "approx_percentile", "array_agg", "avg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or",
		"collect_list", "collect_set", "corr", "count", "count_if", "covar_pop", "covar_samp", "every", "first",
		"first_value", "kurtosis", "last", "last_value", "listagg", "max", "max_by", "mean", "median", "min", "min_by", "mode",
		"percentile", "percentile_approx", "percentile_cont", "percentile_disc", "regr_avgx", "regr_avgy", "regr_count", "regr_intercept", "regr_r2", "regr_slope",
		"regr_sxx", "regr_sxy", "regr_syy", "skewness", "some", "std", "stddev", "stddev_pop", "stddev_samp", "string_agg", "sum", "try_avg", "try_sum", "var_pop", "var_samp", "variance"}
}

// IsAggregate reports whether name, in lower case, is an aggregate.
func IsAggregate(name string) bool {
	_, f := familyOf(name)
	return f != families
}

// Resolve returns the aggregate call for a name in lower case and the types of its arguments, or an
// error with Spark's error class. The arguments are to be cast to the Args of the Spec, which differ
// from args where Spark casts implicitly (sum of a string); several are then packed as one struct.
func Resolve(name string, distinct bool, args []column.Type) (Spec, string, error) {
	canonical, f := familyOf(name)
	if f == families {
		return Spec{}, unresolved, fmt.Errorf("resolve aggregate %s: there is none of that name", name)
	}
	want := 1
	if f == pairing || f == picking2 || f == regressing {
		want = 2
	}
	if canonical == "percentile" && len(args) == 2 || f == listing && len(args) > 0 {
		want = len(args)
	}
	if f != counting && len(args) != want || f == counting && distinct && len(args) == 0 {
		return Spec{}, wrongNumber, fmt.Errorf("resolve aggregate %s: it takes %d argument(s), not %d", name, want, len(args))
	}
	s := Spec{Name: canonical, Distinct: distinct, Args: append([]column.Type(nil), args...)}
	if class := s.settle(f); class != "" {
		return Spec{}, class, fmt.Errorf("resolve aggregate %s: it does not take %s", name, args[0])
	}
	switch {
	case f == extreme || f == logical || f == picking || f == collectSet || canonical == "bit_and" || canonical == "bit_or":
		s.Distinct = false // repeated values change nothing
	}
	return s, "", nil
}

// settle sets the types of the arguments and of the result; it returns the error class, or "".
func (s *Spec) settle(f family) string {
	switch f {
	case counting:
		s.Type = column.Of(column.Int64)
	case condition:
		s.Type = column.Of(column.Int64)
		return s.castAll(column.Bool)
	case logical:
		s.Type = column.Of(column.Bool)
		return s.castAll(column.Bool)
	case moments, pairing:
		s.Type = column.Of(column.Float64)
		return s.castAll(column.Float64)
	case summing, averaging:
		return s.settleSum(f)
	case bitwise:
		s.Type = s.Args[0]
		if s.Type.Kind == column.Void {
			s.Type = column.Of(column.Int64)
			s.Args[0] = s.Type
		}
		if !s.Type.IsInteger() {
			return wrongType
		}
	case extreme:
		s.Type = s.Args[0]
		if !isOrderable(s.Type) {
			return wrongOrdering
		}
	case picking:
		s.Type = s.Args[0]
	case picking2:
		s.Type = s.Args[0]
		if !isOrderable(s.Args[1]) {
			return wrongOrdering
		}
	case percentiles, approximate:
		return s.settlePercentile(f)
	case modal:
		if s.Type = s.Args[0]; !isOrderable(s.Type) {
			return wrongOrdering
		}
	case listing:
		if s.Type = s.Args[0]; s.Type.Kind == column.Void || s.Type.Kind < column.Struct && !s.Type.UsesBytes() {
			s.Type = column.Of(column.String)
			s.Args[0] = s.Type
		}
		if !s.Type.UsesBytes() {
			return wrongType
		}
		for _, t := range s.Args[1:] {
			if !isOrderable(t) {
				return wrongOrdering
			}
		}
	case sketching:
		s.Type = column.Of(column.Int64)
		return s.castAll(column.Int64)
	case regressing:
		s.Type = column.Of(column.Float64)
		if s.Name == "regr_count" {
			s.Type = column.Of(column.Int64)
		}
		return s.castAll(column.Float64)
	case collecting, collectSet:
		elem := s.Args[0]
		s.Type = column.Type{Kind: column.Array, Elem: &elem}
		if f == collectSet && !isOrderable(elem) {
			return "DATATYPE_MISMATCH.UNSUPPORTED_INPUT_TYPE"
		}
	}
	return ""
}

// settlePercentile keeps intervals, and of percentile_approx all numbers and times; the rest is a DOUBLE.
func (s *Spec) settlePercentile(f family) string {
	switch t := s.Args[0]; {
	case t.Kind == column.DayTime && f == percentiles:
		s.Type = column.Type{Kind: t.Kind, From: column.UnitDay, To: column.UnitSecond}
	case t.Kind == column.YearMonth && f == percentiles:
		s.Type = column.Type{Kind: t.Kind, From: column.UnitYear, To: column.UnitMonth}
	case f == approximate && (t.IsNumeric() || t.Kind == column.Date || t.Kind == column.Timestamp || t.Kind == column.TimestampNTZ || t.Kind == column.DayTime || t.Kind == column.YearMonth):
		s.Type = t
	case t.IsNumeric() || t.Kind == column.String || t.Kind == column.Void:
		s.Args[0], s.Type = column.Of(column.Float64), column.Of(column.Float64)
	default:
		return wrongType
	}
	if len(s.Args) > 1 {
		if !s.Args[1].IsInteger() && s.Args[1].Kind != column.Void {
			return wrongType
		}
		s.Args[1] = column.Of(column.Int64)
	}
	return ""
}

// castAll makes kind the type of all arguments that Spark casts to it.
func (s *Spec) castAll(kind column.Kind) string {
	for i, t := range s.Args {
		numeric := (kind == column.Float64 || kind == column.Int64) && t.IsNumeric()
		if t.Kind != kind && t.Kind != column.Void && t.Kind != column.String && !numeric {
			return wrongType
		}
		s.Args[i] = column.Of(kind)
	}
	return ""
}

func (s *Spec) settleSum(f family) string {
	t := s.Args[0]
	switch {
	case t.Kind == column.Void || t.Kind == column.String || t.Kind == column.Timestamp: // a time by its seconds
		s.Args[0], s.Type = column.Of(column.Float64), column.Of(column.Float64)
	case t.Kind == column.Decimal && f == summing:
		s.Type = column.DecimalOf(min(38, int(t.Precision)+10), int(t.Scale))
	case t.Kind == column.Decimal:
		s.Type = column.DecimalOf(min(38, int(t.Precision)+4), min(38, int(t.Scale)+4))
	case t.IsInteger() && f == summing:
		s.Type = column.Of(column.Int64)
	case t.IsNumeric():
		s.Type = column.Of(column.Float64)
	case t.Kind == column.DayTime && f == averaging:
		s.Type = column.Type{Kind: t.Kind, From: column.UnitDay, To: column.UnitSecond}
	case t.Kind == column.YearMonth && f == averaging:
		s.Type = column.Type{Kind: t.Kind, From: column.UnitYear, To: column.UnitMonth}
	case t.Kind == column.DayTime || t.Kind == column.YearMonth:
		s.Type = t
	default:
		return wrongType
	}
	return ""
}
