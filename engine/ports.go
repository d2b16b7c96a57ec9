package engine

import (
	"context"
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
)

// Bytes is byte strings laid end to end.
type Bytes = column.Bytes

// Records is a batch of encoded records of one partition, in offset order.
// It is reused: its bytes are valid until the next Read.
type Records struct {
	Partition int32
	Offsets   []int64 // increasing, not necessarily dense
	Times     []int64 // append time, microseconds; not event time
	Keys      Bytes
	Values    Bytes
	Headers   Bytes    // see AppendHeader; NULL, or not there at the end: a record without any
	Kinds     []int8   // of Times, as Kafka numbers them: see TimeKind; not there at the end: CreateTime
	Packed    []byte   // Values.Data compressed by S2, where whoever writes the records has it; a reader leaves it empty
	Next      Position // where a reader that has taken this batch goes on
	Faults    []string // by record: why it can be no value of the topic, "" if it may be one; empty: no record has such
	Lost      int64    // offsets before these records that the log no longer had and the reader passed over
}

// Len is the number of records.
func (r *Records) Len() int { return len(r.Offsets) }

// Reset empties the batch and keeps its memory.
func (r *Records) Reset() {
	r.Offsets, r.Times = r.Offsets[:0], r.Times[:0]
	r.Keys.Reset()
	r.Values.Reset()
	r.Headers.Reset()
	r.Kinds = r.Kinds[:0]
	r.Faults, r.Lost = r.Faults[:0], 0
}

// What gave a record its time, as Kafka numbers it; -1: nothing did.
const (
	CreateTime    int8 = 0 // its producer
	LogAppendTime int8 = 1 // the log
)

// TimeKind is what gave record i its time.
func (r *Records) TimeKind(i int) int8 {
	if i >= len(r.Kinds) {
		return CreateTime
	}
	return r.Kinds[i]
}

// PutTimeKind says what gave record i its time. Those of the records before it are there.
func (r *Records) PutTimeKind(i int, kind int8) {
	if kind == CreateTime {
		return
	}
	for len(r.Kinds) < i {
		r.Kinds = append(r.Kinds, CreateTime)
	}
	r.Kinds = append(r.Kinds, kind)
}

// A Position is the place of a reader in a partition.
type Position struct {
	Offset int64  // the next record to read
	Log    uint64 // the log's own name for that place, for a quick start; 0: not known
}

// A Source is a partitioned, replayable log.
//
// An implementer: gives the same records at the same offsets whenever it is asked; keeps the
// order of a partition; reports a gap, a truncation or damage as an error and never skips it.
type Source interface {
	// Partitions returns how many there are now, and may return more later.
	Partitions(ctx context.Context) (int, error)
	// Open starts a reader at a position; the zero Position is the first record there is.
	Open(ctx context.Context, partition int32, from Position) (Reader, error)
	// End returns the position behind the partition's last record.
	End(ctx context.Context, partition int32) (Position, error)
}

// A Starter is a Source that is not always read from its first record on.
type Starter interface {
	// Start returns where a pipeline that has no checkpoint begins to read a partition.
	Start(ctx context.Context, partition int32) (Position, error)
}

// A Reader reads one partition. It is used by one goroutine.
type Reader interface {
	// Read blocks for the first record and returns what has arrived; io.EOF ends a bounded source.
	// dst is overwritten. A batch without records may come where a log has entries that are none:
	// dst.Next is behind them. An error of ctx is returned as it is.
	Read(ctx context.Context, dst *Records) error
	Close() error
}

// Rows is a batch of encoded output rows of one sink, in order.
//
// Its identity is (Sink, Partition, First): rows of a sink and partition are numbered from 0
// without gaps, and the number of a row depends on the inputs alone, so that a row delivered
// twice has the same number twice.
type Rows struct {
	Sink      string
	Partition int32 // of the input, for a table that keeps rows one for one; else 0
	First     int64 // number of the first row
	Times     []int64
	Keys      Bytes
	Values    Bytes
	Topics    Bytes // empty unless the sink's rows name their topic
	Headers   Bytes // as those of Records

	// Of a redis sink: the field or member that a row is for, where its keys hold several; and the
	// order of rows for one place, of which the one with the greatest stays (empty: Times).
	Fields Bytes
	Orders []int64

	// Of rows of open windows for a cache, by row: the place has no such row any more, because HAVING or WHERE let go
	// of it, or it is elsewhere; with the order that the row had, which an older row at the place does not have.
	// Shorter than the rows: the others are none of those.
	Gone []bool

	Packed []byte // Values.Data compressed by S2, as the outbox keeps it; empty: not compressed yet

	made []made // which records made the rows final; none: they are not measured
}

// Len is the number of rows.
func (r *Rows) Len() int { return r.Values.Len() }

// IsGone reports a row that its place has no more.
func (r *Rows) IsGone(i int) bool { return i < len(r.Gone) && r.Gone[i] }

// growLike makes room for as many rows of values as another batch has, at once.
func (r *Rows) growLike(of *Rows) {
	r.Times = slices.Grow(r.Times, len(of.Times))
	r.Values.Data = slices.Grow(r.Values.Data, len(of.Values.Data))
	r.Values.Ends = slices.Grow(r.Values.Ends, len(of.Values.Ends))
	r.Keys.Ends = slices.Grow(r.Keys.Ends, len(of.Keys.Ends))
}

// Reset empties the batch and keeps its memory.
func (r *Rows) Reset() {
	r.Times = r.Times[:0]
	r.Keys.Reset()
	r.Values.Reset()
	r.Topics.Reset()
	r.Headers.Reset()
	r.Fields.Reset()
	r.Orders, r.Packed, r.Gone, r.made = r.Orders[:0], r.Packed[:0], r.Gone[:0], r.made[:0]
}

// A Sink accepts rows. Writing the same identity twice has the effect of writing it once.
//
// An implementer: keeps the order of a (Sink, Partition); may keep rows back until Flush, until which
// they are valid; returns an error only where trying again can help, and says in it what the user can do.
type Sink interface {
	Write(ctx context.Context, epoch uint64, out *Rows) error
	Flush(ctx context.Context) error // returns once all writes are durable
	Close() error
}

// An Updater is a Sink that also takes rows of open windows, as outputMode update gives them: rows
// without a number, which stand until another comes for the same place. The last one is final, has a
// number, and comes by Write, after all others.
//
// An implementer: keeps the order of calls of Update and Write.
type Updater interface {
	Sink
	Update(ctx context.Context, out *Rows) error
}

// A Cache is an Updater that may lose what it was given, and gets it again from the tables and topics
// from which it was made.
//
// An implementer: takes rows of Write and Update without waiting for anything, so that a cache that is
// away holds nothing up; of two rows for one place keeps the one with the greater order, and of two
// with the same order the one that came later.
type Cache interface {
	Updater
	// Lost gets a value when rows may be missing and would be taken now.
	Lost() <-chan struct{}
	// Refill reads everything that lives, as often as Lost says. What comes by Write and Update while
	// read runs, or after, is newer than what read gives.
	Refill(ctx context.Context, read func(take func(*Rows) error) error) error
	// Settle waits until everything it was given is where it belongs, or that is not possible now.
	Settle(ctx context.Context) error
}

// A SinkReporter is a Sink that tells how it is.
type SinkReporter interface{ Report() SinkStatus }

// A Store makes checkpoints durable, each in one transaction with the state that changed.
//
// An implementer: applies a whole Delta or nothing of it; once Commit has returned nil the
// checkpoint survives a power cut; an error of Commit is final.
type Store interface {
	Commit(ctx context.Context, cp Checkpoint, d *Delta) error
	// Load returns the newest checkpoint and hands every entry of every operator that is state
	// (see Delta.Put) to restore, ordered by operator and key; the bytes are valid during the call.
	// The zero Checkpoint, Epoch 0, means a fresh store. With a nil restore no state is read.
	Load(ctx context.Context, restore func(op string, key, value []byte) error) (Checkpoint, error)
	// Scan hands the entries of op with from <= key < to, in key order, to visit; a nil to is the
	// end; the bytes are valid during the call. It holds no transaction open for long: entries
	// committed meanwhile may or may not be seen.
	Scan(ctx context.Context, op string, from, to []byte, visit func(key, value []byte) error) error
	Close() error
}

// A Checkpoint is a consistent cut through a running pipeline, less the state, which goes into
// the Delta. Data is the engine's own encoding of positions, watermarks and ledger.
type Checkpoint struct {
	Epoch uint64 // 1 for the first, then one more each
	Data  []byte
}

// A Delta is what changed since the last checkpoint. Later entries for a key replace earlier ones.
type Delta struct {
	Ops []DeltaOp

	buf  []byte   // being filled
	full [][]byte // filled before
	free [][]byte // of an earlier use
}

// DeltaOp is one change. Op names the operator that owns the key: "table/…" holds rows of tables,
// which are read by Scan and not restored by Load; everything else is state.
type DeltaOp struct {
	Kind  DeltaKind
	Op    string
	Key   []byte // for DeletePrefix the prefix; nil: every key of Op
	Value []byte
}

// DeltaKind tells the changes apart.
type DeltaKind uint8

// The kinds of change.
const (
	Put DeltaKind = iota
	Delete
	DeletePrefix
)

// Put sets a key. Key and value are copied.
func (d *Delta) Put(op string, key, value []byte) {
	d.Ops = append(d.Ops, DeltaOp{Put, op, d.keep(key), d.keep(value)})
}

// Delete removes a key.
func (d *Delta) Delete(op string, key []byte) {
	d.Ops = append(d.Ops, DeltaOp{Kind: Delete, Op: op, Key: d.keep(key)})
}

// DeletePrefix removes all keys of op that start with prefix.
func (d *Delta) DeletePrefix(op string, prefix []byte) {
	d.Ops = append(d.Ops, DeltaOp{Kind: DeletePrefix, Op: op, Key: d.keep(prefix)})
}

// deltaChunk is how much memory a Delta takes at a time, and deltaFree how many such pieces it keeps.
const (
	deltaChunk = 256 << 10
	deltaFree  = 64
)

// Reset empties the delta and keeps its memory, within deltaFree pieces.
func (d *Delta) Reset() {
	clear(d.Ops)
	d.Ops = d.Ops[:0]
	for _, b := range append(d.full, d.buf) {
		if cap(b) == deltaChunk && len(d.free) < deltaFree {
			d.free = append(d.free, b[:0])
		}
	}
	clear(d.full)
	d.full, d.buf = d.full[:0], nil
}

// keep copies b into the delta's memory, in pieces that stay where they are.
func (d *Delta) keep(b []byte) []byte {
	if cap(d.buf)-len(d.buf) < len(b) {
		if len(d.buf) > 0 {
			d.full = append(d.full, d.buf)
		}
		d.buf = d.piece(len(b))
	}
	at := len(d.buf)
	d.buf = append(d.buf, b...)
	return d.buf[at:len(d.buf):len(d.buf)]
}

// piece returns empty memory for n bytes at least.
func (d *Delta) piece(n int) []byte {
	if k := len(d.free); k > 0 && n <= deltaChunk {
		b := d.free[k-1]
		d.free = d.free[:k-1]
		return b
	}
	return make([]byte, 0, max(n, deltaChunk))
}
