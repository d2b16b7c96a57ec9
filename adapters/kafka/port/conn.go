package port

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxRequest is the largest request that is taken, in bytes: Kafka's socket.request.max.bytes. What is not
// Kafka's protocol at all mostly seems to be larger.
const maxRequest = 100 << 20

const (
	sizeBytes   = 4
	requestHead = sizeBytes + 8 // key, version, number
	answerHead  = sizeBytes + 4 // number
)

// listener makes every connection one of ours.
type listener struct {
	net.Listener
	port *Port
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, port: l.port, from: bufio.NewReaderSize(c, 64<<10), waiting: map[int32]change{}}, nil
}

// conn is a connection of a client. The cluster reads requests from it and writes answers to it, each
// from one goroutine.
type conn struct {
	net.Conn
	port *Port
	from *bufio.Reader

	request []byte // the last one
	in      []byte // of it, what the cluster has not read
	out     []byte // of an answer that is not whole yet

	mu      sync.Mutex
	waiting map[int32]change // by number of the request
}

// A change is what has to be done to an answer: it is of this version, and is asked for in that one.
type change struct {
	key, version, asked int16
	change              func(kmsg.Response)                      // nil: nothing
	bytes               func(version int16, frame []byte) []byte // instead, of the whole answer with its size
	asIs                bool                                     // the request itself needs no change
}

// Read hands the cluster the next bytes of a request, once all of it is there.
func (c *conn) Read(dst []byte) (int, error) {
	if len(c.in) == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n := copy(dst, c.in)
	c.in = c.in[n:]
	return n, nil
}

// next reads a request and changes it where it has to be.
//
//	4 size · 2 key · 2 version · 4 number · client's name · (tags) · what is asked
func (c *conn) next() error {
	var size [sizeBytes]byte
	if _, err := io.ReadFull(c.from, size[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxRequest || n < requestHead-sizeBytes {
		return fmt.Errorf("read a request of Kafka: it is of %d bytes", n)
	}
	c.request = append(c.request[:0], size[:]...)
	for left := int(n); left > 0; { // no more room than what has come
		step := min(left, 1<<20)
		at := len(c.request)
		c.request = slices.Grow(c.request, step)[:at+step]
		if _, err := io.ReadFull(c.from, c.request[at:]); err != nil {
			return err
		}
		left -= step
	}
	key := int16(binary.BigEndian.Uint16(c.request[4:]))
	if kmsg.RequestForKey(key) == nil {
		return fmt.Errorf("read a request of Kafka: there is none of key %d", key)
	}
	c.in = c.request
	return c.rewrite(key, int16(binary.BigEndian.Uint16(c.request[6:])))
}

// rewrite changes the request that was read, and takes note of what its answer needs.
func (c *conn) rewrite(key, version int16) error {
	var edit func(kmsg.Request) change
	switch kmsg.Key(key) {
	case kmsg.Fetch:
		c.expect(change{key: key, version: version, asked: version, bytes: showAppendTimes})
		return nil
	case kmsg.DescribeTopicPartitions:
		c.expect(change{key: key, version: version, asked: version, change: listReplicas})
		return nil
	case kmsg.Metadata:
		edit = makeTopics
	case kmsg.CreateTopics:
		edit = c.port.createTopics
	case kmsg.AlterConfigs:
		edit = c.port.alterConfigs
	case kmsg.IncrementalAlterConfigs:
		edit = c.port.incrementalAlterConfigs
	case kmsg.DeleteTopics:
		edit = c.port.deleteTopics
	case kmsg.Produce:
		edit = c.port.produce
	case kmsg.ListGroups:
		edit = listGroups
	case kmsg.InitProducerID:
		edit = c.port.initProducer
	case kmsg.AddPartitionsToTxn:
		edit = addPartitions
	case kmsg.AddOffsetsToTxn:
		edit = addOffsets
	case kmsg.TxnOffsetCommit:
		edit = commitOffsets
	case kmsg.EndTxn:
		edit = c.port.endTxn
	default:
		return nil
	}
	req := kmsg.RequestForKey(key)
	req.SetVersion(version)
	if version > req.MaxVersion() {
		return nil // the cluster says so
	}
	head, body, err := splitRequest(c.request, req.IsFlexible())
	if err != nil {
		return err
	}
	if err := req.ReadFrom(body); err != nil {
		return fmt.Errorf("read a %s request of Kafka: %w", kmsg.NameForKey(key), err)
	}
	after := edit(req)
	after.key, after.version, after.asked = key, req.GetVersion(), version
	if after.change != nil {
		c.expect(after)
	}
	if after.asIs {
		return nil
	}
	frame := req.AppendTo(slices.Clone(head))
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-sizeBytes))
	binary.BigEndian.PutUint16(frame[6:], uint16(req.GetVersion()))
	c.in = frame
	return nil
}

// splitRequest tells the header of a request from what is asked.
func splitRequest(frame []byte, flexible bool) (head, body []byte, err error) {
	r := kbin.Reader{Src: frame[requestHead:]}
	r.NullableString() // the client's name
	if flexible {
		kmsg.SkipTags(&r)
	}
	if !r.Ok() {
		return nil, nil, errors.New("read a request of Kafka: it is cut off")
	}
	return frame[:len(frame)-len(r.Src)], r.Src, nil
}

// expect takes note of what the answer to the request that was read last needs.
func (c *conn) expect(after change) {
	number := int32(binary.BigEndian.Uint32(c.request[8:]))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting[number] = after
}

// Write takes answers from the cluster, and sends on those that are whole.
func (c *conn) Write(b []byte) (int, error) {
	rest := b
	if len(c.out) > 0 {
		c.out = append(c.out, b...)
		rest = c.out
	}
	for len(rest) >= answerHead {
		n := sizeBytes + int(binary.BigEndian.Uint32(rest))
		if len(rest) < n {
			break
		}
		if _, err := c.Conn.Write(c.answer(rest[:n])); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	c.out = append(c.out[:0], rest...)
	return len(b), nil
}

// answer is what goes out for an answer of the cluster.
func (c *conn) answer(frame []byte) []byte {
	number := int32(binary.BigEndian.Uint32(frame[sizeBytes:]))
	c.mu.Lock()
	after, ok := c.waiting[number]
	delete(c.waiting, number)
	c.mu.Unlock()
	switch {
	case !ok:
		return frame
	case after.bytes != nil:
		return after.bytes(after.version, frame)
	}
	resp := kmsg.ResponseForKey(after.key)
	resp.SetVersion(after.version)
	body, err := splitAnswer(frame, resp.IsFlexible())
	if err != nil || resp.ReadFrom(body) != nil {
		return frame // whoever asked sees that as well
	}
	after.change(resp)
	resp.SetVersion(after.asked)
	out := slices.Clone(frame[:answerHead])
	if resp.IsFlexible() {
		out = append(out, 0) // no tags
	}
	out = resp.AppendTo(out)
	binary.BigEndian.PutUint32(out, uint32(len(out)-sizeBytes))
	return out
}

// splitAnswer is what is answered, without its header.
func splitAnswer(frame []byte, flexible bool) ([]byte, error) {
	r := kbin.Reader{Src: frame[answerHead:]}
	if flexible {
		kmsg.SkipTags(&r)
	}
	if !r.Ok() {
		return nil, errors.New("read an answer of Kafka: it is cut off")
	}
	return r.Src, nil
}
