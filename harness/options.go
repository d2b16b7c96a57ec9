package harness

import (
	"fmt"
	"time"

	"github.com/nagare-stream/nagare/harness/stack"
)

// An Option says how New sets up a pipeline.
type Option func(*config)

// config is what the options of New come to.
type config struct {
	stack    stack.Config
	deadline time.Duration // of every wait; 0: the default
	servers  servers
	fault    string // why the test cannot run as asked; "": none
}

// Project names the pipeline: a folder with spark-pipeline.yml, relative to that of the test, or a
// project that ships with nagare ("purchases"). Without it the folder of the test is searched, and
// then those above it.
func Project(path string) Option { return func(c *config) { c.stack.Project = path } }

// Set gives a key of the project's configuration another value, as in
// Set("nagare.watermark.idleTimeout", "2 minutes").
func Set(key, value string) Option {
	return func(c *config) { c.stack.Settings = append(c.stack.Settings, stack.Setting{Key: key, Value: value}) }
}

// Partitions gives every topic that the pipeline reads that many partitions, whatever the project says.
// With 1 the rows of a topic have one order, and no other partition holds the watermark back.
func Partitions(n int) Option {
	return func(c *config) {
		if n < 1 {
			c.fault = fmt.Sprintf("set up the pipeline: harness.Partitions(%d): a topic has 1 partition at least", n)
		}
		c.stack.Partitions = n
	}
}

// Durable keeps topics and state in a temporary folder, by the broker and the store of a real run. It
// is slower than memory, which gives the same results.
func Durable() Option { return func(c *config) { c.stack.Durable = true } }

// Monitored has the pipeline watch itself, as a process does that runs: topics system-metrics and pipeline-metrics get
// their records each second, so that alerts over them work. The machine that it sees has nothing else to do.
func Monitored() Option { return func(c *config) { c.stack.Monitored = true } }

// Deadline is how long any call may wait before the test fails, of virtual time inside Synctest.
// Without it that is 30 seconds more than the project's idle timeout, so that a partition without
// records fails no test that has the patience. WaitWatermark gives up sooner when only new records could
// move the watermark and none come.
func Deadline(d time.Duration) Option {
	return func(c *config) {
		if d <= 0 {
			c.fault = fmt.Sprintf("set up the pipeline: harness.Deadline(%v): a wait needs some time", d)
		}
		c.deadline = d
	}
}

// patience is the deadline beyond the idle timeout.
const patience = 30 * time.Second
