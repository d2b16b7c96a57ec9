#!/usr/bin/env bash
# Guess: a produce request whose batch says "log append time" (attribute bit 3) reaches readers of kfake with the
#   broker's time and a checksum that fits, before and after a restart on the same DataDir.
# Seen: the broker's time is written into the batch behind its checksum. Readers that check it refuse the batch,
#   and a cluster that starts again on the folder finds an empty partition: acknowledged records are gone, though
#   every write was synced (SyncWrites) and the cluster was closed cleanly.
# Needs Go and the Go module proxy. Exits 0 while this is so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOFLAGS=-mod=mod
cat >go.mod <<'X'
module finding

go 1.26

require (
	github.com/twmb/franz-go v1.22.3
	github.com/twmb/franz-go/pkg/kfake v0.0.0-20260918054303-01f206a7e32c
	github.com/twmb/franz-go/pkg/kmsg v1.15.1
)
X
cat >main.go <<'X'
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func must(err error) {
	if err != nil {
		fmt.Println("unexpected:", err)
		os.Exit(2)
	}
}

var table = crc32.MakeTable(crc32.Castagnoli)

// batch is one record, "v", of the year 2001, with attributes.
func batch(attributes int16) []byte {
	record := []byte{0, 0, 0, 1, 2, 'v', 0} // attributes, time, offset, no key, value, no headers
	record = append(binary.AppendVarint(nil, int64(len(record))), record...)
	b := kmsg.RecordBatch{PartitionLeaderEpoch: -1, Magic: 2, Attributes: attributes, FirstTimestamp: 1e12, MaxTimestamp: 1e12,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: 1, Records: record}
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], table))
	return raw
}

func end(c *kfake.Cluster) int64 { return c.PartitionInfo("t", 0).HighWatermark }

func try(attributes int16) (fits bool, before, after int64) {
	dir, err := os.MkdirTemp(".", "data")
	must(err)
	open := func() *kfake.Cluster {
		c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(dir), kfake.SyncWrites(), kfake.SeedTopics(1, "t"))
		must(err)
		return c
	}
	c := open()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	must(err)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	produce := kmsg.NewPtrProduceRequest()
	produce.Acks, produce.TimeoutMillis = -1, 5000
	id := c.TopicInfo("t").TopicID
	produce.Topics = []kmsg.ProduceRequestTopic{{Topic: "t", TopicID: id, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: batch(attributes)}}}}
	resp, err := produce.RequestWith(ctx, cl)
	must(err)
	if code := resp.Topics[0].Partitions[0].ErrorCode; code != 0 {
		fmt.Println("unexpected: produce is refused with", code)
		os.Exit(2)
	}
	fetch := kmsg.NewPtrFetchRequest()
	fetch.MaxBytes = 1 << 20
	p := kmsg.NewFetchRequestTopicPartition()
	p.PartitionMaxBytes = 1 << 20
	fetch.Topics = []kmsg.FetchRequestTopic{{Topic: "t", TopicID: id, Partitions: []kmsg.FetchRequestTopicPartition{p}}}
	got, err := fetch.RequestWith(ctx, cl)
	must(err)
	raw := got.Topics[0].Partitions[0].RecordBatches
	fits = crc32.Checksum(raw[21:], table) == binary.BigEndian.Uint32(raw[17:])
	before = end(c)
	cl.Close()
	c.Close()
	c = open()
	after = end(c)
	c.Close()
	return fits, before, after
}

func main() {
	ok := true
	for _, attributes := range []int16{0, 1 << 3} {
		fits, before, after := try(attributes)
		fmt.Printf("attributes %d: checksum fits: %t; end of the partition %d, after a restart %d\n", attributes, fits, before, after)
		wantFits, wantAfter := attributes == 0, int64(1)
		if attributes != 0 {
			wantAfter = 0
		}
		ok = ok && fits == wantFits && before == 1 && after == wantAfter
	}
	if !ok {
		os.Exit(1)
	}
}
X
go version
grep franz-go go.mod
go run . 2>&1 | grep -v '^go: '
