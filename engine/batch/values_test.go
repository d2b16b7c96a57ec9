package batch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

// TestWrongValues asks queries that once had another answer here than Spark 4.3.0 gives.
func TestWrongValues(t *testing.T) { testValues(t, "../../testdata/spark/wrong_values.tsv", 50) }

// TestValues asks the neighbours of those: regular expressions that match nothing, patterns of time letter by
// letter, names of zones, intervals that overflow, maps as keys, and the types of arguments and operands.
func TestValues(t *testing.T) { testValues(t, "../../testdata/spark/values.tsv", 3000) }

// TestDecimalOperations asks for + - * / % pmod div of DECIMALs of all sizes, with
// spark.sql.decimalOperations.allowPrecisionLoss true and false: type and value, or the error.
func TestDecimalOperations(t *testing.T) {
	testValues(t, "../../testdata/spark/decimal_operations.tsv", 600)
}

// TestMoreValues asks what stood open behind those: windows that GROUP BY cannot make, CLUSTER BY, DISTRIBUTE BY and
// SORT BY, format_string, CSV in a column, and neighbours of what once was wrong.
func TestMoreValues(t *testing.T) { testValues(t, "../../testdata/spark/more_values.tsv", 700) }

// TestAggregateValues asks for percentiles, median, mode, listagg, approx_count_distinct and regr_*, their forms
// and refusals. Columns are named by their places: c0, c1, ….
func TestAggregateValues(t *testing.T) { testValues(t, "../../testdata/spark/aggregates.tsv", 120) }

// TestFunctionValues asks for functions of arrays, bits and bytes, their edges and refusals.
func TestFunctionValues(t *testing.T) { testValues(t, "../../testdata/spark/functions.tsv", 40) }

// testValues asks each line of a file: a query, with SET statements in front, and Spark's answer, the rows as
// JSON in order of their texts with | between, or ERROR and its class.
func testValues(t *testing.T, path string, least int) {
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	asked, byPlace := 0, strings.HasSuffix(path, "aggregates.tsv") || strings.HasSuffix(path, "functions.tsv")
	for lines := bufio.NewScanner(file); lines.Scan(); {
		part := strings.Split(lines.Text(), "\t")
		if part[0] == "query" || strings.HasPrefix(part[0], "#") {
			continue
		}
		asked++
		// A TIMESTAMP_NTZ has milliseconds in to_json and none in the files.
		if got := valuesOf(part[0], byPlace); got != part[1] && strings.ReplaceAll(got, `.000"`, `"`) != part[1] {
			t.Errorf("%s\n got %s\nwant %s", part[0], got, part[1])
		}
	}
	if asked < least {
		t.Errorf("only %d queries in %s", asked, path)
	}
}

func valuesOf(query string, byPlace bool) string {
	pipe := &plan.Pipeline{Config: plan.DefaultConfig()}
	zone := time.UTC
	for {
		set, rest, ok := strings.Cut(query, "; ")
		if !ok || !strings.HasPrefix(set, "SET ") {
			break
		}
		query = rest
		if name, ok := strings.CutPrefix(set, "SET TIME ZONE '"); ok {
			pipe.Config.TimeZone = strings.TrimSuffix(name, "'")
			zone, _ = codec.ParseZone(pipe.Config.TimeZone)
		}
		pipe.Config.KeepScale = pipe.Config.KeepScale || set == "SET spark.sql.decimalOperations.allowPrecisionLoss=false"
	}
	root, faults := plan.BindQuery(pipe, query, nil)
	if len(faults) > 0 {
		return "ERROR " + faults[0].Class
	}
	var rows []string
	env := expr.Env{Zone: zone, Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixMicro()}
	err := Run(context.Background(), root, noInputs, env, func(b *column.Batch) error {
		fields := b.Schema.Fields
		if byPlace {
			fields = slices.Clone(fields)
			for i := range fields {
				fields[i].Name = fmt.Sprintf("c%d", i)
			}
		}
		row := codec.NewRowJSON(fields, codec.JSONFormat{KeepNulls: true, Timestamp: codec.AppendISO})
		for _, i := range b.Sel {
			rows = append(rows, string(row.Append(nil, b.Cols, int(i))))
		}
		return nil
	})
	var failed *Error
	switch {
	case errors.As(err, &failed):
		return "ERROR " + failed.Class
	case err != nil:
		return "ERROR " + err.Error()
	}
	slices.Sort(rows)
	return strings.Join(rows, "|")
}
