package engine

import (
	"context"
	"log/slog"

	"github.com/nagare-stream/nagare/engine/batch"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/state"
)

// A Place is a record's.
type Place struct {
	Topic     string
	Partition int32
	Offset    int64
}

// Options is what an Engine is made of. Pipeline, Source, Sink, Log, Store and Now are needed.
type Options struct {
	Pipeline *plan.Pipeline
	// Source opens a topic for reading.
	Source func(topic string) (record.Source, error)
	// Topics lists the topics that there are, for queries that name one which the pipeline does not read; nil:
	// there are none.
	Topics func(ctx context.Context) ([]string, error)
	// Sink opens a sink of the configuration; nil without an error means that it takes nothing.
	Sink func(def *plan.SinkDef) (record.Sink, error)
	// Log opens (and creates, if needed) a topic of the engine's own with that many partitions.
	Log   func(topic string, partitions int) (record.Log, error)
	Store state.Store
	// Now is the wall clock, microseconds since 1970. It decides when a partition is idle and when
	// a checkpoint is due, and stamps output; no result depends on it otherwise.
	Now func() int64
	// BatchRows is the most rows a task takes in one step; 0: 4,096.
	BatchRows int
	// CheckpointInterval in microseconds of work; 0: the project's; negative: only at the end.
	CheckpointInterval int64
	// Poison is records that made the engine panic again and again: they are kept as invalid and not
	// looked at. The reason is told in TOPIC$invalid.
	Poison map[Place]string
	// Once ends the run when all sources have ended. CloseWindows then closes all windows.
	Once, CloseWindows bool
	// Look opens the pipeline to be looked at, never to run: state that cannot be decoded is left out,
	// and Engine.Unread tells why.
	Look bool
	// Ephemeral keeps no state: nothing is restored, and rows go to logs and sinks as they come. For a
	// bounded run that starts again from the beginning when it fails.
	Ephemeral bool
	// TextLogs, of an Ephemeral run, keeps tables of rows that no view reads as CSV lines, which
	// Engine.CopyLog copies out as they are: each row is written as text once, by the task that makes it.
	TextLogs bool
	// Own is topics that whoever runs the engine writes of itself. Their records count in no total (events, ledger,
	// watermark of all), unless some table reads them.
	Own []string
	// Queries is what queries and views that are read may take; nil: DefaultLimits.
	Queries *batch.Budget
	// Files opens the files that queries name; nil: they may read none.
	Files  Files
	Logger *slog.Logger
	// Version is that of whoever runs the engine: a run that was cut short is best finished by the same one.
	Version string
}

// Files opens what a query names as json.`path`, csv.`path` or text.`path`. Errors that are *sql.Fault keep their class.
type Files interface {
	Open(ctx context.Context, f plan.FileRef) (File, error)
}

// A File is a file, or several of one shape, as a table.
type File interface {
	Schema() column.Schema
	// Scan hands its rows to visit. A batch is valid during the call.
	Scan(ctx context.Context, visit func(*column.Batch) error) error
}
