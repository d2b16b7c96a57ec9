package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Limits of a fetch: how much is asked for at once, and how often a message that has to be there is
// asked for again. Much more at once is slower: it piles up in the server.
const (
	fetchBytes    = 512 << 10
	maxFetch      = 64 // messages
	fetchRoom     = 4 * maxFetch
	maxMisses     = 3
	firstFetch    = 8
	sharedRecheck = time.Second // how often a reader looks by itself when others may write
)

var (
	errAtEnd = errors.New("the end of the log")
	errDown  = errors.New("the link is down")
)

// A fetcher reads the messages of a stream in order through one link, by direct gets: there is no
// consumer that the server would have to keep. It asks for the next messages before the last ones
// that it asked for have come.
//
//	request 7: from 100, 8 messages    request 8: from 108, 8 messages
//	| 100 101 102 103 104 ...          | sent when 104 came
type fetcher struct {
	p       *partition
	l       *link
	sub     *nats.Subscription
	in      chan *nats.Msg
	inbox   string
	next    uint64  // sequence of the message to come
	open    []fetch // requests that are not answered to their end, in order: at most two
	count   uint64  // of requests
	average int     // bytes of a message, about; 0: not known
	misses  int     // answers in a row that there is no such message
}

type fetch struct {
	id    string
	from  uint64
	batch int
}

func (f *fetch) end() uint64 { return f.from + uint64(f.batch) }

func newFetcher(p *partition, l *link, next uint64) (*fetcher, error) {
	f := &fetcher{p: p, l: l, in: make(chan *nats.Msg, fetchRoom), inbox: nats.NewInbox() + ".", next: next}
	var err error
	if f.sub, err = l.read.ChanSubscribe(f.inbox+"*", f.in); err != nil {
		if down := l.down.err(); down != nil {
			return nil, errDown
		}
		return nil, fmt.Errorf("read topic %s partition %d: %w", p.topic, p.number, err)
	}
	return f, nil
}

func (f *fetcher) close() { _ = f.sub.Unsubscribe() }

// ask requests messages from a sequence on.
func (f *fetcher) ask(from uint64) error {
	batch := firstFetch
	if f.average > 0 {
		batch = min(max(fetchBytes/f.average, 2), maxFetch)
	}
	f.count++
	r := fetch{strconv.FormatUint(f.count, 36), from, batch}
	body := fmt.Appendf(nil, `{"seq":%d,"batch":%d}`, from, batch)
	if err := f.l.read.PublishRequest("$JS.API.DIRECT.GET."+f.p.stream, f.inbox+r.id, body); err != nil {
		return errDown
	}
	f.open = append(f.open, r)
	return nil
}

// message returns the next message. Without wait it returns nil when none has come yet. errAtEnd
// says that the log had no more when it was asked, errDown that another link is needed.
func (f *fetcher) message(ctx context.Context, wait bool) (*nats.Msg, error) {
	for {
		if len(f.open) == 0 {
			if !wait {
				return nil, nil
			}
			if err := f.ask(f.next); err != nil {
				return nil, err
			}
		}
		m, err := f.receive(ctx, wait)
		if m == nil || err != nil {
			return nil, err
		}
		at := f.request(m.Subject)
		if at < 0 {
			continue // the end of a request that was answered, or given up
		}
		if status := m.Header.Get("Status"); status != "" {
			if err := f.ended(ctx, at, status, m); err != nil {
				return nil, err
			}
			continue
		}
		return m, f.took(ctx, at, m)
	}
}

// receive takes what has come from the server.
func (f *fetcher) receive(ctx context.Context, wait bool) (*nats.Msg, error) {
	select {
	case m := <-f.in:
		return m, nil
	default:
		if !wait {
			return nil, nil
		}
	}
	timer := time.NewTimer(requestWait)
	defer timer.Stop()
	select {
	case m := <-f.in:
		return m, nil
	case <-f.l.down.made:
		return nil, errDown
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		f.open = f.open[:0] // the answer is lost; ask again
		return nil, f.ask(f.next)
	}
}

func (f *fetcher) request(subject string) int {
	id := strings.TrimPrefix(subject, f.inbox)
	for i := range f.open {
		if f.open[i].id == id {
			return i
		}
	}
	return -1
}

// took counts a message and asks for more in good time.
func (f *fetcher) took(ctx context.Context, at int, m *nats.Msg) error {
	seq, err := strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
	if err != nil {
		return f.p.damage(f.next, "a message has no sequence")
	}
	if seq != f.next {
		return f.gap(ctx, seq)
	}
	f.next, f.misses = seq+1, 0
	if f.average == 0 {
		f.average = len(m.Data) + 1
	}
	f.average += (len(m.Data) - f.average) / 8
	f.average = max(f.average, 1)

	r := f.open[at]
	left := r.end() - f.next
	if left == 0 {
		f.open = append(f.open[:0], f.open[at+1:]...)
	}
	if len(f.open) < 2 && left <= uint64(r.batch)/2 {
		// Only for what the server said to have, or the request would end the reading of what comes.
		more, err := strconv.ParseUint(m.Header.Get("Nats-Num-Pending"), 10, 64)
		if err == nil && more > left && (len(f.open) == 0 || f.open[0].id == r.id) {
			return f.ask(r.end())
		}
	}
	return nil
}

// ended handles the end of a request: all that there was has come.
func (f *fetcher) ended(ctx context.Context, at int, status string, m *nats.Msg) error {
	answered := f.open[at]
	f.open = f.open[:0] // what was asked for behind it is not what comes next
	switch status {
	case "204": // end of batch
		if pending := m.Header.Get("Nats-Num-Pending"); pending != "0" || f.p.lastSeen.Load() >= f.next {
			return nil
		}
		return errAtEnd
	case "404":
		if f.p.lastSeen.Load() < f.next {
			return errAtEnd
		}
		if answered.from == f.next {
			f.misses++
		}
		if f.misses < maxMisses {
			return nil
		}
		return f.gap(ctx, 0)
	}
	return fmt.Errorf("read topic %s partition %d at message %d: status %s %s", f.p.topic, f.p.number, f.next, status, m.Header.Get("Description"))
}

// gap is the error for a message that is not there; seq is the one that came instead.
func (f *fetcher) gap(ctx context.Context, seq uint64) error {
	info, err := f.p.streamInfo(ctx, f.l)
	if err != nil {
		return err
	}
	if first := info.State.FirstSeq; first > f.next {
		at, err := f.p.begin(ctx, f.l, first)
		if err != nil {
			return err
		}
		return &ExpiredError{f.p.topic, f.p.number, -1, at.offset}
	}
	if seq == 0 {
		return f.p.damage(f.next, "the message cannot be read")
	}
	return f.p.damage(f.next, fmt.Sprintf("message %d comes next", seq))
}
