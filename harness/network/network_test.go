package network

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Values of every type end where they end.
func TestValuesOfRedis(t *testing.T) {
	for _, value := range []string{
		"+OK\r\n", "-ERR no\r\n", ":7\r\n", "_\r\n", "#t\r\n", ",1.5\r\n", "(123\r\n", "$-1\r\n", "$0\r\n\r\n", "$4\r\n\r\n\r\n\r\n",
		"=7\r\ntxt:abc\r\n", "!3\r\nERR\r\n", "*-1\r\n", "*0\r\n", "*2\r\n:1\r\n*1\r\n$1\r\na\r\n", "~1\r\n:1\r\n", ">2\r\n+a\r\n+b\r\n",
		"%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n", "+" + strings.Repeat("long", 5000) + "\r\n",
	} {
		r := bufio.NewReader(strings.NewReader(value + "+next\r\n"))
		got, err := redisReply(r, nil)
		if err != nil || string(got) != value {
			t.Errorf("%.40q is read as %.40q, %v", value, got, err)
		}
	}
	for _, value := range []string{"", "\r\n", "$", "$x\r\n", "$5\r\nab", "?1\r\n", "*2\r\n:1\r\n", "$999999999999\r\n"} {
		if got, err := redisReply(bufio.NewReader(strings.NewReader(value)), nil); err == nil {
			t.Errorf("%q is read as %q", value, got)
		}
	}
	r, text, err := redisRequest(bufio.NewReader(strings.NewReader("*2\r\n$3\r\nget\r\n$1\r\nk\r\n")), nil)
	if err != nil || r.Name != "GET" || len(text) != 20 {
		t.Errorf("the command is %+v, %q, %v", r, text, err)
	}
	if _, _, err := redisRequest(bufio.NewReader(strings.NewReader("PING\r\n")), nil); !errors.Is(err, errRedis) {
		t.Errorf("a command on a line gives %v", err)
	}
}

// frameOf is a request as a client sends it.
func frameOf(req kmsg.Request, tags ...byte) []byte {
	b := []byte{0, 0, 0, 0}
	b = binary.BigEndian.AppendUint16(b, uint16(req.Key()))
	b = binary.BigEndian.AppendUint16(b, uint16(req.GetVersion()))
	b = binary.BigEndian.AppendUint32(b, 7)
	b = append(b, 0, 2, 'm', 'e')
	b = req.AppendTo(append(b, tags...))
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// Requests of a transaction are told from others, in each version of the protocol.
func TestTransactionsOfKafka(t *testing.T) {
	for _, version := range []int16{3, 8, 9, 11} {
		for _, id := range []*string{nil, new("a transaction")} {
			req := kmsg.NewPtrProduceRequest()
			req.TransactionID = id
			req.SetVersion(version)
			var tags []byte
			if req.IsFlexible() {
				tags = []byte{1, 5, 2, 'x', 'y'} // one tag, number 5, of 2 bytes
			}
			frame := frameOf(req, tags...)
			r, got, err := kafkaRequest(bufio.NewReader(bytes.NewReader(frame)), nil)
			if err != nil || r.Name != "Produce" || r.Transactional != (id != nil) || !bytes.Equal(got, frame) {
				t.Errorf("version %d, transaction %v: %+v, %v", version, id != nil, r, err)
			}
		}
	}
}

// What a broker has done is answered with an error of the kind that leaves that open.
func TestErrorAfterApply(t *testing.T) {
	for _, version := range []int16{2, 3} {
		end := kmsg.NewPtrEndTxnResponse()
		end.SetVersion(version)
		reply := []byte{0, 0, 0, 0, 0, 0, 0, 7}
		if end.IsFlexible() {
			reply = append(reply, 0)
		}
		reply = end.AppendTo(reply)
		binary.BigEndian.PutUint32(reply, uint32(len(reply)-4))
		got := ErrorAfterApply(Request{key: end.Key(), version: version}, reply)
		if len(got) != len(reply) || !bytes.Equal(got[:8], reply[:8]) {
			t.Fatalf("version %d: the answer is %v, was %v", version, got, reply)
		}
		at := 8
		if end.IsFlexible() {
			at++
		}
		if err := end.ReadFrom(got[at:]); err != nil || end.ErrorCode != kerr.RequestTimedOut.Code {
			t.Errorf("version %d: the answer has the code %d, %v", version, end.ErrorCode, err)
		}
	}
}

func FuzzRequests(f *testing.F) {
	f.Add(frameOf(kmsg.NewPtrInitProducerIDRequest()))
	f.Add([]byte("*1\r\n$4\r\nPING\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, frame, err := kafkaRequest(bufio.NewReader(bytes.NewReader(b)), nil); err == nil && !bytes.HasPrefix(b, frame) {
			t.Errorf("a request is passed on as another: %+v", r)
		} else if err == nil {
			ErrorAfterApply(r, b)
		}
		if r, frame, err := redisRequest(bufio.NewReader(bytes.NewReader(b)), nil); err == nil && !bytes.HasPrefix(b, frame) {
			t.Errorf("a command is passed on as another: %+v", r)
		}
	})
}
