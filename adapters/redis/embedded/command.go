package embedded

import (
	"slices"
	"strings"
)

// cmdCommand answers COMMAND without a subcommand.
func cmdCommand(_ *conn, _ []string, r *reply) {
	list := commandNames()
	r.array(len(list))
	for _, name := range list {
		table()[name].describe(r)
	}
}

// commandNames are the names of the commands that are no subcommands, sorted.
func commandNames() []string {
	var names []string
	for name := range table() {
		if !strings.Contains(name, "|") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func cmdCommandCount(_ *conn, _ []string, r *reply) { r.integer(len(commandNames())) }

func cmdCommandInfo(_ *conn, words []string, r *reply) {
	args := words[2:]
	if len(args) == 0 {
		args = commandNames()
	}
	r.array(len(args))
	for _, name := range args {
		if c := table()[strings.ToLower(name)]; c != nil {
			c.describe(r)
		} else {
			r.null()
		}
	}
}

// describe appends what COMMAND INFO says of a command.
func (c *command) describe(r *reply) {
	categories, tips, specs, _, _ := c.cells()
	r.array(10)
	r.bulk(c.name)
	r.integer(c.arity)
	r.set(c.flags)
	for _, n := range c.keys {
		r.integer(n)
	}
	r.set(categories)
	r.setOf(len(tips))
	for _, tip := range tips {
		r.bulk(tip)
	}
	r.setOf(len(specs))
	for i := range specs {
		specs[i].describe(r)
	}
	if len(c.subs) == 0 {
		r.set(nil)
		return
	}
	r.array(len(c.subs))
	for _, sub := range c.subs {
		sub.describe(r)
	}
}

// setOf begins a set whose members follow.
func (r *reply) setOf(n int) {
	if r.resp3 {
		r.head('~', n)
		return
	}
	r.array(n)
}

func (s *keySpec) describe(r *reply) {
	r.pairs(3)
	r.bulk("flags")
	r.set(s.Flags)
	r.bulk("begin_search")
	if s.Index != nil {
		r.search("index", []string{"index"}, s.Index.Index)
	} else {
		r.pairs(2)
		r.bulk("type")
		r.bulk("keyword")
		r.bulk("spec")
		r.pairs(2)
		r.bulk("keyword")
		r.bulk(s.Keyword.Keyword)
		r.bulk("startfrom")
		r.integer(s.Keyword.StartFrom)
	}
	r.bulk("find_keys")
	if s.Range != nil {
		r.search("range", []string{"lastkey", "keystep", "limit"}, s.Range.LastKey, s.Range.KeyStep, s.Range.Limit)
	} else {
		r.search("keynum", []string{"keynumidx", "firstkey", "keystep"}, s.KeyNum.KeyNumIdx, s.KeyNum.FirstKey, s.KeyNum.KeyStep)
	}
}

// search appends a way in which keys are searched for.
func (r *reply) search(kind string, names []string, values ...int) {
	r.pairs(2)
	r.bulk("type")
	r.bulk(kind)
	r.bulk("spec")
	r.pairs(len(names))
	for i, name := range names {
		r.bulk(name)
		r.integer(values[i])
	}
}

func cmdCommandDocs(_ *conn, words []string, r *reply) {
	args := words[2:]
	if len(args) == 0 {
		args = commandNames()
	}
	var known []*command
	for _, name := range args {
		if c := table()[strings.ToLower(name)]; c != nil {
			known = append(known, c)
		}
	}
	r.pairs(len(known))
	for _, c := range known {
		c.explain(r)
	}
}

// explain appends a command's name and what COMMAND DOCS says of it.
func (c *command) explain(r *reply) {
	_, _, _, summary, about := c.cells()
	var entries []func()
	entry := func(name string, write func()) {
		entries = append(entries, func() { r.bulk(name); write() })
	}
	text := func(name, s string) {
		if s != "" {
			entry(name, func() { r.bulk(s) })
		}
	}
	text("summary", summary)
	text("since", about.Since)
	text("group", about.Group)
	if len(about.DocFlags) > 0 {
		entry("doc_flags", func() { r.set(about.DocFlags) })
	}
	text("deprecated_since", about.Deprecated)
	text("replaced_by", about.ReplacedBy)
	if len(about.Arguments) > 0 {
		entry("arguments", func() { r.arguments(about.Arguments) })
	}
	if len(c.subs) > 0 {
		entry("subcommands", func() {
			r.pairs(len(c.subs))
			for _, sub := range c.subs {
				sub.explain(r)
			}
		})
	}
	r.bulk(c.name)
	r.pairs(len(entries))
	for _, write := range entries {
		write()
	}
}

// arguments appends what COMMAND DOCS says of arguments.
func (r *reply) arguments(list []doc) {
	r.array(len(list))
	for _, a := range list {
		n := 2
		for _, has := range []bool{a.KeySpec != nil, a.Token != "", a.Since != "", a.Deprecated != "", len(a.Flags) > 0, len(a.Arguments) > 0} {
			if has {
				n++
			}
		}
		r.pairs(n)
		text := func(name, s string) {
			if s != "" {
				r.bulk(name)
				r.bulk(s)
			}
		}
		text("name", a.Name)
		text("type", a.Type)
		if a.KeySpec != nil {
			r.bulk("key_spec_index")
			r.integer(*a.KeySpec)
		}
		text("token", a.Token)
		text("since", a.Since)
		text("deprecated_since", a.Deprecated)
		if len(a.Flags) > 0 {
			r.bulk("flags")
			r.set(a.Flags)
		}
		if len(a.Arguments) > 0 {
			r.bulk("arguments")
			r.arguments(a.Arguments)
		}
	}
}

func cmdCommandList(_ *conn, words []string, r *reply) {
	args := words[1:]
	names := commandNames()
	for name, c := range table() {
		if strings.Contains(name, "|") {
			names = append(names, c.name)
		}
	}
	slices.Sort(names)
	keep := func(*command) bool { return true }
	switch {
	case len(args) == 1:
		names = commandNames()
	case len(args) == 4 && strings.EqualFold(args[1], "FILTERBY"):
		what := strings.ToLower(args[3])
		switch strings.ToLower(args[2]) {
		case "module":
			keep = func(*command) bool { return false }
		case "aclcat":
			keep = func(c *command) bool {
				categories, _, _, _, _ := c.cells()
				return slices.Contains(categories, "@"+what)
			}
		case "pattern":
			keep = func(c *command) bool {
				return matches(what, c.name)
			}
		default:
			r.fail("ERR syntax error")
			return
		}
	default:
		r.fail("ERR syntax error")
		return
	}
	var kept []string
	for _, name := range names {
		if keep(table()[name]) {
			kept = append(kept, name)
		}
	}
	if len(args) > 1 {
		r.bulks(kept)
		return
	}
	r.setOf(len(kept))
	for _, name := range kept {
		r.bulk(name)
	}
}

func cmdCommandGetKeys(_ *conn, words []string, r *reply)         { getKeys(words[2:], r, false) }
func cmdCommandGetKeysAndFlags(_ *conn, words []string, r *reply) { getKeys(words[2:], r, true) }

func getKeys(words []string, r *reply, flags bool) {
	c := table()[strings.ToLower(words[0])]
	if c != nil && len(c.subs) > 0 && len(words) > 1 {
		c = table()[c.name+"|"+strings.ToLower(words[1])]
	}
	if c == nil {
		r.fail("ERR Invalid command specified")
		return
	}
	if _, _, specs, _, _ := c.cells(); len(specs) == 0 {
		r.fail("ERR The command has no key arguments")
		return
	}
	if c.arity > 0 && len(words) != c.arity || len(words) < -c.arity {
		r.fail("ERR Invalid number of arguments specified for command")
		return
	}
	keys, ok := keysOf(c, words)
	if (!ok || len(keys) == 0) && !c.has("no_mandatory_keys") {
		r.fail("ERR Invalid arguments specified for command")
		return
	}
	r.array(len(keys))
	for _, k := range keys {
		if flags {
			r.array(2)
		}
		r.bulk(k.key)
		switch {
		case !flags:
		case c.name == "set" && !slices.ContainsFunc(words[3:], func(w string) bool { return strings.EqualFold(w, "GET") }):
			r.set([]string{"OW", "update"})
		case c.name == "set":
			r.set([]string{"RW", "access", "update"})
		default:
			r.set(k.flags)
		}
	}
}

// help answers a subcommand HELP with the calls that there are.
func help(_ *conn, words []string, r *reply) {
	container := table()[strings.ToLower(words[0])]
	lines := []string{strings.ToUpper(container.name) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"}
	for _, sub := range container.subs {
		_, _, _, summary, about := sub.cells()
		_, name, _ := strings.Cut(sub.name, "|")
		line := strings.ToUpper(name)
		for _, a := range about.Arguments {
			line += " <" + a.Name + ">"
		}
		lines = append(lines, line, "    "+summary)
	}
	r.array(len(lines))
	for _, line := range lines {
		r.status(line)
	}
}
