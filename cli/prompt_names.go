package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/sql"
)

// promptNames is what can be named at the prompt.
type promptNames struct {
	s     *queries
	names web.NamesAnswer
	words []string // sorted, without regard to case
}

func newPromptNames(s *queries) *promptNames { return &promptNames{s: s} }

// load asks what there is now. What cannot be told is not completed.
func (n *promptNames) load(ctx context.Context) {
	names, err := get[web.NamesAnswer](ctx, n.s.t.client, "/api/names")
	if err != nil {
		return
	}
	for _, name := range n.s.views() {
		i := slices.IndexFunc(names.Datasets, func(d web.NamedDataset) bool { return d.Name == name })
		if i < 0 {
			i = len(names.Datasets)
			names.Datasets = append(names.Datasets, web.NamedDataset{Name: name})
		}
		columns, _ := n.s.columns(ctx, name) // a view with a fault has none
		names.Datasets[i].Kind, names.Datasets[i].Columns = "temporary view", columns
	}
	n.names = names
	n.words = slices.Concat(names.Functions, names.Keywords)
	for _, d := range names.Datasets {
		n.words = append(n.words, quotedName(d.Name))
		for _, c := range d.Columns {
			n.words = append(n.words, quotedName(c.Name))
		}
	}
	slices.SortFunc(n.words, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	n.words = slices.Compact(n.words)
}

// quotedName is a name as a statement has it.
func quotedName(name string) string {
	plain := name != "" && (name[0] < '0' || name[0] > '9')
	for _, r := range name {
		plain = plain && (r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}
	if plain {
		return name
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// complete gives the words that begin with the one before a place in a line; pos counts characters.
func (n *promptNames) complete(line string, pos int) (head string, completions []string, tail string) {
	runes := []rune(line)
	from := pos
	for from > 0 && (runes[from-1] == '_' || runes[from-1] == '`' || runes[from-1] == '$' || runes[from-1] == '\\' ||
		runes[from-1] >= '0' && runes[from-1] <= '9' || (runes[from-1]|0x20) >= 'a' && (runes[from-1]|0x20) <= 'z') {
		from--
	}
	head, tail = string(runes[:from]), string(runes[pos:])
	begin := string(runes[from:pos])
	if begin == "" {
		return head, nil, tail
	}
	words := n.words
	if strings.HasPrefix(begin, `\`) {
		words = []string{`\?`, `\d`, `\o`, `\q`, `\timing`}
	}
	upper := strings.ToUpper(begin) == begin
	for _, w := range words {
		bare := strings.TrimPrefix(w, "`")
		if !hasFoldPrefix(w, begin) && !hasFoldPrefix(bare, begin) {
			continue
		}
		if strings.ToUpper(w) == w && !upper {
			w = strings.ToLower(w) // a keyword, as the user writes them
		}
		completions = append(completions, w)
	}
	return head, slices.Compact(completions), tail
}

func hasFoldPrefix(word, begin string) bool {
	return len(word) >= len(begin) && strings.EqualFold(word[:len(begin)], begin)
}

// describe prints what there is, or the columns of one.
func (n *promptNames) describe(ctx context.Context, name string) error {
	if name == "" {
		t := newTable("name", "kind", "columns>")
		for _, d := range n.names.Datasets {
			t.add(d.Name, kindName(d.Kind), itoa(len(d.Columns)))
		}
		if len(t.rows) == 0 {
			fmt.Fprintln(n.s.a.err, "there is nothing to read yet")
			return nil
		}
		return t.write(n.s.a.out)
	}
	var columns []web.NamedColumn
	i := slices.IndexFunc(n.names.Datasets, func(d web.NamedDataset) bool { return d.Name == name })
	if i >= 0 {
		columns = n.names.Datasets[i].Columns
	} else {
		var err error
		if columns, err = n.s.columns(ctx, name); err != nil {
			return err
		}
	}
	t := newTable("column", "type")
	for _, c := range columns {
		t.add(c.Name, c.Type)
	}
	return t.write(n.s.a.out)
}

// kindName is a kind of dataset in words.
func kindName(kind string) string {
	switch kind {
	case "kept":
		return "rows left out"
	case "open":
		return "open rows"
	}
	return kind
}

// views is the names of the session's temporary views.
func (s *queries) views() []string {
	var names []string
	for _, p := range s.before {
		stmt, _ := sql.ParseSession(p)
		switch stmt := stmt.(type) {
		case *sql.CreateView:
			if !slices.Contains(names, stmt.Name.Name) {
				names = append(names, stmt.Name.Name)
			}
		case *sql.DropView:
			names = slices.DeleteFunc(names, func(n string) bool { return n == stmt.Name.Name })
		}
	}
	return names
}

// columns is those of anything that a query can read.
func (s *queries) columns(ctx context.Context, name string) ([]web.NamedColumn, error) {
	in := web.QueryRequest{QueryPiece: web.QueryPiece{SQL: "SELECT * FROM `" + strings.ReplaceAll(name, "`", "``") + "` LIMIT 0", File: "prompt"}}
	for _, b := range s.before {
		in.Before = append(in.Before, web.PieceOf(b))
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(s.t.askRows(ctx, body, "cells", w)) }()
	defer r.Close()
	var head struct {
		Columns []web.NamedColumn `json:"columns"`
	}
	if err := json.NewDecoder(r).Decode(&head); err != nil {
		return nil, err
	}
	return head.Columns, nil
}
