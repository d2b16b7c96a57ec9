package node

import (
	"context"
	"errors"
	"os"

	"github.com/nagare-stream/nagare/adapters/file"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/batch"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/sql"
)

// QueryFiles is the files that queries may read: those below a folder.
type QueryFiles struct{ root *os.Root }

// OpenQueryFiles allows queries the files below a folder. No path and no link leads out of it.
func OpenQueryFiles(dir string) (*QueryFiles, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &QueryFiles{root}, nil
}

// Close lets go of the folder.
func (q *QueryFiles) Close() error { return q.root.Close() }

// Open implements engine.Files.
func (q *QueryFiles) Open(ctx context.Context, f plan.FileRef) (engine.File, error) {
	t, err := file.OpenTable(ctx, q.root, file.TableRequest{Format: f.Format, Path: f.Path, Options: f.Options, Zone: f.Zone})
	if err != nil {
		return nil, fileFault(err)
	}
	return queryFile{t}, nil
}

// fileFault is an error of files as a fault of the query that names them.
func fileFault(err error) error {
	var t *file.TableError
	if errors.As(err, &t) {
		return &sql.Fault{Class: t.Class, Message: t.Message, Hint: t.Hint}
	}
	return err
}

type queryFile struct{ *file.Table }

// Scan implements engine.File.
func (f queryFile) Scan(ctx context.Context, visit func(*column.Batch) error) error {
	return f.Table.Scan(ctx, func(b *column.Batch) error {
		batch.Read(ctx, int64(b.Len))
		return visit(b)
	})
}

// files is what queries may read of the disk: nothing in a process that answers on a socket.
func (n *Node) files() engine.Files {
	if n.cfg.Files == nil || !n.cfg.Look || n.listener != nil {
		return nil
	}
	return n.cfg.Files
}
