package node

import (
	"strings"
	"time"
)

// A trouble is what hinders a part, from its first failure until the part works again.
type trouble struct {
	text     string // of the newest failure
	since    time.Time
	failures int
	told     map[string]bool // what the log has of it, without numbers
}

// note keeps what troubles a part, "" for nothing any more. Each kind of failure is logged once until the part is well
// again, and then how many there were: events, offsets and free bytes in a text differ at every try.
func (n *Node) note(part, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.trouble[part]
	if text == "" {
		if t != nil {
			n.log.Warn("a part is well again", "part", part, "failures", t.failures, "after", time.Since(t.since).Round(time.Millisecond))
			delete(n.trouble, part)
		}
		return
	}
	if t == nil {
		t = &trouble{since: time.Now(), told: map[string]bool{}}
		n.trouble[part] = t
	}
	t.text = text
	t.failures++
	if kind := withoutNumbers(text); !t.told[kind] {
		t.told[kind] = true
		n.log.Warn("a part is in trouble", "part", part, "trouble", text)
	}
}

// withoutNumbers is a text less its digits.
func withoutNumbers(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, text)
}

func (n *Node) troubled(part string) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.trouble[part] != nil
}
