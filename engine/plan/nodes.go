package plan

import "github.com/nagare-stream/nagare/engine/sql"

// Operators that only bounded inputs run.
type (
	// AssignWindows adds a column behind those of In: the window of the row, a struct<start,end>.
	// A row that lies in several windows comes once for each, the latest window first; one without
	// a time is left out. It is window(…) outside GROUP BY.
	AssignWindows struct {
		In     Node
		Window *TimeWindow
		Cols   []Column
	}
	// Range is the numbers from Start to before End by Step, which is not 0.
	Range struct {
		Start, End, Step int64
		Cols             []Column
	}
	// Single is the one row of a scalar subquery: of NULLs when In is empty, and a run-time error
	// (SCALAR_SUBQUERY_TOO_MANY_ROWS) when it has more than one.
	Single struct {
		In   Node
		Cols []Column
		Text string // of the subquery
		Pos  sql.Pos
	}
)

// Columns returns the node's output columns.
func (n *AssignWindows) Columns() []Column { return n.Cols }
func (n *Single) Columns() []Column        { return n.Cols }
func (n *Range) Columns() []Column         { return n.Cols }

// Inputs returns the operators that the node reads from.
func (n *AssignWindows) Inputs() []Node { return []Node{n.In} }
func (n *Single) Inputs() []Node        { return []Node{n.In} }
func (n *Range) Inputs() []Node         { return nil }
