package codec

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/nagare-stream/nagare/engine/column"
)

// fuzzTargets are fields of each fast kernel and of the general one.
func fuzzTargets() []Target {
	return []Target{
		{Path: "s", Type: column.Of(column.String)}, {Path: "i", Type: column.Of(column.Int32)},
		{Path: "d", Type: column.Of(column.Float64)}, {Path: "b", Type: column.Of(column.Bool)},
		{Path: "t", Type: column.Of(column.Timestamp), FromString: true}, {Path: "t", Type: column.Of(column.String)},
	}
}

func isObject(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	return json.Valid(b) && utf8.Valid(b) && len(b) > 0 && b[0] == '{'
}

// FuzzJSON has encoding/json say which records are good and what their fields are, and decodes each record
// three times: alone, and twice after others like it, so that both scanners see it.
func FuzzJSON(f *testing.F) {
	for _, s := range factLines {
		f.Add([]byte(s[0]))
	}
	for _, s := range []string{
		`{"s":"x","i":12,"d":1.5,"b":true,"t":"2026-01-02T03:04:05.123456+00:00"}`,
		`{ "s" : "\ud83d\ude00\u0000", "d": -1.5e-7, "i": 1 , "s": {"k":[1,2,{}]} }`,
		`{"s":"あ","t":null,"b":false}`, `{"\u0073":"x"}`, `{}`, `[]`, `{"s":"`, `{"s":"\u00`, "{\"s\":\"\xff\"}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, rec []byte) {
		if len(rec) == 0 || len(rec) > 1<<16 {
			return
		}
		var values column.Bytes
		values.Append([]byte(`{"s":"x","i":12,"d":1.5,"b":true,"t":"2026-01-02T03:04:05.123456+00:00"}`))
		for range 3 {
			values.Append(rec)
		}
		values.Append([]byte(`{"s":"x", "i":12}`))
		ts := fuzzTargets()
		out, status := decodeAll(ts, &values)
		if status[0].Reason != OK || status[4].Reason != OK {
			t.Fatalf("the records around are %v and %v", status[0], status[4])
		}
		good := isObject(rec)
		if status[1].Reason == TooDeep {
			good = false // encoding/json goes deeper
		}
		for i := 1; i <= 3; i++ {
			if (status[i].Reason == OK) != good {
				t.Fatalf("time %d: %v, encoding/json says %v: %q", i, status[i], good, rec)
			}
			for c := range out {
				if textOf(&out[c], i) != textOf(&out[c], 1) {
					t.Fatalf("time %d differs from the first: %s %s", i, textOf(&out[c], i), textOf(&out[c], 1))
				}
			}
		}
		if good {
			compareFields(t, rec, out)
		}
	})
}

// compareFields compares row 1 with what encoding/json reads from the record.
func compareFields(t *testing.T, rec []byte, out []column.Vector) {
	var want map[string]json.RawMessage
	if err := json.Unmarshal(rec, &want); err != nil {
		t.Fatal(err)
	}
	s, isNull := string(out[0].Bytes(1)), out[0].IsNull(1)
	switch raw := want["s"]; {
	case raw == nil || string(raw) == "null":
		if !isNull {
			t.Fatalf("s is %q, want NULL", s)
		}
	case raw[0] == '"':
		var text string
		if json.Unmarshal(raw, &text) != nil || isNull || s != text {
			t.Fatalf("s is %q, want %q", s, text)
		}
	default:
		var a, b any
		if json.Unmarshal(raw, &b) != nil {
			break // a number beyond the doubles
		}
		if err := json.Unmarshal([]byte(s), &a); err != nil || !reflect.DeepEqual(a, b) {
			t.Fatalf("s is %q, want the text of %s", s, raw)
		}
	}
	var i int32
	fits := want["i"] != nil && string(want["i"]) != "null" && json.Unmarshal(want["i"], &i) == nil
	if fits != !out[1].IsNull(1) || fits && out[1].Int[1] != int64(i) {
		t.Fatalf("i is %s, want %s", textOf(&out[1], 1), want["i"])
	}
	var d float64
	fits = want["d"] != nil && string(want["d"]) != "null" && json.Unmarshal(want["d"], &d) == nil
	if fits != !out[2].IsNull(1) || fits && out[2].Float[1] != d {
		t.Fatalf("d is %s, want %s", textOf(&out[2], 1), want["d"])
	}
	var at struct{ T *string }
	if json.Unmarshal([]byte(`{"T":`+string(want["t"])+`}`), &at) == nil && at.T != nil {
		micros, ok := ParseTimestamp([]byte(*at.T), nil)
		if ok != !out[4].IsNull(1) || ok && out[4].Int[1] != micros {
			t.Fatalf("t is %s, want that of %q", textOf(&out[4], 1), *at.T)
		}
	}
}

// TestScannersAgree changes purchase events in a few places each. What the learned scanner takes, the strict
// one has to take with the same spans; what the strict one takes, encoding/json has to find good.
func TestScannersAgree(t *testing.T) {
	events := purchaseEvents(64, false, false)
	compact := purchaseEvents(64, true, true)
	d := NewJSON(purchaseTargets(), Options{})
	fast, strict := make([]span, len(d.fields)), make([]span, len(d.fields))
	r := rand.New(rand.NewPCG(3, 4))
	taken, good := 0, 0
	const rounds = 60000
	for range rounds {
		from := events
		if r.IntN(4) == 0 {
			from = compact
		}
		rec := mutate(r, from.At(r.IntN(64)), from.At(r.IntN(64)))
		// another record follows, so that running over the end meets good text
		data := append(append(bytes.Clone(rec), from.At(0)...), make([]byte, padding)...)
		clear(fast)
		clear(strict)
		ok := d.scanLearned(data, 0, len(rec), fast)
		st := d.scanRecord(rec, 0, strict)
		if (st.Reason == OK) != isObject(rec) {
			t.Fatalf("strict scanner says %v of %q", st, rec)
		}
		if ok {
			taken++
			for i := range fast {
				s := &fast[i]
				if text := data[s.start:s.end]; s.whole > 0 {
					if want, err := strconv.ParseFloat(string(text), 64); err != nil || shortDouble(data, s) != want {
						t.Fatalf("learned scanner of %q: %s is %v", rec, text, shortDouble(data, s))
					}
				}
				s.whole = 0 // which the strict scanner does not tell
			}
			if st.Reason != OK || !reflect.DeepEqual(fast, strict) {
				t.Fatalf("learned scanner takes %q\nspans  %v\nstrict %v %v", rec, fast, st, strict)
			}
		}
		if st.Reason == OK {
			good++
		}
	}
	if good < rounds/10 || good > rounds*9/10 || taken < good*9/10 {
		t.Errorf("of %d records %d are good and %d taken: the changes are too wild or too tame", rounds, good, taken)
	}
}

// mutate returns a copy of a record with up to three changes.
func mutate(r *rand.Rand, rec, other []byte) []byte {
	const bytesOfInterest = "\"\\{}[]:, \t\n\r-+.eE0123456789utfn/\x00\x1f\x7f\x80\xe3\x81\x82\xed\xa0\xff"
	rec = bytes.Clone(rec)
	for range r.IntN(4) {
		i := r.IntN(len(rec))
		c := bytesOfInterest[r.IntN(len(bytesOfInterest))]
		switch r.IntN(6) {
		case 0:
			rec[i] = c
		case 1:
			rec = append(rec[:i], append([]byte{c}, rec[i:]...)...)
		case 2:
			rec = append(rec[:i], rec[min(i+1+r.IntN(4), len(rec)):]...)
		case 3: // a whole member goes, or moves to the end
			a, b := bytes.IndexByte(rec[i:], ','), bytes.LastIndexByte(rec, ',')
			if a >= 0 && i+a < b {
				member := bytes.Clone(rec[i+a : b])
				rec = append(rec[:i+a], rec[b:]...)
				if r.IntN(2) == 0 {
					rec = append(append(rec[:len(rec)-1], member...), '}')
				}
			}
		case 4: // a value of another kind
			if a := bytes.IndexByte(rec[i:], ':'); a >= 0 {
				words := []string{"null", "true", "-1.5e3", "0", "[1, {}]", `{"category": "x"}`, `"\u00e9\n"`, `"あ"`, "1e5", "12345678.5", `"2026-01-01"`, "01", "1."}
				if b := bytes.IndexByte(rec[i+a:], ','); b >= 0 {
					rec = append(rec[:i+a+1], append([]byte(words[r.IntN(len(words))]), rec[i+a+b:]...)...)
				}
			}
		default:
			rec = append(rec[:i], other[min(r.IntN(len(other)), len(other)-1):]...)
		}
		if len(rec) == 0 {
			return []byte("{}")
		}
	}
	return rec
}
