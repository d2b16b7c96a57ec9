package generator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
)

var start = time.Date(2026, 2, 3, 9, 0, 0, 0, time.UTC)

func newGenerator(t testing.TB, cfg Config) *Generator {
	t.Helper()
	if cfg.Start.IsZero() {
		cfg.Start = start
	}
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

type purchase struct {
	EventID        string      `json:"event_id"`
	Timestamp      string      `json:"timestamp"`
	UserID         string      `json:"user_id"`
	UserSegment    string      `json:"user_segment"`
	ProductID      int         `json:"product_id"`
	ProductName    string      `json:"product_name"`
	Category       string      `json:"category"`
	Quantity       int         `json:"quantity"`
	UnitPrice      int         `json:"unit_price"`
	BaseAmount     int         `json:"base_amount"`
	DiscountRate   json.Number `json:"discount_rate"`
	DiscountAmount json.Number `json:"discount_amount"`
	FinalAmount    json.Number `json:"final_amount"`
	Region         string      `json:"region"`
	Device         string      `json:"device"`
	PaymentMethod  string      `json:"payment_method"`
}

const (
	goldenEvent0 = `{"event_id": "evt_1770109200_0000", "timestamp": "2026-02-03T09:00:00+00:00", "user_id": "user_2559", "user_segment": "regular", "product_id": 7, "product_name": "\u30b0\u30ea\u30fc\u30f3\u30c6\u30a3\u30fc", "category": "food", "quantity": 2, "unit_price": 980, "base_amount": 1960, "discount_rate": 0.029, "discount_amount": 56.94, "final_amount": 1903.06, "region": "Nagoya", "device": "tablet", "payment_method": "bank_transfer"}`
	goldenEvent1 = `{"event_id": "evt_1770109200_0001", "timestamp": "2026-02-03T09:00:00.400000+00:00", "user_id": "user_4322", "user_segment": "premium", "product_id": 6, "product_name": "\u30d8\u30c3\u30c9\u30d5\u30a9\u30f3", "category": "electronics", "quantity": 1, "unit_price": 15800, "base_amount": 15800, "discount_rate": 0.065, "discount_amount": 1031.57, "final_amount": 14768.43, "region": "Osaka", "device": "mobile", "payment_method": "digital_wallet"}`
	optionCounts = "map[ordinary:18197 anomaly:20 late:429 bad:608 duplicate:746] 746 608 429 20"
)

// TestTextForm pins the bytes of events: the fields in the tutorial's order, as json.dumps writes them.
func TestTextForm(t *testing.T) {
	g := newGenerator(t, Config{Seed: 1, Rate: 2.5})
	var text []string
	for i := range int64(4) {
		text = append(text, string(g.Event(i, nil).Value))
	}
	for i, head := range []string{
		`{"event_id": "evt_1770109200_0000", "timestamp": "2026-02-03T09:00:00+00:00", "user_id": "user_`,
		`{"event_id": "evt_1770109200_0001", "timestamp": "2026-02-03T09:00:00.400000+00:00", "user_id": "user_`,
		`{"event_id": "evt_1770109200_0002", "timestamp": "2026-02-03T09:00:00.800000+00:00", "user_id": "user_`,
		`{"event_id": "evt_1770109201_0000", "timestamp": "2026-02-03T09:00:01.200000+00:00", "user_id": "user_`,
	} {
		if !strings.HasPrefix(text[i], head) {
			t.Errorf("event %d is\n%s\nwant it to start\n%s", i, text[i], head)
		}
	}
	for i, want := range []string{goldenEvent0, goldenEvent1} {
		if text[i] != want {
			t.Errorf("event %d is\n%s\nwant\n%s", i, text[i], want)
		}
	}
}

// pythonEvent was written by the tutorial's rules with Python's json.dumps.
const pythonEvent = `{"event_id": "evt_1770109200_1395", "timestamp": "2026-02-03T09:00:00.014170+00:00", "user_id": "user_6862", "user_segment": "premium", "product_id": 5, "product_name": "\u30b9\u30de\u30fc\u30c8\u30d5\u30a9\u30f3", "category": "electronics", "quantity": 5, "unit_price": 78900, "base_amount": 394500, "discount_rate": 0.112, "discount_amount": 44239.07, "final_amount": 350260.93, "region": "Fukuoka", "device": "mobile", "payment_method": "credit_card"}`

var member = regexp.MustCompile(`"([a-z_]+)": ("[ -~]*?"|[0-9]+\.[0-9]+|[0-9]+)(?:, |}$)`)

// shape is the names of an event with the kind of each value; it fails where the text has a byte
// that belongs to none of them.
func shape(t *testing.T, text string) string {
	t.Helper()
	var out []string
	size := len("{")
	for _, m := range member.FindAllStringSubmatch(text, -1) {
		size += len(m[0])
		kind := "int"
		if strings.HasPrefix(m[2], `"`) {
			kind = "string"
		} else if strings.Contains(m[2], ".") {
			kind = "float"
			f, err := strconv.ParseFloat(m[2], 64)
			if err != nil || strings.TrimSuffix(m[2], ".0") != strconv.FormatFloat(f, 'f', -1, 64) {
				t.Errorf("%s of %s is not how Python prints it", m[2], m[1])
			}
		}
		out = append(out, m[1]+" "+kind)
	}
	if text[0] != '{' || size != len(text) {
		t.Errorf("text has bytes that are not of its members: %s", text)
	}
	return strings.Join(out, ", ")
}

// TestAgainstTutorial compares the form of the text with an event that Python made: the same names,
// order, blanks, escapes and forms of numbers.
func TestAgainstTutorial(t *testing.T) {
	want := shape(t, pythonEvent)
	g := newGenerator(t, Config{Seed: 9, Rate: 100})
	for i := range int64(2000) {
		if got := shape(t, string(g.Event(i, nil).Value)); got != want {
			t.Fatalf("event %d has the form\n%s\nwant\n%s", i, got, want)
		}
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	cfg := Config{Seed: 7, Rate: 1000, Disorder: 8 * time.Second, Late: 0.02, Bad: 0.03, Duplicates: 0.04, AnomalyEvery: 300, SilentPartition: 1, SilentFrom: 5000}
	a, b := newGenerator(t, cfg), newGenerator(t, cfg)
	other := cfg
	other.Seed++
	c := newGenerator(t, other)
	const n = 10_000
	texts := make([]string, n)
	for i := range int64(n) {
		e := a.Event(i, nil)
		texts[i] = fmt.Sprint(string(e.Key), e.Partition, e.Due, e.Kind, string(e.Value))
	}
	same := 0
	for i := int64(n) - 1; i >= 0; i-- { // in another order, so that nothing hangs on what came before
		e := b.Event(i, nil)
		if got := fmt.Sprint(string(e.Key), e.Partition, e.Due, e.Kind, string(e.Value)); got != texts[i] {
			t.Fatalf("event %d differs between two generators:\n%s\n%s", i, texts[i], got)
		}
		o := c.Event(i, nil)
		if fmt.Sprint(string(o.Key), o.Partition, o.Due, o.Kind, string(o.Value)) == texts[i] {
			same++
		}
	}
	if same > 0 {
		t.Errorf("%d events of another seed are equal", same)
	}
}

func TestIDsAreUnique(t *testing.T) {
	for _, rate := range []float64{10, 2000, 25_000, 1.0 / 3} {
		g := newGenerator(t, Config{Rate: rate, Start: start.Add(123_457 * time.Microsecond)})
		seen := make(map[string]struct{}, 1_000_000)
		n := 1_000_000
		if rate < 100 || testing.Short() {
			n = 100_000
		}
		var buf []byte
		for i := range int64(n) {
			e := g.Event(i, buf[:0])
			buf = e.Value
			id := e.Value[len(`{"event_id": "`):bytes.IndexByte(e.Value, ',')]
			seen[string(id)] = struct{}{}
		}
		if len(seen) != n {
			t.Errorf("at %v events a second %d of %d ids are different", rate, len(seen), n)
		}
	}
}

// TestDistribution checks the tutorial's rules for each segment over many events.
func TestDistribution(t *testing.T) {
	type bounds struct {
		quantity   int
		rate0, rat float64
	}
	rules := map[string]bounds{"premium": {5, 0.05, 0.15}, "regular": {3, 0, 0.10}, "new": {1, 0.10, 0.20}}
	counts := map[string]map[string]int{}
	count := func(what, value string) {
		if counts[what] == nil {
			counts[what] = map[string]int{}
		}
		counts[what][value]++
	}
	g := newGenerator(t, Config{Seed: 3, Rate: 2000})
	const n = 60_000
	lowest, highest := map[string]float64{}, map[string]float64{}
	for i := range int64(n) {
		var p purchase
		if err := json.Unmarshal(g.Event(i, nil).Value, &p); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		r := rules[p.UserSegment]
		rate, _ := p.DiscountRate.Float64()
		discount, _ := p.DiscountAmount.Float64()
		final, _ := p.FinalAmount.Float64()
		if p.Quantity < 1 || p.Quantity > r.quantity || rate < r.rate0 || rate > r.rat {
			t.Fatalf("event %d of segment %s has quantity %d, rate %v: want 1 to %d, %v to %v", i, p.UserSegment, p.Quantity, rate, r.quantity, r.rate0, r.rat)
		}
		if p.BaseAmount != p.UnitPrice*p.Quantity || math.Abs(discount+final-float64(p.BaseAmount)) > 1e-6 ||
			math.Abs(discount-float64(p.BaseAmount)*rate) > float64(p.BaseAmount)*0.0005+0.005 {
			t.Fatalf("event %d does not add up: %+v", i, p)
		}
		if low, ok := lowest[p.UserSegment]; !ok || rate < low {
			lowest[p.UserSegment] = rate
		}
		highest[p.UserSegment] = max(highest[p.UserSegment], rate)
		count("segment", p.UserSegment)
		count("quantity of "+p.UserSegment, strconv.Itoa(p.Quantity))
		count("product", p.ProductName+p.Category+strconv.Itoa(p.UnitPrice)+strconv.Itoa(p.ProductID))
		count("region", p.Region)
		count("device", p.Device)
		count("payment", p.PaymentMethod)
		count("user", p.UserID)
	}
	for what, kinds := range map[string]int{"segment": 3, "quantity of premium": 5, "quantity of regular": 3, "quantity of new": 1, "product": 8, "region": 5, "device": 3, "payment": 3} {
		all := 0
		for _, c := range counts[what] {
			all += c
		}
		if len(counts[what]) != kinds {
			t.Errorf("%s has %d values %v: want %d", what, len(counts[what]), counts[what], kinds)
		}
		for v, c := range counts[what] {
			if want := float64(all) / float64(kinds); math.Abs(float64(c)-want) > 5*math.Sqrt(want) {
				t.Errorf("%s %s came %d times: want about %.0f", what, v, c, want)
			}
		}
	}
	if len(counts["user"]) < 9900 || counts["user"]["user_0"] > 0 || counts["user"]["user_10001"] > 0 || counts["user"]["user_1"] == 0 || counts["user"]["user_10000"] == 0 {
		t.Errorf("%d users bought: want nearly all of user_1 to user_10000", len(counts["user"]))
	}
	for s, r := range rules {
		if math.Abs(lowest[s]-r.rate0) > 0.001 || math.Abs(highest[s]-r.rat) > 0.001 {
			t.Errorf("rates of %s run from %v to %v: want %v to %v", s, lowest[s], highest[s], r.rate0, r.rat)
		}
	}
}

// TestOptions counts what each option does. The numbers belong to the seed: a change of them is a
// change of everybody's data.
func TestOptions(t *testing.T) {
	const n = 20_000
	cfg := Config{Seed: 11, Rate: 500, Disorder: 8 * time.Second, Late: 0.02, Bad: 0.03, Duplicates: 0.04, AnomalyEvery: 1000, AnomalyFrom: 50}
	g := newGenerator(t, cfg)
	kinds := map[Kind]int{}
	seen := map[string]int64{}
	repeated, unusable, late, planted, moved := 0, 0, 0, 0, 0
	for i := range int64(n) {
		e := g.Event(i, nil)
		kinds[e.Kind]++
		if g.Kind(i) != e.Kind || e.Partition != record.PartitionOf(e.Key, 3) {
			t.Fatalf("event %d is %v in partition %d, key %s", i, e.Kind, e.Partition, e.Key)
		}
		if at, ok := seen[string(e.Value)]; ok && e.Kind != Bad {
			repeated++
			if e.Kind != Duplicate || i-at > duplicateFar {
				t.Fatalf("event %d (%v) repeats event %d", i, e.Kind, at)
			}
		}
		seen[string(e.Value)] = i
		var p purchase
		err := json.Unmarshal(e.Value, &p)
		when, timeErr := time.Parse("2006-01-02T15:04:05.999999-07:00", p.Timestamp)
		if err != nil || timeErr != nil || bytes.IndexByte(e.Value, 0xe9) >= 0 {
			unusable++
			if e.Kind != Bad {
				t.Fatalf("event %d (%v) is unusable: %s", i, e.Kind, e.Value)
			}
			continue
		}
		if e.Kind == Bad {
			t.Fatalf("event %d is bad and reads well: %s", i, e.Value)
		}
		if string(e.Key) != p.UserID {
			t.Fatalf("event %d has key %s, user %s", i, e.Key, p.UserID)
		}
		behind := e.Due - when.UnixMicro()
		switch {
		case behind == DefaultLateBy.Microseconds():
			late++
		case e.Kind != Duplicate && (behind < 0 || behind >= cfg.Disorder.Microseconds()):
			t.Fatalf("event %d (%v) is %d us behind", i, e.Kind, behind)
		case behind > 0:
			moved++
		}
		if p.UnitPrice == 898000 && e.Kind != Duplicate {
			planted++
			if p.BaseAmount != 5*898000 || (i-50)%1000 != 0 {
				t.Fatalf("event %d is planted: %+v", i, p)
			}
		}
	}
	got := fmt.Sprint(kinds, repeated, unusable, late, planted)
	if got != optionCounts {
		t.Errorf("kinds, repeated, unusable, late, planted are\n%s\nwant\n%s", got, optionCounts)
	}
	if moved < n*9/10*9/10 {
		t.Errorf("%d events are out of order: want nearly all", moved)
	}
	if repeated != kinds[Duplicate] || unusable != kinds[Bad] || planted != kinds[Anomaly] {
		t.Errorf("kinds %v do not agree with %d repeated, %d unusable, %d planted", kinds, repeated, unusable, planted)
	}
}

// TestOptionsLeaveTheRest checks that an odd event changes no other one.
func TestOptionsLeaveTheRest(t *testing.T) {
	plain := newGenerator(t, Config{Seed: 5, Rate: 100})
	odd := newGenerator(t, Config{Seed: 5, Rate: 100, Bad: 0.1, Late: 0.1, Duplicates: 0.1})
	for i := range int64(5000) {
		if e := odd.Event(i, nil); e.Kind == Ordinary {
			value := string(e.Value)
			if want := plain.Event(i, nil); value != string(want.Value) {
				t.Fatalf("event %d is\n%s\nwant\n%s", i, value, want.Value)
			}
		}
	}
}

func TestSilentPartition(t *testing.T) {
	g := newGenerator(t, Config{Rate: 100, SilentPartition: 2, SilentFrom: 1000, Duplicates: 0.2})
	var before, after [3]int
	for i := range int64(4000) {
		if p := g.Event(i, nil).Partition; i < 1000 {
			before[p]++
		} else {
			after[p]++
		}
	}
	if before[2] < 200 || after[2] != 0 || after[0]+after[1] != 3000 {
		t.Errorf("partitions got %v before and %v after", before, after)
	}
}

func TestValidate(t *testing.T) {
	good := Config{Start: start}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		spoil func(*Config)
		want  string
	}{
		{func(c *Config) { c.Start = time.Time{} }, "start"},
		{func(c *Config) { c.Rate = -1 }, "rate is -1"},
		{func(c *Config) { c.Rate = math.NaN() }, "rate is NaN"},
		{func(c *Config) { c.Rate = 1e12 }, "rate is 1e+12"},
		{func(c *Config) { c.Users = -3 }, "users is -3"},
		{func(c *Config) { c.Partitions = -1 }, "partitions is -1"},
		{func(c *Config) { c.Late = 1.5 }, "late events is 1.5"},
		{func(c *Config) { c.Bad, c.Duplicates = 0.6, 0.6 }, "add up to 1.2"},
		{func(c *Config) { c.Count = -1 }, "count -1"},
		{func(c *Config) { c.Disorder = -time.Second }, "disorder -1s"},
		{func(c *Config) { c.SilentPartition, c.SilentFrom = 3, 1 }, "partitions 0 to 2"},
		{func(c *Config) { c.Partitions, c.SilentFrom = 1, 1 }, "silent partition 0 with 1"},
	} {
		cfg := good
		c.spoil(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v gives %v: want %q", cfg, err, c.want)
		}
	}
	text, err := json.Marshal(Config{Seed: 1 << 63, Start: start, Rate: 2.5, Disorder: time.Second})
	var back Config
	if err != nil || json.Unmarshal(text, &back) != nil || !reflect.DeepEqual(back, Config{Seed: 1 << 63, Start: start, Rate: 2.5, Disorder: time.Second}) {
		t.Errorf("configuration came back as %+v from %s", back, text)
	}
}

func TestSchedule(t *testing.T) {
	for _, rate := range []float64{0.1, 1.0 / 3, 1, 7, 10, 999.9, 2000, 1e6, 1e7} {
		s := schedule{start: start.UnixMicro() + 17, rate: rate, second: -1}
		last := int64(math.MinInt64)
		for k := range int64(20_000) {
			i := k * k / 7
			due := s.due(i)
			if due < last {
				t.Fatalf("at rate %v event %d is due at %d, an earlier one at %d", rate, i, due, last)
			}
			last = due
			if n := s.before(due); n <= i || s.due(n-1) > due || s.due(n) <= due {
				t.Fatalf("at rate %v %d events are due at %d, among them number %d", rate, n, due, i)
			}
			if n := s.before(due - 1); n > i {
				t.Fatalf("at rate %v %d events are due before %d, which is when number %d is", rate, n, due, i)
			}
			if sec, number := s.numberIn(i, due); sec != due/1e6 || number < 0 || number > i || (number > 0 && s.due(i-number) < sec*1e6) {
				t.Fatalf("at rate %v event %d is number %d in second %d", rate, i, number, sec)
			}
		}
	}
	s := schedule{start: 1000, rate: 10}
	if s.before(999) != 0 || s.before(1000) != 1 || s.before(100_999) != 1 || s.before(101_000) != 2 {
		t.Error("the first events are not due when they should be")
	}
}

func TestCivil(t *testing.T) {
	for day := int64(-719_000); day < 2_900_000; day += 97 {
		d := time.Unix(day*86_400+86_399, 0).UTC()
		if got, want := string(appendSecond(nil, day*86_400+86_399)), d.Format("2006-01-02T15:04:05"); got != want {
			t.Fatalf("day %d is %s: want %s", day, got, want)
		}
	}
}

func TestWriteNDJSON(t *testing.T) {
	var out bytes.Buffer
	const n = 30_000
	if err := WriteNDJSON(&out, n); err != nil {
		t.Fatal(err)
	}
	size := out.Len()
	lines, ids := 0, map[string]bool{}
	for sc := bufio.NewScanner(&out); sc.Scan(); lines++ {
		var p purchase
		if err := json.Unmarshal(sc.Bytes(), &p); err != nil {
			t.Fatalf("line %d: %v", lines, err)
		}
		when, err := time.Parse("2006-01-02T15:04:05.000000-07:00", p.Timestamp)
		if want := time.Unix(benchStart, 0).Add(time.Duration(lines) * time.Second / 2000); err != nil || !when.Equal(want) {
			t.Fatalf("line %d is of %s: want %v", lines, p.Timestamp, want.UTC())
		}
		if places(p.DiscountRate) != 3 || places(p.DiscountAmount) != 2 || places(p.FinalAmount) != 2 {
			t.Fatalf("line %d has other places: %+v", lines, p)
		}
		ids[p.EventID] = true
	}
	if lines != n || len(ids) != n {
		t.Errorf("%d lines with %d ids: want %d", lines, len(ids), n)
	}
	if mean := size / n; mean < 430 || mean > 450 {
		t.Errorf("a line has %d bytes: want about 442", mean)
	}
}

func places(n json.Number) int {
	_, after, _ := strings.Cut(n.String(), ".")
	return len(after)
}

func TestEventDoesNotAllocate(t *testing.T) {
	g := newGenerator(t, Config{Rate: 2000, Disorder: time.Second, Late: 0.1, Bad: 0.1, Duplicates: 0.1, AnomalyEvery: 10})
	buf, i := make([]byte, 0, 4096), int64(0)
	for ; i < 1000; i++ {
		buf = g.Event(i, buf[:0]).Value
	}
	if a := testing.AllocsPerRun(2000, func() { buf = g.Event(i, buf[:0]).Value; i++ }); a != 0 {
		t.Errorf("an event allocates %v times", a)
	}
}

func BenchmarkEvent(b *testing.B) {
	g := newGenerator(b, Config{Rate: 2000})
	buf, i := make([]byte, 0, 4096), int64(0)
	for b.Loop() {
		buf = g.Event(i, buf[:0]).Value
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mevents/s")
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func BenchmarkWriteNDJSON(b *testing.B) {
	const n = 100_000
	for b.Loop() {
		if err := WriteNDJSON(discard{}, n); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds()/1e6, "Mevents/s")
}
