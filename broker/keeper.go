package broker

import (
	"context"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
)

// A keeper keeps the topics of a broker: the embedded server does (served), or memory without one (bareTopics). What
// Broker says of its methods holds for these; one change of topics is made at a time.
type keeper interface {
	create(ctx context.Context, cfg TopicConfig) error
	alter(ctx context.Context, name string, partitions int) error
	remove(ctx context.Context, name string) error
	retainFor(ctx context.Context, name string, keep time.Duration) error
	retain(ctx context.Context, now time.Time) error

	has(name string) bool
	all(ctx context.Context) ([]TopicInfo, error)
	info(ctx context.Context, name string) (TopicInfo, error)
	ends() []LogState
	sync(ctx context.Context) error

	source(topic string, bounded bool) record.Source
	writer(topic, producer string, limit int, early bool) (Writer, error)

	healthy() error
	restart(ctx context.Context) error
	close() error
}

// served is topics that the embedded server keeps, a stream a partition.
type served struct{ *Broker }
