package node

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/sql"
)

// A keptRecord is a record as TABLE$late or TOPIC$invalid keeps it.
type keptRecord struct {
	web.RecordPlace
	key, value []byte // nil: NULL
}

// resendBatch is how many records are appended at a time.
const resendBatch = 1000

// Resend appends kept records to their topic again, each to the partition that it was in and with what it had: key,
// value and headers, as the topic has it, or else as it was kept.
func (n *Node) Resend(ctx context.Context, r web.ResendRequest) (done web.Resent, err error) {
	err = n.answered("send "+r.From+" again", func() (err error) {
		done, err = n.resend(ctx, r)
		return err
	})
	return done, err
}

func (n *Node) resend(ctx context.Context, r web.ResendRequest) (web.Resent, error) {
	done := web.Resent{From: r.From, Dry: r.Dry}
	topic, note, err := n.resendTopic(r)
	if err != nil {
		return done, err
	}
	done.Topic, done.Note = topic, note
	info, err := n.topicInfo(ctx, topic)
	if err != nil {
		return done, err
	}
	kept, err := n.keptRecords(ctx, r)
	if err != nil {
		return done, err
	}
	for len(kept) > 0 {
		part := kept[0].Partition
		end := slices.IndexFunc(kept, func(k keptRecord) bool { return k.Partition != part })
		if end < 0 {
			end = len(kept)
		}
		if int(part) >= info.Partitions {
			return done, &web.RequestError{Reason: fmt.Sprintf("send %s again: records are of partition %d, and topic %s has %d; it is not the topic that they came from", r.From, part, topic, info.Partitions)}
		}
		if err := n.resendPartition(ctx, &done, kept[:end]); err != nil {
			return done, fmt.Errorf("send %s again to topic %s: %d records are durable, then: %w", r.From, topic, done.Records, err)
		}
		kept = kept[end:]
	}
	return done, nil
}

// resendTopic is where the records of a name came from, and what becomes of those that come again.
func (n *Node) resendTopic(r web.ResendRequest) (topic, note string, err error) {
	if _, err := n.current().SchemaOf(r.From); err != nil {
		return "", "", err
	}
	var topics []string
	if table, late := strings.CutSuffix(r.From, "$late"); late {
		topics = n.pipeline().TopicsBehind(table)
		note = "their times are as old as before: they count only if their windows are open again, by a longer DELAY of the WATERMARK or a reset of the table, and else come to " + r.From + " again"
	} else if invalid, ok := strings.CutSuffix(r.From, "$invalid"); ok {
		topics = []string{invalid}
		note = "they are the same bytes: those that cannot be used for what they are come to " + r.From + " again"
	}
	switch {
	case len(topics) == 0:
		return "", "", &web.RequestError{Reason: fmt.Sprintf("send %s again: it keeps no records that were left out; TABLE$late and TOPIC$invalid do", r.From)}
	case r.Topic == "" && len(topics) > 1:
		return "", "", &web.RequestError{Reason: fmt.Sprintf(`send %s again: its rows come from %s; say by "topic" to which they go`, r.From, strings.Join(topics, ", "))}
	case r.Topic != "" && !slices.Contains(topics, r.Topic):
		return "", "", &web.RequestError{Reason: fmt.Sprintf("send %s again: its rows do not come from topic %s; they come from %s", r.From, r.Topic, strings.Join(topics, ", "))}
	case r.Topic != "":
		topics = []string{r.Topic}
	}
	if n.role(topics[0]) == "metrics" {
		return "", "", &web.RequestError{Reason: fmt.Sprintf("send %s again: topic %s is what the process writes of itself, and nobody else does", r.From, topics[0])}
	}
	return topics[0], note, nil
}

// keptRecords finds the records that are meant, by partition and offset.
func (n *Node) keptRecords(ctx context.Context, r web.ResendRequest) ([]keptRecord, error) {
	from := quotedName(r.From)
	where := ""
	if len(r.Records) == 0 {
		where = " WHERE (\n" + r.Where + "\n)"
		_, faults, err := n.current().CheckQuery(ctx, "SELECT partition FROM "+from+where)
		if err != nil {
			return nil, err
		}
		if len(faults) > 0 {
			return nil, &web.RequestError{Reason: fmt.Sprintf("send %s again: %s", r.From, inWhere(faults))}
		}
	}
	wanted := map[web.RecordPlace]bool{}
	for _, place := range r.Records {
		wanted[place] = true
	}
	found := map[web.RecordPlace]bool{}
	var kept []keptRecord
	err := n.current().Query(ctx, "SELECT partition, offset, key, value, value_base64 FROM "+from+where, func(b *column.Batch) error {
		for _, i := range b.Sel {
			place := web.RecordPlace{Partition: int32(b.Cols[0].Int[i]), Offset: b.Cols[1].Int[i]}
			if found[place] || len(wanted) > 0 && !wanted[place] {
				continue
			}
			found[place] = true
			if len(kept) == web.MostResent {
				return &web.RequestError{Reason: fmt.Sprintf("send %s again: more than %d records are meant; narrow the condition, as by partition or offset", r.From, web.MostResent)}
			}
			k := keptRecord{RecordPlace: place, key: bytesAt(&b.Cols[2], int(i)), value: bytesAt(&b.Cols[3], int(i))}
			if raw := bytesAt(&b.Cols[4], int(i)); raw != nil {
				var err error
				if k.value, err = base64.StdEncoding.DecodeString(string(raw)); err != nil {
					return fmt.Errorf("read %s: offset %d of partition %d: %w", r.From, place.Offset, place.Partition, err)
				}
			}
			kept = append(kept, k)
		}
		return nil
	})
	var faults sql.Faults
	if errors.As(err, &faults) {
		err = &web.RequestError{Reason: faults.Error()}
	}
	for _, place := range r.Records {
		if err == nil && !found[place] {
			err = &web.RequestError{Reason: fmt.Sprintf("send %s again: it has no record of partition %d, offset %d", r.From, place.Partition, place.Offset)}
		}
	}
	slices.SortFunc(kept, func(a, b keptRecord) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return kept, err
}

// inWhere is faults with their places in the condition alone, which begins on the second line.
func inWhere(faults sql.Faults) string {
	moved := slices.Clone(faults)
	for i := range moved {
		moved[i].Pos.File = "where"
		moved[i].Pos.Line = max(1, moved[i].Pos.Line-1)
	}
	return moved.Error()
}

func bytesAt(v *column.Vector, i int) []byte {
	if v.IsNull(i) {
		return nil
	}
	return append([]byte{}, v.Bytes(i)...)
}

// resendPartition sends the kept records of one partition, which are in order.
func (n *Node) resendPartition(ctx context.Context, done *web.Resent, kept []keptRecord) error {
	batch, copies, err := n.originals(ctx, done.Topic, kept)
	if err != nil {
		return err
	}
	size := int64(len(batch.Keys.Data) + len(batch.Values.Data))
	if done.Dry {
		done.Records, done.Bytes, done.Copies = done.Records+int64(batch.Len()), done.Bytes+size, done.Copies+copies
		return nil
	}
	w, err := n.hostOf(done.Topic).Writer(done.Topic, "publish")
	if err != nil {
		return err
	}
	defer func() { _ = closeWriter(w) }() // its records are durable, or the error is told
	seen := seenWriter{w, &n.intake}
	for at := 0; at < batch.Len(); at += resendBatch {
		piece := &record.Records{Partition: batch.Partition}
		for i := at; i < min(at+resendBatch, batch.Len()); i++ {
			copyRecord(piece, batch, i)
		}
		if _, err := seen.Append(ctx, batch.Partition, piece, -1); err != nil {
			return err
		}
		done.Records += int64(piece.Len())
		done.Bytes += int64(len(piece.Keys.Data) + len(piece.Values.Data))
	}
	done.Copies += copies
	return nil
}

// originals is the records as their topic has them, with the present as their time; those that are gone as they were
// kept, whose number is the second result.
func (n *Node) originals(ctx context.Context, topic string, kept []keptRecord) (batch *record.Records, copies int64, err error) {
	src, err := n.hostOf(topic).Source(topic, true)
	if err != nil {
		return nil, 0, err
	}
	part, now := kept[0].Partition, time.Now().UnixMicro()
	batch = &record.Records{Partition: part}
	errFound := errors.New("what was looked for is there")
	for len(kept) > 0 {
		took := 0
		err := readFrom(ctx, src, part, record.Position{Offset: kept[0].Offset}, func(rec *record.Records) error {
			for i := 0; i < rec.Len() && took < len(kept); i++ {
				for took < len(kept) && kept[took].Offset < rec.Offsets[i] {
					copies++
					appendKept(batch, &kept[took])
					took++
				}
				if took < len(kept) && kept[took].Offset == rec.Offsets[i] {
					copyRecord(batch, rec, i)
					took++
				}
			}
			if took > 0 {
				return errFound
			}
			return nil
		})
		if err != nil && !errors.Is(err, errFound) {
			return nil, 0, err
		}
		if took == 0 { // the topic ends before it
			copies++
			appendKept(batch, &kept[0])
			took = 1
		}
		kept = kept[took:]
	}
	for i := range batch.Times {
		batch.Times[i], batch.Offsets[i] = now, int64(i)
	}
	return batch, copies, nil
}

// appendKept appends a record as it was kept.
func appendKept(to *record.Records, k *keptRecord) {
	to.Offsets, to.Times = append(to.Offsets, k.Offset), append(to.Times, 0)
	to.Keys.Append(k.key)
	to.Values.Append(k.value)
}
