package harness_test

import (
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nagare-stream/nagare/harness"
)

const everyType = `SELECT CAST(7 AS TINYINT) AS small, CAST('NaN' AS DOUBLE) AS nan, CAST(1.50 AS DECIMAL(5,2)) AS exact,
  true AS yes, '' AS empty, DATE'2026-03-01' AS day, TIMESTAMP'2026-03-01 12:00:00.25' AS at, CAST(NULL AS INT) AS nothing,
  array(1, 2) AS list, named_struct('x', 1.5D, 'y', 'z') AS pair, map('k', 9007199254740993L) AS big, CAST('ab' AS BINARY) AS raw`

func TestValuesOfEveryType(t *testing.T) {
	t.Parallel()
	env := open(t)
	got := env.Query(everyType)[0]
	if f := got["nan"].(float64); !math.IsNaN(f) {
		t.Errorf("NaN is %v", f)
	}
	delete(got, "nan")
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	want := harness.Row{
		"small": int64(7), "exact": "1.50", "yes": true, "empty": "", "day": day, "at": day.Add(12*time.Hour + 250*time.Millisecond), "nothing": nil,
		"list": []any{int64(1), int64(2)}, "pair": map[string]any{"x": 1.5, "y": "z"}, "big": map[string]any{"k": int64(9007199254740993)}, "raw": []byte("ab"),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the values differ (-want +got):\n%s", d)
	}

	type common struct {
		Small int8
		Day   time.Time
	}
	type row struct {
		common
		Nan     float64
		Exact   big.Rat
		AsText  string          `nagare:"exact"`
		Yes     *bool           `json:"yes,omitempty"`
		Nothing *int            `nagare:"nothing"`
		List    []int           `nagare:"list"`
		Pair    struct{ X any } `nagare:"pair"`
		Big     map[string]int64
		Raw     []byte
		At      any
		Mine    func() `nagare:"-"`
	}
	r := harness.Select[row](env, everyType)[0]
	if r.Small != 7 || !r.Day.Equal(day) || !math.IsNaN(r.Nan) || r.Yes == nil || !*r.Yes || r.Nothing != nil || len(r.List) != 2 ||
		r.Pair.X != 1.5 || r.Big["k"] != 9007199254740993 || string(r.Raw) != "ab" || r.Exact.Cmp(big.NewRat(3, 2)) != 0 || r.AsText != "1.50" || r.At != any(want["at"]) {
		t.Errorf("the struct is %+v", r)
	}
}
