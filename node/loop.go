package node

import (
	"fmt"
	"slices"

	"github.com/nagare-stream/nagare/engine/plan"
)

// sortTopics finds what the topics of the project are for.
func (n *Node) sortTopics() (err error) {
	if n.roles, err = findRoles(n.cfg.Pipeline); err != nil {
		return err
	}
	return n.refuseLoop()
}

// refuseLoop refuses to run a table that keeps its rows in the topic that the project reads: it would read what it
// writes, without end. On a cluster the two are different topics, and a run over files writes none.
func (n *Node) refuseLoop() error {
	if n.cfg.Look || n.cfg.Kafka != nil && n.cfg.Kafka.Listen == "" {
		return nil
	}
	for _, name := range n.roles.tables {
		if !slices.Contains(n.roles.sources, name) {
			continue
		}
		d := n.cfg.Pipeline.Dataset(name)
		i := slices.IndexFunc(n.cfg.Pipeline.Datasets, func(s *plan.Dataset) bool { return s.Kind == plan.SourceTopic && slices.Contains(s.Topics, name) })
		return fmt.Errorf("%s:%d:%d: table %s keeps its rows in a topic of its name, which source %s reads: it would read its own rows; give the table another name",
			d.Pos.File, d.Pos.Line, d.Pos.Col, name, n.cfg.Pipeline.Datasets[i].Name)
	}
	return nil
}
