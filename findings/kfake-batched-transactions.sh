#!/usr/bin/env bash
# Guess: AddPartitionsToTxn of version 4 and 5, which kfake says it takes, adds the partitions that it names, as
#   Kafka 4.1 does where no authorizer forbids it.
# Seen: from version 4 on the partitions stand in a list of transactions, which kfake does not look at: it answers
#   without an error and without a single result, and the transactional produce that follows (version 11, as of
#   clients before KIP-890) is refused with INVALID_TXN_STATE. Version 3 works. @platformatic/kafka 1.35.0 picks
#   the newest version that both have, so that its transactions fail; Java, librdkafka and franz-go stay at 3.
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

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

func must(err error) {
	if err != nil {
		fmt.Println("unexpected:", err)
		os.Exit(2)
	}
}

// try adds a partition to a transaction and produces to it; it returns how many results the first had and the
// error of the second.
func try(version int16) (results int, produced error) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	must(err)
	defer c.Close()
	v := kversion.Stable()
	v.SetMaxKeyVersion(24, version) // AddPartitionsToTxn
	v.SetMaxKeyVersion(0, 11)       // Produce
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.MaxVersions(v))
	must(err)
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	id := "tx"
	init := kmsg.NewPtrInitProducerIDRequest()
	init.TransactionalID, init.TransactionTimeoutMillis, init.ProducerID, init.ProducerEpoch = &id, 30000, -1, -1
	p, err := init.RequestWith(ctx, cl)
	must(err)
	must(kerr.ErrorForCode(p.ErrorCode))
	add := kmsg.NewPtrAddPartitionsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch = id, p.ProducerID, p.ProducerEpoch
	add.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: "t", Partitions: []int32{0}}}
	add.Transactions = []kmsg.AddPartitionsToTxnRequestTransaction{{TransactionalID: id, ProducerID: p.ProducerID, ProducerEpoch: p.ProducerEpoch,
		Topics: []kmsg.AddPartitionsToTxnRequestTransactionTopic{{Topic: "t", Partitions: []int32{0}}}}}
	added, err := cl.Broker(0).RetriableRequest(ctx, add)
	must(err)
	a := added.(*kmsg.AddPartitionsToTxnResponse)
	must(kerr.ErrorForCode(a.ErrorCode))
	results = len(a.Topics) + len(a.Transactions)
	record := []byte{0, 0, 0, 1, 2, 'v', 0}
	record = append(binary.AppendVarint(nil, int64(len(record))), record...)
	b := kmsg.RecordBatch{PartitionLeaderEpoch: -1, Magic: 2, Attributes: 1 << 4, FirstTimestamp: 1e12, MaxTimestamp: 1e12,
		ProducerID: p.ProducerID, ProducerEpoch: p.ProducerEpoch, NumRecords: 1, Records: record}
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	produce := kmsg.NewPtrProduceRequest()
	produce.TransactionID, produce.Acks, produce.TimeoutMillis = &id, -1, 5000
	produce.Topics = []kmsg.ProduceRequestTopic{{Topic: "t", Partitions: []kmsg.ProduceRequestTopicPartition{{Records: raw}}}}
	resp, err := produce.RequestWith(ctx, cl)
	must(err)
	return results, kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
}

func main() {
	ok := true
	for _, version := range []int16{3, 4, 5} {
		results, err := try(version)
		fmt.Printf("AddPartitionsToTxn v%d: %d results; produce in the transaction: %v\n", version, results, err)
		if version == 3 {
			ok = ok && results == 1 && err == nil
		} else {
			ok = ok && results == 0 && err == kerr.InvalidTxnState
		}
	}
	if !ok {
		os.Exit(1)
	}
}
X
go version
grep franz-go go.mod
go run . 2>&1 | grep -v '^go: '
