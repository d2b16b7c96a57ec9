package enginetest

import (
	"context"
	"io"
	"sync"

	"github.com/nagare-stream/nagare/engine/record"
)

// A Log is a topic in memory: an record.Log that tests fill and read. What was written to it stays
// when an engine is closed, like a broker's.
type Log struct {
	// ReadRows bounds how many records one Read returns; 0: 4,096.
	ReadRows int

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when something changes
	parts   []logPart
	ended   bool
}

type logPart struct {
	records record.Records
	next    map[string]int64 // by sink: number of the next row, so that a row delivered twice is there once
	repeats int              // rows that were delivered again
}

// NewLog returns an empty topic.
func NewLog(partitions int) *Log {
	l := &Log{changed: make(chan struct{})}
	l.Grow(partitions)
	return l
}

// Grow gives the topic that many partitions at least.
func (l *Log) Grow(partitions int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.parts) < partitions {
		l.parts = append(l.parts, logPart{next: map[string]int64{}})
	}
}

// Append adds a record; a nil value is a tombstone. at is its append time, microseconds.
func (l *Log) Append(partition int, at int64, key, value []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parts[partition].append(at, key, value)
	l.wake()
}

func (p *logPart) append(at int64, key, value []byte) {
	p.records.Offsets = append(p.records.Offsets, int64(len(p.records.Offsets)))
	p.records.Times = append(p.records.Times, at)
	p.records.Keys.Append(key)
	p.records.Values.Append(value)
}

// Finish says that nothing will be appended any more: readers get io.EOF at the end.
func (l *Log) Finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.wake()
}

// Resume takes back what Finish said.
func (l *Log) Resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = false
}

func (l *Log) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// Values returns copies of all values of a partition.
func (l *Log) Values(partition int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for i := range l.parts[partition].records.Len() {
		out = append(out, string(l.parts[partition].records.Values.At(i)))
	}
	return out
}

// Repeats is how many rows sinks delivered again and the identity made harmless.
func (l *Log) Repeats() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for i := range l.parts {
		n += l.parts[i].repeats
	}
	return n
}

// Partitions implements record.Source.
func (l *Log) Partitions(context.Context) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.parts), nil
}

// End implements record.Source.
func (l *Log) End(_ context.Context, partition int32) (record.Position, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return record.Position{Offset: int64(l.parts[partition].records.Len())}, nil
}

// Open implements record.Source.
func (l *Log) Open(_ context.Context, partition int32, from record.Position) (record.Reader, error) {
	return &logReader{log: l, partition: partition, next: from.Offset}, nil
}

// Write implements record.Sink.
func (l *Log) Write(_ context.Context, _ uint64, out *record.Rows) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.parts[int(out.Partition)%len(l.parts)]
	for i := range out.Len() {
		if out.First+int64(i) < p.next[out.Sink] {
			p.repeats++
			continue
		}
		if out.First+int64(i) > p.next[out.Sink] {
			panic("BUG: a row is missing between two that a sink was given")
		}
		p.append(out.Times[i], out.Keys.At(i), out.Values.At(i))
		p.next[out.Sink]++
	}
	l.wake()
	return nil
}

// Update implements record.Updater: rows of open windows are records like others.
func (l *Log) Update(_ context.Context, out *record.Rows) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range out.Len() {
		l.parts[0].append(out.Times[i], out.Keys.At(i), out.Values.At(i))
	}
	l.wake()
	return nil
}

// Latest returns the newest value of each key of the first partition.
func (l *Log) Latest() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]string{}
	r := &l.parts[0].records
	for i := range r.Len() {
		out[string(r.Keys.At(i))] = string(r.Values.At(i))
	}
	return out
}

// Flush implements record.Sink.
func (l *Log) Flush(context.Context) error { return nil }

// Close implements record.Sink; the topic stays.
func (l *Log) Close() error { return nil }

type logReader struct {
	log       *Log
	partition int32
	next      int64
}

// Read implements record.Reader.
func (r *logReader) Read(ctx context.Context, dst *record.Records) error {
	for {
		r.log.mu.Lock()
		n := r.take(dst)
		ended, changed := r.log.ended, r.log.changed
		r.log.mu.Unlock()
		if n > 0 {
			return nil
		}
		if ended {
			return io.EOF
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *logReader) take(dst *record.Records) int {
	src := &r.log.parts[r.partition].records
	most := r.log.ReadRows
	if most <= 0 {
		most = 4096
	}
	dst.Reset()
	dst.Partition = r.partition
	for int(r.next) < src.Len() && dst.Len() < most {
		i := int(r.next)
		dst.Offsets = append(dst.Offsets, src.Offsets[i])
		dst.Times = append(dst.Times, src.Times[i])
		dst.Keys.Append(src.Keys.At(i))
		dst.Values.Append(src.Values.At(i))
		r.next++
	}
	dst.Next = record.Position{Offset: r.next}
	return dst.Len()
}

// Close implements record.Reader.
func (r *logReader) Close() error { return nil }
