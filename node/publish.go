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
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/record"
)

// progressPause is at least between two reports of a long append.
const progressPause = 100 * time.Millisecond

// Publish appends NDJSON, or lines of kcat -J, to a topic and returns once it is durable.
func (n *Node) Publish(ctx context.Context, topic string, body io.Reader) (web.Published, error) {
	return n.publish(ctx, topic, file.Config{Path: "-", Stdin: body, Topic: topic}, nil)
}

// PublishFile appends a file in any form that a topic can be read from.
func (n *Node) PublishFile(ctx context.Context, topic, path string, progress func(web.Published)) (web.Published, error) {
	return n.publish(ctx, topic, file.Config{Path: path, Topic: topic}, progress)
}

// publish appends the records of a source, each partition by a goroutine of its own.
func (n *Node) publish(ctx context.Context, topic string, cfg file.Config, progress func(web.Published)) (web.Published, error) {
	info, err := n.madeAs(ctx, topic)
	if err != nil {
		return web.Published{Topic: topic}, err
	}
	if err := n.refuseLog(topic); err != nil {
		return web.Published{Topic: topic}, err
	}
	p := &publisher{topic: topic, count: web.Published{Topic: topic}, progress: progress}
	cfg.Partitions, cfg.KeyField, cfg.Now = info.Partitions, info.Key, time.Now().UnixMicro()
	cfg.Progress, cfg.Fields, cfg.Headers = p.read, cellsOf(n.valueFields(topic)), true
	cfg.Grow = func(parts int) error { return p.grow(ctx, n, parts) }
	src, err := file.Open(cfg)
	if err != nil {
		return p.count, &web.RequestError{Reason: err.Error()}
	}
	p.source, p.count.Notices = src, src.Notices()
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
	writer := p.writer
	defer func() { _ = closeWriter(writer) }() // its records are durable, or the error is told
	p.writer = seenWriter{p.writer, &n.intake}
	err = p.run(ctx, parts)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count, err
}

// A publisher counts what the goroutines of one append have made durable.
type publisher struct {
	topic    string
	source   *file.Source
	writer   topicWriter
	group    *errgroup.Group
	ctx      context.Context // of the group
	progress func(web.Published)

	mu    sync.Mutex
	count web.Published
	told  time.Time
}

// run appends all partitions at once. All readers are open before the first is read: what comes from
// a request can be read only once.
func (p *publisher) run(ctx context.Context, parts int) (err error) {
	readers := make([]record.Reader, parts)
	defer func() {
		for _, r := range readers {
			if r != nil {
				err = errors.Join(err, r.Close())
			}
		}
	}()
	for part := range readers {
		if readers[part], err = p.source.Open(ctx, int32(part), record.Position{}); err != nil {
			return err
		}
	}
	p.group, p.ctx = errgroup.WithContext(ctx)
	for part, r := range readers {
		p.group.Go(func() error { return p.partition(p.ctx, r, int32(part)) })
	}
	return p.group.Wait()
}

// grow gives the topic more partitions while it is written to, and appends these too. It is called by the
// goroutine that reads, for which the others wait.
func (p *publisher) grow(ctx context.Context, n *Node, parts int) error {
	info, err := n.madeAs(ctx, p.topic)
	if err != nil {
		return err
	}
	if err := n.AlterTopic(ctx, p.topic, parts); err != nil {
		return err
	}
	for part := info.Partitions; part < parts; part++ {
		r, err := p.source.Open(ctx, int32(part), record.Position{})
		if err != nil {
			return err
		}
		p.group.Go(func() error { return errors.Join(p.partition(p.ctx, r, int32(part)), r.Close()) })
	}
	return nil
}

// valueFields is the fields that the project reads of a topic's values.
func (n *Node) valueFields(topic string) map[string][]column.Type {
	n.fieldsOnce.Do(func() {
		if n.cfg.Pipeline != nil {
			n.fields = dataflow.ValueFields(n.cfg.Pipeline)
		}
	})
	return n.fields[topic]
}

// cellsOf is how the cells of a CSV file are read that become fields of a topic's values.
func cellsOf(fields map[string][]column.Type) map[string]*codec.CSVCell {
	cells := make(map[string]*codec.CSVCell, len(fields))
	for name, types := range fields {
		cells[name] = codec.NewCSVCell(types)
	}
	return cells
}

// partition appends the records of one partition. A batch is durable before the next is read, so
// that the count is always that of durable records.
func (p *publisher) partition(ctx context.Context, r record.Reader, part int32) error {
	var records record.Records
	for {
		err := r.Read(ctx, &records)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if records.Len() > 0 && len(records.Faults) > 0 {
			p.refuseFaults(&records)
		}
		if records.Len() == 0 {
			continue
		}
		if err := p.append(ctx, part, &records); err != nil {
			return err
		}
	}
}

// append writes a batch, less the records that are too large, which are counted as refused.
func (p *publisher) append(ctx context.Context, part int32, records *record.Records) error {
	for {
		_, err := p.writer.Append(ctx, part, records, -1)
		var large *broker.SizeError
		if errors.As(err, &large) {
			p.refuse(fmt.Sprintf("record %d of partition %d has %d bytes, at most %d are possible", records.Offsets[large.Index], part, large.Bytes, large.Limit))
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

// refuseFaults takes the rows of a file out that are none of its header.
func (p *publisher) refuseFaults(records *record.Records) {
	for _, fault := range records.Faults {
		if fault != "" {
			p.refuse(fault)
		}
	}
	kept := &record.Records{Partition: records.Partition}
	for i := range records.Offsets {
		if i >= len(records.Faults) || records.Faults[i] == "" {
			copyRecord(kept, records, i)
		}
	}
	*records = *kept
}

func (p *publisher) refuse(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count.Refused == 0 {
		p.count.Refusal = why
	}
	p.count.Refused++
}

// without copies a batch less one record.
func without(r *record.Records, index int) *record.Records {
	c := &record.Records{Partition: r.Partition}
	for i := range r.Offsets {
		if i != index {
			copyRecord(c, r, i)
		}
	}
	return c
}

func copyRecord(to, from *record.Records, i int) {
	to.Offsets = append(to.Offsets, from.Offsets[i])
	to.Times = append(to.Times, from.Times[i])
	to.Keys.Append(from.Keys.At(i))
	to.Values.Append(from.Values.At(i))
	to.PutHeaders(to.Values.Len()-1, from.HeadersAt(i))
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
