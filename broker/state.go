package broker

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
)

// A PartitionState tells a log from any other, and from a shorter or a changed one. It belongs into
// a checkpoint, beside the positions that were read from the log.
type PartitionState struct {
	LastSeq uint64 // last message of the stream
	Count   int64  // records ever appended: the offset of the next one
	Sum     uint64 // chain of the last batch, and CRC-32C of the last message
}

// State returns the state of a partition's log as it is on the disk.
func (b *Broker) State(ctx context.Context, topic string, number int32) (PartitionState, error) {
	p, err := b.partition(topic, number)
	if err != nil {
		return PartitionState{}, err
	}
	l, err := b.current()
	if err != nil {
		return PartitionState{}, err
	}
	end, err := p.readTail(ctx, l)
	if err != nil || end.seq == 0 {
		return PartitionState{}, err
	}
	s, err := p.stateAt(ctx, l, end.seq)
	if err != nil {
		return PartitionState{}, fmt.Errorf("read topic %s partition %d: %w", topic, number, err)
	}
	return s, nil
}

// stateAt is the state of the log when message seq was its last.
func (p *partition) stateAt(ctx context.Context, l *link, seq uint64) (PartitionState, error) {
	m, err := l.get(ctx, p.stream, fmt.Sprintf(`{"seq":%d}`, seq))
	if err != nil {
		return PartitionState{}, err
	}
	s := PartitionState{LastSeq: seq, Sum: uint64(crc32.Checksum(m.data, castagnoli))}
	if m.isBatch() {
		h, err := p.head(m)
		if err != nil {
			return PartitionState{}, err
		}
		s.Count, s.Sum = h.next(), s.Sum|uint64(h.chain)<<32
		return s, nil
	}
	offset, err := p.offsetAt(ctx, l, m)
	s.Count = offset + 1
	return s, err
}

// Verify compares a partition's log with the state that a checkpoint remembers, and returns a
// *DamageError when it is shorter, has a hole, or holds something else. A server that finds a damaged
// block at its start cuts it off without a word: this is how it is noticed.
func (b *Broker) Verify(ctx context.Context, topic string, number int32, want PartitionState) error {
	p, err := b.partition(topic, number)
	if err != nil {
		return err
	}
	l, err := b.current()
	if err != nil {
		return err
	}
	info, err := p.streamInfo(ctx, l)
	if err != nil {
		return err
	}
	st := &info.State
	if st.LastSeq < want.LastSeq {
		return p.damage(st.LastSeq, fmt.Sprintf("it ends with message %d, and had %d", st.LastSeq, want.LastSeq))
	}
	if st.LastSeq == 0 {
		return nil
	}
	if st.Msgs != st.LastSeq-st.FirstSeq+1 {
		return p.damage(st.FirstSeq, fmt.Sprintf("messages %d to %d are %d, so %d are missing", st.FirstSeq, st.LastSeq, st.Msgs, st.LastSeq-st.FirstSeq+1-st.Msgs))
	}
	if want.LastSeq == 0 || want.LastSeq < st.FirstSeq {
		return nil // nothing was there, or retention has removed it
	}
	got, err := p.stateAt(ctx, l, want.LastSeq)
	if errors.Is(err, errNoMessage) {
		return p.damage(want.LastSeq, "the message is gone")
	}
	if err != nil {
		return err
	}
	if got != want {
		return p.damage(want.LastSeq, fmt.Sprintf("it has offset %d and sum %016x there, and had %d and %016x", got.Count, got.Sum, want.Count, want.Sum))
	}
	return nil
}
