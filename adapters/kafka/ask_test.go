package kafka

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestAskEndsInTime: the library's answer may come late or never.
func TestAskEndsInTime(t *testing.T) {
	c := &Cluster{client: &client{seeds: []string{"127.0.0.1:9092"}}}
	never := make(chan int)
	wait := func(context.Context) (int, error) { return <-never, nil }
	_, err := ask(context.Background(), c, time.Millisecond, wait)
	if !isAway(err) || !strings.Contains(err.Error(), "it does not answer in time") {
		t.Error(err)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, err := ask(stopped, c, time.Hour, wait); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(never)
}
