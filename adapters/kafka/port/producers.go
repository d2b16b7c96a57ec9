package port

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// askWait is how long the port asks itself for something.
const askWait = 5 * time.Second

// firstWithFenced is the version of InitProducerID from which a producer is told that it is fenced.
const firstWithFenced = 4

// epochs are those that a producer of transactions was given, as far as this port has seen.
type epochs struct {
	taken int16 // when it was taken over last: those below are of producers before
	now   int16
}

// initProducer answers a producer of transactions that names the ID and epoch that it takes to be its own,
// as Kafka does: where the transactional ID is new there is nothing to compare them with; another's ID and
// another epoch are fenced; the epoch before is asked for again, and the answer is the same. kfake takes any
// ID that it does not know for lost, and any epoch of before for good, which ends the transaction of whoever
// has taken over. Some clients name 0 and 0 where they know of none.
func (p *Port) initProducer(r kmsg.Request) change {
	req := r.(*kmsg.InitProducerIDRequest)
	if req.TransactionalID == nil {
		return change{asIs: true, change: noProducer}
	}
	if req.ProducerID < 0 && req.ProducerEpoch < 0 {
		return change{asIs: true, change: func(r kmsg.Response) { p.noteInit(r, true) }}
	}
	if req.ProducerID < 0 || req.ProducerEpoch < 0 {
		return refuseInit(req, kerr.InvalidRequest.Code)
	}
	fenced := kerr.ProducerFenced.Code
	if req.Version < firstWithFenced {
		fenced = kerr.InvalidProducerEpoch.Code
	}
	state, known := p.producerOf(*req.TransactionalID)
	given, seen := p.epochsOf(state.ProducerID)
	again := req.ProducerEpoch == state.ProducerEpoch-1
	switch {
	case !known:
		req.ProducerID, req.ProducerEpoch = -1, -1
		return change{change: func(r kmsg.Response) { p.noteInit(r, true) }}
	case state.ProducerID != req.ProducerID,
		req.ProducerEpoch != state.ProducerEpoch && !again,
		again && seen && (req.ProducerEpoch < given.taken || state.State == "Ongoing"):
		return refuseInit(req, fenced)
	case again && seen:
		answer := refuseInit(req, 0)
		answer.change = func(r kmsg.Response) {
			resp := r.(*kmsg.InitProducerIDResponse)
			resp.ErrorCode, resp.ProducerID, resp.ProducerEpoch = 0, state.ProducerID, state.ProducerEpoch
		}
		return answer
	}
	return change{change: func(r kmsg.Response) { p.noteInit(r, false) }}
}

// refuseInit has the cluster do nothing, whatever there is.
func refuseInit(req *kmsg.InitProducerIDRequest, code int16) change {
	req.TransactionalID = new(string)
	return change{change: func(r kmsg.Response) {
		r.(*kmsg.InitProducerIDResponse).ErrorCode = code
		noProducer(r)
	}}
}

// noProducer makes an error name no producer.
func noProducer(r kmsg.Response) {
	if resp := r.(*kmsg.InitProducerIDResponse); resp.ErrorCode != 0 {
		resp.ProducerID, resp.ProducerEpoch = -1, -1
	}
}

// noteInit takes note of the epoch that a producer of transactions is given.
func (p *Port) noteInit(r kmsg.Response, taken bool) {
	resp := r.(*kmsg.InitProducerIDResponse)
	noProducer(resp)
	if resp.ErrorCode != 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e, known := p.epochs[resp.ProducerID]
	if e.now = resp.ProducerEpoch; taken || !known {
		e.taken = resp.ProducerEpoch
	}
	p.epochs[resp.ProducerID] = e
}

// epochsOf is what the port has seen of a producer; nothing after a restart, until it is taken over.
func (p *Port) epochsOf(producer int64) (e epochs, seen bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, seen = p.epochs[producer]
	return e, seen
}

// produce refuses records of transactions with an epoch that is not the producer's. kfake begins a
// transaction with those of an old one, which it refuses, and takes those of one that nobody was given.
func (p *Port) produce(r kmsg.Request) change {
	req := r.(*kmsg.ProduceRequest)
	if req.TransactionID == nil || req.Acks == 0 || !p.hasOtherEpoch(req) {
		return p.stamp(r)
	}
	req.Acks = noAcks
	return change{change: func(r kmsg.Response) {
		for _, t := range r.(*kmsg.ProduceResponse).Topics {
			for i := range t.Partitions {
				t.Partitions[i].ErrorCode, t.Partitions[i].ErrorMessage = kerr.InvalidProducerEpoch.Code, nil
			}
		}
	}}
}

// noAcks is a number of acknowledgements that the cluster refuses for every partition.
const noAcks = 2

func (p *Port) hasOtherEpoch(req *kmsg.ProduceRequest) bool {
	for _, t := range req.Topics {
		for _, part := range t.Partitions {
			if len(part.Records) < batchSequence {
				continue // the cluster says what is wrong with it
			}
			id, epoch := int64(binary.BigEndian.Uint64(part.Records[batchHead:])), int16(binary.BigEndian.Uint16(part.Records[batchEpoch:]))
			if e, seen := p.epochsOf(id); seen && (epoch < e.taken || epoch > e.now) {
				return true
			}
		}
	}
	return false
}

// firstFenced is the version of requests for transactions from which a producer is told that it is fenced;
// before, that its epoch is invalid.
const firstFenced = 2

// endTxn refuses to end the transaction of a producer that was taken over. kfake takes that for a request
// that comes again where nothing was written since: it says that all is committed, or gives the producer
// the epoch of the one that has taken over.
func (p *Port) endTxn(r kmsg.Request) change {
	req := r.(*kmsg.EndTxnRequest)
	e, seen := p.epochsOf(req.ProducerID)
	stale := seen && req.ProducerEpoch < e.taken
	if stale {
		req.ProducerEpoch = -1
	}
	version := req.Version
	return change{asIs: !stale, change: func(r kmsg.Response) {
		resp := r.(*kmsg.EndTxnResponse)
		resp.ErrorCode = fencedBefore(resp.ErrorCode, version)
		if resp.ErrorCode != 0 || resp.ProducerID < 0 {
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		e, seen := p.epochs[resp.ProducerID]
		if e.now = max(e.now, resp.ProducerEpoch); seen {
			p.epochs[resp.ProducerID] = e
		}
	}}
}

// fencedBefore is an error as a version of requests for transactions has it.
func fencedBefore(code, version int16) int16 {
	if code == kerr.ProducerFenced.Code && version < firstFenced {
		return kerr.InvalidProducerEpoch.Code
	}
	return code
}

func addPartitions(r kmsg.Request) change {
	version := r.GetVersion()
	return change{asIs: true, change: func(r kmsg.Response) {
		for _, t := range r.(*kmsg.AddPartitionsToTxnResponse).Topics {
			for i := range t.Partitions {
				t.Partitions[i].ErrorCode = fencedBefore(t.Partitions[i].ErrorCode, version)
			}
		}
	}}
}

func addOffsets(r kmsg.Request) change {
	version := r.GetVersion()
	return change{asIs: true, change: func(r kmsg.Response) {
		resp := r.(*kmsg.AddOffsetsToTxnResponse)
		resp.ErrorCode = fencedBefore(resp.ErrorCode, version)
	}}
}

// commitOffsets: the coordinator of groups knows epochs, and not who has taken over.
func commitOffsets(kmsg.Request) change {
	return change{asIs: true, change: func(r kmsg.Response) {
		for _, t := range r.(*kmsg.TxnOffsetCommitResponse).Topics {
			for i := range t.Partitions {
				t.Partitions[i].ErrorCode = fencedBefore(t.Partitions[i].ErrorCode, 0)
			}
		}
	}}
}

// producerOf is the producer that a transactional ID has.
func (p *Port) producerOf(transactional string) (state kmsg.DescribeTransactionsResponseTransactionState, known bool) {
	kc, err := p.client()
	if err != nil || kc == nil {
		return state, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), askWait)
	defer cancel()
	req := kmsg.NewPtrDescribeTransactionsRequest()
	req.TransactionalIDs = []string{transactional}
	resp, err := req.RequestWith(ctx, kc)
	if err != nil || len(resp.TransactionStates) != 1 || resp.TransactionStates[0].ErrorCode != 0 {
		return state, false
	}
	return resp.TransactionStates[0], true
}

// client is a client of the port itself; nil: it is closed.
func (p *Port) client() (*kgo.Client, error) {
	p.closing.RLock()
	closed := p.closed
	p.closing.RUnlock()
	if closed {
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asking == nil {
		kc, err := kgo.NewClient(kgo.SeedBrokers(p.address))
		if err != nil {
			return nil, err
		}
		p.asking = kc
	}
	return p.asking, nil
}
