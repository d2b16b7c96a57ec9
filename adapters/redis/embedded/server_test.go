package embedded

import (
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/nagare-stream/nagare/adapters/redis/redistest"
)

// scan goes through a scan and returns how often each name came, and how many pages there were.
func (k *talker) scan(step int, words ...string) (map[string]int, int) {
	k.t.Helper()
	seen, pages, cursor := map[string]int{}, 0, "0"
	for {
		at := 1
		if !strings.EqualFold(words[0], "SCAN") {
			at = 2
		}
		call := append(append(append([]string(nil), words[:at]...), cursor), words[at:]...)
		v := k.do(call...)
		if v.kind == '-' {
			k.t.Fatalf("%q: %s", call, v.text)
		}
		for i := 0; i < len(v.list[1].list); i += step {
			seen[string(v.list[1].list[i].text)]++
		}
		pages++
		if cursor = string(v.list[0].text); cursor == "0" {
			return seen, pages
		}
	}
}

// TestScanPages: SCAN and its kin give about COUNT at a time, and what is there all the time once.
func TestScanPages(t *testing.T) {
	s := start(t, Config{Listen: "127.0.0.1:0"})
	k, other := talkTo(t, s.Addr()), talkTo(t, s.Addr())
	const n = 1000
	for i := range n {
		name := strconv.Itoa(i)
		k.do("SET", "key:"+name, "v")
		k.do("HSET", "hash", "f"+name, "v"+name)
		k.do("ZADD", "sorted", name, "m"+name)
		k.do("SADD", "set", "s"+name)
	}
	for _, c := range []struct {
		step, want, pages int
		words             []string
	}{
		{1, n, 101, []string{"SCAN", "MATCH", "key:*"}},
		{1, n + 3, 11, []string{"SCAN", "COUNT", "100"}},
		{1, n + 3, 1, []string{"SCAN", "COUNT", "100000"}},
		{1, 1, 11, []string{"SCAN", "COUNT", "100", "TYPE", "zset"}},
		{2, n, 100, []string{"HSCAN", "hash"}},
		{2, n, 10, []string{"HSCAN", "hash", "COUNT", "100"}},
		{2, n, 20, []string{"ZSCAN", "sorted", "COUNT", "50"}},
		{1, n, 20, []string{"SSCAN", "set", "COUNT", "50"}},
		{2, 111, 10, []string{"HSCAN", "hash", "COUNT", "100", "MATCH", "f1*"}},
	} {
		seen, pages := k.scan(c.step, c.words...)
		if len(seen) != c.want || pages != c.pages {
			t.Errorf("%q gives %d names on %d pages, want %d on %d", c.words, len(seen), pages, c.want, c.pages)
		}
		for name, times := range seen {
			if times != 1 {
				t.Errorf("%q gives %s %d times", c.words, name, times)
			}
		}
	}

	// two scans at a time, with keys that come and go, and more scans than lists are kept for
	first := k.do("SCAN", "0", "COUNT", "100")
	cursor, seen := string(first.list[0].text), len(first.list[1].list)
	other.do("DEL", "key:1", "key:2")
	other.do("SET", "new", "1")
	other.do("SCAN", "0")
	for db := 1; db <= scanLists+1; db++ {
		other.do("SELECT", strconv.Itoa(db))
		for i := range 20 {
			other.do("SET", strconv.Itoa(i), "")
		}
		other.do("SCAN", "0")
	}
	for cursor != "0" {
		v := k.do("SCAN", cursor, "COUNT", "100")
		cursor = string(v.list[0].text)
		seen += len(v.list[1].list)
	}
	if seen < n+3-2 {
		t.Errorf("a scan beside others gives %d names of %d that were there all the time", seen, n+3-2)
	}
}

// TestKeyspaceEventsAreRefused: who asks for them is told that none come, by each way of asking.
func TestKeyspaceEventsAreRefused(t *testing.T) {
	s := start(t, Config{Listen: "127.0.0.1:0"})
	k := talkTo(t, s.Addr())
	for _, words := range [][]string{
		{"PSUBSCRIBE", "__keyevent@0__:expired"}, {"PSUBSCRIBE", "__key*__:*"}, {"SUBSCRIBE", "__keyspace@0__:k"},
		{"PSUBSCRIBE", "a*", "__keyevent@*"}, {"CONFIG", "SET", "notify-keyspace-events", "KEA"},
	} {
		if v := k.do(words...); v.kind != '-' || !strings.Contains(string(v.text), "sends no keyspace events") {
			t.Errorf("%q: %s", words, v.show(false, false))
		}
	}
	k.is(`+"PONG"`, "PING") // it listens to nothing
}

// TestChannels: messages come in order, long ones whole, beside answers, until nobody listens.
func TestChannels(t *testing.T) {
	s := start(t, Config{Listen: "127.0.0.1:0"})
	for _, version := range []string{"2", "3"} {
		k, other := talkTo(t, s.Addr()), talkTo(t, s.Addr())
		k.do("HELLO", version)
		kind := map[string]string{"2": "*", "3": ">"}[version]
		k.is(kind+`[$"subscribe" $"a" :"1"]`, "SUBSCRIBE", "a")
		k.is(kind+`[$"psubscribe" $"b*" :"2"]`, "PSUBSCRIBE", "b*")
		if version == "3" {
			k.is(`_null`, "GET", "missing")
		}
		long := strings.Repeat("x", 100_000)
		other.is(`:"1"`, "PUBLISH", "a", long)
		if got := k.read().show(false, false); got != kind+`[$"message" $"a" $"`+long+`"]` {
			t.Errorf("a long message comes as %d bytes", len(got))
		}
		for i := range 100 {
			other.do("PUBLISH", "bc", strconv.Itoa(i))
		}
		for i := range 100 {
			if got, want := k.read().show(false, false), fmt.Sprintf(`%s[$"pmessage" $"b*" $"bc" $"%d"]`, kind, i); got != want {
				t.Fatalf("message %s, want %s", got, want)
			}
		}
		k.is(kind+`[$"unsubscribe" $"a" :"1"]`, "UNSUBSCRIBE")
		k.is(kind+`[$"punsubscribe" $"b*" :"0"]`, "PUNSUBSCRIBE", "b*")
		other.is(`:"0"`, "PUBLISH", "a", "x")
		k.is(`$"x"`, "ECHO", "x")
		k.do("SUBSCRIBE", "left")
		_ = k.net.Close()
		for other.do("PUBLISH", "left", "x").show(false, false) != `:"0"` { // until the server has seen it go
		}
	}
}

// TestMonitor: who asks is shown each command with its time, database and client.
func TestMonitor(t *testing.T) {
	c := newClock()
	s := start(t, Config{Listen: "127.0.0.1:0", Now: c.Now})
	k, other := talkTo(t, s.Addr()), talkTo(t, s.Addr())
	k.is(`+"OK"`, "MONITOR")
	other.do("SELECT", "2")
	other.do("SET", "a b", "\"\n\x01")
	other.do("CONFIG", "GET", "port") // Redis shows none of those
	other.do("GET", "k")
	from := other.net.LocalAddr().String()
	for _, want := range []string{
		`1800000000.000000 [0 ` + from + `] "SELECT" "2"`, `1800000000.000000 [2 ` + from + `] "SET" "a b" "\"\n\x01"`, `1800000000.000000 [2 ` + from + `] "GET" "k"`,
	} {
		if got := string(k.read().text); got != want {
			t.Errorf("it shows %s\nwant %s", got, want)
		}
	}
	k.send("RESET")
	k.read() // it is shown that too
	if got := k.read().show(false, false); got != `+"RESET"` {
		t.Errorf("RESET: %s", got)
	}
	other.do("GET", "k")
	k.is(`+"PONG"`, "PING")
}

// TestClients: who is connected is listed with name, library and database, and can be cut off.
func TestClients(t *testing.T) {
	s := start(t, Config{Listen: "127.0.0.1:0"})
	k, other := talkTo(t, s.Addr()), talkTo(t, s.Addr())
	other.do("HELLO", "3", "SETNAME", "reader")
	other.do("CLIENT", "SETINFO", "LIB-NAME", "lib")
	other.do("SELECT", "3")
	id := string(other.do("CLIENT", "ID").text)
	list := string(k.do("CLIENT", "LIST").text)
	for _, want := range []string{"id=" + id + " addr=" + other.net.LocalAddr().String(), "name=reader", "db=3", "resp=3", "lib-name=lib"} {
		if !strings.Contains(list, want) {
			t.Errorf("%s is not in\n%s", want, list)
		}
	}
	if n := strings.Count(list, "\n"); n != 2 {
		t.Errorf("%d clients:\n%s", n, list)
	}
	k.is(`:"1"`, "CLIENT", "KILL", "ID", id)
	if _, err := other.in.ReadByte(); err == nil {
		t.Error("a client that was killed is answered")
	}
}

// TestWhatIsNoCommand: lines that somebody types work, and what is no command ends its connection alone.
func TestWhatIsNoCommand(t *testing.T) {
	s := start(t, Config{Listen: "127.0.0.1:0"})
	k := talkTo(t, s.Addr())
	for line, want := range map[string]string{
		"PING\r\n": `+"PONG"`, "set k \"a b\\x41\"\n": `+"OK"`, "\r\nget k\r\n": `$"a bA"`, "*0\r\nPING\r\n": `+"PONG"`, "*-1\r\nPING\r\n": `+"PONG"`,
	} {
		if _, err := k.net.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
		if got := k.read().show(false, false); got != want && !strings.HasPrefix(line, "\r\nget") {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
	for text, want := range map[string]string{
		"*1\r\n:1\r\n": "expected '$', got ':'", "*1\r\n$-5\r\n": "invalid bulk length", "*1\r\n$99999999999\r\n": "invalid bulk length",
		"*x\r\n": "invalid multibulk length", "*99999999\r\n": "invalid multibulk length", "get \"a\r\n": "unbalanced quotes in request",
	} {
		k := talkTo(t, s.Addr())
		if _, err := k.net.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if got := string(k.read().text); got != "ERR Protocol error: "+want {
			t.Errorf("%q: %s", text, got)
		}
		if _, err := k.in.ReadByte(); err == nil {
			t.Errorf("%q: the connection goes on", text)
		}
	}
	k.is(`+"PONG"`, "PING")
}

// TestTransactionsRunAlone: nothing comes between the commands of a transaction or of a script.
func TestTransactionsRunAlone(t *testing.T) {
	s := start(t, Config{Listen: "127.0.0.1:0"})
	done := make(chan struct{})
	for range 4 {
		k := talkTo(t, s.Addr())
		go func() {
			defer func() { done <- struct{}{} }()
			for range 200 {
				k.do("MULTI")
				k.do("INCR", "a")
				k.do("INCR", "b")
				v := k.do("EXEC")
				if string(v.list[0].text) != string(v.list[1].text) {
					t.Errorf("a transaction counts %s and %s", v.list[0].text, v.list[1].text)
				}
				v = k.do("EVAL", "return {redis.call('INCR', 'a'), redis.call('INCR', 'b')}", "0")
				if string(v.list[0].text) != string(v.list[1].text) {
					t.Errorf("a script counts %s and %s", v.list[0].text, v.list[1].text)
				}
			}
		}()
	}
	for range 4 {
		<-done
	}
	talkTo(t, s.Addr()).is(`$"1600"`, "GET", "a")
}

// TestWaitingCommands: a client that waits gets what comes, and its end leaves nothing that takes it away.
func TestWaitingCommands(t *testing.T) {
	s := start(t, Config{Listen: "127.0.0.1:0"})
	gone, k, other := talkTo(t, s.Addr()), talkTo(t, s.Addr()), talkTo(t, s.Addr())
	for _, client := range []*talker{gone, k, other} {
		client.is(`+"PONG"`, "PING") // the server has all three
	}
	gone.send("BLPOP", "q", "0")
	_ = gone.net.Close()
	for len(s.all()) > 2 { // until the server has seen it go
	}
	k.send("BLPOP", "q", "0")
	other.do("RPUSH", "q", "1")
	if got := k.read().show(false, false); got != `*[$"q" $"1"]` {
		t.Errorf("who waits gets %s", got)
	}
	k.is(`+"PONG"`, "PING")
	k.send("BLPOP", "q", "0") // and the server can be closed meanwhile
}

// TestCLIWithoutArguments: redis-cli on a terminal reads the commands first, and goes on.
func TestCLIWithoutArguments(t *testing.T) {
	redistest.Start(t) // or the test is skipped
	s := start(t, Config{Listen: "127.0.0.1:0"})
	_, port, _ := strings.Cut(s.Addr(), ":")
	for _, version := range []string{"-2", "-3"} {
		// script gives it a terminal, on which it asks for hints; a dumb one is asked nothing itself
		cmd := exec.Command("script", "-qec", "TERM=dumb redis-cli "+version+" -p "+port, "/dev/null")
		cmd.Stdin = strings.NewReader("SET k 17\nGET k\nHELP GET\nHGETALL none\nquit\n")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), `"17"`) || !strings.Contains(string(out), "the string at a key") {
			t.Errorf("redis-cli %s: %v\n%s", version, err, out)
		}
	}
}

// TestCloseAmidCommands closes servers while their clients write: a command that is under way then ends.
func TestCloseAmidCommands(t *testing.T) {
	for range 50 {
		s, err := Start(Config{})
		if err != nil {
			t.Fatal(err)
		}
		var clients sync.WaitGroup
		begun := make(chan struct{}, 8)
		for range cap(begun) {
			n, err := s.Dial()
			if err != nil {
				t.Fatal(err)
			}
			clients.Go(func() {
				defer n.Close()
				answer := make([]byte, 5)
				for i := 0; ; i++ {
					if _, err := n.Write([]byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n")); err != nil {
						return
					}
					if _, err := io.ReadFull(n, answer); err != nil {
						return
					}
					if i == 3 {
						begun <- struct{}{}
					}
				}
			})
		}
		for range cap(begun) {
			<-begun
		}
		s.Close()
		clients.Wait()
	}
}
