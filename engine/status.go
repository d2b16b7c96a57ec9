package engine

import (
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/join"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/record"
)

// PartitionStatus is where one partition of a source stands.
type PartitionStatus struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Position  int64  `json:"position"`  // next offset to read
	End       int64  `json:"end"`       // behind the last record, when it was last asked
	Lag       int64  `json:"lag"`       // records; 0 when caught up
	EventTime int64  `json:"eventTime"` // newest believable event time, µs; math.MinInt64: none
	Watermark int64  `json:"watermark"` // µs; math.MinInt64: none
	Idle      bool   `json:"idle"`
	Holds     bool   `json:"holds"`   // the one that holds the global watermark back
	LastRow   int64  `json:"lastRow"` // wall clock of the last row read, µs
	LagTime   int64  `json:"lagTime"` // event time between this partition's watermark and the newest of the topic, µs
	Lost      int64  `json:"lost"`    // offsets that the log no longer had when they were to be read
}

// TableStatus is one table as `nagare status` and the page show it.
type TableStatus struct {
	Name       string `json:"name"`
	Kind       string `json:"kind"` // "windowed", "rows", "view"
	Rows       int64  `json:"rows"` // final rows kept
	Open       int64  `json:"open"` // open rows
	Watermark  int64  `json:"watermark"`
	LateRows   int64  `json:"lateRows"`
	StateBytes int64  `json:"stateBytes,omitempty"` // memory of its open windows
	Retention  int64  `json:"retention,omitempty"`  // how long rows stay, µs; 0: for good
	LetGo      int64  `json:"letGo,omitempty"`      // rows that retention has removed
}

// Status is the whole engine at one moment.
type Status struct {
	State       string              `json:"state"` // "starting", "idle", "running", "behind", "degraded", "failed"
	Reason      string              `json:"reason,omitempty"`
	Epoch       uint64              `json:"epoch"`
	Events      int64               `json:"events"` // rows read since the first start
	Watermark   int64               `json:"watermark"`
	Tables      []TableStatus       `json:"tables"`
	Partitions  []PartitionStatus   `json:"partitions"`
	Joins       []JoinStatus        `json:"joins,omitempty"`
	StateRows   int64               `json:"stateRows"`
	StateBytes  int64               `json:"stateBytes"`
	OutboxRows  int64               `json:"outboxRows"`
	Checkpoints CheckpointStatus    `json:"checkpoints"`
	Ledger      ledger.Ledger       `json:"ledger"`
	Sinks       []record.SinkStatus `json:"sinks,omitempty"` // those that tell how they are
	// Dedup is the topics whose duplicates are looked for (nagare.topic.<name>.dedup).
	Dedup []string `json:"dedup,omitempty"`
}

// JoinStatus is one join of streams.
type JoinStatus struct {
	Table     string     `json:"table"` // the table, sink or alert whose query it is in
	Kind      string     `json:"kind"`
	Left      join.Count `json:"left"`
	Right     join.Count `json:"right"`
	NotYet    int64      `json:"notYet"`              // of those waiting: rows that come behind what another partition may still have
	StateRows int64      `json:"numRowsTotal"`        // rows kept
	State     int64      `json:"memoryUsedBytes"`     // memory of these
	Watermark int64      `json:"watermark,omitempty"` // up to which rows were given up, µs; math.MinInt64: none
}

// CheckpointStatus tells how checkpoints went.
type CheckpointStatus struct {
	LastSuccess int64 `json:"lastSuccess"` // wall clock, µs; 0: none
	LastPause   int64 `json:"lastPause"`   // µs that the tasks stood still
	LastCommit  int64 `json:"lastCommit"`  // µs that the store took
	Count       int64 `json:"count"`
	Underway    int64 `json:"underway,omitempty"` // since when one has been under way, wall clock, µs; 0: none is
}

// RowSet is rows with their names and types, as queries and tables give them.
type RowSet struct {
	Schema *column.Schema
	Batch  *column.Batch
	// Open tells for each row of a table whether its window is still open; nil: all final.
	Open []bool

	held int64 // bytes counted in the query that reads the rows
}
