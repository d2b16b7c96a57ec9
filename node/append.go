package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nagare-stream/nagare/adapters/file"
	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/record"
)

// A Record is one record of a topic.
type Record struct {
	Partition int32 // AnyPartition: the one of its key
	Offset    int64 // of a record that was read
	Time      time.Time
	Key       []byte
	Value     []byte // nil: NULL
}

// AnyPartition stands for the partition that the key gives, or, without a key, for one after the other.
const AnyPartition = -1

// refuseLog refuses to append to a topic that holds the rows of a table.
func (n *Node) refuseLog(topic string) error {
	if n.isLog(topic) {
		return &web.RequestError{Reason: fmt.Sprintf("append to topic %s: it holds the rows of a table, which the pipeline alone writes", topic)}
	}
	return nil
}

// Append appends records in order and returns once they are durable. A record without a time gets the
// present, one without a key the one that the topic's key field gives.
func (n *Node) Append(ctx context.Context, topic string, records []Record) (err error) {
	info, err := n.topicInfo(ctx, topic)
	if err != nil {
		return err
	}
	if err := n.refuseLog(topic); err != nil {
		return err
	}
	w, err := n.host.Writer(topic, "append")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeWriter(w)) }()
	batches := make([]record.Records, info.Partitions)
	turn := int64(0)
	for _, p := range info.Parts {
		turn += p.Next // goes on where the last call stopped
	}
	now := time.Now().UnixMicro()
	for i := range records {
		r := &records[i]
		key, at := r.Key, now
		if key == nil && info.Key != "" {
			key = file.KeyOf(info.Key, r.Value)
		}
		if !r.Time.IsZero() {
			at = r.Time.UnixMicro()
		}
		part := r.Partition
		switch {
		case part == AnyPartition && key != nil:
			part = record.PartitionOf(key, info.Partitions)
		case part == AnyPartition:
			part = int32((turn + int64(i)) % int64(info.Partitions))
		case part < 0 || int(part) >= info.Partitions:
			return &web.RequestError{Reason: fmt.Sprintf("append record %d to topic %s: partition %d is asked for, and there are 0 to %d", i, topic, part, info.Partitions-1)}
		}
		b := &batches[part]
		b.Times = append(b.Times, at)
		b.Keys.Append(key)
		b.Values.Append(r.Value)
	}
	for part := range batches {
		if batches[part].Values.Len() == 0 {
			continue
		}
		if _, err := w.Append(ctx, int32(part), &batches[part], -1); err != nil {
			return err
		}
	}
	return nil
}

// Records returns the records that a topic holds now, partition by partition.
func (n *Node) Records(ctx context.Context, topic string) ([]Record, error) {
	if _, err := n.topicInfo(ctx, topic); err != nil {
		return nil, err
	}
	src, err := n.hostOf(topic).Source(topic, true)
	if err != nil {
		return nil, err
	}
	parts, err := src.Partitions(ctx)
	if err != nil {
		return nil, err
	}
	var all []Record
	for p := range int32(parts) {
		err := n.readPartition(ctx, src, p, -1, func(r *record.Records) error {
			for i := range r.Len() {
				all = append(all, Record{p, r.Offsets[i], time.UnixMicro(r.Times[i]).UTC(), clone(&r.Keys, i), clone(&r.Values, i)})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// clone copies a byte string, which is nil for NULL alone.
func clone(b *record.Bytes, i int) []byte {
	if b.IsNull(i) {
		return nil
	}
	return append([]byte{}, b.At(i)...)
}
