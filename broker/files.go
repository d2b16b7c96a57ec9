package broker

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// TopicsIn returns the topics that have files in a server's folder, by name, of any generation, damaged ones too. The
// server is not running, and nothing of what they hold is read.
func TopicsIn(dir string) ([]string, error) {
	b := &Broker{dir: dir}
	streams, err := b.allStreams()
	if err != nil {
		return nil, fmt.Errorf("list topics in %s: %w", dir, err)
	}
	var names []string
	for _, stream := range streams {
		if token, ok := tokenOf(stream); ok {
			names = append(names, b.nameOf(stream, token))
		}
	}
	return sharedNames(names), nil
}

// RemoveFiles removes topics with their records, all generations of them, whatever state they are in. The server is not
// running. Done again it finishes what was cut short.
func RemoveFiles(dir string, topics []string) error {
	b := &Broker{dir: dir}
	streams, err := b.allStreams()
	if err != nil {
		return fmt.Errorf("remove topics in %s: %w", dir, err)
	}
	gone := make(map[string]bool, len(topics))
	for _, name := range topics {
		gone[token(name)] = true
	}
	for _, stream := range streams {
		if of, ok := tokenOf(stream); !ok || !gone[of] && !gone[token(sharedName(b.nameOf(stream, of)))] {
			continue
		}
		err := errors.Join(b.forget(stream), os.RemoveAll(filepath.Join(dir, keptFolder, stream)), os.RemoveAll(b.streamFolder(stream)))
		if err != nil {
			return fmt.Errorf("remove %s: %w", placeOf(stream), err)
		}
	}
	return nil
}

// allStreams lists the streams that have files, and those that had and are missed.
func (b *Broker) allStreams() ([]string, error) {
	found, err := b.streamFolders()
	if err != nil {
		return nil, err
	}
	known, err := b.knownStreams()
	if err != nil {
		return nil, err
	}
	streams := slices.Sorted(maps.Keys(found))
	for _, stream := range known {
		if _, ok := found[stream]; !ok {
			streams = append(streams, stream)
		}
	}
	return streams, nil
}

// tokenOf is the topic's part of a stream's name; false for streams that are no partitions.
func tokenOf(stream string) (string, bool) {
	name := strings.TrimPrefix(stream, streamPrefix)
	at := strings.LastIndexByte(name, '-')
	if at < 1 {
		return "", false
	}
	_, err := strconv.ParseUint(name[at+1:], 10, 31)
	return name[:at], err == nil
}

// nameOf is the name of a stream's topic: its token turned back, or, where that is a hash, what the
// stream's description says. One that cannot be read stays a token.
func (b *Broker) nameOf(stream, token string) string {
	if strings.Contains(token, "_h") {
		var meta struct{ Metadata map[string]string }
		text, err := os.ReadFile(filepath.Join(b.streamFolder(stream), streamMeta))
		if err == nil && json.Unmarshal(text, &meta) == nil && meta.Metadata[metaTopic] != "" {
			return meta.Metadata[metaTopic]
		}
		return token
	}
	var name []byte
	for i := 0; i < len(token); i++ {
		if token[i] != '_' || i+2 >= len(token) {
			name = append(name, token[i])
			continue
		}
		c, err := hex.DecodeString(token[i+1 : i+3])
		if err != nil {
			return token
		}
		name = append(name, c...)
		i += 2
	}
	return string(name)
}
