package file

import (
	"bytes"
	"fmt"
	"io"
)

// bom is the byte order mark that some programs write in front of UTF-8.
const bom = "\xef\xbb\xbf"

// Sizes of what is read at once: small until a read has filled it, since a request may be a single line.
const (
	firstBuffer = 8 << 10
	lineBuffer  = 256 << 10
)

// lines cuts a stream into lines, or CSV rows, in place.
//
//	buf  [ … given │ line being found │ not read yet … ]
//	               start     scanned  end
type lines struct {
	r      io.Reader
	idle   func() error // called before each read, which may have to wait; may be nil
	buf    []byte
	start  int
	end    int
	begun  bool // it is known whether a byte order mark stands in front
	eof    bool
	full   bool  // the read before has filled the buffer
	number int64 // of the line given last, from 1
	rows   int64 // lines that the row given last has more than one of
}

func newLines(r io.Reader, idle func() error) *lines {
	return &lines{r: r, idle: idle, buf: make([]byte, firstBuffer)}
}

// next returns the next line without its LF or CR LF, valid until the next call, or io.EOF. The
// last line need not end in LF.
func (l *lines) next() ([]byte, error) {
	scanned := l.start
	for {
		if i := bytes.IndexByte(l.buf[scanned:l.end], '\n'); i >= 0 {
			line := l.buf[l.start : scanned+i]
			l.start = scanned + i + 1
			l.number++
			return trimCR(line), nil
		}
		scanned = l.end
		if l.eof {
			return l.rest()
		}
		moved, err := l.fill()
		if err != nil {
			return nil, err
		}
		scanned = max(scanned-moved, l.start)
	}
}

// rest is what stands behind the last LF.
func (l *lines) rest() ([]byte, error) {
	if l.start == l.end {
		return nil, io.EOF
	}
	line := l.buf[l.start:l.end]
	l.start = l.end
	l.number++
	return trimCR(line), nil
}

func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

// fill reads more behind what is there, making room first: it moves the line being found to the
// front, and grows the buffer if the line fills it. It returns how far the line was moved.
func (l *lines) fill() (moved int, err error) {
	if l.start > 0 {
		moved = l.start
		copy(l.buf, l.buf[l.start:l.end])
		l.end -= l.start
		l.start = 0
		if len(l.buf) > lineBuffer && l.end < lineBuffer/2 {
			l.buf = append(make([]byte, 0, lineBuffer), l.buf[:l.end]...)[:lineBuffer]
		}
	}
	if l.full && len(l.buf) < lineBuffer {
		l.buf = append(make([]byte, 0, lineBuffer), l.buf[:l.end]...)[:lineBuffer]
	}
	if l.end == len(l.buf) {
		if len(l.buf) > maxLine {
			return moved, fmt.Errorf("line %d is longer than %d MiB", l.number+1, maxLine>>20)
		}
		grown := make([]byte, 2*len(l.buf))
		copy(grown, l.buf)
		l.buf = grown
	}
	if l.idle != nil {
		if err := l.idle(); err != nil {
			return moved, err
		}
	}
	n, err := l.r.Read(l.buf[l.end:])
	l.end += n
	for !l.begun {
		if l.begun = l.end >= len(bom) || err != nil; !l.begun {
			n, err = l.r.Read(l.buf[l.end:])
			l.end += n
		} else if bytes.HasPrefix(l.buf[:l.end], []byte(bom)) {
			l.start = len(bom)
		}
	}
	l.full = l.end == len(l.buf)
	if err == io.EOF {
		l.eof, err = true, nil
	}
	if err != nil {
		err = fmt.Errorf("line %d: %w", l.number+1, err)
	}
	return moved, err
}

// nextRow returns the next CSV row: a line, or more of them where a quoted field holds line feeds.
// A quoted field that is never closed is not believed: its first line alone is the row.
func (l *lines) nextRow() ([]byte, error) {
	l.number += l.rows
	l.rows = 0
	if i := bytes.IndexByte(l.buf[l.start:l.end], '\n'); i >= 0 && bytes.IndexByte(l.buf[l.start:l.start+i], '"') < 0 {
		row := l.buf[l.start : l.start+i]
		l.start += i + 1
		l.number++
		return trimCR(row), nil
	}
	var q quotes
	scanned, first := l.start, -1
	for {
		for i := scanned; i < l.end; i++ {
			if !q.step(l.buf[i]) {
				continue
			}
			if first < 0 {
				first = i - l.start
			}
			if q.inside {
				l.rows++
				continue
			}
			row := l.buf[l.start:i]
			l.start = i + 1
			l.number++
			return trimCR(row), nil
		}
		scanned = l.end
		if l.eof || (q.inside && first >= 0 && l.end-l.start >= maxLine) {
			l.rows = 0
			if !q.inside || first < 0 {
				return l.rest()
			}
			row := l.buf[l.start : l.start+first]
			l.start += first + 1
			l.number++
			return trimCR(row), nil
		}
		moved, err := l.fill()
		if err != nil {
			return nil, err
		}
		scanned = max(scanned-moved, l.start)
	}
}

// quotes knows whether a place in a CSV row is inside a quoted field. A quote opens a field only
// as its first byte.
type quotes struct {
	inside  bool // of a quoted field
	behind  bool // behind a quote that closes the field, or is the first of a doubled one
	content bool // of a field that is not quoted, behind its first byte
}

// step takes a byte and reports a line feed.
func (q *quotes) step(c byte) bool {
	switch {
	case c == '"' && q.inside:
		q.inside, q.behind = false, true
	case c == '"' && (q.behind || !q.content):
		q.inside, q.behind, q.content = true, false, true
	case c == '\n':
		if !q.inside {
			q.behind, q.content = false, false
		}
		return true
	case c == ',' && !q.inside:
		q.behind, q.content = false, false
	case !q.inside:
		q.behind, q.content = false, true
	}
	return false
}
