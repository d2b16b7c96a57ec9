package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/harness/network"
)

// KafkaRequest is what a pipeline asks of Kafka.
type KafkaRequest int

// What FailKafka and SlowKafka can be about.
const (
	KafkaFetch   KafkaRequest = iota // records of the topics that are read
	KafkaProduce                     // rows of sinks
	KafkaCommit                      // a sink's places, in the transaction that has its rows
	KafkaEnd                         // the end of a sink's transaction
)

// kafkaNames is the names of requests in the protocol.
func kafkaNames(r KafkaRequest) []string {
	switch r {
	case KafkaFetch:
		return []string{"Fetch"}
	case KafkaProduce:
		return []string{"Produce"}
	case KafkaCommit:
		return []string{"AddOffsetsToTxn", "TxnOffsetCommit"}
	case KafkaEnd:
		return []string{"EndTxn"}
	}
	return nil
}

// FailKafka makes requests of the pipeline fail until HealKafka, those that are named, else all that it
// reads and writes by: Unreachable, AnswerLost or ErrorAfterApply. Publish is left alone. While a sink
// cannot write, what reads does not wait for it; while nothing can be fetched it waits, as the pipeline
// does, so publish, and read after HealKafka.
func (e *Env) FailKafka(how Fault, requests ...KafkaRequest) {
	e.t.Helper()
	var f network.Fault
	switch how {
	case Unreachable:
		f.Cut = true
	case AnswerLost:
		f.Lose = true
	case ErrorAfterApply:
		f.Alter = network.ErrorAfterApply
	default:
		e.t.Fatalf("fail Kafka: %v is no fault of it; there are Unreachable, AnswerLost and ErrorAfterApply", how)
	}
	e.failKafka(f, requests)
}

// SlowKafka has answers to requests of the pipeline come that much later until HealKafka: to those that
// are named, else to all that it reads and writes by.
func (e *Env) SlowKafka(by time.Duration, requests ...KafkaRequest) {
	e.t.Helper()
	e.failKafka(network.Fault{Delay: by}, requests)
}

func (e *Env) failKafka(f network.Fault, requests []KafkaRequest) {
	e.t.Helper()
	e.within(func(context.Context) error {
		if e.servers.kafka == nil {
			return errors.New("fail Kafka: the topics of the test are not on one; use harness.Kafka() or harness.FromEnv()")
		}
		if len(requests) == 0 {
			requests = []KafkaRequest{KafkaFetch, KafkaProduce, KafkaCommit, KafkaEnd}
		}
		var names []string
		for _, r := range requests {
			names = append(names, kafkaNames(r)...)
		}
		f.Of = func(r network.Request) bool {
			return slices.Contains(names, r.Name) && (r.Transactional || r.Name != "Produce") // Publish has no transactions
		}
		writes := slices.ContainsFunc(requests, func(r KafkaRequest) bool { return r != KafkaFetch })
		e.stack.SkipKafka(writes && f.Delay == 0)
		return e.servers.fail(e.servers.kafka, "Kafka", f)
	})
}

// HealKafka waits until a request has met the fault, so that no test passes without it, and ends it.
func (e *Env) HealKafka() {
	e.t.Helper()
	e.within(func(ctx context.Context) error {
		defer e.stack.SkipKafka(false)
		return e.servers.heal(ctx, e.servers.kafka, "Kafka")
	})
}

// fail makes a server fail.
func (s *servers) fail(n *network.Network, name string, f network.Fault) error {
	if s.met[n] != nil {
		return fmt.Errorf("fail %s: it fails already; call Heal%s before", name, name)
	}
	s.met[n] = n.Fail(f)
	return nil
}

// heal waits until something has met the fault of a server and ends it.
func (s *servers) heal(ctx context.Context, n *network.Network, name string) error {
	if n == nil || s.met[n] == nil {
		return fmt.Errorf("heal %s: it does not fail; call Fail%s or Slow%s before", name, name, name)
	}
	select {
	case <-s.met[n]:
	case <-ctx.Done():
		return fmt.Errorf("heal %s: nothing that the pipeline asked of it has met the fault: %w", name, ctx.Err())
	}
	delete(s.met, n)
	n.Heal()
	return nil
}

// healAll ends all faults, met or not.
func (s *servers) healAll() {
	for n := range s.met {
		n.Heal()
	}
	clear(s.met)
}

// String is the fault's name.
func (f Fault) String() string {
	names := strings.Fields("Unreachable AnswerLost ErrorAfterApply ReadOnly OutOfMemory Loading")
	if f < 0 || int(f) >= len(names) {
		return fmt.Sprintf("Fault(%d)", int(f))
	}
	return names[f]
}
