package network

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxFrame is the largest request or answer of Kafka that is taken.
const maxFrame = 256 << 20

// readFrame appends a frame: its size in 4 bytes, then as many.
func readFrame(r *bufio.Reader, dst []byte) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return dst, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > maxFrame {
		return dst, fmt.Errorf("read a frame of Kafka: it is of %d bytes", size)
	}
	return readBytes(r, append(dst, head[:]...), int(size))
}

func kafkaReply(r *bufio.Reader, dst []byte) ([]byte, error) { return readFrame(r, dst) }

// kafkaRequest reads a request.
//
//	4 size · 2 key · 2 version · 4 number · client's name · (tags) · what is asked
func kafkaRequest(r *bufio.Reader, dst []byte) (Request, []byte, error) {
	frame, err := readFrame(r, dst)
	if err != nil {
		return Request{}, frame, err
	}
	const head = 12
	if len(frame) < head+2 {
		return Request{}, frame, errors.New("read a request of Kafka: it is cut off")
	}
	req := Request{key: int16(binary.BigEndian.Uint16(frame[4:])), version: int16(binary.BigEndian.Uint16(frame[6:]))}
	req.Name = kmsg.NameForKey(req.key)
	switch kmsg.Key(req.key) {
	case kmsg.Produce, kmsg.InitProducerID: // of a transaction, or not
	default:
		return req, frame, nil
	}
	asked := kmsg.RequestForKey(req.key)
	asked.SetVersion(req.version)
	body := frame[head+2:]
	if n := int16(binary.BigEndian.Uint16(frame[head:])); n > 0 {
		body = body[min(int(n), len(body)):]
	}
	if asked.IsFlexible() {
		body = skipTags(body)
	}
	if err := asked.ReadFrom(body); err != nil {
		return req, frame, fmt.Errorf("read a %s request of Kafka: %w", req.Name, err)
	}
	switch a := asked.(type) {
	case *kmsg.ProduceRequest:
		req.Transactional = a.TransactionID != nil
	case *kmsg.InitProducerIDRequest:
		req.Transactional = a.TransactionalID != nil
	}
	return req, frame, nil
}

// skipTags skips the tags of a header: their number, then of each its number, size and bytes.
func skipTags(b []byte) []byte {
	number := func() int {
		v, n := binary.Uvarint(b)
		b = b[max(n, 0):]
		return int(min(v, uint64(len(b)))) // of what follows each takes a byte at least
	}
	for range number() {
		number()
		b = b[number():]
	}
	return b
}

// ErrorAfterApply makes errors of the answers to requests that have been done: those by which a broker
// says that it does not know whether they were. Of a fetch, which does nothing, it is that it has to be
// asked elsewhere.
func ErrorAfterApply(r Request, reply []byte) []byte {
	answer := kmsg.ResponseForKey(r.key)
	const head = 8 // size, and the number of the request
	if answer == nil || len(reply) < head {
		return reply
	}
	answer.SetVersion(r.version)
	rest := reply[head:]
	if answer.IsFlexible() {
		rest = skipTags(rest)
	}
	header := reply[:len(reply)-len(rest)]
	if err := answer.ReadFrom(rest); err != nil {
		return reply // whoever asked sees that as well
	}
	switch a := answer.(type) {
	case *kmsg.ProduceResponse:
		for t := range a.Topics {
			for p := range a.Topics[t].Partitions {
				a.Topics[t].Partitions[p].ErrorCode = kerr.NotEnoughReplicasAfterAppend.Code
			}
		}
	case *kmsg.FetchResponse:
		for t := range a.Topics {
			for p := range a.Topics[t].Partitions {
				part := &a.Topics[t].Partitions[p]
				part.ErrorCode, part.RecordBatches = kerr.NotLeaderForPartition.Code, nil
			}
		}
	case *kmsg.TxnOffsetCommitResponse:
		for t := range a.Topics {
			for p := range a.Topics[t].Partitions {
				a.Topics[t].Partitions[p].ErrorCode = kerr.RequestTimedOut.Code
			}
		}
	case *kmsg.AddOffsetsToTxnResponse:
		a.ErrorCode = kerr.RequestTimedOut.Code
	case *kmsg.EndTxnResponse:
		a.ErrorCode = kerr.RequestTimedOut.Code
	default:
		return reply
	}
	out := answer.AppendTo(append([]byte(nil), header...))
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out
}
