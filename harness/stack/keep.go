package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nagare-stream/nagare/node"
)

// keptEvents is how many of a topic's newest records are kept for whoever looks into a failure.
const keptEvents = 1000

// Keep writes what a failed test leaves to look at into a folder, as far as it can be read:
//
//	status.json, ledger.json   where the pipeline stood
//	NAME.csv, NAME.explain.txt  rows of each table and view, and why its windows are open
//	TOPIC.events.jsonl          the newest records of each topic that is read
//	redis.json                  what the cache in the process holds
//	failure.txt                 why the pipeline stopped, or what could not be read
func (s *Stack) Keep(ctx context.Context, dir string) error {
	l, err := s.now()
	if err != nil {
		return place(dir, "failure.txt", []byte(err.Error()+"\n"))
	}
	var faults []error
	keep := func(name string, text []byte, err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
			return
		}
		if err := place(dir, name, text); err != nil {
			faults = append(faults, err)
		}
	}
	if l.over.Err() != nil {
		faults = append(faults, l.failure())
	}
	st := l.node.Status()
	text, err := json.MarshalIndent(st, "", "  ")
	keep("status.json", append(text, '\n'), err)
	text, err = json.MarshalIndent(st.Ledger, "", "  ")
	keep("ledger.json", append(text, '\n'), err)
	for _, name := range s.Project.Tables() {
		rows, err := l.node.TableFile(ctx, name)
		keep(fileName(name)+".csv", rows, err)
		why, err := l.node.Explain(name)
		keep(fileName(name)+".explain.txt", []byte(why), err)
	}
	for _, topic := range s.Project.Sources() {
		text, err := newestEvents(ctx, l.node, topic)
		keep(fileName(topic)+".events.jsonl", text, err)
	}
	if s.HasRedis() && s.cfg.Cache.Address == "" {
		found, err := l.node.LookIntoCache(ctx, "*")
		text, jerr := json.MarshalIndent(found, "", "  ")
		keep("redis.json", append(text, '\n'), errors.Join(err, jerr))
	}
	if len(faults) == 0 {
		return nil
	}
	return place(dir, "failure.txt", []byte(errors.Join(faults...).Error()+"\n"))
}

// newestEvents is the newest records of each partition, a line each, in the form of kcat -J.
func newestEvents(ctx context.Context, n *node.Node, topic string) ([]byte, error) {
	records, err := n.Records(ctx, topic)
	if err != nil {
		return nil, err
	}
	left := map[int32]int{} // records of a partition
	for _, r := range records {
		left[r.Partition]++
	}
	var text []byte
	for _, r := range records {
		if left[r.Partition]--; left[r.Partition] >= keptEvents {
			continue
		}
		line, err := json.Marshal(map[string]any{
			"topic": topic, "partition": r.Partition, "offset": r.Offset, "ts": r.Time.UnixMilli(),
			"key": textOrNull(r.Key), "payload": textOrNull(r.Value),
		})
		if err != nil {
			return nil, err
		}
		text = append(append(text, line...), '\n')
	}
	return text, nil
}

func textOrNull(b []byte) any {
	if b == nil {
		return nil
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// fileName is a name of a table or topic as a file may have it.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, name)
}

func place(dir, name string, text []byte) error {
	return os.WriteFile(filepath.Join(dir, name), text, 0o644)
}
