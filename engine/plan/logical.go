package plan

import (
	"time"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// DatasetKind tells the datasets of a project apart.
type DatasetKind uint8

// The kinds of dataset.
const (
	SourceTopic      DatasetKind = iota // declared by source.<name>.…; columns as Spark's Kafka source
	StreamingTable                      // CREATE STREAMING TABLE, rows never change once final
	MaterializedView                    // CREATE MATERIALIZED VIEW, recomputed from tables
	TemporaryView                       // inlined where it is read
	System                              // read by ad-hoc queries only: a topic by its name, TABLE$late, TOPIC$invalid
)

// A Dataset is something that a query can read.
type Dataset struct {
	Kind    DatasetKind
	Name    string
	Pos     sql.Pos
	Schema  column.Schema
	Topics  []string          // SourceTopic: what it subscribes to
	Options map[string]string // SourceTopic: option.… of the configuration
	Starts  map[string]Start  // SourceTopic: where each topic is read from
	// TolerateLoss is failOnDataLoss=false of a SourceTopic: records that are gone before they are read
	// are counted as lost, and reading goes on behind them.
	TolerateLoss bool
	// Flows are the queries that write a StreamingTable (one, or several by CREATE FLOW);
	// for a MaterializedView or TemporaryView the one query.
	Flows  []*Flow
	Stream bool // TemporaryView: reads a stream
	// EventTime is the column that carries the watermark of a StreamingTable's rows, or -1, and
	// Delay the largest delay on the way to it: a table read as a stream inherits them.
	EventTime  int
	Delay      int64
	Comment    string
	Properties map[string]string
	// Within is the name of what a query writes that has this StreamingTable inside it: an aggregate whose rows
	// the query groups once more. It is in no list of datasets, and keeps no rows. "": every other dataset.
	Within string
	Writes *Dataset // the table that such a query writes; nil: a sink or an alert
}

// A Flow is one query that writes into a table.
type Flow struct {
	Name string
	Pos  sql.Pos
	Root Node
}

// A Node is a relational operator. Columns are numbered from 0; expressions of a node refer to the
// columns of its input.
type Node interface {
	Columns() []Column
	Inputs() []Node
}

// Column is one output column of a Node.
type Column struct {
	Name      string
	Qualifier string // table alias, "" for none
	Type      column.Type
	// EventTime marks the column that a WATERMARK clause named, kept through projections.
	EventTime bool
}

type (
	// Scan reads a dataset: as a stream, or whole.
	Scan struct {
		Dataset *Dataset
		Stream  bool
		Cols    []Column
		Pos     sql.Pos
	}
	// Values is literal rows; all expressions are without columns.
	Values struct {
		Rows [][]*expr.Node
		Cols []Column
	}
	// Filter keeps the rows for which Pred is true.
	Filter struct {
		In   Node
		Pred *expr.Node
	}
	// Project computes one column an expression.
	Project struct {
		In    Node
		Exprs []*expr.Node
		Cols  []Column
	}
	// Explode makes rows of the elements of Rows, an array or a map: one for each, the columns of In with those
	// of the element behind them: its place from 0 if Pos; then the key and the value, the fields of the struct
	// if Fields, or the element. A row without elements (or whose Rows is NULL) is left out, unless Outer: then
	// it stays, with NULLs behind it.
	Explode struct {
		In                 Node
		Rows               *expr.Node
		Outer, Pos, Fields bool
		Cols               []Column
	}
	// Watermark declares the event time of its input: rows before it do not move it.
	Watermark struct {
		In    Node
		Time  int   // column of In, TIMESTAMP
		Delay int64 // microseconds
		Cols  []Column
	}
	// Aggregate groups by Keys. Output columns: the keys in order, then the aggregates; with Grouping
	// a BIGINT behind them, the grouping id: a bit for each key, the last key's the lowest, set in
	// the rows that leave that key out. The key at WindowKey (-1: none) is a struct<start,end> made
	// by Window from the event time expression.
	Aggregate struct {
		In        Node
		Keys      []*expr.Node
		Aggs      []AggCall
		WindowKey int
		Window    *TimeWindow
		Grouping  [][]int // ROLLUP, CUBE: the sets of keys; nil: all keys
		Cols      []Column
	}
	// Windowed adds a column per window function (rank, row_number, …) behind those of In.
	Windowed struct {
		In    Node
		Funcs []WindowCall
		Cols  []Column
	}
	// Sort orders rows.
	Sort struct {
		In   Node
		Keys []SortKey
	}
	// Limit keeps Count rows after Offset; Count -1: all.
	Limit struct {
		In            Node
		Count, Offset int64
	}
	// Distinct keeps one of equal rows.
	Distinct struct{ In Node }
	// SetOp is UNION ALL, or EXCEPT and INTERSECT (distinct unless All); columns by place.
	SetOp struct {
		Op          string // "UNION", "EXCEPT", "INTERSECT"
		All         bool
		Left, Right Node
		Cols        []Column
	}
	// Join combines two inputs; On refers to the columns of Left, then of Right.
	Join struct {
		Kind        string // as sql.Join.Kind
		Left, Right Node
		On          *expr.Node // nil: cross
		Cols        []Column
		Text        string // of a subquery that is the right side
		Pos         sql.Pos
	}
)

// AggCall is one aggregate of an Aggregate node. Several arguments are packed by a struct node.
type AggCall struct {
	Spec   agg.Spec
	Arg    *expr.Node // nil: count(*)
	Filter *expr.Node // FILTER (WHERE …); nil: none
	Text   string     // as written, for explain
}

// TimeWindow is window(time, size, slide, offset), in microseconds.
type TimeWindow struct {
	Time                *expr.Node
	Size, Slide, Offset int64
	Session             bool       // session_window: Size is the gap
	Gap                 *expr.Node // session_window with a gap of its own for each row, a STRING; else nil
}

// WindowCall is one window function.
type WindowCall struct {
	Func        string // "rank", "dense_rank", "row_number", "lag", "lead", "ntile", "percent_rank", or an aggregate
	Agg         *agg.Spec
	Args        []*expr.Node
	Filter      *expr.Node // of an aggregate: the rows of the frame that count; nil: all
	PartitionBy []*expr.Node
	OrderBy     []SortKey
	Frame       *sql.Frame
	Start, End  int64 // offsets of a ROWS frame from the current row, where its bounds have one
	// StartAt and EndAt are the first and the last value that a RANGE frame holds, over the columns of the row,
	// where its bounds have an offset; else nil.
	StartAt, EndAt *expr.Node
	IgnoreNulls    bool // lag, lead, nth_value
	Type           column.Type
}

// SortKey is one ORDER BY expression.
type SortKey struct {
	Expr       *expr.Node
	Desc       bool
	NullsFirst bool
}

// Columns returns the node's output columns.
func (n *Scan) Columns() []Column      { return n.Cols }
func (n *Values) Columns() []Column    { return n.Cols }
func (n *Filter) Columns() []Column    { return n.In.Columns() }
func (n *Project) Columns() []Column   { return n.Cols }
func (n *Explode) Columns() []Column   { return n.Cols }
func (n *Watermark) Columns() []Column { return n.Cols }
func (n *Aggregate) Columns() []Column { return n.Cols }
func (n *Windowed) Columns() []Column  { return n.Cols }
func (n *Sort) Columns() []Column      { return n.In.Columns() }
func (n *Limit) Columns() []Column     { return n.In.Columns() }
func (n *Distinct) Columns() []Column  { return n.In.Columns() }
func (n *SetOp) Columns() []Column     { return n.Cols }
func (n *Join) Columns() []Column      { return n.Cols }

// Inputs returns the operators that the node reads from.
func (n *Scan) Inputs() []Node      { return nil }
func (n *Values) Inputs() []Node    { return nil }
func (n *Filter) Inputs() []Node    { return []Node{n.In} }
func (n *Project) Inputs() []Node   { return []Node{n.In} }
func (n *Explode) Inputs() []Node   { return []Node{n.In} }
func (n *Watermark) Inputs() []Node { return []Node{n.In} }
func (n *Aggregate) Inputs() []Node { return []Node{n.In} }
func (n *Windowed) Inputs() []Node  { return []Node{n.In} }
func (n *Sort) Inputs() []Node      { return []Node{n.In} }
func (n *Limit) Inputs() []Node     { return []Node{n.In} }
func (n *Distinct) Inputs() []Node  { return []Node{n.In} }
func (n *SetOp) Inputs() []Node     { return []Node{n.Left, n.Right} }
func (n *Join) Inputs() []Node      { return []Node{n.Left, n.Right} }

// A Pipeline is a resolved project.
type Pipeline struct {
	Name     string
	Datasets []*Dataset // in order of definition, sources first
	Sinks    []*SinkDef
	Alerts   []*AlertDef
	Page     []*PageDef // what the page shows; none: all tables and views
	Config   Config

	// Notices are statements that do nothing here, or not what they do on Spark.
	Notices sql.Faults

	// Input is what it was resolved from.
	Input Input

	portable sql.Faults // see Portable
}

// Dataset returns the dataset of that exact name, or nil.
func (p *Pipeline) Dataset(name string) *Dataset {
	for _, d := range p.Datasets {
		if d.Name == name {
			return d
		}
	}
	return nil
}

// SinkDef is one sink.<name> of the configuration. Root is its query: the view or table that it
// reads, as a stream; nil, and From "", of a webhook that is for alerts alone.
type SinkDef struct {
	Name    string
	Format  string // kafka, redis, webhook, json, csv, console, noop
	From    string
	Options map[string]string
	Pos     sql.Pos
	Root    Node
	Update  bool // outputMode update

	TTL int64 // of a redis sink, microseconds; 0: rows are kept for good
}

// Config is the project's settings that the engine uses; times in microseconds.
type Config struct {
	FutureLimit        int64 // nagare.watermark.futureLimit
	IdleTimeout        int64 // nagare.watermark.idleTimeout
	CheckpointInterval int64 // nagare.checkpoint.interval
	CommitInterval     int64 // nagare.commit.interval
	UpdateInterval     int64 // nagare.update.interval
	StateMaxRows       int64 // nagare.state.maxRows
	QueryMemory        int64 // nagare.query.memory, bytes; 0: a quarter of what there is
	QueryTimeout       int64 // nagare.query.timeout; 0: none
	TimeZone           string
	KeepScale          bool // spark.sql.decimalOperations.allowPrecisionLoss is false
	Topics             map[string]TopicConfig
	TableRetention     map[string]int64 // by table, µs behind the watermark, or behind the append time of rows kept one for one; not there: for good
	RefusedBytes       int64            // nagare.refused.maxBytes: of each TABLE$late and TOPIC$invalid; 0: no limit
	All                map[string]string
}

// TopicConfig is nagare.topic.<name>.….
type TopicConfig struct {
	Partitions int
	Retention  int64 // microseconds; 0: kept for good
	Key        string
	// Dedup is the field of the JSON value whose second value within DedupHorizon, in microseconds of
	// append time, makes a record a duplicate; "": none.
	Dedup        string
	DedupHorizon int64
}

// FileRef is json.`path`, csv.`path` or text.`path`, with the options behind it.
type FileRef struct {
	Format, Path string
	Options      map[string]string
	Zone         *time.Location // of the session
}

// OpenFile looks into a file and gives the dataset that it is. Errors that are *sql.Fault keep their class.
type OpenFile func(FileRef) (*Dataset, error)
