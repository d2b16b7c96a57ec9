package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/node"
)

// fillPause is how often it is told how far a filling is, where there is no terminal.
const fillPause = 2 * time.Second

// openRun opens a data folder to be run. One that other queries have made is run by them, and what changed is filled
// beside it, if that is wanted; see node.Config.Apply.
func (a *app) openRun(ctx context.Context, cfg node.Config, p *project, f *runFlags) (*node.Node, error) {
	n, err := node.Open(ctx, cfg)
	var changed *engine.ChangedError
	if !errors.As(err, &changed) || changed.Format != 0 {
		return n, err
	}
	made, qerr := node.Queries(cfg.Data)
	if qerr != nil {
		return nil, err // which says so
	}
	if !f.apply && !isSame(made, cfg.Pipeline) {
		if ok, aerr := a.asksToApply(ctx, p, cfg.Data); aerr != nil || !ok {
			return nil, errors.Join(aerr, err)
		}
	}
	cfg.Apply, cfg.Pipeline, cfg.Close = cfg.Pipeline, made, false
	if n, err = node.Open(ctx, cfg); err != nil {
		return nil, err
	}
	if filling := n.Filling(); filling != "" {
		fmt.Fprintf(a.err, "applying  %s: filled from the topics beside what runs; the old tables are read until then\n", filling)
	}
	return n, nil
}

// isSame reports that all tables, sinks and alerts of a project are those that made a folder: they stand in another
// order. Nothing has to be filled, and nobody to be asked.
func isSame(made, now *plan.Pipeline) bool {
	changes, err := dataflow.Compare(made, now)
	return err == nil && !slices.ContainsFunc(changes, func(c dataflow.Change) bool { return c.Verdict != dataflow.Keeps })
}

// asksToApply shows what a changed project means for a folder, and asks whether it is to be applied, where there is
// somebody to be asked.
func (a *app) asksToApply(ctx context.Context, p *project, data string) (bool, error) {
	if !isTerminal(a.in) || !isTerminal(a.err) {
		return false, nil
	}
	was := a.data
	a.data = data
	change, err := a.compareProject(ctx, p)
	a.data = was
	if err != nil {
		return false, err
	}
	fmt.Fprintln(a.err, "the project has changed since its last run:")
	if err := partsTable(change).write(a.err); err != nil {
		return false, err
	}
	for _, part := range change.Parts {
		if part.Verdict != dataflow.Keeps && part.Verdict != dataflow.Fills && part.Verdict != dataflow.Goes {
			return false, nil // the refusal says what can be done
		}
	}
	return a.confirm("Fill what changed from the topics, beside the rest? [y/N] ", false, "")
}

// showFilling tells now and then how far the filling is, until ctx ends.
func (a *app) showFilling(ctx context.Context, n *node.Node) {
	last := n.Filling()
	if last == "" || isTerminal(a.out) {
		return // the screen shows it
	}
	t := time.NewTicker(fillPause)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		if text := n.Filling(); text != last {
			fmt.Fprintf(a.err, "applying  %s\n", text)
			last = text
		}
	}
}

// tellApplied says that the changed project has taken over.
func (a *app) tellApplied(n *node.Node) {
	if n.Filling() == "" {
		return
	}
	fmt.Fprintf(a.err, "applied   %s\n", n.AppliedText())
}
