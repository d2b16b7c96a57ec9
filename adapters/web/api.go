package web

import (
	"context"
	"io"
	"time"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/adapters/notify"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
)

// A Backend is the running process as the API shows it. All methods may be called at any time by
// several goroutines. Errors that are the caller's own are *engine.NotFoundError, *RequestError or
// something that wraps them.
type Backend interface {
	ViewBackend
	Info() Info
	Status() engine.Status
	Rates() Rates
	// Table writes the rows of a table, view or topic.
	Table(ctx context.Context, w io.Writer, r TableRequest) error
	// Ask writes the rows of a statement of a session of queries: of a SELECT, or nothing.
	Ask(ctx context.Context, w io.Writer, q plan.Question, format string) error
	// Tail writes rows as they come, until ctx ends; w gets whole rows only.
	Tail(ctx context.Context, w io.Writer, r TailRequest) error
	Explain(table string) (string, error)
	// Charts is what the page shows of the project's tables and views.
	Charts() []plan.Chart
	// Alerts is each alert with its incidents of now.
	Alerts() []engine.AlertStatus
	EndedIncidents(ctx context.Context) (EndedIncidents, error)
	// Incident finds an incident by its id, or by how that begins.
	Incident(ctx context.Context, id string) (IncidentAnswer, error)
	TestAlert(ctx context.Context, t AlertTest, progress func(done, total int64)) (*AlertReplay, error)
	// CompareProject tells what becomes of the tables if another project takes the place of the one that made them.
	CompareProject(ctx context.Context, in plan.Input) (*ProjectChange, error)
	// Notifier keeps silences and alerts of others, and tells webhooks; nil: there was nothing to keep yet.
	Notifier() *notify.Notifier
	// OpenNotifier is Notifier, and with make one that is new if there is none; nil: this process keeps none.
	OpenNotifier(ctx context.Context, make bool) (*notify.Notifier, error)
	Topics(ctx context.Context) ([]Topic, error)
	Topic(ctx context.Context, name string) (Topic, error)
	CreateTopic(ctx context.Context, t Topic) error
	AlterTopic(ctx context.Context, name string, partitions int) error
	// Publish appends NDJSON and returns once it is durable. On an error Published tells what is.
	Publish(ctx context.Context, topic string, body io.Reader) (Published, error)
	// PublishFile appends a file in any form that a topic can be read from.
	PublishFile(ctx context.Context, topic, path string, progress func(Published)) (Published, error)
	// Health is how the parts are, by name; empty where nothing runs.
	Health() []monitor.Health
	// Machine is what the machine and the process use now; nil where nobody looks.
	Machine(ctx context.Context) *monitor.Reading
	// MonitorDropped is how many records of itself the process had to let go.
	MonitorDropped() int64
	// Measures is the pipeline at this moment, without what costs more to know.
	Measures() engine.Measures
	// Watermarks is engine.Engine.Watermarks.
	Watermarks() (engine.Watermarks, error)
	// History is what happened after a time, at most monitor.HistorySpan ago; nil where nobody looks.
	History(ctx context.Context, after time.Time) ([]monitor.Series, error)
	// Watch is engine.Engine.Watch.
	Watch() (<-chan struct{}, func())
}

// Info is what does not change while a process runs.
type Info struct {
	Project string    `json:"project"`
	Path    string    `json:"path,omitempty"` // of the project; "" for one that ships
	Data    string    `json:"data"`
	Address string    `json:"address,omitempty"` // host:port; "" without a socket
	Others  string    `json:"others,omitempty"`  // by which other machines come in; "" when they do not
	PID     int       `json:"pid"`
	Version string    `json:"version"`
	Broker  string    `json:"broker"`
	Cache   string    `json:"cache,omitempty"` // what redis sinks write to; "" without such
	Started time.Time `json:"started"`
	New     bool      `json:"new"`     // the data folder was made by this process
	Resumed int64     `json:"resumed"` // events that earlier processes had read
	// ResumedAt is the watermark that they had reached, µs; math.MinInt64: none.
	ResumedAt int64    `json:"resumedAt"`
	Epoch     uint64   `json:"epoch"`               // of the checkpoint that it went on from
	Rate      float64  `json:"rate"`                // of the generator, events per second; 0: off
	Running   bool     `json:"running"`             // false: the folder was opened to look, nothing is processed
	LostNotes string   `json:"lostNotes,omitempty"` // what was gone of silences and of what webhooks were told when the folder was opened
	Failed    string   `json:"failed,omitempty"`    // why the last run on a folder that nothing runs on ended by itself; "" if it was stopped
	Sources   []string `json:"sources"`             // topics that the project reads
	Outputs   []string `json:"outputs"`             // topics that it writes
	Instance  string   `json:"instance"`
	Filling   string   `json:"filling,omitempty"` // what is filled for a changed project, and how far; "" for nothing
	// Fillings is the same, by what it is of, with what else changes places once all is filled.
	Fillings []Filling `json:"fillings,omitempty"`
}

// A Filling is a table, sink or alert of a changed project, and what becomes of it when that project takes over.
type Filling struct {
	Kind string `json:"kind"` // "table", "sink", "alert", …
	Name string `json:"name"`
	// Change is "new", "changed", for an alert "new rule", or "removed".
	Change     string `json:"change"`
	Generation int    `json:"generation,omitempty"` // of the topic that takes the place of the one of before; 0: there is none
	// Read is how many records are read of the topics that it is made of, of Total; both 0 where nothing is filled.
	Read  int64 `json:"read"`
	Total int64 `json:"total"`
	// Seconds is about how long the rest takes at the rate so far; negative: nothing tells.
	Seconds float64 `json:"seconds"`
}

// A Generation says from where on a topic has the rows of other queries than before: those of a sink, or of a table whose
// topic it is. Numbers of rows begin at 0 in each.
type Generation struct {
	Sink       string  `json:"sink,omitempty"` // "": the topic is a table's, and has the rows of this generation alone
	Generation int     `json:"generation"`
	Topic      string  `json:"topic"`
	From       []int64 `json:"from,omitempty"` // of a sink: by partition, the offset of its first record
}

// Rates is how fast things go, per second, over the last seconds.
type Rates struct {
	Input     float64 `json:"input"`     // records appended to the topics that are read
	Processed float64 `json:"processed"` // records read
	Rows      int64   `json:"rows"`      // read in the last second
	Overdue   int64   `json:"overdue"`   // generator: events that are due and not written
}

// Topic is one topic, with its partitions when one is described.
type Topic struct {
	Name       string      `json:"name"`
	Partitions int         `json:"partitions"`
	Retention  string      `json:"retention"` // "72h0m0s"; "" for ever
	Key        string      `json:"key,omitempty"`
	Role       string      `json:"role"` // "source", "output", "table", "metrics", "other"
	Records    int64       `json:"records"`
	About      bool        `json:"about,omitempty"` // there may be fewer records: they were not counted one by one
	Bytes      int64       `json:"bytes"`
	Parts      []TopicPart `json:"parts,omitempty"`

	Generations []Generation `json:"generations,omitempty"` // whose rows it has; none: no query of theirs was changed
}

// TopicPart is one partition of a topic.
type TopicPart struct {
	Partition  int       `json:"partition"`
	First      int64     `json:"first"` // offset of the first record there is
	Next       int64     `json:"next"`  // offset of the next record to come
	Bytes      int64     `json:"bytes"`
	LastAppend time.Time `json:"lastAppend,omitzero"`
}

// Published is what an append did.
type Published struct {
	Topic   string   `json:"topic"`
	Records int64    `json:"records"`
	Bytes   int64    `json:"bytes"`             // of keys and values
	Refused int64    `json:"refused,omitempty"` // records that are too large, or rows that are none of their file's header: they were left out
	Refusal string   `json:"refusal,omitempty"` // the first of them
	Done    int64    `json:"done,omitempty"`    // of a file: bytes read so far
	Total   int64    `json:"total,omitempty"`   // of a file: bytes in all
	Final   bool     `json:"final,omitempty"`
	Notices []string `json:"notices,omitempty"` // what is worth knowing of the file
	Error   string   `json:"error,omitempty"`
	Exit    int      `json:"exit,omitempty"`
}

// TableRequest asks for rows. Limit below 0: all.
type TableRequest struct {
	Name   string
	Open   bool
	Limit  int
	Format string
}

// TailRequest asks for the newest N rows and those to come; Updates: open rows too, as they change.
type TailRequest struct {
	Name    string
	N       int
	Updates bool
	Format  string
}

// RequestError says what is wrong with a request.
type RequestError struct{ Reason string }

func (e *RequestError) Error() string { return e.Reason }

// Failure is the body of an answer that is no success.
type Failure struct {
	Message string `json:"error"`
	Exit    int    `json:"exit"`
}
