package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/nagare-stream/nagare/engine"
)

// pipes is a listener whose connections have no buffers: what nobody reads stays with who writes it.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	near, far := net.Pipe()
	p.conns <- far
	return near
}

// serve runs a server over pipes in the bubble of a test, until its end.
func serve(t *testing.T, b Backend) (*Server, *pipes) {
	s, l := newTestServer(b), newPipes()
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.http.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s, l
}

const requestHead = " HTTP/1.1\r\nHost: " + testAddress + "\r\nAuthorization: Bearer " + testToken + "\r\n"

// exchange sends a request and reads its answer.
func exchange(t *testing.T, c net.Conn, text string) (*http.Response, string) {
	t.Helper()
	go func() { _, _ = io.WriteString(c, text) }()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%.40q…: %v", text, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%.40q…: %v", text, err)
	}
	return resp, string(body)
}

// turning is a backend whose status has another epoch each time, and is large.
type turning struct {
	*fakeBackend
	epoch atomic.Uint64
}

func (b *turning) Status() engine.Status {
	st := b.fakeBackend.Status()
	st.Epoch = b.epoch.Add(1)
	st.State = strings.Repeat("x", 1<<18)
	return st
}

// drip sends a text a byte a second, and then waits for the end of the connection. It returns how long that took, and
// what came back.
func drip(c net.Conn, text string) (time.Duration, string) {
	begin, back := time.Now(), make(chan string)
	go func() {
		all, _ := io.ReadAll(c)
		back <- string(all)
	}()
	for i := range len(text) {
		if _, err := io.WriteString(c, text[i:i+1]); err != nil {
			break
		}
		time.Sleep(time.Second)
	}
	answer := <-back
	return time.Since(begin), answer
}

// TestManyClients has 64 clients follow events, 8 of which stall, and 500 that send a byte a second. In virtual time:
// those that read get every update, with the newest state; the stalled ones hold at most two updates in memory, and
// are let go; the slow ones are cut; and records are taken in all the time.
func TestManyClients(t *testing.T) {
	const clients, stalled, slow, seconds = 64, 8, 500, 50
	synctest.Test(t, func(t *testing.T) {
		b := &turning{fakeBackend: newFake()}
		s, l := serve(t, b)
		made := watchUpdates(s)
		var got [clients - stalled]atomic.Int64
		for i := range clients {
			c := l.dial()
			t.Cleanup(func() { _ = c.Close() })
			_, _ = io.WriteString(c, "GET /api/events"+requestHead+"\r\n")
			if i < stalled {
				_, _ = c.Read(make([]byte, 100)) // and no more
				continue
			}
			go countUpdates(t, c, &got[i-stalled], &b.epoch)
		}
		var cut [2]atomic.Int64 // in their header and in their body
		for i := range slow {
			go func() {
				c := l.dial()
				if i%2 == 0 {
					if took, _ := drip(c, "GET /api/status"+requestHead+"\r\n"); took <= headerTimeout+time.Second {
						cut[0].Add(1)
					}
					return
				}
				_, _ = io.WriteString(c, "POST /api/query"+requestHead+"Content-Length: 1000\r\n\r\n")
				took, answer := drip(c, strings.Repeat(" ", 1000))
				if took <= stallTimeout+time.Second && strings.HasPrefix(answer, "HTTP/1.1 408 ") && strings.Contains(answer, "did not come in 30s") {
					cut[1].Add(1)
				}
			}()
		}
		intake := l.dial()
		for second := range seconds {
			if resp, body := exchange(t, intake, "POST /api/topics/t"+requestHead+"Content-Length: 2\r\n\r\n1\n"); resp.StatusCode != http.StatusOK {
				t.Fatalf("after %d s records are not taken in: %s: %s", second, resp.Status, body)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if n := made.held(); n > 2 {
				t.Fatalf("after %d s %d updates are in memory, want the newest and that which the stalled have not taken", second+1, n)
			}
			if second == int(stallLook.Seconds()) && lookers(s) != clients-stalled {
				t.Errorf("after %d s %d clients look, want the %d that read", second+1, lookers(s), clients-stalled)
			}
		}
		for i := range got {
			if n := got[i].Load(); n != int64(len(made.all)) {
				t.Errorf("client %d got %d of %d updates", i, n, len(made.all))
			}
		}
		if cut[0].Load() != slow/2 || cut[1].Load() != slow/2 {
			t.Errorf("of %d slow clients each, %d were cut in their header and %d in their body", slow/2, cut[0].Load(), cut[1].Load())
		}
		if n := s.conns.open.Load(); n != clients-stalled+1 {
			t.Errorf("%d connections are open, want those of the clients that read and of the intake", n)
		}
		_ = intake.Close()
	})
}

// madeUpdates knows which updates are still in memory.
type madeUpdates struct{ all []weak.Pointer[byte] }

func watchUpdates(s *Server) *madeUpdates {
	m := &madeUpdates{}
	plain := s.live.make
	s.live.make = func(ctx context.Context, state *liveState) []byte {
		update := plain(ctx, state)
		m.all = append(m.all, weak.Make(&update[0]))
		return update
	}
	return m
}

func (m *madeUpdates) held() (n int) {
	runtime.GC()
	for _, p := range m.all {
		if p.Value() != nil {
			n++
		}
	}
	return n
}

func lookers(s *Server) int {
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	return len(s.live.lookers)
}

// countUpdates reads events, and counts those of the state that is the newest.
func countUpdates(t *testing.T, c net.Conn, n *atomic.Int64, epoch *atomic.Uint64) {
	in := bufio.NewReaderSize(c, 4<<20)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if text, ok := strings.CutPrefix(string(line[:min(len(line), 10)]), "id: "); ok && strings.HasSuffix(text, "\n") {
			continue
		}
		if strings.HasPrefix(string(line[:min(len(line), 20)]), "data: {\"time\"") {
			if want := fmt.Sprintf(`"epoch":%d,`, epoch.Load()); !strings.Contains(string(line), want) {
				t.Errorf("an update is not of the newest state: no %s", want)
			}
			n.Add(1)
		}
	}
}

// TestConnectionsAboveTheLimit answers those with a sentence, closes more, and takes new ones when others end.
func TestConnectionsAboveTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := serve(t, newFake())
		ask := func(c net.Conn) (*http.Response, string) { return exchange(t, c, "GET /api/status"+requestHead+"\r\n") }
		var open []net.Conn
		for range maxConnections {
			open = append(open, l.dial())
			if resp, body := ask(open[len(open)-1]); resp.StatusCode != http.StatusOK {
				t.Fatalf("connection %d: %s: %s", len(open), resp.Status, body)
			}
		}
		for range maxRefused { // they send nothing yet
			open = append(open, l.dial())
		}
		synctest.Wait()
		if _, err := l.dial().Read(make([]byte, 1)); err == nil {
			t.Error("connections are without limit")
		}
		resp, body := ask(open[maxConnections])
		if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "1024 connections are open, which is the limit") || !resp.Close {
			t.Errorf("%s: %s", resp.Status, body)
		}
		for _, c := range open {
			_ = c.Close()
		}
		synctest.Wait()
		if n := s.conns.open.Load(); n != 0 {
			t.Fatalf("%d connections are counted, all are closed", n)
		}
		last := l.dial()
		if resp, body := ask(last); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", resp.Status, body)
		}
		_ = last.Close()
	})
}

// TestUnreadBodyIsCut has a body come slowly that no handler reads: of a request without a token, and of one that has
// no body.
func TestUnreadBodyIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := serve(t, newFake())
		for _, head := range []string{
			"POST /api/topics/t HTTP/1.1\r\nHost: " + testAddress + "\r\n",
			"GET /api/status" + requestHead,
		} {
			c := l.dial()
			_, _ = io.WriteString(c, head+"Content-Length: 1000\r\n\r\n")
			if took, _ := drip(c, strings.Repeat(" ", 1000)); took > stallTimeout+time.Second {
				t.Errorf("%.20q: cut after %v, want %v", head, took, stallTimeout)
			}
		}
		synctest.Wait()
		if n := s.conns.open.Load(); n != 0 {
			t.Errorf("%d connections are open", n)
		}
	})
}
