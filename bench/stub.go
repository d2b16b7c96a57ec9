package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// A trouble is what may be wrong with a Redis.
type trouble string

const (
	healthy  trouble = "healthy"
	down     trouble = "down"     // connections are refused
	hanging  trouble = "hanging"  // it takes connections and never answers
	slow     trouble = "slow"     // 50 ms an answer
	full     trouble = "OOM"      // it refuses to write
	readonly trouble = "READONLY" // the same, as a replica does
	loading  trouble = "LOADING"  // it refuses everything
	partly   trouble = "partly"   // it takes marks and refuses rows, as one whose memory is full at times
)

// troubles is what is measured, first how exact it is.
var troubles = []trouble{healthy, down, hanging, slow, full, readonly, loading, partly}

// slowAnswer is how long a slow server takes for what it has read at a time.
const slowAnswer = 50 * time.Millisecond

var refusals = map[trouble]string{
	full:     "-OOM command not allowed when used memory > 'maxmemory'.\r\n",
	readonly: "-READONLY You can't write against a read only replica.\r\n",
	loading:  "-LOADING Redis is loading the dataset in memory\r\n",
	partly:   "-OOM command not allowed when used memory > 'maxmemory'.\r\n",
}

// A stub speaks the Redis protocol and does as little as it can, so that its work is hardly in the figures: it
// keeps the marks and forgets all rows. It gets into trouble when it is told to.
type stub struct {
	addr string

	mu       sync.Mutex
	listener net.Listener
	trouble  trouble
	calm     chan struct{} // closed when the trouble ends
	conns    map[net.Conn]bool
	marks    map[string]string
	rows     int64 // taken
	refused  int64 // commands, of whatever kind
	done     sync.WaitGroup
}

func newStub() (*stub, error) {
	s := &stub{addr: "127.0.0.1:0", trouble: healthy, calm: make(chan struct{}), conns: map[net.Conn]bool{}, marks: map[string]string{}}
	return s, s.listen()
}

func (s *stub) listen() error {
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("open a port for an imitation of Redis: %w", err)
	}
	s.addr, s.listener = l.Addr().String(), l
	s.done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[c] = true
			s.mu.Unlock()
			s.done.Go(func() { s.serve(c) })
		}
	})
	return nil
}

// enter gets the server into a trouble, or out of it.
func (s *stub) enter(t trouble) error {
	s.mu.Lock()
	was := s.trouble
	s.trouble, s.rows, s.refused = t, 0, 0
	close(s.calm)
	s.calm = make(chan struct{})
	s.mu.Unlock()
	if t == down {
		return s.shut()
	}
	if was == down {
		return s.listen()
	}
	return nil
}

// counts is how many rows were taken and commands refused since the last change.
func (s *stub) counts() (rows, refused int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rows, s.refused
}

// shut closes the port and all connections.
func (s *stub) shut() error {
	err := s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
	return err
}

func (s *stub) close() error {
	err := s.enter(healthy) // wakes what hangs
	err = errors.Join(err, s.shut())
	s.done.Wait()
	return err
}

// serve answers commands until the connection ends.
func (s *stub) serve(c net.Conn) {
	defer func() {
		_ = c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	in, out := bufio.NewReaderSize(c, 64<<10), bufio.NewWriterSize(c, 64<<10)
	var args []string
	for {
		var err error
		if args, err = readCommand(in, args[:0]); err != nil {
			return
		}
		s.hang()
		if _, err := out.WriteString(s.answer(args)); err != nil {
			return
		}
		if in.Buffered() > 0 {
			continue
		}
		s.delay()
		if out.Flush() != nil {
			return
		}
	}
}

// hang waits for the end of that trouble.
func (s *stub) hang() {
	s.mu.Lock()
	t, calm := s.trouble, s.calm
	s.mu.Unlock()
	if t == hanging {
		<-calm
	}
}

// delay holds answers back while the server is slow.
func (s *stub) delay() {
	s.mu.Lock()
	t, calm := s.trouble, s.calm
	s.mu.Unlock()
	if t != slow {
		return
	}
	select {
	case <-time.After(slowAnswer):
	case <-calm:
	}
}

// answer carries out a command. Of a row only the first two words are given.
func (s *stub) answer(args []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	mark := len(args) > 1 && strings.HasPrefix(args[1], "nagare:")
	switch args[0] {
	case "hello", "HELLO":
		return "-ERR unknown command 'HELLO'\r\n" // the client then speaks the older protocol
	case "get", "GET":
		if s.trouble == loading {
			break
		}
		if text, ok := s.marks[args[1]]; ok {
			return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
		}
		return "$-1\r\n"
	case "set", "SET":
		if text, is := refusals[s.trouble]; is && !(mark && s.trouble == partly) {
			s.refused++
			return text
		}
		if mark {
			s.marks[args[1]] = args[2]
		} else {
			s.rows++
		}
		return "+OK\r\n"
	case "hset", "HSET", "zadd", "ZADD", "pexpire", "PEXPIRE":
		if text, is := refusals[s.trouble]; is {
			s.refused++
			return text
		}
		s.rows++
		return ":1\r\n"
	}
	if s.trouble == loading {
		s.refused++
		return refusals[loading]
	}
	return "+OK\r\n"
}

// readCommand reads an array of strings, and of those the first three that are short.
func readCommand(in *bufio.Reader, args []string) ([]string, error) {
	n, err := readLength(in, '*')
	if err != nil {
		return nil, err
	}
	for i := range n {
		size, err := readLength(in, '$')
		if err != nil {
			return nil, err
		}
		if i < 3 && size < 256 {
			b, err := in.Peek(size)
			if err != nil {
				return nil, err
			}
			args = append(args, string(b))
		}
		if _, err := in.Discard(size + 2); err != nil {
			return nil, err
		}
	}
	if len(args) < 2 {
		args = append(args, "", "")
	}
	return args, nil
}

// readLength reads the line that tells one.
func readLength(in *bufio.Reader, kind byte) (n int, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 4 || line[0] != kind {
		return 0, io.ErrUnexpectedEOF
	}
	for _, digit := range line[1 : len(line)-2] {
		n = n*10 + int(digit-'0')
	}
	return n, nil
}
