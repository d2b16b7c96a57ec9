package port

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	timestampType = "message.timestamp.type"
	createTime    = "CreateTime"
	logAppendTime = "LogAppendTime"
)

// The head of a batch of records, as far as it is needed here:
//
//	8 offset · 4 length · 4 epoch · 1 magic · 4 checksum · 2 attributes · 4 last delta · 8 first time · 8 last time ·
//	8 producer · 2 its epoch · 4 sequence
const (
	batchChecksum   = 17
	batchAttributes = 21 // where what the checksum is of begins
	batchFirstTime  = 27
	batchLastTime   = 35
	batchHead       = 43 // the producer
	batchEpoch      = 51
	batchSequence   = 53
)

// appendTimeBit is the attribute by which readers know that the records have the batch's last time. kfake
// puts times of its own into a batch that has it, behind the checksum, and cannot read it any more after a
// restart. So it is kept with the times in place and this bit of ours, for which readers get theirs.
const (
	appendTimeBit = 1 << 3
	ourBit        = 1 << 14
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stamp puts the present into the records of topics that have the time of the append.
func (p *Port) stamp(r kmsg.Request) change {
	req := r.(*kmsg.ProduceRequest)
	now := time.Now().UnixMilli()
	var stamped map[string]bool // topics, by name or ID
	for i := range req.Topics {
		t := &req.Topics[i]
		if !p.hasAppendTime(t.Topic, t.TopicID) {
			continue
		}
		if stamped == nil {
			stamped = map[string]bool{}
		}
		stamped[topicKey(t.Topic, t.TopicID)] = true
		for k := range t.Partitions {
			stampBatch(t.Partitions[k].Records, now)
		}
	}
	if stamped == nil {
		return change{asIs: true}
	}
	if req.Acks == 0 {
		return change{} // there is no answer
	}
	return change{change: func(r kmsg.Response) {
		for _, t := range r.(*kmsg.ProduceResponse).Topics {
			for k := range t.Partitions {
				if stamped[topicKey(t.Topic, t.TopicID)] && t.Partitions[k].ErrorCode == 0 {
					t.Partitions[k].LogAppendTime = now
				}
			}
		}
	}}
}

// stampBatch changes a batch that is as it should be; another is refused by the cluster.
func stampBatch(b []byte, now int64) {
	if len(b) < batchHead || binary.BigEndian.Uint32(b[batchChecksum:]) != crc32.Checksum(b[batchAttributes:], castagnoli) {
		return
	}
	attributes := binary.BigEndian.Uint16(b[batchAttributes:])
	binary.BigEndian.PutUint16(b[batchAttributes:], attributes&^appendTimeBit|ourBit)
	binary.BigEndian.PutUint64(b[batchFirstTime:], uint64(now))
	binary.BigEndian.PutUint64(b[batchLastTime:], uint64(now))
	seal(b)
}

func seal(b []byte) {
	binary.BigEndian.PutUint32(b[batchChecksum:], crc32.Checksum(b[batchAttributes:], castagnoli))
}

// showAppendTimes lets readers know of the batches whose records have the time of their append.
func showAppendTimes(version int16, frame []byte) []byte {
	found := false
	eachBatch(version, frame, func(b []byte) {
		found = found || binary.BigEndian.Uint16(b[batchAttributes:])&ourBit != 0
	})
	if !found {
		return frame
	}
	frame = bytes.Clone(frame) // it is the cluster's
	eachBatch(version, frame, func(b []byte) {
		attributes := binary.BigEndian.Uint16(b[batchAttributes:])
		if attributes&ourBit == 0 {
			return
		}
		binary.BigEndian.PutUint16(b[batchAttributes:], attributes&^ourBit|appendTimeBit)
		seal(b)
	})
	return frame
}

// eachBatch calls f for every batch in an answer to a fetch, in place.
func eachBatch(version int16, frame []byte, f func(b []byte)) {
	var resp kmsg.FetchResponse
	resp.SetVersion(version)
	body, err := splitAnswer(frame, resp.IsFlexible())
	if err != nil || resp.ReadFrom(body) != nil {
		return
	}
	for _, t := range resp.Topics {
		for _, part := range t.Partitions {
			for rest := part.RecordBatches; len(rest) >= batchHead; {
				n := 12 + int(binary.BigEndian.Uint32(rest[8:]))
				if n < batchHead || n > len(rest) {
					break
				}
				f(rest[:n])
				rest = rest[n:]
			}
		}
	}
}

// hasAppendTime reports whether a topic's records have the time of their append.
func (p *Port) hasAppendTime(name string, id [16]byte) bool {
	key := topicKey(name, id)
	p.mu.Lock()
	has, known := p.appends[key]
	changes := p.changes
	p.mu.Unlock()
	if known {
		return has
	}
	info := p.topic(name, id)
	if info == nil {
		return false
	}
	v := info.Configs[timestampType]
	has = v != nil && *v == logAppendTime
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changes == changes {
		p.appends[key] = has
	}
	return has
}

// topicKey is a topic's ID, where that is given, or its name.
func topicKey(name string, id [16]byte) string {
	if id != [16]byte{} {
		return string(id[:])
	}
	return name
}

// changed takes note that topics are others now, or have other settings.
func (p *Port) changed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes++
	clear(p.appends)
}
