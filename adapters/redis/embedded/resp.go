package embedded

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// The most that a client may send as one command or queue in a transaction, and the longest line.
const (
	maxCommand = 64 << 20
	maxWords   = 1 << 20
	maxLine    = 64 << 10
)

// wordOverhead is about what a word of a command takes beside its bytes.
const wordOverhead = 16

// A protocolError is what a client sent that is no command; the connection ends behind it.
type protocolError string

func (e protocolError) Error() string { return "ERR Protocol error: " + string(e) }

// readCommand reads an array of strings, or a line of words. An empty one is nil.
func readCommand(r *bufio.Reader) ([]string, error) {
	line, err := readLine(r)
	if err != nil || len(line) == 0 {
		return nil, err
	}
	if line[0] != '*' {
		return splitWords(string(line))
	}
	n, err := strconv.Atoi(string(line[1:]))
	if err != nil || n > maxWords {
		return nil, protocolError("invalid multibulk length")
	}
	var words []string
	room := maxCommand
	for range n {
		line, err := readLine(r)
		if err != nil {
			return nil, err
		}
		if len(line) == 0 || line[0] != '$' {
			return nil, protocolError("expected '$', got '" + string(line[:min(1, len(line))]) + "'")
		}
		size, err := strconv.Atoi(string(line[1:]))
		room -= size + wordOverhead
		if err != nil || size < 0 || room < 0 {
			return nil, protocolError("invalid bulk length")
		}
		word, err := readBulk(r, size)
		if err != nil {
			return nil, err
		}
		words = append(words, word)
	}
	return words, nil
}

// readLine reads up to the end of a line, valid until the next read.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, protocolError("too big inline request")
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'}), nil
}

// readBulk reads a string and the end of its line. Memory is taken as bytes come, not as they are announced.
func readBulk(r *bufio.Reader, size int) (string, error) {
	var text string
	if size+2 <= r.Size() {
		b, err := r.Peek(size + 2)
		if err != nil {
			return "", err
		}
		text = string(b[:size])
		_, err = r.Discard(size + 2)
		return text, err
	}
	var long bytes.Buffer
	if _, err := io.CopyN(&long, r, int64(size)); err != nil {
		return "", err
	}
	_, err := r.Discard(2)
	return long.String(), err
}

// splitWords splits a line that somebody typed, with quotes as redis-cli has them.
func splitWords(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " \t\r\n\v\f")
		if line == "" {
			return words, nil
		}
		word, rest, ok := cutWord(line)
		if !ok {
			return nil, protocolError("unbalanced quotes in request")
		}
		words, line = append(words, word), rest
	}
}

func cutWord(line string) (word, rest string, ok bool) {
	var b []byte
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == 0 && isBlank(c):
			return string(b), line[i:], true
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			if i+1 < len(line) && !isBlank(line[i+1]) {
				return "", "", false
			}
			quote = 0
		case quote == '\'' && c == '\\' && i+1 < len(line) && line[i+1] == '\'':
			b = append(b, '\'')
			i++
		case quote == '"' && c == '\\' && i+1 < len(line):
			var n int
			b, n = unescape(b, line[i+1:])
			i += n
		default:
			b = append(b, c)
		}
	}
	return string(b), "", quote == 0
}

func isBlank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// unescape appends what stands behind a backslash, and tells how many bytes that took.
func unescape(b []byte, s string) ([]byte, int) {
	if s[0] == 'x' && len(s) >= 3 {
		if n, err := strconv.ParseUint(s[1:3], 16, 8); err == nil {
			return append(b, byte(n)), 3
		}
	}
	if i := strings.IndexByte("nrtba", s[0]); i >= 0 {
		return append(b, "\n\r\t\b\a"[i]), 1
	}
	return append(b, s[0]), 1
}

// A reply is an answer in the making.
type reply struct {
	b     []byte
	resp3 bool
}

func (r *reply) head(kind byte, n int) {
	r.b = append(strconv.AppendInt(append(r.b, kind), int64(n), 10), '\r', '\n')
}

func (r *reply) line(kind byte, s string) { r.b = append(append(append(r.b, kind), s...), '\r', '\n') }

func (r *reply) array(n int)   { r.head('*', n) }
func (r *reply) integer(n int) { r.head(':', n) }

func (r *reply) status(s string) { r.line('+', s) }
func (r *reply) fail(s string)   { r.line('-', strings.NewReplacer("\r", " ", "\n", " ").Replace(s)) }
func (r *reply) ok()             { r.status("OK") }

func (r *reply) bulk(s string) {
	r.head('$', len(s))
	r.b = append(append(r.b, s...), '\r', '\n')
}

func (r *reply) bulks(list []string) {
	r.array(len(list))
	for _, s := range list {
		r.bulk(s)
	}
}

// set begins n members, which are simple strings here as they are in Redis.
func (r *reply) set(members []string) {
	kind := byte('*')
	if r.resp3 {
		kind = '~'
	}
	r.head(kind, len(members))
	for _, m := range members {
		r.status(m)
	}
}

// pairs begins a map of n keys with their values.
func (r *reply) pairs(n int) {
	if r.resp3 {
		r.head('%', n)
		return
	}
	r.array(2 * n)
}

// text is a string that people read.
func (r *reply) text(s string) {
	if !r.resp3 {
		r.bulk(s)
		return
	}
	r.head('=', len(s)+4)
	r.b = append(append(append(r.b, "txt:"...), s...), '\r', '\n')
}

func (r *reply) null() {
	if r.resp3 {
		r.b = append(r.b, "_\r\n"...)
		return
	}
	r.b = append(r.b, "$-1\r\n"...)
}

func (r *reply) nullArray() {
	if r.resp3 {
		r.null()
		return
	}
	r.b = append(r.b, "*-1\r\n"...)
}

// A value is an answer that was read: in version 2 or 3 of the protocol.
type value struct {
	raw  []byte  // all of it
	kind byte    // its first byte
	text []byte  // of a value that has no members
	null bool    // there is none
	list []value // members; of a map keys and values in turn
}

// parse reads a value and returns what follows it; false if it is not whole.
func parse(b []byte) (v value, rest []byte, ok bool) {
	end := bytes.Index(b, []byte("\r\n"))
	if end < 1 {
		return v, b, false
	}
	v.kind, v.text = b[0], b[1:end]
	rest = b[end+2:]
	n, _ := strconv.Atoi(string(v.text)) // of a kind that has no length it is not used
	switch v.kind {
	case '_':
		v.null = true
	case '$', '=':
		if v.null = n < 0; v.null {
			break
		}
		if len(rest) < n+2 {
			return v, b, false
		}
		v.text, rest = rest[:n], rest[n+2:]
	case '*', '~', '>', '%':
		if v.null = n < 0; v.null {
			break
		}
		if v.kind == '%' {
			n *= 2
		}
		v.list = make([]value, 0, min(n, len(rest)/3+1))
		for range n {
			var m value
			if m, rest, ok = parse(rest); !ok {
				return v, b, false
			}
			v.list = append(v.list, m)
		}
	}
	v.raw = b[:len(b)-len(rest)]
	return v, rest, true
}
