package redis

import (
	"context"
	crand "crypto/rand"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// What one pipeline carries.
const (
	batchRows  = 512
	batchBytes = 1 << 20
)

// The pace of the writer.
const (
	checkPause = 200 * time.Millisecond // between two looks at the mark
	checkAlone = markRenew / 2          // of a server that nobody else can reach
	retryFirst = 50 * time.Millisecond
	retryMost  = 300 * time.Millisecond
	letGoPause = time.Second // between two refills because rows were let go
)

// The mark lives longer than nagare needs to renew it, and not for good.
const (
	markLife  = time.Hour
	markRenew = 10 * time.Minute
)

// writer is what only the goroutine that writes uses.
type writer struct {
	token  string           // value of the mark
	marked time.Time        // when it was last set
	looked time.Time        // when it was last seen
	asked  time.Time        // when a refill was last asked for because rows were let go
	calls  uint64           // of Settle, before the step or the wait in it ended
	proof  bool             // the step that is being done has found out how the server is
	ends   map[string]int64 // of hashes and sorted sets: when their youngest row ends
}

// markPrefix begins the keys of all marks.
const markPrefix = "nagare:"

// newMark names the mark of a sink of this process: no two processes share one.
func newMark(sink string) string { return markPrefix + sink + ":" + token() }

func token() string {
	var b [8]byte
	_, _ = crand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// errEmptied says that the server is not the one that was written to, or was emptied.
var errEmptied = errors.New("its mark is gone")

// run writes until ctx ends.
func (s *Sink) run(ctx context.Context) {
	wait := retryFirst
	for ctx.Err() == nil {
		s.listen()
		err := s.step(ctx)
		switch {
		case err == nil:
			s.answer()
			wait = retryFirst
			continue
		case ctx.Err() != nil:
			return
		case errors.Is(err, errEmptied):
			s.log.Info("the server was emptied or is another", "sink", s.cfg.Name)
			s.unlink("")
			continue
		}
		s.unlink(advice(err))
		s.writer.proof = true // that it cannot be reached
		s.answer()
		select {
		case <-time.After(wait/2 + rand.N(wait)):
		case <-s.now:
		case <-ctx.Done():
		}
		wait = min(2*wait, retryMost)
	}
}

// listen notes for which calls of Settle what is found out from now on is an answer.
func (s *Sink) listen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writer.calls = s.asked
}

// answer tells them, if something was found out.
func (s *Sink) answer() {
	if !s.writer.proof {
		return
	}
	s.writer.proof = false
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = s.writer.calls
	s.changed.Broadcast()
}

// unlink says that it is not known what the server holds.
func (s *Sink) unlink(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if reason != "" && reason != s.reason {
		s.log.Warn("a cache is in trouble", "sink", s.cfg.Name, "trouble", reason)
	}
	s.linked, s.reason = false, reason
	s.changed.Broadcast()
}

// step does one thing: makes the link, writes rows, or waits for some.
func (s *Sink) step(ctx context.Context) error {
	if !s.isLinked() {
		return s.link(ctx)
	}
	if batch := s.take(); len(batch) > 0 {
		begin := time.Now()
		err := s.write(ctx, batch)
		s.pace(ctx, time.Since(begin))
		return err
	}
	every := checkPause
	if s.server.isAlone() {
		every = checkAlone
	}
	wait := every
	if s.askAgain() {
		wait = min(wait, letGoPause)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-s.wake:
		if time.Since(s.writer.looked) < every {
			return nil
		}
	case <-s.now:
		s.listen()
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.look(ctx)
}

// The embedded server works on the pipeline's own processors: behind a batch it rests paceRest times as
// long as that took, and longPause at most. What changes meanwhile is written once.
const (
	paceRest  = 4
	longPause = 50 * time.Millisecond
)

// pace rests, unless everything is being written anew, for which somebody waits.
func (s *Sink) pace(ctx context.Context, took time.Duration) {
	s.mu.Lock()
	rests := s.server.embedded != nil && !s.filling && s.waiting.len() < fillRows && !s.hurry
	s.mu.Unlock()
	if !rests {
		return
	}
	timer := time.NewTimer(min(paceRest*took, longPause))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (s *Sink) isLinked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.linked
}

// link sets a new mark: from here on it is seen when the server loses what it is given. Then everything
// that lives is asked for.
func (s *Sink) link(ctx context.Context) error {
	w := &s.writer
	w.token = token()
	if err := s.setMark(ctx); err != nil {
		return err
	}
	clear(w.ends)
	s.mu.Lock()
	if s.reason != "" {
		s.log.Info("a cache is well again", "sink", s.cfg.Name)
	}
	s.linked, s.reason, s.owed = true, "", true
	s.links++
	s.changed.Broadcast()
	s.mu.Unlock()
	s.ask()
	return nil
}

func (s *Sink) setMark(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	now := time.Now()
	if err := s.server.client.Set(ctx, s.mark, s.writer.token, markLife).Err(); err != nil {
		return err
	}
	s.writer.marked, s.writer.looked, s.writer.proof = now, now, true
	return nil
}

// ask asks the engine for everything that lives.
func (s *Sink) ask() {
	s.mu.Lock()
	s.owed = true
	s.mu.Unlock()
	select {
	case s.lost <- struct{}{}:
	default:
	}
}

// askAgain asks for rows that were let go, once the others are written, and reports whether it is too
// early for that.
func (s *Sink) askAgain() (early bool) {
	s.mu.Lock()
	due := s.letGo && !s.filling
	s.mu.Unlock()
	if !due {
		return false
	}
	if time.Since(s.writer.asked) < letGoPause {
		return true
	}
	s.writer.asked = time.Now()
	s.ask()
	return false
}

// look compares the mark, and renews it.
func (s *Sink) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if err := s.compare(s.server.client.Get(ctx, s.mark)); err != nil {
		return err
	}
	if time.Since(s.writer.marked) > markRenew {
		return s.setMark(ctx)
	}
	return nil
}

func (s *Sink) compare(got *goredis.StringCmd) error {
	text, err := got.Result()
	switch {
	case errors.Is(err, goredis.Nil), err == nil && text != s.writer.token:
		return errEmptied
	case err == nil:
		s.writer.looked, s.writer.proof = time.Now(), true
	}
	return err
}

// take takes the next rows to be written.
func (s *Sink) take() []*row {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.waiting.take(batchRows, batchBytes)
	s.flying = len(batch)
	return batch
}

// write sends rows in one pipeline, with a look at the mark. Rows that were not written wait again,
// unless they never can be.
func (s *Sink) write(ctx context.Context, batch []*row) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	now := time.Now().UnixMicro()
	pipe := s.server.client.Pipeline()
	mark := pipe.Get(ctx, s.mark)
	commands := make([]goredis.Cmder, len(batch))
	touched := map[string]int64{}
	for i, r := range batch {
		if r.ends == 0 || r.ends > now {
			commands[i] = s.command(ctx, pipe, r, now)
			if s.cfg.Shape != Text && r.ends > 0 {
				touched[r.key] = max(touched[r.key], r.ends)
			}
		}
	}
	lives := s.expire(ctx, pipe, touched, now)
	_, _ = pipe.Exec(ctx) // each command has its own error
	err := s.settle(batch, commands)
	for _, l := range lives {
		if lerr := l.Err(); err == nil && lerr != nil && !refusesRow(lerr) {
			err = lerr
		}
	}
	if merr := s.compare(mark); err == nil {
		err = merr
	}
	return err
}

// command appends the command that sets the place of a row.
func (s *Sink) command(ctx context.Context, pipe goredis.Pipeliner, r *row, now int64) goredis.Cmder {
	switch s.cfg.Shape {
	case Hash:
		return pipe.HSet(ctx, r.key, r.field, r.value)
	case SortedSet:
		return pipe.Do(ctx, "ZADD", r.key, r.value, r.field)
	}
	return pipe.Set(ctx, r.key, r.value, left(r.ends, now))
}

// left is how long a row lives yet: the server's clock need not be ours.
func left(ends, now int64) time.Duration {
	if ends == 0 {
		return 0
	}
	return max(time.Duration(ends-now)*time.Microsecond, time.Millisecond)
}

// expire appends the commands that let hashes and sorted sets end with their youngest row.
func (s *Sink) expire(ctx context.Context, pipe goredis.Pipeliner, touched map[string]int64, now int64) []goredis.Cmder {
	ends := s.writer.ends
	var commands []goredis.Cmder
	for key, end := range touched {
		if len(ends) >= waitingRows {
			for k, e := range ends {
				if e <= now {
					delete(ends, k)
				}
			}
		}
		ends[key] = max(ends[key], end)
		commands = append(commands, pipe.PExpire(ctx, key, left(ends[key], now)))
	}
	return commands
}

// settle books what became of rows and returns why some were not written.
func (s *Sink) settle(batch []*row, commands []goredis.Cmder) error {
	var failed error
	var back []*row
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range batch {
		if commands[i] == nil {
			continue // it ended while it waited
		}
		switch err := commands[i].Err(); {
		case err == nil:
			s.status.Written++
		case refusesRow(err):
			s.refuse(err.Error())
		default:
			back = append(back, r)
			if failed == nil {
				failed = err
			}
		}
	}
	s.waiting.putBack(back)
	s.flying = 0
	s.changed.Broadcast()
	return failed
}
