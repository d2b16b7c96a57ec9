package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// identity is the content of nagare.json.
type identity struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Project
	// Checksum is of the file's text with zeros in its place: CRC-32C, eight digits. Folders of before it have none.
	Checksum string `json:"checksum,omitempty"`
}

const noChecksum = "00000000"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ReadIdentity tells which project a data folder belongs to. Its error is fs.ErrNotExist when the
// folder is none of ours or new.
func ReadIdentity(dir string) (Project, error) {
	p, err := readIdentity(dir, identityFile)
	if err == nil {
		return p, nil
	}
	copied, cerr := readIdentity(dir, identityCopy)
	if cerr == nil {
		return copied, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = cerr
	}
	return p, err
}

func readIdentity(dir, name string) (Project, error) {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return Project{}, err
	}
	var id identity
	if err := json.Unmarshal(text, &id); err != nil || id.Format != folderFormat {
		return Project{}, &DataError{dir, name + " is not one of nagare's", otherFolder, err}
	}
	if id.Checksum != "" && id.Checksum != checksumOf(text, id.Checksum) {
		return Project{}, &DataError{dir, name + " is damaged: its checksum is another one",
			"see whether what it says of the project is right, mend that, and take the field checksum out of it; or " + otherFolder, nil}
	}
	if id.Version > folderVersion {
		return Project{}, &DataError{dir, fmt.Sprintf("it has format %d, this nagare knows up to %d", id.Version, folderVersion),
			"use a newer nagare, or " + otherFolder, nil}
	}
	return id.Project, nil
}

// tellIdentity says that a run goes by the copy; it writes both files anew.
func (n *Node) tellIdentity() {
	if _, err := readIdentity(n.cfg.Data, identityFile); err != nil && !n.cfg.Look {
		n.notices = append(n.notices, identityFile+" was damaged or gone, and is written anew from its copy")
	}
}

// checksumOf is the checksum of a text at whose end another one stands.
func checksumOf(text []byte, stands string) string {
	at := bytes.LastIndex(text, []byte(stands))
	if at < 0 || len(stands) != len(noChecksum) {
		return ""
	}
	return fmt.Sprintf("%08x", crc32.Checksum(slices.Concat(text[:at], []byte(noChecksum), text[at+len(stands):]), castagnoli))
}

// withChecksum is the text of a file whose last value is its checksum, which v has as noChecksum.
func withChecksum(v any) ([]byte, error) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	text = append(text, '\n')
	copy(text[bytes.LastIndex(text, []byte(noChecksum)):], checksumOf(text, noChecksum))
	return text, nil
}

// writeIdentity claims a folder for a project.
func writeIdentity(dir string, p Project) error {
	text, err := withChecksum(identity{folderFormat, folderVersion, p, noChecksum})
	if err != nil {
		return err
	}
	return errors.Join(keepFile(filepath.Join(dir, identityFile), text), keepFile(filepath.Join(dir, identityCopy), text))
}
