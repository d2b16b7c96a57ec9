package codec

import "bytes"

// maxKeyText is the longest key text that is remembered, in bytes.
const maxKeyText = 256

// learned is what the learned scanner remembers of records: keys as they stood in the text, each with the
// two keys that followed it last.
//
//	{"id": "e1", "n": 5}        root → `{"id": ` → `, "n": ` → `}`
//
// Where a record goes on as one of the two, its next key is known by a comparison of words. Where it does
// not, the key is read by the strict rules and remembered in place of the older one.
type learned struct {
	root  keyText // stands before the record's first byte
	none  keyText // matches nowhere
	spare keyText // a key that is not remembered
	known map[string]*keyText
	limit int
}

// keyText is all that stands between two values: the comma, the blanks, the name in quotes, the colon. A
// record's first one begins with its bracket, its last one is the bracket that closes it.
type keyText struct {
	words, masks [3]uint64 // the first 24 bytes, and ones where there are bytes
	size         int
	field        int32  // the needed field that it names, or -1
	last         bool   // closes the record
	rest         []byte // what is beyond 24 bytes
	next, other  *keyText
}

func (l *learned) reset(limit int) {
	l.known, l.limit = map[string]*keyText{}, limit
	l.none.words[0], l.none.masks[0] = ^uint64(0), ^uint64(0) // no JSON text has eight bytes ff
	l.root.next, l.root.other = &l.none, &l.none
}

// stands reports whether the text is at data[p], where 24 bytes can be read.
func (k *keyText) stands(data []byte, p int) bool {
	b := data[p : p+24]
	return (load(b, 0)^k.words[0])&k.masks[0]|(load(b, 8)^k.words[1])&k.masks[1]|(load(b, 16)^k.words[2])&k.masks[2] == 0 &&
		(k.rest == nil || bytes.HasPrefix(data[p+24:], k.rest))
}

// scanLearned scans the record data[p:end] into row. It returns false when it cannot tell that the record is
// good: the strict scanner then has to. At least padding bytes have to follow the record; reading a few of
// them does no harm, since a record is only good if it ends exactly at its end.
func (d *JSON) scanLearned(data []byte, p, end int, row []span) bool {
	prev := &d.learned.root
	for {
		key := prev.next
		b := data[p : p+24] // keyText.stands, inlined by hand
		diff := (load(b, 0) ^ key.words[0]) & key.masks[0]
		diff |= (load(b, 8) ^ key.words[1]) & key.masks[1]
		diff |= (load(b, 16) ^ key.words[2]) & key.masks[2]
		if diff != 0 || key.rest != nil && !key.stands(data, p) {
			if key = d.branch(prev, data[:end], data, p); key == nil {
				return false
			}
		}
		p += key.size
		if key.last {
			return p == end || p < end && skipBlanks(data[:end], p) == end
		}
		if p >= end {
			return false
		}
		start, stop, k, whole := p, 0, kindString, 0
		switch c := data[p]; {
		case c == '"':
			start++
			b := data[start : start+16] // plainEnd, inlined by hand for short strings
			n := firstByte(oddMask(load(b, 0)))
			n += firstByte(oddMask(load(b, 8))) & -(n >> 3)
			if stop = start + n; n == 16 {
				stop = plainEnd(data, stop, end)
			}
			if data[stop] != '"' {
				if stop, k = d.scanOdd(data, start, stop, end); stop < 0 {
					return false
				}
			}
			p = stop + 1
		case c-'0' <= 9:
			if p, k, whole = shortNumber(data, p); p < 0 {
				if p, k = scanNumber(data[:end], start); p < 0 {
					return false
				}
			}
			stop = p
		default:
			// blanks can stand here, where the same key is known without them
			var s span
			if p, s = scanValue(data[:end], skipBlanks(data[:end], p), d.depth-1); p < 0 {
				return false
			}
			start, stop, k = int(s.start), int(s.end), s.kind
		}
		if p > end {
			return false
		}
		if key.field >= 0 {
			row[key.field] = span{uint32(start), uint32(stop), k, uint8(whole)}
		}
		prev = key
	}
}

// scanOdd finds the end of the string at start, its quote, from p on, where it has something else than plain
// text; it returns -1 when it has none.
func (d *JSON) scanOdd(data []byte, start, p, end int) (stop int, k kind) {
	if p < end && data[p] == '\\' {
		if stop = d.values.recent.find(data, start, end); stop >= 0 {
			return stop, kindEscaped
		}
	}
	stop, escaped := scanString(data[:end], min(p, end))
	if stop < 0 {
		return -1, kindString
	}
	if stop--; !escaped {
		return stop, kindString
	}
	d.values.recent.note(data[start:stop])
	return stop, kindEscaped
}

// plainEnd returns the place of the first byte from p on that ends plain string text, or a place at or
// behind end when there is none before. Two words are looked at together, since whether a short string
// fills the first is hard to foresee for the processor.
func plainEnd(data []byte, p, end int) int {
	for p < end {
		b := data[p : p+16]
		n := firstByte(oddMask(load(b, 0)))
		n += firstByte(oddMask(load(b, 8))) & -(n >> 3)
		p += n
		if n < 16 {
			break
		}
	}
	return p
}

// shortNumber accepts, at a digit, a number of one to seven digits, alone or with a point and one to seven digits;
// whole is how many are before the point. It returns -1 and 0 for any other, and does not see what stands
// behind. 17 bytes from p on can be read.
func shortNumber(data []byte, p int) (end int, k kind, whole int) {
	x := load(data, p) ^ lowBits*'0'
	whole = firstByte(nonDigitMask(x))
	if whole > 7 || whole > 1 && byte(x) == 0 {
		return -1, kindInt, 0
	}
	p, k = p+whole, kindInt
	if data[p] == '.' {
		n := firstByte(nonDigitMask(load(data, p+1) ^ lowBits*'0'))
		if n-1 > 6 || n == 0 {
			return -1, kindInt, 0
		}
		p, k = p+1+n, kindNumber
	}
	if data[p]|0x20 == 'e' {
		return -1, kindInt, 0
	}
	return p, k, whole
}

// branch finds the key text at b[p], which is not the expected one, or nil when there is none.
func (d *JSON) branch(prev *keyText, b, data []byte, p int) *keyText {
	if p > len(b) {
		return nil
	}
	l := &d.learned
	key := prev.other
	if !key.stands(data, p) {
		first := prev == &l.root
		end, field, last := d.readKeyText(b, p, first)
		if end < 0 {
			return nil
		}
		if key = l.known[string(b[p:end])]; key == nil {
			key = l.learn(b[p:end], field, last)
		}
		if key == &l.spare {
			return key
		}
	}
	prev.next, prev.other = key, prev.next
	return key
}

// readKeyText reads what may stand between two values by the strict rules.
func (d *JSON) readKeyText(b []byte, p int, first bool) (end int, field int32, last bool) {
	mark := byte(',')
	if first {
		mark = '{'
	}
	p = skipBlanks(b, p)
	if !first && p < len(b) && b[p] == '}' {
		return p + 1, -1, true
	}
	if p >= len(b) || b[p] != mark {
		return ^p, -1, false
	}
	p = skipBlanks(b, p+1)
	if first && p < len(b) && b[p] == '}' {
		return p + 1, -1, true
	}
	field, end = d.scanField(b, p)
	return end, field, false
}

// learn makes a key text known, or uses the spare one where there is no room.
func (l *learned) learn(text []byte, field int32, last bool) *keyText {
	k := &l.spare
	if len(l.known) < l.limit && len(text) <= maxKeyText {
		k = new(keyText)
		l.known[string(text)] = k
	}
	*k = keyText{size: len(text), field: field, last: last, next: &l.none, other: &l.none}
	for i, c := range text {
		if i >= 24 {
			break
		}
		k.words[i>>3] |= uint64(c) << (8 * (i & 7))
		k.masks[i>>3] |= 0xff << (8 * (i & 7))
	}
	if len(text) > 24 && k != &l.spare {
		k.rest = append([]byte(nil), text[24:]...)
	}
	return k
}
