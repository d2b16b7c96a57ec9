package web

import (
	"encoding/json"
	"fmt"
	"net/http"
)

func (s *Server) topics(w http.ResponseWriter, r *http.Request) {
	topics, err := s.backend.Topics(r.Context())
	if err != nil {
		s.failed(w, err)
		return
	}
	if topics == nil {
		topics = []Topic{}
	}
	answer(w, topics)
}

func (s *Server) topic(w http.ResponseWriter, r *http.Request) {
	t, err := s.backend.Topic(r.Context(), r.PathValue("name"))
	if err != nil {
		s.failed(w, err)
		return
	}
	answer(w, t)
}

func (s *Server) createTopic(w http.ResponseWriter, r *http.Request) {
	partitions, err := intParam(r, "partitions", 0)
	if err == nil {
		q := r.URL.Query()
		err = s.backend.CreateTopic(r.Context(), Topic{Name: r.PathValue("name"), Partitions: partitions, Retention: q.Get("retention"), Key: q.Get("key")})
	}
	if err != nil {
		s.failed(w, err)
		return
	}
	s.topic(w, r)
}

func (s *Server) alterTopic(w http.ResponseWriter, r *http.Request) {
	partitions, err := intParam(r, "partitions", 0)
	if err == nil {
		err = s.backend.AlterTopic(r.Context(), r.PathValue("name"), partitions)
	}
	if err != nil {
		s.failed(w, err)
		return
	}
	s.topic(w, r)
}

// publish answers once everything is durable: with the counts, or with what went wrong and how far
// it got.
func (s *Server) publish(w http.ResponseWriter, r *http.Request) {
	if path := r.URL.Query().Get("file"); path != "" {
		if isFromOthers(r) {
			fail(w, http.StatusForbidden, "publish the file "+path+": files of this machine are read for programs of this machine alone; send the records as the body", 1)
			return
		}
		s.publishFile(w, r, path)
		return
	}
	body := &liveBody{r.Body, http.NewResponseController(w)}
	done, err := s.backend.Publish(r.Context(), r.PathValue("name"), body)
	if isSlow(err) && done.Records == 0 {
		failSlow(w, "publish to "+r.PathValue("name"))
		return
	}
	if err != nil && done.Records == 0 {
		s.failed(w, err)
		return
	}
	s.finish(&done, err)
	if done.Error == "" {
		answer(w, done)
		return
	}
	status := http.StatusInternalServerError
	if err == nil {
		status = http.StatusUnprocessableEntity // sent again, the same records are refused again
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(done)
}

// finish adds what went wrong: an error, or records that were left out.
func (s *Server) finish(done *Published, err error) {
	done.Final = true
	switch {
	case err != nil:
		done.Error, done.Exit = err.Error(), s.exit(err)
	case done.Refused > 0:
		records := "records"
		if done.Refused == 1 {
			records = "record"
		}
		done.Error, done.Exit = fmt.Sprintf("publish to %s: %d %s refused: %s; the other %d are durable", done.Topic, done.Refused, records, done.Refusal, done.Records), 1
	}
}

// publishFile answers a line of progress now and then, and a last one that is final.
func (s *Server) publishFile(w http.ResponseWriter, r *http.Request, path string) {
	a := newRowAnswer(w, "jsonl", true)
	enc := json.NewEncoder(a)
	done, err := s.backend.PublishFile(r.Context(), r.PathValue("name"), path, func(p Published) { _ = enc.Encode(p) })
	if err != nil && !a.started {
		s.failed(w, err)
		return
	}
	s.finish(&done, err)
	_ = enc.Encode(done)
}
