package expr

import (
	"fmt"
	"sort"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
)

// Eval is a compiled expression. It is used by one goroutine and keeps its memory between runs.
type Eval struct {
	root step
	pred predicate // nil unless the type is BOOLEAN
	exec exec
	out  column.Vector // the root's result where rows of it had to be made NULL
	use  usage         // of a run in a Room
}

// exec is what the steps of one Eval share during a run.
type exec struct {
	batch *column.Batch
	rows  int // of the batch
	errs  *RowErrors
	env   Env
	// owner maps rows to rows of the batch while elements of arrays are worked on; nil: the same.
	owner []uint32
	// Inside a lambda: the exec around it, the row there for each row here, and how deep this is.
	outer  *exec
	parent []uint32
	level  int
	// sawNow tells constant folding that a result depends on the time.
	sawNow *bool
	use    *usage // nil: the run has no Room
}

// A step is a compiled node.
type step interface {
	// eval gives a vector of exec.rows rows; those outside sel are unspecified (strings: empty or
	// whatever lies there). It is valid until the step's next eval.
	eval(x *exec, sel []uint32) *column.Vector
}

// Compile turns a node into kernels. It fails on a call that has no kernel for its types, which the
// binder never makes.
func Compile(n *Node, env Env) (*Eval, error) {
	if env.Zone == nil {
		env.Zone = time.UTC
	}
	e := &Eval{exec: exec{env: env, sawNow: new(bool)}}
	c := compiler{env: &e.exec.env}
	root, err := c.step(n)
	if err != nil {
		return nil, err
	}
	e.root = root
	if n.Type.Kind == column.Bool {
		if e.pred, err = c.predicate(n); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// Run computes the expression for the rows of sel, ascending row numbers of b. The result has b.Len
// rows, of which only those of sel mean something, and is valid until the next Run. Rows whose
// evaluation fails are NULL and are added to errs, each once; errs may be nil.
func (e *Eval) Run(b *column.Batch, sel []uint32, errs *RowErrors) *column.Vector {
	before := e.begin(b, errs)
	out := e.root.eval(&e.exec, sel)
	if errs != nil && len(errs.Rows) > before {
		errs.settle(before)
		out = e.withNulls(out, errs.Rows[before:])
	}
	return out
}

func (e *Eval) begin(b *column.Batch, errs *RowErrors) int {
	e.exec.batch, e.exec.rows, e.exec.errs = b, b.Len, errs
	if errs == nil {
		return 0
	}
	return len(errs.Rows)
}

// withNulls makes rows NULL in a copy of v that shares its payload.
func (e *Eval) withNulls(v *column.Vector, rows []uint32) *column.Vector {
	bits := e.out.Null[:0]
	e.out = *v
	for len(bits) < (e.exec.rows+63)>>6 {
		bits = append(bits, 0)
	}
	clear(bits)
	copy(bits, v.Null)
	for _, r := range rows {
		bits[r>>6] |= 1 << (r & 63)
	}
	e.out.Null = bits
	return &e.out
}

// settle leaves one failure a row, the first, of those from place on.
func (e *RowErrors) settle(from int) {
	if len(e.Rows)-from < 2 {
		return
	}
	s := &failures{e, from}
	sort.Stable(s)
	kept := from + 1
	for i := from + 1; i < len(e.Rows); i++ {
		if e.Rows[i] != e.Rows[kept-1] {
			e.Rows[kept], e.Classes[kept], e.Details[kept] = e.Rows[i], e.Classes[i], e.Details[i]
			kept++
		}
	}
	e.Rows, e.Classes, e.Details = e.Rows[:kept], e.Classes[:kept], e.Details[:kept]
}

// failures sorts the tail of a RowErrors by row.
type failures struct {
	*RowErrors
	from int
}

func (f *failures) Len() int           { return len(f.Rows) - f.from }
func (f *failures) Less(i, j int) bool { return f.Rows[f.from+i] < f.Rows[f.from+j] }
func (f *failures) Swap(i, j int) {
	i, j = f.from+i, f.from+j
	f.Rows[i], f.Rows[j] = f.Rows[j], f.Rows[i]
	f.Classes[i], f.Classes[j] = f.Classes[j], f.Classes[i]
	f.Details[i], f.Details[j] = f.Details[j], f.Details[i]
}

// compiler makes steps of nodes.
type compiler struct {
	env *Env
	// vars are the variables of the lambdas around the node, innermost last.
	vars  []*variable
	level int // how many lambdas there are around
}

func (c *compiler) step(n *Node) (step, error) {
	switch n.Op {
	case OpColumn:
		return &columnStep{index: n.Index}, nil
	case OpConst:
		return &constStep{value: n.Const}, nil
	case OpField:
		in, err := c.step(n.Args[0])
		if err != nil {
			return nil, err
		}
		return &fieldStep{in: in, index: n.Index}, nil
	case OpCast, OpTryCast:
		return c.cast(n)
	case OpCase:
		return c.caseStep(n)
	case OpAnd, OpOr:
		args, err := c.steps(n.Args)
		if err != nil {
			return nil, err
		}
		return &logicStep{left: args[0], right: args[1], or: n.Op == OpOr}, nil
	case OpCoalesce:
		args, err := c.steps(n.Args)
		if err != nil {
			return nil, err
		}
		return &coalesceStep{args: args, typ: n.Type}, nil
	case OpCall:
		return c.call(n)
	}
	return nil, fmt.Errorf("compile %s: no kernel", n)
}

func (c *compiler) steps(nodes []*Node) ([]step, error) {
	out := make([]step, len(nodes))
	for i, n := range nodes {
		s, err := c.step(n)
		if err != nil {
			return nil, err
		}
		out[i] = s
	}
	return out, nil
}

func (c *compiler) call(n *Node) (step, error) {
	if n.Func == varFunc {
		return c.variable(n)
	}
	fn := lookup(n.Func)
	if fn != nil && fn.compile != nil {
		return fn.compile(c, n)
	}
	if fn == nil || fn.kernel == nil {
		return nil, fmt.Errorf("compile %s: function %q has no kernel", n, n.Func)
	}
	args, err := c.steps(n.Args)
	if err != nil {
		return nil, err
	}
	run, err := fn.kernel(n, c.env)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", n, err)
	}
	return newCall(n.Type, args, run, fn.nulls), nil
}

func (c *compiler) cast(n *Node) (step, error) {
	in, err := c.step(n.Args[0])
	if err != nil {
		return nil, err
	}
	run, err := castKernel(n.Args[0].Type, n.Type)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", n, err)
	}
	if run == nil { // the same payload under another type
		return &retypeStep{in: in, typ: n.Type}, nil
	}
	s := newCall(n.Type, []step{in}, run, false)
	s.frame.quiet = n.Op == OpTryCast
	return s, nil
}

func (c *compiler) caseStep(n *Node) (step, error) {
	s := &caseStep{typ: n.Type}
	for i := 0; i+1 < len(n.Args); i += 2 {
		cond, err := c.predicate(n.Args[i])
		if err != nil {
			return nil, err
		}
		result, err := c.step(n.Args[i+1])
		if err != nil {
			return nil, err
		}
		s.conds, s.results = append(s.conds, cond), append(s.results, result)
	}
	last, err := c.step(n.Args[len(n.Args)-1])
	if err != nil {
		return nil, err
	}
	s.results = append(s.results, last)
	s.rows = make([][]uint32, len(s.results))
	s.vecs = make([]*column.Vector, len(s.results))
	return s, nil
}
