package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

// An UnavailableError says that a server cannot be had, and what to do.
type UnavailableError struct {
	Address string
	Err     error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("connect to Redis at %s: %s", e.Address, advice(e.Err))
}

func (e *UnavailableError) Unwrap() error { return e.Err }

// The errors with which a server says that it takes no writes for now, by the word that they begin
// with, and what may help. Any other error is about the one command: it would fail again.
var forNow = []struct{ word, advice string }{
	{"NOAUTH", "it wants a password: set NAGARE_REDIS_PASSWORD"},
	{"WRONGPASS", "it refuses the password: set NAGARE_REDIS_PASSWORD, and the user by redis://USER@HOST:PORT"},
	{"NOPERM", "its access list forbids the user what nagare needs: SET, HSET, ZADD, PEXPIRE, GET and EXPIRE on the sink's keys and on nagare:*"},
	{"OOM", "its memory is full: raise maxmemory, or give the sink a shorter ttl"},
	{"READONLY", "it is a replica that takes no writes; nagare goes on when the address leads to the master"},
	{"LOADING", "it loads its data"},
	{"MISCONF", "it cannot write to its disk and takes no writes"},
	{"MASTERDOWN", "it is a replica that has lost its master"},
	{"CLUSTERDOWN", "its cluster is down"},
	{"TRYAGAIN", "its cluster moves keys"},
	{"BUSY", "it is busy with a script"},
	{"NOREPLICAS", "it has too few replicas to take writes"},
	{"ERR max number of clients", "it has too many clients"},
	{"ERR invalid password", "it refuses the password: set NAGARE_REDIS_PASSWORD"},
	{"ERR AUTH", "a password is set, and it wants none: unset NAGARE_REDIS_PASSWORD"},
	{"ERR Client sent AUTH", "a password is set, and it wants none: unset NAGARE_REDIS_PASSWORD"},
}

// refusesRow reports whether an error is about the one command: the row can never be written.
func refusesRow(err error) bool {
	var reply goredis.Error
	if !errors.As(err, &reply) || errors.Is(err, goredis.Nil) {
		return false
	}
	_, is := meaning(err)
	return !is
}

func meaning(err error) (string, bool) {
	for _, f := range forNow {
		if strings.HasPrefix(err.Error(), f.word) {
			return f.advice, true
		}
	}
	return "", false
}

// advice says what an error means and what can be done.
func advice(err error) string {
	if text, ok := meaning(err); ok {
		return text
	}
	var dns *net.DNSError
	var op *net.OpError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("there is no host %s; look at the address", dns.Name)
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "it does not answer in time; is the address that of a Redis, and is it well?"
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Sprintf("%v; start it, or look at the address", op.Err)
	case errors.Is(err, io.EOF):
		return "it closed the connection; is the address that of a Redis?"
	}
	return err.Error()
}
