package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	goredis "github.com/redis/go-redis/v9"
)

// An UnavailableError says that a server cannot be had, and what to do.
type UnavailableError struct {
	Address string
	Err     error
}

func (e *UnavailableError) Error() string {
	text := advice(e.Err)
	if text == noAnswer && strings.HasPrefix(e.Address, "rediss") {
		text += "; one that speaks no TLS is silent, too: then write redis:// in the place of rediss://"
	}
	return fmt.Sprintf("connect to Redis at %s: %s", e.Address, text)
}

func (e *UnavailableError) Unwrap() error { return e.Err }

const noAnswer = "it does not answer in time; is the address that of a Redis, and is it well?"

// What is wrong with an address whose server answers.
var (
	errSentinel  = errors.New("it is a Sentinel, which holds no keys: give the address of the master, or a name that leads to it")
	errNoCluster = errors.New("it is one server and no cluster: give one address")
	errDatabase  = errors.New("a cluster has database 0 alone: leave the number at the end of the address out")
)

// The errors with which a server says that it takes no writes for now, by the word that they begin with, and
// what may help. Those that pass by themselves are waited for at a start, too.
var forNow = []struct {
	word, advice string
	passes       bool
}{
	{"NOAUTH", "it wants a password: set NAGARE_REDIS_PASSWORD", false},
	{"WRONGPASS", "it refuses the password: set NAGARE_REDIS_PASSWORD, and the user by redis://USER@HOST:PORT", false},
	{"NOPERM", "its access list forbids the user what nagare needs: SET, HSET, ZADD, PEXPIRE and GET on the sink's keys and on nagare:*, CLIENT SETNAME, and CLUSTER SLOTS of a cluster", false},
	{"DENIED", "it is in protected mode, and takes connections of its own machine alone: set a password there (requirepass) and NAGARE_REDIS_PASSWORD here", false},
	{"OOM", "its memory is full: raise maxmemory, or give the sink a shorter ttl", true},
	{"READONLY", "it is a replica that takes no writes; nagare goes on when the address leads to the master", true},
	{"LOADING", "it loads its data", true},
	{"MISCONF", "it cannot write to its disk and takes no writes", true},
	{"MASTERDOWN", "it is a replica that has lost its master", true},
	{"CLUSTERDOWN", "its cluster is down", true},
	{"TRYAGAIN", "its cluster moves keys", true},
	{"MOVED", "its cluster moves keys", true},
	{"ASK", "its cluster moves keys", true},
	{"BUSY", "it is busy with a script", true},
	{"NOREPLICAS", "it has too few replicas to take writes", true},
	{"ERR max number of clients", "it has too many clients", true},
	{"ERR invalid password", "it refuses the password: set NAGARE_REDIS_PASSWORD", false},
	{"ERR AUTH", "a password is set, and it wants none: unset NAGARE_REDIS_PASSWORD", false},
	{"ERR Client sent AUTH", "a password is set, and it wants none: unset NAGARE_REDIS_PASSWORD", false},
	{"ERR DB index", "it has no such database: look at the number at the end of the address", false},
	{"ERR SELECT", errDatabase.Error(), false},
	{"ERR This instance has cluster support disabled", errNoCluster.Error(), false},
}

// refusesRow reports whether an error is about the one command: the row can never be written. A word that is
// not known is no reason to lose rows.
func refusesRow(err error) bool {
	var reply goredis.Error
	if !errors.As(err, &reply) || errors.Is(err, goredis.Nil) {
		return false
	}
	_, is, _ := meaning(err)
	return !is && (strings.HasPrefix(err.Error(), "ERR ") || strings.HasPrefix(err.Error(), "WRONGTYPE "))
}

// passes reports whether waiting mends an error with which a server answers.
func passes(err error) bool {
	_, _, passes := meaning(err)
	return passes
}

func meaning(err error) (advice string, is, passes bool) {
	text := err.Error()
	for _, f := range forNow {
		if strings.HasPrefix(text, f.word) {
			return f.advice, true, f.passes
		}
	}
	return "", false, false
}

// advice says what an error means and what can be done.
func advice(err error) string {
	if text, ok, _ := meaning(err); ok {
		return text
	}
	if text := tlsAdvice(err); text != "" {
		return text
	}
	var dns *net.DNSError
	var op *net.OpError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("there is no host %s; look at the address", dns.Name)
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return noAnswer
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Sprintf("%v; start it, or look at the address", op.Err)
	case isClosed(err):
		return "it closed the connection; is the address that of a Redis, and does it want TLS (rediss://)?"
	case strings.HasPrefix(err.Error(), "redis: can't parse"):
		return "it answers as no Redis does; look at the address"
	}
	return err.Error()
}

// isClosed reports a connection that the other end has closed.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// tlsAdvice is advice on an error of TLS, "" for any other.
func tlsAdvice(err error) string {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var remote *net.OpError
	switch {
	case errors.As(err, &unknown):
		return "this machine does not know who signed its certificate: name the file of that authority's, rediss://HOST:PORT?cacert=FILE"
	case errors.As(err, &host):
		return fmt.Sprintf("%v: use the name that its certificate has", host)
	case errors.As(err, &invalid):
		return fmt.Sprintf("its certificate is not valid: %v", invalid)
	case errors.As(err, &record):
		return "it does not speak TLS: write redis:// in the place of rediss://"
	case errors.As(err, &remote) && remote.Op == "remote error" && strings.Contains(err.Error(), "certificate"):
		return "it wants another certificate of the client, or one at all: rediss://HOST:PORT?cert=FILE&key=FILE"
	}
	return ""
}
