package file

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/engine/record"
)

// TestKcatHeaders reads the headers of lines of kcat -J: keys and values in turn.
func TestKcatHeaders(t *testing.T) {
	for _, c := range []struct{ headers, want string }{
		{`[]`, ""}, {`null`, ""}, {` [ ] `, ""},
		{`["a","1"]`, "a=1"}, {` [ "a" , "1" , "a" , "" ] `, "a=1 a="},
		{`["a",null,"b","null"]`, "a=NULL b=null"},
		{`["q\"]","x\\","é","\u00e9,"]`, `q"]=x\ é=é,`},
		{`["a"]`, "error"}, {`["a","1",]`, "error"}, {`["a" "1"]`, "error"}, {`[null,"1"]`, "error"}, {`["a",1]`, "error"}, {`{"a":"1"}`, "error"},
		{`"a"`, "error"}, {`["a","1`, "error"}, {`["a","\x"]`, "error"}, {`[`, "error"}, {`["a","1"`, "error"}, {`["a","1\"]`, "error"},
	} {
		k := kcatLine{headers: []byte(c.headers)}
		b, err := k.appendHeaders(nil)
		var got []string
		record.EachHeader(b, func(key, value []byte) {
			text := string(value)
			if value == nil {
				text = "NULL"
			}
			got = append(got, fmt.Sprintf("%s=%s", key, text))
		})
		text := strings.Join(got, " ")
		if err != nil {
			text = "error"
		}
		if text != c.want {
			t.Errorf("%s: %s (%v), want %s", c.headers, text, err, c.want)
		}
	}
}
