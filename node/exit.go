package node

import (
	"errors"
	"runtime/debug"

	"github.com/nagare-stream/nagare/adapters/kafka"
	"github.com/nagare-stream/nagare/adapters/redis"
	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/sql"
	"github.com/nagare-stream/nagare/store"
)

// The exit codes of the command line.
const (
	ExitOK      = 0
	ExitFailed  = 1
	ExitUsage   = 2
	ExitProject = 3 // the project is invalid
	ExitPort    = 4 // a dependency or port cannot be had
	ExitData    = 5 // the data folder is corrupt, incompatible or in use, or its disk failed
)

// ExitCode is the exit code that an error stands for.
func ExitCode(err error) int {
	switch {
	case err == nil:
		return ExitOK
	case is[*DataError](err), is[*store.InUseError](err), is[*store.FormatError](err), is[*store.CorruptError](err),
		is[*store.FolderError](err), is[*store.DiskError](err), isDiskFailure(err), is[*broker.DamageError](err), is[*engine.ChangedError](err), is[*ChangeError](err), is[*engine.UnreadableError](err):
		return ExitData
	case is[*PortError](err), is[*kafka.ConnectError](err), is[*kafka.TopicError](err), is[*kafka.DeniedError](err), is[*redis.UnavailableError](err):
		return ExitPort
	case is[*AddressError](err), is[*OthersError](err), is[*redis.AddressError](err), is[*web.RequestError](err), is[*engine.NotFoundError](err):
		return ExitUsage
	case is[sql.Faults](err), is[*kafka.SettingsError](err):
		return ExitProject
	}
	return ExitFailed
}

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// isDiskFailure reports that the disk failed under the broker.
func isDiskFailure(err error) bool {
	var down *broker.DownError
	return errors.As(err, &down) && down.Disk
}

func stack() string { return string(debug.Stack()) }
