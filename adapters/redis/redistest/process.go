package redistest

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Env says, when it is "required", that a test without a real Redis fails instead of being skipped.
const Env = "NAGARE_TEST_REDIS_SERVER"

// deadline is how long a server may take to start before a test gives it up.
const deadline = 30 * time.Second

// A Process is a redis-server that keeps nothing over its end.
type Process struct {
	Addr string // 127.0.0.1:PORT, the same for all lives

	t    testing.TB
	port string      // the flag that gives it its port
	tls  *tls.Config // nil: it speaks no TLS
	bus  string      // port for the other servers of a cluster
	args []string
	cmd  *exec.Cmd
	dir  string
}

// Start starts a redis-server on a free port with further arguments, such as "--requirepass", "x". It is
// killed when the test ends. A test is skipped on a machine without one, unless Env says otherwise.
func Start(t testing.TB, args ...string) *Process {
	t.Helper()
	return start(t, nil, args)
}

// StartTLS starts a redis-server that speaks TLS alone, with a certificate for 127.0.0.1, and wants one of its
// clients, as it does unless told otherwise.
func StartTLS(t testing.TB, a *Authority, args ...string) *Process {
	t.Helper()
	cert, key := a.Issue("server")
	return start(t, a, append([]string{"--port", "0", "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", a.File}, args...))
}

func start(t testing.TB, a *Authority, args []string) *Process {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		const how = "there is no redis-server: apt-get install redis-server"
		if os.Getenv(Env) == "required" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	p := &Process{Addr: freeAddr(t), t: t, port: "--port", args: args, dir: t.TempDir()}
	if a != nil {
		p.port, p.tls = "--tls-port", a.Client()
	}
	t.Cleanup(p.Kill)
	p.Begin()
	return p
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Begin starts the server, again after Kill, and returns when it answers.
func (p *Process) Begin() {
	p.t.Helper()
	_, port, _ := net.SplitHostPort(p.Addr)
	args := append([]string{p.port, port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", p.dir,
		"--enable-debug-command", "yes", "--logfile", filepath.Join(p.dir, "log")}, p.args...)
	p.cmd = exec.Command("redis-server", args...)
	if err := p.cmd.Start(); err != nil {
		p.t.Fatalf("start redis-server: %v", err)
	}
	c := p.Client()
	defer c.Close()
	for begin := time.Now(); ; time.Sleep(2 * time.Millisecond) { // it says nowhere else that it is ready
		err := c.Ping(context.Background()).Err()
		if err == nil || strings.HasPrefix(err.Error(), "NOAUTH") {
			return
		}
		if time.Since(begin) > deadline {
			text, _ := os.ReadFile(filepath.Join(p.dir, "log"))
			p.t.Fatalf("redis-server does not answer: %v\n%s", err, text)
		}
	}
}

// Signal sends the server a signal, as SIGSTOP and SIGCONT: one that hangs, and goes on.
func (p *Process) Signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("send %v to redis-server: %v", s, err)
	}
}

// Kill ends the server at once. Everything in it is lost.
func (p *Process) Kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // killed: its state is no news
	p.cmd = nil
}

// Client is a connection to look at the server with.
func (p *Process) Client() *goredis.Client {
	opt := clientOptions(p.Addr, "")
	opt.TLSConfig = p.tls
	return goredis.NewClient(opt)
}

// Client is a connection to look at a server with.
func Client(addr, password string) *goredis.Client {
	return goredis.NewClient(clientOptions(addr, password))
}

func clientOptions(addr, password string) *goredis.Options {
	return &goredis.Options{Addr: addr, Password: password, MaxRetries: -1, DialerRetries: 1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}}
}
