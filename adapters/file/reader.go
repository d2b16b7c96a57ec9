package file

import (
	"context"
	"fmt"
	"io"

	"github.com/nagare-stream/nagare/engine/record"
)

// Open starts a reader of a partition. The reading of the file begins with the first Read. Readers
// that are opened before it share one reading, whatever their positions; a partition that is opened
// again has a reading of its own, from the start of the file.
//
// A position behind the end of the partition is an error of Read: the file is not what it was.
func (s *Source) Open(ctx context.Context, partition int32, from record.Position) (record.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.check(partition); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.shared
	switch {
	case p == nil:
		p = newPass(s)
		s.shared = p
		p.attach(partition)
	case p.attach(partition):
	case s.live():
		return nil, fmt.Errorf("read partition %d of standard input again: it can be read once; put it into a file", partition)
	case p.isHalted():
		p = newPass(s)
		s.shared = p
		p.attach(partition)
	default: // the others have the shared pass, or will have their own when they come
		p = newPass(s)
		for i := range p.lanes {
			p.lanes[i].gone = i != int(partition)
		}
		p.attach(partition)
	}
	return &reader{pass: p, lane: p.laneOf(partition), partition: partition, from: from.Offset}, nil
}

func (p *pass) laneOf(partition int32) *lane {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lanes[partition]
}

// reader gives the records of a lane.
type reader struct {
	pass      *pass
	lane      *lane
	partition int32
	from      int64 // the records before it are not wanted
	next      int64 // offset behind the last record seen
	closed    bool
}

// Read gives the caller the next buffer and takes the memory of dst for one of the next.
func (r *reader) Read(ctx context.Context, dst *record.Records) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.closed {
		return fmt.Errorf("read partition %d of %s: reader is closed", r.partition, r.pass.src.cfg.Path)
	}
	r.pass.start()
	l := r.lane
	for {
		got, err := r.pass.take(ctx, l)
		if err != nil {
			return err
		}
		if got == nil {
			return r.end()
		}
		r.next = got.Offsets[got.Len()-1] + 1
		switch {
		case r.next <= r.from:
			l.free <- got
			continue
		case got.Offsets[0] < r.from:
			copyFrom(dst, got, r.from)
		default:
			*dst, *got = *got, *dst
		}
		dst.Partition, dst.Next = r.partition, record.Position{Offset: r.next}
		l.free <- got
		return nil
	}
}

// take returns the lane's next buffer, nil behind the last one.
func (p *pass) take(ctx context.Context, l *lane) (*record.Records, error) {
	select {
	case got := <-l.full:
		return got, nil
	default:
	}
	l.waiting.Store(true)
	defer l.waiting.Store(false)
	select {
	case p.hungry <- struct{}{}:
	default:
	}
	select {
	case got := <-l.full:
		return got, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// end is what Read returns behind the last record.
func (r *reader) end() error {
	if r.pass.err != nil {
		return r.pass.err
	}
	if r.from > r.next {
		return fmt.Errorf("read partition %d of %s from offset %d: it ends at %d; it was longer when it was last read", r.partition, r.pass.src.cfg.Path, r.from, r.next)
	}
	return io.EOF
}

// copyFrom copies the records from an offset on.
func copyFrom(dst, src *record.Records, from int64) {
	dst.Reset()
	if dst.Keys.Data == nil || dst.Values.Data == nil {
		dst.Keys.Data, dst.Values.Data = make([]byte, 0, 64), make([]byte, 0, 64) // empty strings in no memory would be NULL
	}
	for i, offset := range src.Offsets {
		if offset < from {
			continue
		}
		dst.Offsets = append(dst.Offsets, offset)
		dst.Times = append(dst.Times, src.Times[i])
		dst.Keys.Append(src.Keys.At(i))
		dst.Values.Append(src.Values.At(i))
		if len(src.Faults) > 0 {
			dst.Faults = append(dst.Faults, src.Faults[i])
		}
		dst.PutHeaders(dst.Len()-1, src.HeadersAt(i))
		dst.PutTimeKind(dst.Len()-1, src.TimeKind(i))
	}
}

// Close lets the partition go. Another reader may open it again.
func (r *reader) Close() error {
	if !r.closed {
		r.closed = true
		r.pass.detach(r.partition)
	}
	return nil
}
