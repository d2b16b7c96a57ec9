package notify

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/alert"
)

// Labels that every alert has. A column of an alert's key that is called so gets columnPrefix.
const (
	nameLabel     = "alertname"
	severityLabel = "severity"
	columnPrefix  = "key_"
)

// A labelSet is names and values. A value is never empty: Alertmanager drops those that are.
type labelSet map[string]string

// labelsOf is what tells an incident's thing from others, as Alertmanager 0.25 takes it.
func labelsOf(c *alert.Change) labelSet {
	set := labelSet{}
	for name, value := range c.Labels {
		if name == nameLabel || name == severityLabel {
			name = columnPrefix + name
		}
		set.put(escapeName(name), value)
	}
	set.put(nameLabel, c.Alert)
	set.put(severityLabel, c.Severity)
	return set
}

func (s labelSet) put(name, value string) {
	if value != "" {
		s[name] = strings.ToValidUTF8(value, "\uFFFD")
	}
}

// escapeName writes a name that 0.25 refuses in Prometheus' "values" escaping, which no two names share: U__ and
// each rune that does not fit as its number, an underscore as two.
func escapeName(name string) string {
	fits := func(i int, r rune) bool {
		return r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || i > 0 && r >= '0' && r <= '9'
	}
	valid := name != "" && !strings.HasPrefix(name, "U__")
	for i, r := range name {
		valid = valid && fits(i, r)
	}
	if valid {
		return name
	}
	var b strings.Builder
	b.WriteString("U__")
	for i, r := range name {
		switch {
		case r == '_':
			b.WriteString("__")
		case fits(i, r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "_%x_", r)
		}
	}
	return b.String()
}

func (s labelSet) names() []string { return slices.Sorted(maps.Keys(s)) }

// fingerprint is Alertmanager's: FNV-1a over names and values in the order of names, each followed by 0xff.
func (s labelSet) fingerprint() string {
	h := fnv.New64a()
	for _, name := range s.names() {
		for _, text := range []string{name, s[name]} {
			h.Write([]byte(text))
			h.Write([]byte{0xff})
		}
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// only is the labels of these names; "..." is all of them.
func (s labelSet) only(names []string) labelSet {
	if slices.Contains(names, allLabels) {
		return s
	}
	some := labelSet{}
	for _, name := range names {
		some.put(name, s[name])
	}
	return some
}

// String is the labels as in a groupKey: {a="b", c="d"}.
func (s labelSet) String() string {
	var parts []string
	for _, name := range s.names() {
		parts = append(parts, name+"="+strconv.Quote(s[name]))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// common is what all sets agree on.
func common(sets []labelSet) labelSet {
	out := labelSet{}
	if len(sets) == 0 {
		return out
	}
	for name, value := range sets[0] {
		if !slices.ContainsFunc(sets, func(s labelSet) bool { return s[name] != value }) {
			out[name] = value
		}
	}
	return out
}

// compareLabels is the order of alerts in Alertmanager's webhooks: those with a job first, by it, then those with an
// instance; then the one with fewer labels, then by the first name that differs.
func compareLabels(a, b labelSet) int {
	for _, name := range []string{"job", "instance"} {
		x, inA := a[name]
		y, inB := b[name]
		switch {
		case inA != inB && inA:
			return -1
		case inA != inB:
			return 1
		case x != y:
			return cmp.Compare(x, y)
		}
	}
	if c := cmp.Compare(len(a), len(b)); c != 0 {
		return c
	}
	names := slices.Concat(a.names(), b.names())
	slices.Sort(names)
	for _, name := range names {
		x, inA := a[name]
		y, inB := b[name]
		switch {
		case !inA:
			return -1
		case !inB:
			return 1
		case x != y:
			return cmp.Compare(x, y)
		}
	}
	return 0
}
