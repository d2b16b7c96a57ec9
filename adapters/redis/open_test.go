package redis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nagare-stream/nagare/adapters/redis"
	"github.com/nagare-stream/nagare/adapters/redis/redistest"
	"github.com/nagare-stream/nagare/engine/record"
)

// TestOpenRefuses: what is wrong at a start is said with what to do, in time, and without secrets.
func TestOpenRefuses(t *testing.T) {
	locked := redistest.Start(t, "--requirepass", "right-password")
	free := redistest.Start(t)
	hung := redistest.NewProxy(t, free.Addr)
	hung.Hang()
	for _, c := range []struct {
		name string
		cfg  redis.Config
		want string
	}{
		{"no password", redis.Config{Address: locked.Addr}, "it wants a password: set NAGARE_REDIS_PASSWORD"},
		{"wrong password", redis.Config{Address: locked.Addr, Password: "wrong-password"}, "it refuses the password: set NAGARE_REDIS_PASSWORD"},
		{"wrong password in a URL", redis.Config{Address: "redis://someone:wrong-password@" + locked.Addr + "/0"}, "it refuses the password"},
		{"nobody there", redis.Config{Address: "127.0.0.1:1"}, "refused; start it, or look at the address"},
		{"no such host", redis.Config{Address: "no.such.host.invalid:6379"}, "there is no host no.such.host.invalid"},
		{"silent", redis.Config{Address: hung.Addr}, "it does not answer in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			s, err := redis.Open(context.Background(), c.cfg)
			if err == nil {
				t.Fatal("it opened", s.Close())
			}
			var unavailable *redis.UnavailableError
			if !errors.As(err, &unavailable) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "wrong-password") {
				t.Errorf("%v", err)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestOpenRight: a password from outside goes before that of the address, and none is shown.
func TestOpenRight(t *testing.T) {
	locked := redistest.Start(t, "--requirepass", "right-password")
	for _, cfg := range []redis.Config{
		{Address: locked.Addr, Password: "right-password"},
		{Address: "redis://:right-password@" + locked.Addr + "/0"},
		{Address: "redis://default:wrong@" + locked.Addr, Password: "right-password"},
	} {
		s, err := redis.Open(context.Background(), cfg)
		if err != nil {
			t.Errorf("%s: %v", cfg.Address, err)
			continue
		}
		if text := s.String() + s.Address(); strings.Contains(text, "right-password") || !strings.Contains(text, locked.Addr) {
			t.Errorf("it is shown as %s", text)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, address := range []string{"http://127.0.0.1", "a:b:c", ",", ":6379", "redis://u:secret@h:port"} {
		_, err := redis.Open(context.Background(), redis.Config{Address: address})
		var wrong *redis.AddressError
		if !errors.As(err, &wrong) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", address, err)
		}
	}
	for address, want := range map[string]bool{"h:1": false, "redis://h:1/0": false, "redis://u@h": false, "redis://u:p@h": true, "rediss://:p@h/1": true, "redis://:p@w@h": true} {
		if got := redis.HasPassword(address); got != want {
			t.Errorf("%s has a password: %v", address, got)
		}
	}
}

// TestEmbedded: the server in the process has no port, its keys grow older, and a pipeline longer than any
// buffer goes through.
func TestEmbedded(t *testing.T) {
	s, err := redis.Open(context.Background(), redis.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Address() != "" {
		t.Errorf("it listens on %s", s.Address())
	}
	opt := &goredis.Options{Addr: "127.0.0.1:1", Dialer: s.DialContext, MaxRetries: -1}
	c := goredis.NewClient(opt)
	defer c.Close()
	ctx := context.Background()
	pipe := c.Pipeline()
	const n = 5000
	for i := range n {
		pipe.Set(ctx, fmt.Sprint("k", i), strings.Repeat("v", 1000), 0)
	}
	pipe.Set(ctx, "short", "1", 300*time.Millisecond)
	pipe.Set(ctx, "long", "1", time.Hour)
	if _, err := pipe.Exec(ctx); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of a key", func() bool { return c.Exists(ctx, "short").Val() == 0 })
	if left := c.PTTL(ctx, "long").Val(); left <= 58*time.Minute || left >= time.Hour {
		t.Errorf("the other key lives for %v", left)
	}
	if got := c.DBSize(ctx).Val(); got != n+1 {
		t.Errorf("it holds %d keys", got)
	}
}

// What the engine was asked for and has not begun to read is missing, though nothing waits to be written.
func TestWhatIsOwedIsMissing(t *testing.T) {
	server, err := redis.Open(t.Context(), redis.Config{})
	if err != nil {
		t.Fatal(err)
	}
	sink := redis.NewSink(server, redis.SinkConfig{Name: "text"})
	defer func() {
		if err := errors.Join(sink.Close(), server.Close()); err != nil {
			t.Error(err)
		}
	}()
	<-sink.Lost()
	if st := sink.Report(); st.State != "filling" {
		t.Errorf("before it is read the sink is %s", st.State)
	}
	broken := errors.New("the topic cannot be read")
	if err := sink.Refill(t.Context(), func(func(*record.Rows) error) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("a refill that cannot be read gives %v", err)
	}
	if st := sink.Report(); st.State != "filling" {
		t.Errorf("after it could not be read the sink is %s", st.State)
	}
	if err := sink.Refill(t.Context(), func(func(*record.Rows) error) error { return nil }); err != nil {
		t.Error(err)
	}
	if err := sink.Settle(t.Context()); err != nil || sink.Report().State != "connected" {
		t.Errorf("after it was read the sink is %s, %v", sink.Report().State, err)
	}
}

// A client's pool may dial when everything is closed; no server comes to life again for it.
func TestNobodyDialsAClosedServer(t *testing.T) {
	server, err := redis.Open(t.Context(), redis.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := server.DialContext(t.Context(), "", ""); !errors.Is(err, net.ErrClosed) {
		t.Errorf("dialing gives %v", err)
	}
}
