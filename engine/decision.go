package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/nagare-stream/nagare/engine/state"
)

// What the clock decides about a partition does not come out the same when its records are read again. So a decision is
// durable before it acts, as a commit that changes nothing else: the checkpoint stays where it is. A replay finds it and acts on
// it at the same offset. Meanwhile the task of the partition is kept off its records: it has a turn, taken before the gate.

// decisionOp is the operator of the store that holds decisions since the newest checkpoint.
const decisionOp = "decisions"

// A decision is that a watermark of a partition was raised to a mark, when the record at an offset was the next to read.
type decision struct {
	task   *task
	group  int // place among the watermarks of the task
	offset int64
	mark   int64
}

// decisionKeyBytes is what stands behind the topic in a key.
const decisionKeyBytes = 1 + 4 + 8 + 2

// key names a decision: topic, partition, offset, group. A later one of the same place is of a greater mark.
func (d *decision) key() []byte {
	k := append([]byte(d.task.topic), 0)
	k = binary.BigEndian.AppendUint32(k, uint32(d.task.partition))
	return binary.BigEndian.AppendUint16(state.AppendOrdered(k, d.offset), uint16(d.group))
}

func (d *decision) put(to *state.Delta) {
	to.Put(decisionOp, d.key(), state.AppendOrdered(nil, d.mark))
}

// restoreDecision gives a task what was decided of its partition.
func (e *Engine) restoreDecision(key, value []byte) error {
	at := len(key) - decisionKeyBytes
	if at < 0 || len(value) != 8 {
		return fmt.Errorf("restore a decision: an entry has %d and %d bytes", len(key), len(value))
	}
	topic, partition := string(key[:at]), int32(binary.BigEndian.Uint32(key[at+1:]))
	i := slices.IndexFunc(e.tasks, func(t *task) bool { return t.topic == topic && t.partition == partition })
	group := int(binary.BigEndian.Uint16(key[at+13:]))
	if i < 0 || group >= len(e.tasks[i].Marks) {
		return fmt.Errorf("restore a decision: %s partition %d has no watermark %d", topic, partition, group)
	}
	t := e.tasks[i]
	t.decided = append(t.decided, decision{t, group, state.Ordered(key[at+5:]), state.Ordered(value)})
	e.decisions = true
	return nil
}

// keepDecisions makes decisions durable. The lock committing is held.
func (e *Engine) keepDecisions(ctx context.Context, list []decision) error {
	d := &state.Delta{}
	for i := range list {
		list[i].put(d)
	}
	cp := state.Checkpoint{Epoch: e.epoch.Load() + 1, Data: e.keptData}
	if err := e.opt.Store.Commit(context.WithoutCancel(ctx), cp, d); err != nil {
		e.broken.Store(true)
		return fmt.Errorf("commit what was decided of idle partitions: %w", err)
	}
	e.epoch.Store(cp.Epoch)
	e.decisions = true
	return nil
}

// cutDecisions forgets decisions that the checkpoint under way holds the effect of, and keeps those that are still to act.
// The gate is held.
func (e *Engine) cutDecisions(d *state.Delta) {
	if !e.decisions {
		return
	}
	d.DeletePrefix(decisionOp, nil)
	e.decisions = false
	for _, t := range e.tasks {
		for i := range t.decided {
			t.decided[i].put(d)
			e.decisions = true
		}
	}
}

// act has the decisions act that are due when the record at an offset is the next one, and reports whether some did.
func (t *task) act(offset int64) (acted bool) {
	for len(t.decided) > 0 && t.decided[0].offset <= offset {
		d := t.decided[0]
		t.decided = t.decided[1:]
		acted = t.Marks[d.group].Raise(d.mark) || acted
	}
	return acted
}

// stepDecided is stepPastPoison with what was decided among the records.
func (t *task) stepDecided(from, to int) error {
	for len(t.decided) > 0 && from < to {
		due := t.decided[0].offset
		i, _ := slices.BinarySearch(t.Records.Offsets[from:to], due)
		if from+i == to {
			break // behind them
		}
		if i > 0 {
			if err := t.stepPastPoison(from, from+i); err != nil {
				return err
			}
		}
		t.act(due)
		from += i
	}
	if from == to {
		return nil
	}
	return t.stepPastPoison(from, to)
}

// actRestored has decisions act that are due before a record is read.
func (e *Engine) actRestored() error {
	e.gate.Lock()
	defer e.gate.Unlock()
	for _, t := range e.tasks {
		if !t.act(t.position.Offset) {
			continue
		}
		e.changed.Store(true)
		if err := e.merger.report(t); err != nil {
			e.broken.Store(true)
			return err
		}
	}
	return nil
}
