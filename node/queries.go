package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
)

// queriesFile holds the project, as text, whose queries made the folder's checkpoint: the folder can be
// looked into by them whatever became of the project since.
const queriesFile = "queries.json"

// Queries resolves the project by which a data folder was last run. Its error is fs.ErrNotExist where
// none has, or only versions that did not write it down.
func Queries(dir string) (*plan.Pipeline, error) {
	text, err := os.ReadFile(filepath.Join(dir, queriesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &noQueriesError{filepath.Join(dir, queriesFile), err}
	}
	if err != nil {
		return nil, err
	}
	var in plan.Input
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, fmt.Errorf("read %s of data folder %s: %w", queriesFile, dir, err)
	}
	p, faults := plan.Resolve(in)
	if len(faults) > 0 { // another version of nagare wrote it
		return nil, fmt.Errorf("read %s of data folder %s: %w", queriesFile, dir, faults)
	}
	return p, nil
}

// noQueriesError is a folder that was run by versions alone that did not write the queries down.
type noQueriesError struct {
	path string
	err  error
}

func (e *noQueriesError) Error() string {
	return fmt.Sprintf("there is no %s, which older versions of nagare did not write", e.path)
}

func (e *noQueriesError) Unwrap() error { return e.err }

// openOwn opens the engine by the project. A checkpoint of other queries says with its error whether these are known.
func (n *Node) openOwn(ctx context.Context, opt engine.Options) (*engine.Engine, error) {
	e, err := engine.Open(ctx, opt)
	var changed *engine.ChangedError
	if errors.As(err, &changed) && changed.Format == 0 && n.cfg.Memory == nil {
		_, changed.Unknown = Queries(n.cfg.Data)
	}
	return e, err
}

// keepProject writes down, once its checkpoint is open, what the project is and where it lies now.
func (n *Node) keepProject() error {
	text, err := json.MarshalIndent(n.cfg.Pipeline.Input, "", " ")
	if err != nil {
		return fmt.Errorf("write %s: %w", queriesFile, err)
	}
	if err := keepFile(filepath.Join(n.cfg.Data, queriesFile), text); err != nil {
		return err
	}
	return writeIdentity(n.cfg.Data, n.cfg.Project)
}

// lookApart opens the engine of a folder that is looked into and whose checkpoint the project cannot
// open: by the queries that made the checkpoint, or, where those are not known, without any.
func (n *Node) lookApart(ctx context.Context, opt engine.Options, why error) (*engine.Engine, error) {
	n.setFailure(why)
	made, err := Queries(n.cfg.Data)
	if err == nil {
		opt.Pipeline = made
		if e, err := n.openBy(ctx, opt); err == nil {
			return e, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		n.log.Warn("the queries that made the checkpoint cannot be read", "error", err)
	}
	n.unknown = why
	opt.Pipeline = &plan.Pipeline{Name: n.cfg.Project.Name, Config: plan.DefaultConfig()}
	opt.Ephemeral = true // nothing of it can be read
	return n.openBy(ctx, opt)
}

// openBy opens the engine by other queries than the project's.
func (n *Node) openBy(ctx context.Context, opt engine.Options) (*engine.Engine, error) {
	e, err := engine.Open(ctx, opt)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cfg.Pipeline = opt.Pipeline
	n.roles, err = findRoles(opt.Pipeline)
	return e, err
}
