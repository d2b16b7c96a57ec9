package redis

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

var _ redis.Error = reply("")

// TestRefusesRow: only what is wrong with the one command loses its row. A cluster that moves slots, and a
// word that nobody knows here, lose none.
func TestRefusesRow(t *testing.T) {
	for text, want := range map[string]bool{
		"WRONGTYPE Operation against a key holding the wrong kind of value": true,
		"ERR value is not a valid float":                                    true,
		"MOVED 3999 127.0.0.1:6381":                                         false,
		"ASK 3999 127.0.0.1:6381":                                           false,
		"TRYAGAIN Multiple keys request during rehashing of slot":           false,
		"CLUSTERDOWN Hash slot not served":                                  false,
		"ERR max number of clients reached":                                 false,
		"SOMETHING that a later version says":                               false,
	} {
		if got := refusesRow(reply(text)); got != want {
			t.Errorf("%s: it refuses the row: %v", text, got)
		}
	}
}

// TestRest: the first link that does not last is followed at once, the later ones ever more slowly, and one
// that lasted begins anew.
func TestRest(t *testing.T) {
	w := &writer{}
	for i, want := range []time.Duration{0, restFirst, 2 * restFirst, 4 * restFirst} {
		if got := w.rest(0); got != want {
			t.Errorf("behind link %d it rests %v, want %v", i, got, want)
		}
	}
	for range 20 {
		w.rest(0)
	}
	if got := w.rest(0); got != restMost {
		t.Errorf("it rests %v at most, want %v", got, restMost)
	}
	if got := w.rest(2 * lasting); got != 0 {
		t.Errorf("behind a link that lasted it rests %v", got)
	}
}
