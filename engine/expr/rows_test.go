package expr_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// table is a scope over the columns of one relation, t.
type table struct{ fields []column.Field }

func (s table) Resolve(parts []sql.Ident) (*expr.Node, int, *sql.Fault) {
	skip := 0
	if len(parts) > 1 && strings.EqualFold(parts[0].Name, "t") {
		skip = 1
	}
	for i, f := range s.fields {
		if strings.EqualFold(f.Name, parts[skip].Name) {
			return expr.Col(i, f.Name, f.Type), skip + 1, nil
		}
	}
	return nil, 0, nil
}

func (s table) Names() []string {
	var names []string
	for _, f := range s.fields {
		names = append(names, f.Name)
	}
	return names
}

func (s table) Expand(*sql.Star) ([]*expr.Node, *sql.Fault) {
	var nodes []*expr.Node
	for i, f := range s.fields {
		nodes = append(nodes, expr.Col(i, f.Name, f.Type))
	}
	return nodes, nil
}

// purchase is the columns of the tests: those of a purchase and one of each other kind.
var purchase = table{[]column.Field{
	{Name: "id", Type: column.Of(column.String)},
	{Name: "category", Type: column.Of(column.String)},
	{Name: "amount", Type: column.Of(column.Float64)},
	{Name: "discount", Type: column.Of(column.Float64)},
	{Name: "quantity", Type: column.Of(column.Int32)},
	{Name: "total", Type: column.Of(column.Int64)},
	{Name: "ts", Type: column.Of(column.Timestamp)},
	{Name: "day", Type: column.Of(column.Date)},
	{Name: "price", Type: column.DecimalOf(10, 2)},
	{Name: "wide", Type: column.DecimalOf(38, 6)},
	{Name: "flag", Type: column.Of(column.Bool)},
	{Name: "place", Type: column.StructOf(column.Field{Name: "city", Type: column.Of(column.String)}, column.Field{Name: "zip", Type: column.Of(column.Int32)})},
	{Name: "tags", Type: arrayOf(column.Of(column.String))},
	{Name: "counts", Type: arrayOf(column.Of(column.Int32))},
	{Name: "number", Type: column.Of(column.String)},
}}

func arrayOf(t column.Type) column.Type { return column.Type{Kind: column.Array, Elem: &t} }

// purchases makes rows with a NULL in about one value of nulls (0: none).
func purchases(n int, seed uint64, nulls int) *column.Batch {
	r := rand.New(rand.NewPCG(seed, 1))
	b := &column.Batch{}
	b.Reset(&column.Schema{Fields: purchase.fields})
	categories := []string{"electronics", "clothing", "食品", "books", ""}
	for i := 0; i < n; i++ {
		for c := range b.Cols {
			v := &b.Cols[c]
			if nulls > 0 && r.IntN(nulls) == 0 {
				v.AppendNull()
				continue
			}
			switch purchase.fields[c].Name {
			case "id":
				v.AppendString(fmt.Sprintf("order-%08d", r.IntN(1e8)))
			case "category":
				v.AppendString(categories[r.IntN(len(categories))])
			case "amount":
				v.AppendFloat(float64(r.IntN(10_000_000)) / 100)
			case "discount":
				v.AppendFloat(float64(r.IntN(5)) * 5)
			case "quantity":
				v.AppendInt(int64(r.IntN(7)) - 1)
			case "total":
				v.AppendInt(r.Int64N(1_000_000) - 1000)
			case "ts":
				v.AppendInt(1_767_323_045_000_000 + r.Int64N(400*86_400_000_000) - 200*86_400_000_000)
			case "day":
				v.AppendInt(20_000 + r.Int64N(1000))
			case "price":
				v.AppendInt(r.Int64N(1_000_000) - 5000)
			case "wide":
				v.AppendDecimal(r.Int64N(1000)-500, int64(r.Uint64()))
			case "flag":
				v.AppendInt(int64(r.IntN(2)))
			case "number":
				v.AppendString([]string{"1", "22", "x", "3.5", " 7 "}[r.IntN(5)])
			case "place":
				v.Kids[0].AppendString("city" + fmt.Sprint(r.IntN(9)))
				v.Kids[1].AppendInt(r.Int64N(99999))
			case "tags":
				for k := r.IntN(4); k > 0; k-- {
					v.Kids[0].AppendString(categories[r.IntN(len(categories))])
				}
				v.Ends = append(v.Ends, uint32(v.Kids[0].Len()))
			case "counts":
				for k := r.IntN(5); k > 0; k-- {
					v.Kids[0].AppendInt(r.Int64N(10) - 2)
				}
				v.Ends = append(v.Ends, uint32(v.Kids[0].Len()))
			}
		}
		b.Len++
	}
	for c := range b.Cols {
		cover(&b.Cols[c], n)
	}
	b.SelectAll()
	return b
}

// cover makes the bitmaps as long as the rows.
func cover(v *column.Vector, n int) {
	v.EnsureNull(n)
	for k := range v.Kids {
		cover(&v.Kids[k], v.Kids[k].Len())
	}
}

// pick is the rows of b in order, as a batch of its own.
func pick(b *column.Batch, rows []uint32) *column.Batch {
	out := &column.Batch{}
	out.Reset(b.Schema)
	for _, i := range rows {
		out.AppendRow(b, int(i))
	}
	for c := range out.Cols {
		cover(&out.Cols[c], out.Len)
	}
	out.SelectAll()
	return out
}

// bind parses and binds over purchase.
func bind(t testing.TB, text string) *expr.Node {
	t.Helper()
	e, faults := sql.ParseExpr("test", text)
	if len(faults) > 0 {
		t.Fatalf("%s: %v", text, faults)
	}
	b := expr.Binder{Scope: purchase, Zone: time.UTC}
	n, faults := b.Bind(e)
	if len(faults) > 0 {
		t.Fatalf("%s: %v", text, faults)
	}
	return n
}

func compile(t testing.TB, text string, zone *time.Location) (*expr.Eval, *expr.Node) {
	t.Helper()
	n := bind(t, text)
	run, err := expr.Compile(n, expr.Env{Zone: zone, Now: factNow})
	if err != nil {
		t.Fatal(err)
	}
	return run, n
}

// faultsOf binds a text that is wrong.
func faultsOf(t *testing.T, text string) sql.Faults {
	t.Helper()
	e, faults := sql.ParseExpr("test", text)
	if len(faults) > 0 {
		t.Fatalf("%s: %v", text, faults)
	}
	b := expr.Binder{Scope: purchase, Zone: time.UTC}
	_, faults = b.Bind(e)
	return faults
}

func parse(t testing.TB, text string) sql.Expr {
	e, faults := sql.ParseExpr("test", text)
	if len(faults) > 0 {
		t.Fatalf("%s: %v", text, faults)
	}
	return e
}

func showIn(v *column.Vector, zone *time.Location) string {
	return string(codec.AppendValueText(nil, v, 0, zone))
}
