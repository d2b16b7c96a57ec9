package file

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/record"
)

// OpenSink opens the sink of that name and format: json, csv, console or noop. Options are those of
// the configuration. A relative path lies in base; a path that does not end like a file of its format
// is a folder, in which the file has the sink's name. Columns are those of a CSV header; without any
// the file has none. Console prints to out.
func OpenSink(name, format string, options map[string]string, base string, out io.Writer, columns ...string) (record.Sink, error) {
	if err := CheckSink(name, format, options); err != nil {
		return nil, err
	}
	switch format {
	case "noop":
		return NoopSink{}, nil
	case "console":
		s := NewConsoleSink(out)
		if n, err := strconv.Atoi(options["numRows"]); err == nil {
			s.limit = n
		}
		return s, nil
	}
	path, err := sinkPath(name, format, options["path"], base)
	if err != nil {
		return nil, fmt.Errorf("open sink %s: %w", name, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open sink %s: %w", name, writeFault(path, err))
	}
	var s *LineSink
	if format == "json" {
		s, err = NewJSONSink(path)
	} else {
		header := ""
		if options["header"] != "false" {
			header = Header(columns)
		}
		s, err = NewCSVSink(path, header)
	}
	if err != nil {
		return nil, fmt.Errorf("open sink %s: %w", name, err)
	}
	return s, nil
}

// CheckSink finds what OpenSink would refuse whatever there is on the disk.
func CheckSink(name, format string, options map[string]string) error {
	switch format {
	case "json", "csv":
		if _, err := sinkPath(name, format, options["path"], ""); err != nil {
			return fmt.Errorf("open sink %s: %w", name, err)
		}
	case "console", "noop":
	default:
		return fmt.Errorf("open sink %s: format is %q: want json, csv, console or noop", name, format)
	}
	if text, ok := options["numRows"]; ok && format == "console" {
		if n, err := strconv.Atoi(text); err != nil || n < 1 {
			return fmt.Errorf("open sink %s: numRows is %q: want a whole number from 1", name, text)
		}
	}
	return checkOptions(name, format, options)
}

// checkOptions refuses what would have no effect. CheckpointLocation is Spark's own business.
func checkOptions(name, format string, options map[string]string) error {
	known := map[string]string{"json": "path", "csv": "path header", "console": "numRows truncate"}[format] + " outputMode checkpointLocation"
	var keys []string
	for key := range options {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		value := options[key]
		switch {
		case !strings.Contains(" "+known+" ", " "+key+" "):
			return fmt.Errorf("open sink %s: option %s has no effect on format %s here: leave it out", name, key, format)
		case key == "header" && value != "true" && value != "false", key == "truncate" && value != "false":
			return fmt.Errorf("open sink %s: option %s is %q: want %s", name, key, value, map[string]string{"header": "true or false", "truncate": "false: rows are printed whole"}[key])
		}
	}
	return nil
}

// longestName is how many bytes the name of a file or folder may have, on any system.
const longestName = 255

// sinkPath is the file of a sink.
func sinkPath(name, format, path, base string) (string, error) {
	if path == "" {
		return "", fmt.Errorf("option path is missing: name a file or a folder")
	}
	if u, err := url.Parse(path); err == nil && u.Scheme == "file" && u.Opaque == "" && (u.Host == "" || u.Host == "localhost") {
		path = filepath.FromSlash(u.Path)
	} else if strings.Contains(path, "://") {
		return "", fmt.Errorf("path %s is on another system: want a path of this machine", path)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(base, path)
	} else if strings.HasSuffix(path, "/") {
		path = filepath.Clean(path)
	}
	ends := map[string][]string{"json": {".jsonl", ".ndjson", ".json"}, "csv": {".csv"}}[format]
	file := false
	for _, end := range ends {
		file = file || strings.HasSuffix(strings.ToLower(path), end)
	}
	if !file {
		path = filepath.Join(path, strings.Map(fileLetter, name)+ends[0])
	}
	for _, part := range strings.Split(filepath.ToSlash(path), "/") {
		if len(part) > longestName || strings.ContainsRune(part, 0) {
			return "", fmt.Errorf("path has the part %.40q of %d bytes: a name has at most %d, none of them 0", part, len(part), longestName)
		}
	}
	return path, nil
}

// fileLetter keeps the letters that every system has in names of files.
func fileLetter(r rune) rune {
	if r < ' ' || strings.ContainsRune(`<>:"/\|?*`, r) {
		return '_'
	}
	return r
}

// Header is the first line of a CSV file with these columns, without its end.
func Header(columns []string) string {
	fields := make([]string, len(columns))
	for i, c := range columns {
		if strings.ContainsAny(c, ",\"\r\n") || c == "" {
			c = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
		}
		fields[i] = c
	}
	return strings.Join(fields, ",")
}
