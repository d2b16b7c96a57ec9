package spark

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// connectors is the one Python file that a project needs on Spark and nagare does without.
const connectors = "connectors.py"

// libraries reads the files that the globs name.
func (l *loader) libraries(root, n *yaml.Node) {
	before := len(l.problems)
	seen := map[string]bool{}
	at := pos(root)
	switch {
	case n == nil || l.isNull(n):
	case n.Kind != yaml.SequenceNode:
		l.inSpec(pos(n), "", fmt.Sprintf("libraries is %s: want a list", l.kindName(n)), "write - glob: and under it include: transformations/**")
	default:
		at = pos(n)
		for _, entry := range n.Content {
			if include := l.include(follow(entry)); include != nil {
				l.glob(include, seen)
			}
		}
	}
	sort.Slice(l.p.Files, func(i, j int) bool { return l.p.Files[i].Path < l.p.Files[j].Path })
	sort.Strings(l.p.Skipped)
	if len(l.p.Files) == 0 && len(l.problems) == before {
		l.inSpec(at, "RUN_EMPTY_PIPELINE", "libraries names no SQL file", "write - glob: and under it include: transformations/**, and put .sql files there")
	}
}

// include returns the pattern of an entry of libraries; nil where there is none.
func (l *loader) include(entry *yaml.Node) *yaml.Node {
	glob := l.only(entry, "an entry of libraries", "glob")
	if glob == nil {
		return nil
	}
	include := l.only(glob, "glob", "include")
	if include == nil || l.text(include, "include") == "" {
		return nil
	}
	return include
}

// only returns the value of the one key that a mapping may have.
func (l *loader) only(n *yaml.Node, what, want string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		l.inSpec(pos(n), "", fmt.Sprintf("%s is %s: want the key %s", what, l.kindName(n), want), "write - glob: and under it include: transformations/**")
		return nil
	}
	var found *yaml.Node
	unknown := false
	l.members(n, what, func(key, value *yaml.Node) {
		if key.Value == want {
			found = value
			return
		}
		unknown = true
		l.inSpec(pos(key), "", fmt.Sprintf("there is no key %q in %s", key.Value, what), didYouMeanOr(key.Value, want))
	})
	if found == nil && !unknown {
		l.inSpec(pos(n), "", fmt.Sprintf("%s has no key %s", what, want), "")
	}
	return found
}

// glob reads the files that a pattern names: a path, or a folder and all below it.
func (l *loader) glob(include *yaml.Node, seen map[string]bool) {
	pattern, at := include.Value, pos(include)
	folder, whole := strings.CutSuffix(pattern, "/**")
	if strings.ContainsAny(folder, "*?[") {
		l.inSpec(at, "PIPELINE_SPEC_INVALID_GLOB_PATTERN", fmt.Sprintf("include %q is neither a file nor a folder with /**", pattern), "write transformations/** or the path of one file")
		return
	}
	name := path.Clean(folder)
	if !fs.ValidPath(name) {
		l.inSpec(at, "", fmt.Sprintf("include %q leads out of the project's folder", pattern), "write a path that starts below "+l.p.Spec)
		return
	}
	info, err := fs.Stat(l.fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.inSpec(at, "", fmt.Sprintf("there is no %s %q", map[bool]string{true: "folder", false: "file"}[whole], name), l.nearPath(name))
	case err != nil:
		l.inSpec(at, "", fmt.Sprintf("include %q cannot be read: %v", pattern, plainError(err)), "")
	case whole && !info.IsDir():
		l.inSpec(at, "", fmt.Sprintf("%q is a file", name), "write it without /**")
	case !whole && info.IsDir():
		l.inSpec(at, "", fmt.Sprintf("%q is a folder", name), fmt.Sprintf("write %s/**", name))
	case whole:
		l.walk(name, at, seen)
	default:
		l.take(name, seen)
	}
}

// walk takes all files below a folder.
func (l *loader) walk(name string, at Pos, seen map[string]bool) {
	err := fs.WalkDir(l.fsys, name, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			l.problem(Problem{File: file, Message: fmt.Sprintf("it cannot be read: %v", plainError(err))})
			return nil
		case d.IsDir() && d.Name() == "__pycache__":
			return fs.SkipDir
		case d.IsDir():
			return nil
		case len(seen) >= maxFiles:
			return fmt.Errorf("it holds more than %d files", maxFiles)
		}
		if info, err := fs.Stat(l.fsys, file); err == nil && info.Mode().IsRegular() {
			l.take(file, seen)
		}
		return nil
	})
	if err != nil {
		l.inSpec(at, "", fmt.Sprintf("folder %q cannot be read: %v", name, err), "")
	}
}

// take reads one file.
func (l *loader) take(name string, seen map[string]bool) {
	if seen[name] {
		return
	}
	seen[name] = true
	switch path.Ext(name) {
	case ".sql":
		if text, ok := l.readFile(name, maxSQLBytes); ok && l.checkText(name, text) {
			l.p.Files = append(l.p.Files, File{Path: name, Text: string(text)})
		}
	case ".py":
		if path.Base(name) == connectors {
			l.p.Skipped = append(l.p.Skipped, name)
			return
		}
		l.problem(Problem{File: name, Message: "nagare runs SQL alone, and this is Python", Hint: "say it in SQL; sources and sinks go under configuration, and " + connectors + " is for Spark"})
	default:
		hint := "move it out of the folder"
		if ext := strings.ToLower(path.Ext(name)); ext == ".sql" {
			hint = "write the ending in small letters: " + strings.TrimSuffix(name, path.Ext(name)) + ".sql"
		}
		l.problem(Problem{File: name, Class: "PIPELINE_UNSUPPORTED_DEFINITIONS_FILE_EXTENSION", Message: "a project's files end in .sql or .py", Hint: hint})
	}
}

// checkText asks for UTF-8.
func (l *loader) checkText(name string, text []byte) bool {
	line, col := 1, 1
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			l.problem(Problem{File: name, Line: line, Col: col, Message: fmt.Sprintf("byte %#02x is not UTF-8", text[i]), Hint: "save the file as UTF-8"})
			return false
		}
		if col++; r == '\n' {
			line, col = line+1, 1
		}
		i += size
	}
	return true
}

// nearPath is a hint at the entry that a path may have meant.
func (l *loader) nearPath(name string) string {
	entries, err := fs.ReadDir(l.fsys, path.Dir(name))
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if near := nearest(path.Base(name), names); near != "" {
		return fmt.Sprintf("did you mean %q?", path.Join(path.Dir(name), near))
	}
	return ""
}
