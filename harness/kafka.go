package harness

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// FailKafka makes the cluster of a test with Kafka fail until HealKafka. Unreachable: reads of topics and
// writes of sinks are refused. AnswerLost: what a sink writes and commits is done, and answered as if it
// were not. Publish is left alone; whatever reads has to wait for HealKafka, as the pipeline does.
func (e *Env) FailKafka(how SinkFault) {
	e.t.Helper()
	e.within(func(context.Context) error {
		if e.servers.cluster == nil {
			return errors.New("fail Kafka: the test has no cluster of its own; use harness.Kafka()")
		}
		if e.servers.fault != nil {
			return errors.New("fail Kafka: it fails already; call HealKafka before")
		}
		e.servers.fault = e.servers.cluster.Fault(kafkaFaults(how)...)
		return nil
	})
}

// HealKafka waits until a request has met the fault, so that no test passes without it, and ends it.
func (e *Env) HealKafka() {
	e.t.Helper()
	e.within(func(ctx context.Context) error {
		if e.servers.fault == nil {
			return errors.New("heal Kafka: it does not fail; call FailKafka before")
		}
		if err := e.servers.fault.Wait(ctx, 1); err != nil {
			return fmt.Errorf("heal Kafka: no request has met the fault: %w", err)
		}
		e.servers.fault.Remove()
		e.servers.fault = nil
		return nil
	})
}

// kafkaFaults is what a cluster answers. Sinks write in transactions, Publish does not.
func kafkaFaults(how SinkFault) []kfake.Fault {
	ofSinks := func(r kmsg.Request) bool {
		p, is := r.(*kmsg.ProduceRequest)
		return !is || p.TransactionID != nil
	}
	if how == AnswerLost { // two answers after which a broker has done what was asked
		return []kfake.Fault{
			{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicasAfterAppend, Count: -1, When: ofSinks},
			{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.RequestTimedOut, TopLevel: true, Count: -1},
		}
	}
	return []kfake.Fault{{Keys: []kmsg.Key{kmsg.Produce, kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: -1, When: ofSinks}}
}
