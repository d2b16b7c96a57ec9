package file

import (
	"bytes"
	"encoding/base64"
	stdcsv "encoding/csv"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// keyOracle is the key of a JSON object by encoding/json's tokens: the first member of that name.
// It is "" and false for what is no object.
func keyOracle(text []byte, field string) (key string, ok, valid bool) {
	if !json.Valid(text) {
		return "", false, false
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return "", false, true
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return "", false, false
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return "", false, false
		}
		if name != field {
			continue
		}
		if string(raw) == "null" {
			return "", false, true
		}
		if raw[0] == '"' {
			var s string
			if err := json.Unmarshal(raw, &s); err != nil {
				return "", false, false
			}
			return s, true, true
		}
		return string(raw), true, true
	}
	return "", false, true
}

// FuzzKey compares the key of two records in a row, the second by the shape learned from the first,
// with encoding/json; and, valid or not, the learned way with the scan.
func FuzzKey(f *testing.F) {
	f.Add([]byte(`{"a": "x", "n": -1.5e3, "user_id": "user_1", "z": 1}`), []byte(`{"a": "y\"", "n": 12, "user_id": "user_22", "z": 1}`))
	f.Add([]byte(`{"user_id": 5}`), []byte(`{"user_id": null}`))
	f.Add([]byte(`{"a": {"user_id": 1}, "user_id": "\u0041\ud83d\ude00"}`), []byte(` { "user_id" : [1, "]"] } `))
	f.Add([]byte(`{"u\u0073er_id": true}`), []byte(`{"user_id": "a", "user_id": "b"}`))
	f.Add([]byte(`{"a": "user_id\": ", "user_id": ""}`), []byte(`{"a": tru, "user_id": "b"`))
	f.Add([]byte(`{"a":1,"user_id":2}`), []byte(`{"a":,"user_id":2}`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		k := keyFinder{field: "user_id"}
		k.find(first)
		for _, line := range [][]byte{second, first, second} {
			got := k.find(line)
			scan := keyFinder{field: "user_id"}
			want := scan.scan(line, false)
			if !bytes.Equal(got, want) || (got == nil) != (want == nil) {
				t.Fatalf("%q after %q has key %q by shape, %q by scan", line, first, got, want)
			}
			key, ok, valid := keyOracle(line, "user_id")
			if !valid || !utf8.Valid(line) {
				continue
			}
			if ok != (got != nil) || string(got) != key {
				t.Fatalf("%q has key %q (nil %v): encoding/json says %q, %v", line, got, got == nil, key, ok)
			}
		}
	})
}

// FuzzKcat compares a line with what encoding/json makes of it.
func FuzzKcat(f *testing.F) {
	f.Add([]byte(`{"topic":"t","partition":2,"offset":5,"ts":1000,"key":null,"payload":"a\n\u00e9\ud83d\ude00"}`))
	f.Add([]byte(` {"payload_base64":"AP8=","topic":"t","partition":0,"offset":0,"x":[{"y":"]"}]}`))
	f.Add([]byte(`{"topic":"t","partition":0,"offset":9223372036854775807,"payload":null}`))
	f.Add([]byte(`{"topic":"t","partition":0,"offset":1,"payload":{"a":1},"key":7,"ts":-1}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var k kcatLine
		err := k.parse(line)
		var o struct {
			Topic                 *string
			Partition, Offset, Ts json.RawMessage
			Key, Payload          json.RawMessage
			KeyBase64             *string `json:"key_base64"`
			PayloadBase64         *string `json:"payload_base64"`
		}
		if !utf8.Valid(line) || !json.Valid(line) || bytes.ContainsAny(line, "\u212a\u017f") {
			return
		}
		var names map[string]json.RawMessage
		if json.Unmarshal(line, &names) != nil || repeated(line) {
			return
		}
		if folded(names) {
			return
		}
		if names["payload"] != nil && names["payload_base64"] != nil || names["key"] != nil && names["key_base64"] != nil || bytes.Contains(line, []byte(`\u`)) && !bytes.Contains(line, []byte(`"payload":"`)) {
			return
		}
		if err != nil {
			return
		}
		if e := json.Unmarshal(line, &o); e != nil || o.Topic == nil {
			t.Fatalf("%q is taken: encoding/json says %v", line, e)
		}
		for _, n := range []struct {
			name string
			got  int64
			raw  json.RawMessage
			unit int64
		}{{"partition", int64(k.partition), o.Partition, 1}, {"offset", k.offset, o.Offset, 1}, {"ts", k.time, o.Ts, 1000}} {
			want, e := strconv.ParseInt(string(n.raw), 10, 64)
			if n.raw == nil || want < 0 {
				want, n.unit, e = -1, 1, nil
			}
			if e != nil || n.got != want*n.unit {
				t.Fatalf("%q: %s is %d: want %s", line, n.name, n.got, n.raw)
			}
		}
		check := func(name string, p *part, raw json.RawMessage, packed *string) {
			got, err := p.append([]byte{'x'}, name)
			if packed != nil {
				want, e := base64.StdEncoding.DecodeString(*packed)
				if (e == nil) != (err == nil) && !p.escaped || (e == nil && err == nil && !bytes.Equal(got[1:], want)) {
					t.Fatalf("%q: %s is %q, %v: want %q, %v", line, name, got, err, want, e)
				}
				return
			}
			if p.null != (string(raw) == "null") || p.seen != (raw != nil) {
				t.Fatalf("%q: %s is null %v, seen %v: encoding/json says %q", line, name, p.null, p.seen, raw)
			}
			if raw == nil || p.null {
				return
			}
			want := string(raw)
			if raw[0] == '"' {
				if e := json.Unmarshal(raw, &want); e != nil {
					t.Fatal(e)
				}
			}
			if err != nil || string(got[1:]) != want {
				t.Fatalf("%q: %s is %q, %v: want %q", line, name, got[1:], err, want)
			}
		}
		check("key", &k.key, o.Key, o.KeyBase64)
		check("payload", &k.payload, o.Payload, o.PayloadBase64)
	})
}

// folded reports names that encoding/json takes for others, since it folds case.
func folded(names map[string]json.RawMessage) bool {
	for name := range names {
		lower := strings.ToLower(name)
		if name != lower && (lower == "topic" || lower == "partition" || lower == "offset" || lower == "ts" || strings.HasPrefix(lower, "key") || strings.HasPrefix(lower, "payload")) {
			return true
		}
	}
	return false
}

// repeated reports an object with a name twice.
func repeated(line []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(line))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return true
	}
	seen := map[any]bool{}
	for dec.More() {
		name, err := dec.Token()
		var raw json.RawMessage
		if err != nil || dec.Decode(&raw) != nil || seen[name] {
			return true
		}
		seen[name] = true
	}
	return false
}

// FuzzCSV compares the rows of a file with encoding/csv, where that takes the file at all: each row
// must be a JSON object with the fields' texts.
func FuzzCSV(f *testing.F) {
	f.Add("a,b\n1,\"x\"\n\"y \"\"z\"\"\n\",\n")
	f.Add("a\r\n\"\r\n\"\r\n\r\n-0.5e1")
	f.Add("\"a\"\"b\",c\n,\"\"\ntrue,null\n")
	f.Fuzz(func(t *testing.T, content string) {
		got := rows(newLines(strings.NewReader(content), nil))
		r := stdcsv.NewReader(strings.NewReader(strings.TrimPrefix(content, bom)))
		r.FieldsPerRecord = -1
		want, err := r.ReadAll()
		if err != nil || strings.Contains(strings.ReplaceAll(content, "\r\n", ""), "\r") {
			return
		}
		n := 0
		for _, row := range got {
			if row == "" {
				continue // encoding/csv leaves blank lines out too
			}
			columns, fault := splitRow(nil, []byte(row))
			if fault != "" || n >= len(want) || len(columns) != len(want[n]) {
				t.Fatalf("%q: row %d is %q, fault %q into %d: want %q", content, n, row, fault, len(columns), want)
			}
			for i, c := range columns {
				field := strings.ReplaceAll(string(appendField(nil, []byte(row), c)), "\r\n", "\n")
				if field != want[n][i] {
					t.Fatalf("%q: field %d of row %d is %q: want %q", content, i, n, field, want[n][i])
				}
				var back string
				if utf8.ValidString(field) {
					if err := json.Unmarshal(appendQuoted(nil, []byte(field)), &back); err != nil || back != field {
						t.Fatalf("%q comes back from JSON as %q, %v", field, back, err)
					}
				}
			}
			n++
		}
		if n != len(want) {
			t.Fatalf("%q has %d rows: want %d", content, n, len(want))
		}
	})
}
