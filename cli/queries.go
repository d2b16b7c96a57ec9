package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/sql"
	"github.com/nagare-stream/nagare/node"
)

// queries is a session of queries: what answers them, and what was said so far.
type queries struct {
	a               *app
	t               *target
	nothing         *nothingError // there is no pipeline, and this would be said of what is asked of one
	files           *node.QueryFiles
	memory, timeout int64 // of each query; 0: as every query's

	before []sql.Piece // SET, RESET, CREATE, DROP
	output int         // results so far
}

func (s *queries) close(err error) error {
	err = joinClose(err, s.t)
	if s.files != nil {
		_ = s.files.Close() // it was only read
	}
	return err
}

// runAll runs statements one behind the other. placed says that faults without a place get that of their statement.
func (s *queries) runAll(ctx context.Context, pieces []sql.Piece, keepGoing, placed bool) error {
	var first error
	for _, p := range pieces {
		n, err := s.run(ctx, p)
		if err == nil {
			if n >= 0 && isTerminal(s.a.out) {
				fmt.Fprintf(s.a.err, "%s\n", plural(n, "row"))
			}
			continue
		}
		if ctx.Err() != nil {
			return err
		}
		if placed {
			err = at(p, err)
		}
		if !keepGoing {
			return err
		}
		s.a.complain(err)
		if first == nil {
			first = said(s.a.exitCode(err))
		}
	}
	return first
}

// at puts the place of a statement before a fault that has none.
func at(p sql.Piece, err error) error {
	if strings.HasPrefix(err.Error(), p.Pos.File+":") {
		return err
	}
	return &placedError{fmt.Sprintf("%s:%d:%d", p.Pos.File, p.Pos.Line, p.Pos.Col), err}
}

type placedError struct {
	place string
	err   error
}

func (e *placedError) Error() string { return e.place + ": " + e.err.Error() }

func (e *placedError) Unwrap() error { return e.err }

// run runs a statement and prints its rows. It returns how many it printed as a table, -1 in other forms and for a
// statement that has none.
func (s *queries) run(ctx context.Context, p sql.Piece) (int, error) {
	if len(p.Text) > web.MaxStatement {
		return -1, usage("query: a statement has at most %d KB", web.MaxStatement>>10)
	}
	show := s.progress(ctx)
	defer show.end()
	out := &resultWriter{w: s.a.out, between: s.output > 0 && (s.a.format == formTable || s.a.format == formCSV), begin: show.output}
	n, err := s.ask(ctx, p, show.id, out)
	if err != nil && s.nothing != nil && len(s.before) == 0 && strings.Contains(err.Error(), "[TABLE_OR_VIEW_NOT_FOUND]") {
		return -1, s.nothing // what is asked for would be there
	}
	if err != nil {
		return -1, err
	}
	if out.any {
		s.output++
	}
	switch strings.ToUpper(firstWord(p.Text)) {
	case "SET", "RESET", "CREATE", "DROP":
		s.before = append(s.before, p)
	}
	if !out.any {
		return -1, nil
	}
	return n, nil
}

func firstWord(text string) string {
	end := strings.IndexFunc(text, func(r rune) bool { return (r|0x20) < 'a' || (r|0x20) > 'z' })
	if end < 0 {
		return text
	}
	return text[:end]
}

// ask sends a statement and writes its rows in the form that the user wants.
func (s *queries) ask(ctx context.Context, p sql.Piece, id string, w io.Writer) (int, error) {
	in := web.QueryRequest{QueryPiece: web.PieceOf(p), Memory: s.memory, Timeout: s.timeout, ID: id}
	for _, b := range s.before {
		in.Before = append(in.Before, web.PieceOf(b))
	}
	body, err := json.Marshal(in)
	if err != nil {
		return -1, err
	}
	if s.a.format != formTable {
		return -1, s.t.askRows(ctx, body, s.a.format, w)
	}
	r, pw := io.Pipe()
	go func() { _ = pw.CloseWithError(s.t.askRows(ctx, body, "cells", pw)) }()
	n, err := printCells(r, w)
	_ = r.CloseWithError(err)
	return n, err
}

// askRows copies the rows of a statement of a session to w.
func (c *client) askRows(ctx context.Context, body []byte, format string, w io.Writer) error {
	query := url.Values{"format": {format}}
	if format == formCSV {
		query.Set("raw", "true")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/api/query?"+query.Encode(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.token)
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("ask the running process: %w", err)
	}
	if resp, err = c.success(resp); err != nil {
		return err
	}
	return copyAnswer(ctx, resp, w)
}

// A resultWriter writes one result: behind an empty line if another came before.
type resultWriter struct {
	w       io.Writer
	between bool
	any     bool
	begin   func() // is told of the first bytes
}

// Write implements io.Writer.
func (r *resultWriter) Write(p []byte) (int, error) {
	if !r.any && len(p) > 0 {
		r.any = true
		r.begin()
		if r.between {
			if _, err := r.w.Write([]byte{'\n'}); err != nil {
				return 0, err
			}
		}
	}
	return r.w.Write(p)
}

// The progress of a query is shown once it has run for progressAfter.
const (
	progressAfter = time.Second
	progressPause = 250 * time.Millisecond
)

// A queryProgress shows how far a query is, on a terminal.
type queryProgress struct {
	id   string // "": nothing is shown
	out  bool   // rows go to the same terminal
	stop context.CancelFunc
	gone chan struct{}
	once sync.Once
}

// progress begins to show how far the query is that is asked next.
func (s *queries) progress(ctx context.Context) *queryProgress {
	p := &queryProgress{out: isTerminal(s.a.out), stop: func() {}}
	if !isTerminal(s.a.err) {
		return p
	}
	p.id, p.gone = rand.Text(), make(chan struct{})
	ctx, p.stop = context.WithCancel(ctx)
	go func() {
		defer close(p.gone)
		b := s.a.newBar("reading")
		b.counts = true
		defer b.clear()
		wait := time.NewTimer(progressAfter)
		defer wait.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-wait.C:
			}
			if at, err := get[web.QueryProgress](ctx, s.t.client, "/api/queries/"+p.id); err == nil && ctx.Err() == nil && at.Read > 0 {
				all := at.All
				if all < at.Read {
					all = 0
				}
				b.show(at.Read, at.Read, all)
			}
			wait.Reset(progressPause)
		}
	}()
	return p
}

// output takes the bar away before rows are written where it stands.
func (p *queryProgress) output() {
	if p.out {
		p.end()
	}
}

// end stops showing.
func (p *queryProgress) end() {
	p.once.Do(func() {
		p.stop()
		if p.gone != nil {
			<-p.gone
		}
	})
}
