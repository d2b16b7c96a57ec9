package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/state"
)

// A part whose queries changed, and which was filled anew beside the one of before, is another generation of it, whose
// rows are numbered from 0 again. What it keeps in the store, and its topics, have names of their own, so that both can
// be there at the same time; which one counts is in the store, and changes with the checkpoint.

// generations is by part ("table/sales", "sink/out", "alert/late"; "invalid/TOPIC" for what a topic has beside them), and by own topic ("topic/sales"), which
// one counts, or counted last; none: the first.
type generations map[string]int

const (
	// generationsOp is the operator of the store that keeps them.
	generationsOp = "generations"
	// appliedKey is the key there of the newest change that was applied.
	appliedKey = "\x00applied"
	// generationsFile has them too, so that a store that is emptied goes on with them: sinks know rows by their numbers.
	generationsFile = "generations.json"

	// begunKey begins the keys there of what is told of a sink's newest generation.
	begunKey = "\x00begun/"

	stateMark = "\x00g" // stands before the generation in the name of an operator of the store
)

func partKey(kind, name string) string { return kind + "/" + name }

func (g generations) of(kind, name string) int { return max(1, g[partKey(kind, name)]) }

// topics is which generation of the engine's own topics stands under their names.
func (g generations) topics() map[string]int {
	of := map[string]int{}
	for key, n := range g {
		if topic, is := strings.CutPrefix(key, "topic/"); is {
			of[topic] = n
		}
	}
	return of
}

// ofState is the generation of what an operator of the store keeps.
func (g generations) ofState(op string) int {
	kind, name, _ := strings.Cut(op, "/")
	switch kind {
	case "table", "alert":
		return g.of(kind, name)
	case "ids":
		return g.of("invalid", name)
	case "state", "age":
		name, _, _ = strings.Cut(name, "$1") // what is inside the query of another
		for _, place := range "+#" {         // a part of an operator, a table's second flow
			if i := strings.LastIndexByte(name, byte(place)); i > 0 && isNumber(name[i+1:]) {
				name = name[:i]
			}
		}
		if alert, is := strings.CutPrefix(name, "alert."); is {
			return g.of("alert", alert)
		}
		return max(g.of("table", name), g.of("sink", name))
	}
	return 1
}

func isNumber(text string) bool {
	_, err := strconv.ParseUint(text, 10, 31)
	return err == nil
}

// stored is the name in the store of what the present generation keeps under an operator's name.
func (g generations) stored(op string) string { return storedAs(op, g.ofState(op)) }

func storedAs(op string, generation int) string {
	if generation <= 1 {
		return op
	}
	return op + stateMark + strconv.Itoa(generation)
}

// isPresent is an operator's name without its generation, and whether that is the one that counts.
func (g generations) isPresent(stored string) (op string, is bool) {
	op, text, marked := strings.Cut(stored, stateMark)
	n := 1
	if marked {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			return stored, false
		}
	}
	return op, g.ofState(op) == n
}

// readGenerations reads those that the newest checkpoint has, from where on topics have the rows of sinks of such, and
// which change was applied last.
func readGenerations(ctx context.Context, s state.Store) (g generations, begun []web.Generation, applied string, err error) {
	g = generations{}
	err = s.Scan(ctx, generationsOp, nil, nil, func(key, value []byte) error {
		switch {
		case string(key) == appliedKey:
			applied = string(value)
			return nil
		case strings.HasPrefix(string(key), begunKey):
			var b web.Generation
			begun = append(begun, b)
			return json.Unmarshal(value, &begun[len(begun)-1])
		}
		n, err := strconv.Atoi(string(value))
		if err != nil {
			return fmt.Errorf("read the generation of %s: %w", key, err)
		}
		g[string(key)] = n
		return nil
	})
	return g, begun, applied, err
}

// loadGenerations finds which generations count: before the topics are opened.
func (n *Node) loadGenerations(ctx context.Context) error {
	g, begun, applied, err := readGenerations(ctx, n.store)
	if err != nil {
		return err
	}
	if applied == "" {
		text, err := os.ReadFile(filepath.Join(n.cfg.Data, generationsFile))
		if err == nil {
			err = json.Unmarshal(text, &g)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("read %s of data folder %s: %w", generationsFile, n.cfg.Data, err)
		}
	}
	n.generations, n.begun, n.applied = g, begun, applied
	return nil
}

// generationsOf is whose rows a topic has, as far as queries of theirs were changed.
func (n *Node) generationsOf(topic string) (list []web.Generation) {
	if g := n.generations.topics()[topic]; g > 1 {
		list = append(list, web.Generation{Topic: topic, Generation: g})
	}
	for _, b := range n.begun {
		if b.Topic == topic {
			list = append(list, b)
		}
	}
	return list
}

// keepGenerations writes them beside the store.
func (n *Node) keepGenerations() error {
	if len(n.generations) == 0 {
		return nil
	}
	text, err := json.MarshalIndent(n.generations, "", " ")
	if err != nil {
		return err
	}
	return keepFile(filepath.Join(n.cfg.Data, generationsFile), append(text, '\n'))
}

// logEnds is the ends of the logs whose topics stand under their names: not of those that are filled, or were replaced.
func (n *Node) logEnds() []broker.LogState {
	of := n.generations.topics()
	return slices.DeleteFunc(n.broker.Ends(), func(e broker.LogState) bool {
		topic, generation := broker.SplitGeneration(e.Topic)
		return max(1, of[topic]) != generation
	})
}
