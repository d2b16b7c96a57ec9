package harness_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nagare-stream/nagare/harness"
)

func sale(product, at string, amount int) string {
	return fmt.Sprintf(`{"product":%q,"at":"2026-03-01T%sZ","amount":%d}`, product, at, amount)
}

// sold compares what Redis has with what it should have, less the prices.
func sold(t *testing.T, env *harness.Env, when string, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for key, v := range env.Redis("*") {
		switch {
		case v.Scores != nil:
			got[key] = fmt.Sprint(v.Scores)
		case v.Hash != nil:
			got[key] = fmt.Sprint(v.Hash)
		default:
			got[key] = v.Text
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s Redis holds something else (-want +got):\n%s", when, d)
	}
}

// TestRedisFollowsWhatIsLetGo: what HAVING or WHERE lets go of leaves Redis, whatever its shape, as a row whose key
// moves leaves the old one, while the window is open and when it is over; a NULL value deletes; and none of it comes
// back by a restart, a crash or a cache that is filled anew.
func TestRedisFollowsWhatIsLetGo(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]func(env *harness.Env){
		"undisturbed": func(*harness.Env) {},
		"restarted":   (*harness.Env).Restart,
		"crashed":     func(env *harness.Env) { env.Crash(); env.Restart() },
		"flushed":     (*harness.Env).FlushRedis,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness.Synctest(t, lived, func(t *testing.T) {
				env := harness.New(t, harness.Project("testdata/letgo"), harness.Partitions(1))
				env.Publish("sales", sale("a", "12:10:00", 50), sale("b", "12:11:00", 60))
				sold(t, env, "at first", map[string]string{
					"top": "map[a:50 b:60]", "revenue": "map[a:50 b:60]", "large:12:a": "50", "large:12:b": "60", "sold:50": "a", "sold:60": "b",
					"price:a": "50", "price:b": "60",
				})
				env.Publish("sales", sale("a", "12:12:00", -15))
				between(env)
				sold(t, env, "behind a small return", map[string]string{
					"top": "map[a:35 b:60]", "revenue": "map[a:35 b:60]", "large:12:b": "60", "sold:35": "a", "sold:60": "b", "price:b": "60",
				})
				env.Publish("sales", sale("a", "12:13:00", -30))
				between(env)
				few := map[string]string{"top": "map[b:60]", "revenue": "map[b:60]", "large:12:b": "60", "sold:60": "b", "price:b": "60"}
				sold(t, env, "behind a large return", few)
				env.Publish("sales", sale("b", "12:14:00", -60), sale("a", "12:15:00", 45))
				between(env)
				other := map[string]string{"top": "map[a:50]", "revenue": "map[a:50]", "large:12:a": "50", "sold:50": "a", "price:a": "45"}
				sold(t, env, "when they change places", other)
				env.Publish("sales", sale("a", "12:16:00", -50), sale("b", "12:17:00", 20), sale("c", "14:00:00", 11))
				between(env)
				sold(t, env, "when the hour is over", map[string]string{
					"top": "map[b:20 c:11]", "revenue": "map[b:20 c:11]", "sold:20": "b", "sold:11": "c", "price:b": "20", "price:c": "11",
				})
				env.Publish("sales", sale("b", "14:01:00", 30), sale("b", "14:02:00", -25))
				between(env)
				sold(t, env, "when a later hour takes its row back", map[string]string{
					"top": "map[b:20 c:11]", "revenue": "map[b:20 c:11]", "sold:20": "b", "sold:11": "c", "price:c": "11",
				})
			})
		})
	}
}
