package broker

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
)

// Memory is one topic without a server: the same Source and the same rules of appending, for tests
// and for runs that read files.
type Memory struct {
	mu    sync.RWMutex
	parts []*memoryPart
}

type memoryPart struct {
	mu        sync.Mutex
	log       []record.Records // in order; never changed once they are here
	next      int64
	producers map[string]producer
	arrived   signal
	bytes     uint64
	appended  time.Time // zero: never
}

// NewMemory makes an empty topic.
func NewMemory(partitions int) *Memory {
	m := &Memory{}
	m.Grow(partitions)
	return m
}

// Grow gives the topic that many partitions at least.
func (m *Memory) Grow(partitions int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.parts) < partitions {
		m.parts = append(m.parts, &memoryPart{producers: make(map[string]producer)})
	}
}

// Partitions returns how many partitions the topic has now.
func (m *Memory) Partitions() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.parts)
}

func (m *Memory) part(number int32) (*memoryPart, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if number < 0 || int(number) >= len(m.parts) {
		return nil, &TopicError{"in memory", fmt.Sprintf("it has %d partitions, and no partition %d", len(m.parts), number)}
	}
	return m.parts[number], nil
}

// A MemoryWriter appends the records of one producer; see Writer.
type MemoryWriter struct {
	m        *Memory
	producer string
	topic    string // for errors
	limit    int    // bytes of key and value of a record
}

// Writer returns a writer for a producer.
func (m *Memory) Writer(producer string) *MemoryWriter {
	return &MemoryWriter{m, producer, "in memory", MaxRecordBytes}
}

// Append appends records; see Writer.Append.
func (w *MemoryWriter) Append(ctx context.Context, number int32, r *record.Records, seq int64) (int64, error) {
	return w.AppendMarked(ctx, number, r, seq, 0)
}

// AppendMarked appends records with a mark; see Writer.AppendMarked.
func (w *MemoryWriter) AppendMarked(ctx context.Context, number int32, r *record.Records, seq int64, mark uint64) (int64, error) {
	p, err := w.m.part(number)
	if err != nil {
		return -1, err
	}
	n, err := checkRecords(w.topic, w.limit, r)
	if err != nil {
		return -1, err
	}
	r = complete(&record.Records{}, r, n)
	p.mu.Lock()
	defer p.mu.Unlock()
	from, stand := 0, p.producers[w.producer]
	if seq >= 0 {
		from = int(min(max(stand.next-seq, 0), int64(n)))
		stand.next = max(stand.next, seq+int64(n))
	}
	if from == n {
		return -1, ctx.Err()
	}
	first := p.next
	for at, to := from, 0; at < n; at = to {
		to, _ = cut(r, at, n)
		p.log = append(p.log, p.copy(r, at, to))
	}
	p.producers[w.producer], p.appended = producer{stand.next, mark}, time.Now()
	p.arrived.broadcast()
	return first, ctx.Err()
}

// copy copies records [from, to) of r and gives them offsets.
func (p *memoryPart) copy(r *record.Records, from, to int) record.Records {
	c := record.Records{Times: slices.Clone(r.Times[from:to])}
	for i := from; i < to; i++ {
		c.Offsets = append(c.Offsets, p.next)
		c.Keys.Append(r.Keys.At(i))
		c.Values.Append(r.Values.At(i))
		c.PutHeaders(i-from, r.HeadersAt(i))
		p.next++
	}
	p.bytes += uint64(len(c.Keys.Data) + len(c.Values.Data) + len(c.Headers.Data))
	return c
}

// Last returns where the producer stands; see Writer.Last.
func (w *MemoryWriter) Last(_ context.Context, number int32) (int64, error) {
	p, err := w.m.part(number)
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.producers[w.producer].next, nil
}

// LastMark returns the producer's last mark; see Writer.LastMark.
func (w *MemoryWriter) LastMark(_ context.Context, number int32) (uint64, error) {
	p, err := w.m.part(number)
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.producers[w.producer].mark, nil
}

// Source returns the topic as a source whose readers wait at its end.
func (m *Memory) Source() record.Source { return &memorySource{m, false} }

// SourceUntilEnd returns the topic as a source whose readers end where it ended when they were opened.
func (m *Memory) SourceUntilEnd() record.Source { return &memorySource{m, true} }

type memorySource struct {
	m       *Memory
	bounded bool
}

func (s *memorySource) Partitions(context.Context) (int, error) { return s.m.Partitions(), nil }

func (s *memorySource) End(_ context.Context, number int32) (record.Position, error) {
	p, err := s.m.part(number)
	if err != nil {
		return record.Position{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return record.Position{Offset: p.next}, nil
}

func (s *memorySource) Open(ctx context.Context, number int32, from record.Position) (record.Reader, error) {
	p, err := s.m.part(number)
	if err != nil {
		return nil, err
	}
	end, err := s.End(ctx, number)
	if err != nil {
		return nil, err
	}
	if from.Offset > end.Offset {
		return nil, &DamageError{Topic: "in memory", Partition: number, Reason: fmt.Sprintf("it ends before offset %d, and offset %d was read before", end.Offset, from.Offset)}
	}
	r := &memoryReader{p: p, number: number, offset: from.Offset, end: -1}
	if s.bounded {
		r.end = end.Offset
	}
	return r, nil
}

type memoryReader struct {
	p      *memoryPart
	number int32
	chunk  int   // in which offset is searched
	offset int64 // next to read
	end    int64 // -1: none
}

// Read copies one chunk, or the rest of it; see record.Reader.
func (r *memoryReader) Read(ctx context.Context, dst *record.Records) error {
	spoil(dst)
	dst.Reset()
	dst.Partition = r.number
	for {
		arrived := r.p.arrived.wait()
		r.p.mu.Lock()
		log := r.p.log
		r.p.mu.Unlock()
		for ; r.chunk < len(log) && r.offset != r.end; r.chunk++ {
			c := &log[r.chunk]
			i := int(max(r.offset-c.Offsets[0], 0))
			for ; i < c.Len() && c.Offsets[i] != r.end; i++ {
				dst.Offsets, dst.Times = append(dst.Offsets, c.Offsets[i]), append(dst.Times, c.Times[i])
				dst.Keys.Append(c.Keys.At(i))
				dst.Values.Append(c.Values.At(i))
				dst.PutHeaders(dst.Len()-1, c.HeadersAt(i))
			}
			if n := dst.Len(); n > 0 {
				r.offset = dst.Offsets[n-1] + 1
				dst.Next = record.Position{Offset: r.offset}
				return nil
			}
		}
		if r.offset == r.end {
			return io.EOF
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *memoryReader) Close() error { return nil }
