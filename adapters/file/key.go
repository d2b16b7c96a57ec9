package file

// keyFinder finds the key of records: the text of one top-level field.
//
// Records of a topic mostly have one shape: the same names, blanks and kinds of value in the same
// order. So the finder learns the stretches of text between the values up to the key's:
//
//	{"event_id": "│evt_1_0001│", "timestamp": "│2026-…│", "user_id": "│user_77│", …
//	  stretch 0      value      stretch 1         value   stretch 2     the key
//
// and compares them with the next record, byte for byte. Where a stretch differs the record is
// scanned member by member. Both ways give the same key.
type keyFinder struct {
	field   string
	scratch []byte

	stretches []byte
	steps     []step
	misses    int // in a row
}

// step is a stretch, which ends at end of keyFinder.stretches, and the value behind it.
type step struct {
	end  int
	word bool // the value is a number or a word, not a string
}

const (
	maxSteps    = 64
	relearnMiss = 16
)

// find returns the text of the first member with the field's name: a string's text, else the JSON
// text of the value. It returns nil when there is none, it is NULL, or the text is no JSON object as
// far as the member. The result is valid until the next call and as long as text.
func (k *keyFinder) find(text []byte) []byte {
	if len(k.steps) > 0 {
		if value := k.learned(text); value != nil {
			k.misses = 0
			return value
		}
		k.misses++
	}
	if len(k.steps) == 0 || k.misses >= relearnMiss {
		k.misses = 0
		return k.scan(text, true)
	}
	return k.scan(text, false)
}

// learned returns the key of a record of the shape that was learned; nil for any other.
func (k *keyFinder) learned(text []byte) []byte {
	i, from, at := 0, 0, 0
	word, escaped := false, false
	for _, s := range k.steps {
		n := s.end - at
		if len(text)-i < n || string(text[i:i+n]) != string(k.stretches[at:s.end]) {
			return nil
		}
		at = s.end
		i += n
		from, word = i, s.word
		if word {
			if i = wordEnd(text, i); i == from {
				return nil
			}
			continue
		}
		if i, escaped = stringEnd(text, i); i < 0 {
			return nil
		}
	}
	value := text[from:i:i]
	switch {
	case word:
		return wordKey(value)
	case escaped:
		return k.unescaped(value)
	}
	return value
}

// scan looks at one member after the other, and learns the shape if asked to.
func (k *keyFinder) scan(text []byte, learn bool) []byte {
	if learn {
		k.steps, k.stretches = k.steps[:0], k.stretches[:0]
	}
	var m member
	before := 0 // end of the value before
	i, state := firstMember(text, &m)
	for state == found {
		if learn {
			if learn = k.learn(text, before, &m); !learn {
				k.steps = k.steps[:0]
			}
			before = m.valueEnd
		}
		if string(text[m.name:m.nameEnd]) == k.field || (m.nameEscaped && k.unescapedName(text[m.name:m.nameEnd])) {
			return k.text(text, &m)
		}
		i, state = nextMember(text, i, &m)
	}
	if learn {
		k.steps = k.steps[:0]
	}
	return nil
}

// learn adds a member to the shape; false when it cannot be part of one.
func (k *keyFinder) learn(text []byte, before int, m *member) bool {
	if m.nameEscaped || m.kind == '{' || m.kind == '[' || len(k.steps) == maxSteps {
		return false
	}
	k.stretches = append(k.stretches, text[before:m.value]...)
	k.steps = append(k.steps, step{end: len(k.stretches), word: m.kind != '"'})
	return true
}

func (k *keyFinder) unescapedName(name []byte) bool {
	var ok bool
	k.scratch, ok = appendUnescaped(k.scratch[:0], name)
	return ok && string(k.scratch) == k.field
}

// text is the text of a member's value, nil for NULL and for what is no JSON value.
func (k *keyFinder) text(text []byte, m *member) []byte {
	value := text[m.value:m.valueEnd:m.valueEnd]
	switch c := m.kind; {
	case c == '"' && m.escaped:
		return k.unescaped(value)
	case c == '"', c == '{', c == '[':
		return value
	}
	return wordKey(value)
}

// unescaped is what the inside of a string stands for; nil when an escape is malformed.
func (k *keyFinder) unescaped(value []byte) []byte {
	var ok bool
	if k.scratch, ok = appendUnescaped(k.scratch[:0], value); !ok {
		return nil
	}
	return k.scratch
}

// wordKey is the key that a number or word gives; nil for null and for what is neither.
func wordKey(value []byte) []byte {
	if c := value[0]; c == '-' || (c >= '0' && c <= '9') || string(value) == "true" || string(value) == "false" {
		return value
	}
	return nil
}
