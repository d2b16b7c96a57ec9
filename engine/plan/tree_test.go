package plan

import (
	"testing"

	"github.com/nagare-stream/nagare/engine/expr"
)

// checkTree checks what every tree of operators holds to: expressions refer to columns of their input, of the
// type that they say, and no placeholder is left.
func checkTree(t testing.TB, n Node) {
	t.Helper()
	var cols []Column
	for _, in := range n.Inputs() {
		checkTree(t, in)
		cols = append(cols, in.Columns()...)
	}
	eachExpr(n, func(e *expr.Node) {
		e.Walk(func(m *expr.Node) {
			if isWindowCall(m) {
				return
			}
			if m.Op != expr.OpColumn {
				return
			}
			if m.Index < 0 || m.Index >= len(cols) {
				t.Fatalf("%s: column %d of %d in %s", oneLine(n), m.Index, len(cols), e)
			}
			if !m.Type.Equal(cols[m.Index].Type) {
				t.Fatalf("%s: column %d is %s, used as %s in %s", oneLine(n), m.Index, cols[m.Index].Type, m.Type, e)
			}
		})
	})
	switch n := n.(type) {
	case *Project:
		if len(n.Exprs) != len(n.Cols) {
			t.Fatalf("%d expressions for %d columns", len(n.Exprs), len(n.Cols))
		}
		for i, e := range n.Exprs {
			if !e.Type.Equal(n.Cols[i].Type) {
				t.Fatalf("column %s is %s, its expression %s", n.Cols[i].Name, n.Cols[i].Type, e.Type)
			}
		}
	case *Filter:
		if e := n.Pred; e.Type.String() != "boolean" {
			t.Fatalf("a filter by %s: %s", e.Type, e)
		}
	}
}

func TestTreesOfShippedProjects(t *testing.T) {
	for _, dir := range []string{"../../pipelines/nexmark", "../../pipelines/purchases", "../../pipelines/retail"} {
		p, _ := Resolve(readProject(t, dir))
		for _, d := range p.Datasets {
			for _, f := range d.Flows {
				checkTree(t, f.Root)
			}
		}
	}
}
