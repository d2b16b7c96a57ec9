package spark

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v4"
)

// findSpec reads the spec file of the folder.
func (l *loader) findSpec(dir string) (text []byte, ok bool) {
	var found []string
	for _, name := range specNames() {
		info, err := fs.Stat(l.fsys, name)
		switch {
		case err == nil && !info.IsDir():
			found = append(found, name)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			l.problem(Problem{File: name, Message: fmt.Sprintf("the spec cannot be read: %v", plainError(err))})
			return nil, false
		}
	}
	switch len(found) {
	case 0:
		l.problem(Problem{Class: "PIPELINE_SPEC_FILE_NOT_FOUND", Message: fmt.Sprintf("folder %s holds no spark-pipeline.yml", dir), Hint: l.missingSpecHint()})
		return nil, false
	case 2:
		l.problem(Problem{Class: "MULTIPLE_PIPELINE_SPEC_FILES_FOUND", File: found[1], Message: fmt.Sprintf("the folder holds %s too", found[0]), Hint: "keep one of the two"})
		return nil, false
	}
	l.p.Spec = found[0]
	return l.readFile(found[0], maxSpecBytes)
}

// missingSpecHint looks for a file that may have been meant.
func (l *loader) missingSpecHint() string {
	entries, err := fs.ReadDir(l.fsys, ".")
	if errors.Is(err, fs.ErrNotExist) {
		return "there is no such folder"
	}
	if err != nil {
		return plainError(err).Error()
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	for _, spec := range specNames() {
		if near := nearest(spec, names); near != "" {
			return fmt.Sprintf("rename %s to %s", near, spec)
		}
	}
	return "name the folder of a project, or make the file"
}

// readFile reads a file up to a limit.
func (l *loader) readFile(name string, limit int) ([]byte, bool) {
	text, err := fs.ReadFile(l.fsys, name)
	if err != nil {
		hint := ""
		if errors.Is(err, fs.ErrPermission) {
			hint = "allow it with chmod u+r"
		}
		l.problem(Problem{File: name, Message: fmt.Sprintf("the file cannot be read: %v", plainError(err)), Hint: hint})
		return nil, false
	}
	if len(text) > limit {
		l.problem(Problem{File: name, Message: fmt.Sprintf("the file has %d bytes: want at most %d", len(text), limit)})
		return nil, false
	}
	return bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), true
}

// plainError is an error without the operation and path that stand before it.
func plainError(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// specKeys is what a spec may hold. Schema is another name for database.
func specKeys() []string {
	return []string{"name", "storage", "catalog", "database", "schema", "configuration", "libraries"}
}

// readSpec takes the spec apart.
func (l *loader) readSpec(text []byte) {
	root, ok := l.parse(text)
	if !ok {
		return
	}
	values := map[string]*yaml.Node{}
	l.members(root, "the spec", func(key, value *yaml.Node) {
		if !contains(specKeys(), key.Value) {
			hint := didYouMean(key.Value, specKeys())
			if hint == "" {
				hint = "keys are " + strings.Join(specKeys(), ", ")
			}
			if strings.Contains(key.Value, ".") {
				hint = "put it under configuration"
			}
			l.inSpec(pos(key), "PIPELINE_SPEC_UNEXPECTED_FIELD", fmt.Sprintf("there is no key %q in a spec", key.Value), hint)
			return
		}
		values[key.Value] = value
	})
	for _, key := range []string{"name", "storage"} {
		if values[key] == nil {
			l.inSpec(pos(root), "PIPELINE_SPEC_MISSING_REQUIRED_FIELD", fmt.Sprintf("key %q is missing", key), requiredHint(key))
		}
	}
	l.p.Name = l.text(values["name"], "name")
	l.p.Catalog = l.text(values["catalog"], "catalog")
	l.p.Database = l.text(values["schema"], "schema")
	if values["database"] != nil {
		l.p.Database = l.text(values["database"], "database")
	}
	if s := values["storage"]; s != nil {
		l.p.Storage = l.text(s, "storage")
		l.checkStorage(s)
	}
	if c := values["configuration"]; c != nil {
		l.configuration(c)
	}
	l.libraries(root, values["libraries"])
}

func requiredHint(key string) string {
	if key == "storage" {
		return "add storage: file:///tmp/pipeline"
	}
	return "add name: and a name"
}

// parse reads YAML, which must be one mapping.
func (l *loader) parse(text []byte) (*yaml.Node, bool) {
	in, err := yaml.NewLoader(bytes.NewReader(text))
	var doc, more yaml.Node
	if err == nil {
		err = in.Load(&doc)
	}
	if err == io.EOF {
		l.inSpec(Pos{1, 1}, "PIPELINE_SPEC_MISSING_REQUIRED_FIELD", "the spec is empty", "write name, storage and libraries")
		return nil, false
	}
	if err == nil {
		if err = in.Load(&more); err == nil {
			l.inSpec(pos(&more), "", "YAML: a second document begins", "keep one document in the file")
			return nil, false
		}
	}
	if err != io.EOF {
		l.malformed(err)
		return nil, false
	}
	root := &doc
	if doc.Kind == yaml.DocumentNode && len(doc.Content) > 0 {
		root = doc.Content[0]
	}
	root = follow(root)
	if root.Kind == 0 || l.isNull(root) {
		l.inSpec(Pos{1, 1}, "PIPELINE_SPEC_MISSING_REQUIRED_FIELD", "the spec is empty", "write name, storage and libraries")
		return nil, false
	}
	if root.Kind != yaml.MappingNode {
		l.inSpec(pos(root), "", fmt.Sprintf("the spec is %s: want keys with values", l.kindName(root)), "write name: my_pipeline")
		return nil, false
	}
	return root, true
}

// malformed reports what the YAML reader cannot read.
func (l *loader) malformed(err error) {
	at, message := Pos{1, 1}, strings.TrimPrefix(err.Error(), "yaml: ")
	var fault *yaml.LoadError
	if errors.As(err, &fault) {
		message = fault.Message
		if fault.Mark.Line > 0 {
			at = Pos{fault.Mark.Line, max(fault.Mark.Column, 1)}
		}
	}
	l.inSpec(at, "", "YAML: "+strings.Join(strings.Fields(message), " "), "")
}

// members hands the members of a mapping to visit. Of a key that stands twice the last one counts,
// as in Spark, and it is a problem.
func (l *loader) members(m *yaml.Node, of string, visit func(key, value *yaml.Node)) {
	last := map[string]int{}
	for i := 0; i+1 < len(m.Content); i += 2 {
		key := follow(m.Content[i])
		if before, ok := last[key.Value]; ok && key.Kind == yaml.ScalarNode {
			l.inSpec(pos(key), "", fmt.Sprintf("key %q stands twice in %s", key.Value, of), fmt.Sprintf("the first is on line %d", m.Content[before].Line))
		}
		last[key.Value] = i
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		key := follow(m.Content[i])
		if key.Kind != yaml.ScalarNode || !l.isString(key) {
			l.inSpec(pos(m.Content[i]), "PIPELINE_SPEC_DICT_KEY_NOT_STRING", fmt.Sprintf("a key of %s is %s: want a string", of, l.kindName(key)), "put it in quotes")
			continue
		}
		if last[key.Value] == i {
			visit(key, follow(m.Content[i+1]))
		}
	}
}

// text is the string that a key has. Where it has none it reports a problem and returns "".
func (l *loader) text(n *yaml.Node, key string) string {
	switch {
	case n == nil, l.isNull(n) && key != "name" && key != "storage":
		return ""
	case n.Kind != yaml.ScalarNode || !l.isString(n):
		l.inSpec(pos(n), "", fmt.Sprintf("%s is %s: want a string", key, l.kindName(n)), l.quoteHint(n))
		return ""
	case strings.TrimSpace(n.Value) == "":
		l.inSpec(pos(n), "", fmt.Sprintf("%s is empty", key), "")
		return ""
	}
	return n.Value
}

func (l *loader) quoteHint(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && !l.isNull(n) {
		return fmt.Sprintf("write it in quotes: %q", n.Value)
	}
	return ""
}

// checkStorage asks for an absolute URI, as Spark does. nagare itself does not write there.
func (l *loader) checkStorage(n *yaml.Node) {
	if l.p.Storage == "" {
		return
	}
	u, err := url.Parse(l.p.Storage)
	if err == nil && u.Scheme != "" && u.Opaque == "" && strings.HasPrefix(u.Path, "/") {
		return
	}
	hint := "write file:///tmp/" + strings.TrimLeft(strings.ReplaceAll(l.p.Storage, "\\", "/"), "./")
	if err == nil && u.Scheme == "" && strings.HasPrefix(l.p.Storage, "/") {
		hint = "write file://" + l.p.Storage
	}
	l.inSpec(pos(n), "PIPELINE_STORAGE_ROOT_INVALID", fmt.Sprintf("storage %q is no absolute URI", l.p.Storage), hint)
}

// configuration takes strings with string keys.
func (l *loader) configuration(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		l.inSpec(pos(n), "PIPELINE_SPEC_FIELD_NOT_DICT", fmt.Sprintf("configuration is %s: want keys with values", l.kindName(n)), `write key: "value"`)
		return
	}
	l.members(n, "configuration", func(key, value *yaml.Node) {
		switch {
		case value.Kind == yaml.MappingNode:
			l.inSpec(pos(value), "PIPELINE_SPEC_DICT_VALUE_NOT_STRING", fmt.Sprintf("%s is %s: want a string", key.Value, l.kindName(value)),
				fmt.Sprintf("write the whole key on one line: %s.…: value", key.Value))
		case value.Kind != yaml.ScalarNode || !l.isString(value):
			l.inSpec(pos(value), "PIPELINE_SPEC_DICT_VALUE_NOT_STRING", fmt.Sprintf("%s is %s: want a string", key.Value, l.kindName(value)), l.quoteHint(value))
		default:
			l.p.Settings = append(l.p.Settings, Setting{Key: key.Value, Value: value.Value, KeyPos: pos(key), ValuePos: pos(value)})
		}
	})
}
