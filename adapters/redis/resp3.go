package redis

import (
	"bufio"
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/alicebob/miniredis/v2/server"
)

// pairScores answers a client that speaks version 3 of the protocol as a real server does: ZRANGE and its
// kin WITHSCORES give pairs there, and the library gives members and scores in one list, which redis-py
// cannot read. The command is run for a client of version 2, and its answer is written anew.
func pairScores(s *server.Server) server.Hook {
	commands := []string{"ZRANGE", "ZREVRANGE", "ZRANGEBYSCORE", "ZREVRANGEBYSCORE"}
	return func(c *server.Peer, command string, args ...string) bool {
		if !c.Resp3 || !slices.Contains(commands, command) ||
			!slices.ContainsFunc(args, func(a string) bool { return strings.EqualFold(a, "WITHSCORES") }) {
			return false
		}
		var text bytes.Buffer
		old := server.NewPeer(bufio.NewWriter(&text))
		old.Ctx = c.Ctx
		s.Dispatch(old, append([]string{command}, args...))
		old.Flush()
		list, err := readList(bufio.NewReader(bytes.NewReader(text.Bytes())))
		if err != nil || len(list)%2 != 0 {
			c.WriteRaw(text.String()) // an error
			return true
		}
		c.WriteLen(len(list) / 2)
		for i := 0; i < len(list); i += 2 {
			c.WriteLen(2)
			c.WriteBulk(list[i])
			score, _ := strconv.ParseFloat(list[i+1], 64) // the library wrote it
			c.WriteFloat(score)
		}
		return true
	}
}

// readList reads an array of strings in version 2 of the protocol.
func readList(r *bufio.Reader) ([]string, error) {
	n, err := readLength(r, '*')
	if err != nil {
		return nil, err
	}
	list := make([]string, n)
	for i := range list {
		size, err := readLength(r, '$')
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		list[i] = string(b[:size])
	}
	return list, nil
}

func readLength(r *bufio.Reader, kind byte) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, strconv.ErrSyntax
	}
	n, err := strconv.Atoi(strings.TrimSpace(line[1:]))
	if err == nil && n < 0 {
		err = strconv.ErrRange
	}
	return n, err
}
