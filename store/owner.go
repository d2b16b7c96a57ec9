package store

import (
	"encoding/json"
	"os"
	"time"
)

// An ownerFile says who has the store open. It is information only: it may be missing or old.
type ownerFile struct {
	path    string
	started time.Time
	looks   bool
}

type ownerRecord struct {
	PID     int       `json:"pid"`
	Started time.Time `json:"started,omitzero"`
	Address string    `json:"address,omitempty"`
	Looks   bool      `json:"looks,omitempty"`
}

func ownerPath(path string) string { return path + ".owner" }

func newOwnerFile(cfg *Config) *ownerFile {
	return &ownerFile{ownerPath(cfg.Path), cfg.Started, cfg.Looks}
}

// write replaces the file. A fault is not worth an error: the lock does not depend on it.
func (o *ownerFile) write(address string) {
	b, err := json.Marshal(ownerRecord{os.Getpid(), o.started, address, o.looks})
	if err != nil {
		return
	}
	tmp := o.path + ".new"
	if os.WriteFile(tmp, append(b, '\n'), fileMode) != nil || os.Rename(tmp, o.path) != nil {
		_ = os.Remove(tmp)
	}
}

func (o *ownerFile) remove() { _ = os.Remove(o.path) }

// readOwner returns the error of a second process, with what is known about the first.
func readOwner(path string) *InUseError {
	e := &InUseError{Path: path}
	b, err := os.ReadFile(ownerPath(path))
	if err != nil {
		return e
	}
	var r ownerRecord
	if json.Unmarshal(b, &r) == nil {
		e.PID, e.Address, e.Started, e.Looks = r.PID, r.Address, r.Started, r.Looks
	}
	return e
}
