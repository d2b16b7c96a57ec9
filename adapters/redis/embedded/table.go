package embedded

import (
	_ "embed"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// commandsText describes the commands, one a line, in columns: name, arity, flags, places of keys (first, last,
// step), categories, tips, key specifications, a summary and arguments. What clients go by (all but the summary)
// is as Redis 7.0 answers it to COMMAND; a test compares.
//
//go:embed commands.tsv
var commandsText string

// A command is one that clients may call. Subcommands are commands with a name such as "config|get".
type command struct {
	name  string
	arity int // words with the name; -n: n or more
	flags []string
	keys  [3]int // first, last, step
	subs  []*command
	rest  string // of the columns, that few ask for
}

func (c *command) has(flag string) bool { return slices.Contains(c.flags, flag) }

// table finds commands by their names in lower case.
var table = sync.OnceValue(func() map[string]*command {
	t := map[string]*command{}
	for line := range strings.Lines(commandsText) {
		if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.SplitN(line, "\t", 5)
		c := &command{name: cells[0], rest: cells[4]}
		c.arity, _ = strconv.Atoi(cells[1]) // a test reads them all
		if cells[2] != "" {
			c.flags = strings.Split(cells[2], ",")
		}
		for i, n := range strings.Fields(cells[3]) {
			c.keys[i], _ = strconv.Atoi(n)
		}
		t[c.name] = c
		if container, _, ok := strings.Cut(c.name, "|"); ok {
			t[container].subs = append(t[container].subs, c)
		}
	}
	return t
})

// find returns the command that words call, and what is wrong with them as Redis says it.
func find(words []string) (*command, string) {
	c := table()[strings.ToLower(words[0])]
	if c == nil {
		return nil, unknown(words)
	}
	if len(c.subs) > 0 && len(words) > 1 {
		sub := table()[c.name+"|"+strings.ToLower(words[1])]
		if sub == nil {
			return nil, "ERR unknown subcommand '" + cut(words[1], 128) + "'. Try " + strings.ToUpper(c.name) + " HELP."
		}
		c = sub
	}
	if c.arity > 0 && len(words) != c.arity || len(words) < -c.arity {
		return nil, "ERR wrong number of arguments for '" + c.name + "' command"
	}
	return c, ""
}

// unknown is what Redis says of words that call no command.
func unknown(words []string) string {
	text := "ERR unknown command '" + cut(words[0], 128) + "', with args beginning with: "
	length := 0
	for _, w := range words[1:] {
		if length >= 128 {
			break
		}
		w = cut(w, 128-length)
		text += "'" + w + "' "
		length += len(w) + 3
	}
	return text
}

func cut(s string, most int) string { return s[:min(len(s), most)] }

// A keySpec says where a command has keys.
type keySpec struct {
	Flags   []string `json:"flags"`
	Index   *struct{ Index int }
	Keyword *struct {
		Keyword   string
		StartFrom int
	}
	Range  *struct{ LastKey, KeyStep, Limit int }
	KeyNum *struct{ KeyNumIdx, FirstKey, KeyStep int }
}

// A doc describes a command, or one of its arguments.
type doc struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	KeySpec    *int   `json:"key_spec_index"`
	Token      string `json:"token"`
	Since      string `json:"since"`
	Group      string `json:"group"`
	Deprecated string `json:"deprecated_since"`
	ReplacedBy string `json:"replaced_by"`

	DocFlags  []string `json:"doc_flags"`
	Flags     []string `json:"flags"`
	Arguments []doc    `json:"arguments"`
}

// cells are the columns that are read when they are asked for.
func (c *command) cells() (categories, tips []string, specs []keySpec, summary string, about doc) {
	cells := strings.Split(c.rest, "\t")
	list := func(s string) []string {
		if s == "" {
			return nil
		}
		return strings.Split(s, ",")
	}
	if cells[2] != "" {
		_ = json.Unmarshal([]byte(cells[2]), &specs) // a test reads them all
	}
	_ = json.Unmarshal([]byte(cells[4]), &about)
	return list(cells[0]), list(cells[1]), specs, cells[3], about
}
