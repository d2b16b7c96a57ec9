package embedded

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2/server"
)

// A conn is a client's connection. Its fields are its own goroutine's, but for those behind mu.
type conn struct {
	s     *Server
	id    int
	net   net.Conn
	in    *bufio.Reader
	out   *output
	buf   bytes.Buffer
	peer  *server.Peer // what runs its commands; answers go to buf
	heard *server.Peer // what listens to channels for it; nil until it does
	began time.Time
	quit  bool

	resp3    bool
	db       int
	tx       *transaction    // nil: no MULTI
	watches  bool            // keys, for the next transaction
	alone    bool            // nothing else runs
	channels map[string]bool // it listens to
	patterns map[string]bool
	silent   bool          // CLIENT REPLY OFF
	skip     int           // answers that are left out: CLIENT REPLY SKIP
	peeking  chan struct{} // closed when one who waits for the client's next byte has it

	mu     sync.Mutex
	about  about
	cutNow bool
}

// about is what CLIENT LIST says of a connection.
type about struct {
	name, lib, libVersion string
	command               string // the last
	active                time.Time
	db, subs, psubs       int
	queued                int // -1: no MULTI
	resp3, monitor        bool
	noEvict, noTouch      bool
}

const inputBuffer = maxLine

func newConn(s *Server, id int, n net.Conn) *conn {
	c := &conn{s: s, id: id, net: n, in: bufio.NewReaderSize(n, inputBuffer), out: newOutput(n), began: s.now(),
		channels: map[string]bool{}, patterns: map[string]bool{}}
	c.peer = newPeer(bufio.NewWriter(&c.buf))
	c.about = about{active: c.began, queued: -1, command: "NULL"}
	return c
}

// run answers the client until it goes.
func (c *conn) run() {
	defer c.end()
	for !c.quit {
		words, err := c.read()
		if err != nil {
			var wrong protocolError
			if errors.As(err, &wrong) {
				c.out.write([]byte("-" + wrong.Error() + "\r\n"))
			}
			return
		}
		if len(words) == 0 {
			continue
		}
		r := reply{resp3: c.resp3}
		c.execute(words, &r)
		if c.skip > 0 {
			c.skip--
		} else if !c.silent {
			c.out.write(r.b)
		}
	}
}

func (c *conn) read() ([]string, error) {
	if c.peeking != nil {
		<-c.peeking
		c.peeking = nil
	}
	return readCommand(c.in)
}

// end leaves nothing of the connection behind.
func (c *conn) end() {
	c.stopListening()
	c.monitor(false)
	c.s.forget(c)
	c.out.close()
}

// cutOff ends the connection from outside.
func (c *conn) cutOff() {
	c.mu.Lock()
	c.cutNow = true
	c.mu.Unlock()
	c.peer.Close() // for a command that waits
	_ = c.net.Close()
	c.out.close()
}

// execute runs one command or has it wait for EXEC.
func (c *conn) execute(words []string, r *reply) {
	cmd, wrong := find(words)
	if wrong == "" {
		wrong = c.refusal(cmd, words)
	}
	if wrong != "" {
		if c.tx != nil {
			c.tx.broken = true
		}
		r.fail(wrong)
		return
	}
	if c.tx != nil && !actsAtOnce(cmd.name) {
		c.tx.add(words)
		c.note(cmd)
		if c.tx.size > maxCommand {
			c.tx.broken, c.tx.words, c.tx.size = true, nil, 0
		}
		r.status("QUEUED")
		return
	}
	c.perform(cmd, words, r)
	c.note(cmd)
}

// refusal says why a command is not for this connection now, "" if it is.
func (c *conn) refusal(cmd *command, words []string) string {
	if !c.resp3 && len(c.channels)+len(c.patterns) > 0 {
		switch cmd.name {
		case "subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ping", "quit", "reset":
		default:
			return "ERR Can't execute '" + strings.ToLower(words[0]) + "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
		}
	}
	return ""
}

// perform runs a command: by this package, or by miniredis with what this package makes of words and answer.
func (c *conn) perform(cmd *command, words []string, r *reply) {
	c.s.commands.Add(1)
	if c.s.monitors.Load() > 0 && !cmd.has("admin") && !cmd.has("skip_monitor") {
		c.s.show(c, words)
	}
	if run := c.s.ours[cmd.name]; run != nil {
		run(c, words, r)
		return
	}
	c.expireBefore(cmd, words)
	switch {
	case c.alone || cmd.has("blocking"):
	case strings.HasPrefix(cmd.name, "eval"):
		c.s.run.Lock()
		c.alone, c.s.script = true, c
		defer func() {
			c.alone, c.s.script = false, nil
			c.s.run.Unlock()
		}()
	default:
		c.s.run.RLock()
		defer c.s.run.RUnlock()
	}
	if c.alone && strings.HasPrefix(cmd.name, "eval") {
		c.s.script = c
	}
	if cmd.has("blocking") && !c.alone {
		c.watchForEnd()
	}
	w := c.s.translate(c.db, cmd.name, words)
	if w.wrong != "" {
		r.fail(w.wrong)
		return
	}
	c.passOn(cmd, w, r)
}

// passOn has miniredis run a command.
func (c *conn) passOn(cmd *command, w wording, r *reply) {
	shape := shapeOf(cmd.name, w.words, c.resp3)
	c.peer.Resp3 = c.resp3 && shape == nil
	var raw []byte
	if c.alone && cmd.has("blocking") {
		raw = c.withoutWaiting(w.words)
	} else {
		raw = c.ask(w.words...)
	}
	if w.answer != nil {
		w.answer(raw, r)
		return
	}
	if c.resp3 && string(raw) == "*-1\r\n" {
		r.null()
		return
	}
	if shape == nil || raw[0] == '-' {
		r.b = append(r.b, raw...)
		return
	}
	if v, _, ok := parse(raw); ok {
		shape(v, r)
	}
}

// ask has miniredis run words and returns its answer, valid until the next call.
func (c *conn) ask(words ...string) []byte {
	c.buf.Reset()
	c.s.core.Dispatch(c.peer, words)
	c.peer.Flush()
	return c.buf.Bytes()
}

// expireBefore removes keys that have ended and that a command would see.
func (c *conn) expireBefore(cmd *command, words []string) {
	now := c.s.now().UnixMilli()
	if c.s.ends.first.Load() > now {
		return
	}
	expire := c.s.expire
	if c.alone {
		expire = c.s.expireAlone
	}
	switch cmd.name {
	case "dbsize", "keys", "scan", "randomkey", "info":
		for expire(now) {
		}
		return
	}
	if !expire(now) {
		return
	}
	if !c.alone {
		c.s.run.Lock()
		defer c.s.run.Unlock()
	}
	for _, key := range plainKeys(cmd, words) {
		c.s.endKey(place{c.db, key}, now)
	}
}

// watchForEnd ends a command that waits when its client goes.
func (c *conn) watchForEnd() {
	done := make(chan struct{})
	c.peeking = done
	go func() {
		defer close(done)
		if _, err := c.in.Peek(1); err != nil {
			c.peer.Close()
			c.s.mini.Del(own) // there is no such key: those who wait are woken
		}
	}()
}

// note keeps what CLIENT LIST says.
func (c *conn) note(cmd *command) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := &c.about
	a.command, a.active = cmd.name, c.s.now()
	a.db, a.resp3, a.subs, a.psubs, a.queued = c.db, c.resp3, len(c.channels), len(c.patterns), -1
	if c.tx != nil {
		a.queued = len(c.tx.words)
	}
}

// show tells those who asked for MONITOR of a command.
func (s *Server) show(c *conn, words []string) {
	now := s.now()
	line := fmt.Appendf(nil, "+%d.%06d [%d %s]", now.Unix(), now.Nanosecond()/1000, c.db, c.remote())
	for _, w := range words {
		line = append(append(line, ' '), quote(w)...)
	}
	line = append(line, "\r\n"...)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.conns {
		m.mu.Lock()
		if m.about.monitor {
			m.out.tell(line)
		}
		m.mu.Unlock()
	}
}

// quote writes a word as Redis does for people.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch ch := s[i]; {
		case ch == '"' || ch == '\\':
			b.WriteByte('\\')
			b.WriteByte(ch)
		case strings.IndexByte("\n\r\t\a\b", ch) >= 0:
			b.WriteByte('\\')
			b.WriteByte("nrtab"[strings.IndexByte("\n\r\t\a\b", ch)])
		case ch < ' ' || ch > '~':
			fmt.Fprintf(&b, "\\x%02x", ch)
		default:
			b.WriteByte(ch)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// remote is the address of the client; of one in the process, that of no port.
func (c *conn) remote() string { return address(c.net.RemoteAddr()) }
func (c *conn) local() string  { return address(c.net.LocalAddr()) }

func address(a net.Addr) string {
	if a.Network() == "pipe" {
		return "127.0.0.1:0"
	}
	return a.String()
}
