package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// feedTopic is what the generator of `nagare run` writes to.
const feedTopic = "purchase-events"

// Waits for a process.
const (
	startLimit  = time.Minute
	stopLimit   = 2 * time.Minute
	settleLimit = 5 * time.Minute
	statusPause = 200 * time.Millisecond
	settleLooks = 5 // so many in a row have to find it settled
)

// A child is a nagare process that runs alive.
type child struct {
	cmd     *exec.Cmd
	rate    float64
	address string
	data    string // its data folder
	pid     int    // of nagare, where it runs under another program
	began   time.Time
	ended   chan struct{}
	failed  error // once ended is closed
	stop    sync.Once

	mu   sync.Mutex
	said []string // its newest lines
}

// saidLines is how many lines of a process are kept for the case that it fails.
const saidLines = 20

// start begins a run with an empty data folder and waits for its API. A trace is the file that its system calls
// are noted in; "": they are not.
func (l *liveRun) start(ctx context.Context, v *variant, rate float64, backlog time.Duration, trace string) (*child, error) {
	data, err := os.MkdirTemp(l.dir, "data-*")
	if err != nil {
		return nil, err
	}
	generator := "off"
	if rate > 0 {
		generator = rateText(rate)
	}
	args := append([]string{v.exe, "run", v.project, "--data", filepath.Join(data, "d"), "--http", "127.0.0.1:0",
		"--generator", generator, "--backlog", backlog.String()}, v.more...)
	if trace != "" {
		args = append(traceCommand(l.strace, trace), args...)
	}
	c := &child{rate: rate, data: filepath.Join(data, "d"), ended: make(chan struct{})}
	c.cmd = exec.CommandContext(ctx, args[0], args[1:]...)
	ownGroup(c.cmd)
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.cmd.Stderr = c.cmd.Stdout
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	c.began = time.Now()
	addresses := make(chan string, 1)
	go func() {
		c.read(out, addresses)
		c.failed = c.cmd.Wait()
		close(c.ended)
	}()
	select {
	case c.address = <-addresses:
	case <-c.ended:
		return nil, fmt.Errorf("%s ended before it ran: %s", strings.Join(args, " "), c.lastWords())
	case <-time.After(startLimit):
		return nil, errors.Join(fmt.Errorf("%s told no address in %v: %s", strings.Join(args, " "), startLimit, c.lastWords()), c.end())
	}
	st, err := c.status(ctx)
	if err != nil {
		return nil, errors.Join(err, c.end())
	}
	c.pid = st.Info.PID
	return c, nil
}

// read finds the address in what a process prints, and keeps its newest lines.
func (c *child) read(out io.Reader, address chan<- string) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "api "); ok {
			select {
			case address <- strings.TrimSpace(text):
			default:
			}
		}
		c.mu.Lock()
		c.said = append(c.said, lines.Text())
		c.said = c.said[max(0, len(c.said)-saidLines):]
		c.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, out) // behind a line that is too long
}

// lastWords is the last lines that a process printed.
func (c *child) lastWords() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.said) == 0 {
		return "it printed nothing"
	}
	return strings.Join(c.said, "\n")
}

// end stops the process as Ctrl-C does, once.
func (c *child) end() (err error) {
	c.stop.Do(func() {
		select {
		case <-c.ended:
			err = fmt.Errorf("it ended by itself (%v): %s", c.failed, c.lastWords())
			return
		default:
		}
		p, _ := os.FindProcess(c.pid)
		if c.pid == 0 || p == nil {
			p = c.cmd.Process
		}
		err = p.Signal(os.Interrupt)
		select {
		case <-c.ended:
			if c.failed != nil {
				err = errors.Join(err, fmt.Errorf("stop it: %w: %s", c.failed, c.lastWords()))
			}
		case <-time.After(stopLimit):
			err = errors.Join(err, fmt.Errorf("it did not stop in %v: %s", stopLimit, c.lastWords()), c.cmd.Cancel())
			<-c.ended
		}
	})
	return err
}

// liveStatus is what of /api/status is looked at. Processes of other versions have it, too.
type liveStatus struct {
	Info struct {
		PID int `json:"pid"`
	} `json:"info"`
	Rates struct {
		Overdue int64 `json:"overdue"` // events that are due and not written
	} `json:"rates"`
	Engine struct {
		Events     int64 `json:"events"`
		Partitions []struct {
			Topic     string `json:"topic"`
			Lag       int64  `json:"lag"`
			EventTime int64  `json:"eventTime"` // µs
		} `json:"partitions"`
		OutboxRows int64 `json:"outboxRows"`
		Sinks      []struct {
			Waiting int64 `json:"waiting"`
		} `json:"sinks"`
	} `json:"engine"`
}

func (c *child) status(ctx context.Context) (st liveStatus, err error) {
	err = c.get(ctx, "/api/status", func(body io.Reader) error { return json.NewDecoder(body).Decode(&st) })
	return st, err
}

// get asks the process and hands over the answer's body.
func (c *child) get(ctx context.Context, path string, take func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%w; it said: %s", err, c.lastWords())
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return fmt.Errorf("GET %s: %s: %s", path, resp.Status, text)
	}
	return take(resp.Body)
}

// unsettled says what of the backlog is not done, "" if nothing is. Events of the newest second, and the rows
// that they make, are under way at any time.
func (st *liveStatus) unsettled(rate float64, now time.Time) string {
	second := int64(max(rate, 10))
	var lag, newest int64
	for _, p := range st.Engine.Partitions {
		lag += p.Lag
		if p.Topic == feedTopic {
			newest = max(newest, p.EventTime)
		}
	}
	waiting := st.Engine.OutboxRows
	for _, s := range st.Engine.Sinks {
		waiting += s.Waiting
	}
	behind := now.Sub(time.UnixMicro(newest))
	switch {
	case st.Rates.Overdue > second:
		return fmt.Sprintf("%d events are overdue", st.Rates.Overdue)
	case lag > second:
		return fmt.Sprintf("%d records are not read", lag)
	case rate > 0 && newest <= 0:
		return "no event is read"
	case rate > 0 && behind > 2*time.Second+time.Duration(2/rate*float64(time.Second)):
		return fmt.Sprintf("the newest event that is read is of %v ago", behind.Round(time.Millisecond))
	case waiting > 10*second:
		return fmt.Sprintf("%d rows wait for their sinks", waiting)
	}
	return ""
}

// settle waits until the backlog is done: lag 0 but for what is under way, at several looks in a row. It returns
// how long after its start that was, in seconds, and what was not done if it never was.
func (c *child) settle(ctx context.Context) (after float64, trouble string, err error) {
	looks := 0
	var stuck string
	wait, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	err = every(wait, statusPause, func() (bool, error) {
		st, err := c.status(wait)
		if err != nil {
			return false, err
		}
		if stuck = st.unsettled(c.rate, time.Now()); stuck != "" {
			looks = 0
			return false, nil
		}
		if looks++; looks == 1 {
			after = time.Since(c.began).Seconds()
		}
		return looks == settleLooks, nil
	})
	switch {
	case ctx.Err() != nil:
		return 0, "", ctx.Err()
	case wait.Err() != nil:
		return time.Since(c.began).Seconds(), fmt.Sprintf("not settled in %v: %s", settleLimit, stuck), nil
	}
	return after, "", err
}

// every calls do until it says so, fails, or ctx ends.
func every(ctx context.Context, pause time.Duration, do func() (bool, error)) error {
	again := time.NewTicker(pause)
	defer again.Stop()
	for {
		if done, err := do(); done || err != nil {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
