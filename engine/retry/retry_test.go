package retry_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/retry"
)

func TestWaitsDoubleUpToTheirBound(t *testing.T) {
	waits := retry.Waits{First: 40 * time.Millisecond, Most: 300 * time.Millisecond}
	for fails, middle := range map[int]time.Duration{
		0: 40 * time.Millisecond, 1: 40 * time.Millisecond, 2: 80 * time.Millisecond, 3: 160 * time.Millisecond,
		4: 300 * time.Millisecond, 5: 300 * time.Millisecond, 1 << 30: 300 * time.Millisecond,
	} {
		seen := map[time.Duration]bool{}
		for range 1000 {
			wait := waits.After(fails)
			if wait < middle/2 || wait >= middle/2+middle {
				t.Fatalf("after %d failures it waits %v, which is not within half of %v", fails, wait, middle)
			}
			seen[wait] = true
		}
		if len(seen) < 2 {
			t.Errorf("after %d failures everybody waits %v", fails, middle)
		}
	}
}

func TestPauseEndsWithItsContext(t *testing.T) {
	if err := retry.Pause(t.Context(), 1); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := retry.Pause(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("a pause whose context has ended says %v", err)
	}
}
