package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/engine/retry"
)

// An intake sends records to a process as fast as it acknowledges them.
type intake struct {
	url    string
	token  string
	bodies [][]byte
}

// Of an intake.
const (
	intakeRecords = 2000 // in a request
	intakeBodies  = 40   // that are sent again and again, of two seconds in all: none becomes late
	intakeSenders = 2
)

func newIntake(c *child) (*intake, error) {
	token, err := os.ReadFile(filepath.Join(c.data, "token"))
	if err != nil {
		return nil, err
	}
	const records = intakeRecords * intakeBodies
	g, err := generator.New(generator.Config{Seed: 42, Start: time.Now(), Rate: records / 2})
	if err != nil {
		return nil, err
	}
	in := &intake{url: c.address + "/api/topics/" + feedTopic, token: strings.TrimSpace(string(token))}
	for body := range int64(intakeBodies) {
		var lines []byte
		for i := range int64(intakeRecords) {
			lines = append(lines, g.Event(body*intakeRecords+i, nil).Value...)
			lines = append(lines, '\n')
		}
		in.bodies = append(in.bodies, lines)
	}
	return in, nil
}

// run sends for a window, and returns how many records were acknowledged in which time.
func (in *intake) run(ctx context.Context, window time.Duration) (records int64, took time.Duration, err error) {
	begin := time.Now()
	var sent atomic.Int64
	failed := make(chan error, intakeSenders)
	for sender := range intakeSenders {
		go func() {
			for k := sender; time.Since(begin) < window; k++ {
				if err := in.send(ctx, in.bodies[k%len(in.bodies)]); err != nil {
					failed <- err
					return
				}
				sent.Add(intakeRecords)
			}
			failed <- nil
		}()
	}
	for range intakeSenders {
		err = errors.Join(err, <-failed)
	}
	if err == nil && sent.Load() == 0 {
		err = fmt.Errorf("no record was acknowledged in %v", window)
	}
	return sent.Load(), time.Since(begin), err
}

func (in *intake) send(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, in.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+in.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("POST %s: %s: %s", in.url, resp.Status, text)
	}
	return err
}

// A crowd is the clients of a process, which come and leave together.
type crowd struct {
	host string
	cfg  PageConfig
	got  []atomic.Int64 // updates, by client that reads
	stop context.CancelFunc
	all  sync.WaitGroup

	mu     sync.Mutex
	failed error
}

func newCrowd(address string, cfg PageConfig) *crowd {
	return &crowd{host: strings.TrimPrefix(address, "http://"), cfg: cfg, got: make([]atomic.Int64, cfg.Clients-cfg.Stalled)}
}

// come has all clients connect, and returns when those that read have their first update.
func (w *crowd) come(ctx context.Context) error {
	ctx, w.stop = context.WithCancel(ctx)
	ready := make(chan struct{}, len(w.got))
	for i := range w.got {
		w.all.Go(func() { w.note(w.follow(ctx, &w.got[i], ready)) })
	}
	for range w.cfg.Stalled {
		w.all.Go(func() { w.note(w.stall(ctx)) })
	}
	for i := range w.cfg.Slow {
		w.all.Go(func() { w.note(w.drip(ctx, i)) })
	}
	for range w.got {
		select {
		case <-ready:
		case <-time.After(startLimit):
			return errors.Join(errors.New("clients got no update"), w.leave())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// leave ends all clients, and returns what went wrong.
func (w *crowd) leave() error {
	w.stop()
	w.all.Wait()
	return w.failed
}

func (w *crowd) note(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil {
		w.failed = err
	}
}

// updates is what the least and the most lucky of the clients that read got.
func (w *crowd) updates() (ends [2]int64) {
	for i := range w.got {
		n := w.got[i].Load()
		if i == 0 {
			ends = [2]int64{n, n}
		}
		ends = [2]int64{min(ends[0], n), max(ends[1], n)}
	}
	return ends
}

// dial connects, and closes the connection when ctx ends.
func (w *crowd) dial(ctx context.Context) (net.Conn, func(), error) {
	c, err := net.Dial("tcp", w.host)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	return c, func() { stop(); _ = c.Close() }, nil
}

func (w *crowd) head(line string) string { return line + " HTTP/1.1\r\nHost: " + w.host + "\r\n" }

// follow reads updates.
func (w *crowd) follow(ctx context.Context, got *atomic.Int64, ready chan<- struct{}) error {
	c, end, err := w.dial(ctx)
	if err != nil {
		return err
	}
	defer end()
	_, _ = io.WriteString(c, w.head("GET /api/events")+"\r\n")
	in, first := bufio.NewReader(c), true
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("follow updates: %w", err)
		case string(line) == "event: status\n":
			got.Add(1)
			if first {
				first = false
				ready <- struct{}{}
			}
		}
	}
}

// stall asks for updates and takes none.
func (w *crowd) stall(ctx context.Context) error {
	c, end, err := w.dial(ctx)
	if err != nil {
		return err
	}
	defer end()
	_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
	_, _ = io.WriteString(c, w.head("GET /api/events")+"\r\n")
	<-ctx.Done()
	return nil
}

// dripPause is between two bytes of a slow connection.
const dripPause = time.Second

// drip sends a header, or a body, a byte at a time, and comes again when it is cut.
func (w *crowd) drip(ctx context.Context, i int) error {
	for ctx.Err() == nil {
		c, end, err := w.dial(ctx)
		if err != nil {
			return err
		}
		if i%2 == 1 {
			_, _ = io.WriteString(c, w.head("POST /api/query")+"Content-Length: 1000\r\n\r\n")
		}
		for err == nil && retry.Pause(ctx, dripPause) == nil {
			_, err = io.WriteString(c, "x")
		}
		end()
	}
	return nil
}

// An overview is a browser that has the page's overview open: it follows updates, and reads with them what its charts
// show, as often as adapters/web/page/views/overview.js does.
type overview struct {
	child   *child
	polls   []poll
	answers atomic.Int64
	stop    context.CancelFunc
	ended   chan error
}

type poll struct {
	path  string
	every int // updates
}

func newOverview(c *child) *overview { return &overview{child: c} }

// pageChart is what of /api/page decides what is read.
type pageChart struct {
	From string `json:"from"`
	Kind string `json:"kind"`
}

// polls is what the overview reads of a project's charts.
func pollsOf(charts []pageChart) (polls []poll) {
	for _, c := range charts {
		how, ok := map[string]poll{
			"time":   {"?open=true&limit=120", 1},
			"ranked": {"?open=true&limit=500", 3},
			"table":  {"?open=true&limit=200", 3},
			"bars":   {"?limit=1000", 5},
		}[c.Kind]
		if !ok {
			how = poll{"?limit=60", 1}
		}
		age := fmt.Sprintf("&maxAge=%d&format=cells", how.every*1000-100)
		polls = append(polls, poll{"/api/tables/" + url.PathEscape(c.From) + how.path + age, how.every})
	}
	return polls
}

// open returns when everything was read once.
func (o *overview) open(ctx context.Context) error {
	var page struct {
		Charts []pageChart `json:"charts"`
	}
	err := o.child.get(ctx, "/api/page", func(body io.Reader) error { return json.NewDecoder(body).Decode(&page) })
	if err != nil {
		return err
	}
	o.polls = pollsOf(page.Charts)
	ctx, o.stop = context.WithCancel(ctx)
	o.ended = make(chan error, 1)
	ready := make(chan struct{})
	go func() { o.ended <- o.follow(ctx, ready) }()
	select {
	case <-ready:
		return nil
	case err := <-o.ended:
		o.ended <- nil
		return errors.Join(err, o.close())
	}
}

func (o *overview) follow(ctx context.Context, ready chan<- struct{}) error {
	updates := 0
	err := o.child.get(ctx, "/api/events", func(body io.Reader) error {
		in := bufio.NewScanner(body)
		in.Buffer(nil, 16<<20)
		for in.Scan() {
			if in.Text() != "event: status" {
				continue
			}
			o.answers.Add(1)
			if err := o.read(ctx, updates); err != nil {
				return err
			}
			if updates++; updates == 1 {
				close(ready)
			}
		}
		return in.Err()
	})
	if ctx.Err() != nil {
		return nil
	}
	return errors.Join(errors.New("the updates ended"), err)
}

// read reads what is due with an update.
func (o *overview) read(ctx context.Context, update int) error {
	due := slices.Collect(func(yield func(int) bool) {
		for i := range o.polls {
			if update%o.polls[i].every == 0 && !yield(i) {
				return
			}
		}
	})
	return together(due, func(i int) error {
		err := o.child.get(ctx, o.polls[i].path, func(body io.Reader) error {
			_, err := io.Copy(io.Discard, body)
			return err
		})
		o.answers.Add(1)
		return err
	})
}

func (o *overview) close() error {
	o.stop()
	return <-o.ended
}
