package engine

import (
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/state"
)

// Names of packages record and state as the files of this package still say them.
type (
	Bytes        = record.Bytes
	Records      = record.Records
	Position     = record.Position
	Source       = record.Source
	Starter      = record.Starter
	Reader       = record.Reader
	Rows         = record.Rows
	Sink         = record.Sink
	Updater      = record.Updater
	Cache        = record.Cache
	SinkReporter = record.SinkReporter
	SinkStatus   = record.SinkStatus
	Log          = record.Log

	Store      = state.Store
	Checkpoint = state.Checkpoint
	Delta      = state.Delta
	DeltaOp    = state.DeltaOp
)

const (
	Put          = state.Put
	Delete       = state.Delete
	DeletePrefix = state.DeletePrefix
)
