package node

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/retry"
)

// intake knows how busy the pipeline is with records, so that queries leave it its processors.
type intake struct {
	part atomic.Uint64 // of the last spans that were busy, as the bits of a float

	mu        sync.Mutex
	appending int // appends under way
	since     time.Time
	busy      time.Duration // in which some were
}

const (
	intakeSpan = 100 * time.Millisecond
	// fastRecords is the records a second at which the engine is taken to be busy all the time.
	fastRecords = 200_000
	// queryLoss is the part of its speed that the pipeline may lose to queries. While they work it is several
	// times as slow: an append goes through many hands, and each waits for a processor.
	queryLoss = 0.006
	// The least part of the time that a few queries get, and many together.
	leastOfFew, leastOfMany = 0.25, 0.006
	fewQueries              = 2
)

// share is the part of the time that so many queries may work.
func (i *intake) share(queries int) float64 {
	busy := math.Float64frombits(i.part.Load())
	least := leastOfMany
	if queries <= fewQueries {
		least = leastOfFew
	}
	if busy <= queryLoss {
		return 1
	}
	return max(queryLoss/busy, least)
}

func (i *intake) begin() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.appending++; i.appending == 1 {
		i.since = time.Now()
	}
}

func (i *intake) end() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.appending--; i.appending == 0 {
		i.busy += time.Since(i.since)
	}
}

// spent is how long appends were under way since the last call.
func (i *intake) spent(now time.Time) time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	busy := i.busy
	if i.appending > 0 {
		busy += now.Sub(i.since)
		i.since = now
	}
	i.busy = 0
	return busy
}

// watchIntake looks at what was done in each span until ctx ends. What was busy counts for some more spans:
// a client that is kept waiting sends less.
func (n *Node) watchIntake(ctx context.Context) {
	events, last, smooth := n.current().Events(), time.Now(), 0.0
	for retry.Pause(ctx, intakeSpan) == nil {
		now, read := time.Now(), n.current().Events()
		span := now.Sub(last).Seconds()
		part := max(n.intake.spent(now).Seconds()/span, float64(read-events)/span/fastRecords)
		smooth += (part - smooth) / 8
		n.intake.part.Store(math.Float64bits(min(1, max(part, smooth))))
		events, last = read, now
	}
}

// seenWriter is a writer whose appends are seen by intake.
type seenWriter struct {
	topicWriter
	intake *intake
}

// Append implements topicWriter.
func (w seenWriter) Append(ctx context.Context, partition int32, r *record.Records, seq int64) (int64, error) {
	w.intake.begin()
	defer w.intake.end()
	return w.topicWriter.Append(ctx, partition, r, seq)
}

// AppendMarked implements generator.Writer.
func (w seenWriter) AppendMarked(ctx context.Context, partition int32, r *record.Records, seq int64, mark uint64) (int64, error) {
	w.intake.begin()
	defer w.intake.end()
	return w.topicWriter.AppendMarked(ctx, partition, r, seq, mark)
}
