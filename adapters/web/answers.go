package web

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Limits of answers that are kept for others.
const (
	maxKeptAge   = 10 * time.Second
	maxKept      = 64      // answers
	maxKeptBytes = 1 << 20 // of each
	maxKeptRows  = 2000    // that are asked for
)

// answers has the rows that those who look at the page ask for again and again made once for all of them: who says how
// old they may be gets what was made for another.
type answers struct {
	mu   sync.Mutex
	kept map[TableRequest]*keptAnswer
}

// A keptAnswer is made by one of those who want it while the others wait.
type keptAnswer struct {
	making chan struct{} // has room for who makes it

	// Of who has put something into making.
	body []byte
	at   time.Time // when its making began
}

// get returns an answer that was not older than age when it was asked for, or makes one.
func (a *answers) get(ctx context.Context, key TableRequest, age time.Duration, produce func() ([]byte, error)) ([]byte, error) {
	k, since := a.place(key), time.Now().Add(-age)
	if k == nil {
		return produce()
	}
	select {
	case k.making <- struct{}{}:
		defer func() { <-k.making }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if k.body != nil && !k.at.Before(since) {
		return k.body, nil
	}
	k.body = nil
	at := time.Now()
	body, err := produce()
	if err == nil && len(body) <= maxKeptBytes {
		k.body, k.at = body, at
	}
	return body, err
}

// place is where an answer is kept, for maxKeptAge; nil if too many are.
func (a *answers) place(key TableRequest) *keptAnswer {
	a.mu.Lock()
	defer a.mu.Unlock()
	k := a.kept[key]
	if k == nil && len(a.kept) < maxKept {
		if a.kept == nil {
			a.kept = map[TableRequest]*keptAnswer{}
		}
		k = &keptAnswer{making: make(chan struct{}, 1)}
		a.kept[key] = k
		time.AfterFunc(maxKeptAge, func() {
			a.mu.Lock()
			defer a.mu.Unlock()
			delete(a.kept, key)
		})
	}
	return k
}

// table answers with rows: those of now, or with ?maxAge=MS those that somebody else got so long ago at most.
func (s *Server) table(w http.ResponseWriter, r *http.Request) {
	limit, err := intParam(r, "limit", -1)
	if err != nil {
		s.failed(w, err)
		return
	}
	maxAge, err := intParam(r, "maxAge", 0)
	if err == nil && (maxAge < 0 || maxAge > int(maxKeptAge.Milliseconds())) {
		err = &RequestError{"read the parameter maxAge=" + strconv.Itoa(maxAge) + ": it is from 0 to " + strconv.FormatInt(maxKeptAge.Milliseconds(), 10) + " milliseconds"}
	}
	if err != nil {
		s.failed(w, err)
		return
	}
	q := r.URL.Query()
	req := TableRequest{Name: r.PathValue("name"), Open: q.Get("open") == "true", Limit: limit, Format: format(q)}
	a := newRowAnswer(w, req.Format, false)
	if maxAge == 0 || limit < 0 || limit > maxKeptRows {
		a.end(s, s.backend.Table(r.Context(), a, req))
		return
	}
	body, err := s.answers.get(r.Context(), req, time.Duration(maxAge)*time.Millisecond, func() ([]byte, error) {
		var text bytes.Buffer
		err := s.backend.Table(r.Context(), &text, req)
		return text.Bytes(), err
	})
	if err == nil {
		_, err = a.Write(body)
	}
	a.end(s, err)
}
