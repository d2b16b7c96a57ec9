package node

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/shirou/gopsutil/v4/disk"
)

// The files of a data folder.
//
//	nagare.json     what the folder is: format and project
//	queries.json    the project whose queries made the checkpoint
//	generations.json  of parts that were filled anew for changed queries, how often
//	apply.json      a change that is applied, fill.db what was filled for it so far
//	state.db        checkpoints and state; its lock is the folder's lock
//	broker/         topics
//	generator.json  what the generator makes, so that a restart goes on with the same events
//	token           what a writer shows to the API
//	instance        what the folder's rows are called on a Kafka cluster
//	failed.txt      why the last run ended by itself
//	notify.db       silences, alerts of others, and what webhooks were told, once there is any
//	notify.kept     how much of that there is, for who finds it gone
//	kafka/          topics, where the process has a Kafka port of its own
const (
	identityFile  = "nagare.json"
	identityCopy  = "nagare.json.copy" // is read where the other one is damaged or gone, until a run writes it again
	storeFile     = "state.db"
	brokerFolder  = "broker"
	generatorFile = "generator.json"
	tokenFile     = "token"

	folderFormat  = "nagare data folder"
	folderVersion = 1

	// MinFreeBytes is what the disk of a data folder has to have free at a start: the store's
	// reserve, a block of each topic, and some work.
	MinFreeBytes = 32 << 20
)

// A Project names what runs: Path is the absolute path of its folder, "" for one that ships in the
// binary.
type Project struct {
	Name string `json:"project"`
	Path string `json:"path,omitempty"`

	// Where the topics are, if not in the folder.
	Cluster     string `json:"cluster,omitempty"` // the cluster's own name
	Kafka       string `json:"kafka,omitempty"`   // its addresses
	KafkaConfig string `json:"kafkaConfig,omitempty"`
	Listen      bool   `json:"kafkaListen,omitempty"` // they are those of the folder's own Kafka port
}

// Folder is where the project lies: a path, or its name where it ships in the binary.
func (p Project) Folder() string { return cmp.Or(p.Path, p.Name) }

// A DataError says why a data folder cannot be used. Nothing in it was changed.
type DataError struct {
	Dir    string
	Reason string
	Fix    string
	Err    error
}

func (e *DataError) Error() string {
	return fmt.Sprintf("use data folder %s: %s; %s", e.Dir, e.Reason, e.Fix)
}

func (e *DataError) Unwrap() error { return e.Err }

const otherFolder = "choose another one with --data"

// StateHome is where the data folders of a user lie: $XDG_STATE_HOME/nagare or what stands for it.
func StateHome() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "nagare"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a place for data: %w; name a folder with --data", err)
	}
	switch runtime.GOOS {
	case "darwin":
		return filepath.Join(home, "Library", "Application Support", "nagare"), nil
	case "windows":
		if dir := os.Getenv("LOCALAPPDATA"); dir != "" {
			return filepath.Join(dir, "nagare"), nil
		}
	}
	return filepath.Join(home, ".local", "state", "nagare"), nil
}

// FolderName is the name of a project's folder in StateHome: projects of one name in two places
// have two folders.
func (p Project) FolderName() string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, p.Name)
	if p.Path == "" {
		return safe
	}
	sum := sha256.Sum256([]byte(p.Path))
	return safe + "-" + hex.EncodeToString(sum[:4])
}

// checkFolder finds out, before anything in it is touched, whether a folder can be used for a
// project, and whether it is new. Only to look at one that is there, no room is needed.
func checkFolder(dir string, p Project, look bool) (fresh bool, err error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fresh = true
	case errors.Is(err, fs.ErrPermission):
		return false, &DataError{dir, "it cannot be read", "give yourself the right to read and write it, or " + otherFolder, err}
	case err != nil:
		return false, &DataError{dir, err.Error(), otherFolder, err}
	}
	if !fresh {
		if fresh, err = checkOwner(dir, entries, p); err != nil {
			return false, err
		}
	}
	base := existing(dir)
	if err := probe(base); err != nil {
		fix := "give yourself the right to write to it, or " + otherFolder
		return false, &DataError{dir, fmt.Sprintf("%s cannot be written to (%v)", base, cause(err)), fix, err}
	}
	if free, err := FreeBytes(dir); err == nil && free < MinFreeBytes && !(look && !fresh) {
		return false, &DataError{dir, fmt.Sprintf("its disk has %d MB free, %d MB are needed", free>>20, MinFreeBytes>>20),
			"free some space, or " + otherFolder, nil}
	}
	return fresh, nil
}

// CheckNew finds out whether a folder in which there is nothing yet can become a data folder. On is the innermost
// folder on the way to it that exists.
func CheckNew(dir string) (on string, err error) {
	_, err = checkFolder(dir, Project{}, false)
	return existing(dir), err
}

// checkOwner makes sure that what lies in a folder is ours and of this project.
func checkOwner(dir string, entries []fs.DirEntry, p Project) (fresh bool, err error) {
	got, err := ReadIdentity(dir)
	if err == nil {
		return false, checkProject(dir, got, p)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	for _, e := range entries {
		// A first start that was killed leaves what it makes before nagare.json; a disk's root holds lost+found.
		name := e.Name()
		if !strings.HasPrefix(name, storeFile) && !isPassing(name) && name != "lost+found" {
			return false, &DataError{dir, fmt.Sprintf("it holds other things (%s)", name), "choose an empty or new folder with --data", nil}
		}
	}
	return true, nil
}

// checkProject makes sure that the folder of a project is used by no other.
func checkProject(dir string, got, p Project) error {
	if got.Name == p.Name {
		return nil
	}
	e := &DataError{dir, fmt.Sprintf("it belongs to the project %q and not to %q", got.Name, p.Name), otherFolder, nil}
	if got.Path != "" && got.Path == p.Path {
		e.Fix = fmt.Sprintf("give the project its name %q back, or %s", got.Name, otherFolder)
	}
	return e
}

// passing is what temporary files are called: probes, and files that are written whole under another
// name before they get theirs.
var passing = []string{".probe-*", identityFile + ".new-*", queriesFile + ".new-*", storeFile + ".new-*", storeFile + ".owner.new",
	tokenFile + ".new-*", instanceFile + ".new-*", generatorFile + ".new-*", processFile + ".new-*", resetFile + ".new-*", notifyFile + ".new-*", notifyFile + ".owner.new", notifyKept + ".new-*", rowCountsFile + ".new-*"}

func isPassing(name string) bool {
	return slices.ContainsFunc(passing, func(pattern string) bool {
		is, _ := filepath.Match(pattern, name)
		return is
	})
}

// removePassing removes the temporary files of processes that were killed. The folder's lock is held.
func removePassing(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if isPassing(e.Name()) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// FreeBytes is the free space of the disk that a folder lies on, or will lie on.
func FreeBytes(dir string) (uint64, error) {
	usage, err := disk.Usage(existing(dir))
	if err != nil {
		return 0, fmt.Errorf("ask for the free space of %s: %w", dir, err)
	}
	return usage.Free, nil
}

// existing is the innermost folder on the way to dir that exists.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return dir
		}
		dir = parent
	}
}

// probe makes and removes a file.
func probe(dir string) error {
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// cause is an error without the name of a temporary file.
func cause(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}

// keepFile is writeFile unless the file is there with that text.
func keepFile(path string, text []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
		return nil
	}
	return writeFile(path, text)
}

// writeFile replaces a small file whole, readable by its owner only.
func writeFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Token reads the secret that state-changing requests to the process of a data folder show.
func Token(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, tokenFile))
	if err != nil {
		return "", fmt.Errorf("read the token of data folder %s: %w", dir, err)
	}
	return strings.TrimSpace(string(text)), nil
}

// ensureToken reads the folder's secret and makes it where there is none.
func ensureToken(dir string) (string, error) {
	token, err := Token(dir)
	if err == nil && token != "" {
		return token, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	token = rand.Text()
	return token, writeFile(filepath.Join(dir, tokenFile), []byte(token+"\n"))
}
