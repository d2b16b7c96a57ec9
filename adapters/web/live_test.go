package web

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/engine"
)

// counting is a backend that counts how often it is asked for its status.
type counting struct {
	*fakeBackend
	asked atomic.Int64
}

func (b *counting) Status() engine.Status {
	b.asked.Add(1)
	return b.fakeBackend.Status()
}

// TestEventsTellStatusAndProgress reads the first update from a socket.
func TestEventsTellStatusAndProgress(t *testing.T) {
	srv := httptest.NewServer(New(Config{Backend: newFake()}).Handler())
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", srv.URL+"/api/events", nil)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("the type is %q", kind)
	}
	in := bufio.NewScanner(resp.Body)
	in.Buffer(nil, 1<<20)
	var event string
	data := map[string]string{}
	for len(data) < 2 && in.Scan() {
		if v, ok := strings.CutPrefix(in.Text(), "event: "); ok {
			event = v
		}
		if v, ok := strings.CutPrefix(in.Text(), "data: "); ok {
			data[event] = v
		}
	}
	var status LiveAnswer
	var progress monitor.Progress
	if err := json.Unmarshal([]byte(data["status"]), &status); err != nil || status.Engine.Epoch != 5 || status.Info.Project != "demo" || len(status.LeftOut) != 1 {
		t.Errorf("status is %s: %v", data["status"], err)
	}
	if err := json.Unmarshal([]byte(data["progress"]), &progress); err != nil || progress.BatchID != 5 {
		t.Errorf("progress is %s: %v", data["progress"], err)
	}
}

// TestUpdatesAreMadeOnceForAll has several look, one of which takes nothing, and then nobody.
func TestUpdatesAreMadeOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &counting{fakeBackend: newFake()}
		s := New(Config{Backend: b})
		if b.asked.Load() != 0 {
			t.Errorf("asked %d times before somebody looked", b.asked.Load())
		}
		stalled := s.live.join()
		var quick []chan []byte
		for range 20 {
			quick = append(quick, s.live.join())
		}
		var got atomic.Int64
		for _, ch := range quick {
			go func() {
				for range ch {
					got.Add(1)
				}
			}()
		}
		time.Sleep(9*livePause + livePause/2)
		synctest.Wait()
		if n := b.asked.Load(); n != 10 {
			t.Errorf("%d updates were made in 9.5 seconds, want 10", n)
		}
		if n := got.Load(); n != 200 {
			t.Errorf("20 clients took %d updates, want 200", n)
		}
		if len(stalled) != 1 || !strings.HasPrefix(string(<-stalled), "id: 10\n") {
			t.Error("who takes nothing has not the newest update alone")
		}
		for _, ch := range append(quick, stalled) {
			s.live.leave(ch)
			close(ch)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := b.asked.Load(); n != 10 {
			t.Errorf("asked %d more times while nobody looked", n-10)
		}
		again := s.live.join()
		if update := <-again; len(update) == 0 {
			t.Error("who comes back gets nothing")
		}
		s.live.leave(again)
	})
}

// TestLookersAreBounded refuses one too many with a sentence.
func TestLookersAreBounded(t *testing.T) {
	s := New(Config{Backend: newFake()})
	for range maxLookers {
		ch := s.live.join()
		if ch == nil {
			t.Fatal("refused below the limit")
		}
		defer s.live.leave(ch)
	}
	if w := ask(s, "GET", "/api/events", ""); w.Code != 503 || !strings.Contains(w.Body.String(), "which is the limit") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
