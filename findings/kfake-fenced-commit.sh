#!/usr/bin/env bash
# Guess: a producer whose transactional ID was taken over by another one is refused when it commits, with
#   PRODUCER_FENCED, as Kafka does, whatever clients the two are: its transaction was aborted by the takeover.
# Seen: kfake takes an EndTxn (version 5) whose epoch is one behind, while no transaction is open, for the same
#   request sent once more, and answers with the outcome of the newest transaction, whoever's it was. Where the
#   one that took over commits with EndTxn below version 5 (clients before KIP-890), its epoch stays, and the
#   producer before is told that its commit succeeded, and is given the epoch of its successor: its records are
#   aborted. Where the successor commits with version 5 it is refused.
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
	"fmt"
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

// try has a second producer, of some version, take over an open transaction and commit one of its own; then the
// first one commits.
func try(name string, second ...kgo.Opt) (answer string, read []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	must(err)
	defer c.Close()
	producer := func(more ...kgo.Opt) *kgo.Client {
		cl, err := kgo.NewClient(append(more, kgo.SeedBrokers(c.ListenAddrs()...), kgo.TransactionalID("x"), kgo.DefaultProduceTopic("t"))...)
		must(err)
		return cl
	}
	a := producer()
	defer a.Close()
	must(a.BeginTransaction())
	must(a.ProduceSync(ctx, kgo.StringRecord("of the first")).FirstErr())
	id, epoch, err := a.ProducerID(ctx)
	must(err)

	b := producer(second...)
	defer b.Close()
	must(b.BeginTransaction())
	must(b.ProduceSync(ctx, kgo.StringRecord("of the second")).FirstErr())
	end := func(cl *kgo.Client, id int64, epoch int16) int16 {
		req := kmsg.NewPtrEndTxnRequest()
		req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = "x", id, epoch, true
		resp, err := req.RequestWith(ctx, cl)
		must(err)
		return resp.ErrorCode
	}
	bid, bepoch, err := b.ProducerID(ctx)
	must(err)
	if code := end(b, bid, bepoch); bid != id || bepoch <= epoch || code != 0 {
		fmt.Println("unexpected: the second producer is", bid, bepoch, "behind", id, epoch, "and its commit gives", code)
		os.Exit(2)
	}
	answer = "success"
	if code := end(a, id, epoch); code != 0 {
		answer = kerr.TypedErrorForCode(code).Message
	}
	r, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics("t"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	must(err)
	defer r.Close()
	for done := false; !done; { // the second one's record is the newer one
		r.PollFetches(ctx).EachRecord(func(rec *kgo.Record) {
			read = append(read, string(rec.Value))
			done = string(rec.Value) == "of the second"
		})
		must(ctx.Err())
	}
	fmt.Printf("%s: the first producer's commit: %s; committed records: %q\n", name, answer, read)
	return answer, read
}

func main() {
	older, read := try("the second commits below version 5", kgo.MaxVersions(kversion.V3_8_0()))
	newer, _ := try("the second commits with version 5")
	if older != "success" || newer != "PRODUCER_FENCED" || len(read) != 1 {
		os.Exit(1)
	}
}
X
go version
grep franz-go go.mod
go run . 2>&1 | grep -v '^go: '
