package record

import "context"

// A Sink accepts rows. Writing the same identity twice has the effect of writing it once.
//
// An implementer: keeps the order of a (Sink, Partition); may keep rows back until Flush, until which
// they are valid; returns an error only where trying again can help, and says in it what the user can do.
type Sink interface {
	Write(ctx context.Context, epoch uint64, out *Rows) error
	Flush(ctx context.Context) error // returns once all writes are durable
	Close() error
}

// An Updater is a Sink that also takes rows of open windows, as outputMode update gives them: rows
// without a number, which stand until another comes for the same place. The last one is final, has a
// number, and comes by Write, after all others.
//
// An implementer: keeps the order of calls of Update and Write.
type Updater interface {
	Sink
	Update(ctx context.Context, out *Rows) error
}

// A Cache is an Updater that may lose what it was given, and gets it again from the tables and topics
// from which it was made.
//
// An implementer: takes rows of Write and Update without waiting for anything, so that a cache that is
// away holds nothing up; of two rows for one place keeps the one with the greater order, and of two
// with the same order the one that came later.
type Cache interface {
	Updater
	// Lost gets a value when rows may be missing and would be taken now.
	Lost() <-chan struct{}
	// Refill reads everything that lives, as often as Lost says. What comes by Write and Update while
	// read runs, or after, is newer than what read gives.
	Refill(ctx context.Context, read func(take func(*Rows) error) error) error
	// Settle waits until everything it was given is where it belongs, or that is not possible now.
	Settle(ctx context.Context) error
}

// A SinkReporter is a Sink that tells how it is.
type SinkReporter interface{ Report() SinkStatus }

// SinkStatus is how a sink is that does not hold the pipeline up when it is in trouble.
type SinkStatus struct {
	Name    string `json:"name"`
	Format  string `json:"format,omitempty"` // "": redis
	State   string `json:"state"`            // "connecting", "filling", "connected", "degraded"
	Reason  string `json:"reason,omitempty"`
	Written int64  `json:"written"` // rows
	Deleted int64  `json:"deleted"` // places that were emptied: by a NULL value, or because a row was let go
	TooOld  int64  `json:"tooOld"`  // rows whose ttl had ended when their turn came
	Waiting int64  `json:"waiting"` // places with a row that is not written yet
	Refused int64  `json:"refused"` // rows that can never be written
	Refusal string `json:"refusal,omitempty"`
	Refills int64  `json:"refills"` // how often everything was written anew
}

// A Log is a topic that the engine itself writes and reads: the home of a table that keeps rows
// one for one, of late rows (TABLE$late) and of invalid ones (TOPIC$invalid).
type Log interface {
	Source
	Sink
}
