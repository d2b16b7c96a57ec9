package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/engine/sql"
)

// checkTopicNames looks for settings of topics that the project does not use: a name with a letter too many would go
// without a word. Ids are only looked for where a topic is read, so a dedup elsewhere is a fault; a topic that others
// write or read may have the other settings, which is worth a note.
func (r *resolver) checkTopicNames(settings []Setting, sources []*sourceSettings) {
	var read []string
	for _, s := range sources {
		read = append(read, s.dataset.Topics...)
	}
	used := append(append([]string{}, read...), "system-alerts", "system-metrics", "pipeline-metrics")
	for _, def := range r.pipe.Sinks {
		if def.Format != "kafka" {
			continue
		}
		if def.Options["topic"] == "" {
			return // its rows name their topics
		}
		used = append(used, def.Options["topic"])
	}
	for _, s := range settings {
		name, field, ok := cutLast(strings.TrimPrefix(s.Key, topicPrefix))
		if !ok || !strings.HasPrefix(s.Key, topicPrefix) || r.pipe.Config.Topics[name] == (TopicConfig{}) {
			continue
		}
		if field == "dedup" && !slices.Contains(read, name) {
			r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("%s looks for duplicates in %q, which no source reads", s.Key, name), Hint: nearest(name, read)})
			continue
		}
		of, _, _ := strings.Cut(name, "$") // TABLE$late, TOPIC$invalid
		if of == name && !slices.Contains(used, name) {
			r.pipe.Notices = append(r.pipe.Notices, sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("%s is of a topic that no source reads and no sink writes", s.Key), Hint: nearest(name, used)})
		}
	}
}

// nearest is the nearest name, or all that there are.
func nearest(name string, of []string) string {
	if hint := didYouMean(name, of); hint != "" {
		return hint
	}
	if len(of) == 0 {
		return ""
	}
	return "there are " + expected(of)
}
