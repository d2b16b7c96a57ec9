package engine_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/record"
)

// awaySource is a log that can be read, and whose end cannot be asked for while it is away.
type awaySource struct {
	*enginetest.Log
	away *atomic.Bool
	hang bool // no answer, instead of an error
}

func (s *awaySource) End(ctx context.Context, partition int32) (record.Position, error) {
	if !s.away.Load() {
		return s.Log.End(ctx, partition)
	}
	if s.hang {
		<-ctx.Done()
		return record.Position{}, ctx.Err()
	}
	return record.Position{}, errors.New("the log is away")
}

// TestStatusOfALogThatHangs asks for the status while no log answers: it is there, with the ends that were
// known.
func TestStatusOfALogThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, plainOracle, 2)
		fill(b, steadyEvents(20, 2))
		var away atomic.Bool
		opt := b.Options()
		opt.Source = func(topic string) (record.Source, error) {
			return &awaySource{b.Topics[topic], &away, true}, nil
		}
		e, err := engine.Open(context.Background(), opt)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		for range 2 {
			for _, p := range e.Status().Partitions {
				if p.End != 10 || p.Lag != 10 {
					t.Errorf("away: %v; %+v, want an end of 10 and all of it to read", away.Load(), p)
				}
			}
			away.Store(true)
		}
	})
}

// TestIdleAfterTheLogWasAway: a partition whose log was away is not idle at its return, but the idle
// timeout later.
func TestIdleAfterTheLogWasAway(t *testing.T) {
	b := newBench(t, plainOracle, 2)
	fill(b, steadyEvents(20, 2))
	b.Topics["events"].Finish()
	b.Pipeline.Config.IdleTimeout = 30 * second
	var away atomic.Bool
	now := int64(1000 * second)
	opt := b.Options()
	opt.Now = func() int64 { return now }
	opt.Source = func(topic string) (record.Source, error) { return &awaySource{Log: b.Topics[topic], away: &away}, nil }
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after int64 // seconds since the last row
		away  bool
		idle  bool
	}{{10, false, false}, {29, true, false}, {60, true, false}, {61, false, false}, {89, false, false}, {90, false, true}} {
		now = (1000 + step.after) * second
		away.Store(step.away)
		if err := e.CheckIdle(context.Background()); err != nil {
			t.Fatal(err)
		}
		for _, p := range e.Status().Partitions {
			if p.Idle != step.idle {
				t.Errorf("%d s after the last row, away %v: partition %d idle %v", step.after, step.away, p.Partition, p.Idle)
			}
		}
	}
}
