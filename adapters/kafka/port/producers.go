package port

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// askWait is how long the port asks itself for something.
const askWait = 5 * time.Second

// firstWithFenced is the version of InitProducerID from which a producer is told that it is fenced.
const firstWithFenced = 4

// initProducer answers a producer of transactions that names the ID and epoch that it takes to be its own,
// as Kafka does: where the transactional ID is new there is nothing to compare them with, and an ID of
// another producer is fenced. kfake takes any ID that it does not know for lost. Some clients name 0 and 0
// where they know of none.
func (p *Port) initProducer(r kmsg.Request) change {
	req := r.(*kmsg.InitProducerIDRequest)
	if req.TransactionalID == nil || req.ProducerID < 0 && req.ProducerEpoch < 0 {
		return change{asIs: true, change: noProducer}
	}
	code := int16(0)
	if req.ProducerID < 0 || req.ProducerEpoch < 0 {
		code = kerr.InvalidRequest.Code
	} else if id, known := p.producerOf(*req.TransactionalID); !known {
		req.ProducerID, req.ProducerEpoch = -1, -1
	} else if id != req.ProducerID {
		code = kerr.ProducerFenced.Code
		if req.Version < firstWithFenced {
			code = kerr.InvalidProducerEpoch.Code
		}
	}
	if code != 0 {
		req.TransactionalID = new(string) // refused, whatever there is
	}
	return change{change: func(r kmsg.Response) {
		resp := r.(*kmsg.InitProducerIDResponse)
		if code != 0 {
			resp.ErrorCode = code
		}
		noProducer(resp)
	}}
}

// noProducer makes an error name no producer.
func noProducer(r kmsg.Response) {
	if resp := r.(*kmsg.InitProducerIDResponse); resp.ErrorCode != 0 {
		resp.ProducerID, resp.ProducerEpoch = -1, -1
	}
}

// producerOf is the producer that a transactional ID has.
func (p *Port) producerOf(transactional string) (id int64, known bool) {
	kc, err := p.client()
	if err != nil || kc == nil {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), askWait)
	defer cancel()
	req := kmsg.NewPtrDescribeTransactionsRequest()
	req.TransactionalIDs = []string{transactional}
	resp, err := req.RequestWith(ctx, kc)
	if err != nil || len(resp.TransactionStates) != 1 || resp.TransactionStates[0].ErrorCode != 0 {
		return 0, false
	}
	return resp.TransactionStates[0].ProducerID, true
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
