package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/adapters/notify"
	"github.com/nagare-stream/nagare/engine/sql"
)

// mostSilenceBytes is how large the body of a silence may be.
const mostSilenceBytes = 64 << 10

// A silenceBody is a silence as Alertmanager's API has it: what is missing is told from what is empty.
type silenceBody struct {
	ID       string `json:"id"`
	Matchers *[]struct {
		Name    *string `json:"name"`
		Value   *string `json:"value"`
		IsRegex *bool   `json:"isRegex"`
		IsEqual *bool   `json:"isEqual"`
	} `json:"matchers"`
	StartsAt  *time.Time `json:"startsAt"`
	EndsAt    *time.Time `json:"endsAt"`
	CreatedBy *string    `json:"createdBy"`
	Comment   *string    `json:"comment"`
}

// silence checks that everything is there. Only isEqual and id may be missing.
func (b *silenceBody) silence() (notify.Silence, error) {
	missing := func(what string) (notify.Silence, error) {
		return notify.Silence{}, &notify.SilenceError{Status: http.StatusUnprocessableEntity, Text: what + " in body is required"}
	}
	switch {
	case b.Matchers == nil:
		return missing("matchers")
	case b.StartsAt == nil:
		return missing("startsAt")
	case b.EndsAt == nil:
		return missing("endsAt")
	case b.CreatedBy == nil:
		return missing("createdBy")
	case b.Comment == nil:
		return missing("comment")
	}
	s := notify.Silence{ID: b.ID, StartsAt: b.StartsAt.UTC(), EndsAt: b.EndsAt.UTC(), CreatedBy: *b.CreatedBy, Comment: *b.Comment}
	for i, m := range *b.Matchers {
		switch {
		case m.Name == nil:
			return missing(fmt.Sprintf("matchers.%d.name", i))
		case m.Value == nil:
			return missing(fmt.Sprintf("matchers.%d.value", i))
		case m.IsRegex == nil:
			return missing(fmt.Sprintf("matchers.%d.isRegex", i))
		}
		s.Matchers = append(s.Matchers, notify.Matcher{Name: *m.Name, Value: *m.Value, IsRegex: *m.IsRegex, IsEqual: m.IsEqual == nil || *m.IsEqual})
	}
	return s, nil
}

// A SilenceAnswer is a silence in the list, with its state of now.
type SilenceAnswer struct {
	notify.Silence
	Status struct {
		State notify.SilenceState `json:"state"`
	} `json:"status"`
}

// notifier is what keeps silences and alerts of others, made if need be: a project needs no alerts of its own for that.
// False: it was answered why there is none.
func (s *Server) notifier(w http.ResponseWriter, r *http.Request) (*notify.Notifier, bool) {
	n, err := s.backend.OpenNotifier(r.Context(), true)
	switch {
	case err != nil:
		s.failed(w, err)
	case n == nil:
		fail(w, http.StatusConflict, "this pipeline is in memory, or only looked into: it keeps no silences, and takes no alerts of others", 1)
	}
	return n, n != nil
}

// silences lists those that hold, begin later or have ended within five days.
func (s *Server) silences(w http.ResponseWriter, r *http.Request) {
	out := []SilenceAnswer{}
	n, err := s.backend.OpenNotifier(r.Context(), false)
	if err != nil {
		s.failed(w, err)
		return
	}
	if n != nil {
		now := time.Now()
		for _, one := range n.Silences() {
			a := SilenceAnswer{Silence: one}
			a.Status.State = one.State(now)
			out = append(out, a)
		}
	}
	answer(w, out)
}

// addSilence makes or changes a silence; requests and answers are those of Alertmanager's POST /api/v2/silences.
func (s *Server) addSilence(w http.ResponseWriter, r *http.Request) {
	n, ok := s.notifier(w, r)
	if !ok {
		return
	}
	var body silenceBody
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostSilenceBytes))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		fail(w, http.StatusBadRequest, "read the silence: "+err.Error(), 1)
		return
	}
	silence, err := body.silence()
	id := ""
	if err == nil {
		id, err = n.Silence(silence)
	}
	if err != nil {
		failedSilence(w, err)
		return
	}
	answer(w, map[string]string{"silenceID": id})
}

// endSilence ends a silence now.
func (s *Server) endSilence(w http.ResponseWriter, r *http.Request) {
	n, err := s.backend.OpenNotifier(r.Context(), false)
	id := r.PathValue("id")
	var known []string
	if err == nil && n != nil {
		for _, s := range n.Silences() {
			known = append(known, s.ID)
		}
	}
	switch {
	case err != nil:
	case !slices.Contains(known, id):
		text := fmt.Sprintf("silence %s not found%s", sql.Quoted(id), sql.Instead(id, known))
		if len(known) == 0 {
			text += ": there is no silence"
		}
		err = &notify.SilenceError{Status: http.StatusNotFound, Text: text}
	default:
		err = n.Expire(id)
	}
	if err != nil {
		failedSilence(w, err)
		return
	}
	answer(w, map[string]string{"silenceID": id})
}

func failedSilence(w http.ResponseWriter, err error) {
	var refused *notify.SilenceError
	if errors.As(err, &refused) {
		fail(w, refused.Status, refused.Text, 1)
		return
	}
	fail(w, http.StatusInternalServerError, err.Error(), 1)
}

// takeAlerts takes what an Alertmanager tells its webhooks, so that rules kept in Prometheus show here too.
func (s *Server) takeAlerts(w http.ResponseWriter, r *http.Request) {
	n, ok := s.notifier(w, r)
	if !ok {
		return
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, notify.MostGroupBytes))
	if err != nil {
		fail(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("read the alerts: at most %d bytes are taken", notify.MostGroupBytes), 1)
		return
	}
	g, err := notify.ParseGroup(text)
	if err == nil {
		pages := []string{"http://" + s.address, s.backend.Info().Others}       // the second is "" where no other machine comes in
		g.Alerts = slices.DeleteFunc(g.Alerts, func(a notify.GroupAlert) bool { // our own, of which an Alertmanager is told
			return slices.ContainsFunc(pages, func(page string) bool { return page != "" && strings.HasPrefix(a.GeneratorURL, page+"/?incident=") })
		})
		err = n.TakeIn(g)
	}
	var bad *notify.BodyError
	switch {
	case errors.As(err, &bad):
		fail(w, bad.Status, bad.Text, 1)
	case err != nil:
		fail(w, http.StatusInternalServerError, err.Error(), 1)
	default:
		answer(w, map[string]int{"alerts": len(g.Alerts)})
	}
}
