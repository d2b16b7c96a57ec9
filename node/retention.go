package node

import (
	"context"
	"fmt"
	"time"

	"github.com/nagare-stream/nagare/engine"
)

// fillLetGo adds what retention has removed from logs to a status: rows of tables that keep them one for
// one, late rows and invalid ones.
func (n *Node) fillLetGo(st *engine.Status) {
	st.Ledger.LetGo = map[string]int64{}
	note := func(name string, gone int64) {
		if gone > 0 {
			st.Ledger.LetGo[name] += gone
		}
	}
	for i := range st.Tables {
		t := &st.Tables[i]
		if t.Kind == "view" {
			continue
		}
		gone := n.broker.Removed(t.Name)
		t.LetGo += gone
		if t.Kind == "rows" {
			t.Rows -= gone
		}
		note(t.Name, t.LetGo)
		note(t.Name+"$late", n.broker.Removed(t.Name+"$late"))
	}
	for _, topic := range n.roles.sources {
		note(topic+"$invalid", n.broker.Removed(topic+"$invalid"))
	}
	for _, s := range n.cfg.Pipeline.Sinks {
		note(s.Name+"$late", n.broker.Removed(s.Name+"$late"))
	}
}

// tellRetention says which tables do not keep their rows for good.
func (n *Node) tellRetention(st *engine.Status) {
	for _, t := range st.Tables {
		if t.Retention > 0 {
			n.notices = append(n.notices, fmt.Sprintf("rows of table %s are let go after %v (nagare.table.%s.retention)", t.Name, time.Duration(t.Retention)*time.Microsecond, t.Name))
		}
	}
}

// settleTopic has a topic that exists follow what the project says of it, or says why it does not.
func (n *Node) settleTopic(ctx context.Context, name string) error {
	want := n.cfg.Pipeline.Config.Topics[name]
	if n.cfg.Look || n.cfg.Memory != nil || want.Partitions == 0 && want.Retention == 0 {
		return nil
	}
	has, err := n.host.Topic(ctx, name)
	if err != nil {
		return err
	}
	setting := fmt.Sprintf("nagare.topic.%s.partitions", name)
	switch {
	case want.Partitions == 0:
	case want.Partitions < has.Partitions:
		n.notices = append(n.notices, fmt.Sprintf("topic %s has %d partitions and cannot have fewer: %s says %d, which has no effect", name, has.Partitions, setting, want.Partitions))
	case want.Partitions > has.Partitions && n.cluster != nil:
		n.notices = append(n.notices, fmt.Sprintf("topic %s has %d partitions on Kafka and %s says %d: `nagare topics alter %s --partitions %d` adds them", name, has.Partitions, setting, want.Partitions, name, want.Partitions))
	case want.Partitions > has.Partitions && n.role(name) == "output" && n.stoppedWell(ctx) != nil:
		n.notices = append(n.notices, fmt.Sprintf("topic %s has %d partitions and %s says %d: the next start adds them, for this one computes again what was under way when the last run was cut short", name, has.Partitions, setting, want.Partitions))
	case want.Partitions > has.Partitions:
		if err := n.host.AlterTopic(ctx, name, want.Partitions); err != nil {
			return err
		}
		n.notices = append(n.notices, fmt.Sprintf("topic %s has %d partitions now, as %s says; it had %d", name, want.Partitions, setting, has.Partitions))
	}
	if keep := n.topicConfig(name).Retention; keep > 0 && n.cluster == nil {
		return n.broker.SetRetention(ctx, name, keep)
	}
	return nil
}

// tellDuplicates says of which topics two records with one id can lie in different partitions, where nobody looks
// for them: those whose records go to partitions by something else, or are written by others.
func (n *Node) tellDuplicates(ctx context.Context) error {
	for _, name := range n.roles.sources {
		c := n.cfg.Pipeline.Config.Topics[name]
		if c.Dedup == "" || n.cfg.Look || n.cluster == nil && c.Key == c.Dedup {
			continue
		}
		has, err := n.host.Topic(ctx, name)
		if err != nil {
			return err
		}
		how := fmt.Sprintf("records go to them by %s", c.Key)
		if n.cluster != nil {
			how = "whoever writes to it chooses them"
		}
		if has.Partitions > 1 {
			n.notices = append(n.notices, fmt.Sprintf("topic %s has %d partitions, and %s: two records with one %s in different partitions both count (nagare.topic.%s.dedup looks within a partition)", name, has.Partitions, how, c.Dedup, name))
		}
	}
	return nil
}
