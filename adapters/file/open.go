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

	"github.com/nagare-stream/nagare/engine"
)

// OpenSink opens the sink of that name and format: json, csv, console or noop. Options are those of
// the configuration. A relative path lies in base; a path that does not end like a file of its format
// is a folder, in which the file has the sink's name. Columns are those of a CSV header; without any
// the file has none. Console prints to out.
func OpenSink(name, format string, options map[string]string, base string, out io.Writer, columns ...string) (engine.Sink, error) {
	if err := checkOptions(name, format, options); err != nil {
		return nil, err
	}
	switch format {
	case "noop":
		return NoopSink{}, nil
	case "console":
		s := NewConsoleSink(out)
		if text, ok := options["numRows"]; ok {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 {
				return nil, fmt.Errorf("open sink %s: numRows is %q: want a whole number from 1", name, text)
			}
			s.limit = n
		}
		return s, nil
	case "json", "csv":
	default:
		return nil, fmt.Errorf("open sink %s: format is %q: want json, csv, console or noop", name, format)
	}
	path, err := sinkPath(name, format, options["path"], base)
	if err != nil {
		return nil, fmt.Errorf("open sink %s: %w", name, err)
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

// sinkPath is the file of a sink; its folder exists.
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
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", writeFault(path, err)
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
