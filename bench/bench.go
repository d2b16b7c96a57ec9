package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/node"
)

// Config is what is measured. Load and Executable are needed.
type Config struct {
	Events int64  // of the file; 0: 2,000,000
	Quick  bool   // fewer events and no series above 10^6
	Dir    string // for temporary files; "": the system's
	Kafka  string // addresses of a cluster that is measured too; "": none
	Redis  bool   // measures what a Redis in trouble costs the pipeline, and nothing else
	// Load reads a project's folder.
	Load func(dir string) (*plan.Pipeline, error)
	// Executable is the nagare command, whose memory is measured in a process of its own.
	Executable string
	Tell       func(step string)
}

// Result is the figures. Rates are events per second.
type Result struct {
	Machine Machine `json:"machine"`
	Events  int64   `json:"events"`
	Bytes   int64   `json:"bytes"`

	BoundOne  float64 `json:"bound_one_core"`
	BoundAll  float64 `json:"bound_all_cores"`
	FromFile  float64 `json:"from_file"`
	Publish   float64 `json:"publish"` // file to durable topic
	Append    float64 `json:"durable_append"`
	FromTopic float64 `json:"from_topic"`

	ToKafka     float64 `json:"to_kafka,omitempty"`     // written, a partition after the other
	KafkaClient float64 `json:"kafka_client,omitempty"` // the client library alone, reading
	FromKafka   float64 `json:"from_kafka,omitempty"`
	KafkaRatio  *Spread `json:"from_kafka_to_client,omitempty"` // of the pairs of which the two are the best

	PeakBytes int64 `json:"peak_resident_bytes"` // of a process that runs over the file; 0: not known

	ByEvents []Cost `json:"by_events,omitempty"`
	ByKeys   []Cost `json:"by_keys,omitempty"`

	Redis []Trouble `json:"redis,omitempty"`
}

// Machine is what the figures were measured on.
type Machine struct {
	Cores int    `json:"cores"`
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	Go    string `json:"go"`
}

// Cost is the cost of an event for a number of events or keys.
type Cost struct {
	N           int64   `json:"n"`
	Nanoseconds float64 `json:"ns_per_event"`
}

// defaultEvents is the size of the file unless told otherwise, quickEvents that of a quick run.
const (
	defaultEvents = 2_000_000
	quickEvents   = 200_000
)

// bench is one run of the measurements.
type bench struct {
	Config
	dir   string
	file  string
	pairs int // of runs with a Redis in trouble and without
	r     Result
}

// Run measures everything, one thing after another.
func Run(ctx context.Context, cfg Config) (_ *Result, err error) {
	b := &bench{Config: cfg, pairs: redisPairs}
	if b.Events == 0 {
		switch {
		case b.Quick:
			b.Events = quickEvents
		case b.Redis:
			b.Events = redisEvents
		default:
			b.Events = defaultEvents
		}
	}
	if b.Tell == nil {
		b.Tell = func(string) {}
	}
	if b.dir, err = os.MkdirTemp(cfg.Dir, "nagare-bench-*"); err != nil {
		return nil, fmt.Errorf("make a folder for temporary files: %w; set TMPDIR to one that can be written to", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	b.r.Machine = Machine{runtime.GOMAXPROCS(0), runtime.GOOS, runtime.GOARCH, runtime.Version()}
	b.r.Events = b.Events
	if err := writeProjects(b.dir); err != nil {
		return nil, err
	}
	for _, step := range b.steps() {
		b.Tell(step.name)
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("measure %s: %w", step.name, err)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return &b.r, nil
}

type step struct {
	name string
	do   func(context.Context) error
}

func (b *bench) steps() []step {
	if b.Redis {
		return []step{{"making the events", b.makeFile}, {"what a Redis in trouble costs", b.measureRedis}}
	}
	return []step{
		{"making the events", b.makeFile},
		// First, while this process is small: the system counts a new process's peak from before it
		// became a program of its own.
		{"memory of a run from the file", b.measureMemory},
		{"the hand-written bound", b.measureBound},
		{"three queries from the file", b.measureFile},
		{"durable append", b.measureAppend},
		{"three queries from the durable topic", b.measureTopic},
		{"three queries from Kafka", b.measureKafka},
		{"cost by number of events", b.measureEvents},
		{"cost by number of keys", b.measureKeys},
	}
}

// makeFile writes the events.
func (b *bench) makeFile(context.Context) error {
	b.file = filepath.Join(b.dir, "events.ndjson")
	f, err := os.Create(b.file)
	if err != nil {
		return err
	}
	err = errors.Join(generator.WriteNDJSON(f, b.Events), f.Close())
	if err != nil {
		return err
	}
	info, err := os.Stat(b.file)
	if err != nil {
		return err
	}
	b.r.Bytes = info.Size()
	return nil
}

func (b *bench) measureBound(context.Context) error {
	data, err := os.ReadFile(b.file)
	if err != nil {
		return err
	}
	one, err := bound(data, 1, b.Events)
	if err != nil {
		return err
	}
	all, err := bound(data, runtime.NumCPU(), b.Events)
	if err != nil {
		return err
	}
	b.r.BoundOne, b.r.BoundAll = rate(b.Events, one), rate(b.Events, all)
	return nil
}

func rate(events int64, took time.Duration) float64 { return float64(events) / took.Seconds() }

// measureFile runs over the file as `run --once --from` does, the best of three.
func (b *bench) measureFile(ctx context.Context) error {
	runtime.GC()
	for range 3 {
		took, err := b.once(ctx, "three", b.file, b.Events)
		if err != nil {
			return err
		}
		b.r.FromFile = max(b.r.FromFile, rate(b.Events, took))
	}
	return nil
}

// once runs a project over a file and returns how long reading and computing took.
func (b *bench) once(ctx context.Context, project, file string, want int64) (time.Duration, error) {
	p, err := b.Load(filepath.Join(b.dir, project))
	if err != nil {
		return 0, err
	}
	result, err := node.Bounded{Pipeline: p, Files: map[string][]string{topic: {file}}}.Run(ctx)
	if err != nil {
		return 0, err
	}
	if c := result.Status.Ledger.Topics[topic]; c.Read != want || c.Counted != want {
		return 0, fmt.Errorf("of %d events %d were read and %d counted", want, c.Read, c.Counted)
	}
	return result.Elapsed, nil
}

// writeEvents makes a file of n events of a number of users.
func writeEvents(path string, n int64, users int) (err error) {
	g, err := generator.New(generator.Config{Seed: 42, Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Rate: 2000, Users: users})
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	var buf []byte
	for i := range n {
		e := g.Event(i, buf[:0])
		buf = append(e.Value, '\n')
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return w.Flush()
}
