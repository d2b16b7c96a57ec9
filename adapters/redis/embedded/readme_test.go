package embedded

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/adapters/redis/redistest"
)

// TestReadmeListsWhatRedisHasMore: both READMEs list the commands that a real redis-server has and this one does not.
func TestReadmeListsWhatRedisHasMore(t *testing.T) {
	names := func(addr string) []string {
		var all []string
		for _, v := range talkTo(t, addr).do("COMMAND", "LIST").list {
			if name := strings.ToUpper(string(v.text)); !strings.Contains(name, "|") {
				all = append(all, name)
			}
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	ours := names(start(t, Config{Listen: "127.0.0.1:0"}).Addr())
	want := slices.DeleteFunc(names(redistest.Start(t).Addr), func(name string) bool { return slices.Contains(ours, name) })
	if len(ours) == 0 || len(want) == 0 {
		t.Fatalf("%d commands here, %d elsewhere", len(ours), len(want))
	}
	for _, file := range []string{"README.md", "README.ja.md"} {
		text, err := os.ReadFile("../../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		_, list, begun := strings.Cut(string(text), "<!-- not in the embedded Redis -->")
		list, _, ended := strings.Cut(list, "<!-- end -->")
		if !begun || !ended {
			t.Fatalf("%s has no list of what the embedded Redis does not have", file)
		}
		var listed []string
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(list, -1) {
			listed = append(listed, m[1])
		}
		if slices.Sort(listed); !slices.Equal(listed, want) {
			t.Errorf("%s lists\n%q, and missing are\n%q", file, listed, want)
		}
	}
}

// TestDumpIsNotRedisOwn: README says what DUMP gives in place of Redis' own form.
func TestDumpIsNotRedisOwn(t *testing.T) {
	k := talkTo(t, start(t, Config{Listen: "127.0.0.1:0"}).Addr())
	k.do("SET", "text", "hello")
	k.do("HSET", "hash", "f", "v")
	if got := k.do("DUMP", "text"); string(got.text) != "hello" {
		t.Errorf("of a string: %s", got.raw)
	}
	if got := k.do("DUMP", "hash"); !strings.HasPrefix(string(got.text), "WRONGTYPE") {
		t.Errorf("of a hash: %s", got.raw)
	}
}
