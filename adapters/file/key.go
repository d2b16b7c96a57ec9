package file

// keyFinder finds the key of records: the text of one top-level field.
type keyFinder struct {
	field   string
	scratch []byte
}

// find returns the text of the first member with the field's name: a string's text, else the JSON
// text of the value. It returns nil when there is none, it is NULL, or the text is no JSON object as
// far as the member. The result is valid until the next call and as long as text.
func (k *keyFinder) find(text []byte) []byte {
	var m member
	i, state := firstMember(text, &m)
	for state == found {
		if string(text[m.name:m.nameEnd]) == k.field || (m.nameEscaped && k.unescapedName(text[m.name:m.nameEnd])) {
			return k.text(text, &m)
		}
		i, state = nextMember(text, i, &m)
	}
	return nil
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
		var ok bool
		if k.scratch, ok = appendUnescaped(k.scratch[:0], value); !ok {
			return nil
		}
		return k.scratch
	case c == '"', c == '{', c == '[', c == '-', c >= '0' && c <= '9':
		return value
	case string(value) == "true", string(value) == "false":
		return value
	}
	return nil
}
