package stack

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/adapters/spark"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/sql"
	"github.com/nagare-stream/nagare/node"
	"github.com/nagare-stream/nagare/pipelines"
)

// A Setting is a key of the configuration and its value.
type Setting struct{ Key, Value string }

// A Project is one that was read and is in order.
type Project struct {
	Dir      fs.FS  // its folder
	Shown    string // how the user knows it
	Pipeline *plan.Pipeline
	id       node.Project
	topics   map[string]string // the names that topics have, by those that the project gives them
}

// LoadProject reads a project: a folder with spark-pipeline.yml, that folder's parent folders searched
// as Spark does, or the name of one that ships. Settings take the place of the project's own. Prefix
// comes before the names of its topics, and of itself where a server is told it: a server may have others'.
// Its error lists every fault, a line each.
func LoadProject(path string, settings []Setting, prefix string) (*Project, error) {
	p, err := findProject(path)
	if err != nil {
		return nil, err
	}
	read, problems := spark.Load(p.Dir, p.Shown)
	var faults []string
	for _, problem := range problems {
		faults = append(faults, p.at(problem.Error()))
	}
	in := read.Input()
	in.Config = replaced(in.Config, settings)
	p.topics = rename(in.Config, prefix)
	pipeline, found := plan.Resolve(in)
	if len(problems) == 0 && len(found) == 0 {
		found = node.CheckSinks(pipeline)
	}
	for i := range found {
		faults = append(faults, p.at(found[i].Error()))
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("run project %s: it has faults:\n%s", p.Shown, strings.Join(faults, "\n"))
	}
	p.Pipeline, p.id.Name = pipeline, prefix+read.Name
	return p, nil
}

// replaced is a project's configuration with some of it replaced.
func replaced(config []plan.Setting, settings []Setting) []plan.Setting {
	for _, s := range settings {
		at := slices.IndexFunc(config, func(c plan.Setting) bool { return c.Key == s.Key })
		if at < 0 {
			config = append(config, plan.Setting{Key: s.Key, Value: s.Value, Pos: sql.Pos{File: "the test's settings", Line: 1, Col: 1}})
			continue
		}
		config[at].Value = s.Value
	}
	return config
}

// rename puts a prefix before the topics that a configuration names, and returns the new names by the
// old ones. Rows that name their topic themselves keep it.
func rename(config []plan.Setting, prefix string) map[string]string {
	names := map[string]string{}
	if prefix == "" {
		return names
	}
	for i := range config {
		s := &config[i]
		reads := strings.HasPrefix(s.Key, "source.") && strings.HasSuffix(s.Key, ".option.subscribe")
		writes := strings.HasPrefix(s.Key, "sink.") && strings.HasSuffix(s.Key, ".option.topic")
		if reads || writes {
			topics := strings.Split(s.Value, ",")
			for k, name := range topics {
				name = strings.TrimSpace(name)
				topics[k] = prefix + name
				names[name] = topics[k]
			}
			s.Value = strings.Join(topics, ",")
		}
		if name, is := strings.CutPrefix(s.Key, topicPrefix); is {
			s.Key = topicPrefix + prefix + name
		}
	}
	return names
}

const topicPrefix = "nagare.topic."

// topic is the name that a topic, or what is kept of its rows, really has.
func (p *Project) topic(name string) string {
	base, _, _ := strings.Cut(name, "$")
	if real, ok := p.topics[base]; ok {
		return real + strings.TrimPrefix(name, base)
	}
	return name
}

// findProject finds a project's folder.
func findProject(path string) (*Project, error) {
	if path == "" {
		return nil, errors.New("find the project: none is named; name a folder with spark-pipeline.yml, or one that ships: " + strings.Join(pipelines.Names(), ", "))
	}
	info, err := os.Stat(path)
	if err == nil {
		if !info.IsDir() {
			path = filepath.Dir(path)
		}
		dir := spark.Find(path)
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, fmt.Errorf("find project %s: %w", path, err)
		}
		return &Project{Dir: os.DirFS(dir), Shown: dir, id: node.Project{Path: abs}}, nil
	}
	// What ships is there for tests in other modules too, which have no such folder.
	if name := strings.TrimPrefix(filepath.ToSlash(path), "pipelines/"); slices.Contains(pipelines.Names(), name) {
		fsys, err := pipelines.Open(name)
		return &Project{Dir: fsys, Shown: name}, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("find project: %w", err)
	}
	here, werr := os.Getwd()
	if werr != nil {
		here = "."
	}
	return nil, fmt.Errorf("find project %s: there is no such folder in %s, where the tests of a package run; the projects that ship are %s", path, here, strings.Join(pipelines.Names(), ", "))
}

// at puts the project's folder before a place in it.
func (p *Project) at(fault string) string {
	if p.Shown == "." {
		return fault
	}
	return strings.TrimSuffix(filepath.ToSlash(p.Shown), "/") + "/" + fault
}

// Sources is the topics that the project reads, in order of definition.
func (p *Project) Sources() []string {
	var topics []string
	for _, d := range p.Pipeline.Datasets {
		for _, t := range d.Topics {
			if d.Kind == plan.SourceTopic && !slices.Contains(topics, t) {
				topics = append(topics, t)
			}
		}
	}
	return topics
}

// Tables is the streaming tables and views, in order of definition.
func (p *Project) Tables() []string {
	var names []string
	for _, d := range p.Pipeline.Datasets {
		if d.Kind == plan.StreamingTable || d.Kind == plan.MaterializedView {
			names = append(names, d.Name)
		}
	}
	return names
}

// defaultPartitions is how many a topic has of which the project says nothing.
const defaultPartitions = 3

// Partitions is how many partitions each topic has that is read: n, or, where that is 0, what the project
// says.
func (p *Project) Partitions(n int) map[string]int {
	all := map[string]int{}
	for _, topic := range p.Sources() {
		if all[topic] = n; n == 0 {
			all[topic] = cmp.Or(p.Pipeline.Config.Topics[topic].Partitions, defaultPartitions)
		}
	}
	return all
}

// Outputs is how many partitions each topic has that a sink writes to and names.
func (p *Project) Outputs() map[string]int {
	all := map[string]int{}
	for _, def := range p.Pipeline.Sinks {
		if topic := def.Options["topic"]; def.Format == "kafka" && topic != "" {
			all[topic] = cmp.Or(p.Pipeline.Config.Topics[topic].Partitions, defaultPartitions)
		}
	}
	return all
}

// setPartitions gives every topic that is read that many partitions.
func (p *Project) setPartitions(n int) {
	for topic, n := range p.Partitions(n) {
		c := p.Pipeline.Config.Topics[topic]
		c.Partitions = n
		p.Pipeline.Config.Topics[topic] = c
	}
}
