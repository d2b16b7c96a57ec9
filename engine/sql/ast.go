package sql

// Pos is a place in a source file. Line and Col count from 1, Col in characters.
type Pos struct {
	File      string
	Line, Col int
}

// Ident is a name as written (without its quotes) and where.
type Ident struct {
	Name   string
	Quoted bool // in backticks
	Pos    Pos
}

// A Statement is one statement of a project file.
type Statement interface{ statement() }

// Property is a key and value of TBLPROPERTIES, OPTIONS or SET.
type Property struct {
	Key, Value string
	Pos        Pos
}

// ColumnDef is a declared column.
type ColumnDef struct {
	Name    Ident
	Type    TypeName
	NotNull bool
	Comment string
}

type (
	// CreateTable is CREATE STREAMING TABLE or CREATE MATERIALIZED VIEW. Query is nil for a
	// streaming table that only flows write into.
	CreateTable struct {
		Pos         Pos
		Streaming   bool
		IfNotExists bool
		Qualifier   []Ident // catalog and database, as written before the name; usually nil
		Name        Ident
		Columns     []ColumnDef
		Using       string
		PartitionBy []Ident
		ClusterBy   []Ident
		Comment     string
		Properties  []Property
		Query       *Query
		QueryText   string // as written, for messages
	}
	// CreateView is CREATE [OR REPLACE] [TEMPORARY] VIEW.
	CreateView struct {
		Pos         Pos
		Temporary   bool
		OrReplace   bool
		IfNotExists bool
		Qualifier   []Ident // of a persisted view; nil for a temporary one
		Name        Ident
		Columns     []Ident
		Comment     string
		Properties  []Property
		Query       *Query
	}
	// CreateFlow is CREATE FLOW name AS INSERT INTO target BY NAME query.
	CreateFlow struct {
		Pos             Pos
		Name            Ident
		Comment         string
		TargetQualifier []Ident // catalog and database, as written before the target; usually nil
		Target          Ident
		Query           *Query
	}
	// Set is SET key = value, for what follows in its file.
	Set struct {
		Pos  Pos
		Prop Property
	}
	// Use is USE [DATABASE] name; it does nothing here.
	Use struct {
		Pos  Pos
		Name Ident
	}
	// Select is a bare query, as `nagare query` runs it.
	Select struct{ Query *Query }
)

func (*CreateTable) statement() {}
func (*CreateView) statement()  {}
func (*CreateFlow) statement()  {}
func (*Set) statement()         {}
func (*Use) statement()         {}
func (*Select) statement()      {}

// Query is WITH … body ORDER BY … LIMIT … OFFSET.
type Query struct {
	Pos     Pos
	With    []CTE
	Body    SetExpr
	OrderBy []OrderItem
	// CLUSTER BY, or DISTRIBUTE BY and SORT BY, stand instead of ORDER BY.
	ClusterBy    []Expr
	DistributeBy []Expr
	SortBy       []OrderItem
	Limit        Expr // nil: none
	Offset       Expr
}

// isBody reports a query that is nothing but its body.
func (q *Query) isBody() bool {
	return q.With == nil && q.OrderBy == nil && q.ClusterBy == nil && q.DistributeBy == nil && q.SortBy == nil && q.Limit == nil && q.Offset == nil
}

// CTE is one WITH item.
type CTE struct {
	Name    Ident
	Columns []Ident
	Query   *Query
}

// A SetExpr is a SELECT, VALUES, a query in parentheses, or two of them combined.
type SetExpr interface{ setExpr() }

type (
	// SelectBody is SELECT … FROM … WHERE … GROUP BY … HAVING … QUALIFY.
	SelectBody struct {
		Pos      Pos
		Distinct bool
		Items    []SelectItem
		From     []Relation // joined by commas (cross join); empty: one row without columns
		Lateral  []LateralView
		Where    Expr
		GroupBy  *GroupBy
		Having   Expr
		Qualify  Expr
	}
	// SetOp is left UNION|EXCEPT|INTERSECT [ALL] right.
	SetOp struct {
		Pos         Pos
		Op          string // "UNION", "EXCEPT", "INTERSECT"
		All, ByName bool
		Left, Right SetExpr
	}
	// Values is VALUES (…), (…) as a body or a relation.
	Values struct {
		Pos  Pos
		Rows [][]Expr
	}
	// SubQuery is a query in parentheses as an operand of a SetOp.
	SubQuery struct{ Query *Query }
)

func (*SelectBody) setExpr() {}
func (*SetOp) setExpr()      {}
func (*Values) setExpr()     {}
func (*SubQuery) setExpr()   {}

// SelectItem is an expression with an optional alias; Expr may be a *Star. A generator that gives several
// columns may name them all: posexplode(x) AS (pos, col).
type SelectItem struct {
	Expr    Expr
	Alias   *Ident
	Aliases []Ident // AS (a, b), else nil
}

// GroupBy is GROUP BY ALL, a list, ROLLUP/CUBE of a list, or sets of a list's expressions.
type GroupBy struct {
	Pos   Pos
	All   bool
	Kind  string // "", "ROLLUP", "CUBE", "SETS"
	Exprs []Expr
	Sets  [][]int // of SETS: places in Exprs
}

// OrderItem is one ORDER BY expression.
type OrderItem struct {
	Expr       Expr
	Desc       bool
	NullsFirst *bool // nil: SQL's default, first for ASC, last for DESC
}

// LateralView is LATERAL VIEW [OUTER] generator(…) table AS columns.
type LateralView struct {
	Pos       Pos
	Outer     bool
	Generator *Call
	Table     Ident
	Columns   []Ident
}

// A Relation is what stands in FROM.
type Relation interface{ relation() }

// Watermark is WATERMARK expr DELAY OF INTERVAL ….
type Watermark struct {
	Pos   Pos
	Expr  Expr
	Alias *Ident // WATERMARK to_timestamp(c) AS ts: adds a column
	Delay *Interval
}

type (
	// TableRef is name, STREAM name or STREAM(name), with its options, watermark and alias.
	TableRef struct {
		Pos       Pos
		Stream    bool
		Parts     []Ident
		Options   []Property // WITH (…)
		Watermark *Watermark
		Alias     *Ident
		Columns   []Ident // AS t(a, b)
	}
	// SubRelation is (query) with watermark and alias.
	SubRelation struct {
		Lateral   bool // it may name columns of the relations that stand before it
		Pos       Pos
		Query     *Query
		Watermark *Watermark
		Alias     *Ident
		Columns   []Ident
	}
	// ValuesRelation is VALUES … AS t(a, b).
	ValuesRelation struct {
		Pos     Pos
		Values  *Values
		Alias   *Ident
		Columns []Ident
	}
	// FunctionRelation is a table-valued function: range(…), explode(…), STREAM read_kafka(…). With LATERAL
	// before it its arguments may name columns of the relations that stand before it.
	FunctionRelation struct {
		Pos       Pos
		Stream    bool
		Lateral   bool
		Call      *Call
		Watermark *Watermark
		Alias     *Ident
		Columns   []Ident
	}
	// Join is left [kind] JOIN right [ON …|USING (…)].
	Join struct {
		Pos         Pos
		Kind        string // "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "LEFT SEMI", "LEFT ANTI"
		Natural     bool
		Left, Right Relation
		On          Expr
		Using       []Ident
	}
)

func (*TableRef) relation()         {}
func (*SubRelation) relation()      {}
func (*ValuesRelation) relation()   {}
func (*FunctionRelation) relation() {}
func (*Join) relation()             {}

// An Expr is an expression. Position is its first character, or the operator's for a binary one.
type Expr interface{ Position() Pos }

type (
	// Literal is a constant. Kind is one of the Lit constants; Text is its content, unescaped for
	// strings, as written for numbers (without suffix), hex digits for X'…'.
	Literal struct {
		Pos  Pos
		Kind LitKind
		Text string
	}
	// Interval is INTERVAL 10 SECONDS, INTERVAL '1 02:03' DAY TO MINUTE, INTERVAL '1 day 2 hours'.
	// Parts holds value and unit pairs as written; Whole the text of the single-string form.
	Interval struct {
		Pos   Pos
		Parts []IntervalPart
		Whole string // INTERVAL '…' without unit
	}
	// Name is a column, possibly qualified, or a struct field path: a.b.c.
	Name struct{ Parts []Ident }
	// Star is *, t.* or * EXCEPT (a, b).
	Star struct {
		Pos       Pos
		Qualifier []Ident
		Except    []Expr // names
	}
	// Unary is -x, +x, ~x, NOT x.
	Unary struct {
		Pos  Pos
		Op   string // "-", "+", "~", "NOT"
		Expr Expr
	}
	// Binary is an infix operation; Op in upper case: + - * / % DIV || & | ^ << >> >>> = <> < <= > >=
	// <=> AND OR.
	Binary struct {
		Pos         Pos
		Op          string
		Left, Right Expr
	}
	// Is is x IS [NOT] NULL|TRUE|FALSE|UNKNOWN|DISTINCT FROM y.
	Is struct {
		Pos  Pos
		Expr Expr
		Not  bool
		What string // "NULL", "TRUE", "FALSE", "UNKNOWN", "DISTINCT FROM"
		From Expr
	}
	// In is x [NOT] IN (list) or (query).
	In struct {
		Pos   Pos
		Expr  Expr
		Not   bool
		List  []Expr
		Query *Query
	}
	// Between is x [NOT] BETWEEN low AND high.
	Between struct {
		Pos             Pos
		Expr, Low, High Expr
		Not             bool
	}
	// Like is x [NOT] LIKE|ILIKE|RLIKE pattern [ESCAPE c] or LIKE ANY|ALL (patterns).
	Like struct {
		Pos      Pos
		Expr     Expr
		Not      bool
		Op       string // "LIKE", "ILIKE", "RLIKE"
		Quant    string // "", "ANY", "ALL"
		Patterns []Expr
		Escape   string
	}
	// Case is CASE [operand] WHEN … THEN … ELSE … END.
	Case struct {
		Pos     Pos
		Operand Expr
		Whens   []When
		Else    Expr
	}
	// Cast is CAST(x AS t), TRY_CAST(x AS t) or x::t.
	Cast struct {
		Pos  Pos
		Try  bool
		Expr Expr
		Type TypeName
	}
	// Extract is EXTRACT(field FROM x).
	Extract struct {
		Pos     Pos
		Field   string // in upper case
		Written string // Field as it is written
		Expr    Expr
	}
	// Call is a function call. Special forms (SUBSTRING FROM FOR, TRIM, POSITION IN, OVERLAY) are
	// calls with plain arguments: see the parser. Name is as written.
	Call struct {
		Pos         Pos
		Name        Ident
		Distinct    bool
		Star        bool // count(*)
		Args        []Expr
		Filter      Expr
		IgnoreNulls bool
		WithinGroup []OrderItem
		Over        *Over // nil: no window function
	}
	// Lambda is x -> … or (x, y) -> ….
	Lambda struct {
		Pos    Pos
		Params []Ident
		Body   Expr
	}
	// Index is x[i].
	Index struct {
		Pos         Pos
		Expr, Index Expr
	}
	// Dot is (expression).field, where the expression is no name.
	Dot struct {
		Pos   Pos
		Expr  Expr
		Field Ident
	}
	// ScalarQuery is (SELECT …) as a value; Exists is EXISTS (SELECT …).
	ScalarQuery struct {
		Pos   Pos
		Query *Query
	}
	// Exists is EXISTS (query).
	Exists struct {
		Pos   Pos
		Query *Query
	}
	// Row is (a, b): a struct without names, but for those of its *Aliased items.
	Row struct {
		Pos   Pos
		Exprs []Expr
	}
	// Aliased is x AS name inside struct(…) and (…, …); it stands nowhere else.
	Aliased struct {
		Expr Expr
		Name Ident
	}
	// NamedArg is name => value among the arguments of a call.
	NamedArg struct {
		Name Ident
		Expr Expr
	}
)

// When is one branch of a CASE.
type When struct{ Cond, Result Expr }

// IntervalPart is a value (a number or a string as written, sign included) and its unit in upper
// case without the plural S ("SECOND"); To is the second unit of '1-2' YEAR TO MONTH.
type IntervalPart struct {
	Value    string
	Quoted   bool
	Unit, To string
	Pos      Pos
}

// Over is the OVER clause of a window function.
type Over struct {
	Pos         Pos
	PartitionBy []Expr
	OrderBy     []OrderItem
	Frame       *Frame
}

// Frame is ROWS|RANGE BETWEEN start AND end.
type Frame struct {
	Pos        Pos
	Rows       bool // else RANGE
	Start, End Bound
}

// Bound is one end of a frame.
type Bound struct {
	Kind   string // "UNBOUNDED PRECEDING", "PRECEDING", "CURRENT ROW", "FOLLOWING", "UNBOUNDED FOLLOWING"
	Offset Expr
}

// LitKind is the kind of a Literal.
type LitKind uint8

// The kinds of literal.
const (
	LitNull         LitKind = iota
	LitTrue                 // Text "true"
	LitFalse                // Text "false"
	LitInteger              // no suffix: INT, BIGINT or DECIMAL by its size
	LitLong                 // 1L
	LitShort                // 1S
	LitByte                 // 1Y
	LitDecimal              // 1.5, 1.50BD
	LitDouble               // 1e3, 1.5D
	LitFloat                // 1.5F
	LitString               // 'abc', "abc", r'abc', adjacent strings joined
	LitBinary               // X'1F'
	LitDate                 // DATE'2026-01-02'
	LitTimestamp            // TIMESTAMP'…' (with zone of the session)
	LitTimestampNTZ         // TIMESTAMP_NTZ'…'
)

// TypeName is a type as written: DECIMAL(10,2), STRUCT<a: INT>, ARRAY<STRING>.
type TypeName struct {
	Pos    Pos
	Name   string // upper case, canonical: "INT" for INTEGER, "BIGINT" for LONG, "INTERVAL DAY TO SECOND"
	Args   []int  // DECIMAL(p, s), VARCHAR(n)
	Elem   *TypeName
	Key    *TypeName
	Fields []ColumnDef
}

// Position returns the place of the expression.
func (e *Literal) Position() Pos     { return e.Pos }
func (e *Interval) Position() Pos    { return e.Pos }
func (e *Name) Position() Pos        { return e.Parts[0].Pos }
func (e *Star) Position() Pos        { return e.Pos }
func (e *Unary) Position() Pos       { return e.Pos }
func (e *Binary) Position() Pos      { return e.Pos }
func (e *Is) Position() Pos          { return e.Pos }
func (e *In) Position() Pos          { return e.Pos }
func (e *Between) Position() Pos     { return e.Pos }
func (e *Like) Position() Pos        { return e.Pos }
func (e *Case) Position() Pos        { return e.Pos }
func (e *Cast) Position() Pos        { return e.Pos }
func (e *Extract) Position() Pos     { return e.Pos }
func (e *Call) Position() Pos        { return e.Pos }
func (e *Lambda) Position() Pos      { return e.Pos }
func (e *Index) Position() Pos       { return e.Pos }
func (e *Dot) Position() Pos         { return e.Pos }
func (e *ScalarQuery) Position() Pos { return e.Pos }
func (e *Exists) Position() Pos      { return e.Pos }
func (e *Row) Position() Pos         { return e.Pos }
func (e *Aliased) Position() Pos     { return e.Expr.Position() }
func (e *NamedArg) Position() Pos    { return e.Name.Pos }
