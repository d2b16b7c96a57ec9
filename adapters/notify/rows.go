package notify

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/retry"
)

// The largest pieces in which rows are sent.
const (
	mostRows     = 500
	mostRowBytes = 512 << 10
)

// Headers of requests with rows. Sink, partition and number name a row: whoever gets one twice gets the same name.
const (
	sinkHeader      = "X-Nagare-Sink"
	partitionHeader = "X-Nagare-Partition"
	firstHeader     = "X-Nagare-First-Row" // number of the first row; rows of open windows have none
	rowsHeader      = "X-Nagare-Rows"      // how many there are
)

// A RowSink sends rows to a webhook, as a JSON array or, with option.body ndjson, as a line each. A row arrives at
// least once, each time under the same name. What the receiver refuses for good is counted and shown: the rows after
// it go on. It is an record.Updater and an record.SinkReporter.
type RowSink struct {
	r      Receiver
	client *client
	waits  time.Time       // until when the receiver wants no request
	note   func(RowCounts) // nil: nobody keeps them

	mu     sync.Mutex
	next   map[rowLane]int64 // rows below are done
	status record.SinkStatus
}

// rowLane is where rows are numbered from 0.
type rowLane struct {
	sink      string
	partition int32
}

var (
	_ record.Updater      = (*RowSink)(nil)
	_ record.SinkReporter = (*RowSink)(nil)
)

// RowCounts is what became of a sink's rows, which are counted over the lives of a process.
type RowCounts struct {
	Written int64  `json:"written"`
	Refused int64  `json:"refused"`
	Refusal string `json:"refusal,omitempty"` // why the newest of them were
}

// Count goes on from earlier counts, and has note called with them behind each request that changes them, before its rows
// count as delivered. To be called before the first Write.
func (s *RowSink) Count(from RowCounts, note func(RowCounts)) {
	s.status.Written, s.status.Refused, s.status.Refusal, s.note = from.Written, from.Refused, from.Refusal, note
}

// NewRowSink makes a sink; nothing is sent yet. A nil transport is one that checks addresses.
func NewRowSink(r Receiver, version string, transport http.RoundTripper) *RowSink {
	return &RowSink{r: r, client: newClient(&r, transport, version, true), next: map[rowLane]int64{},
		status: record.SinkStatus{Name: r.Name, Format: "webhook", State: "connected"}}
}

// Write sends rows that were not sent before; it returns once they are acknowledged or refused.
func (s *RowSink) Write(ctx context.Context, _ uint64, out *record.Rows) error {
	lane := rowLane{out.Sink, out.Partition}
	for from := 0; from < out.Len(); {
		to, body := s.piece(out, from)
		first := out.First + int64(from)
		if end := out.First + int64(to); end > s.done(lane) {
			if err := s.send(ctx, out, body, to-from, strconv.FormatInt(first, 10)); err != nil {
				return fmt.Errorf("send rows from %d on to webhook %s: %w", first, s.r.Name, err)
			}
			s.mu.Lock()
			s.next[lane] = end
			s.mu.Unlock()
		}
		from = to
	}
	return nil
}

func (s *RowSink) done(lane rowLane) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next[lane]
}

// Update sends rows of open windows.
func (s *RowSink) Update(ctx context.Context, out *record.Rows) error {
	for from := 0; from < out.Len(); {
		to, body := s.piece(out, from)
		if err := s.send(ctx, out, body, to-from, ""); err != nil {
			return fmt.Errorf("send rows of open windows to webhook %s: %w", s.r.Name, err)
		}
		from = to
	}
	return nil
}

// piece is the body of rows [from, to). Where pieces end depends on the rows alone.
func (s *RowSink) piece(out *record.Rows, from int) (to int, body []byte) {
	if !s.r.Lines {
		body = append(body, '[')
	}
	for to = from; to < out.Len() && to < from+mostRows; to++ {
		value := out.Values.At(to)
		if value == nil {
			value = []byte("null")
		}
		if to > from && len(body)+len(value) > mostRowBytes {
			break
		}
		if to > from && !s.r.Lines {
			body = append(body, ',')
		}
		body = append(body, value...)
		if s.r.Lines {
			body = append(body, '\n')
		}
	}
	if !s.r.Lines {
		body = append(body, ']')
	}
	return to, body
}

// send makes one request. Its error is for another try.
func (s *RowSink) send(ctx context.Context, out *record.Rows, body []byte, rows int, first string) error {
	if wait := time.Until(s.waits); wait > 0 {
		if err := retry.Pause(ctx, wait); err != nil {
			return err
		}
	}
	headers := map[string]string{sinkHeader: out.Sink, partitionHeader: strconv.Itoa(int(out.Partition)), rowsHeader: strconv.Itoa(rows)}
	if first != "" {
		headers[firstHeader] = first
	}
	if s.r.Lines {
		headers["Content-Type"] = "application/x-ndjson"
	}
	o := s.client.send(ctx, request{s.r.URL, body}, headers)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.State, s.status.Reason = "connected", ""
	switch o.verdict {
	case accepted:
		s.status.Written += int64(rows)
	case refused:
		s.status.Refused += int64(rows)
		s.status.Refusal = o.text
	default:
		s.waits = time.Now().Add(o.after)
		s.status.State, s.status.Reason = "degraded", o.text
		return fmt.Errorf("%s", o.text)
	}
	if s.note != nil {
		s.note(RowCounts{s.status.Written, s.status.Refused, s.status.Refusal})
	}
	return nil
}

// Flush does nothing: what Write has returned for is done.
func (s *RowSink) Flush(context.Context) error { return nil }

// Close closes the connection.
func (s *RowSink) Close() error {
	s.client.http.CloseIdleConnections()
	return nil
}

// Report is how the sink is.
func (s *RowSink) Report() record.SinkStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}
