package codec

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
)

// purchaseEvents returns n purchase events in the text form of Python's json.dumps, 2,000 a second of
// event time. compact leaves the blanks out; raw writes the product names without escapes.
func purchaseEvents(n int, compact, raw bool) *column.Bytes {
	products := []struct {
		escaped, raw, category string
		price                  int
	}{
		{`\u30ce\u30fc\u30c8PC`, "ノートPC", "electronics", 89800},
		{`\u30ef\u30a4\u30e4\u30ec\u30b9\u30de\u30a6\u30b9`, "ワイヤレスマウス", "electronics", 2980},
		{`\u30b3\u30fc\u30d2\u30fc\u8c46`, "コーヒー豆", "food", 1200},
		{`\u30d3\u30b8\u30cd\u30b9\u66f8`, "ビジネス書", "books", 1680},
		{`\u30b9\u30de\u30fc\u30c8\u30d5\u30a9\u30f3`, "スマートフォン", "electronics", 78900},
		{`\u30d8\u30c3\u30c9\u30d5\u30a9\u30f3`, "ヘッドフォン", "electronics", 15800},
		{`\u30b0\u30ea\u30fc\u30f3\u30c6\u30a3\u30fc`, "グリーンティー", "food", 980},
		{`\u30d7\u30ed\u30b0\u30e9\u30df\u30f3\u30b0\u672c`, "プログラミング本", "books", 3200},
	}
	pick := func(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }
	form := `{"event_id": "evt_%d_%d", "timestamp": "%s", "user_id": "user_%d", "user_segment": "%s", "product_id": %d, ` +
		`"product_name": "%s", "category": "%s", "quantity": %d, "unit_price": %d, "base_amount": %d, "discount_rate": %.3f, ` +
		`"discount_amount": %.2f, "final_amount": %.2f, "region": "%s", "device": "%s", "payment_method": "%s"}`
	if compact {
		short := make([]byte, 0, len(form))
		for i := range len(form) {
			if form[i] != ' ' {
				short = append(short, form[i])
			}
		}
		form = string(short)
	}
	r := rand.New(rand.NewPCG(1, 2))
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var values column.Bytes
	for i := range n {
		p := r.IntN(len(products))
		segment := pick(r, "premium", "regular", "new")
		quantity, rate := 1, 0.1+r.Float64()*0.1
		switch segment {
		case "premium":
			quantity, rate = 1+r.IntN(5), 0.05+r.Float64()*0.1
		case "regular":
			quantity, rate = 1+r.IntN(3), r.Float64()*0.1
		}
		base := products[p].price * quantity
		discount := float64(base) * rate
		at := start.Add(time.Duration(i) * 500 * time.Microsecond)
		name := products[p].escaped
		if raw {
			name = products[p].raw
		}
		values.Data = fmt.Appendf(values.Data, form, at.Unix(), i, at.Format("2006-01-02T15:04:05.000000-07:00"), 1+r.IntN(10000), segment, p+1,
			name, products[p].category, quantity, products[p].price, base, rate, discount, float64(base)-discount,
			pick(r, "Tokyo", "Osaka", "Nagoya", "Fukuoka", "Sapporo"), pick(r, "web", "mobile", "tablet"),
			pick(r, "credit_card", "bank_transfer", "digital_wallet"))
		values.Close()
	}
	return &values
}

// queryTargets are the fields that the tutorial's three queries need.
func queryTargets() []Target {
	str, dbl := column.Of(column.String), column.Of(column.Float64)
	return []Target{
		{Path: "event_id", Type: str},
		{Path: "timestamp", Type: column.Of(column.Timestamp), FromString: true},
		{Path: "user_id", Type: str}, {Path: "user_segment", Type: str}, {Path: "category", Type: str},
		{Path: "quantity", Type: column.Of(column.Int32)},
		{Path: "product_name", Type: str},
		{Path: "discount_rate", Type: dbl}, {Path: "final_amount", Type: dbl},
		{Path: "region", Type: str},
	}
}

// benchmarkDecode decodes 4,096 events in batches of 1,024 and reports the time of one event.
func benchmarkDecode(b *testing.B, ts []Target, values *column.Bytes) {
	const batch = 1024
	n := values.Len() / batch * batch
	d, out, status := NewJSON(ts, Options{}), vectorsOf(ts), make([]Status, batch)
	b.SetBytes(int64(values.Ends[n-1]))
	b.ReportAllocs()
	for b.Loop() {
		for from := 0; from < n; from += batch {
			for i := range out {
				out[i].Reset(ts[i].Type)
			}
			d.Decode(values, from, from+batch, out, status)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
}

func BenchmarkDecodePurchase(b *testing.B) {
	benchmarkDecode(b, queryTargets(), purchaseEvents(4096, false, false))
}

func BenchmarkDecodePurchaseCompact(b *testing.B) {
	benchmarkDecode(b, queryTargets(), purchaseEvents(4096, true, false))
}

func BenchmarkDecodePurchaseRaw(b *testing.B) {
	benchmarkDecode(b, queryTargets(), purchaseEvents(4096, false, true))
}

func BenchmarkDecodePurchaseAllFields(b *testing.B) {
	benchmarkDecode(b, purchaseTargets(), purchaseEvents(4096, false, false))
}

// Records that differ in shape: a field in five is missing, null or of another kind somewhere.
func BenchmarkDecodePurchaseVaried(b *testing.B) {
	events := purchaseEvents(4096, false, false)
	r := rand.New(rand.NewPCG(5, 6))
	var values column.Bytes
	for i := range events.Len() {
		rec := events.At(i)
		switch r.IntN(5) {
		case 0:
			rec = bytes.Replace(rec, []byte(`"product_name"`), []byte(`"note": null, "product_name"`), 1)
		case 1:
			rec = bytes.Replace(rec, []byte(`"quantity": `), []byte(`"quantity": -`), 1)
		case 2:
			at := bytes.Index(rec, []byte(`, "user_segment"`))
			rec = append(bytes.Clone(rec[:at]), rec[bytes.Index(rec, []byte(`, "product_id"`)):]...)
		}
		values.Append(rec)
	}
	benchmarkDecode(b, queryTargets(), &values)
}

// BenchmarkRowJSON writes decoded purchases as a row table keeps them.
func BenchmarkRowJSON(b *testing.B) {
	const batch = 4096
	targets, values := queryTargets(), purchaseEvents(batch, false, false)
	out := vectorsOf(targets)
	for i := range out {
		out[i].Reset(targets[i].Type)
	}
	NewJSON(targets, Options{}).Decode(values, 0, batch, out, make([]Status, batch))
	var fields []column.Field
	for i, t := range targets {
		fields = append(fields, column.Field{Name: t.Path, Type: t.Type})
		out[i].EnsureNull(batch)
	}
	w := NewRowJSON(fields, JSONFormat{Exact: true})
	var dst []byte
	for b.Loop() {
		dst = dst[:0]
		for i := range batch {
			dst = w.Append(dst, out, i)
		}
	}
	b.SetBytes(int64(len(dst)))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/row")
}
