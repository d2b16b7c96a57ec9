package sql

import (
	"strconv"
	"strings"
)

// leftOut are the arguments that Spark adds to a call that has the number of arguments behind the slash, as
// it prints them.
var leftOut = map[string][]string{
	"split/2": {"-1"}, "substr/2": {"2147483647"}, "substring/2": {"2147483647"}, "overlay/3": {"-1"}, "locate/2": {"1"}, "position/2": {"1"},
	"lpad/2": {" "}, "rpad/2": {" "}, "replace/2": {""}, "round/1": {"0"}, "bround/1": {"0"}, "months_between/2": {"true"},
	"unix_timestamp/0": {"current_timestamp()", "yyyy-MM-dd HH:mm:ss"}, "unix_timestamp/1": {"yyyy-MM-dd HH:mm:ss"},
	"to_unix_timestamp/1": {"yyyy-MM-dd HH:mm:ss"}, "from_unixtime/1": {"yyyy-MM-dd HH:mm:ss"}, "str_to_map/1": {",", ":"}, "str_to_map/2": {":"},
	"regexp_replace/3": {"1"}, "regexp_extract/2": {"1"}, "regexp_extract_all/2": {"1"}, "regexp_instr/2": {"0"}, "sort_array/1": {"true"},
	"percentile/2": {"1"}, "percentile_approx/2": {"10000"}, "approx_percentile/2": {"10000"}, "listagg/1": {"NULL"}, "string_agg/1": {"NULL"},
	"lag/1": {"1", "NULL"}, "lag/2": {"NULL"}, "lead/1": {"1", "NULL"}, "lead/2": {"NULL"}, "mask/1": {"X", "x", "n", "NULL"}, "mask/2": {"x", "n", "NULL"},
	"mask/3": {"n", "NULL"}, "mask/4": {"NULL"}, "sentences/1": {"", ""}, "sentences/2": {""}, "current_time/0": {"6"},
	"make_ym_interval/0": {"0", "0"}, "make_ym_interval/1": {"0"},
	"make_dt_interval/0": {"0", "0", "0", "0.000000"}, "make_dt_interval/1": {"0", "0", "0.000000"}, "make_dt_interval/2": {"0", "0.000000"}, "make_dt_interval/3": {"0.000000"},
	"aggregate/3": {"lambdafunction(namedlambdavariable(), namedlambdavariable())"}, "reduce/3": {"lambdafunction(namedlambdavariable(), namedlambdavariable())"},
	"array_sort/1": {"lambdafunction((IF(((namedlambdavariable() IS NULL) AND (namedlambdavariable() IS NULL)), 0, (IF((namedlambdavariable() IS NULL), 1, " +
		"(IF((namedlambdavariable() IS NULL), -1, (IF((namedlambdavariable() < namedlambdavariable()), -1, (IF((namedlambdavariable() > namedlambdavariable()), 1, 0)))))))))), " +
		"namedlambdavariable(), namedlambdavariable())"},
	"approx_top_k/1": {"5", "10000"}, "approx_top_k/2": {"10000"},
}

// inCapitals are the functions whose names Spark prints so.
const inCapitals = ` acos acosh asin asinh atan atan2 atanh cbrt cos cosh cot csc degrees e exp expm1 hypot log log10 log1p log2 pi power radians sec signum sin sinh sqrt tan tanh rank dense_rank percent_rank regexp rlike regexp_like `

func (p printer) call(e *Call) string {
	name := strings.ToLower(e.Name.Name)
	if text := p.form(e, name); text != "" {
		return text
	}
	args := e.Args
	switch name {
	case "array_agg":
		name = "collect_list"
	case "curdate":
		name = "current_date"
	case "to_varchar":
		name = "to_char"
	case "first", "first_value", "last", "last_value", "any_value", "from_json", "from_csv", "to_json", "to_csv", "schema_of_json", "schema_of_csv", "approx_count_distinct":
		args = args[:min(1, len(args))] // the others are properties in Spark
	case "ceil", "floor":
		if len(args) == 1 {
			name = strings.ToUpper(name)
		}
	}
	texts := append(p.each(args), leftOut[name+"/"+strconv.Itoa(len(args))]...)
	switch {
	case e.Star:
		texts = []string{"1"}
	case strings.Contains(inCapitals, " "+name+" "):
		name = strings.ToUpper(name)
	case strings.HasSuffix(name, "make_interval"):
		for i := len(args); i < 7; i++ {
			texts = append(texts, [...]string{"0", "0", "0", "0", "0", "0", "0.000000"}[i])
		}
	case name == "assert_true" && len(args) == 1:
		texts = append(texts, "'"+texts[0]+"' is not true!")
	case name == "convert_timezone" && len(args) == 2:
		texts = append([]string{"current_timezone()"}, texts...)
	case name == "raise_error" && len(args) == 1:
		texts = []string{"USER_RAISED_EXCEPTION", "map(errorMessage, " + texts[0] + ")"}
	}
	text := strings.Join(texts, ", ")
	if e.Distinct {
		text = "DISTINCT " + text
	}
	return name + "(" + text + ")" + p.behind(e, name)
}

// form prints the calls that Spark has no function for, or another form; "": there is none.
func (p printer) form(e *Call, name string) string {
	texts := p.each(e.Args)
	switch name + "/" + strconv.Itoa(len(texts)) {
	case "if/3":
		return "(IF(" + strings.Join(texts, ", ") + "))"
	case "isnull/1":
		return "(" + texts[0] + " IS NULL)"
	case "isnotnull/1":
		return "(" + texts[0] + " IS NOT NULL)"
	case "positive/1":
		return "(+ " + texts[0] + ")"
	case "like/2":
		return texts[0] + " LIKE " + texts[1]
	case "trim/2":
		return "TRIM(BOTH " + texts[0] + " FROM " + texts[1] + ")"
	case "ltrim/2":
		return "TRIM(LEADING " + texts[0] + " FROM " + texts[1] + ")"
	case "rtrim/2":
		return "TRIM(TRAILING " + texts[0] + " FROM " + texts[1] + ")"
	case "log/1":
		return "LOG(E(), " + texts[0] + ")"
	case "datepart/2":
		return "datepart(" + texts[0] + " FROM " + texts[1] + ")"
	case "dateadd/2":
		return "date_add(" + texts[0] + ", " + texts[1] + ")"
	case "dateadd/3", "date_add/3":
		return "timestampadd(" + strings.Join(texts, ", ") + ")"
	case "datediff/3", "date_diff/3":
		return "timestampdiff(" + strings.Join(texts, ", ") + ")"
	case "mode/2":
		return "mode() WITHIN GROUP (ORDER BY " + texts[0] + " DESC)" + p.behind(&Call{Filter: e.Filter, Over: e.Over}, name)
	case "int/1", "bigint/1", "smallint/1", "tinyint/1", "float/1", "double/1", "decimal/1", "string/1", "boolean/1", "binary/1", "date/1", "timestamp/1":
		return texts[0]
	}
	return ""
}

// behind prints what may follow a call.
func (p printer) behind(e *Call, name string) string {
	text := ""
	if len(e.WithinGroup) > 0 {
		orders := make([]string, len(e.WithinGroup))
		for i, o := range e.WithinGroup {
			orders[i] = p.order(o)
			if name != "listagg" && name != "string_agg" { // the direction is a property there
				orders[i] = p.print(o.Expr)
				if o.Desc != (name == "mode") {
					orders[i] += " DESC"
				}
			}
		}
		text += " WITHIN GROUP (ORDER BY " + strings.Join(orders, ", ") + ")"
	}
	if e.Filter != nil {
		text += " FILTER (WHERE " + p.print(e.Filter) + ")"
	}
	if e.Over != nil {
		text += " OVER (" + p.over(e, name) + ")"
	}
	return text
}

func (p printer) order(o OrderItem) string {
	text, first := p.print(o.Expr)+" ASC", !o.Desc
	if o.Desc {
		text = p.print(o.Expr) + " DESC"
	}
	if o.NullsFirst != nil {
		first = *o.NullsFirst
	}
	if first {
		return text + " NULLS FIRST"
	}
	return text + " NULLS LAST"
}

// over prints the inside of OVER (…), with the frame that holds where none is written.
func (p printer) over(e *Call, name string) string {
	var parts []string
	if len(e.Over.PartitionBy) > 0 {
		parts = append(parts, "PARTITION BY "+p.list(e.Over.PartitionBy))
	}
	orders := make([]string, len(e.Over.OrderBy))
	for i, o := range e.Over.OrderBy {
		orders[i] = p.order(o)
	}
	if len(orders) > 0 {
		parts = append(parts, "ORDER BY "+strings.Join(orders, ", "))
	}
	return strings.Join(append(parts, p.frame(e, strings.ToLower(name))), " ")
}

func (p printer) frame(e *Call, name string) string {
	const running = " BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
	switch name {
	case "rank", "dense_rank", "percent_rank", "row_number", "ntile":
		return "ROWS" + running
	case "cume_dist":
		return "RANGE" + running
	case "lag", "lead":
		n := "1"
		if len(e.Args) > 1 {
			n = p.print(e.Args[1])
		}
		if name == "lag" && strings.HasPrefix(n, "-") {
			n = n[1:]
		} else if name == "lag" {
			n = "-" + n
		}
		return "ROWS BETWEEN " + n + " FOLLOWING AND " + n + " FOLLOWING"
	}
	f := e.Over.Frame
	switch {
	case f == nil && len(e.Over.OrderBy) > 0:
		return "RANGE" + running
	case f == nil:
		return "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
	}
	word := "RANGE"
	if f.Rows {
		word = "ROWS"
	}
	return word + " BETWEEN " + p.bound(f.Start) + " AND " + p.bound(f.End)
}

func (p printer) bound(b Bound) string {
	if b.Offset == nil {
		return b.Kind
	}
	return p.print(b.Offset) + " " + b.Kind
}
