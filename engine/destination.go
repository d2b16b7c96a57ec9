package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/state"
)

// A destination is where rows go: a log of the engine's own, or a sink of the configuration. Rows
// are numbered per partition without gaps; see Rows.
type destination struct {
	name   string // "table/…", "late/…", "invalid/…", "sink/…": the Sink of its Rows
	sink   record.Sink
	log    record.Log // the same, where rows can be read back
	format rowFormat
	schema column.Schema
	zone   *time.Location

	key, value, topic, headers int // columns of a topic sink; -1: none
	field, order               int // columns of a redis sink; -1: none

	mu        sync.Mutex // of direct writes and of the state below
	trouble   string     // why rows wait, "" while they do not
	writing   int64      // since when the sink has been busy with rows, wall clock, µs; 0: it is not
	delivered int64      // rows of this process that the sink has
	latency   Latency
}

// rowFormat is how a row becomes bytes.
type rowFormat uint8

const (
	formatExact  rowFormat = iota // JSON that reads back equal, for logs
	formatBinary                  // codec's row form, for logs of a run that is thrown away
	formatTopic                   // the columns key, value, topic as they are
	formatJSON                    // as to_json(struct(*)) gives it
	formatCSV
	formatPlace // key, field or member, and a value as text
)

// A rowWriter encodes rows for one partition of a destination and gathers them until they are handed over. It belongs to the task of that partition, or to the merger.
type rowWriter struct {
	e         *Engine
	to        *destination
	partition int32
	rows      *record.Rows
	full      []*record.Rows  // before rows
	view      []column.Vector // the row's columns
	json      *codec.RowJSON
	headers   []byte            // scratch
	age       *int64            // of the window whose rows come; nil: rows are as old as their records
	cause     *int64            // append time of the record that made the rows final; nil: their own, 0: not measured
	groups    *[]int64          // filled with times, which are numbers of groups then; nil: they are times
	end       int64             // of the window, in their place
	digits    *codec.TimeDigits // of CSV lines, else nil
	aside     bool              // its rows have no numbers and no place in a checkpoint: whoever fills it empties it
}

// A batch of rows is full with so many rows or so many bytes of values, of which a log makes one batch of
// its own. A writer without checkpoints writes it then; with them, so many full batches ask for one before
// its time.
const (
	fullRows    = 4096
	fullBytes   = 1 << 20
	fullBatches = 8
)

func newRowWriter(e *Engine, to *destination, partition int32) *rowWriter {
	w := newAside(e, to, partition)
	w.aside = false
	e.writers = append(e.writers, w)
	return w
}

// newAside is a writer of rows that no checkpoint takes.
func newAside(e *Engine, to *destination, partition int32) *rowWriter {
	w := &rowWriter{e: e, to: to, partition: partition, aside: true}
	w.rows = &record.Rows{Sink: to.name, Partition: partition}
	w.view = make([]column.Vector, len(to.schema.Fields))
	switch {
	case to.format != formatCSV:
	case to.log != nil:
		w.digits = codec.NewTimeDigits(to.schema.Fields)
	default: // later runs append to the file
		w.digits = codec.NewSixDigits(to.schema.Fields)
	}
	w.json = codec.NewRowJSON(to.schema.Fields, codec.JSONFormat{Zone: to.zone, Exact: to.format == formatExact, Stored: to.format == formatExact})
	return w
}

// append encodes the rows of sel; times are their append times, by row.
func (w *rowWriter) append(cols []*column.Vector, sel []uint32, times []int64) error {
	if len(sel) == 0 {
		return nil
	}
	for i, c := range cols {
		w.view[i] = *c
	}
	for _, row := range sel {
		r, time := w.rows, times[row]
		if w.groups != nil {
			*w.groups, time = append(*w.groups, time), w.end
		}
		switch w.to.format {
		case formatTopic:
			if err := w.appendTopic(cols, int(row)); err != nil {
				return err
			}
		case formatPlace:
			w.appendPlace(cols, int(row), time)
		default:
			r.Keys.AppendNull()
			r.Values.Data = w.encode(r.Values.Data, int(row))
			r.Values.Close()
		}
		if w.age == nil {
			r.Times = append(r.Times, time)
		} else {
			r.Times = append(r.Times, *w.age)
		}
		switch {
		case w.aside:
		case w.cause == nil:
			r.NoteMade(time)
		default:
			r.NoteMade(*w.cause)
		}
		if len(r.Values.Data) >= fullBytes || r.Len() >= fullRows {
			if err := w.makeRoom(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *rowWriter) encode(dst []byte, row int) []byte {
	switch w.to.format {
	case formatBinary:
		return codec.AppendRow(dst, w.view, row)
	case formatCSV:
		dst = w.digits.AppendRowCSV(dst, w.view, row)
		return dst[:len(dst)-1] // a sink ends its lines itself
	}
	return w.json.Append(dst, w.view, row)
}

func (w *rowWriter) appendTopic(cols []*column.Vector, row int) error {
	put := func(b *record.Bytes, at int) {
		if at < 0 || cols[at].IsNull(row) {
			b.AppendNull()
		} else {
			b.Append(cols[at].Bytes(row))
		}
	}
	put(&w.rows.Values, w.to.value)
	put(&w.rows.Keys, w.to.key)
	if w.to.topic >= 0 {
		put(&w.rows.Topics, w.to.topic)
	}
	if w.to.headers >= 0 {
		w.headers = appendHeaders(w.rows, cols[w.to.headers], row, w.rows.Values.Len()-1, w.headers)
	}
	return nil
}

// appendPlace appends a row of a cache. A column that is not there leaves its part of Rows empty.
func (w *rowWriter) appendPlace(cols []*column.Vector, row int, time int64) {
	put := func(b *record.Bytes, at int) {
		if cols[at].IsNull(row) {
			b.AppendNull()
			return
		}
		b.Data = codec.AppendOutput(b.Data, cols[at], row)
		b.Close()
	}
	r := w.rows
	put(&r.Keys, w.to.key)
	put(&r.Values, w.to.value)
	if w.to.field >= 0 {
		put(&r.Fields, w.to.field)
	}
	if w.to.order < 0 && w.age == nil {
		return // the order is the row's time
	}
	if w.to.order >= 0 && !cols[w.to.order].IsNull(row) {
		time = cols[w.to.order].Int[row]
	}
	r.Orders = append(r.Orders, time)
}

// makeRoom begins another batch: a run without checkpoints writes the full one at once, another keeps it until it is
// handed over.
func (w *rowWriter) makeRoom() error {
	if w.aside {
		return nil
	}
	if w.e.opt.Ephemeral {
		return w.writeThrough(context.Background())
	}
	full := w.begin()
	w.full = append(w.full, full)
	w.rows.GrowLike(full)
	return nil
}

// writeThrough hands the rows to the sink at once.
func (w *rowWriter) writeThrough(ctx context.Context) error {
	n := w.rows.Len()
	if n == 0 {
		return nil
	}
	w.to.mu.Lock()
	defer w.to.mu.Unlock()
	if err := w.to.sink.Write(ctx, 0, w.rows); err != nil {
		return fmt.Errorf("write %d rows to %s: %w", n, w.to.name, err)
	}
	w.rows.First += int64(n)
	w.rows.Reset()
	return nil
}

// take gives away the rows gathered so far, in batches, and goes on with empty ones.
func (w *rowWriter) take() []*record.Rows {
	out := w.full
	if w.rows.Len() > 0 {
		out = append(out, w.begin())
	}
	w.full = nil
	return out
}

// begin goes on with an empty batch and returns the one before.
func (w *rowWriter) begin() *record.Rows {
	out := w.rows
	w.rows = w.e.outbox.spare()
	w.rows.Sink, w.rows.Partition, w.rows.First = out.Sink, out.Partition, out.First+int64(out.Len())
	return out
}

// A tableWriter puts a windowed table's final rows where readers find them: under the window's end
// and the encoded key.
type tableWriter struct {
	op    string // "table/…"
	flow  byte   // of a table with several flows
	delta func() *state.Delta
	key   []byte
	value []byte
	view  []column.Vector
}

func (t *tableWriter) put(end int64, key []byte, cols []*column.Vector, row int) error {
	t.key = state.AppendOrdered(t.key[:0], end)
	t.key = append(t.key, t.flow)
	t.key = append(t.key, key...)
	if t.view == nil {
		t.view = make([]column.Vector, len(cols))
	}
	for i, c := range cols {
		t.view[i] = *c
	}
	t.value = codec.AppendRow(t.value[:0], t.view, row)
	t.delta().Put(t.op, t.key, t.value)
	return nil
}
