package codec

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
)

const goldenDir = "../../testdata/golden"

var (
	purchaseStrings = []string{"event_id", "timestamp", "user_id", "user_segment", "product_name", "category", "region", "device", "payment_method"}
	purchaseInts    = []string{"product_id", "quantity"}
	purchaseDoubles = []string{"unit_price", "base_amount", "discount_rate", "discount_amount", "final_amount"}
)

// purchaseTargets are the 16 fields, and the timestamp once more as a TIMESTAMP.
func purchaseTargets() []Target {
	var ts []Target
	for _, f := range purchaseStrings {
		ts = append(ts, Target{Path: f, Type: column.Of(column.String)})
	}
	for _, f := range purchaseInts {
		ts = append(ts, Target{Path: f, Type: column.Of(column.Int32)})
	}
	for _, f := range purchaseDoubles {
		ts = append(ts, Target{Path: f, Type: column.Of(column.Float64)})
	}
	return append(ts, Target{Path: "timestamp", Type: column.Of(column.Timestamp), FromString: true})
}

func vectorsOf(ts []Target) []column.Vector {
	out := make([]column.Vector, len(ts))
	for i := range ts {
		out[i].Reset(ts[i].Type)
	}
	return out
}

// readGolden returns the values of a file of records, in the order of its lines.
func readGolden(t testing.TB, name string) *column.Bytes {
	t.Helper()
	f, err := os.Open(filepath.Join(goldenDir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var values column.Bytes
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var rec struct {
			Payload *string `json:"payload"`
			Base64  *[]byte `json:"payload_base64"`
		}
		if err := json.Unmarshal(lines.Bytes(), &rec); err != nil {
			t.Fatal(err)
		}
		switch {
		case rec.Base64 != nil:
			values.Append(*rec.Base64)
		case rec.Payload != nil:
			values.Append(append([]byte{}, *rec.Payload...))
		default:
			values.AppendNull()
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return &values
}

func decodeAll(ts []Target, values *column.Bytes) ([]column.Vector, []Status) {
	out := vectorsOf(ts)
	status := make([]Status, values.Len())
	NewJSON(ts, Options{}).Decode(values, 0, values.Len(), out, status)
	return out, status
}

func TestGoldenBad(t *testing.T) {
	values := readGolden(t, "bad.ndjson.gz")
	ts := purchaseTargets()
	out, status := decodeAll(ts, values)
	usable := &out[len(out)-1]

	f, err := os.Open(filepath.Join(goldenDir, "expected/bad.lines.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	odd := map[int]bool{}
	for _, l := range lines[1:] {
		n, _ := strconv.Atoi(l[0])
		odd[n] = true
		want := "ok"
		if l[4] == "invalid" {
			want = l[7]
		}
		got := status[n-1].Reason.String()
		switch {
		case status[n-1].Reason == TooDeep:
			got = "malformed"
		case status[n-1].Reason == OK && usable.IsNull(n-1):
			got = "no usable timestamp"
		}
		if got != want {
			t.Errorf("line %d, %s: %v (%s), want %s", n, l[3], status[n-1], got, want)
		}
	}
	for i := range status {
		if !odd[i+1] && (status[i].Reason != OK || usable.IsNull(i)) {
			t.Errorf("line %d: %v, want ok", i+1, status[i])
		}
	}
	compareDecoded(t, ts, out)
}

// compareDecoded compares the 16 fields with expected/bad.decoded.ndjson.
func compareDecoded(t *testing.T, ts []Target, out []column.Vector) {
	f, err := os.Open(filepath.Join(goldenDir, "expected/bad.decoded.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4<<20)
	rows := 0
	for lines.Scan() {
		var want struct {
			Line int
			Case string
			Row  map[string]any
		}
		dec := json.NewDecoder(strings.NewReader(lines.Text()))
		dec.UseNumber()
		if err := dec.Decode(&want); err != nil {
			t.Fatal(err)
		}
		rows++
		for c, target := range ts[:16] {
			v, i := &out[c], want.Line-1
			var got any
			switch {
			case v.IsNull(i):
			case v.Type.Kind == column.String:
				got = string(v.Bytes(i))
			case v.Type.Kind == column.Int32:
				got = json.Number(strconv.FormatInt(v.Int[i], 10))
			default:
				got = json.Number(strconv.FormatFloat(v.Float[i], 'g', -1, 64))
			}
			w := want.Row[target.Path]
			if target.Path == "timestamp" { // the answers have the instant, in one form
				at, err := time.Parse(time.RFC3339Nano, w.(string))
				if err != nil {
					t.Fatal(err)
				}
				got, w = out[16].Int[i], at.UnixMicro()
			}
			if n, ok := w.(json.Number); ok && v.Type.Kind == column.Float64 {
				x, err := n.Float64()
				if err != nil {
					t.Fatal(err)
				}
				w = json.Number(strconv.FormatFloat(x, 'g', -1, 64))
			}
			if got != w {
				t.Errorf("line %d, %s: %s = %v, want %v", want.Line, want.Case, target.Path, got, w)
			}
		}
	}
	if rows != 371 {
		t.Errorf("compared %d rows, want the 371 of 580 that are not invalid", rows)
	}
}

func TestGoldenCleanAndDisorderAreOK(t *testing.T) {
	for name, records := range map[string]int{"clean.ndjson.gz": 20000, "disorder.ndjson.gz": 12000} {
		out, status := decodeAll(purchaseTargets(), readGolden(t, name))
		if len(status) != records {
			t.Errorf("%s has %d records, want %d", name, len(status), records)
		}
		for i, s := range status {
			for c := range out {
				if s.Reason != OK || out[c].IsNull(i) {
					t.Fatalf("%s line %d: %v, column %d NULL %v", name, i+1, s, c, out[c].IsNull(i))
				}
			}
		}
	}
}
