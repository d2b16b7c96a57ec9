package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
)

// startLatest is the offset in a plan.Start that stands for the end.
const startLatest = -1

// startsLater reports whether a source may begin behind its first record.
func startsLater(s plan.Start) bool {
	return s.Latest || s.Offsets != nil || s.Timestamp > 0 || s.Timestamps != nil
}

// A startingSource begins to be read where the project says.
type startingSource struct {
	record.Source
	topic string
	start plan.Start
	log   *slog.Logger
}

// startingAs has a source begin where a project says that its topic is read from.
func startingAs(p *plan.Pipeline, topic string, src record.Source, log *slog.Logger) record.Source {
	for _, d := range p.Datasets {
		if start, ok := d.Starts[topic]; ok && startsLater(start) {
			return startingSource{src, topic, start, log}
		}
	}
	return src
}

// Ends passes on what the source knows.
func (s startingSource) Ends(ctx context.Context) ([]int64, error) { return ends(ctx, s.Source) }

// Start returns where a pipeline without a checkpoint begins to read a partition; see record.Starter.
func (s startingSource) Start(ctx context.Context, partition int32) (record.Position, error) {
	if micros, ok := s.start.Timestamps[partition]; ok {
		return after(ctx, s.Source, partition, micros)
	}
	if s.start.Timestamp > 0 {
		return after(ctx, s.Source, partition, s.start.Timestamp)
	}
	offset, named := s.start.Offsets[partition]
	switch {
	case named && offset >= 0:
		return record.Position{Offset: offset}, nil
	case named && offset == startLatest, !named && s.start.Latest:
		return s.End(ctx, partition)
	}
	if first, ok := s.Source.(record.Starter); ok {
		return first.Start(ctx, partition)
	}
	return record.Position{}, nil
}

// Open starts a reader. A start that lies behind the partition's end is waited for: nothing was read from
// such a place before, so the log has not become shorter.
func (s startingSource) Open(ctx context.Context, partition int32, from record.Position) (record.Reader, error) {
	if offset, named := s.start.Offsets[partition]; !named || from != (record.Position{Offset: offset}) {
		return s.Source.Open(ctx, partition, from)
	}
	end, err := s.End(ctx, partition)
	if err != nil || end.Offset >= from.Offset {
		return s.Source.Open(ctx, partition, from)
	}
	s.log.Warn(fmt.Sprintf("topic %s partition %d ends at offset %d, and startingOffsets names %d: records before that are left out", s.topic, partition, end.Offset, from.Offset))
	r, err := s.Source.Open(ctx, partition, end)
	if err != nil {
		return nil, err
	}
	return &waitingReader{r, from.Offset}, nil
}

// A waitingReader leaves out the records before an offset. Its position stays where it is until then.
type waitingReader struct {
	record.Reader
	from int64
}

// Read returns what has arrived from the offset on; see record.Reader.
func (r *waitingReader) Read(ctx context.Context, dst *record.Records) error {
	for {
		err := r.Reader.Read(ctx, dst)
		if err != nil || dst.Next.Offset < r.from {
			if err != nil {
				return err
			}
			continue
		}
		if early, _ := slices.BinarySearch(dst.Offsets, r.from); early > 0 {
			*dst = *behind(dst, early)
		}
		return nil
	}
}

// behind copies a batch less its first records.
func behind(r *record.Records, first int) *record.Records {
	c := &record.Records{Partition: r.Partition, Next: r.Next, Lost: r.Lost, Offsets: slices.Clone(r.Offsets[first:]), Times: slices.Clone(r.Times[first:])}
	for i := first; i < r.Len(); i++ {
		c.Keys.Append(r.Keys.At(i))
		c.Values.Append(r.Values.At(i))
		c.PutHeaders(i-first, r.HeadersAt(i))
		c.PutTimeKind(i-first, r.TimeKind(i))
	}
	if len(r.Faults) > first {
		c.Faults = slices.Clone(r.Faults[first:])
	}
	return c
}

// after finds the first record that was appended at a time or later; the end if there is none. A source
// that cannot be asked is read.
func after(ctx context.Context, s record.Source, partition int32, micros int64) (at record.Position, err error) {
	if asked, ok := s.(interface {
		After(ctx context.Context, partition int32, micros int64) (record.Position, error)
	}); ok {
		return asked.After(ctx, partition, micros)
	}
	end, err := s.End(ctx, partition)
	if err != nil || end.Offset == 0 {
		return end, err
	}
	r, err := s.Open(ctx, partition, record.Position{})
	if err != nil {
		return at, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var records record.Records
	for records.Next.Offset < end.Offset {
		if err := r.Read(ctx, &records); err != nil {
			if errors.Is(err, io.EOF) {
				break
			}
			return at, err
		}
		for i, t := range records.Times {
			if t >= micros {
				return record.Position{Offset: records.Offsets[i]}, nil
			}
		}
	}
	return end, nil
}
