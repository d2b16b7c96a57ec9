package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/state"
)

// logsOp is the operator of the store under which each checkpoint keeps the ends of all logs: topic, 0,
// partition → last message, records, chain.
const logsOp = "logs"

// keptStore is the store that an engine gets: it outlives an engine that is opened anew, and each of its
// checkpoints also keeps the ends of the logs, which the next start compares with what is there.
type keptStore struct {
	state.Store
	ends func() []broker.LogState    // of the topics that stand under their names
	sync func(context.Context) error // makes the logs durable, to those ends and further
	kept map[string]broker.LogState  // by key, as the newest checkpoint has them
	gens generations
}

// Close does nothing.
func (*keptStore) Close() error { return nil }

// Commit makes the logs durable, which a checkpoint counts on, and adds their ends that changed.
func (s *keptStore) Commit(ctx context.Context, cp state.Checkpoint, d *state.Delta) error {
	changed := map[string]broker.LogState{}
	ends := s.ends()
	if err := s.sync(ctx); err != nil {
		return fmt.Errorf("make the logs durable: %w", err)
	}
	for _, e := range ends {
		key := logKey(e)
		if s.kept[string(key)] == e {
			continue
		}
		changed[string(key)] = e
		value := binary.BigEndian.AppendUint64(nil, e.LastSeq)
		value = binary.BigEndian.AppendUint64(value, uint64(e.Count))
		d.Put(logsOp, key, binary.BigEndian.AppendUint32(value, e.Chain))
	}
	if err := s.Store.Commit(ctx, cp, s.stored(d)); err != nil {
		return err
	}
	for key, e := range changed {
		s.kept[key] = e
	}
	return nil
}

// Load keeps the ends from the engine, whose state they are not; see state.Store.
func (s *keptStore) Load(ctx context.Context, restore func(op string, key, value []byte) error) (state.Checkpoint, error) {
	if restore == nil { // the checkpoint alone is wanted
		return s.Store.Load(ctx, nil)
	}
	last, op, wanted := "", "", false
	return s.Store.Load(ctx, func(stored string, key, value []byte) error {
		if stored != last {
			last = stored
			op, wanted = s.gens.isPresent(stored)
			wanted = wanted && op != logsOp && op != generationsOp
		}
		if !wanted {
			return nil
		}
		return restore(op, key, value)
	})
}

// stored is a delta with the names that operators have in the store.
func (s *keptStore) stored(d *state.Delta) *state.Delta {
	if len(s.gens) == 0 {
		return d
	}
	named := &state.Delta{Ops: slices.Clone(d.Ops)} // others read d
	names := map[string]string{}
	for i := range named.Ops {
		op := &named.Ops[i]
		name, known := names[op.Op]
		if !known {
			name = s.gens.stored(op.Op)
			names[op.Op] = name
		}
		op.Op = name
	}
	return named
}

// Scan reads the entries of an operator of the generation that counts; see state.Store.
func (s *keptStore) Scan(ctx context.Context, op string, from, to []byte, visit func(key, value []byte) error) error {
	return s.Store.Scan(ctx, s.gens.stored(op), from, to, visit)
}

func logKey(e broker.LogState) []byte {
	return binary.BigEndian.AppendUint32(append([]byte(e.Topic), 0), uint32(e.Partition))
}

// logEnds reads the ends that the newest checkpoint has.
func logEnds(ctx context.Context, s state.Store) ([]broker.LogState, error) {
	var ends []broker.LogState
	err := s.Scan(ctx, logsOp, nil, nil, func(key, value []byte) error {
		if len(key) < 5 || len(value) != 20 {
			return fmt.Errorf("read the ends of the logs: an entry has %d and %d bytes", len(key), len(value))
		}
		at := len(key) - 4
		ends = append(ends, broker.LogState{
			Topic: string(key[:at-1]), Partition: int32(binary.BigEndian.Uint32(key[at:])),
			PartitionState: broker.PartitionState{
				LastSeq: binary.BigEndian.Uint64(value), Count: int64(binary.BigEndian.Uint64(value[8:])), Chain: binary.BigEndian.Uint32(value[16:]),
			},
		})
		return nil
	})
	return ends, err
}

// isMade reports a topic whose records the pipeline makes of others.
func (n *Node) isMade(topic string) bool {
	role := n.role(topic)
	return role == "table" || role == "output"
}

// openLogs opens the broker. Where only such logs are damaged as can be computed again from the input, a
// run does so: they are put aside, and everything is computed anew. Else the error says what is missing.
func (n *Node) openLogs(ctx context.Context) (*broker.Broker, error) {
	expect, err := logEnds(ctx, n.store)
	if err != nil {
		return nil, err
	}
	cfg := broker.Config{Dir: filepath.Join(n.cfg.Data, brokerFolder), Logger: n.log, Expect: expect, Remade: n.isMade}
	cfg.Generations = n.generations.topics()
	if p := n.cfg.Pipeline; p != nil {
		cfg.Gather = max(time.Duration(p.Config.CommitInterval)*time.Microsecond, 1)
	}
	if n.isMonitored() && n.cfg.Kafka == nil {
		cfg.Last = monitor.Topics // who is told that the disk is full is told by them
	}
	if n.cfg.TuneLog != nil {
		n.cfg.TuneLog(&cfg)
	}
	b, err := broker.Open(ctx, cfg)
	var damaged *broker.DamageError
	if !errors.As(err, &damaged) {
		return b, err
	}
	if may, merr := n.mayRebuild(damaged); merr != nil || !may {
		return nil, errors.Join(err, merr)
	}
	done, rerr := n.rebuild(cfg.Dir, expect, damaged)
	if rerr != nil {
		return nil, errors.Join(err, rerr)
	}
	for _, r := range done {
		text := fmt.Sprintf("topic %s partition %d was damaged: %d messages from message %d on; it is computed anew from the input, and %s has a copy of what was left",
			r.Topic, r.Partition, r.Messages, r.Seq, r.Copy)
		n.log.Warn(text)
		n.notices = append(n.notices, text)
	}
	cfg.Expect = nil // the checkpoint is gone
	return broker.Open(ctx, cfg)
}

// rebuild puts the damaged topics aside and has everything computed anew; rows that other outputs have are
// not written again.
func (n *Node) rebuild(dir string, expect []broker.LogState, d *broker.DamageError) ([]broker.Repaired, error) {
	done, err := broker.Repair(dir, expect, func(string) broker.Remedy { return broker.Discard })
	if err != nil {
		return done, err
	}
	if err := n.noteReset(true, d.Topics()); err != nil {
		return done, err
	}
	if err := n.store.Reset(); err != nil {
		return done, err
	}
	return done, n.finishReset()
}

// mayRebuild reports whether what is damaged can be computed again, all of it, from what is there: the
// topics that are read have their first records, and are read from them on. A process that only looks
// changes nothing.
func (n *Node) mayRebuild(d *broker.DamageError) (bool, error) {
	if n.cfg.Look || n.cfg.Project.Kafka != "" || n.cfg.Project.Listen {
		return false, nil
	}
	for _, topic := range d.Topics() {
		if !n.isMade(topic) {
			return false, nil
		}
	}
	incomplete, err := broker.Incomplete(filepath.Join(n.cfg.Data, brokerFolder))
	if err != nil {
		return false, err
	}
	for _, topic := range n.roles.sources {
		if slices.Contains(incomplete, topic) {
			return false, nil
		}
		for _, d := range n.cfg.Pipeline.Datasets {
			if start, ok := d.Starts[topic]; ok && startsLater(start) {
				return false, nil
			}
		}
	}
	return true, nil
}

// A Repair is what `nagare topics repair` found, or did.
type Repair struct {
	Damage  string            // what is damaged, "" for nothing
	Done    []broker.Repaired // empty where nothing was to be done yet
	Rebuild bool              // what was computed is computed anew by the next run
}

// RepairTopics reads the logs of a data folder from end to end and, if it may, repairs those that are
// damaged: what the pipeline computed is put aside and computed anew by the next run, if the input is still
// all there; everything else keeps what can be read, and what cannot is passed over and counted.
func RepairTopics(ctx context.Context, cfg Config, do bool) (r Repair, err error) {
	n := &Node{cfg: cfg, log: slog.New(slog.DiscardHandler)}
	if n.cfg.Started.IsZero() {
		n.cfg.Started = time.Now()
	}
	if n.roles, err = n.resetRoles(); err != nil {
		return r, err
	}
	if _, err := checkFolder(cfg.Data, cfg.Project, true); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	if err := n.openStore(ctx); err != nil {
		return r, err
	}
	expect, err := logEnds(ctx, n.store)
	if err != nil {
		return r, err
	}
	dir := filepath.Join(cfg.Data, brokerFolder)
	var damaged *broker.DamageError
	if err := broker.Inspect(dir, expect); err == nil {
		return r, nil
	} else if !errors.As(err, &damaged) {
		return r, err
	}
	r.Damage = strings.TrimSuffix(damaged.Error(), broker.RepairAdvice)
	if r.Rebuild, err = n.mayRebuild(damaged); err != nil || !do {
		return r, err
	}
	if r.Rebuild {
		r.Done, err = n.rebuild(dir, expect, damaged)
	} else {
		r.Done, err = broker.Repair(dir, expect, func(string) broker.Remedy { return broker.PassOver })
	}
	return r, err
}
