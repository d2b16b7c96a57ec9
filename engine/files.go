package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/nagare-stream/nagare/engine/plan"
)

// queryFiles is the files of one query, each opened once.
type queryFiles struct {
	ctx    context.Context
	files  Files
	opened map[string]File
}

func (e *Engine) openFiles(ctx context.Context) *queryFiles {
	return &queryFiles{ctx: ctx, files: e.opt.Files, opened: map[string]File{}}
}

// open is what binding a query asks; nil where queries read no files.
func (q *queryFiles) open() plan.OpenFile {
	if q.files == nil {
		return nil
	}
	return func(f plan.FileRef) (*plan.Dataset, error) {
		name := f.Format + ".`" + f.Path + "`"
		for _, key := range slices.Sorted(maps.Keys(f.Options)) {
			name += fmt.Sprintf(" %s=%q", key, f.Options[key])
		}
		if q.opened[name] == nil {
			opened, err := q.files.Open(q.ctx, f)
			if err != nil {
				return nil, err
			}
			q.opened[name] = opened
		}
		return &plan.Dataset{Kind: plan.System, Name: name, Schema: q.opened[name].Schema(), EventTime: -1}, nil
	}
}
