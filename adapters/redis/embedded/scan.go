package embedded

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// How Redis keeps a hash, a sorted set or a set of numbers that is small: in one piece, which SCAN and its kin
// answer at once, whatever COUNT says.
const (
	smallEntries = 128
	smallValue   = 64
	smallNumbers = 512
)

// scanLists is how many lists of keys, fields or members are kept for scans that go on.
const scanLists = 8

// scans pages through keys, fields and members in the order of their hashes. A cursor is the hash at which the
// next page begins, so that a scan goes on from it whatever has come and gone, and what was there all the time is
// met once. The lists are kept to be paged through; one that was let go is made again. A scan that begins makes
// its list anew, so that none goes on in a list from before it.
type scans struct {
	seed maphash.Seed
	once sync.Once

	mu    sync.Mutex
	lists []*scanList // the last used at the end
}

// A scanList is what a key, or a database, had when it was made.
type scanList struct {
	of      place
	kind    string
	entries []scanEntry
}

type scanEntry struct {
	hash uint64
	name string
}

// hash is a number that a cursor can be: clients hold it in 63 bits, some in a double's 53.
func (s *scans) hash(name string) uint64 {
	s.once.Do(func() { s.seed = maphash.MakeSeed() })
	return maphash.String(s.seed, name)>>13 | 1 // 0 is where scans begin and end
}

// page returns entries from a cursor on, and the next cursor: 0 behind the last.
func (s *scans) page(of place, kind string, cursor uint64, count int, names func() []string) ([]string, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.lists, func(l *scanList) bool { return l.of == of && l.kind == kind })
	if i >= 0 && cursor == 0 {
		s.lists = slices.Delete(s.lists, i, i+1)
		i = -1
	}
	var l *scanList
	if i >= 0 {
		l = s.lists[i]
		s.lists = append(slices.Delete(s.lists, i, i+1), l)
	} else {
		l = &scanList{of: of, kind: kind}
		for _, name := range names() {
			l.entries = append(l.entries, scanEntry{s.hash(name), name})
		}
		slices.SortFunc(l.entries, func(a, b scanEntry) int { return cmp.Or(cmp.Compare(a.hash, b.hash), strings.Compare(a.name, b.name)) })
		if len(s.lists) >= scanLists {
			s.lists = slices.Delete(s.lists, 0, 1)
		}
		s.lists = append(s.lists, l)
	}
	at, _ := slices.BinarySearchFunc(l.entries, cursor, func(e scanEntry, c uint64) int { return cmp.Compare(e.hash, c) })
	var page []string
	for ; at < len(l.entries) && (len(page) < count || l.entries[at].hash == l.entries[at-1].hash); at++ {
		page = append(page, l.entries[at].name)
	}
	if at < len(l.entries) {
		return page, l.entries[at].hash
	}
	s.lists = slices.DeleteFunc(s.lists, func(o *scanList) bool { return o == l })
	return page, 0
}

// scanOptions is what the words behind a cursor say.
type scanOptions struct {
	cursor      uint64
	count       int
	match, kind string
	all         bool // there is no match
}

func parseScan(words []string, hasType bool) (o scanOptions, wrong string) {
	o.count, o.all = 10, true
	var err error
	if o.cursor, err = strconv.ParseUint(words[0], 10, 64); err != nil {
		return o, "ERR invalid cursor"
	}
	for words = words[1:]; len(words) > 0; words = words[2:] {
		if len(words) < 2 {
			return o, "ERR syntax error"
		}
		switch option := strings.ToUpper(words[0]); {
		case option == "COUNT":
			if o.count, err = strconv.Atoi(words[1]); err != nil {
				return o, notInteger
			}
			if o.count < 1 {
				return o, "ERR syntax error"
			}
		case option == "MATCH":
			o.match, o.all = words[1], words[1] == "*"
		case option == "TYPE" && hasType:
			o.kind = strings.ToLower(words[1])
		default:
			return o, "ERR syntax error"
		}
	}
	return o, ""
}

func (o *scanOptions) fits(name string) bool { return o.all || matches(o.match, name) }

func cmdScan(c *conn, words []string, r *reply) {
	o, wrong := parseScan(words[1:], true)
	if wrong != "" {
		r.fail(wrong)
		return
	}
	c.expireBefore(table()["scan"], words)
	db := c.s.mini.DB(c.db)
	page, next := c.s.scans.page(place{db: c.db}, "keys", o.cursor, o.count, db.Keys)
	page = slices.DeleteFunc(page, func(key string) bool {
		if !o.fits(key) {
			return true
		}
		kind := db.Type(key)
		return kind == "" || o.kind != "" && typeName(kind) != o.kind
	})
	r.array(2)
	r.bulk(strconv.FormatUint(next, 10))
	r.bulks(page)
}

// typeName is what TYPE says of what miniredis calls a type.
func typeName(kind string) string {
	if kind == "hll" {
		return "string"
	}
	return kind
}

// A scanner is how the kin of SCAN reads its key.
type scanner struct {
	kind   string   // of keys that it reads
	count  string   // the command that counts
	names  []string // the command that lists the names, less its key
	all    []string // and the one that lists all, as it is answered
	values string   // the command that gives the values of names; "": there are none
}

var scanners = map[string]scanner{
	"hscan": {"hash", "HLEN", []string{"HKEYS"}, []string{"HGETALL"}, "HMGET"},
	"zscan": {"zset", "ZCARD", []string{"ZRANGE", "0", "-1"}, []string{"ZRANGE", "0", "-1", "WITHSCORES"}, "ZMSCORE"},
	"sscan": {"set", "SCARD", []string{"SMEMBERS"}, []string{"SMEMBERS"}, ""},
}

// cmdScanKey answers HSCAN, SSCAN and ZSCAN.
func cmdScanKey(c *conn, words []string, r *reply) {
	name, key := strings.ToLower(words[0]), words[1]
	o, wrong := parseScan(words[2:], false)
	if wrong != "" {
		r.fail(wrong)
		return
	}
	c.expireBefore(table()[name], words)
	if !c.alone { // no other command comes between the two or three here
		c.s.run.Lock()
		c.alone = true
		defer func() {
			c.alone = false
			c.s.run.Unlock()
		}()
	}
	read := scanners[name]
	switch kind := c.askText("TYPE", key); kind {
	case "none":
		r.array(2)
		r.bulk("0")
		r.array(0)
		return
	case read.kind:
	default:
		r.fail("WRONGTYPE Operation against a key holding the wrong kind of value")
		return
	}
	if read.isSmall(c, key) {
		r.scanned(0, o, c.askList(read.all, key), read.values != "")
		return
	}
	page, next := c.s.scans.page(place{c.db, key}, name, o.cursor, o.count, func() []string { return c.askList(read.names, key) })
	page = slices.DeleteFunc(page, func(n string) bool { return !o.fits(n) })
	r.scanned(next, scanOptions{all: true}, c.valuesOf(read, key, page), read.values != "")
}

// scanned appends a page: names, or names and values in turn.
func (r *reply) scanned(next uint64, o scanOptions, list []string, pairs bool) {
	step := 1
	if pairs {
		step = 2
	}
	var kept []string
	for i := 0; i < len(list); i += step {
		if o.fits(list[i]) {
			kept = append(kept, list[i:i+step]...)
		}
	}
	r.array(2)
	r.bulk(strconv.FormatUint(next, 10))
	r.bulks(kept)
}

// valuesOf returns those of names that are there yet, with their values.
func (c *conn) valuesOf(read scanner, key string, names []string) []string {
	if len(names) == 0 {
		return nil
	}
	ask := read.values
	if ask == "" {
		ask = "SMISMEMBER"
	}
	c.peer.Resp3 = false
	v, _, _ := parse(c.ask(append([]string{ask, key}, names...)...))
	var list []string
	for i, m := range v.list {
		switch {
		case read.values != "" && !m.null:
			list = append(list, names[i], string(m.text))
		case read.values == "" && string(m.text) == "1":
			list = append(list, names[i])
		}
	}
	return list
}

// askList has miniredis run a command on a key and returns its answer, a list.
func (c *conn) askList(words []string, key string) []string {
	c.peer.Resp3 = false
	v, _, _ := parse(c.ask(append([]string{words[0], key}, words[1:]...)...))
	list := make([]string, len(v.list))
	for i, m := range v.list {
		list[i] = string(m.text)
	}
	return list
}

// isSmall reports a key that Redis would keep in one piece.
func (read scanner) isSmall(c *conn, key string) bool {
	if read.kind == "set" {
		return c.isIntset(key)
	}
	return c.isSmall(key, read.count, append([]string{read.all[0]}, read.all[1:]...)...)
}

func (c *conn) isSmall(key, count string, all ...string) bool {
	if n, _ := strconv.Atoi(c.askText(count, key)); n > smallEntries {
		return false
	}
	return !slices.ContainsFunc(c.askList(all, key), func(s string) bool { return len(s) > smallValue })
}

func (c *conn) isIntset(key string) bool {
	if n, _ := strconv.Atoi(c.askText("SCARD", key)); n > smallNumbers {
		return false
	}
	return !slices.ContainsFunc(c.askList([]string{"SMEMBERS"}, key), func(s string) bool { return !isInteger(s) })
}

// isInteger reports a number as Redis writes it.
func isInteger(s string) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == s
}

// matches reports whether a name fits a pattern of Redis: ? * [a-c] [^a] and \ before any of them.
func matches(pattern, name string) bool {
	for pattern != "" {
		switch pattern[0] {
		case '*':
			if pattern = strings.TrimLeft(pattern, "*"); pattern == "" {
				return true
			}
			for i := range len(name) + 1 {
				if matches(pattern, name[i:]) {
					return true
				}
			}
			return false
		case '?':
			if name == "" {
				return false
			}
			pattern = pattern[1:]
		case '[':
			if name == "" {
				return false
			}
			ok, rest := inClass(pattern[1:], name[0])
			if !ok {
				return false
			}
			pattern = rest
		default:
			if pattern[0] == '\\' && len(pattern) > 1 {
				pattern = pattern[1:]
			}
			if name == "" || name[0] != pattern[0] {
				return false
			}
			pattern = pattern[1:]
		}
		name = name[1:]
	}
	return name == ""
}

// inClass reports whether a byte is in a class, and returns what follows the class.
func inClass(class string, b byte) (in bool, rest string) {
	not := strings.HasPrefix(class, "^")
	if not {
		class = class[1:]
	}
	for class != "" && class[0] != ']' {
		switch {
		case class[0] == '\\' && len(class) > 1:
			in = in || class[1] == b
			class = class[2:]
		case len(class) > 2 && class[1] == '-':
			low, high := min(class[0], class[2]), max(class[0], class[2])
			in = in || low <= b && b <= high
			class = class[3:]
		default:
			in = in || class[0] == b
			class = class[1:]
		}
	}
	return in != not, strings.TrimPrefix(class, "]")
}
