package redis_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/adapters/redis"
	"github.com/nagare-stream/nagare/adapters/redis/redistest"
)

// users is an access list with one user, who may do what the advice on NOPERM names and nothing else.
var users = []string{"--user", "default", "off", "--user", "writer", "on", ">right-password", "~nagare:*", "~k*", "-@all",
	"+set", "+hset", "+zadd", "+pexpire", "+get", "+client|setname", "+cluster|slots"}

// TestTLS: a server that speaks TLS alone, knows its clients by certificate and user, and lets the user do only
// what a sink needs.
func TestTLS(t *testing.T) {
	t.Parallel()
	ca := redistest.NewAuthority(t)
	server := redistest.StartTLS(t, ca, users...)
	testSecure(t, ca, "rediss://writer@"+server.Addr, server)
}

// TestTLSCluster: the same of a cluster, by several addresses and by one.
func TestTLSCluster(t *testing.T) {
	t.Parallel()
	ca := redistest.NewAuthority(t)
	c := redistest.StartCluster(t, ca, 3, 0)
	for _, p := range c.Masters {
		p.Do("ACL", "SETUSER", "writer", "on", ">right-password", "~nagare:*", "~k*", "-@all", "+set", "+hset", "+zadd", "+pexpire", "+get", "+client|setname", "+cluster|slots")
	}
	testSecure(t, ca, "rediss://writer@"+c.Masters[0].Addr+","+c.Masters[1].Addr, c.Masters...)
	testSecure(t, ca, "rediss://writer@"+c.Masters[2].Addr, c.Masters...)
}

func testSecure(t *testing.T, ca *redistest.Authority, address string, servers ...*redistest.Process) {
	t.Helper()
	cert, key := ca.Issue("nagare")
	server, err := redis.Open(context.Background(), redis.Config{Address: address + "?cacert=" + ca.File + "&cert=" + cert + "&key=" + key, Password: "right-password"})
	if err != nil {
		t.Fatal(err)
	}
	if text := server.String(); strings.Contains(text, "password") || strings.Contains(text, "writer") || !strings.Contains(text, servers[len(servers)-1].Addr) && len(servers) == 1 {
		t.Errorf("it is shown as %s", text)
	}
	for _, shape := range []redis.Shape{redis.Text, redis.Hash, redis.SortedSet} {
		sink := redis.NewSink(server, redis.SinkConfig{Name: "secure", Shape: shape, TTL: time.Hour})
		var cells []cell
		for _, c := range keys(100, "1") {
			c.key, c.field = []string{"kt", "kh", "kz"}[shape]+c.key.(string), "f"
			cells = append(cells, c)
		}
		if err := sink.Write(context.Background(), 1, rowsOf(cells...)); err != nil {
			t.Fatal(err)
		}
		await(t, "a sink that has written everything", func() bool {
			st := sink.Report()
			if st.State == "degraded" || st.Refused > 0 {
				t.Fatalf("%+v", st)
			}
			return st.Written == 100
		})
		if err := sink.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

// TestTLSRefuses: what is wrong with TLS at a start is said with what to do.
func TestTLSRefuses(t *testing.T) {
	t.Parallel()
	ca := redistest.NewAuthority(t)
	cert, key := ca.Issue("nagare")
	own := "&cert=" + cert + "&key=" + key
	secure := redistest.StartTLS(t, ca, users...)
	plain := redistest.Start(t)
	_, port, _ := net.SplitHostPort(secure.Addr)
	notRedis := listen(t, func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) })
	for _, c := range []struct{ name, address, want string }{
		{"unknown authority", "rediss://" + secure.Addr + "?" + own, "name the file of that authority's, rediss://HOST:PORT?cacert=FILE"},
		{"another name", "rediss://localhost:" + port + "?cacert=" + ca.File + own, "use the name that its certificate has"},
		{"no certificate of the client", "rediss://" + secure.Addr + "?cacert=" + ca.File, "rediss://HOST:PORT?cert=FILE&key=FILE"},
		{"no TLS where it is wanted", secure.Addr, "does it want TLS (rediss://)?"},
		{"TLS where there is none", "rediss://" + plain.Addr, "write redis:// in the place of rediss://"},
		{"no user", "rediss://" + secure.Addr + "?cacert=" + ca.File + own, "set NAGARE_REDIS_PASSWORD"},
		{"a wrong password", "rediss://writer:wrong-password@" + secure.Addr + "?cacert=" + ca.File + own, "it refuses the password"},
		{"no Redis", notRedis, "look at the address"},
		{"a plain server as a cluster", plain.Addr + "," + plain.Addr, "give one address"},
		{"a database that is not there", "redis://" + plain.Addr + "/99", "it has no such database"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			s, err := redis.Open(context.Background(), redis.Config{Address: c.address})
			if err == nil {
				t.Fatal("it opened", s.Close())
			}
			var unavailable *redis.UnavailableError
			if !errors.As(err, &unavailable) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "wrong-password") || !strings.Contains(err.Error(), unavailable.Address) {
				t.Errorf("%v", err)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// listen serves each connection once.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

// TestTLSFiles: files that cannot be used are told before anything is connected to.
func TestTLSFiles(t *testing.T) {
	ca := redistest.NewAuthority(t)
	cert, key := ca.Issue("nagare")
	for address, want := range map[string]string{
		"rediss://u:secret@h:1?cacert=/no/such/file":        "its cacert cannot be read",
		"rediss://u:secret@h:1?cacert=" + key:               "holds no certificate",
		"rediss://u:secret@h:1?cert=" + cert:                "a cert needs a key",
		"rediss://u:secret@h:1?cert=" + key + "&key=" + key: "cannot be read",
		"redis://u:secret@h:1?cacert=" + ca.File:            "is for rediss://",
		"rediss://u:secret@h:1?nonsense=1":                  "no address of a Redis",
		"redis://:12#secret@h:1":                            "written as %23",
		"redis://:12?secret@h:1":                            "no address of a Redis",
		"unix:///tmp/a.sock":                                "no address of a Redis",
		"redis://u:secret@h:1,:2":                           "no host and port",
	} {
		_, err := redis.Open(context.Background(), redis.Config{Address: address})
		var wrong *redis.AddressError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
