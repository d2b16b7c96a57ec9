package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slowRows is a backend whose rows take a second and say which reading they are of.
type slowRows struct {
	*fakeBackend
	readings atomic.Int64
	fail     atomic.Bool
}

func (b *slowRows) Table(ctx context.Context, w io.Writer, r TableRequest) error {
	n := b.readings.Add(1)
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	if b.fail.Load() {
		return errors.New("no rows today")
	}
	_, err := fmt.Fprintf(w, "%s %d\n", r.Name, n)
	return err
}

const aged = "/api/tables/sales?open=true&limit=60&format=csv&maxAge=900"

// TestRowsAreMadeOnceForAll has several ask for the same rows at the same time and soon after, and later.
func TestRowsAreMadeOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &slowRows{fakeBackend: newFake()}
		s := newTestServer(b)
		want := func(target, body string, readings int64) {
			t.Helper()
			if w := ask(s, "GET", target, ""); w.Code != http.StatusOK || w.Body.String() != body {
				t.Errorf("%s: %d %q, want %q", target, w.Code, w.Body, body)
			}
			if n := b.readings.Load(); n != readings {
				t.Errorf("%s: rows were read %d times, want %d", target, n, readings)
			}
		}
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { want(aged, "sales 1\n", 1) })
		}
		all.Wait()
		want(strings.Replace(aged, "900", "1500", 1), "sales 1\n", 1) // a second old
		want(aged, "sales 2\n", 2)
		want(strings.Replace(aged, "limit=60", "limit=61", 1), "sales 3\n", 3)
		want(strings.Replace(aged, "&maxAge=900", "", 1), "sales 4\n", 4)
		want(strings.Replace(aged, "limit=60", "limit=100000", 1), "sales 5\n", 5)
		b.fail.Store(true)
		time.Sleep(time.Minute)
		if n := len(s.answers.kept); n != 0 {
			t.Errorf("%d answers are kept that nobody asks for", n)
		}
		if w := ask(s, "GET", aged, ""); w.Code == http.StatusOK || !strings.Contains(w.Body.String(), "no rows today") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		b.fail.Store(false)
		want(aged, "sales 7\n", 7) // a failure is not kept
		for i := range 2 * maxKept {
			ask(s, "GET", fmt.Sprintf("/api/tables/t%d?limit=1&maxAge=9000", i), "")
		}
		if n := len(s.answers.kept); n > maxKept {
			t.Errorf("%d answers are kept", n)
		}
		for _, age := range []string{"-1", "10001", "soon"} {
			if w := ask(s, "GET", strings.Replace(aged, "900", age, 1), ""); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "maxAge="+age) {
				t.Errorf("maxAge=%s: %d %s", age, w.Code, w.Body)
			}
		}
	})
}

// TestWhoLeavesSpoilsNoAnswer has the one who makes an answer leave while another waits for it.
func TestWhoLeavesSpoilsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &slowRows{fakeBackend: newFake()}
		s, l := serve(t, b)
		first, second := l.dial(), l.dial()
		defer second.Close()
		go func() { _, _ = io.WriteString(first, "GET "+aged+requestHead+"\r\n") }()
		time.Sleep(time.Second / 2)
		time.AfterFunc(time.Second/4, func() { _ = first.Close() })
		if resp, body := exchange(t, second, "GET "+aged+requestHead+"\r\n"); resp.StatusCode != http.StatusOK || body != "sales 2\n" {
			t.Errorf("%s: %s", resp.Status, body)
		}
		_ = s
	})
}
