package engine_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/store"
)

// TestEphemeralRowsInOrder has a run without checkpoints make full batches of rows and parts of some, while its log is
// as slow as it can be with those that are not full: each row is in the log once, in order.
func TestEphemeralRowsInOrder(t *testing.T) {
	const n, size, read = 2_000, 10_000, 150 // 105 rows fill a batch
	text := strings.Repeat("x", size)
	b := enginetest.NewBench(t, &store.Memory{}, `CREATE STREAMING TABLE copy AS SELECT CAST(value AS STRING) AS v FROM STREAM raw;`,
		"source.raw.format", "kafka", "source.raw.option.subscribe", "events")
	events := enginetest.NewLog(1)
	events.ReadRows = read
	for i := range n {
		events.Append(0, 1, nil, fmt.Appendf(nil, "%d %s", i, text))
	}
	events.Finish()
	log := &slowLog{Log: enginetest.NewLog(1), full: read / 2, came: make(chan struct{}), ended: make(chan struct{})}
	opt := b.Options()
	opt.Ephemeral, opt.CloseWindows = true, true
	opt.Source = func(string) (record.Source, error) { return endingSource{events, log.ended}, nil }
	opt.Log = func(topic string, _ int) (record.Log, error) {
		if topic == "copy" {
			return log, nil
		}
		return enginetest.NewLog(1), nil
	}
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	values := log.Values(0)
	if len(values) != n {
		t.Errorf("%d of %d rows are there", len(values), n)
	}
	for i, v := range values {
		if !strings.Contains(v, fmt.Sprintf("%d %s", i, text)) {
			t.Fatalf("row %d is %.20q", i, v)
		}
	}
}

// A slowLog takes fewer rows than full once others come or the input has ended.
type slowLog struct {
	*enginetest.Log
	full        int
	came, ended chan struct{}
}

func (l *slowLog) Write(ctx context.Context, epoch uint64, out *record.Rows) error {
	if out.Len() < l.full {
		select {
		case <-l.came:
		case <-l.ended:
		}
	} else {
		select {
		case l.came <- struct{}{}:
		default:
		}
	}
	return l.Log.Write(ctx, epoch, out)
}

// An endingSource tells when its reader has come to the end.
type endingSource struct {
	*enginetest.Log
	ended chan struct{}
}

func (s endingSource) Open(ctx context.Context, partition int32, from record.Position) (record.Reader, error) {
	r, err := s.Log.Open(ctx, partition, from)
	return endingReader{r, s.ended}, err
}

type endingReader struct {
	record.Reader
	ended chan struct{}
}

func (r endingReader) Read(ctx context.Context, dst *record.Records) error {
	err := r.Reader.Read(ctx, dst)
	if err == io.EOF {
		close(r.ended)
	}
	return err
}
