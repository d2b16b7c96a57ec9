package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nagare-stream/nagare/adapters/file"
	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine"
)

// progressPause is at least between two reports of a long append.
const progressPause = 100 * time.Millisecond

// Publish appends NDJSON to a topic and returns once it is durable.
func (n *Node) Publish(ctx context.Context, topic string, body io.Reader) (web.Published, error) {
	return n.publish(ctx, topic, file.Config{Path: "-", Stdin: body}, nil)
}

// PublishFile appends a file in any form that a topic can be read from.
func (n *Node) PublishFile(ctx context.Context, topic, path string, progress func(web.Published)) (web.Published, error) {
	return n.publish(ctx, topic, file.Config{Path: path, Topic: topic}, progress)
}

// publish appends the records of a source, each partition by a goroutine of its own.
func (n *Node) publish(ctx context.Context, topic string, cfg file.Config, progress func(web.Published)) (web.Published, error) {
	info, err := n.topicInfo(ctx, topic)
	if err != nil {
		return web.Published{Topic: topic}, err
	}
	p := &publisher{topic: topic, count: web.Published{Topic: topic}, progress: progress}
	cfg.Partitions, cfg.KeyField, cfg.Now = info.Partitions, info.Key, time.Now().UnixMicro()
	cfg.Progress = p.read
	src, err := file.Open(cfg)
	if err != nil {
		return p.count, &web.RequestError{Reason: err.Error()}
	}
	parts, err := src.Partitions(ctx)
	if err != nil {
		return p.count, err
	}
	if parts > info.Partitions {
		if err := n.AlterTopic(ctx, topic, parts); err != nil {
			return p.count, err
		}
	}
	if p.writer, err = n.hostOf(topic).Writer(topic, "publish"); err != nil {
		return p.count, err
	}
	defer func() { _ = closeWriter(p.writer) }() // its records are durable, or the error is told
	err = p.run(ctx, src, parts)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count, err
}

// A publisher counts what the goroutines of one append have made durable.
type publisher struct {
	topic    string
	writer   topicWriter
	progress func(web.Published)

	mu    sync.Mutex
	count web.Published
	told  time.Time
}

// run appends all partitions at once. All readers are open before the first is read: what comes from
// a request can be read only once.
func (p *publisher) run(ctx context.Context, src engine.Source, parts int) (err error) {
	readers := make([]engine.Reader, parts)
	defer func() {
		for _, r := range readers {
			if r != nil {
				err = errors.Join(err, r.Close())
			}
		}
	}()
	for part := range readers {
		if readers[part], err = src.Open(ctx, int32(part), engine.Position{}); err != nil {
			return err
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	for part, r := range readers {
		g.Go(func() error { return p.partition(gctx, r, int32(part)) })
	}
	return g.Wait()
}

// partition appends the records of one partition. A batch is durable before the next is read, so
// that the count is always that of durable records.
func (p *publisher) partition(ctx context.Context, r engine.Reader, part int32) error {
	var records engine.Records
	for {
		err := r.Read(ctx, &records)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.append(ctx, part, &records); err != nil {
			return err
		}
	}
}

// append writes a batch, less the records that are too large, which are counted as refused.
func (p *publisher) append(ctx context.Context, part int32, records *engine.Records) error {
	for {
		_, err := p.writer.Append(ctx, part, records, -1)
		var large *broker.SizeError
		if errors.As(err, &large) {
			p.refuse(records.Offsets[large.Index], part, large)
			if records = without(records, large.Index); records.Len() > 0 {
				continue
			}
			return nil
		}
		if err != nil {
			return err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.count.Records += int64(records.Len())
		p.count.Bytes += int64(len(records.Keys.Data) + len(records.Values.Data))
		p.tell(false)
		return nil
	}
}

func (p *publisher) refuse(number int64, part int32, why *broker.SizeError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count.Refused == 0 {
		p.count.Refusal = fmt.Sprintf("record %d of partition %d has %d bytes, at most %d are possible", number, part, why.Bytes, why.Limit)
	}
	p.count.Refused++
}

// without copies a batch less one record.
func without(r *engine.Records, index int) *engine.Records {
	c := &engine.Records{Partition: r.Partition}
	for i := range r.Offsets {
		if i == index {
			continue
		}
		c.Offsets = append(c.Offsets, r.Offsets[i])
		c.Times = append(c.Times, r.Times[i])
		c.Keys.Append(r.Keys.At(i))
		c.Values.Append(r.Values.At(i))
	}
	return c
}

// read notes how far the file is read.
func (p *publisher) read(done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count.Done, p.count.Total = done, total
	p.tell(false)
}

// tell reports now and then. The caller holds the lock.
func (p *publisher) tell(last bool) {
	if p.progress == nil {
		return
	}
	if now := time.Now(); last || now.Sub(p.told) >= progressPause {
		p.told = now
		p.progress(p.count)
	}
}
