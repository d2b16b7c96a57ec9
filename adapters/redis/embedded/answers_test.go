package embedded

import (
	"bufio"
	"bytes"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/adapters/redis/redistest"
)

// A talker sends commands and reads answers as they come.
type talker struct {
	t   *testing.T
	net net.Conn
	in  *bufio.Reader
}

func talk(t *testing.T, c net.Conn) *talker {
	t.Helper()
	t.Cleanup(func() { _ = c.Close() })
	return &talker{t, c, bufio.NewReader(c)}
}

func talkTo(t *testing.T, addr string) *talker {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return talk(t, c)
}

func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (k *talker) send(words ...string) {
	k.t.Helper()
	var r reply
	r.bulks(words)
	if _, err := k.net.Write(r.b); err != nil {
		k.t.Fatalf("%v: %v", words, err)
	}
}

// do sends words and returns the answer to them.
func (k *talker) do(words ...string) value {
	k.t.Helper()
	k.send(words...)
	return k.read()
}

func (k *talker) read() value {
	k.t.Helper()
	var raw []byte
	for {
		line, err := k.in.ReadBytes('\n')
		if err != nil {
			k.t.Fatalf("read an answer behind %q: %v", raw, err)
		}
		raw = append(raw, line...)
		if v, _, ok := parse(raw); ok {
			return v
		}
	}
}

// show writes an answer in one line.
func (v value) show(sorted, shape bool) string {
	switch {
	case v.null:
		return string(v.kind) + "null"
	case v.list != nil:
		var parts []string
		step := 1
		if v.kind == '%' {
			step = 2
		}
		for i := 0; i+step <= len(v.list); i += step {
			part := v.list[i].show(sorted, shape)
			if step == 2 {
				part += "=" + v.list[i+1].show(sorted, shape)
			}
			parts = append(parts, part)
		}
		if sorted || v.kind == '~' {
			slices.Sort(parts)
		}
		return string(v.kind) + "[" + strings.Join(parts, " ") + "]"
	case shape:
		return string(v.kind)
	}
	return string(v.kind) + strconv.Quote(string(v.text))
}

// TestAnswersAsRedis: the answers of a real redis-server, byte by byte, in both versions of the protocol.
func TestAnswersAsRedis(t *testing.T) {
	text, err := os.ReadFile("testdata/answers.txt")
	if err != nil {
		t.Fatal(err)
	}
	real := redistest.Start(t)
	for _, version := range []string{"2", "3"} {
		t.Run("RESP"+version, func(t *testing.T) {
			s := start(t, Config{Listen: "127.0.0.1:0"})
			theirs, ours := talkTo(t, real.Addr), talkTo(t, s.Addr())
			for _, k := range []*talker{theirs, ours} {
				k.do("FLUSHALL")
				k.do("HELLO", version)
			}
			for line := range strings.Lines(string(text)) {
				line = strings.TrimSpace(line)
				if strings.HasPrefix(line, "# ") {
					continue
				}
				shape, sorted := strings.HasPrefix(line, "#"), strings.HasPrefix(line, "~")
				words, err := splitWords(strings.TrimLeft(line, "#~"))
				if err != nil {
					t.Fatal(err)
				}
				want, got := theirs.do(words...).show(sorted, shape), ours.do(words...).show(sorted, shape)
				if want != got {
					t.Errorf("%s\n  redis: %s\n  ours:  %s", line, want, got)
				}
			}
		})
	}
}

// TestCommandsAsRedis: COMMAND describes each command as a real redis-server does, but for the sentences.
func TestCommandsAsRedis(t *testing.T) {
	real := redistest.Start(t)
	s := start(t, Config{Listen: "127.0.0.1:0"})
	for _, version := range []string{"2", "3"} {
		theirs, ours := talkTo(t, real.Addr), talkTo(t, s.Addr())
		for _, k := range []*talker{theirs, ours} {
			k.do("HELLO", version)
		}
		for _, name := range commandNames() {
			for _, what := range []string{"INFO", "DOCS"} {
				want, got := theirs.do("COMMAND", what, name), ours.do("COMMAND", what, name)
				if want, got := plain(want, name), plain(got, name); want != got {
					t.Errorf("RESP%s %s of %s\n  redis: %s\n  ours:  %s", version, what, name, want, got)
				}
			}
		}
	}
}

// plain shows a description without what is written for people, and without subcommands that the embedded
// server lacks, or that came after 7.0.
func plain(v value, name string) string {
	known := func(m value) bool {
		text := string(m.text)
		if m.kind == '*' && len(m.list) == 10 && m.list[1].kind == ':' {
			text = string(m.list[0].text)
		}
		if !strings.HasPrefix(text, name+"|") {
			return true
		}
		return table()[text] != nil && text != "client|setinfo" && text != "client|no-touch"
	}
	var walk func(v value) value
	walk = func(v value) value {
		var kept []value
		for i := 0; i < len(v.list); i++ {
			m := v.list[i]
			if m.kind == '$' && i+1 < len(v.list) && slices.Contains([]string{"summary", "complexity", "history", "notes"}, string(m.text)) || !known(m) {
				if m.kind == '$' {
					i++ // and its value
				}
				continue
			}
			kept = append(kept, walk(m))
		}
		v.list = kept
		if len(kept) > 0 && kept[0].kind == '*' && len(kept[0].list) == 10 || v.kind == '~' { // subcommands, sets
			slices.SortFunc(v.list, func(a, b value) int { return bytes.Compare(a.raw, b.raw) })
		}
		return v
	}
	return walk(v).show(true, false)
}

// TestPatternsAsRedis: MATCH means what it means to a real redis-server.
func TestPatternsAsRedis(t *testing.T) {
	theirs := talkTo(t, redistest.Start(t).Addr)
	names := []string{"", "a", "ab", "abc", "a*c", "[a]", "b", "-", "^", "a\\b", "]", "aXbXc"}
	for _, name := range names {
		theirs.do("SET", name, "1")
	}
	for _, pattern := range []string{"*", "a", "a*", "*c", "a?c", "[ab]", "[^a]", "[a-c]", "[c-a]*", "a\\*c", "\\[a\\]", "[", "[a", "[\\]]", "**b**", "?", "??", "", "a[b-]*", "[-]", "[^^]", "a*b*c", "\\", "a\\\\b"} {
		var want, got []string
		for _, m := range theirs.do("KEYS", pattern).list {
			want = append(want, string(m.text))
		}
		for _, name := range names {
			if matches(pattern, name) {
				got = append(got, name)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%q fits %q, in Redis %q", pattern, got, want)
		}
	}
}
