package node

import (
	"context"
	"errors"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/state"
	"github.com/nagare-stream/nagare/store"
)

// A Memory is what a data folder holds, without a folder: topics and checkpoints. It outlives the
// nodes that are opened on it one after the other, and is gone with the process.
type Memory struct {
	broker   *broker.Broker
	store    *store.Memory
	instance string // see Node.instance
}

// NewMemory makes an empty one.
func NewMemory(ctx context.Context) (*Memory, error) {
	b, err := broker.Open(ctx, broker.Config{Serverless: true})
	if err != nil {
		return nil, err
	}
	return &Memory{b, &store.Memory{}, newInstance()}, nil
}

// Refuse makes every append to a topic fail with err, as a full disk does, until it is called with nil.
func (m *Memory) Refuse(err error) { m.broker.Refuse(err) }

// openInMemory opens the parts of a node that has no folder.
func (n *Node) openInMemory(ctx context.Context) error {
	if n.cfg.Generate != nil || n.cfg.HTTP != HTTPOff {
		return errors.New("open a pipeline in memory: it has no generator and no API; set HTTP to HTTPOff and Generate to nil")
	}
	if n.cfg.Kafka != nil && n.cfg.Kafka.Listen != "" {
		return errors.New("open a pipeline in memory: it has no Kafka port; name a cluster by Hosts")
	}
	n.broker = n.cfg.Memory.broker
	if err := n.openKafka(ctx); err != nil {
		return err
	}
	if err := n.chooseHost(ctx); err != nil {
		return err
	}
	if err := n.openCache(ctx); err != nil {
		return err
	}
	if err := n.makeTopics(ctx); err != nil {
		return err
	}
	if err := n.openEngine(ctx); err != nil {
		return err
	}
	n.describe(n.current().Status().Epoch == 0)
	if n.cluster == nil {
		n.info.Broker = "in memory, lost on exit"
	}
	n.openMonitor(ctx)
	n.server = web.New(web.Config{Backend: n, ExitCode: ExitCode, Logger: n.log})
	return nil
}

// checkpoints is where the engine keeps its state.
func (n *Node) checkpoints() state.Store {
	if n.cfg.Memory != nil {
		return n.cfg.Memory.store
	}
	return n.store
}
