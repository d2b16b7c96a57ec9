package embedded

import (
	"strconv"
	"strings"
)

// A namedKey is a key in a command line, with what the command does to it.
type namedKey struct {
	key   string
	flags []string
}

// keysOf returns the keys that words name, as COMMAND GETKEYS does; false if they cannot be told.
func keysOf(c *command, words []string) ([]namedKey, bool) {
	if c.name == "sort" || !c.has("movablekeys") {
		return c.fixedKeys(words), true
	}
	_, _, specs, _, _ := c.cells()
	var keys []namedKey
	for _, s := range specs {
		first, ok := s.begin(words)
		if !ok {
			continue
		}
		found, ok := s.find(words, first)
		if !ok {
			return nil, false
		}
		keys = append(keys, found...)
	}
	return keys, true
}

// plainKeys are the keys of a command as they stand in its words, for who needs them often.
func plainKeys(c *command, words []string) []string {
	first, last, step := c.keys[0], c.keys[1], c.keys[2]
	if first == 0 && c.has("movablekeys") {
		named, _ := keysOf(c, words)
		keys := make([]string, len(named))
		for i, k := range named {
			keys[i] = k.key
		}
		return keys
	}
	if first == 0 {
		return nil
	}
	if last < 0 {
		last += len(words)
	}
	if first == last && first < len(words) {
		return words[first : first+1]
	}
	var keys []string
	for i := first; i <= last && i < len(words); i += step {
		keys = append(keys, words[i])
	}
	return keys
}

func (c *command) fixedKeys(words []string) []namedKey {
	_, _, specs, _, _ := c.cells()
	var keys []namedKey
	for _, s := range specs {
		if first, ok := s.begin(words); ok {
			found, _ := s.find(words, first)
			keys = append(keys, found...)
		}
	}
	return keys
}

// begin is where the search for keys begins.
func (s *keySpec) begin(words []string) (int, bool) {
	switch {
	case s.Index != nil:
		return s.Index.Index, s.Index.Index < len(words)
	case s.Keyword != nil && s.Keyword.StartFrom > 0:
		for i := s.Keyword.StartFrom; i < len(words); i++ {
			if strings.EqualFold(words[i], s.Keyword.Keyword) {
				return i + 1, i+1 < len(words)
			}
		}
	case s.Keyword != nil: // from the end
		for i := len(words) + s.Keyword.StartFrom; i > 0; i-- {
			if strings.EqualFold(words[i], s.Keyword.Keyword) {
				return i + 1, i+1 < len(words)
			}
		}
	}
	return 0, false
}

// find returns the keys from a place on.
func (s *keySpec) find(words []string, first int) ([]namedKey, bool) {
	last, step := first, 1
	switch {
	case s.Range != nil:
		last, step = first+s.Range.LastKey, s.Range.KeyStep
		if s.Range.LastKey < 0 {
			last = len(words) + s.Range.LastKey
			if s.Range.Limit > 1 {
				last = first + (len(words)-first)/s.Range.Limit + s.Range.LastKey
			}
		}
	case s.KeyNum != nil:
		at := first + s.KeyNum.KeyNumIdx
		if at >= len(words) {
			return nil, false
		}
		n, err := strconv.Atoi(words[at])
		if err != nil || n < 0 {
			return nil, false
		}
		first, step = first+s.KeyNum.FirstKey, s.KeyNum.KeyStep
		last = first + (n-1)*step
		if last >= len(words) {
			return nil, false
		}
	}
	var keys []namedKey
	for i := first; i <= last && i < len(words); i += max(step, 1) {
		keys = append(keys, namedKey{words[i], s.Flags})
	}
	return keys, true
}
