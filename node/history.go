package node

import (
	"bytes"
	"context"
	"time"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/record"
)

// Watermarks tells of every watermark and every open window.
func (n *Node) Watermarks() (w engine.Watermarks, err error) {
	err = n.answered("look at the watermarks", func() error {
		w = n.current().Watermarks()
		return nil
	})
	return w, err
}

// History is what the process, its tables and sources did after a time, at most monitor.HistorySpan ago; what an
// earlier process on the folder saw is in it. Nil where nobody looks.
func (n *Node) History(ctx context.Context, after time.Time) (all []monitor.Series, err error) {
	if n.monitor == nil {
		return nil, nil
	}
	err = n.answered("read the history", func() error {
		all, err = n.monitor.History(after, time.Now(), func(records int) ([][]byte, error) { return n.newestValues(ctx, monitor.PipelineMetrics, records) })
		return err
	})
	return all, err
}

// newestValues is the values of the newest records of a topic of one partition.
func (n *Node) newestValues(ctx context.Context, topic string, records int) (values [][]byte, err error) {
	src, err := n.hostOf(topic).Source(topic, true)
	if err != nil {
		return nil, err
	}
	err = n.readPartition(ctx, src, 0, records, func(r *record.Records) error {
		for i := range r.Len() {
			values = append(values, bytes.Clone(r.Values.At(i)))
		}
		return nil
	})
	if err != nil {
		return nil, record.At("read topic "+topic, err)
	}
	return values, nil
}
