package expr_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// TestFaults checks class, column and hint of what is wrong, all of it at once.
func TestFaults(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"amuont + 1", `1 UNRESOLVED_COLUMN.WITH_SUGGESTION did you mean "amount"?`},
		{"nothing_like_it", `1 UNRESOLVED_COLUMN.WITH_SUGGESTION`},
		{"place.cty", `7 FIELD_NOT_FOUND did you mean "city"?`},
		{"amount.x", `8 INVALID_EXTRACT_BASE_FIELD_TYPE`},
		{"uper(id)", `1 UNRESOLVED_ROUTINE did you mean "upper"?`},
		{"upper(id, id)", `1 WRONG_NUM_ARGS.WITHOUT_SUGGESTION`},
		{"amuont + uper(nope(1)) + discont", `1 UNRESOLVED_COLUMN.WITH_SUGGESTION did you mean "amount"? | 10 UNRESOLVED_ROUTINE did you mean "upper"? | 15 UNRESOLVED_ROUTINE | 26 UNRESOLVED_COLUMN.WITH_SUGGESTION did you mean "discount"?`},
		{"flag + 1", `6 DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES`},
		{"flag = amount", `6 DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES`},
		{"id AND flag OR amount", `13 DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES`},
		{"NOT amount", `5 DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE`},
		{"CASE WHEN amount THEN 1 END", `11 DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE`},
		{"CASE WHEN flag THEN tags ELSE 1 END", `1 DATATYPE_MISMATCH.DATA_DIFF_TYPES`},
		{"coalesce(flag, ts)", `1 DATATYPE_MISMATCH.DATA_DIFF_TYPES`},
		{"quantity IN (flag)", `1 DATATYPE_MISMATCH.DATA_DIFF_TYPES`},
		{"CAST(flag AS DATE)", `1 DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION`},
		{"CAST(total AS DATE)", `1 DATATYPE_MISMATCH.CAST_WITH_FUNC_SUGGESTION`},
		{"CAST(quantity AS BINARY)", `1 DATATYPE_MISMATCH.CAST_WITH_CONF_SUGGESTION`},
		{"hour(tags)", `6 DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE`},
		{"hour(quantity)", `6 DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE`},
		{"date_format(ts, 'YYYY')", `17 INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION`},
		{"id RLIKE '(?=x)'", `10 INVALID_PARAMETER_VALUE.PATTERN`},
		{"from_json(id, 'a INT, b WHAT')", `1 INVALID_SCHEMA.PARSE_ERROR`},
		{"from_json(id, concat(id, ' INT'))", `1 INVALID_SCHEMA.NON_STRING_LITERAL`},
		{"to_json(place, map('ignoreNulFields','x'))", `16  did you mean "ignorenullfields"?`},
		{"window(ts, '1 month')", `12 _LEGACY_ERROR_TEMP_3231`},
		{"window(ts, '5 minutes', '10 minutes')", `1 DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION`},
		{"window(quantity, '5 minutes')", `8 DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE`},
		{"sum(amount)", `1 UNRESOLVED_ROUTINE`},
		{"round(amount, quantity)", `1 DATATYPE_MISMATCH.NON_FOLDABLE_INPUT`},
		{"transform(counts, (a, b, c) -> a)", `19 INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH`},
		{"upper(x -> x)", `7 INVALID_LAMBDA_FUNCTION_CALL.NON_HIGHER_ORDER_FUNCTION`},
		{"named_struct('a')", `1 WRONG_NUM_ARGS.WITHOUT_SUGGESTION`},
		{"row_number() OVER (ORDER BY id)", `1 UNRESOLVED_ROUTINE`},
		{"upper(DISTINCT id)", `1 INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX`},
		{"(SELECT 1) + nope", `1 UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY | 14 UNRESOLVED_COLUMN.WITH_SUGGESTION`},
		{"DATE'2026-13-01'", `1 INVALID_TYPED_LITERAL`},
		{"300Y", `1 INVALID_NUMERIC_LITERAL_RANGE`},
		{"`parse time`(id, 'y')", `1 UNRESOLVED_ROUTINE`},
	} {
		faults := faultsOf(t, c.text)
		parts := make([]string, len(faults))
		for i, f := range faults {
			if f.Message == "" {
				t.Errorf("%s: fault %d says nothing", c.text, i)
			}
			parts[i] = strings.TrimSpace(fmt.Sprintf("%d %s %s", f.Pos.Col, f.Class, f.Hint))
		}
		got := strings.Join(parts, " | ")
		if !strings.HasPrefix(got, c.want) || strings.Count(got, " | ") != strings.Count(c.want, " | ") {
			t.Errorf("%s:\n got %s\nwant %s\n%v", c.text, got, c.want, faults)
		}
	}
}

// TestPredicate: a condition is BOOLEAN.
func TestPredicate(t *testing.T) {
	b := expr.Binder{Scope: purchase, Zone: time.UTC}
	if _, faults := b.BindPredicate(parse(t, "amount + 1")); len(faults) != 1 || faults[0].Class != "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN" {
		t.Errorf("faults %v", faults)
	}
	n, faults := b.BindPredicate(parse(t, "NULL"))
	if len(faults) > 0 || n.Type.String() != "boolean" {
		t.Errorf("NULL: %v %v", n, faults)
	}
}

// TestHookReportsAll: a hook that binds its arguments reports what they have wrong, once.
func TestHookReportsAll(t *testing.T) {
	b := expr.Binder{Scope: purchase, Zone: time.UTC}
	b.Call = func(b *expr.Binder, c *sql.Call) (*expr.Node, *sql.Fault) {
		if c.Name.Name != "sum" {
			return nil, nil
		}
		n, faults := b.Bind(c.Args[0])
		if len(faults) > 0 {
			return nil, &faults[0]
		}
		return n, nil
	}
	_, faults := b.Bind(parse(t, "sum(nope1 + nope2) + upper(nope3)"))
	if len(faults) != 3 {
		t.Errorf("%d faults, want 3: %v", len(faults), faults)
	}
	n, faults := b.Bind(parse(t, "sum(amount * 2) + 1"))
	if len(faults) > 0 || n.String() != "((amount * 2.0) + 1.0)" {
		t.Errorf("%v %v", n, faults)
	}
}
