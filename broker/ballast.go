package broker

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// ballastFolder is in the server's folder, which does not look at it.
const ballastFolder = "ballast"

// A ballast is room of a disk that is taken while the disk has some, and given back piece by piece when it is full:
// whoever fills the disk gets at most a piece of it at once.
type ballast struct {
	dir    string
	pieces int // that there should be
	held   int // that there are: those of the lowest numbers
}

// ballastPiece is the bytes of a piece.
const ballastPiece = 1 << 20

// newBallast finds what is there of so many bytes. It makes nothing.
func newBallast(dir string, bytes int64) *ballast {
	b := &ballast{dir: dir, pieces: int(bytes / ballastPiece)}
	for b.held < b.pieces {
		info, err := os.Stat(b.path(b.held))
		if err != nil || info.Size() != ballastPiece {
			break
		}
		b.held++
	}
	return b
}

func (b *ballast) path(piece int) string {
	return filepath.Join(b.dir, fmt.Sprintf("piece-%02d", piece))
}

// missing is the bytes that are given back and wait to be taken again.
func (b *ballast) missing() uint64 { return uint64(b.pieces-b.held) * ballastPiece }

// release gives a piece back to the disk; false if none is left. Its blocks are free when it returns: some file
// systems free those of a removed file later.
func (b *ballast) release() bool {
	for b.held > 0 {
		b.held--
		path := b.path(b.held)
		err := errors.Join(os.Truncate(path, 0), os.Remove(path))
		if err == nil {
			return true
		}
	}
	return false
}

// write takes room for a piece, with bytes that no file system stores in less room than they show.
func (b *ballast) write(piece int) error {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return err
	}
	path := b.path(piece)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	noise := io.LimitReader(rand.NewChaCha8([32]byte{byte(piece)}), ballastPiece)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, noise, make([]byte, 64<<10)) // a whole piece would be the largest garbage of a start
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
