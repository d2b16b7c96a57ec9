package codec

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/nagare-stream/nagare/engine/column"
)

func TestRowJSON(t *testing.T) {
	fields := []column.Field{{Name: "a", Type: column.Of(column.Int64)}, {Name: `q"uoted`, Type: column.Of(column.String)}, {Name: "v", Type: column.Type{}}}
	row := column.Vector{Type: column.StructOf(fields...), Kids: make([]column.Vector, 3)}
	for i, f := range fields {
		row.Kids[i].Reset(f.Type)
	}
	for i := range 3 {
		row.Kids[0].AppendInt(int64(i))
		if i == 1 {
			row.Kids[1].AppendNull()
		} else {
			row.Kids[1].AppendString("x\n")
		}
	}
	row.Kids[1].EnsureNull(3)
	for _, f := range []JSONFormat{{}, {KeepNulls: true}, {Exact: true}} {
		w := NewRowJSON(fields, f)
		for i := range 3 {
			got, want := string(w.Append(nil, row.Kids, i)), string(AppendJSON(nil, &row, i, f))
			if got != want {
				t.Errorf("row %d, %+v: %s, want %s", i, f, got, want)
			}
		}
	}
}

// TestRowJSONTimes writes times of the same and of other minutes, of all years.
func TestRowJSONTimes(t *testing.T) {
	fields := []column.Field{{Name: "at", Type: column.Of(column.Timestamp)}}
	w := NewRowJSON(fields, JSONFormat{Exact: true})
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 20_000 {
		at := r.Int64N(600*MicrosPerSecond) - 300*MicrosPerSecond
		if i%10 == 0 {
			at = r.Int64N(20_000*365*MicrosPerDay) - 5000*365*MicrosPerDay
		}
		if i%3 == 0 {
			at -= at % MicrosPerSecond
		}
		cols := []column.Vector{{Type: fields[0].Type}}
		cols[0].AppendInt(at)
		if got, want := string(w.Append(nil, cols, 0)), `{"at":"`+string(AppendISO(nil, at))+`"}`; got != want {
			t.Fatalf("%d: %s, want %s", at, got, want)
		}
	}
}

// TestHundredths compares numbers of few decimals, and their neighbours, with the text of strconv.
func TestHundredths(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	quick := 0
	for range 200_000 {
		v := math.Round(r.NormFloat64()*math.Pow(10, float64(r.IntN(16)))) / math.Pow(10, float64(r.IntN(4)))
		for _, v := range []float64{v, math.Nextafter(v, 1e300), -v} {
			got, ok := appendHundredths(nil, v, 64)
			if want := strconv.FormatFloat(v, 'f', -1, 64); ok && string(got) != want {
				t.Fatalf("%s, want %s", got, want)
			}
			if ok {
				quick++
			}
		}
	}
	if quick < 100_000 {
		t.Errorf("%d numbers were of hundredths", quick)
	}
}

// TestScanText compares with a look at each byte.
func TestScanText(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200_000 {
		text := make([]byte, r.IntN(20))
		escapes, ascii := false, true
		for i := range text {
			if text[i] = byte('a' + i%26); r.IntN(20) == 0 {
				text[i] = byte(r.IntN(256))
			}
			escapes = escapes || text[i] < ' ' || text[i] == '"' || text[i] == '\\'
			ascii = ascii && text[i] < 0x80
		}
		if e, a := scanText(text, '\\'); e != escapes || a != ascii {
			t.Fatalf("%q: escapes %v, ASCII %v", text, e, a)
		}
	}
}

// TestRecentTexts reads strings that come again, and others that fall into the same places, begin alike or
// go on where another one ends.
func TestRecentTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	parts := []string{`\u30ef`, `\u30a4`, `\n`, `\\`, "a", `\ud83d\ude00`, "bcdefgh", `\"`}
	var recent recentTexts
	found := 0
	for range 100_000 {
		var b []byte
		for range 1 + r.IntN(4) {
			b = append(b, parts[r.IntN(len(parts))]...)
		}
		data := append(append([]byte(nil), b...), `", "next": "`...)
		end := len(data) - r.IntN(14)
		data = append(data, make([]byte, padding)...)
		if stop := recent.find(data, 0, end); stop >= 0 {
			if found++; stop != len(b) {
				t.Fatalf("%s: ends at %d, want %d", b, stop, len(b))
			}
		} else if r.IntN(2) == 0 {
			recent.note(b)
		}
		if got, want := string(recent.appendUnescaped([]byte("x"), b)), string(appendUnescaped([]byte("x"), b)); got != want {
			t.Fatalf("%s: %q, want %q", b, got, want)
		}
	}
	if found < 1000 {
		t.Errorf("%d strings were known", found)
	}
}
