package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/nagare-stream/nagare/engine/batch"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/sql"
)

// Query runs a SELECT over tables, views and topics and hands the rows to emit, batch by batch. The
// first batch has no rows, so that a result without rows has its columns. Beside the project's
// datasets it reads every topic by its name, TABLE$open, TABLE$late and TOPIC$invalid.
//
// It runs in Options.Queries, and ends with ctx, whose cause it gives then.
func (e *Engine) Query(ctx context.Context, text string, emit func(*column.Batch) error) error {
	return e.Ask(ctx, plan.Ask(text), emit)
}

// Ask is Query of a statement of a session. One that gives no rows hands over no batch.
func (e *Engine) Ask(ctx context.Context, q plan.Question, emit func(*column.Batch) error) error {
	ctx, end, err := e.opt.Queries.Begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	a, from, err := e.bind(ctx, q)
	if err != nil || a.Root == nil {
		return err
	}
	s := schemaOf(a.Root.Columns())
	var head column.Batch
	head.Reset(&s)
	if err := emit(&head); err != nil {
		return err
	}
	return e.runBatch(ctx, a.Root, from, emit)
}

// bind binds a query, and returns how its datasets are read. Only a query that names something unknown has
// the topics listed that the pipeline does not read.
func (e *Engine) bind(ctx context.Context, q plan.Question) (plan.Answer, reading, error) {
	datasets := e.systemDatasets()
	files := e.openFiles(ctx)
	a, faults := plan.BindQuestion(e.opt.Pipeline, q, datasets, files.open())
	unknown := slices.ContainsFunc(faults, func(f sql.Fault) bool { return f.Class == "TABLE_OR_VIEW_NOT_FOUND" })
	if !unknown || e.opt.Topics == nil {
		return a, reading{zone: a.Zone, files: files.opened}, asError(faults)
	}
	topics, err := e.opt.Topics(ctx)
	if err != nil {
		return plan.Answer{}, reading{}, fmt.Errorf("%w (the topics cannot be listed: %w)", faults, err)
	}
	others := map[string]bool{}
	for _, t := range topics {
		if e.sources[t] == nil && e.opt.Pipeline.Dataset(t) == nil && e.destinations["table/"+t] == nil && e.keptRows(t) == nil {
			datasets = append(datasets, &plan.Dataset{Kind: plan.System, Name: t, Schema: plan.SourceSchema, EventTime: -1})
			others[t] = true
		}
	}
	a, faults = plan.BindQuestion(e.opt.Pipeline, q, datasets, files.open())
	return a, reading{others: others, zone: a.Zone, files: files.opened}, asError(faults)
}

func asError(faults sql.Faults) error {
	if len(faults) == 0 {
		return nil
	}
	return faults
}

// systemDatasets is what ad-hoc queries can read beside the datasets of the project.
func (e *Engine) systemDatasets() []*plan.Dataset {
	var out []*plan.Dataset
	add := func(name string, schema column.Schema) {
		out = append(out, &plan.Dataset{Kind: plan.System, Name: name, Schema: schema, EventTime: -1})
	}
	for _, f := range e.flows {
		for _, topic := range f.Topics {
			add(topic, e.opt.Pipeline.SchemaOfTopic(topic))
			add(topic+"$invalid", refusedSchema)
		}
	}
	for _, d := range e.opt.Pipeline.Datasets {
		windowed := len(e.windowed(d.Name)) > 0
		if e.destinations["late/"+d.Name] != nil {
			add(d.Name+"$late", lateSchema)
		}
		if windowed || d.Kind == plan.MaterializedView {
			add(d.Name+openSuffix, d.Schema)
		}
	}
	return out
}

// openSuffix behind a windowed table's name reads its open rows; behind a view's name it reads the
// view as it would be if all windows were closed now.
const openSuffix = "$open"

// A reading is how datasets are read by their names.
type reading struct {
	open   bool            // open rows too
	others map[string]bool // topics that the pipeline does not read
	files  map[string]File // by the names of their datasets
	zone   *time.Location  // of the session; nil: the project's
}

// scan hands the rows of a dataset to visit; of a topic those that a reach names, and maybe others.
func (r reading) scan(ctx context.Context, e *Engine, name string, reach batch.Reach, visit func(*column.Batch) error) error {
	switch {
	case r.files[name] != nil:
		return r.files[name].Scan(ctx, visit)
	case r.others[name]:
		s, err := e.opt.Source(name)
		if err != nil {
			return err
		}
		return e.scanTopic(ctx, name, plan.SourceSchema, s, reach, visit)
	case r.open:
		return e.scanWithOpen(ctx, name, reach, visit)
	}
	return e.scan(ctx, name, reach, visit)
}

// topic is the log of a topic, nil for another dataset.
func (r reading) topic(e *Engine, name string) (record.Source, error) {
	if r.others[name] {
		return e.opt.Source(name)
	}
	return e.sources[name], nil
}

// runBatch runs a tree of operators over what the datasets hold now.
func (e *Engine) runBatch(ctx context.Context, root plan.Node, from reading, visit func(*column.Batch) error) error {
	env := expr.Env{Zone: e.env.Zone, Now: e.opt.Now()}
	if from.zone != nil {
		env.Zone = from.zone
	}
	return batch.Run(ctx, root, func(d *plan.Dataset) (batch.Input, error) {
		names := []string{d.Name}
		if d.Kind == plan.SourceTopic {
			names = d.Topics
			for _, topic := range names {
				if e.sources[topic] == nil {
					return nil, fmt.Errorf("read %s: no table reads its topic %s", d.Name, topic)
				}
			}
		}
		return pull(ctx, e, names, from), nil
	}, env, visit)
}

// scanWithOpen is scan, with the open rows of a windowed table or view.
func (e *Engine) scanWithOpen(ctx context.Context, name string, reach batch.Reach, visit func(*column.Batch) error) error {
	if d := e.opt.Pipeline.Dataset(name); d != nil && d.Kind == plan.MaterializedView {
		return e.runBatch(ctx, d.Flows[0].Root, reading{open: true}, visit)
	}
	if len(e.windowed(name)) > 0 {
		return e.scanTable(ctx, name, visit, visit)
	}
	return e.scan(ctx, name, reach, visit)
}

// errStop ends a scan whose reader has had enough.
var errStop = errors.New("the reader has had enough")

// pulled turns a scan, which hands batches over, into an Input, which is asked for them.
type pulled struct {
	e     *Engine
	names []string
	from  reading
	reach batch.Reach
	next  func() (*column.Batch, error, bool)
	stop  func()
}

func pull(ctx context.Context, e *Engine, names []string, from reading) *pulled {
	p := &pulled{e: e, names: names, from: from}
	p.next, p.stop = iter.Pull2(func(yield func(*column.Batch, error) bool) {
		for _, name := range names {
			err := from.scan(ctx, e, name, p.reach, func(b *column.Batch) error {
				if !yield(b, nil) {
					return errStop
				}
				return ctx.Err()
			})
			if err != nil {
				if !errors.Is(err, errStop) {
					yield(nil, err)
				}
				return
			}
		}
	})
	return p
}

// Next implements batch.Input.
func (p *pulled) Next(context.Context) (*column.Batch, error) {
	b, err, ok := p.next()
	if !ok {
		return nil, io.EOF
	}
	return b, err
}

// Close implements batch.Input.
func (p *pulled) Close() error {
	p.stop()
	return nil
}

// Narrow implements batch.Topic: nothing is read before the first Next.
func (p *pulled) Narrow(reach batch.Reach) { p.reach = reach }

// Extents implements batch.Topic.
func (p *pulled) Extents(ctx context.Context) ([]batch.Extent, error) {
	if len(p.names) != 1 {
		return nil, nil
	}
	s, err := p.from.topic(p.e, p.names[0])
	if err != nil || s == nil {
		return nil, err
	}
	return extentsOf(ctx, s)
}
