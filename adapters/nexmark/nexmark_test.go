package nexmark

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

func newGenerator(t testing.TB, cfg Config) *Generator {
	t.Helper()
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

type event struct {
	Type   int `json:"event_type"`
	Person *struct {
		ID                                                 int64
		Name, EmailAddress, CreditCard, City, State, Extra string
		DateTime                                           time.Time
	}
	Auction *struct {
		ID, InitialBid, Reserve, Seller, Category int64
		ItemName, Description, Extra              string
		DateTime, Expires                         time.Time
	}
	Bid *struct {
		Auction, Bidder, Price int64
		Channel, URL, Extra    string
		DateTime               time.Time
	}
}

func (g *Generator) decode(t *testing.T, i int64) (e event) {
	t.Helper()
	text := g.Append(nil, i)
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		t.Fatalf("event %d: %v: %s", i, err, text)
	}
	return e
}

// TestProportions counts kinds and how hot the hot ones are, as Nexmark's own generator has them.
func TestProportions(t *testing.T) {
	g := newGenerator(t, Config{Seed: 7})
	const n = 50_000
	var kinds [3]int
	var hotAuctions, hotBidders, hotSellers, known, ahead int
	var logPrice float64
	size := [3]int{}
	people, auctions := int64(0), int64(0)
	for i := range int64(n) {
		e := g.decode(t, i)
		kinds[e.Type]++
		at := time.UnixMilli(g.Time(i)).UTC()
		switch Kind(e.Type) {
		case Person:
			people++
			if e.Person.ID != firstID+people-1 || !e.Person.DateTime.Equal(at) || len(e.Person.CreditCard) != 19 {
				t.Fatalf("person %d is %+v at %v", people, e.Person, at)
			}
			size[0] += 8 + len(e.Person.Name+e.Person.EmailAddress+e.Person.CreditCard+e.Person.City+e.Person.State+e.Person.Extra)
		case Auction:
			auctions++
			a := e.Auction
			if a.ID != firstID+auctions-1 || !a.DateTime.Equal(at) || a.Category < 10 || a.Category > 14 || a.Reserve <= a.InitialBid ||
				!a.Expires.After(at) || a.Expires.Sub(at) > 2*167*time.Millisecond {
				t.Fatalf("auction %d is %+v at %v", auctions, a, at)
			}
			if a.Seller%hotBatch == 0 {
				hotSellers++
			}
			size[1] += 48 + len(a.ItemName+a.Description+a.Extra)
		case Bid:
			b := e.Bid
			if b.Auction > firstID+auctions-1+lead || b.Auction < firstID+max(0, auctions-1-inFlight-hotBatch) || b.Bidder >= firstID+people+lead {
				t.Fatalf("event %d bids on %d by %d, of %d auctions and %d people", i, b.Auction, b.Bidder, auctions, people)
			}
			if b.Auction%hotBatch == 0 {
				hotAuctions++
			}
			if b.Auction > firstID+auctions-1 {
				ahead++
			}
			if b.Bidder%hotBatch == 1 {
				hotBidders++
			}
			if !strings.HasPrefix(b.Channel, "channel-") {
				known++
			}
			if strings.HasPrefix(b.Channel, "channel-") != (b.URL != g.hot[0] && b.URL != g.hot[1] && b.URL != g.hot[2] && b.URL != g.hot[3]) {
				t.Fatalf("channel %s has the URL %s", b.Channel, b.URL)
			}
			logPrice += math.Log10(float64(b.Price))
			size[2] += 32 + len(b.Extra)
		}
	}
	if kinds != [3]int{1000, 3000, 46000} {
		t.Errorf("%d events have the kinds %v", n, kinds)
	}
	for _, share := range []struct {
		what      string
		got, want float64
	}{
		// Who is not drawn as hot may be it by chance: one of some hundred.
		{"hot auctions of bids", float64(hotAuctions) / 46000, 0.5 + 0.5/111},
		{"bids on auctions to come", float64(ahead) / 46000, 0.5 * 10 / 111},
		{"hot bidders of bids", float64(hotBidders) / 46000, 0.75 + 0.25/100},
		{"hot sellers of auctions", float64(hotSellers) / 3000, 0.75 + 0.25/100},
		{"hot channels of bids", float64(known) / 46000, 0.5},
		{"mean of log10 of prices in dollars, of 6", (logPrice/46000 - 2) / 6, 0.5},
	} {
		if math.Abs(share.got-share.want) > 0.02 {
			t.Errorf("%s: %.3f, want %.3f", share.what, share.got, share.want)
		}
	}
	for kind, want := range []int{personBytes, auctionBytes, bidBytes} {
		if got := size[kind] / kinds[kind]; got < want*97/100 || got > want*103/100 {
			t.Errorf("events of kind %d have %d bytes, want %d", kind, got, want)
		}
	}
}

// TestText pins the bytes of an event of each kind.
func TestText(t *testing.T) {
	g := newGenerator(t, Config{Seed: 1})
	for i, want := range map[int64]string{
		0: `{"event_type":0,"person":{"id":1000,"name":"Kate Shultz","emailAddress":"aopdb@wuvz.com","creditCard":"1870 1664 3702 8526","city":"Portland","state":"CA","dateTime":"2026-01-01T00:00:00.000Z","extra":"wgshpxjpyweokqekccbeiewqjraovcduhagxbfxftohpekhpwmqlbbcxpovuyrdaagwotlfrzznbgbilqsgvijmlclaxbwkehwwnwvkeqjwzrizwylndbctgddjyltcaoxkugwyuaprvanonjysipdicp"}}`,
		1: `{"event_type":1,"auction":{"id":1000,"itemName":"vojjadjhtjyp coipj","description":"fzplwdro uouoq pycvhm","initialBid":8709926,"reserve":11019704,"dateTime":"2026-01-01T00:00:00.000Z","expires":"2026-01-01T00:00:00.095Z","seller":1001,"category":14,"extra":"euyyuvdzjonbpjidwoosknkgxxvcrcaswdfwqojiekwabexpgvyqnnknhsliuygzrmbdlijzwownyshwahzzwrjqrxshmxhblxsaxhdeichxmhwlscexokltbqusjbcjdglapzcnmimgmrungzzxvbyhexcufnqazoxadeyuhohcyudlvpkadrhccpkktxybpzuazetkqvtedevdhfvnwwopmhznluggldakzhzxadcbtemrkntmrjorsdvrnjylcpklnlzskqyxzgkhexwdukwwubmxfssxmvvbccugbixhffqlkhubyqqfsslyfnwwinofwetiomcqntwtqqophqdpjehxiioqhyeyid"}}`,
		4: `{"event_type":2,"bid":{"auction":1000,"bidder":1001,"price":9490,"channel":"channel-9768","url":"https://www.nexmark.com/yzt_/qio/zaa/item.htm?query=1&channel_id=342097920","dateTime":"2026-01-01T00:00:00.000Z","extra":"bwinymzsjupmdrrgxpfadeuipcqsofejiylhiadqzzhuevjejzqvzxktpspjrnuhbljffkzpbwpiq"}}`,
	} {
		g.Append(nil, 999) // what was made before changes nothing
		if got := string(g.Append(nil, i)); got != want {
			t.Errorf("event %d is\n%s\nwant\n%s", i, got, want)
		}
	}
}

// TestWriteNDJSON: each event is there once, and late by no more than was asked for.
func TestWriteNDJSON(t *testing.T) {
	const n = 20_000
	for _, c := range []struct {
		name       string
		cfg        Config
		behind     time.Duration // at most behind a later one
		from, upto int           // how many are behind
	}{
		{"as Nexmark", Config{Rate: 1000}, 3 * time.Second, n * 9 / 100, n * 11 / 100},
		{"in order", Config{Rate: 1000, Delayed: -1}, 0, 0, 0},
		{"groups", Config{Rate: 1000, Delayed: -1, Group: 100}, 100 * time.Millisecond, n / 2, n},
		{"long delays", Config{Rate: 1000, Delayed: 0.5, MaxDelay: 10 * time.Second}, 10 * time.Second, n * 48 / 100, n * 52 / 100},
	} {
		var file bytes.Buffer
		g := newGenerator(t, c.cfg)
		if err := g.WriteNDJSON(&file, n); err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		for line := range strings.Lines(file.String()) {
			seen[strings.TrimSuffix(line, "\n")]++
		}
		numberOf := map[string]int64{}
		for i := range int64(n) {
			text := string(g.Append(nil, i))
			if numberOf[text] = i; seen[text] != 1 {
				t.Fatalf("%s: event %d is there %d times", c.name, i, seen[text])
			}
		}
		newest, behind, most := int64(0), 0, int64(0)
		for line := range strings.Lines(file.String()) {
			at := g.Time(numberOf[strings.TrimSuffix(line, "\n")])
			if at < newest {
				behind++
				most = max(most, newest-at)
			}
			newest = max(newest, at)
		}
		if most > c.behind.Milliseconds() || most < c.behind.Milliseconds()*8/10 {
			t.Errorf("%s: the latest event is %d ms behind, want up to %v", c.name, most, c.behind)
		}
		if behind < c.from || behind > c.upto {
			t.Errorf("%s: %d of %d events are behind, want %d to %d", c.name, behind, n, c.from, c.upto)
		}
	}
}

// TestWriteRecords: the lines of WriteNDJSON, with their places in the log and times that never go back.
func TestWriteRecords(t *testing.T) {
	const n, partitions = 5_000, 3
	var lines, records bytes.Buffer
	g := newGenerator(t, Config{Rate: 1000})
	if err := g.WriteNDJSON(&lines, n); err != nil {
		t.Fatal(err)
	}
	if err := g.WriteRecords(&records, n, "t", partitions); err != nil {
		t.Fatal(err)
	}
	want, delayed, last := strings.Split(lines.String(), "\n"), 0, int64(0)
	count := 0
	for line := range strings.Lines(records.String()) {
		var r struct {
			Topic                 string
			Partition, Offset, TS int64
			Payload               json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.Topic != "t" || r.Partition != int64(count%partitions) || r.Offset != int64(count/partitions) || r.TS < last || string(r.Payload) != want[count] {
			t.Fatalf("record %d is %s, the line %s", count, line, want[count])
		}
		if !bytes.Contains(r.Payload, time.UnixMilli(r.TS).UTC().AppendFormat(nil, `"dateTime":"2006-01-02T15:04:05.000Z"`)) {
			delayed++
		}
		last = r.TS
		count++
	}
	if count != n || delayed < n*9/100 || delayed > n*11/100 {
		t.Errorf("%d of %d records are delayed", delayed, count)
	}
}

func TestValidate(t *testing.T) {
	for want, cfg := range map[string]Config{
		"rate 0.5": {Rate: 0.5}, "rate NaN": {Rate: math.NaN()}, "delayed 2": {Delayed: 2}, "longest delay 1µs": {MaxDelay: time.Microsecond}, "group of -1": {Group: -1},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
		}
	}
}
