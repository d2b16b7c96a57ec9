package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/adapters/kafka"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/node"
	"github.com/nagare-stream/nagare/pipelines"
	"github.com/nagare-stream/nagare/store"
)

// helloTimeout is how long a running process has to say that it is there.
const helloTimeout = 2 * time.Second

// A target is the pipeline that a command is about: a running process, or a folder opened to look.
type target struct {
	*client
	data  string
	local *node.Node // nil: a process runs

	passing bool // data is removed at the end
}

// close lets go of the folder.
func (t *target) close() error {
	if t.local == nil {
		return nil
	}
	err := t.local.Close()
	if t.passing {
		err = errors.Join(err, os.RemoveAll(t.data))
	}
	return err
}

// reach finds the data folder that is meant and whoever can answer for it. With create a folder that
// does not exist yet is made.
func (a *app) reach(ctx context.Context, create bool) (*target, error) {
	data, err := a.dataFolder()
	if err != nil {
		return nil, err
	}
	c := running(ctx, data)
	if c != nil && a.files != nil {
		return nil, usage("a process runs on %s, and it reads no files: leave --data out to query files alone, or write its table to one with `nagare query -o csv`", data)
	}
	if c != nil {
		return &target{client: c, data: data}, nil
	}
	id, err := node.ReadIdentity(data)
	switch {
	case errors.Is(err, fs.ErrNotExist) && a.namesCluster():
		return a.reachCluster(ctx)
	case errors.Is(err, fs.ErrNotExist) && !create:
		return nil, &nothingError{data}
	case errors.Is(err, fs.ErrNotExist):
		id = node.Project{Name: pipelines.Default}
	case err != nil:
		return nil, err
	}
	p, err := a.projectOf(data, id)
	if err != nil {
		return nil, err
	}
	on, err := a.cluster(id)
	if err != nil {
		return nil, err
	}
	a.limitQueries(p.pipeline)
	n, err := node.Open(ctx, node.Config{Pipeline: p.pipeline, Project: p.id, Data: data, Kafka: on, Look: true, Files: a.files, Version: a.version, Started: a.started, Logger: a.logger()})
	var used *store.InUseError
	if errors.As(err, &used) {
		if c := starting(ctx, data, used.Address); c != nil {
			return &target{client: c, data: data}, nil
		}
		return nil, fmt.Errorf("%w; it does not answer requests (it was started with --http off, or does something else)", err)
	}
	var topic *kafka.TopicError
	var denied *kafka.DeniedError
	if (errors.As(err, &topic) || errors.As(err, &denied)) && a.namesCluster() { // the project cannot run, and its topics can be seen to
		return a.reachCluster(ctx)
	}
	if err != nil {
		return nil, err
	}
	if why := n.Failure(); why != "" && n.TopicsOnly() {
		a.warn("%s; until then nothing is shown but the topics", why)
	} else if why != "" {
		a.warn("%s; until then the folder is shown as its last run made it", why)
	}
	return &target{client: newLocalClient(n), data: data, local: n}, nil
}

// projectOf is the project of a data folder: as it lies in its place now, or, where that is gone or has
// faults, as it was when the folder was last run.
func (a *app) projectOf(data string, id node.Project) (*project, error) {
	p, err := loadProject(id.Folder())
	if err == nil {
		err = p.check()
	}
	of := node.Project{Name: id.Name, Path: id.Path}
	if err == nil {
		p.id = of
		return p, nil
	}
	made, qerr := node.Queries(data)
	if qerr != nil {
		code := node.ExitFailed
		if c := (*codeError)(nil); errors.As(err, &c) {
			code = c.code
		}
		return nil, &codeError{code, fmt.Errorf("look into data folder %s, which belongs to project %s: %w", data, id.Folder(), err)}
	}
	a.warn("project %s cannot be read, and the folder is shown as the queries of its last run made it: %v", id.Folder(), err)
	return &project{id: of, shown: id.Folder(), pipeline: made}, nil
}

// nothingError is a data folder that does not exist.
type nothingError struct{ data string }

func (e *nothingError) Error() string {
	return fmt.Sprintf("look into data folder %s: there is nothing yet; `nagare run` starts a pipeline, --data names another folder", e.data)
}

// limitQueries gives queries that run in this process what the command line allows them.
func (a *app) limitQueries(p *plan.Pipeline) {
	if a.queryMemory > 0 {
		p.Config.QueryMemory = a.queryMemory
	}
	if a.queryTimeout > 0 {
		p.Config.QueryTimeout = a.queryTimeout
	}
}

// reachNothing is a pipeline without tables and topics, in memory: for a SELECT that reads nothing.
func (a *app) reachNothing(ctx context.Context) (*target, error) {
	memory, err := node.NewMemory(ctx)
	if err != nil {
		return nil, err
	}
	empty := &plan.Pipeline{Name: "nagare", Config: plan.DefaultConfig()}
	a.limitQueries(empty)
	n, err := node.Open(ctx, node.Config{Pipeline: empty, Memory: memory, HTTP: node.HTTPOff, Look: true, Files: a.files, Version: a.version, Started: a.started, Logger: a.logger()})
	if err != nil {
		return nil, err
	}
	return &target{client: newLocalClient(n), local: n}, nil
}

// reachCluster is a Kafka cluster without a project: its topics, and no tables.
func (a *app) reachCluster(ctx context.Context) (*target, error) {
	on, err := a.cluster(node.Project{})
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "nagare-kafka-*")
	if err != nil {
		return nil, fmt.Errorf("make a folder for a moment: %w; set TMPDIR to one that can be written to", err)
	}
	empty := &plan.Pipeline{Name: "nagare", Config: plan.DefaultConfig()}
	n, err := node.Open(ctx, node.Config{Pipeline: empty, Project: node.Project{Name: empty.Name}, Data: dir, Kafka: on, Look: true, Version: a.version, Started: a.started, Logger: a.logger()})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &target{client: newLocalClient(n), data: dir, local: n, passing: true}, nil
}

// starting returns a client of a process that has its port and does not answer yet: a request to it
// waits until it does.
func starting(ctx context.Context, data, address string) *client {
	if address == "" {
		return nil
	}
	token, _ := node.Token(data)
	c := newClient(address, token)
	hello, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	if st, err := c.status(hello); err != nil || st.Info.Data != data {
		return nil
	}
	return c
}

// running returns a client of the process that has a data folder open, nil when none answers.
func running(ctx context.Context, data string) *client {
	address := node.Address(data)
	if address == "" {
		return nil
	}
	token, _ := node.Token(data)
	c := newClient(address, token)
	hello, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	st, err := c.status(hello)
	if err != nil || st.Info.Data != data { // an old note: the port is somebody else's now
		return nil
	}
	return c
}

// dataFolder is --data, or else the folder of the one process that runs, of the project that runs by
// default, or the only one there is.
func (a *app) dataFolder() (string, error) {
	if a.data != "" {
		return filepath.Abs(a.data)
	}
	home, err := node.StateHome()
	if err != nil {
		return "", err
	}
	folders, live := knownFolders(home)
	standard := filepath.Join(home, node.Project{Name: pipelines.Default}.FolderName())
	switch {
	case len(live) == 1:
		return live[0], nil
	case len(live) > 1:
		return "", usage("several pipelines run on this machine; name the folder of one with --data: %s", strings.Join(live, ", "))
	case len(folders) == 1:
		return folders[0], nil
	}
	for _, f := range folders {
		if f == standard {
			return standard, nil
		}
	}
	if len(folders) > 1 {
		return "", usage("there are several data folders; name one with --data: %s", strings.Join(folders, ", "))
	}
	return standard, nil
}

// knownFolders lists the data folders under home, and those whose process has left an address that
// answers.
func knownFolders(home string) (folders, live []string) {
	entries, err := os.ReadDir(home)
	if err != nil {
		return nil, nil
	}
	for _, e := range entries {
		dir := filepath.Join(home, e.Name())
		if _, err := node.ReadIdentity(dir); err != nil {
			continue
		}
		folders = append(folders, dir)
		if running(context.Background(), dir) != nil {
			live = append(live, dir)
		}
	}
	return folders, live
}
