package kafka

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
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

// TestLateCommitIsOfItsOwnProducer gives commits up before they are asked for, and begins other transactions
// meanwhile. What is asked late names the producer that was given up; the race detector sees it if not.
func TestLateCommitIsOfItsOwnProducer(t *testing.T) {
	cl, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	c, err := Open(context.Background(), Config{Hosts: cl.ListenAddrs(), Name: "late"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	m := newMarks(c, "out", "a")
	kc, err := c.newClient(kgo.TransactionalID(m.id))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kc.Close)
	gone, stop := context.WithCancel(context.Background())
	stop()
	for epoch := range int16(100) {
		m.by = producer{1, epoch}
		if err := m.commit(gone, kc, nil); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}
