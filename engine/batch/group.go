package batch

import (
	"slices"

	"fmt"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

// grouping is a GROUP BY under way.
type grouping struct {
	node    *plan.Aggregate
	hash    *agg.Hash
	keys    []*computed
	args    []*computed // nil: count(*)
	filters []*computed // nil: none
	counted int64

	keyCols []*column.Vector
	inputs  []*column.Vector
	picked  [][]uint32
	// of ROLLUP and CUBE: the sets, each with its id, and a column of NULLs for each key
	nulls []column.Vector
	id    column.Vector
}

// aggregate groups rows. Groups come out in the order of their keys.
func (r *runner) aggregate(n *plan.Aggregate, emit func(*column.Batch) error) error {
	in, keys := n.In, append([]*expr.Node{}, n.Keys...)
	run := func(take func(*column.Batch) error) error { return r.run(in, take) }
	if n.WindowKey >= 0 {
		at := len(in.Columns())
		keys[n.WindowKey] = expr.Col(at, "window", n.Keys[n.WindowKey].Type)
		schema := schemaOf(in)
		schema.Fields = append(schema.Fields, column.Field{Name: "window", Type: keys[n.WindowKey].Type})
		run = func(take func(*column.Batch) error) error { return r.assign(in, n.Window, schema, take) }
		if n.Window.Session {
			others := append(append([]*expr.Node{}, keys[:n.WindowKey]...), keys[n.WindowKey+1:]...)
			run = func(take func(*column.Batch) error) error { return r.sessions(in, n.Window, others, schema, take) }
		}
	}
	g, err := r.newGrouping(n, keys)
	if err != nil {
		return err
	}
	defer r.shrink(&g.counted)
	p := &pieces{r: r}
	err = run(func(b *column.Batch) error {
		return p.each(b, func(b *column.Batch) error {
			if err := g.take(b); err != nil {
				return err
			}
			return r.grow(&g.counted, g.hash.Size())
		})
	})
	if err != nil {
		return err
	}
	return r.emitGroups(g, emit)
}

func (r *runner) newGrouping(n *plan.Aggregate, keys []*expr.Node) (*grouping, error) {
	g := &grouping{node: n}
	types := make([]column.Type, len(keys))
	for i, k := range keys {
		types[i] = k.Type
	}
	if n.Grouping != nil {
		types = append(types, column.Of(column.Int64))
	}
	specs := make([]agg.Spec, len(n.Aggs))
	for i, a := range n.Aggs {
		specs[i] = a.Spec
	}
	var err error
	if g.hash, err = agg.NewHash(types, specs); err != nil {
		return nil, fmt.Errorf("group rows: %w", err)
	}
	g.hash.Ask(r.ask(&g.counted))
	if g.keys, err = r.compileAll(keys); err != nil {
		return nil, err
	}
	g.args, g.filters = make([]*computed, len(n.Aggs)), make([]*computed, len(n.Aggs))
	for i, a := range n.Aggs {
		if a.Arg != nil {
			if g.args[i], err = r.compile(a.Arg); err != nil {
				return nil, err
			}
		}
		if a.Filter != nil {
			if g.filters[i], err = r.compile(a.Filter); err != nil {
				return nil, err
			}
		}
	}
	g.keyCols, g.nulls = make([]*column.Vector, len(types)), make([]column.Vector, len(keys))
	g.inputs, g.picked = make([]*column.Vector, len(n.Aggs)), make([][]uint32, len(n.Aggs))
	return g, nil
}

// take folds one batch.
func (g *grouping) take(b *column.Batch) error {
	if len(b.Sel) == 0 {
		return nil
	}
	values := make([]*column.Vector, len(g.keys))
	for i, k := range g.keys {
		v, err := k.over(b)
		if err != nil {
			return err
		}
		values[i] = v
	}
	filtered := false
	for i := range g.args {
		g.inputs[i], g.picked[i] = nil, nil
		from := b
		if g.filters[i] != nil {
			rows, err := g.filters[i].where(b, []uint32{})
			if err != nil {
				return err
			}
			g.picked[i], filtered = rows, true
			narrowed := *b
			narrowed.Sel = rows
			from = &narrowed
		}
		if g.args[i] != nil {
			v, err := g.args[i].over(from)
			if err != nil {
				return err
			}
			g.inputs[i] = v
		}
	}
	fold := func() {
		if filtered {
			g.hash.UpdateFiltered(g.keyCols, g.inputs, b.Sel, g.picked)
		} else {
			g.hash.Update(g.keyCols, g.inputs, b.Sel)
		}
	}
	if g.node.Grouping == nil {
		copy(g.keyCols, values)
		return agg.Try(fold)
	}
	for i, set := range g.node.Grouping {
		g.keySet(values, set, b.Len, g.again(i))
		if err := agg.Try(fold); err != nil {
			return err
		}
	}
	return nil
}

// setBits is how many keys sets may have: the bits of a set's id above them tell equal sets apart.
const setBits = 60

// again is how many sets before set i are equal to it: its groups are others.
func (g *grouping) again(i int) int64 {
	n := int64(0)
	for _, set := range g.node.Grouping[:i] {
		if slices.Equal(set, g.node.Grouping[i]) {
			n++
		}
	}
	return n
}

// keySet makes the key columns of one set of ROLLUP, CUBE or GROUPING SETS: NULL for a key that it leaves out,
// and the set's id.
func (g *grouping) keySet(values []*column.Vector, set []int, rows int, again int64) {
	id := int64(1)<<len(values) - 1
	for i, v := range values {
		g.nulls[i].Reset(v.Type)
		for n := 0; n < rows; n++ {
			appendNull(&g.nulls[i], n)
		}
		g.keyCols[i] = &g.nulls[i]
	}
	for _, k := range set {
		g.keyCols[k] = values[k]
		id &^= 1 << (len(values) - 1 - k)
	}
	g.id.Reset(column.Of(column.Int64))
	for n := 0; n < rows; n++ {
		g.id.AppendInt(id | again<<setBits)
	}
	g.keyCols[len(values)] = &g.id
}

// emitGroups gives the groups in the order of their keys. What an aggregate gives can be as large as its
// state: so many groups go into a batch as the last ones let expect to fit.
func (r *runner) emitGroups(g *grouping, emit func(*column.Batch) error) error {
	g.hash.Ensure()
	slots, err := r.sorted(g)
	if err != nil {
		return err
	}
	for _, s := range slots {
		if class := g.hash.Failed(s); class != "" {
			return &Error{Class: class, Detail: "an aggregate has no result"}
		}
	}
	out := &column.Batch{}
	schema := schemaOf(g.node)
	results := make([]column.Vector, len(g.node.Aggs))
	counted, most := int64(0), 1
	defer r.shrink(&counted)
	g.hash.Ask(r.ask(&counted))
	for len(slots) > 0 {
		n := min(len(slots), most)
		out.Reset(schema)
		for i := range results {
			if err := r.result(g, i, results, slots[:n], &counted); err != nil {
				return err
			}
		}
		g.rows(out, results, slots[:n])
		if err := r.job.yield(); err != nil {
			return err
		}
		if err := emit(out); err != nil {
			return err
		}
		slots = slots[n:]
		size := int64(1)
		for i := range out.Cols {
			size += out.Cols[i].Size()
		}
		most = int(min(4*int64(n), max(1, r.piece/4*int64(n)/size), batchRows))
	}
	return nil
}

// result computes aggregate i of groups, and counts what all results take.
func (r *runner) result(g *grouping, i int, results []column.Vector, slots []uint32, counted *int64) error {
	most := r.resultRoom(&results[i])
	results[i].Reset(g.node.Aggs[i].Spec.Type)
	if err := agg.Try(func() { g.hash.ResultWithin(i, most, &results[i], slots) }); err != nil {
		return err
	}
	if results[i].Size() > most {
		return r.job.full()
	}
	size := int64(0)
	for k := range results {
		size += results[k].Capacity()
	}
	return r.grow(counted, size)
}

// resultRoom is up to how many bytes an aggregate may append to a vector, which holds the old ones while it grows.
func (r *runner) resultRoom(v *column.Vector) int64 {
	return max(v.Capacity(), r.job.free()*4/5, 1)
}

// rows fills a batch with groups.
func (g *grouping) rows(out *column.Batch, results []column.Vector, slots []uint32) {
	keys := g.hash.Keys()
	for row, s := range slots {
		for k := range g.keys {
			appendCell(&out.Cols[k], row, &keys[k], int(s))
		}
		if g.node.Grouping != nil {
			out.Cols[len(g.keys)+len(results)].AppendInt(keys[len(g.keys)].Int[s] & (1<<setBits - 1))
		}
	}
	for a := range results {
		out.Cols[len(g.keys)+a] = results[a]
	}
	out.Len = len(slots)
	out.SelectAll()
}

// sorted lists the groups in the order of their keys.
func (r *runner) sorted(g *grouping) ([]uint32, error) {
	cols := g.hash.Keys()
	keys := &rowKeys{}
	defer r.shrink(&keys.counted)
	ask := r.ask(&keys.counted)
	values := make([]*column.Vector, len(cols))
	for k := range cols {
		values[k] = &cols[k]
	}
	slots := make([]uint32, g.hash.Len())
	for s := range slots {
		slots[s] = uint32(s)
		if err := keys.reserve(values, s, len(slots), ask); err != nil {
			return nil, err
		}
		for k := range cols {
			keys.Data = appendSortKey(keys.Data, &cols[k], s, plan.SortKey{NullsFirst: true})
		}
		keys.Close()
		if s&countRows == countRows {
			if err := r.check(keys); err != nil {
				return nil, err
			}
		}
	}
	return r.order(keys, slots)
}
