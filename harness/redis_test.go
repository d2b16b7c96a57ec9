package harness_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/nagare-stream/nagare/harness"
)

// lived is when the trips of these tests are told, in virtual time.
const lived = "2026-03-01T12:30:00Z"

// What sinks of each shape write can be read, with how long it lives.
func TestRedisHoldsWhatSinksWrite(t *testing.T) {
	t.Parallel()
	harness.Synctest(t, lived, func(t *testing.T) {
		env := harness.New(t, harness.Project(bikes), harness.Partitions(1))
		time.Sleep(3 * time.Second) // between two steps of the server's own clock
		env.Publish("trips", ride(1, "dock", "12:01:00", 10), ride(2, "dock", "12:02:00", 200), ride(3, "hill", "12:10:00", 20))
		env.Publish("trips", ride(4, "dock", "12:18:00", 5))
		want := map[string]harness.RedisValue{
			"returns:dock": {Hash: map[string]string{"12:00": "2", "12:15": "1"}, TTL: 6 * time.Hour}, // that of 12:15 is open
			"returns:hill": {Hash: map[string]string{"12:00": "1"}, TTL: 6 * time.Hour},
			"overdue:b2":   {Text: `{"trip":"t2","station":"dock","minutes":200}`, TTL: time.Hour},
			"busy:12:00":   {Scores: map[string]float64{"dock": 2, "hill": 1}, TTL: 6 * time.Hour},
		}
		if d := cmp.Diff(want, env.Redis("*")); d != "" {
			t.Errorf("Redis holds something else (-want +got):\n%s", d)
		}
		time.Sleep(59*time.Minute + 29*time.Second)
		if v, is := env.Redis("overdue:b2")["overdue:b2"]; !is || v.TTL != 31*time.Second {
			t.Errorf("half a minute before its end the key is %+v, %v", v, is)
		}
		time.Sleep(31 * time.Second)
		if v := env.Redis("overdue:*"); len(v) != 0 {
			t.Errorf("after its time there is %v", v)
		}
		if v := env.Redis("returns:*"); len(v) != 2 {
			t.Errorf("within their time there is %v", v)
		}
	})
}

// redisFaults is everything that a test can do to a Redis.
func redisFaults() map[string]func(env *harness.Env) {
	faults := map[string]func(env *harness.Env){
		"slow":    func(env *harness.Env) { env.SlowRedis(20 * time.Millisecond) },
		"hanging": func(env *harness.Env) { env.SlowRedis(time.Hour) },
	}
	for _, how := range []harness.Fault{harness.Unreachable, harness.AnswerLost, harness.ReadOnly, harness.OutOfMemory, harness.Loading} {
		faults[how.String()] = func(env *harness.Env) { env.FailRedis(how) }
	}
	return faults
}

// Whatever happens to a Redis, nothing waits for it, and once it is well it has what it would have.
func TestARedisThatFails(t *testing.T) {
	t.Parallel()
	for name, fail := range redisFaults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness.Synctest(t, lived, func(t *testing.T) {
				env := harness.New(t, harness.Project(bikes), harness.Partitions(1))
				overARedisThatFails(t, env, name, fail)
			})
		})
	}
}

// overARedisThatFails publishes before and while a Redis fails, and looks at it after.
func overARedisThatFails(t *testing.T, env *harness.Env, name string, fail func(env *harness.Env)) {
	t.Helper()
	env.Publish("trips", ride(1, "dock", "12:01:00", 200))
	env.Settle()
	fail(env)
	env.Publish("trips", ride(2, "dock", "12:02:00", 200), ride(3, "hill", "12:18:00", 10))
	env.WaitWatermark("12:15:00Z")
	if rows := env.Table("returns_by_station"); len(rows) != 1 {
		t.Errorf("while Redis fails the table has %v", rows)
	}
	_, is := env.Redis("*")["overdue:b2"]
	switch name {
	case "AnswerLost", "hanging": // it depends on what was asked first
	case "slow":
		if !is {
			t.Error("a row that is a little late was not waited for")
		}
	default:
		if is {
			t.Error("while Redis takes no rows there is one")
		}
	}
	env.HealRedis()
	filled(t, env)
}

// filled checks that Redis has what the two trips of dock and the one of hill give.
func filled(t *testing.T, env *harness.Env) {
	t.Helper()
	want := map[string]string{
		"returns:dock": "map[12:00:2]  map[]", "returns:hill": "map[12:15:1]  map[]", "busy:12:00": "map[]  map[dock:2]",
		"overdue:b1": `map[] {"trip":"t1","station":"dock","minutes":200} map[]`, "overdue:b2": `map[] {"trip":"t2","station":"dock","minutes":200} map[]`,
	}
	got := map[string]string{}
	for key, v := range env.Redis("*") { // all at once: a second call would wait for what the first did not
		got[key] = fmt.Sprint(v.Hash, " ", v.Text, " ", v.Scores)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Redis holds something else (-want +got):\n%s", d)
	}
}

// A Redis that comes back empty is filled again, with the rows of open windows, and so is one that died
// with its process.
func TestARedisThatIsEmptied(t *testing.T) {
	t.Parallel()
	for name, empty := range map[string]func(env *harness.Env){
		"flushed": (*harness.Env).FlushRedis,
		"down and flushed": func(env *harness.Env) {
			env.FailRedis(harness.Unreachable)
			env.FlushRedis()
			env.HealRedis()
		},
		"crashed":   func(env *harness.Env) { env.Crash(); env.Restart() },
		"restarted": (*harness.Env).Restart,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness.Synctest(t, lived, func(t *testing.T) {
				// No checkpoint comes by itself: what is read has waited for all that it needs.
				env := harness.New(t, harness.Project(bikes), harness.Partitions(1), harness.Set("nagare.checkpoint.interval", "1 hour"))
				env.Publish("trips", ride(1, "dock", "12:01:00", 200), ride(2, "dock", "12:02:00", 200), ride(3, "hill", "12:18:00", 10))
				filled(t, env)
				env.Settle() // nothing more is on its way that would hide a loss
				empty(env)
				filled(t, env)
			})
		})
	}
}

// A client that the test has of its own reads what it would in production.
func TestDialRedis(t *testing.T) {
	t.Parallel()
	harness.Synctest(t, lived, func(t *testing.T) {
		env := harness.New(t, harness.Project(bikes), harness.Partitions(1))
		client := goredis.NewClient(&goredis.Options{Addr: "127.0.0.1:6379", Dialer: env.DialRedis,
			MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}})
		defer client.Close()
		time.Sleep(3 * time.Second) // between two steps of the server's own clock
		env.Publish("trips", ride(1, "dock", "12:01:00", 200))
		env.Settle()
		env.FailRedis(harness.Unreachable) // for the pipeline alone
		if got, err := client.Get(t.Context(), "overdue:b1").Result(); err != nil || !strings.Contains(got, `"t1"`) {
			t.Errorf("the key is %s, %v", got, err)
		}
		env.HealRedis()
		time.Sleep(time.Hour - time.Second)
		if got, err := client.Get(t.Context(), "overdue:b1").Result(); err != nil {
			t.Errorf("a second before its end the key is %s, %v", got, err)
		}
		time.Sleep(time.Second)
		if got, err := client.Get(t.Context(), "overdue:b1").Result(); err != goredis.Nil {
			t.Errorf("after its time the key is %s, %v", got, err)
		}
	})
}
