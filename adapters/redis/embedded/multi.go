package embedded

// A transaction is the commands between MULTI and EXEC.
type transaction struct {
	words  [][]string
	size   int
	broken bool // a command could not be taken: EXEC refuses
}

func (t *transaction) add(words []string) {
	for _, w := range words {
		t.size += len(w) + wordOverhead
	}
	t.words = append(t.words, words)
}

// actsAtOnce reports a command that a transaction does not keep for EXEC.
func actsAtOnce(name string) bool {
	switch name {
	case "multi", "exec", "discard", "watch", "quit", "reset":
		return true
	}
	return false
}

func cmdMulti(c *conn, _ []string, r *reply) {
	if c.tx != nil {
		r.fail("ERR MULTI calls can not be nested")
		return
	}
	c.tx = &transaction{}
	r.ok()
}

func cmdDiscard(c *conn, _ []string, r *reply) {
	if c.tx == nil {
		r.fail("ERR DISCARD without MULTI")
		return
	}
	c.tx = nil
	c.unwatch()
	r.ok()
}

func cmdWatch(c *conn, words []string, r *reply) {
	if c.tx != nil {
		r.fail("ERR WATCH inside MULTI is not allowed")
		return
	}
	c.expireBefore(table()["watch"], words)
	c.watches = true
	r.b = append(r.b, c.ask(words...)...)
}

func cmdUnwatch(c *conn, _ []string, r *reply) {
	c.unwatch()
	r.ok()
}

func (c *conn) unwatch() {
	if c.watches {
		c.watches = false
		c.ask("UNWATCH")
	}
}

// cmdExec runs a transaction with nothing else running.
func cmdExec(c *conn, _ []string, r *reply) {
	tx := c.tx
	if tx == nil {
		r.fail("ERR EXEC without MULTI")
		return
	}
	c.tx = nil
	if tx.broken {
		c.unwatch()
		r.fail("EXECABORT Transaction discarded because of previous errors.")
		return
	}
	c.s.run.Lock()
	c.alone = true
	defer func() {
		c.alone, c.s.script = false, nil
		c.s.run.Unlock()
	}()
	if c.watches && c.watchedChanged() {
		r.nullArray()
		return
	}
	r.array(len(tx.words))
	for _, words := range tx.words {
		cmd, _ := find(words) // it was found before
		c.perform(cmd, words, r)
		r.resp3 = c.resp3
	}
}

// watchedChanged reports whether keys that were watched have changed, and watches them no more: miniredis
// answers a transaction of nothing with no list then.
func (c *conn) watchedChanged() bool {
	c.watches = false
	c.ask("MULTI")
	v, _, _ := parse(c.ask("EXEC"))
	return v.null
}

// withoutWaiting runs a command that waits otherwise as a transaction does.
func (c *conn) withoutWaiting(words []string) []byte {
	c.ask("MULTI")
	if raw := c.ask(words...); raw[0] == '-' {
		raw = append([]byte(nil), raw...)
		c.ask("DISCARD")
		return raw
	}
	if v, _, ok := parse(c.ask("EXEC")); ok && len(v.list) == 1 {
		return v.list[0].raw
	}
	panic("BUG: a transaction of one command has no answer")
}
