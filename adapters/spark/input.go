package spark

import (
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/sql"
)

// Input is what a project says, for plan.Resolve.
func (p *Project) Input() plan.Input {
	in := plan.Input{Name: p.Name}
	for _, s := range p.Settings {
		in.Config = append(in.Config, plan.Setting{Key: s.Key, Value: s.Value, Pos: sql.Pos{File: p.Spec, Line: s.KeyPos.Line, Col: s.KeyPos.Col}})
	}
	for _, f := range p.Files {
		in.Files = append(in.Files, plan.File{Path: f.Path, Text: f.Text})
	}
	return in
}
