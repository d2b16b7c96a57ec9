package node

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/state"
)

// A change of a project is applied in three steps, each of which a later start goes on with:
//
//  1. It is noted (applyFile): what is to be filled, in which generations.
//  2. An engine of its own fills them beside the one that runs, into fillFile and topics that are not to be seen.
//  3. One transaction of the store has the project take over (takeover.go). Whether it is there is in the store; what is
//     behind it (the old topics, the files of the filling) is removed by whoever opens the folder next.
//
// A folder with a note that is opened to be run by something else forgets what was filled.
const (
	applyFile = "apply.json"
	fillFile  = "fill.db"
)

// An applying is the content of applyFile.
type applying struct {
	ID       string         `json:"id"`
	Project  plan.Input     `json:"project"`  // that takes over
	Next     generations    `json:"next"`     // of all parts, when it has
	Filled   []string       `json:"filled"`   // parts of which Next says another generation
	Replaced map[string]int `json:"replaced"` // topics that go with it, and their generations
}

// A ChangeError says why a change cannot be applied.
type ChangeError struct{ Reason string }

func (e *ChangeError) Error() string { return "apply the changed project: " + e.Reason }

// readApplying reads the note; nil: there is none.
func readApplying(data string) (*applying, error) {
	text, err := os.ReadFile(filepath.Join(data, applyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	a := &applying{}
	if err == nil {
		err = json.Unmarshal(text, a)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s of data folder %s: %w; remove it, and what was filled is filled anew", applyFile, data, err)
	}
	return a, nil
}

// newApplying plans the generations of what is filled.
func (n *Node) newApplying(t *engine.Takeover) *applying {
	a := &applying{ID: rand.Text(), Project: n.cfg.Apply.Input, Next: generations{}, Replaced: map[string]int{}}
	for part, g := range n.generations {
		a.Next[part] = g
	}
	replace := func(kind, name, topic string) {
		a.Replaced[topic] = n.generations.of(kind, name)
	}
	renew := func(kind, name string, topics ...string) {
		a.Next[partKey(kind, name)] = n.generations.of(kind, name) + 1
		a.Filled = append(a.Filled, partKey(kind, name))
		for _, topic := range topics {
			a.Next[partKey("topic", topic)] = a.Next[partKey(kind, name)]
		}
	}
	for _, c := range t.Changes {
		if c.Verdict == dataflow.Keeps {
			continue
		}
		if !c.New && c.Kind != "alert" {
			replace(c.Kind, c.Name, c.Name+"$late")
			if d := n.cfg.Pipeline.Dataset(c.Name); c.Kind == "table" && d != nil && d.HasTopic() {
				replace(c.Kind, c.Name, c.Name)
			}
		}
		if c.Verdict == dataflow.Fills {
			topics := []string{c.Name + "$late"}
			if d := n.cfg.Apply.Dataset(c.Name); c.Kind == "table" && d.HasTopic() {
				topics = append(topics, c.Name)
			}
			renew(c.Kind, c.Name, topics...)
		} else {
			a.Next[partKey(c.Kind, c.Name)] = n.generations.of(c.Kind, c.Name) // it may come again, and its rows are others
		}
	}
	if t.AlertsMove() {
		renew("sink", engine.AlertSink)
	}
	for _, topic := range t.Topics() {
		if t.Anew(topic) {
			replace("invalid", topic, topic+"$invalid")
			renew("invalid", topic, topic+"$invalid")
		}
	}
	return a
}

// beginApplying notes what is to be filled, or goes on with what an earlier start has noted.
func (n *Node) beginApplying(ctx context.Context, t *engine.Takeover) (*applying, error) {
	a := n.newApplying(t)
	noted, err := readApplying(n.cfg.Data)
	if err != nil {
		return nil, err
	}
	if noted != nil && reflect.DeepEqual(noted.Next, a.Next) && sameProject(noted.Project, a.Project) {
		n.log.Info("what an earlier start has filled is gone on with")
		return noted, nil
	}
	if noted != nil {
		if err := n.forgetApplying(ctx, noted); err != nil {
			return nil, err
		}
	}
	text, err := json.MarshalIndent(a, "", " ")
	if err != nil {
		return nil, err
	}
	return a, writeFile(filepath.Join(n.cfg.Data, applyFile), append(text, '\n'))
}

// sameProject reports that two projects are the same, as their texts are.
func sameProject(a, b plan.Input) bool {
	x, err := json.Marshal(a)
	y, yerr := json.Marshal(b)
	return err == nil && yerr == nil && string(x) == string(y)
}

// settleApplying finishes what took over, and forgets what did not and is not gone on with. The topics are open, the
// pipeline is not.
func (n *Node) settleApplying(ctx context.Context) error {
	if n.cfg.Look {
		return nil
	}
	a, err := readApplying(n.cfg.Data)
	if err != nil || a == nil {
		return err
	}
	switch {
	case a.ID == n.applied:
		return n.finishApplying(ctx, a)
	case n.cfg.Apply != nil && sameProject(a.Project, n.cfg.Apply.Input):
		return nil
	}
	return n.forgetApplying(ctx, a)
}

// finishApplying removes what is behind a change that was applied.
func (n *Node) finishApplying(ctx context.Context, a *applying) error {
	if err := n.keepGenerations(); err != nil {
		return err
	}
	for topic, g := range a.Replaced {
		if err := n.broker.DeleteGeneration(ctx, topic, g); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(a.Project, "", " ")
	if err != nil {
		return err
	}
	if err := keepFile(filepath.Join(n.cfg.Data, queriesFile), text); err != nil {
		return err
	}
	return removeFilled(n.cfg.Data)
}

// forgetApplying removes what was filled and never took over.
func (n *Node) forgetApplying(ctx context.Context, a *applying) error {
	for _, part := range a.Filled {
		_, name, _ := strings.Cut(part, "/")
		for _, topic := range []string{name, name + "$late", name + "$invalid", rowsTopic(name)} {
			if err := n.broker.DeleteGeneration(ctx, topic, a.Next[part]); err != nil {
				return err
			}
		}
	}
	if err := n.forgetCopied(ctx, a); err != nil {
		return err
	}
	return removeFilled(n.cfg.Data)
}

// forgetCopied removes from the store what step 3 had copied there beforehand.
func (n *Node) forgetCopied(ctx context.Context, a *applying) error {
	ops := map[string]bool{}
	if _, err := n.store.Load(ctx, func(op string, _, _ []byte) error { ops[op] = true; return nil }); err != nil {
		return err
	}
	for _, part := range a.Filled {
		if table, is := strings.CutPrefix(part, "table/"); is {
			ops[storedAs("table/"+table, a.Next[part])] = true
		}
	}
	d := &state.Delta{}
	for op := range ops {
		if _, is := n.generations.isPresent(op); !is {
			d.DeletePrefix(op, nil)
		}
	}
	if len(d.Ops) == 0 {
		return nil
	}
	return n.commitBeside(ctx, d)
}

// commitBeside changes the store under the checkpoint that it has.
func (n *Node) commitBeside(ctx context.Context, d *state.Delta) error {
	cp, err := n.store.Load(ctx, nil)
	if err != nil {
		return err
	}
	if cp.Epoch == 0 {
		return nil
	}
	cp.Epoch++
	return n.store.Commit(ctx, cp, d)
}

// removeFilled removes the files of the filling, the note last.
func removeFilled(data string) error {
	entries, err := os.ReadDir(data)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), fillFile) {
			if err := os.Remove(filepath.Join(data, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(filepath.Join(data, applyFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// generationTopic is a topic of the engine's own in the generation that is filled.
func (a *applying) generationTopic(kind, name, topic string) string {
	return broker.GenerationName(topic, a.Next.of(kind, name))
}
