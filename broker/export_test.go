package broker

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Prove looks at a folder as a start does, without starting the server.
func Prove(dir string, expect []LogState) error {
	b := offline(dir, expect)
	if err := b.tidy(); err != nil {
		return err
	}
	_, err := b.prove(false)
	return err
}

// NoteIndex notes what the full blocks of a partition hold, as it is done after each noteEvery bytes.
func NoteIndex(b *Broker, topic string, partition int32) error {
	return b.noteIndex(streamName(topic, partition))
}

// ServerIndex is what the server's index of a partition says, and whether our own text of it is the server's,
// but for the order of subjects.
func ServerIndex(dir, topic string, partition int32) (says any, same bool, err error) {
	b := offline(dir, nil)
	stream := streamName(topic, partition)
	x, err := readIndex(filepath.Join(b.streamFolder(stream), streamBlocks, streamIndex), stream)
	if err != nil {
		return nil, false, err
	}
	text, err := os.ReadFile(filepath.Join(b.streamFolder(stream), streamBlocks, streamIndex))
	ours := x.encode(stream)
	if len(x.subjects) > 1 && len(ours) == len(text) { // in another order, so that the hash is another one
		ours, text = ours[:len(ours)-recordHash], text[:len(text)-recordHash]
		slices.Sort(ours)
		slices.Sort(text)
	}
	return x, bytes.Equal(ours, text), err
}

// SyncAll makes all streams durable by themselves.
func (b *Broker) SyncAll() error {
	l, err := b.current()
	if err != nil {
		return err
	}
	return l.journal.checkpoint()
}

// RetainNow has retention remove what it may.
func (b *Broker) RetainNow(ctx context.Context) error { return b.retain(ctx, time.Now()) }

// JournalEnd is the last message of a partition that the journal of a folder has.
func JournalEnd(dir, topic string, partition int32) (uint64, error) {
	found, err := readJournal(filepath.Join(dir, journalFolder))
	if err != nil {
		return 0, err
	}
	list := found.streams[streamName(topic, partition)]
	if len(list) == 0 {
		return 0, nil
	}
	return list[len(list)-1].seq, nil
}
