package redis

import (
	"context"
	crand "crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"github.com/nagare-stream/nagare/engine/retry"
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
	lasting    = time.Second            // what a link has to live for, or the next waits longer
	letGoPause = time.Second            // between two refills because rows were let go
)

// linkWaits is how long to wait behind tries that made no link, restFirst and restMost behind links that did not last.
var linkWaits = retry.Waits{First: 50 * time.Millisecond, Most: 300 * time.Millisecond}

const (
	restFirst = 50 * time.Millisecond
	restMost  = 5 * time.Second
)

// The mark lives longer than nagare needs to renew it, and not for good.
const (
	markLife  = time.Hour
	markRenew = 10 * time.Minute
)

// writer is what only the goroutine that writes uses.
type writer struct {
	link  *link
	begun time.Time        // when the link was made
	pause time.Duration    // before the next one, if this one does not last
	known []string         // servers of the cluster, as the last link knew them
	asked time.Time        // when a refill was last asked for because rows were let go
	calls uint64           // of Settle, before the step or the wait in it ended
	proof bool             // the step that is being done has found out how the server is
	ends  map[string]int64 // of hashes and sorted sets: when their youngest row ends
}

// token is part of a mark: no two processes, and no two links, have the same.
func token() string {
	var b [8]byte
	_, _ = crand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// run writes until ctx ends.
func (s *Sink) run(ctx context.Context) {
	fails := 0
	var why doubt
	for ctx.Err() == nil {
		linked := s.isLinked()
		s.listen()
		err := s.step(ctx)
		if ctx.Err() != nil {
			return
		}
		switch {
		case err == nil:
			s.answer()
			fails = 0
			continue
		case errors.As(err, &why):
			s.log.Info("everything is written anew", "sink", s.cfg.Name, "reason", err)
			s.unlink("")
		case linked && isClosed(err):
			s.unlink("") // why, the next link tells
		default:
			s.unlink(advice(err))
			s.writer.proof = true // that it is in trouble
			s.answer()
		}
		if !linked {
			fails++
			s.sleep(ctx, linkWaits.After(fails))
			continue
		}
		s.sleep(ctx, s.writer.rest(time.Since(s.writer.begun)))
	}
}

// rest is how long to wait behind a link that lived for a time. Each link has everything read again, so that
// links that do not last must not come one upon the other.
func (w *writer) rest(lived time.Duration) time.Duration {
	if lived > lasting {
		w.pause = 0
	}
	pause := w.pause
	w.pause = min(max(2*pause, restFirst), restMost)
	return pause
}

func (s *Sink) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.now:
	case <-ctx.Done():
	}
}

// listen notes for which calls of Settle what is found out from now on is an answer.
func (s *Sink) listen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writer.calls, s.writer.proof = s.asked, false
}

// answer tells them, if something was found out.
func (s *Sink) answer() {
	if !s.writer.proof {
		return
	}
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
		if time.Since(s.writer.link.looked) < every {
			return nil
		}
	case <-s.now:
		s.listen()
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	err := s.writer.link.look(ctx)
	s.writer.proof = err == nil
	return err
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

// link makes new connections and sets marks: from here on it is seen when a server loses what it is given.
// Then everything that lives is asked for.
func (s *Sink) link(ctx context.Context) error {
	w := &s.writer
	if w.link != nil {
		w.link.close()
	}
	l := s.server.newLink(ctx, w.known)
	w.link = l
	begin, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if err := l.begin(begin, s.cfg.Name, s.process); err != nil {
		return err
	}
	w.known, w.begun, w.proof = l.known(), time.Now(), true
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

// askAgain asks for rows that were let go, or that a row covered which was taken out, once the others are
// written, and reports whether it is too early for that.
func (s *Sink) askAgain() (early bool) {
	s.mu.Lock()
	due := (s.letGo || s.reveal) && !s.filling
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

// take takes the next rows to be written.
func (s *Sink) take() []*row {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.waiting.take(batchRows, batchBytes)
	s.flying = len(batch)
	return batch
}

// write sends rows in one pipeline, with a look at the marks. Rows that were not written wait again,
// unless they never can be.
func (s *Sink) write(ctx context.Context, batch []*row) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	now := time.Now().UnixMicro()
	l := s.writer.link
	pipe := l.client.Pipeline()
	seen := l.see(ctx, pipe)
	fences := l.fence(ctx, pipe)
	commands := make([]goredis.Cmder, len(batch))
	touched := map[string]int64{}
	for i, r := range batch {
		if r.ends == 0 || r.ends > now {
			commands[i] = s.command(ctx, pipe, r, now)
			if s.cfg.Shape != Text && r.ends > 0 && !r.deletes {
				touched[r.key] = max(touched[r.key], r.ends)
			}
		}
	}
	lives := s.expire(ctx, pipe, touched, now)
	fences = append(fences, l.fence(ctx, pipe)...)
	_, _ = pipe.Exec(ctx) // each command has its own error
	err := s.settle(batch, commands)
	for _, l := range lives {
		if lerr := l.Err(); err == nil && lerr != nil && !refusesRow(lerr) {
			err = lerr
		}
	}
	if err != nil {
		return err
	}
	err = l.check(ctx, seen, fences)
	s.writer.proof = err == nil
	return err
}

// command appends the command that sets the place of a row, or empties it.
func (s *Sink) command(ctx context.Context, pipe goredis.Pipeliner, r *row, now int64) goredis.Cmder {
	if r.deletes {
		switch s.cfg.Shape {
		case Hash:
			return pipe.HDel(ctx, r.key, r.field)
		case SortedSet:
			return pipe.ZRem(ctx, r.key, r.field)
		}
		return pipe.Del(ctx, r.key)
	}
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
			s.status.TooOld++ // it ended while it waited
			continue
		}
		switch err := commands[i].Err(); {
		case err == nil && r.deletes:
			s.status.Deleted++
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
