package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// MostResent is how many kept records one request may send again.
const MostResent = 10_000

// mostResendBody is how long such a request may be: 10,000 places need less.
const mostResendBody = 1 << 20

// ResendRequest is the body of POST /api/topics/{name}/resend: which records of TABLE$late or TOPIC$invalid are
// appended to their topic again. Either Where or Records says which.
type ResendRequest struct {
	From    string        `json:"-"`
	Where   string        `json:"where,omitempty"` // a condition over the columns of From
	Records []RecordPlace `json:"records,omitempty"`
	Topic   string        `json:"topic,omitempty"` // needed where the table reads several
	Dry     bool          `json:"dry,omitempty"`   // only tell what would be sent
}

// RecordPlace is where a record stood in its topic.
type RecordPlace struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
}

// Resent is what was sent again, or would be.
type Resent struct {
	From    string `json:"from"`
	Topic   string `json:"topic"`
	Records int64  `json:"records"`
	Bytes   int64  `json:"bytes"` // of keys and values
	// Copies is how many of them the topic has no longer, so that what was kept of them is sent: without headers.
	Copies int64  `json:"copies,omitempty"`
	Dry    bool   `json:"dry,omitempty"`
	Note   string `json:"note,omitempty"` // what becomes of them
}

func (s *Server) resend(w http.ResponseWriter, r *http.Request) {
	req := ResendRequest{}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostResendBody))
	d.DisallowUnknownFields()
	err := d.Decode(&req)
	if err == nil && d.More() {
		err = errors.New("there is more behind the object")
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("it is empty")
	}
	req.From = r.PathValue("name")
	switch {
	case isSlow(err):
		failSlow(w, "send "+req.From+" again")
		return
	case err != nil:
		err = &RequestError{fmt.Sprintf(`send %s again: read the body: %v; it is as in {"where": "reason LIKE 'no JSON%%'"} or {"records": [{"partition": 0, "offset": 12}]}, with "dry": true to be told what would be sent`, req.From, err)}
	case strings.TrimSpace(req.Where) == "" && len(req.Records) == 0:
		err = &RequestError{fmt.Sprintf(`send %s again: neither "where" nor "records" says which records; "where": "true" means all`, req.From)}
	case req.Where != "" && len(req.Records) > 0:
		err = &RequestError{fmt.Sprintf(`send %s again: both "where" and "records" are there; one of them says which records`, req.From)}
	case len(req.Records) > MostResent:
		err = &RequestError{fmt.Sprintf(`send %s again: "records" has %d places, at most %d are sent at a time`, req.From, len(req.Records), MostResent)}
	}
	if err != nil {
		s.failed(w, err)
		return
	}
	done, err := s.backend.Resend(r.Context(), req)
	if err != nil {
		s.failed(w, err)
		return
	}
	answer(w, done)
}
