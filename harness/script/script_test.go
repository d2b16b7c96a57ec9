package script

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
)

const bikes = "../example/bikes"

func TestMistakesHaveAPlace(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "x.txt:1: there is no command",
		"\n# only this\n":                 "x.txt:1: there is no command",
		"sent trips\n":                    `x.txt:1: there is no command "sent"`,
		"# why\n\nsend\n":                 "x.txt:3: send is written as in: send TOPIC",
		"pass\n":                          "x.txt:1: pass is written as in: pass 10m",
		"close now\n":                     "x.txt:1: close is written as in: close",
		"day tomorrow\nclose\n":           "x.txt:1: a day is written as in",
		"set key\nclose\n":                "x.txt:1: a setting is written as in",
		"close\n----\n\nset a.b = 1\n":    "x.txt:4: set stands before the first command",
		"close\n----\n\nday 2026-03-01\n": "x.txt:4: day stands before the first command",
	} {
		_, err := Parse("x.txt", text)
		var fault *Fault
		if !errors.As(err, &fault) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %s", text, err, want)
		}
	}
}

func TestMistakesMetWhileRunning(t *testing.T) {
	for text, want := range map[string]string{
		"send trip\n{}\n----\n":                                `x.txt:1: send trip: there is no table, view or topic "trip"; did you mean "trips"?`,
		"send trips to=1\n{}\n----\n":                          `read "to=1": there is no "to"`,
		"send trips at=noon\n{}\n----\n":                       `read "at=noon"`,
		"send trips partition=7\n{}\n----\n":                   "partition 7 is asked for, and there are 0 to 0",
		"send trips partition=-1\n{}\n----\n":                  "a partition is a number from 0",
		"send trips\na=1 b\n----\n":                            `read record 1: "b" is not of the form name=value`,
		"send trips\na=\"x\n----\n":                            "read record 1: the value of a is no text in quotes",
		"send trips\na=@25:00\n----\n":                         "@25:00 is no time of day",
		"pass long\n----\n":                                    `let "long" pass`,
		"table overdu\n----\n":                                 `did you mean "overdue"?`,
		"query\nSELECT nothing\n----\n":                        "nothing",
		"set nagare.idle = 1\nclose\n----\n":                   "nagare.idle",
		"set nagare.topic.trips.partitions = 0\nclose\n----\n": "nagare.topic.trips.partitions",
	} {
		s, err := Parse("x.txt", text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if _, err := s.Run(context.Background(), bikes, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %s", text, err, want)
		}
	}
}

func TestRecords(t *testing.T) {
	for line, want := range map[string]string{
		`{"a": 1}`:                     `{"a": 1}`,
		"some text":                    "some text",
		"x = 1":                        "x = 1",
		"a=1 b=x c=":                   `{"a":1,"b":"x","c":""}`,
		`a="7" b="x y = \"z\"" c=-1.5`: `{"a":"7","b":"x y = \"z\"","c":-1.5}`,
		"t=@12:01 u=@12:01:30.25":      `{"t":"2026-03-01T12:01:00Z","u":"2026-03-01T12:01:30.25Z"}`,
		"a=NULL b=null c=true d=nil":   `{"a":null,"b":null,"c":true,"d":"nil"}`,
		"s=[1] o={}":                   `{"s":[1],"o":{}}`,
		"名=値":                          `{"名":"値"}`,
	} {
		got, err := recordOf(line, "2026-03-01")
		if err != nil || string(got) != want {
			t.Errorf("%s is %s, want %s; %v", line, got, want, err)
		}
	}
}

func TestShownValuesReadBack(t *testing.T) {
	for _, text := range []string{"", "x", "x y", "NULL", `"`, `a"b`, "a\nb", "é", "\u0000", "12:00", "a=b"} {
		word := "a=" + shown(&text)
		name, value, rest, err := nextWord(word)
		if err != nil || name != "a" || rest != "" {
			t.Errorf("%q is shown as %s, which reads as %q %q %q: %v", text, word, name, value, rest, err)
		}
	}
	if shown(nil) != "NULL" {
		t.Error("NULL is not shown as NULL")
	}
}

// An update keeps comments, settings and blank lines, and what it writes passes.
func TestUpdate(t *testing.T) {
	const before = "# Above.\nday 2026-03-01\nset nagare.topic.trips.partitions = 2\n\n# Of the first.\nsend trips\ntrip=t ended=@12:00 minutes=200\n\nclose\n----\nnonsense\n\n# Below.\n"
	s, err := Parse("x.txt", before)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Run(context.Background(), bikes, true)
	if err != nil || !res.Passed || !res.Updated {
		t.Fatalf("the update gave %+v, %v", res, err)
	}
	for _, part := range []string{"# Above.\nday 2026-03-01\nset nagare.topic.trips.partitions = 2\n\n# Of the first.\nsend trips\ntrip=t ended=@12:00 minutes=200\n----\n", "overdue trip=t bike=NULL", "\nclose\n----\nwatermark 2026-03-01T12:15:00Z\n", "\n\n# Below.\n"} {
		if !strings.Contains(res.Text, part) {
			t.Errorf("the updated script does not hold %q:\n%s", part, res.Text)
		}
	}
	again, err := Parse("x.txt", res.Text)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := again.Run(context.Background(), bikes, false); err != nil || !res.Passed || res.Updated {
		t.Errorf("the updated script gives %+v, %v", res, err)
	}
}

func TestFailuresShowWhatDiffers(t *testing.T) {
	s, err := Parse("x.txt", "day 2026-03-01\n\nsend trips\ntrip=t ended=@12:00 minutes=200\n----\nwatermark 2026-03-01T11:58:00Z\noverdue trip=u\n")
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Run(context.Background(), bikes, false)
	if err != nil || res.Passed || len(res.Failures) != 1 {
		t.Fatalf("the script gave %+v, %v", res, err)
	}
	f := res.Failures[0]
	for _, part := range []string{"send trips (straight)", " watermark", "-overdue trip=u\n", "+overdue trip=t bike=NULL"} {
		if !strings.Contains(f.String(), part) {
			t.Errorf("the failure does not show %q:\n%v", part, f)
		}
	}
	if f.Line != 3 {
		t.Errorf("the failure is of line %d", f.Line)
	}
}

func TestNames(t *testing.T) {
	names, err := Names(fstest.MapFS{"tests/b.txt": {}, "tests/a.txt": {}, "tests/c.csv": {}, "other/d.txt": {}})
	if err != nil || strings.Join(names, " ") != "tests/a.txt tests/b.txt" {
		t.Errorf("the scripts are %v, %v", names, err)
	}
}
