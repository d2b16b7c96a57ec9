package cli

import (
	"testing"
	"time"
)

// TestOneWishToStop: what timeout(1) sends, a signal to the process and at once the same to its group, is one wish, and
// the process ends in order. Who asks again later does not want to wait.
func TestOneWishToStop(t *testing.T) {
	var w stopWish
	for _, at := range []struct {
		after time.Duration
		again bool
	}{{0, false}, {20 * time.Microsecond, false}, {sameWish, false}, {sameWish + time.Millisecond, true}} {
		if again := w.take(exitTerminate, time.Hour+at.after); again != at.again {
			t.Errorf("a wish %v after the first one is another one: %v, want %v", at.after, again, at.again)
		}
	}
	if code := w.code.Load(); code != exitTerminate {
		t.Errorf("exit code %d, want %d", code, exitTerminate)
	}
}
