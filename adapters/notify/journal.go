package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/nagare-stream/nagare/engine/state"
)

// A Store keeps what the Notifier must not forget: package store has one in a file and one in memory.
//
// An implementer: see state.Store, of which this is a part.
type Store interface {
	Commit(ctx context.Context, cp state.Checkpoint, d *state.Delta) error
	Load(ctx context.Context, restore func(op string, key, value []byte) error) (state.Checkpoint, error)
}

// What the store holds. Keys of a receiver begin with its name and a zero byte.
//
//	receiver   NAME             how far it has read, and its counts
//	queue      NAME 0 offset    a change that it has not been told (8 bytes, big endian)
//	group      NAME 0 key       when it was told of a group, and the batch that is under way
//	incident   NAME 0 id        what it was told of an incident
//	silence    id               a silence
//	external   fingerprint      an alert that an Alertmanager told
const (
	opReceiver = "receiver"
	opQueue    = "queue"
	opGroup    = "group"
	opIncident = "incident"
	opSilence  = "silence"
	opExternal = "external"
)

// An entry is one change to the store; a nil value removes.
type entry struct {
	op, key string
	value   any
}

// journal commits entries for all lanes, one commit at a time. Its first error is final.
type journal struct {
	mu     sync.Mutex
	store  Store
	epoch  uint64
	delta  state.Delta
	failed error
}

// commit makes entries durable, all or none.
func (j *journal) commit(entries []entry) error {
	if len(entries) == 0 {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed != nil {
		return j.failed
	}
	j.delta.Reset()
	for _, e := range entries {
		if e.value == nil {
			j.delta.Delete(e.op, []byte(e.key))
			continue
		}
		text, err := json.Marshal(e.value)
		if err != nil {
			return fmt.Errorf("note %s %q: %w", e.op, e.key, err)
		}
		j.delta.Put(e.op, []byte(e.key), text)
	}
	// A commit is not cut short: whether it happened has to be known.
	if err := j.store.Commit(context.Background(), state.Checkpoint{Epoch: j.epoch + 1}, &j.delta); err != nil {
		j.failed = fmt.Errorf("note what webhooks are told: %w", err)
		return j.failed
	}
	j.epoch++
	return nil
}
