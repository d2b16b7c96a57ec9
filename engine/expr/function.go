package expr

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/sql"
)

// maxText bounds the text that repeat, space and pads make of one row, maxColumn that of all rows of a
// batch together; beyond, the row fails.
const (
	maxText   = 16 << 20
	maxColumn = 1 << 31
)

// A function is a row of the table of functions: how a call is checked and typed, and its kernel.
// To add one, add a row to the file of its family.
type function struct {
	name string // in lower case; operators have their sign
	also string // other names, with blanks between
	// sig is the signature "string;int? -> string": types of arguments as words of coerce or types of
	// SQL, "only" in front of one to which nothing is cast, "?" for one that may be missing, "..."
	// behind the last for any number; the result is a type or "=n", the type of argument n from 0.
	// Empty: check does all of it.
	sig string
	// check, when set, sees the call after the signature, if there is one, and makes the node.
	check  func(c *call) *Node
	kernel maker
	nulls  bool // the kernel sees NULL arguments; else a NULL argument makes the result NULL
	// lambda, when set, binds a call that takes lambdas, and compile makes its step.
	lambda  func(c *call, args []sql.Expr) *Node
	compile func(c *compiler, n *Node) (step, error)
	// perQuery: without arguments it is not constant (current_timestamp).
	perQuery bool
}

// A maker chooses the kernel for the types and constants of a bound call.
type maker func(n *Node, env *Env) (kernel, error)

// call is a function call while it is bound.
type call struct {
	b    *binding
	fn   *function
	name string // as written
	pos  sql.Pos
	args []*Node
	// names of the arguments as written, for struct; nil: by their nodes
	names []string
}

// node makes the call's node.
func (c *call) node(t column.Type) *Node {
	return &Node{Op: OpCall, Type: t, Func: c.fn.name, Args: c.args, Pos: c.pos}
}

// other makes a call of another function with these arguments, fully checked.
func (c *call) other(name string, args ...*Node) *Node { return c.b.applyAs(name, c.name, c.pos, args) }

func (c *call) fault(class, format string, args ...any) *Node {
	c.b.fault(c.pos, class, format, args...)
	return nil
}

// mismatch is the fault of argument k having a type that the function does not take.
func (c *call) mismatch(k int, want string) *Node {
	return c.b.fail(sql.Fault{
		Pos:     c.args[k].Pos,
		Class:   "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
		Message: fmt.Sprintf("argument %d of %s is %s, not %s", k+1, c.name, c.args[k].Type, want),
	})
}

// takes is how many arguments a signature allows.
type signature struct {
	params   []param
	min, max int // max -1: any number
	result   string
}

type param struct {
	word     string
	optional bool
}

func parseSignature(sig string) signature {
	in, out, _ := strings.Cut(sig, "->")
	s := signature{result: strings.TrimSpace(out)}
	for _, word := range strings.Split(in, ";") {
		word = strings.TrimSpace(word)
		if word == "" {
			continue
		}
		if w, ok := strings.CutSuffix(word, "..."); ok {
			s.params = append(s.params, param{word: w, optional: true})
			s.max = -1
			continue
		}
		w, optional := strings.CutSuffix(word, "?")
		s.params = append(s.params, param{w, optional})
		if !optional {
			s.min++
		}
		s.max++
	}
	return s
}

// bind checks the call against its function.
func (c *call) bind() *Node {
	if c.fn.sig == "" {
		return c.fn.check(c)
	}
	s := parseSignature(c.fn.sig)
	if !c.arity(s.min, s.max) {
		return nil
	}
	good := true
	for i := range c.args {
		p := s.params[min(i, len(s.params)-1)]
		if !c.coerce(i, p.word) {
			good = false
		}
	}
	if !good {
		return nil
	}
	if c.fn.check != nil {
		return c.fn.check(c)
	}
	return c.node(c.resultType(s.result))
}

func (c *call) resultType(word string) column.Type {
	if strings.HasPrefix(word, "=") {
		return c.args[word[1]-'0'].Type
	}
	return wordType(word)
}

// arity reports a wrong number of arguments; most -1: any.
func (c *call) arity(least, most int) bool {
	n := len(c.args)
	if n >= least && (most < 0 || n <= most) {
		return true
	}
	want := fmt.Sprint(least)
	switch {
	case most < 0:
		want = fmt.Sprintf("at least %d", least)
	case most > least:
		want = fmt.Sprintf("%d to %d", least, most)
	}
	c.fault("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "%s takes %s argument(s), not %d", c.name, want, n)
	return false
}

// wordType is the type that a word of a signature stands for.
func wordType(word string) column.Type {
	switch word {
	case "decimal":
		return column.DecimalOf(maxPrecision, 18)
	case "interval day to second":
		return column.Type{Kind: column.DayTime, From: column.UnitDay, To: column.UnitSecond}
	}
	for k := column.Void; k <= column.TimestampNTZ; k++ {
		if k != column.Decimal && column.Of(k).String() == word {
			return column.Of(k)
		}
	}
	panic("BUG: no type " + word)
}

// coerce casts argument i to what a parameter wants, or reports a fault.
func (c *call) coerce(i int, word string) bool {
	a := c.args[i]
	have := a.Type
	var want column.Type
	word, strict := strings.CutPrefix(word, "only ")
	if strict && !isA(have, word) {
		c.mismatch(i, word)
		return false
	}
	switch word {
	case "any":
		return true
	case "numeric": // any number; text is read as a double
		switch {
		case have.IsNumeric():
			return true
		case have.Kind == column.String, have.Kind == column.Void:
			want = column.Of(column.Float64)
		default:
			c.mismatch(i, "a number")
			return false
		}
	case "text": // STRING or BINARY
		if have.UsesBytes() {
			return true
		}
		want = column.Of(column.String)
	case "integer":
		if have.IsInteger() {
			return true
		}
		want = column.Of(column.Int32)
	case "days": // an integer that no day is beyond, or a text of one
		if have.IsInteger() && have.Kind != column.Int64 {
			return true
		}
		if want = column.Of(column.Int32); have.Kind != column.String && have.Kind != column.Void {
			c.mismatch(i, want.String())
			return false
		}
	case "time": // TIMESTAMP or TIMESTAMP_NTZ
		if have.Kind == column.Timestamp || have.Kind == column.TimestampNTZ {
			return true
		}
		want = column.Of(column.Timestamp)
	default:
		want = wordType(word)
	}
	if !implicit(have, want) {
		c.mismatch(i, want.String())
		return false
	}
	c.args[i] = castTo(a, want)
	return true
}

// isA reports a type that a parameter takes without a cast; a NULL is of every type.
func isA(t column.Type, word string) bool {
	switch word {
	case "numeric":
		return t.IsNumeric() || t.Kind == column.Void
	case "text":
		return t.UsesBytes() || t.Kind == column.Void
	case "integer":
		return t.IsInteger() || t.Kind == column.Void
	case "timestamp":
		return t.Kind == column.Timestamp || t.Kind == column.TimestampNTZ || t.Kind == column.Void
	}
	return t.Kind == column.Void || t.Equal(wordType(word))
}

// constant gives the value of argument k where it is constant.
func (c *call) constant(k int) (*column.Vector, bool) {
	n := c.b.fold(c.args[k])
	if n.Op != OpConst {
		return nil, false
	}
	return n.Const, true
}

// constantText gives argument k where it is a constant text that is not NULL.
func (c *call) constantText(k int) (string, bool) {
	v, ok := c.constant(k)
	if !ok || v.Type.Kind != column.String || v.IsNull(0) {
		return "", false
	}
	return string(v.Bytes(0)), true
}

// nodeText gives the text of a constant node.
func nodeText(n *Node) (string, bool) {
	if n.Op != OpConst || n.Type.Kind != column.String || n.Const.IsNull(0) {
		return "", false
	}
	return string(n.Const.Bytes(0)), true
}

// same is a maker for a kernel that needs no choice.
func same(k kernel) maker {
	return func(*Node, *Env) (kernel, error) { return k, nil }
}

// eachText makes a kernel of a function that appends the text of a row to dst. The function may
// call f.fail or f.null for its row and return dst as it was.
func eachText(fn func(f *frame, i uint32, dst []byte) []byte) maker {
	return same(func(f *frame, rows []uint32) {
		for _, i := range rows {
			f.open(i)
			f.out.Data = fn(f, i, f.out.Data)
			f.shut()
		}
	})
}

// eachInt makes a kernel of a function that computes one value of a kind that lies in Int.
func eachInt(fn func(f *frame, i uint32) int64) maker {
	return same(func(f *frame, rows []uint32) {
		for _, i := range rows {
			f.out.Int[i] = fn(f, i)
		}
	})
}

// eachBool is eachInt for BOOLEAN.
func eachBool(fn func(f *frame, i uint32) bool) maker {
	return same(func(f *frame, rows []uint32) {
		for _, i := range rows {
			f.out.Int[i] = bit(fn(f, i))
		}
	})
}

// eachFloat makes a kernel of a function of one DOUBLE.
func eachFloat(fn func(float64) float64) maker {
	return same(func(f *frame, rows []uint32) {
		in, out := f.args[0].Float, f.out.Float
		for _, i := range rows {
			out[i] = fn(in[i])
		}
	})
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// runes is the number of characters of b; bytes that are no UTF-8 count one each.
func runes(b []byte) int { return utf8.RuneCount(b) }
