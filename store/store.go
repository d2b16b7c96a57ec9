package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/engine/state"
	bolt "go.etcd.io/bbolt"
)

// Defaults and limits.
const (
	DefaultCompactMin = 64 << 20 // bytes of file below which a start does not compact
	DefaultReserve    = 4 << 20  // bytes set aside for a checkpoint on a full disk
	lockWait          = time.Second
	formatName        = "nagare store"
	formatVersion     = 2
	plainVersion      = 1 // without checksums; it is read once, and written anew
)

var (
	metaBucket    = []byte("meta")
	keyFormat     = []byte("format")
	keyVersion    = []byte("version")
	keyEpoch      = []byte("epoch")
	keyCheckpoint = []byte("checkpoint")
)

// Config says where a store is. Only Path is needed.
type Config struct {
	Path       string    // the file; its folder is made if need be
	Started    time.Time // for the owner's file: when this process started
	Looks      bool      // the same: it looks into the folder and lets go of it soon
	CompactMin int64     // compact at start when the file has more bytes and half is free; 0: DefaultCompactMin, below 0: never
	Reserve    int64     // bytes kept on the disk for the last checkpoints when it fills; 0: DefaultReserve, below 0: none
}

// Store is checkpoints and state in one file. Its methods may be used by several goroutines.
type Store struct {
	path    string
	db      *bolt.DB
	owner   *ownerFile
	reserve *reserve

	mu      sync.Mutex // one commit at a time; also guards what follows
	epoch   uint64
	version uint32
	sums    map[string]*opSum // by operator, as the newest checkpoint has them
	failed  error             // why no commit is possible any more
	sorter  sorter
	values  []byte // memory of the values of a commit

	notices []string
}

var _ state.Store = (*Store)(nil)

// Open opens the store at cfg.Path and takes the lock of its folder; a fresh one is made whole or
// not at all. Its errors are *InUseError, *FormatError, *CorruptError and *FolderError.
func Open(cfg Config) (*Store, error) {
	if cfg.Path == "" {
		return nil, errors.New("open store: no path is given")
	}
	if cfg.CompactMin == 0 {
		cfg.CompactMin = DefaultCompactMin
	}
	if cfg.Reserve == 0 {
		cfg.Reserve = DefaultReserve
	}
	if err := prepareFolder(filepath.Dir(cfg.Path)); err != nil {
		return nil, err
	}
	if err := create(cfg.Path); err != nil {
		return nil, err
	}
	db, proven, err := openLocked(cfg.Path)
	if err != nil {
		return nil, err
	}
	s := &Store{path: cfg.Path, db: db, owner: newOwnerFile(&cfg)}
	s.owner.write("")
	err = s.begin(proven)
	if err == nil && cfg.CompactMin > 0 && s.wasteful(cfg.CompactMin) {
		err = s.Compact()
	}
	if err != nil {
		s.owner.remove()
		_ = s.db.Close()
		return nil, err
	}
	s.reserve = newReserve(cfg.Path, cfg.Reserve)
	return s, nil
}

// begin proves that the file is whole, unless that was done, and reads what a commit has to know.
func (s *Store) begin(v *verifier) (err error) {
	if err := s.readMeta(); err != nil {
		return err
	}
	if s.version == plainVersion {
		if err := s.addSums(); err != nil {
			return err
		}
		v = nil
	}
	if v == nil {
		if v, err = verify(s.path); err != nil {
			return err
		}
	}
	if v.oneMeta {
		s.notices = append(s.notices, fmt.Sprintf("one of the two first pages of %s was damaged; the other one was taken, which has checkpoint %d", s.path, s.epoch))
	}
	s.sums = v.sums
	return nil
}

// Notices are sentences about what was found at the start.
func (s *Store) Notices() []string { return s.notices }

// SetAddress records where the owner's page is, for others that find the store in use.
func (s *Store) SetAddress(address string) { s.owner.write(address) }

// Path returns the file of the store.
func (s *Store) Path() string { return s.path }

// Close closes the file and gives the lock back. The reserve stays for the next start.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = errors.New("the store is closed")
	s.owner.remove()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store %s: %w", s.path, err)
	}
	return nil
}

// readMeta checks that the file is one of ours and finds the last epoch.
func (s *Store) readMeta() error {
	return guard(s.path, func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			b := tx.Bucket(metaBucket)
			if b == nil || string(b.Get(keyFormat)) != formatName {
				return &FormatError{s.path, "it is a bbolt file of another program; `nagare checkpoint reset` keeps it and builds the tables anew from the topics, or use another folder with --data"}
			}
			v := b.Get(keyVersion)
			if len(v) != 4 {
				return &CorruptError{s.path, "its version cannot be read"}
			}
			if n := binary.BigEndian.Uint32(v); n > formatVersion {
				return &FormatError{s.path, fmt.Sprintf("it has format %d, this nagare reads up to %d; use a newer nagare, or `nagare checkpoint reset`, which keeps the file and builds the tables anew from the topics", n, formatVersion)}
			}
			s.version = binary.BigEndian.Uint32(v)
			if s.version < plainVersion {
				return &CorruptError{s.path, "its version cannot be read"}
			}
			epoch, err := s.readEpoch(b)
			if err != nil {
				return &CorruptError{s.path, err.Error()}
			}
			s.epoch = epoch
			return nil
		})
	})
}

func (s *Store) readEpoch(meta *bolt.Bucket) (uint64, error) {
	v := meta.Get(keyEpoch)
	if v == nil {
		return 0, nil
	}
	if s.version > plainVersion {
		var err error
		if v, err = unseal(metaBucket, keyEpoch, v); err != nil {
			return 0, err
		}
	}
	if len(v) != 8 {
		return 0, fmt.Errorf("its epoch has %d bytes and not 8", len(v))
	}
	return binary.BigEndian.Uint64(v), nil
}

// Load returns the newest checkpoint and restores the state; see state.Store.
func (s *Store) Load(ctx context.Context, restore func(op string, key, value []byte) error) (state.Checkpoint, error) {
	var cp state.Checkpoint
	err := guard(s.path, func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			meta := tx.Bucket(metaBucket)
			epoch, err := s.readEpoch(meta)
			if err != nil {
				return &CorruptError{s.path, err.Error()}
			}
			cp.Epoch = epoch
			if text := meta.Get(keyCheckpoint); text != nil {
				if text, err = unseal(metaBucket, keyCheckpoint, text); err != nil {
					return &CorruptError{s.path, err.Error()}
				}
				cp.Data = append([]byte(nil), text...)
			}
			if restore == nil {
				return nil
			}
			return s.damaged(eachState(ctx, tx, restore))
		})
	})
	if err != nil {
		return state.Checkpoint{}, err
	}
	return cp, nil
}

// damaged makes a fault of an entry an error that names the file.
func (s *Store) damaged(err error) error {
	if errors.Is(err, errSum) || errors.Is(err, errLongKey) {
		return &CorruptError{s.path, err.Error()}
	}
	return err
}

// Stats says how large a store is.
type Stats struct {
	FileBytes int64  // size of the file
	FreeBytes int64  // of them not in use
	Epoch     uint64 // of the newest checkpoint
	Reserve   bool   // the reserve for a full disk is there
	Ops       []OpStats
}

// OpStats says how many entries an operator has.
type OpStats struct {
	Op      string
	Entries int
	Bytes   int64 // of leaf pages in use
}

// Stats counts what is in the store. It reads every page: not for a hot path.
func (s *Store) Stats() (Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{Epoch: s.epoch, Reserve: s.reserve.held()}
	if info, err := os.Stat(s.path); err == nil {
		st.FileBytes = info.Size()
	}
	st.FreeBytes = int64(s.db.Stats().FreePageN) * int64(s.db.Info().PageSize)
	err := guard(s.path, func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
				if op, ok := opOf(name); ok {
					bs := b.Stats()
					st.Ops = append(st.Ops, OpStats{op, bs.KeyN, int64(bs.LeafInuse)})
				}
				return nil
			})
		})
	})
	return st, err
}

// Check reads the whole file and returns a *CorruptError for the first fault: of its structure, of an
// entry, or of what is missing.
func (s *Store) Check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := verify(s.path); err != nil {
		return err
	}
	return guard(s.path, func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			var first error
			for err := range tx.Check() { // has to be read to its end
				if first == nil {
					first = &CorruptError{s.path, err.Error()}
				}
			}
			return first
		})
	})
}
