package embedded

import (
	"bufio"
	"strings"
)

// keyspace is how channels of keyspace events begin.
const keyspace = "__key"

// noEvents is what is said to who waits for keyspace events: better than that none comes.
const noEvents = "ERR this embedded Redis sends no keyspace events: poll the keys, or run nagare with --redis and a real server"

// cmdSubscribe listens to channels, or to patterns of them.
func cmdSubscribe(c *conn, words []string, r *reply) {
	list := c.channels
	if strings.EqualFold(words[0], "PSUBSCRIBE") {
		list = c.patterns
	}
	for _, name := range words[1:] {
		if strings.HasPrefix(name, keyspace) {
			r.fail(noEvents)
			return
		}
	}
	if c.alone && !c.resp3 {
		r.fail("ERR Can't execute '" + strings.ToLower(words[0]) + "' in a transaction of this embedded Redis")
		return
	}
	for _, name := range words[1:] {
		list[name] = true
	}
	c.listen(r, words...)
}

// cmdUnsubscribe listens no more to channels, or to patterns; without a name to none.
func cmdUnsubscribe(c *conn, words []string, r *reply) {
	list := c.channels
	if strings.EqualFold(words[0], "PUNSUBSCRIBE") {
		list = c.patterns
	}
	c.listen(r, words...)
	for _, name := range words[1:] {
		delete(list, name)
	}
	if len(words) == 1 {
		clear(list)
	}
	if len(c.channels)+len(c.patterns) == 0 {
		c.heard = nil // miniredis has forgotten it
	}
}

// listen has miniredis change what the connection listens to. What it answers goes the way of the messages, so
// that both keep their order: miniredis writes from goroutines of its own.
func (c *conn) listen(r *reply, words ...string) {
	c.out.write(r.b) // what was answered before, in a transaction
	r.b = r.b[:0]
	if c.heard == nil {
		c.heard = newPeer(bufio.NewWriter(&frames{out: c.out}))
	}
	c.heard.Resp3 = c.resp3
	c.s.core.Dispatch(c.heard, words)
	c.heard.Flush()
}

// stopListening leaves no channel.
func (c *conn) stopListening() {
	if c.heard == nil {
		return
	}
	for _, word := range []string{"UNSUBSCRIBE", "PUNSUBSCRIBE"} {
		if c.heard.Ctx != nil {
			c.s.core.Dispatch(c.heard, []string{word})
		}
	}
	clear(c.channels)
	clear(c.patterns)
	c.heard = nil
}

func cmdPing(c *conn, words []string, r *reply) {
	switch {
	case len(words) > 2:
		r.fail("ERR wrong number of arguments for 'ping' command")
	case !c.resp3 && len(c.channels)+len(c.patterns) > 0:
		r.bulks(append([]string{"pong"}, append(words[1:], "")[0]))
	case len(words) == 2:
		r.bulk(words[1])
	default:
		r.status("PONG")
	}
}
