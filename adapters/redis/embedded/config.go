package embedded

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
)

// settings are what CONFIG GET answers: what holds here, in the words of Redis.
func (s *Server) settings() map[string]string {
	host, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		host, port = "", "0"
	}
	return map[string]string{
		"appendfsync": "everysec", "appendonly": "no", "bind": host, "client-query-buffer-limit": fmt.Sprint(maxCommand),
		"cluster-enabled": "no", "databases": fmt.Sprint(databases), "dbfilename": "", "dir": "",
		"hash-max-listpack-entries": fmt.Sprint(smallEntries), "hash-max-listpack-value": fmt.Sprint(smallValue),
		"lazyfree-lazy-expire": "no", "maxclients": "0", "maxmemory": "0", "maxmemory-policy": "noeviction",
		"min-replicas-to-write": "0", "notify-keyspace-events": "", "port": port, "proto-max-bulk-len": fmt.Sprint(maxCommand),
		"protected-mode": "no", "replica-read-only": "yes", "requirepass": "", "save": "", "set-max-intset-entries": "512",
		"slowlog-log-slower-than": "-1", "slowlog-max-len": "0", "latency-monitor-threshold": "0", "tcp-keepalive": "0",
		"timeout": "0", "zset-max-listpack-entries": fmt.Sprint(smallEntries), "zset-max-listpack-value": fmt.Sprint(smallValue),
	}
}

func cmdConfigGet(c *conn, words []string, r *reply) {
	settings := c.s.settings()
	var names []string
	for name := range settings {
		if slices.ContainsFunc(words[2:], func(pattern string) bool { return matches(strings.ToLower(pattern), name) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	r.pairs(len(names))
	for _, name := range names {
		r.bulk(name)
		r.bulk(settings[name])
	}
}

// cmdConfigSet takes a setting that holds already, and says of another why it does not change.
func cmdConfigSet(c *conn, words []string, r *reply) {
	settings := c.s.settings()
	if len(words)%2 != 0 {
		r.fail("ERR wrong number of arguments for 'config|set' command")
		return
	}
	for i := 2; i < len(words); i += 2 {
		name := strings.ToLower(words[i])
		holds, known := settings[name]
		switch {
		case !known:
			r.fail("ERR Unknown option or number of arguments for CONFIG SET - '" + words[i] + "'")
			return
		case strings.EqualFold(words[i+1], holds):
		case name == "notify-keyspace-events":
			r.fail("ERR CONFIG SET failed (possibly related to argument '" + words[i] + "') - " + strings.TrimPrefix(noEvents, "ERR "))
			return
		default:
			r.fail("ERR CONFIG SET failed (possibly related to argument '" + words[i] + "') - can't set immutable config")
			return
		}
	}
	r.ok()
}

func cmdConfigResetStat(c *conn, _ []string, r *reply) {
	c.s.commands.Store(0)
	c.s.accepted.Store(0)
	c.s.expired.Store(0)
	r.ok()
}

func cmdConfigRewrite(_ *conn, _ []string, r *reply) {
	r.fail("ERR The server is running without a config file")
}

func cmdRole(_ *conn, _ []string, r *reply) {
	r.array(3)
	r.bulk("master")
	r.integer(0)
	r.array(0)
}

// infoSections are what INFO tells, in its order; those that hold here.
var infoSections = []struct {
	name string
	tell func(s *Server, w *strings.Builder)
}{
	{"Server", (*Server).infoServer}, {"Clients", (*Server).infoClients}, {"Memory", (*Server).infoMemory},
	{"Persistence", (*Server).infoPersistence}, {"Stats", (*Server).infoStats}, {"Replication", (*Server).infoReplication},
	{"CPU", func(*Server, *strings.Builder) {}}, {"Modules", func(*Server, *strings.Builder) {}}, {"Errorstats", func(*Server, *strings.Builder) {}},
	{"Cluster", func(_ *Server, w *strings.Builder) { w.WriteString("cluster_enabled:0\r\n") }},
	{"Keyspace", (*Server).infoKeyspace},
}

func cmdInfo(c *conn, words []string, r *reply) {
	c.expireBefore(table()["info"], words)
	asked := map[string]bool{}
	for _, w := range words[1:] {
		asked[strings.ToLower(w)] = true
	}
	whole := len(asked) == 0 || asked["all"] || asked["everything"] || asked["default"]
	var text strings.Builder
	for _, section := range infoSections {
		if !whole && !asked[strings.ToLower(section.name)] {
			continue
		}
		if text.Len() > 0 {
			text.WriteString("\r\n")
		}
		text.WriteString("# " + section.name + "\r\n")
		section.tell(c.s, &text)
	}
	r.text(text.String())
}

func (s *Server) infoServer(w *strings.Builder) {
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		port = "0"
	}
	now := s.now()
	fmt.Fprintf(w, "redis_version:%s\r\nredis_git_sha1:00000000\r\nredis_git_dirty:0\r\nredis_build_id:embedded\r\nredis_mode:standalone\r\n", version)
	fmt.Fprintf(w, "os:%s %s\r\narch_bits:64\r\nprocess_id:%d\r\nrun_id:%040x\r\ntcp_port:%s\r\n", runtime.GOOS, runtime.GOARCH, os.Getpid(), s.began.UnixNano(), port)
	fmt.Fprintf(w, "server_time_usec:%d\r\nuptime_in_seconds:%d\r\nuptime_in_days:%d\r\n", now.UnixMicro(), int(now.Sub(s.began).Seconds()), int(now.Sub(s.began).Hours()/24))
}

func (s *Server) infoClients(w *strings.Builder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(w, "connected_clients:%d\r\nblocked_clients:0\r\n", len(s.conns))
}

func (s *Server) infoMemory(w *strings.Builder) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Fprintf(w, "used_memory:%d\r\nused_memory_human:%.2fM\r\nused_memory_rss:%d\r\nused_memory_peak:%d\r\nmaxmemory:0\r\nmaxmemory_human:0B\r\nmaxmemory_policy:noeviction\r\nmem_fragmentation_ratio:1.00\r\n",
		m.HeapAlloc, float64(m.HeapAlloc)/(1<<20), m.Sys, m.HeapSys)
}

func (s *Server) infoPersistence(w *strings.Builder) {
	w.WriteString("loading:0\r\nrdb_changes_since_last_save:0\r\nrdb_bgsave_in_progress:0\r\naof_enabled:0\r\n")
}

func (s *Server) infoStats(w *strings.Builder) {
	fmt.Fprintf(w, "total_connections_received:%d\r\ntotal_commands_processed:%d\r\nrejected_connections:0\r\nexpired_keys:%d\r\nevicted_keys:0\r\n",
		s.accepted.Load(), s.commands.Load(), s.expired.Load())
}

func (s *Server) infoReplication(w *strings.Builder) {
	fmt.Fprintf(w, "role:master\r\nconnected_slaves:0\r\nmaster_replid:%040x\r\nmaster_repl_offset:0\r\n", s.began.UnixNano())
}

// infoKeyspace tells how many keys there are, and how many of them end.
func (s *Server) infoKeyspace(w *strings.Builder) {
	end := s.ends.count()
	for db := range databases {
		if n := s.size(db); n > 0 {
			fmt.Fprintf(w, "db%d:keys=%d,expires=%d,avg_ttl=0\r\n", db, n, min(end[db], n))
		}
	}
}

// size is how many keys a database has.
func (s *Server) size(db int) int {
	c := newConn(s, 0, nil)
	c.choose(db)
	v, _, _ := parse(c.ask("DBSIZE"))
	n := 0
	_, _ = fmt.Sscan(string(v.text), &n)
	return n
}

func cmdTime(c *conn, _ []string, r *reply) {
	now := c.s.now()
	r.bulks([]string{fmt.Sprint(now.Unix()), fmt.Sprint(now.Nanosecond() / 1000)})
}

func cmdLastSave(c *conn, _ []string, r *reply)  { r.integer(int(c.s.began.Unix())) }
func cmdEmptyList(_ *conn, _ []string, r *reply) { r.array(0) }
func cmdZero(_ *conn, _ []string, r *reply)      { r.integer(0) }
func cmdOK(_ *conn, _ []string, r *reply)        { r.ok() }
func cmdWhoAmI(_ *conn, _ []string, r *reply)    { r.bulk("default") }

func cmdNoCluster(_ *conn, _ []string, r *reply) {
	r.fail("ERR This instance has cluster support disabled")
}

func cmdTrackingInfo(_ *conn, _ []string, r *reply) {
	r.pairs(3)
	r.bulk("flags")
	r.setOf(1)
	r.bulk("off")
	r.bulk("redirect")
	r.integer(-1)
	r.bulk("prefixes")
	r.array(0)
}

// cmdObjectEncoding tells how Redis would keep a value.
func cmdObjectEncoding(c *conn, words []string, r *reply) {
	c.expireBefore(table()["object|encoding"], words)
	key := words[2]
	kind := c.askText("TYPE", key)
	if kind == "none" {
		r.null()
		return
	}
	r.bulk(c.encoding(key, kind))
}

func (c *conn) encoding(key, kind string) string {
	small := func(count string, values ...string) bool { return c.isSmall(key, count, values...) }
	switch kind {
	case "hash":
		if small("HLEN", "HGETALL") {
			return "listpack"
		}
		return "hashtable"
	case "zset":
		if small("ZCARD", "ZRANGE", "0", "-1") {
			return "listpack"
		}
		return "skiplist"
	case "set":
		if c.isIntset(key) {
			return "intset"
		}
		return "hashtable"
	case "list":
		return "quicklist"
	case "stream":
		return "stream"
	}
	text := c.askText("GET", key)
	switch {
	case isInteger(text):
		return "int"
	case len(text) <= 44:
		return "embstr"
	}
	return "raw"
}

func cmdObjectRefcount(c *conn, words []string, r *reply) {
	c.expireBefore(table()["object|refcount"], words)
	if c.askText("TYPE", words[2]) == "none" {
		r.null()
		return
	}
	r.integer(1)
}

func cmdObjectFreq(_ *conn, _ []string, r *reply) {
	r.fail("ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.")
}

// askText has miniredis run words and returns the text of its answer, "" of one that has none.
func (c *conn) askText(words ...string) string {
	c.peer.Resp3 = false
	v, _, _ := parse(c.ask(words...))
	if v.null {
		return ""
	}
	return string(v.text)
}
