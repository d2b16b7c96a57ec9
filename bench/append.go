package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/adapters/file"
	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/node"
)

const (
	partitions   = 3
	batchRecords = 1000
)

// measureAppend appends the events in batches of 1,000 to a durable topic, each partition by a
// producer of its own. The batches are made beforehand.
func (b *bench) measureAppend(ctx context.Context) (err error) {
	batches, err := b.readBatches(ctx)
	if err != nil {
		return err
	}
	dir := filepath.Join(b.dir, "append")
	br, err := broker.Open(ctx, broker.Config{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, br.Close(), os.RemoveAll(dir)) }()
	if err := br.CreateTopic(ctx, broker.TopicConfig{Name: topic, Partitions: partitions}); err != nil {
		return err
	}
	w, err := br.Writer(topic, "bench")
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	failed := make([]error, partitions)
	begin := time.Now()
	for p := range partitions {
		wg.Go(func() {
			seq := int64(0)
			for _, r := range batches[p] {
				if failed[p] = w.AppendAsync(ctx, int32(p), r, seq, 0); failed[p] != nil {
					return
				}
				seq += int64(r.Len())
			}
		})
	}
	wg.Wait()
	if err := errors.Join(append(failed, w.Flush(ctx))...); err != nil {
		return err
	}
	b.r.Append = rate(b.Events, time.Since(begin))
	return nil
}

// readBatches reads the events into batches by partition.
func (b *bench) readBatches(ctx context.Context) ([][]*record.Records, error) {
	src, err := file.Open(file.Config{Path: b.file, Partitions: partitions, KeyField: "user_id", Now: time.Now().UnixMicro()})
	if err != nil {
		return nil, err
	}
	batches := make([][]*record.Records, partitions)
	failed := make([]error, partitions)
	var wg sync.WaitGroup
	for p := range partitions {
		wg.Go(func() { batches[p], failed[p] = readPartition(ctx, src, int32(p)) })
	}
	wg.Wait()
	return batches, errors.Join(failed...)
}

func readPartition(ctx context.Context, src record.Source, p int32) (batches []*record.Records, err error) {
	r, err := src.Open(ctx, p, record.Position{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	batch := &record.Records{Partition: p}
	var records record.Records
	for {
		err := r.Read(ctx, &records)
		if errors.Is(err, io.EOF) {
			if batch.Len() > 0 {
				batches = append(batches, batch)
			}
			return batches, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range records.Len() {
			if batch.Len() == batchRecords {
				batches = append(batches, batch)
				batch = &record.Records{Partition: p}
			}
			batch.Offsets = append(batch.Offsets, records.Offsets[i])
			batch.Times = append(batch.Times, records.Times[i])
			batch.Keys.Append(records.Keys.At(i))
			batch.Values.Append(records.Values.At(i))
		}
	}
}

// measureTopic publishes the file to a data folder's topic and then runs the three queries from it,
// checkpoints and all, three times from the start.
func (b *bench) measureTopic(ctx context.Context) (err error) {
	p, err := b.Load(filepath.Join(b.dir, "three"))
	if err != nil {
		return err
	}
	cfg := node.Config{Pipeline: p, Project: node.Project{Name: "bench"}, Data: filepath.Join(b.dir, "data")}
	took, err := b.publish(ctx, cfg)
	if err != nil {
		return err
	}
	b.r.Publish = rate(b.Events, took)
	for range 3 {
		took, err := b.topicOnce(ctx, cfg, topic)
		if err != nil {
			return err
		}
		b.r.FromTopic = max(b.r.FromTopic, rate(b.Events, took))
		if _, err := node.Reset(ctx, cfg, false); err != nil {
			return err
		}
	}
	return os.RemoveAll(cfg.Data)
}

// publish writes the file to a data folder's topic.
func (b *bench) publish(ctx context.Context, cfg node.Config) (took time.Duration, err error) {
	cfg.Look = true
	n, err := node.Open(ctx, cfg)
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	done, err := n.PublishFile(ctx, topic, b.file, func(web.Published) {})
	took = time.Since(begin)
	if err = errors.Join(err, n.Close()); err != nil {
		return 0, err
	}
	if done.Records != b.Events {
		return 0, fmt.Errorf("of %d events %d were published", b.Events, done.Records)
	}
	return took, nil
}

// topicOnce runs a pipeline to the end of its topic, checkpoints and all.
func (b *bench) topicOnce(ctx context.Context, cfg node.Config, topic string) (took time.Duration, err error) {
	cfg.Once, cfg.Close = true, true
	n, err := node.Open(ctx, cfg)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	begin := time.Now()
	if err := n.Run(ctx); err != nil {
		return 0, err
	}
	took = time.Since(begin)
	if c := n.Status().Ledger.Topics[topic]; c.Read != b.Events || c.Counted != b.Events {
		return 0, fmt.Errorf("of %d events %d were read and %d counted", b.Events, c.Read, c.Counted)
	}
	return took, nil
}
