package spark

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func folder(files ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		m[files[i]] = &fstest.MapFile{Data: []byte(files[i+1]), Mode: 0o644}
	}
	return m
}

const goodSpec = `name: purchases
storage: file:///tmp/purchases/storage
catalog: c
database: d
libraries:
  - glob:
      include: transformations/**
  - glob:
      include: extra/one.sql
configuration:
  spark.sql.shuffle.partitions: "2"
  source.raw.format: kafka
  nagare.topic.a.b.partitions: '3'
  source.raw.option.kafka.bootstrap.servers: localhost:9092
  colour: |
    red
`

func TestLoad(t *testing.T) {
	p, problems := Load(folder(
		"spark-pipeline.yml", "\xef\xbb\xbf"+goodSpec,
		"transformations/b.sql", "SELECT 2",
		"transformations/a/deep.sql", "\xef\xbb\xbfSELECT 1",
		"transformations/connectors.py", "import x",
		"transformations/__pycache__/connectors.pyc", "\x00",
		"extra/one.sql", "SELECT 3",
		"extra/other.md", "not named",
	), "my/dir")
	if problems != nil {
		t.Fatalf("problems: %v", problems)
	}
	want := &Project{
		Name: "purchases", Dir: "my/dir", Spec: "spark-pipeline.yml", Storage: "file:///tmp/purchases/storage", Catalog: "c", Database: "d",
		Settings: []Setting{
			{"spark.sql.shuffle.partitions", "2", Pos{11, 3}, Pos{11, 33}},
			{"source.raw.format", "kafka", Pos{12, 3}, Pos{12, 22}},
			{"nagare.topic.a.b.partitions", "3", Pos{13, 3}, Pos{13, 32}},
			{"source.raw.option.kafka.bootstrap.servers", "localhost:9092", Pos{14, 3}, Pos{14, 46}},
			{"colour", "red\n", Pos{15, 3}, Pos{15, 11}},
		},
		Files:   []File{{"extra/one.sql", "SELECT 3"}, {"transformations/a/deep.sql", "SELECT 1"}, {"transformations/b.sql", "SELECT 2"}},
		Skipped: []string{"transformations/connectors.py"},
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("project is\n%+v\nwant\n%+v", p, want)
	}
	if c := p.Config(); len(c) != 5 || c["source.raw.format"] != "kafka" {
		t.Errorf("configuration is %v", c)
	}
}

// head is a spec without faults, to which a test adds some.
const head = "name: n\nstorage: file:///s\nlibraries:\n- glob:\n    include: t/**\n"

// problemCase is a folder with faults. Files is the spec's text first ("-": no spec), then names and
// texts; want is a part of each problem's line, in order.
type problemCase struct {
	name  string
	files []string
	want  []string
}

func problemCases() []problemCase {
	return []problemCase{
		{"no spec", []string{"-"}, []string{`folder DIR holds no spark-pipeline.yml; name the folder of a project, or make the file [PIPELINE_SPEC_FILE_NOT_FOUND]`}},
		{"misspelt spec", []string{"-", "spark-pipelines.yml", "x"}, []string{`rename spark-pipelines.yml to spark-pipeline.yml [PIPELINE_SPEC_FILE_NOT_FOUND]`}},
		{"two specs", []string{head, "spark-pipeline.yaml", head}, []string{`spark-pipeline.yaml: the folder holds spark-pipeline.yml too; keep one of the two [MULTIPLE_PIPELINE_SPEC_FILES_FOUND]`}},
		{"empty", []string{""}, []string{`spark-pipeline.yml:1:1: the spec is empty; write name, storage and libraries [PIPELINE_SPEC_MISSING_REQUIRED_FIELD]`}},
		{"comment", []string{"# nothing\n"}, []string{`1:1: the spec is empty`}},
		{"list", []string{"- a\n"}, []string{`1:1: the spec is a list: want keys with values`}},
		{"string", []string{"hello"}, []string{`1:1: the spec is a string`}},
		{"yaml", []string{"name: [a\nstorage: b"}, []string{`spark-pipeline.yml:2:8: YAML: `}},
		{"tab", []string{"name: n\n\tstorage: b"}, []string{`spark-pipeline.yml:2:1: YAML: `}},
		{"several documents", []string{head + "---\nname: b\n"}, []string{`YAML: `}},
		{"missing keys", []string{"database: d\nlibraries:\n- glob: {include: t/**}\n", "t/a.sql", ""}, []string{
			`1:1: key "name" is missing; add name: and a name [PIPELINE_SPEC_MISSING_REQUIRED_FIELD]`,
			`1:1: key "storage" is missing; add storage: file:///tmp/pipeline [PIPELINE_SPEC_MISSING_REQUIRED_FIELD]`}},
		{"unknown keys", []string{head + "databse: d\nsource.x.format: kafka\nzzzzz: 1\n", "t/a.sql", ""}, []string{
			`6:1: there is no key "databse" in a spec; did you mean "database"? [PIPELINE_SPEC_UNEXPECTED_FIELD]`,
			`7:1: there is no key "source.x.format" in a spec; put it under configuration [PIPELINE_SPEC_UNEXPECTED_FIELD]`,
			`8:1: there is no key "zzzzz" in a spec; keys are name, storage,`}},
		{"key twice", []string{head + "name: m\n", "t/a.sql", ""}, []string{`6:1: key "name" stands twice in the spec; the first is on line 1`}},
		{"storage path", []string{strings.Replace(head, "file:///s", "/tmp/s", 1), "t/a.sql", ""}, []string{`2:10: storage "/tmp/s" is no absolute URI; write file:///tmp/s [PIPELINE_STORAGE_ROOT_INVALID]`}},
		{"storage relative", []string{strings.Replace(head, "file:///s", "./out", 1), "t/a.sql", ""}, []string{`write file:///tmp/out [PIPELINE_STORAGE_ROOT_INVALID]`}},
		{"storage opaque", []string{strings.Replace(head, "file:///s", "file:s", 1), "t/a.sql", ""}, []string{`"file:s" is no absolute URI`}},
		{"storage null", []string{strings.Replace(head, "file:///s", "", 1), "t/a.sql", ""}, []string{`2:9: storage is nothing: want a string`}},
		{"name a number", []string{strings.Replace(head, "name: n", "name: 12", 1), "t/a.sql", ""}, []string{`1:7: name is a number: want a string; write it in quotes: "12"`}},
		{"name a list", []string{strings.Replace(head, "name: n", "name: [n]", 1), "t/a.sql", ""}, []string{`1:7: name is a list: want a string`}},
		{"name blank", []string{strings.Replace(head, "name: n", "name: ' '", 1), "t/a.sql", ""}, []string{`1:7: name is empty`}},
		{"values that are no strings", []string{head + "configuration:\n  a: 2\n  b: on\n  c: 1.5\n  d: 2026-01-01\n  e: ~\n  f: [1]\n  g: {h: i}\n  j: !!str 5\n  k: !!int 5\n  2: x\n  l: 1:30\n  m: 10_000\n", "t/a.sql", ""}, []string{
			`7:6: a is a number: want a string; write it in quotes: "2" [PIPELINE_SPEC_DICT_VALUE_NOT_STRING]`,
			`8:6: b is a boolean: want a string; write it in quotes: "on" [PIPELINE_SPEC_DICT_VALUE_NOT_STRING]`,
			`9:6: c is a number`, `10:6: d is a date`, `11:6: e is nothing: want a string [PIPELINE_SPEC_DICT_VALUE_NOT_STRING]`, `12:6: f is a list`,
			`13:6: g is keys with values: want a string; write the whole key on one line: g.…: value`,
			`15:6: k is a value of type int`, `16:3: a key of configuration is a number: want a string; put it in quotes [PIPELINE_SPEC_DICT_KEY_NOT_STRING]`,
			`17:6: l is a number`, `18:6: m is a number`}},
		{"configuration a list", []string{head + "configuration: [a]\n", "t/a.sql", ""}, []string{`6:16: configuration is a list: want keys with values; write key: "value" [PIPELINE_SPEC_FIELD_NOT_DICT]`}},
		{"no libraries", []string{"name: n\nstorage: file:///s\n"}, []string{`1:1: libraries names no SQL file; write - glob: and under it include: transformations/**, and put .sql files there [RUN_EMPTY_PIPELINE]`}},
		{"empty folder", []string{head, "t/connectors.py", ""}, []string{`4:1: libraries names no SQL file`}},
		{"libraries a string", []string{"name: n\nstorage: file:///s\nlibraries: t/**\n"}, []string{`3:12: libraries is a string: want a list`}},
		{"library a string", []string{"name: n\nstorage: file:///s\nlibraries: [t/**]\n"}, []string{`3:13: an entry of libraries is a string: want the key glob`}},
		{"library keys", []string{"name: n\nstorage: file:///s\nlibraries:\n- globs: {include: x}\n- glob: {includ: x}\n- glob: {}\n"}, []string{
			`4:3: there is no key "globs" in an entry of libraries; did you mean "glob"?`, `5:10: there is no key "includ" in glob; did you mean "include"?`, `6:9: glob has no key include`}},
		{"glob", []string{strings.Replace(head, "t/**", `"*.sql"`, 1), "a.sql", ""}, []string{`5:14: include "*.sql" is neither a file nor a folder with /**; write transformations/** or the path of one file [PIPELINE_SPEC_INVALID_GLOB_PATTERN]`}},
		{"glob deep", []string{strings.Replace(head, "t/**", `t/**/*.sql`, 1)}, []string{`[PIPELINE_SPEC_INVALID_GLOB_PATTERN]`}},
		{"outside", []string{strings.Replace(head, "t/**", `../t/**`, 1)}, []string{`5:14: include "../t/**" leads out of the project's folder`}},
		{"absolute", []string{strings.Replace(head, "t/**", `/t/a.sql`, 1)}, []string{`leads out of the project's folder`}},
		{"missing folder", []string{strings.Replace(head, "t/**", `transformation/**`, 1), "transformations/a.sql", ""}, []string{`5:14: there is no folder "transformation"; did you mean "transformations"?`}},
		{"missing file", []string{strings.Replace(head, "t/**", `t/sale.sql`, 1), "t/sales.sql", ""}, []string{`5:14: there is no file "t/sale.sql"; did you mean "t/sales.sql"?`}},
		{"folder without stars", []string{strings.Replace(head, "t/**", `t`, 1), "t/sales.sql", ""}, []string{`5:14: "t" is a folder; write t/**`}},
		{"file with stars", []string{strings.Replace(head, "t/**", `t/a.sql/**`, 1), "t/a.sql", ""}, []string{`5:14: "t/a.sql" is a file; write it without /**`}},
		{"other files", []string{head, "t/a.sql", "", "t/README.md", "", "t/b.SQL", "", "t/job.py", ""}, []string{
			`t/README.md: a project's files end in .sql or .py; move it out of the folder [PIPELINE_UNSUPPORTED_DEFINITIONS_FILE_EXTENSION]`,
			`t/b.SQL: a project's files end in .sql or .py; write the ending in small letters: t/b.sql`,
			`t/job.py: nagare runs SQL alone, and this is Python; say it in SQL`}},
		{"not UTF-8", []string{head, "t/a.sql", "SELECT 1;\n-- グcaf\xe9\n"}, []string{`t/a.sql:2:8: byte 0xe9 is not UTF-8; save the file as UTF-8`}},
		{"too long", []string{head, "t/a.sql", strings.Repeat(" ", maxSQLBytes+1)}, []string{`t/a.sql: the file has 16777217 bytes: want at most 16777216`}},
		{"all at once", []string{"nam: n\nstorage: s\nlibraries:\n- glob: {include: t/**}\nconfiguration: {a: 1}\n", "t/x.py", "", "t/a.sql", "\xff"}, []string{
			`1:1: there is no key "nam" in a spec; did you mean "name"?`, `1:1: key "name" is missing`, `2:10: storage "s"`, `5:20: a is a number`, `t/a.sql:1:1: byte 0xff`, `t/x.py: nagare`}},
	}
}

// TestProblems checks that all problems come, with place, hint and class.
func TestProblems(t *testing.T) {
	for _, c := range problemCases() {
		t.Run(c.name, func(t *testing.T) {
			m := folder(c.files[1:]...)
			if c.files[0] != "-" {
				m["spark-pipeline.yml"] = &fstest.MapFile{Data: []byte(c.files[0]), Mode: 0o644}
			}
			_, problems := Load(m, "DIR")
			for i := range max(len(problems), len(c.want)) {
				switch {
				case i >= len(problems):
					t.Errorf("problem is missing: %s", c.want[i])
				case i >= len(c.want):
					t.Errorf("problem too many: %v", problems[i])
				case !strings.Contains(problems[i].Error(), c.want[i]):
					t.Errorf("problem is\n%v\nwant\n%s", problems[i], c.want[i])
				}
			}
		})
	}
}

func TestAliases(t *testing.T) {
	p, problems := Load(folder("spark-pipeline.yaml", "name: &n x\nstorage: file:///s\ndatabase: *n\nconfiguration:\n  a: *n\nlibraries: [{glob: {include: a.sql}}]\n", "a.sql", ""), "")
	if problems != nil || p.Database != "x" || p.Settings[0].Value != "x" {
		t.Errorf("project %+v, problems %v", p, problems)
	}
}

func TestSchemaIsDatabase(t *testing.T) {
	for _, c := range [][2]string{{"schema: s", "s"}, {"schema: s\ndatabase: d", "d"}, {"database:\n", ""}} {
		p, problems := Load(folder("spark-pipeline.yml", head+c[0], "t/a.sql", ""), "")
		if problems != nil || p.Database != c[1] {
			t.Errorf("%q gives %q, %v: want %q", c[0], p.Database, problems, c[1])
		}
	}
}

// TestShippedProjects loads the projects of this repository as they lie there.
func TestShippedProjects(t *testing.T) {
	for _, dir := range []string{"../../pipelines/nexmark", "../../pipelines/purchases", "../../pipelines/retail", "../../testdata/projects/golden"} {
		p, problems := Load(os.DirFS(dir), dir)
		if len(problems) > 0 || len(p.Files) == 0 || len(p.Settings) < 5 || !slices.Equal(p.Skipped, []string{"transformations/connectors.py"}) {
			t.Errorf("%s: %+v %v", dir, p, problems)
		}
		for _, s := range p.Settings {
			lines := strings.Split(string(must(os.ReadFile(filepath.Join(dir, p.Spec)))), "\n")
			if !strings.HasPrefix(lines[s.KeyPos.Line-1][s.KeyPos.Col-1:], s.Key+":") {
				t.Errorf("%s: %s is not at %v", dir, s.Key, s.KeyPos)
			}
		}
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := Find(deep); got != deep {
		t.Errorf("without a spec: %s", got)
	}
	if err := os.WriteFile(filepath.Join(root, "spark-pipeline.yaml"), []byte(head), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Find(deep); got != root {
		t.Errorf("below the spec: %s, want %s", got, root)
	}
	if got := Find(root); got != root {
		t.Errorf("at the spec: %s, want %s", got, root)
	}
	if _, problems := Load(os.DirFS(filepath.Join(root, "none")), "none"); len(problems) != 1 || !strings.Contains(problems[0].Error(), "folder none holds no spark-pipeline.yml; there is no such folder") {
		t.Errorf("a folder that is missing: %v", problems)
	}
}

// TestUnreadable checks that a file without permission is named with what to do.
func TestUnreadable(t *testing.T) {
	denied := deniedFS{folder("spark-pipeline.yml", head, "t/a.sql", "", "t/b.sql", ""), "t/b.sql"}
	_, problems := Load(denied, "")
	if len(problems) != 1 || problems[0].Error() != "t/b.sql: the file cannot be read: permission denied; allow it with chmod u+r" {
		t.Errorf("problems: %v", problems)
	}
}

type deniedFS struct {
	fstest.MapFS
	name string
}

func (d deniedFS) ReadFile(name string) ([]byte, error) {
	if name == d.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return d.MapFS.ReadFile(name)
}

// FuzzSpec looks for specs that make the loader panic, hang or put a problem outside of the file.
func FuzzSpec(f *testing.F) {
	f.Add(goodSpec)
	f.Add(head)
	f.Add("a: &a [*a]\nname: *a\nconfiguration: *a\nlibraries: *a\n")
	f.Add("? {a: b}\n: c\n<<: {name: x}\n")
	f.Add("name: !!binary aGk=\nstorage: !x y\nlibraries: [{glob: {include: '**'}}, {glob: {include: './/t/../t/**'}}]\n")
	f.Add("\t")
	f.Add("--- \n...\n---\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, problems := Load(folder("spark-pipeline.yml", text, "t/a.sql", "SELECT 1", "transformations/b.sql", ""), "d")
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + strings.Count(text, "\u0085") + strings.Count(text, "\u2028") + strings.Count(text, "\u2029") + 2
		for _, problem := range problems {
			if problem.Message == "" || problem.Line < 0 || problem.Line > lines || (problem.Line > 0 && problem.Col < 1) {
				t.Errorf("problem %+v of %q", problem, text)
			}
		}
		if len(problems) == 0 && (p.Name == "" || p.Storage == "" || len(p.Files) == 0) {
			t.Errorf("%q is accepted as %+v", text, p)
		}
		seen := map[string]bool{}
		for _, s := range p.Settings {
			if seen[s.Key] {
				t.Errorf("key %q comes twice", s.Key)
			}
			seen[s.Key] = true
		}
		if got, again := Load(folder("spark-pipeline.yml", text, "t/a.sql", "SELECT 1", "transformations/b.sql", ""), "d"); fmt.Sprint(got, again) != fmt.Sprint(p, problems) {
			t.Errorf("%q is not always read alike", text)
		}
	})
}
