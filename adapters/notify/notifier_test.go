package notify

import (
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nagare-stream/nagare/engine/alert"
)

func check(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestChangeIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, receiver(t, "a"), receiver(t, "b"))
		r.open()
		r.publish(change("cpu", "x", 1, alert.Pending, "a"), change("cpu", "x", 1, alert.Firing, "a"))
		after(900 * time.Millisecond)
		check(t, "requests before groupWait", len(r.taken()), 0)
		after(time.Minute)
		got := r.taken()
		if len(got) != 1 {
			t.Fatalf("%d requests, want 1", len(got))
		}
		check(t, "changes", toldBy(t, got[0]), []string{"cpu-x-1 firing"})
		check(t, "url", got[0].url, "http://a.example/hook/secret-path")
		// Over a restart nothing is told again, and the end is told.
		r.close()
		r.open()
		after(time.Minute)
		check(t, "requests after a restart", len(r.taken()), 0)
		r.publish(change("cpu", "x", 1, alert.Resolved, "a"))
		after(time.Minute)
		got = r.taken()
		check(t, "requests of the end", len(got), 1)
		check(t, "changes", toldBy(t, got[0]), []string{"cpu-x-1 resolved"})
		// The topic is made anew, with the same changes: they are known.
		r.publish(change("cpu", "x", 1, alert.Firing, "a"), change("cpu", "x", 1, alert.Resolved, "a"))
		after(time.Minute)
		check(t, "requests of changes that come twice", len(r.taken()), 0)
		check(t, "counts", r.report("a").Counts, Counts{Delivered: 2})
		check(t, "counts of b", r.report("b").Counts, Counts{})
		r.close()
	})
}

func TestGroupsWaitAndGoTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, receiver(t, "a", "groupWait", "2 seconds", "groupInterval", "6 seconds"))
		r.open()
		start := time.Now()
		r.publish(change("cpu", "x", 1, alert.Firing, "a"), change("cpu", "y", 1, alert.Firing, "a"), change("disk", "x", 1, alert.Firing, "a"))
		after(3 * time.Second)
		r.publish(change("cpu", "z", 1, alert.Firing, "a"))
		after(time.Minute)
		var got []string
		for _, q := range r.taken() {
			got = append(got, q.at.Sub(start).Round(time.Second).String()+" "+strings.Join(toldBy(t, q), ", "))
		}
		check(t, "requests", got, []string{"2s cpu-x-1 firing, cpu-y-1 firing", "2s disk-x-1 firing", "8s cpu-z-1 firing"})
		r.close()
	})
}

// A receiver that was down gets everything in order, and holds up no other.
func TestReceiverDownForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, receiver(t, "down"), receiver(t, "up"))
		var down atomic.Bool
		down.Store(true)
		r.answers(func(q sent) (*http.Response, error) {
			if down.Load() && strings.Contains(q.url, "down.") {
				return nil, errDial
			}
			return respond(200, "ok"), nil
		})
		r.open()
		for i := range 40 {
			r.publish(change("cpu", "x", i, alert.Firing, "down", "up"), change("cpu", "x", i, alert.Resolved, "down", "up"))
		}
		after(time.Minute)
		p := r.report("down")
		check(t, "state", p.State, ReceiverFailing)
		check(t, "waiting", p.Waiting+p.Unread, int64(80))
		if !strings.Contains(p.LastError, "connection refused") || strings.Contains(p.LastError, "secret-path") {
			t.Errorf("last error %q", p.LastError)
		}
		if tries := len(r.taken()); tries > 40 {
			t.Errorf("%d tries in a minute", tries)
		}
		if got := r.report("up").Counts.Delivered; got < 5 {
			t.Errorf("the other receiver got %d changes", got)
		}
		down.Store(false)
		after(40 * time.Minute)
		p = r.report("down")
		check(t, "state", p.State, ReceiverIdle)
		check(t, "counts", p.Counts, Counts{Delivered: 80})
		check(t, "since", p.Since.IsZero(), true)
		r.close()
	})
}

// Beyond its limit a lane leaves changes in the topic.
func TestBacklogStaysInTheTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, receiver(t, "a", "groupInterval", "0 seconds"))
		r.topic.ReadRows = 100
		var down atomic.Bool
		down.Store(true)
		r.answers(func(q sent) (*http.Response, error) {
			if down.Load() {
				return respond(503, "busy"), nil
			}
			return respond(200, ""), nil
		})
		r.open()
		for i := range 5000 {
			r.publish(change("cpu", "x", i, alert.Firing, "a"))
		}
		after(time.Minute)
		p := r.report("a")
		if p.Waiting < mostWaiting || p.Waiting > mostWaiting+100 || p.Waiting+p.Unread != 5000 {
			t.Errorf("%d waiting and %d unread", p.Waiting, p.Unread)
		}
		down.Store(false)
		after(time.Hour)
		check(t, "delivered", r.report("a").Delivered, int64(5000))
		r.close()
	})
}

func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(q sent) (*http.Response, error)
		tries  int // in a minute; 0: several
		counts Counts
		text   string
	}{
		"204":          {func(sent) (*http.Response, error) { return respond(204, ""), nil }, 1, Counts{Delivered: 1}, ""},
		"404":          {func(sent) (*http.Response, error) { return respond(404, "no\nsuch hook"), nil }, 1, Counts{Refused: 1}, "it answers 404 Not Found: no such hook"},
		"400":          {func(sent) (*http.Response, error) { return respond(400, strings.Repeat("x", 1<<20)), nil }, 1, Counts{Refused: 1}, "it answers 400 Bad Request: xxx"},
		"301":          {func(sent) (*http.Response, error) { return respond(301, "", "Location", "http://a.example/other"), nil }, 1, Counts{Refused: 1}, "301"},
		"302 away":     {func(sent) (*http.Response, error) { return respond(307, "", "Location", "http://evil.example/"), nil }, 1, Counts{Refused: 1}, "307"},
		"500":          {func(sent) (*http.Response, error) { return respond(500, ""), nil }, 0, Counts{}, "500"},
		"408":          {func(sent) (*http.Response, error) { return respond(408, ""), nil }, 0, Counts{}, "408"},
		"429 for 50 s": {func(sent) (*http.Response, error) { return respond(429, "", "Retry-After", "50"), nil }, 2, Counts{}, "429"},
		"503 a date": {func(q sent) (*http.Response, error) {
			return respond(503, "", "Retry-After", q.at.Add(50*time.Second).UTC().Format(http.TimeFormat)), nil
		}, 2, Counts{}, "503"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, receiver(t, "a"))
				r.answers(c.answer)
				r.open()
				r.publish(change("cpu", "x", 1, alert.Firing, "a"))
				after(time.Minute)
				tries := r.taken()
				if c.tries != 0 && len(tries) != c.tries || len(tries) == 0 || c.tries == 0 && len(tries) < 4 {
					t.Errorf("%d tries, want %d", len(tries), c.tries)
				}
				p := r.report("a")
				check(t, "counts", p.Counts, c.counts)
				if !strings.Contains(p.LastError, c.text) || len(p.LastError) > 300 {
					t.Errorf("last error %q, want %q", p.LastError, c.text)
				}
				for _, q := range tries[1:] {
					check(t, "delivery", q.header.Get(deliveryHeader), tries[0].header.Get(deliveryHeader))
					check(t, "body", q.body, tries[0].body)
				}
				r.close()
			})
		})
	}
}

// A redirect to another path of the same host is followed with the same body.
func TestRedirectOnTheSameHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, receiver(t, "a", "secret", "env:KEY"))
		r.answers(func(q sent) (*http.Response, error) {
			if strings.HasSuffix(q.url, "/new") {
				return respond(200, ""), nil
			}
			return respond(308, "", "Location", "/new"), nil
		})
		r.open()
		r.publish(change("cpu", "x", 1, alert.Firing, "a"))
		after(time.Minute)
		got := r.taken()
		if len(got) != 2 || got[0].body != got[1].body || got[1].header.Get(signatureHeader) != got[0].header.Get(signatureHeader) {
			t.Errorf("requests: %+v", got)
		}
		check(t, "counts", r.report("a").Counts, Counts{Delivered: 1})
		r.close()
	})
}

// What got no answer is sent again, and counted.
func TestLostAnswerIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, receiver(t, "a", "timeout", "5 seconds"))
		tries := 0
		r.answers(func(q sent) (*http.Response, error) {
			switch tries++; tries {
			case 1:
				<-q.ctx.Done() // it hangs
				return nil, q.ctx.Err()
			case 2:
				return nil, errReset
			case 3:
				return nil, errDial // which never arrived
			}
			return respond(200, ""), nil
		})
		r.open()
		r.publish(change("cpu", "x", 1, alert.Firing, "a"), change("cpu", "y", 1, alert.Firing, "a"))
		after(time.Minute)
		check(t, "counts", r.report("a").Counts, Counts{Delivered: 2, Uncertain: 4})
		r.close()
	})
}

func TestNewReceiverIsToldWhatFires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, receiver(t, "a"))
		r.topic.ReadRows = 2
		for i := range 10 {
			r.publish(change("cpu", "x", i, alert.Firing, "a"))
			if i < 9 {
				r.publish(change("cpu", "x", i, alert.Resolved, "a"))
			}
		}
		r.open()
		after(time.Minute)
		got := r.taken()
		check(t, "requests", len(got), 1)
		check(t, "changes", toldBy(t, got[0]), []string{"cpu-x-9 firing"})
		r.close()
	})
}

func TestSignature(t *testing.T) {
	// openssl: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac top-secret
	check(t, "signature", sign([]byte("top-secret"), []byte(`{"a":1}`), time.Unix(1700000000, 0)),
		"t=1700000000,v1=d2025794836f47aaa594a141e200ddfcf1ac5c703eeec4de43cd38a72262c5f3")
}
