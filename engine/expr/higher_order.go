package expr

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/sql"
)

// higherOrder are the functions that take lambdas.
func higherOrder() []function {
	return []function{
		{name: "transform", lambda: bindOverArray(transformType), compile: compileOverElements},
		{name: "filter", lambda: bindOverArray(filterType), compile: compileOverElements},
		{name: "exists", lambda: bindOverArray(testType), compile: compileOverElements},
		{name: "forall", lambda: bindOverArray(testType), compile: compileOverElements},
		{name: "transform_values", lambda: bindOverMap, compile: compileOverElements},
		{name: "transform_keys", lambda: bindOverMap, compile: compileOverElements},
		{name: "map_filter", lambda: bindOverMap, compile: compileOverElements},
		{name: "zip_with", lambda: bindZip, compile: compileZip},
		{name: "aggregate", also: "reduce", lambda: bindAggregate, compile: compileAggregate},
	}
}

// lambdaOf binds a lambda whose parameters have the types; the last ones may be left out, down to least.
func (c *call) lambdaOf(e sql.Expr, least int, types ...column.Type) *Node {
	l, ok := e.(*sql.Lambda)
	if !ok { // a plain value, which is the same for each element
		l = &sql.Lambda{Pos: e.Position(), Body: e}
	} else if len(l.Params) < least || len(l.Params) > len(types) {
		return c.b.fail(sql.Fault{Pos: l.Pos, Class: "INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH",
			Message: fmt.Sprintf("the lambda of %s has %d parameters, not %d", c.name, len(types), len(l.Params))})
	}
	first := len(c.b.vars)
	names := make([]string, len(types))
	for k, p := range l.Params {
		names[k] = p.Name
	}
	for k, t := range types { // those left out have a number too, and no name
		c.b.vars = append(c.b.vars, &variable{name: names[k], typ: t, index: first + k})
	}
	body := c.b.expr(l.Body)
	c.b.vars = c.b.vars[:first]
	if body == nil {
		return nil
	}
	return &Node{Op: OpCall, Func: lambdaFunc, Type: body.Type, Index: first, Name: strings.Join(names[:len(l.Params)], ", "), Args: []*Node{body}, Pos: l.Pos}
}

// bodyTyped is a lambda whose body is cast to a type, or a fault.
func (c *call) bodyTyped(l *Node, t column.Type) *Node {
	if !implicit(l.Type, t) {
		c.fault("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "the lambda of %s gives %s, not %s", c.name, l.Type, t)
		return nil
	}
	as := *l
	as.Args, as.Type = []*Node{castTo(l.Args[0], t)}, t
	return &as
}

// twoArgs checks the number of syntactic arguments and binds the first.
func (c *call) firstOf(args []sql.Expr, least, most int, kind column.Kind, what string) *Node {
	c.args = make([]*Node, len(args))
	if !c.arity(least, most) {
		return nil
	}
	in := c.b.expr(args[0])
	if in == nil {
		return nil
	}
	if in.Type.Kind != kind {
		c.args[0] = in
		return c.mismatch(0, what)
	}
	return in
}

// bindOverArray binds f(array, x -> …) and f(array, (x, i) -> …).
func bindOverArray(result func(c *call, in, l *Node) (*Node, column.Type)) func(c *call, args []sql.Expr) *Node {
	return func(c *call, args []sql.Expr) *Node {
		in := c.firstOf(args, 2, 2, column.Array, "an array")
		if in == nil {
			return nil
		}
		l := c.lambdaOf(args[1], 1, *in.Type.Elem, column.Of(column.Int32))
		if l == nil {
			return nil
		}
		l, t := result(c, in, l)
		if l == nil {
			return nil
		}
		c.args = []*Node{in, l}
		return c.node(t)
	}
}

func transformType(_ *call, _, l *Node) (*Node, column.Type) {
	elem := l.Type
	return l, column.Type{Kind: column.Array, Elem: &elem}
}

func filterType(c *call, in, l *Node) (*Node, column.Type) { return c.bodyTyped(l, boolean), in.Type }

func testType(c *call, _, l *Node) (*Node, column.Type) { return c.bodyTyped(l, boolean), boolean }

// bindOverMap binds f(map, (k, v) -> …).
func bindOverMap(c *call, args []sql.Expr) *Node {
	in := c.firstOf(args, 2, 2, column.Map, "a map")
	if in == nil {
		return nil
	}
	l := c.lambdaOf(args[1], 2, *in.Type.Key, *in.Type.Elem)
	if l == nil {
		return nil
	}
	t, part := in.Type, l.Type
	switch c.fn.name {
	case "transform_values":
		t.Elem = &part
	case "transform_keys":
		t.Key = &part
	default:
		if l = c.bodyTyped(l, boolean); l == nil {
			return nil
		}
	}
	c.args = []*Node{in, l}
	return c.node(t)
}

// overElements evaluates a lambda for all elements at once.
type overElements struct {
	name  string
	in    step
	body  step
	vars  []*variable
	elems elements
	index column.Vector // the second parameter over an array
	// result is what becomes of the body's values, as a call over the arrays and them.
	result *callStep
	slots  [2]slot
}

// lambda compiles a body with its variables one level deeper.
func (c *compiler) lambda(l *Node, types ...column.Type) (step, []*variable, error) {
	outer := len(c.vars)
	c.level++
	for k, t := range types {
		c.vars = append(c.vars, &variable{typ: t, index: l.Index + k, level: c.level})
	}
	vars := append([]*variable(nil), c.vars[outer:]...)
	body, err := c.step(l.Args[0])
	c.vars = c.vars[:outer]
	c.level--
	return body, vars, err
}

func compileOverElements(c *compiler, n *Node) (step, error) {
	in, err := c.step(n.Args[0])
	if err != nil {
		return nil, err
	}
	s := &overElements{name: n.Func, in: in}
	t := n.Args[0].Type
	first, second := t.Elem, column.Of(column.Int32)
	if t.Kind == column.Map {
		first, second = t.Key, *t.Elem
	}
	if s.body, s.vars, err = c.lambda(n.Args[1], *first, second); err != nil {
		return nil, err
	}
	s.result = newCall(n.Type, []step{&s.slots[0]}, s.combine, false)
	return s, nil
}

func (s *overElements) eval(x *exec, sel []uint32) *column.Vector {
	s.slots[0].v = s.in.eval(x, sel)
	return s.result.eval(x, sel)
}

// combine runs the body over the elements of the rows that are not NULL.
func (s *overElements) combine(f *frame, rows []uint32) {
	in := f.args[0]
	x, sel := s.elems.of(f.x, in, rows)
	s.vars[0].vec = &in.Kids[0]
	if in.Type.Kind == column.Map {
		s.vars[1].vec = &in.Kids[1]
	} else {
		s.number(x.use, in, rows, x.rows)
		s.vars[1].vec = &s.index
	}
	v := s.body.eval(x, sel)
	switch s.name {
	case "transform":
		f.out.Ends = append(f.out.Ends[:0], in.Ends[:f.x.rows]...)
		f.out.Kids[0] = *v
	case "transform_values":
		f.out.Ends = append(f.out.Ends[:0], in.Ends[:f.x.rows]...)
		f.out.Kids[0], f.out.Kids[1] = in.Kids[0], *v
	case "transform_keys":
		transformKeys(f, rows, v)
	case "exists":
		testElements(f, rows, v, 1)
	case "forall":
		testElements(f, rows, v, 0)
	default: // filter, map_filter
		filterElements(f, rows, v)
	}
}

// number gives each element its place in its array, from 0.
func (s *overElements) number(use *usage, in *column.Vector, rows []uint32, n int) {
	use.add(8 * int64(n))
	s.index.Resize(column.Of(column.Int32), n)
	for _, i := range rows {
		from, to := in.Span(int(i))
		for k := from; k < to; k++ {
			s.index.Int[k] = int64(k - from)
		}
	}
}

func transformKeys(f *frame, rows []uint32, keys *column.Vector) {
	f.grow()
	in := f.args[0]
	for _, i := range rows {
		f.openRow(i)
		begin := f.out.Kids[0].Len()
		for from, to := in.Span(int(i)); from < to; from++ {
			if !f.addKey(i, begin, keys, int(from)) {
				break
			}
			f.out.Kids[1].AppendFrom(&in.Kids[1], int(from))
		}
		f.shutRow()
	}
}

// testElements is exists (decided by a true) and forall (by a false); NULL where a NULL leaves it open.
func testElements(f *frame, rows []uint32, v *column.Vector, decides int64) {
	for _, i := range rows {
		f.out.Int[i] = 1 - decides
		null := false
		for from, to := f.args[0].Span(int(i)); from < to; from++ {
			if v.IsNull(int(from)) {
				null = true
			} else if v.Int[from] == decides {
				f.out.Int[i], null = decides, false
				break
			}
		}
		if null {
			f.null(i)
		}
	}
}

func filterElements(f *frame, rows []uint32, v *column.Vector) {
	f.grow()
	in := f.args[0]
	for _, i := range rows {
		f.openRow(i)
		for from, to := in.Span(int(i)); from < to; from++ {
			if v.IsNull(int(from)) || v.Int[from] == 0 {
				continue
			}
			for k := range f.out.Kids {
				f.out.Kids[k].AppendFrom(&in.Kids[k], int(from))
			}
		}
		f.shutRow()
	}
}
