package cli

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/node"
)

// runFiles runs over files in a fresh state.
func (a *app) runFiles(ctx context.Context, p *project, f *runFlags) error {
	if f.close {
		return usage("run --close: with --from the end of the files closes all windows; leave --close out")
	}
	a.warnStarts(p)
	files, err := filesOf("run", f.from)
	if err != nil {
		return err
	}
	bar := a.newBar("reading")
	run := node.Bounded{Pipeline: p.pipeline, Files: files, Out: f.out, Format: f.format, Logger: a.logger(),
		Progress: func(done, total int64) { bar.show(-1, done, total) }}
	result, err := run.Run(ctx)
	bar.clear()
	if err != nil {
		return err
	}
	for _, notice := range result.Notices {
		a.warn("%s", notice)
	}
	if f.out == "" {
		if err := tableOfTables(result.Status).write(a.out); err != nil {
			return err
		}
	}
	if len(result.Skipped) > 0 {
		a.warn("a run from files writes tables and no sinks: %s", strings.Join(result.Skipped, ", "))
	}
	events := result.Status.Events
	fmt.Fprintf(a.err, "%s events in %.2f s, %s/s: %s\n", grouped(events), result.Elapsed.Seconds(),
		grouped(int64(float64(events)/max(result.Elapsed.Seconds(), 1e-6))), fullLedgerText(result.Status))
	if f.out != "" {
		fmt.Fprintf(a.err, "wrote %s to %s in %.2f s\n", plural(len(result.Files), "file"), f.out, result.Written.Seconds())
	}
	return allRefused(result.Status.Ledger, files)
}

// filesOf reads the --from TOPIC=FILE of a command: files by topic, in order.
func filesOf(command string, from []string) (map[string][]string, error) {
	files := map[string][]string{}
	stdin := ""
	for _, text := range from {
		topic, path, ok := strings.Cut(text, "=")
		if !ok || topic == "" || path == "" {
			return nil, usage("%s --from %s: write TOPIC=FILE, as in --from purchase-events=events.ndjson", command, text)
		}
		if path == "-" {
			if stdin != "" {
				return nil, usage("%s --from %s: standard input can be read once, and --from %s reads it already", command, text, stdin)
			}
			stdin = text
		}
		if _, err := os.Stat(path); err != nil && path != "-" {
			return nil, usage("%s --from %s: there is no file %s", command, text, path)
		}
		files[topic] = append(files[topic], path)
	}
	return files, nil
}

// allRefused says that a table could use no row of its files.
func allRefused(l ledger.Ledger, files map[string][]string) error {
	for _, x := range l.Losses() {
		if paths := files[x.Topic]; len(paths) > 0 && x.Invalid+x.Future == x.Read {
			return fmt.Errorf("read %s: table %s can use none of %s: %s invalid, %s future; %s$invalid tells why, row by row (--out DIR writes it)",
				strings.Join(paths, ", "), x.Table, plural(int(x.Read), "row"), grouped(x.Invalid), grouped(x.Future), x.Topic)
		}
	}
	return nil
}

// tableOfTables lists the tables of a run that keeps none.
func tableOfTables(st engine.Status) *textTable {
	t := newTable("table", "kind", "rows>", "late>")
	for _, s := range st.Tables {
		if s.Kind != "view" {
			t.add(s.Name, s.Kind, fmt.Sprint(s.Rows), fmt.Sprint(s.LateRows))
		}
	}
	return t
}

// warnStarts says that where a source starts does not count for files.
func (a *app) warnStarts(p *project) {
	for _, d := range p.pipeline.Datasets {
		for _, topic := range slices.Sorted(maps.Keys(d.Starts)) {
			s, named := d.Starts[topic], false
			for _, offset := range s.Offsets {
				named = named || offset > 0
			}
			if named || s.Timestamp > 0 || s.Timestamps != nil {
				a.warn("files are read from their first record: startingOffsets and startingTimestamp of source %s do not count for topic %s", d.Name, topic)
			}
		}
	}
}

// runOnce reads the topics of the data folder to their present end.
func (a *app) runOnce(ctx context.Context, p *project, arg string, f *runFlags) error {
	data, err := a.projectData(p, f)
	if err != nil {
		return err
	}
	on, err := a.cluster(node.Project{})
	if err != nil {
		return err
	}
	cfg := node.Config{
		Kafka:    on,
		Pipeline: p.pipeline, Project: p.id, Data: data, Version: a.version, Started: a.started,
		Once: true, Close: f.close, Cache: f.cache(), Logger: a.logger(),
	}
	for {
		again, err := a.once(ctx, cfg, p, arg, f)
		if err != nil || !again {
			return err
		}
	}
}

// once reads to the end, or until a changed project has taken over, which is to be run then.
func (a *app) once(ctx context.Context, cfg node.Config, p *project, arg string, f *runFlags) (again bool, err error) {
	n, err := a.openRun(ctx, cfg, p, f)
	if err != nil {
		return false, err
	}
	defer func() {
		if cerr := n.Close(); err == nil {
			err = cerr
		}
	}()
	for _, notice := range n.Notices() {
		a.warn("%s", notice)
	}
	before := n.Status().Events
	watch, stop := context.WithCancel(ctx)
	shown := make(chan struct{})
	go func() { defer close(shown); a.showOnce(watch, n) }()
	begin := time.Now()
	err = n.Run(ctx)
	took := time.Since(begin)
	stop()
	<-shown
	if err != nil {
		return false, err
	}
	if ctx.Err() != nil {
		return false, ctx.Err() // what was read is in the checkpoint
	}
	if n.Applied() {
		a.tellApplied(n)
		return true, nil
	}
	st := n.Status()
	if f.out != "" {
		files, err := n.WriteTables(ctx, f.out, f.format)
		if err != nil {
			return false, err
		}
		fmt.Fprintf(a.err, "wrote %s to %s\n", plural(len(files), "file"), f.out)
	} else if err := tableOfTables(st).write(a.out); err != nil {
		return false, err
	}
	read := st.Events - before
	fmt.Fprintf(a.err, "%s events in %.2f s, %s/s: %s\n", grouped(read), took.Seconds(), grouped(int64(float64(read)/max(took.Seconds(), 1e-6))), fullLedgerText(st))
	fmt.Fprintf(a.err, "checkpoint %d, watermark %s; go on with: %s --once\n", st.Epoch, clock(st.Watermark), a.againRun(p, arg, f))
	return false, nil
}

// againRun is again with the word run.
func (a *app) againRun(p *project, arg string, f *runFlags) string {
	text := a.again(p, arg, f)
	if !strings.Contains(text, " run ") {
		text = strings.Replace(text, command(), command()+" run", 1)
	}
	return text
}

// showOnce draws a bar until ctx ends.
func (a *app) showOnce(ctx context.Context, n *node.Node) {
	bar := a.newBar("reading")
	bar.counts = true
	if bar.out == nil {
		return
	}
	defer bar.clear()
	t := time.NewTicker(barPause)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		done, total := int64(0), int64(0)
		for _, p := range n.Status().Partitions {
			done += p.Position
			total += p.End
		}
		bar.show(-1, done, total)
	}
}
