package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/peterh/liner"

	"github.com/nagare-stream/nagare/engine/sql"
	"github.com/nagare-stream/nagare/node"
)

// promptHelp is what \? says.
const promptHelp = `A statement ends with ; and may have several lines.
  SELECT …;                      its rows; SET, RESET, CREATE TEMPORARY VIEW and DROP VIEW hold until the prompt ends
  \d           tables, views and topics        \d NAME      columns of one
  \timing      time of each statement, on/off  \o FORM      table, json, jsonl or csv
  \?           this                            \q, Ctrl-D   leave
Tab completes names, Ctrl-R looks into the history, Ctrl-C ends a query, or takes back what is typed.
`

// historyFile is where the prompt keeps what was typed, in the user's state folder.
const historyFile = "query_history"

// A prompt reads statements from a terminal.
type prompt struct {
	s      *queries
	line   *liner.State
	cooked liner.ModeApplier // the terminal as commands find it
	raw    liner.ModeApplier // while a line is edited
	timing bool
	names  *promptNames

	running atomic.Pointer[context.CancelFunc]
}

// prompt reads and runs statements until the user leaves.
func (s *queries) prompt(ctx context.Context) error {
	cooked, err := liner.TerminalMode()
	if err != nil {
		return fmt.Errorf("open the prompt: %w", err)
	}
	p := &prompt{s: s, cooked: cooked, line: liner.NewLiner(), names: newPromptNames(s)}
	defer p.line.Close()
	if p.raw, err = liner.TerminalMode(); err != nil {
		return fmt.Errorf("open the prompt: %w", err)
	}
	p.line.SetCtrlCAborts(true)
	p.line.SetTabCompletionStyle(liner.TabPrints)
	p.line.SetWordCompleter(p.names.complete)
	p.readHistory()
	defer p.writeHistory()
	interrupt := func() {
		if cancel := p.running.Load(); cancel != nil {
			(*cancel)()
		}
	}
	s.a.interrupt.Store(&interrupt)
	defer s.a.interrupt.Store(nil)
	defer context.AfterFunc(ctx, func() { // the line is waited for without a context
		_ = p.line.Close()
		os.Exit(exitTerminate)
	})()
	fmt.Fprintf(s.a.err, "nagare %s; \\? for help, \\q to leave\n", s.a.version)
	if s.nothing != nil {
		fmt.Fprintln(s.a.err, "There is no pipeline yet: queries read files (--files) and values.")
	}
	p.names.load(ctx)
	return p.loop(ctx)
}

func (p *prompt) loop(ctx context.Context) error {
	text := ""
	for {
		before := "nagare> "
		if text != "" {
			before = "   ...> "
		}
		line, err := p.line.Prompt(before)
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			text = ""
			continue
		case errors.Is(err, io.EOF):
			fmt.Fprintln(p.s.a.err)
			return nil
		case err != nil:
			return fmt.Errorf("read the prompt: %w", err)
		}
		if text == "" && strings.HasPrefix(strings.TrimSpace(line), `\`) {
			p.line.AppendHistory(strings.TrimSpace(line))
			if leave := p.command(ctx, strings.TrimSpace(line)); leave {
				return nil
			}
			continue
		}
		if text += line + "\n"; strings.TrimSpace(text) == "" {
			text = ""
			continue
		}
		pieces, rest := sql.Split("prompt", text)
		if rest < len(text) {
			continue // its last statement goes on in the next line
		}
		p.remember(text)
		text = ""
		for _, piece := range pieces {
			if !p.run(ctx, piece) {
				break
			}
		}
	}
}

// remember puts a statement into the history: on one line if that leaves its meaning, else line by line.
func (p *prompt) remember(text string) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "--") && !strings.ContainsAny(text, "'\"`") {
		p.line.AppendHistory(strings.Join(strings.Fields(text), " "))
		return
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			p.line.AppendHistory(line)
		}
	}
}

// run runs a statement, which Ctrl-C ends and nothing else. It reports whether the rest of the line is run, too.
func (p *prompt) run(ctx context.Context, piece sql.Piece) bool {
	a := p.s.a
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	_ = p.cooked.ApplyMode() // Ctrl-C is a signal
	p.running.Store(&cancel)
	defer func() {
		p.running.Store(nil)
		_ = p.raw.ApplyMode()
	}()
	start := time.Now()
	n, err := p.s.run(ctx, piece)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(a.err, "the query was ended by Ctrl-C")
		return false
	case err != nil:
		a.complain(err)
		return false
	case n >= 0:
		fmt.Fprintln(a.err, plural(n, "row"))
	case isSession(piece):
		fmt.Fprintln(a.err, "ok")
		p.names.load(ctx)
	}
	if p.timing {
		fmt.Fprintf(a.err, "%.3f s\n", time.Since(start).Seconds())
	}
	return true
}

func isSession(p sql.Piece) bool {
	switch strings.ToUpper(firstWord(p.Text)) {
	case "SET", "RESET", "CREATE", "DROP":
		return true
	}
	return false
}

// command runs a line that begins with a backslash. leave: the user has had enough.
func (p *prompt) command(ctx context.Context, line string) (leave bool) {
	a := p.s.a
	name, argument, _ := strings.Cut(line, " ")
	argument = strings.Trim(strings.TrimSuffix(strings.TrimSpace(argument), ";"), "`")
	switch strings.TrimSuffix(name, ";") {
	case `\q`, `\quit`:
		return true
	case `\?`, `\h`, `\help`:
		fmt.Fprint(a.out, promptHelp)
	case `\d`:
		p.names.load(ctx)
		if err := p.names.describe(ctx, argument); err != nil {
			a.complain(err)
		}
	case `\timing`:
		p.timing = !p.timing
		fmt.Fprintf(a.err, "timing is %s\n", map[bool]string{true: "on", false: "off"}[p.timing])
	case `\o`:
		switch argument {
		case formTable, formJSON, formLines, formCSV:
			a.format = argument
		default:
			a.complain(fmt.Errorf("\\o %s: there are table, json, jsonl and csv", argument))
		}
	default:
		a.complain(fmt.Errorf("there is no %s; \\? lists what there is", name))
	}
	return false
}

func (p *prompt) readHistory() {
	if f, err := openHistory(os.O_RDONLY); err == nil {
		_, _ = p.line.ReadHistory(f) // what cannot be read is not there
		_ = f.Close()
	}
}

func (p *prompt) writeHistory() {
	f, err := openHistory(os.O_WRONLY | os.O_CREATE | os.O_TRUNC)
	if err == nil {
		_, err = p.line.WriteHistory(f)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		p.s.a.warn("the history of the prompt is not kept: %v", err)
	}
}

func openHistory(flags int) (*os.File, error) {
	home, err := node.StateHome()
	if err != nil {
		return nil, err
	}
	if flags != os.O_RDONLY {
		if err := os.MkdirAll(home, 0o700); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(filepath.Join(home, historyFile), flags, 0o600)
}
