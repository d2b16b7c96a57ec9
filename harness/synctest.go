package harness

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server/ats"
)

// Synctest runs a test in virtual time: a bubble of testing/synctest in which the clock stands at start,
// an ISO 8601 time such as "2026-03-01T12:00:00Z", and jumps ahead whenever all goroutines wait. Sleeping
// an hour takes milliseconds, and so do idle timeouts and intervals of checkpoints.
//
// Whatever the test uses has to be made inside f, the Env first of all. In f there are no t.Run and
// t.Parallel; the test around it may be parallel.
func Synctest(t *testing.T, start string, f func(t *testing.T)) {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, start)
	if err != nil {
		t.Fatalf("begin virtual time at %q: write it as 2026-03-01T12:00:00Z", start)
	}
	// The broker's clock for access times is one a process. Begun inside a bubble it would be part of
	// it, and no bubble ends before its goroutines do.
	ats.Register()
	defer ats.Unregister()
	synctest.Test(t, func(t *testing.T) {
		ahead := time.Until(at)
		if ahead < 0 {
			t.Fatalf("begin virtual time at %s: it cannot begin before %s", start, time.Now().UTC().Format(time.RFC3339))
		}
		time.Sleep(ahead) // nothing runs yet that could mind
		f(t)
	})
}
