package embedded

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// version is the Redis whose commands there are.
const version = "7.0.15"

// databases is how many there are.
const databases = 16

func cmdHello(c *conn, words []string, r *reply) {
	resp3, name := c.resp3, ""
	if len(words) > 1 {
		n, err := strconv.Atoi(words[1])
		if err != nil {
			r.fail("ERR Protocol version is not an integer or out of range")
			return
		}
		if n != 2 && n != 3 {
			r.fail("NOPROTO unsupported protocol version")
			return
		}
		resp3 = n == 3
	}
	for i := 2; i < len(words); {
		switch option := strings.ToUpper(words[i]); {
		case option == "AUTH" && i+2 < len(words):
			if wrong := wrongPassword(words[i+1]); wrong != "" {
				r.fail(wrong)
				return
			}
			i += 3
		case option == "SETNAME" && i+1 < len(words):
			if name = words[i+1]; !isName(name) {
				r.fail("ERR Client names cannot contain spaces, newlines or special characters.")
				return
			}
			i += 2
		default:
			r.fail("ERR Syntax error in HELLO option '" + words[i] + "'")
			return
		}
	}
	c.resp3, r.resp3 = resp3, resp3
	if name != "" {
		c.rename(name)
	}
	r.pairs(7)
	for _, s := range []string{"server", "redis", "version", version, "proto"} {
		r.bulk(s)
	}
	r.integer(map[bool]int{false: 2, true: 3}[resp3])
	r.bulk("id")
	r.integer(c.id)
	for _, s := range []string{"mode", "standalone", "role", "master", "modules"} {
		r.bulk(s)
	}
	r.array(0)
}

// wrongPassword is what is said to a user and a password: the default user needs none, and may send any with HELLO.
func wrongPassword(user string) string {
	if user == "default" {
		return ""
	}
	return "WRONGPASS invalid username-password pair or user is disabled."
}

func cmdAuth(_ *conn, words []string, r *reply) {
	switch {
	case len(words) > 3:
		r.fail("ERR syntax error")
	case len(words) == 2:
		r.fail("ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?")
	case wrongPassword(words[1]) != "":
		r.fail(wrongPassword(words[1]))
	default:
		r.ok()
	}
}

func cmdQuit(c *conn, _ []string, r *reply) {
	c.quit = true
	r.ok()
}

func cmdReset(c *conn, _ []string, r *reply) {
	c.stopListening()
	c.monitor(false)
	c.tx = nil
	c.unwatch()
	c.choose(0)
	c.resp3, r.resp3, c.silent = false, false, false
	c.rename("")
	r.status("RESET")
}

func cmdSelect(c *conn, words []string, r *reply) {
	n, err := strconv.Atoi(words[1])
	switch {
	case err != nil:
		r.fail(notInteger)
	case n < 0 || n >= databases:
		r.fail("ERR DB index is out of range")
	default:
		c.choose(n)
		r.ok()
	}
}

// choose changes the database.
func (c *conn) choose(db int) {
	c.db = db
	c.ask("SELECT", strconv.Itoa(db))
}

func isName(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

func (c *conn) rename(name string) {
	c.mu.Lock()
	c.about.name = name
	c.mu.Unlock()
}

func cmdClientSetName(c *conn, words []string, r *reply) {
	if !isName(words[2]) {
		r.fail("ERR Client names cannot contain spaces, newlines or special characters.")
		return
	}
	c.rename(words[2])
	r.ok()
}

func cmdClientGetName(c *conn, _ []string, r *reply) {
	if c.about.name == "" {
		r.null()
		return
	}
	r.bulk(c.about.name)
}

func cmdClientSetInfo(c *conn, words []string, r *reply) {
	option := strings.ToLower(words[2])
	if option != "lib-name" && option != "lib-ver" {
		r.fail("ERR Unrecognized option '" + words[2] + "'")
		return
	}
	if !isName(words[3]) {
		r.fail("ERR " + option + " cannot contain spaces, newlines or special characters.")
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if option == "lib-name" {
		c.about.lib = words[3]
	} else {
		c.about.libVersion = words[3]
	}
	r.ok()
}

func cmdClientID(c *conn, _ []string, r *reply)   { r.integer(c.id) }
func cmdClientInfo(c *conn, _ []string, r *reply) { r.text(c.line() + "\n") }

// line is what CLIENT LIST says of a connection.
func (c *conn) line() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, now := c.about, c.s.now()
	flags := ""
	for _, f := range []struct {
		is   bool
		flag string
	}{{a.monitor, "O"}, {a.subs+a.psubs > 0, "P"}, {a.queued >= 0, "x"}, {a.noEvict, "e"}, {a.noTouch, "T"}} {
		if f.is {
			flags += f.flag
		}
	}
	if flags == "" {
		flags = "N"
	}
	protocol := 2
	if a.resp3 {
		protocol = 3
	}
	return fmt.Sprintf("id=%d addr=%s laddr=%s fd=%d name=%s age=%d idle=%d flags=%s db=%d sub=%d psub=%d ssub=0 multi=%d qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=%s user=default redir=-1 resp=%d lib-name=%s lib-ver=%s",
		c.id, c.remote(), c.local(), c.id, a.name, int(now.Sub(c.began).Seconds()), int(now.Sub(a.active).Seconds()), flags, a.db, a.subs, a.psubs, a.queued, a.command, protocol, a.lib, a.libVersion)
}

// kind is what a connection is to CLIENT LIST TYPE.
func (c *conn) kind() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.about.subs+c.about.psubs > 0 {
		return "pubsub"
	}
	return "normal"
}

// all returns the connections, the oldest first.
func (s *Server) all() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*conn
	for _, c := range s.conns {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *conn) int { return a.id - b.id })
	return list
}

func cmdClientList(c *conn, words []string, r *reply) {
	c.note(table()["client|list"])
	keep := func(*conn) bool { return true }
	switch {
	case len(words) == 2:
	case len(words) == 4 && strings.EqualFold(words[2], "TYPE"):
		kind := strings.ToLower(words[3])
		if !slices.Contains([]string{"normal", "master", "slave", "replica", "pubsub"}, kind) {
			r.fail("ERR Unknown client type '" + words[3] + "'")
			return
		}
		keep = func(c *conn) bool { return c.kind() == kind }
	case len(words) > 3 && strings.EqualFold(words[2], "ID"):
		ids := map[int]bool{}
		for _, w := range words[3:] {
			id, err := strconv.Atoi(w)
			if err != nil {
				r.fail("ERR Invalid client ID")
				return
			}
			ids[id] = true
		}
		keep = func(c *conn) bool { return ids[c.id] }
	default:
		r.fail("ERR syntax error")
		return
	}
	var text strings.Builder
	for _, other := range c.s.all() {
		if keep(other) {
			text.WriteString(other.line() + "\n")
		}
	}
	r.text(text.String())
}

// cmdClientKill ends connections: that of an address, or those that fit all filters.
func cmdClientKill(c *conn, words []string, r *reply) {
	args := words[2:]
	old := len(args) == 1
	if old {
		args = []string{"ADDR", args[0], "SKIPME", "no"}
	}
	if len(args)%2 != 0 {
		r.fail("ERR syntax error")
		return
	}
	skipMe := true
	var keep []func(*conn) bool
	for i := 0; i < len(args); i += 2 {
		v := args[i+1]
		switch strings.ToUpper(args[i]) {
		case "ID":
			id, err := strconv.Atoi(v)
			if err != nil || id < 1 {
				r.fail("ERR client-id should be greater than 0")
				return
			}
			keep = append(keep, func(o *conn) bool { return o.id == id })
		case "ADDR":
			keep = append(keep, func(o *conn) bool { return o.remote() == v })
		case "LADDR":
			keep = append(keep, func(o *conn) bool { return o.local() == v })
		case "TYPE":
			keep = append(keep, func(o *conn) bool { return o.kind() == strings.ToLower(v) })
		case "USER":
			keep = append(keep, func(*conn) bool { return v == "default" })
		case "SKIPME":
			skipMe = strings.EqualFold(v, "yes")
		default:
			r.fail("ERR syntax error")
			return
		}
	}
	killed := 0
	for _, o := range c.s.all() {
		if skipMe && o == c || slices.ContainsFunc(keep, func(fits func(*conn) bool) bool { return !fits(o) }) {
			continue
		}
		killed++
		if o == c {
			c.quit = true
			continue
		}
		o.cutOff()
	}
	switch {
	case !old:
		r.integer(killed)
	case killed == 0:
		r.fail("ERR No such client")
	default:
		r.ok()
	}
}

// flag reads ON or OFF.
func flag(word string, r *reply) (on, ok bool) {
	if on = strings.EqualFold(word, "ON"); on || strings.EqualFold(word, "OFF") {
		r.ok()
		return on, true
	}
	r.fail("ERR syntax error")
	return false, false
}

func cmdClientNoEvict(c *conn, words []string, r *reply) {
	if on, ok := flag(words[2], r); ok {
		c.mu.Lock()
		c.about.noEvict = on
		c.mu.Unlock()
	}
}

func cmdClientNoTouch(c *conn, words []string, r *reply) {
	if on, ok := flag(words[2], r); ok {
		c.mu.Lock()
		c.about.noTouch = on
		c.mu.Unlock()
	}
}

func cmdClientReply(c *conn, words []string, r *reply) {
	switch strings.ToUpper(words[2]) {
	case "ON":
		c.silent = false
		r.ok()
	case "OFF":
		c.silent = true
	case "SKIP":
		if !c.silent {
			c.skip = 2 // this one and the next
		}
	default:
		r.fail("ERR syntax error")
	}
}

func cmdClientTracking(_ *conn, words []string, r *reply) {
	if strings.EqualFold(words[2], "OFF") {
		r.ok()
		return
	}
	r.fail("ERR this embedded Redis does not track keys: switch the client's cache off")
}

func cmdClientUnblock(_ *conn, _ []string, r *reply)  { r.integer(0) }
func cmdClientGetRedir(_ *conn, _ []string, r *reply) { r.integer(-1) }

// cmdMonitor shows the connection each command from now on.
func cmdMonitor(c *conn, _ []string, r *reply) {
	if c.alone {
		r.fail("ERR Command not allowed inside a transaction")
		return
	}
	c.monitor(true)
	r.ok()
}

func (c *conn) monitor(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.about.monitor == on {
		return
	}
	c.about.monitor = on
	if on {
		c.s.monitors.Add(1)
	} else {
		c.s.monitors.Add(-1)
	}
}
