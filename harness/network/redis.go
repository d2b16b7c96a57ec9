package network

import (
	"bufio"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxBulk is the largest string of Redis that is taken, as in Redis itself.
const maxBulk = 512 << 20

var errRedis = errors.New("read what is said to a Redis: it is not its protocol")

// redisRequest reads a command: an array of strings, the first of which is its name.
func redisRequest(r *bufio.Reader, dst []byte) (Request, []byte, error) {
	dst, kind, n, err := readHead(r, dst)
	if err != nil {
		return Request{}, dst, err
	}
	if kind != '*' || n < 1 {
		return Request{}, dst, errRedis
	}
	name := ""
	for i := range n {
		at := len(dst)
		if dst, err = redisReply(r, dst); err != nil {
			return Request{}, dst, err
		}
		if i == 0 {
			_, text, _ := strings.Cut(string(dst[at:]), "\r\n")
			name = strings.ToUpper(strings.TrimSuffix(text, "\r\n"))
		}
	}
	return Request{Name: name}, dst, nil
}

// redisReply reads a value of any type, of version 2 or 3 of the protocol.
func redisReply(r *bufio.Reader, dst []byte) ([]byte, error) {
	dst, kind, n, err := readHead(r, dst)
	if err != nil {
		return dst, err
	}
	switch kind {
	case '+', '-', ':', '_', ',', '#', '(':
		return dst, nil
	case '$', '=', '!':
		if n < 0 {
			return dst, nil // NULL
		}
		return readBytes(r, dst, n+len("\r\n"))
	case '*', '~', '>':
	case '%':
		n *= 2
	default:
		return dst, errRedis
	}
	for range n {
		if dst, err = redisReply(r, dst); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// readHead reads a line: the type of a value, and for some its size.
func readHead(r *bufio.Reader, dst []byte) (out []byte, kind byte, n int, err error) {
	at := len(dst)
	for more := true; more; {
		var part []byte
		part, err = r.ReadSlice('\n')
		dst = append(dst, part...)
		if more = errors.Is(err, bufio.ErrBufferFull); !more && err != nil {
			return dst, 0, 0, err
		}
	}
	line := strings.TrimSuffix(string(dst[at:]), "\r\n")
	if line == "" {
		return dst, 0, 0, errRedis
	}
	if strings.IndexByte("$=!*~>%", line[0]) >= 0 {
		if n, err = strconv.Atoi(line[1:]); err != nil || n > maxBulk {
			return dst, 0, 0, fmt.Errorf("%w: %q", errRedis, line)
		}
	}
	return dst, line[0], n, nil
}

// The errors by which a Redis says that it takes no writes for now, and the commands that get them, of
// those that a sink sends.
const (
	ReadOnly    = "-READONLY You can't write against a read only replica.\r\n"
	OutOfMemory = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
	Loading     = "-LOADING Redis is loading the dataset in memory\r\n"
)

// Refused is the fault by which a Redis answers with an error what it refuses for it.
func Refused(reply string) Fault {
	f := Fault{Reply: reply}
	switch reply {
	case ReadOnly:
		f.Of = named("SET", "HSET", "ZADD", "PEXPIRE")
	case OutOfMemory:
		f.Of = named("SET", "HSET", "ZADD")
	case Loading:
		connects := named("HELLO", "AUTH", "CLIENT", "SELECT")
		f.Of = func(r Request) bool { return !connects(r) }
	}
	return f
}

func named(names ...string) func(Request) bool {
	return func(r Request) bool {
		for _, name := range names {
			if r.Name == name {
				return true
			}
		}
		return false
	}
}
