package node

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/batch"
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/sql"
)

// Table writes the rows of a table, view or topic.
func (n *Node) Table(ctx context.Context, w io.Writer, r web.TableRequest) error {
	return n.answered("read "+r.Name, func() error { return n.table(ctx, w, r) })
}

func (n *Node) table(ctx context.Context, w io.Writer, r web.TableRequest) error {
	t, err := newRowText(w, r.Format)
	if err != nil {
		return err
	}
	return n.tableText(ctx, t, r)
}

// TableFile is a table, view or topic as a file of CSV has it.
func (n *Node) TableFile(ctx context.Context, name string) ([]byte, error) {
	schema, err := n.current().SchemaOf(name)
	if err != nil && !is[*engine.NotFoundError](err) {
		return nil, err
	}
	digits := codec.NewTimeDigits(schema.Fields)
	for {
		var text bytes.Buffer
		t := &rowText{w: &text, format: formatCSV, digits: digits}
		err := n.answered("read "+name, func() error { return n.tableText(ctx, t, web.TableRequest{Name: name, Limit: -1}) })
		if err != nil || !digits.Mixed() {
			return text.Bytes(), err
		}
		digits.Again()
	}
}

func (n *Node) tableText(ctx context.Context, t *rowText, r web.TableRequest) (err error) {
	if r.Limit < 0 && !r.Open {
		err = n.writeAll(ctx, n.current(), r.Name, t)
	} else {
		var set *engine.RowSet
		if set, err = n.rows(ctx, r); err == nil {
			return t.set(set)
		}
	}
	if !is[*engine.NotFoundError](err) {
		return err
	}
	switch has, herr := n.hasTopic(ctx, r.Name); {
	case herr != nil:
		return herr
	case has:
		return n.writeTopic(ctx, r, t)
	}
	return err
}

// Query writes the rows of a SELECT.
func (n *Node) Query(ctx context.Context, w io.Writer, text, format string) error {
	return n.Ask(ctx, w, plan.Ask(text), format)
}

// Ask writes the rows of a statement of a session of queries.
func (n *Node) Ask(ctx context.Context, w io.Writer, q plan.Question, format string) error {
	return n.answered("run query", func() error { return n.query(ctx, w, q, format) })
}

func (n *Node) query(ctx context.Context, w io.Writer, q plan.Question, format string) error {
	ctx, end, err := n.queries.Begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	t, err := newRowText(askedWriter{ctx, w}, format)
	if err != nil {
		return err
	}
	t.hold = func(n int64) error { return batch.Hold(ctx, n) }
	begun := false
	err = n.current().Ask(ctx, q, func(b *column.Batch) error {
		if !begun {
			begun = true
			t.begin(b.Schema, false)
		}
		return t.rows(b, nil)
	})
	var faults sql.Faults
	if errors.As(err, &faults) {
		return &web.RequestError{Reason: faults.Error()}
	}
	if err != nil {
		return err
	}
	if !begun {
		return nil // a statement without rows
	}
	return t.end()
}

// writeAll writes all final rows without holding them.
func (n *Node) writeAll(ctx context.Context, e *engine.Engine, name string, t *rowText) error {
	schema, err := e.SchemaOf(name)
	if err != nil {
		return err
	}
	t.begin(&schema, false)
	if err := e.Scan(ctx, name, func(b *column.Batch) error { return t.rows(b, nil) }); err != nil {
		return err
	}
	return t.end()
}

// writeTopic writes the records of a topic that no query reads: all, or the newest.
func (n *Node) writeTopic(ctx context.Context, r web.TableRequest, t *rowText) error {
	t.begin(&recordSchema, false)
	src, err := n.hostOf(r.Name).Source(r.Name, true)
	if err != nil {
		return err
	}
	places, err := n.newestPlaces(ctx, r.Name, r.Limit)
	if err != nil {
		return err
	}
	view := newRecordView()
	for p, from := range places {
		err := readFrom(ctx, src, int32(p), from, func(rec *record.Records) error { return t.rows(view.batch(rec), nil) })
		if err != nil {
			return err
		}
	}
	return t.end()
}

// readPartition hands the newest records of a partition, limit below 0: all, and those that come
// until the source or ctx ends, to visit.
func (n *Node) readPartition(ctx context.Context, src record.Source, p int32, limit int, visit func(*record.Records) error) error {
	from, err := n.newest(ctx, src, p, limit)
	if err != nil {
		return err
	}
	return readFrom(ctx, src, p, from, visit)
}

// newest is the position limit records before a partition's end.
func (n *Node) newest(ctx context.Context, src record.Source, p int32, limit int) (record.Position, error) {
	if limit < 0 {
		return record.Position{}, nil
	}
	end, err := src.End(ctx, p)
	if err != nil || limit == 0 {
		return end, err
	}
	return record.Position{Offset: max(0, end.Offset-int64(limit))}, nil
}

// recordSchema is how the records of a topic are shown: without what is the same for all of them.
var recordSchema = column.Schema{Fields: []column.Field{
	plan.SourceSchema.Fields[plan.SourcePartition],
	plan.SourceSchema.Fields[plan.SourceOffset],
	plan.SourceSchema.Fields[plan.SourceTimestamp],
	{Name: "key", Type: column.Of(column.String)},
	{Name: "value", Type: column.Of(column.String)},
}}

// A recordView shows records as rows. Its batch is valid until the next one.
type recordView struct{ b column.Batch }

func newRecordView() *recordView { return &recordView{} }

func (v *recordView) batch(r *record.Records) *column.Batch {
	b := &v.b
	b.Reset(&recordSchema)
	b.Len = r.Len()
	for i := range r.Len() {
		b.Cols[0].AppendInt(int64(r.Partition))
		b.Cols[1].AppendInt(r.Offsets[i])
		b.Cols[2].AppendInt(r.Times[i])
		appendText(&b.Cols[3], r.Keys.At(i))
		appendText(&b.Cols[4], r.Values.At(i))
	}
	return complete(b)
}

// complete makes a filled batch ready to be read.
func complete(b *column.Batch) *column.Batch {
	for i := range b.Cols {
		b.Cols[i].EnsureNull(b.Len)
	}
	b.SelectAll()
	return b
}

// appendText appends bytes as a string; what is no UTF-8 becomes U+FFFD.
func appendText(v *column.Vector, text []byte) {
	if text == nil {
		v.AppendNull()
		return
	}
	v.AppendBytes(bytes.ToValidUTF8(text, []byte("\uFFFD")))
}

// Tail writes the newest rows and those to come, until ctx ends.
func (n *Node) Tail(ctx context.Context, w io.Writer, r web.TailRequest) error {
	return n.answered("follow "+r.Name, func() error { return n.tail(ctx, w, r) })
}

func (n *Node) tail(ctx context.Context, w io.Writer, r web.TailRequest) error {
	defer n.follows(r.Name)()
	t, err := newRowText(w, r.Format)
	if err != nil {
		return err
	}
	if r.Format == formatJSON {
		return &web.RequestError{Reason: "follow rows as json: an array has no end here; use jsonl or csv"}
	}
	if n.isLog(r.Name) && n.broker.HasTopic(r.Name) {
		return n.tailLog(ctx, t, r)
	}
	if _, err := n.current().SchemaOf(r.Name); err == nil && !slices.Contains(n.roles.sources, r.Name) {
		return n.tailTable(ctx, t, r)
	}
	switch has, err := n.hasTopic(ctx, r.Name); {
	case err != nil:
		return err
	case !has:
		_, err := n.current().SchemaOf(r.Name)
		return err
	}
	t.digits = codec.NewSixDigits(recordSchema.Fields)
	t.begin(&recordSchema, false)
	if err := t.flush(); err != nil {
		return err
	}
	return n.follow(ctx, r, func() func(*record.Records) error {
		view := newRecordView()
		return func(rec *record.Records) error { return t.rows(view.batch(rec), nil) }
	}, t)
}

// follow reads all partitions of a topic at once and writes their rows one batch at a time.
func (n *Node) follow(ctx context.Context, r web.TailRequest, open func() func(*record.Records) error, t *rowText) error {
	src, err := n.hostOf(r.Name).Source(r.Name, n.cfg.Look) // to look, nothing is going to come
	if err != nil {
		return err
	}
	places, err := n.newestPlaces(ctx, r.Name, r.N)
	if err != nil {
		return err
	}
	turn := make(chan struct{}, 1)
	g, gctx := errgroup.WithContext(ctx)
	for p, from := range places {
		write := open()
		g.Go(func() error {
			return readFrom(gctx, src, int32(p), from, func(rec *record.Records) error {
				turn <- struct{}{}
				defer func() { <-turn }()
				if err := write(rec); err != nil {
					return err
				}
				return t.flush()
			})
		})
	}
	return g.Wait()
}

// tailLog follows a table that keeps rows one for one, by the topic that holds them.
func (n *Node) tailLog(ctx context.Context, t *rowText, r web.TailRequest) error {
	schema, err := n.current().SchemaOf(r.Name)
	if err != nil {
		return err
	}
	t.digits = codec.NewSixDigits(schema.Fields)
	t.begin(&schema, false)
	if err := t.flush(); err != nil {
		return err
	}
	return n.follow(ctx, r, func() func(*record.Records) error {
		d := newLogDecoder(&schema)
		return func(rec *record.Records) error { return t.rows(d.decode(rec), nil) }
	}, t)
}

// smallTable is the number of rows up to which a table is looked at whole for what is new.
const smallTable = 2000

// tailTable follows a windowed table or a view: after each checkpoint it writes the rows that it has
// not written before, or that have changed.
func (n *Node) tailTable(ctx context.Context, t *rowText, r web.TailRequest) error {
	var seen map[string]bool
	rows := int64(0)
	for {
		changed, end := n.Watch()
		now := n.tableRows(r.Name)
		limit := -1
		if now > smallTable {
			limit = max(r.N, int(now-rows)) + smallTable
		}
		set, err := n.current().Table(ctx, r.Name, r.Updates, limit)
		if err != nil {
			end()
			return err
		}
		if seen == nil {
			t.begin(set.Schema, r.Updates && set.Open != nil)
		}
		if seen, err = t.fresh(set, seen, r.N); err != nil {
			end()
			return err
		}
		rows = now
		if n.cfg.Look {
			end()
			return nil
		}
		select {
		case <-changed:
			end()
		case <-ctx.Done():
			end()
			return ctx.Err()
		}
	}
}

func (n *Node) tableRows(name string) int64 {
	for _, t := range n.current().Status().Tables {
		if t.Name == name {
			return t.Rows
		}
	}
	return 0
}

// fresh writes the rows of a set whose text is not in seen, the first time the newest limit ones, and
// returns the texts of all.
func (t *rowText) fresh(set *engine.RowSet, seen map[string]bool, limit int) (map[string]bool, error) {
	t.view.Kids = set.Batch.Cols
	all := make(map[string]bool, set.Batch.Len)
	var key []byte
	for i := range set.Batch.Len {
		key = codec.AppendJSON(key[:0], &t.view, i, codec.JSONFormat{Exact: true, KeepNulls: true})
		if set.Open != nil && set.Open[i] {
			key = append(key, '+')
		}
		all[string(key)] = true
		if seen[string(key)] || (seen == nil && i < set.Batch.Len-limit) {
			continue
		}
		if err := t.row(i, set.Open); err != nil {
			return nil, err
		}
	}
	return all, t.flush()
}
