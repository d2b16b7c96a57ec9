package nexmark

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

var (
	hotChannels = [...]string{"Google", "Facebook", "Baidu", "Apple"}
	states      = strings.Split("AZ,CA,ID,OR,WA,WY", ",")
	cities      = strings.Split("Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne", ",")
	firstNames  = strings.Split("Peter,Paul,Luke,John,Saul,Vicky,Kate,Julie,Sarah,Deiter,Walter", ",")
	lastNames   = strings.Split("Shultz,Abrams,Spencer,White,Bartels,Walton,Smith,Jones,Noris", ",")
)

const (
	poolSize   = 1 << 18
	leastChars = 3 // of a text
)

// fillTables draws what all events share.
func (g *Generator) fillTables() {
	g.seq.Seed(g.cfg.Seed^tables, 0)
	pool := make([]byte, poolSize)
	for i := range pool {
		pool[i] = byte('a' + g.rnd.IntN(26))
	}
	g.pool = string(pool)
	for i := range g.hot {
		g.hot[i] = g.url()
	}
	for i := range g.urls {
		g.names[i], g.urls[i] = "channel-"+strconv.Itoa(i), g.url()
		if g.rnd.IntN(10) > 0 {
			id := int64(int32(bits.Reverse32(uint32(i))))
			g.urls[i] += "&channel_id=" + strconv.FormatInt(max(id, -id), 10)
		}
	}
}

func (g *Generator) url() string {
	part := func() string { return string(g.text(nil, 5, '_')) }
	return "https://www.nexmark.com/" + part() + "/" + part() + "/" + part() + "/item.htm?query=1"
}

// text appends 3 to less than most letters, some of which are special instead; blanks at the ends are left out.
func (g *Generator) text(dst []byte, most int, special byte) []byte {
	from := len(dst)
	for range leastChars + g.rnd.IntN(most-leastChars) {
		c := byte('a' + g.rnd.IntN(26))
		if g.rnd.IntN(13) == 0 {
			c = special
		}
		if c != ' ' || len(dst) > from {
			dst = append(dst, c)
		}
	}
	for len(dst) > from && dst[len(dst)-1] == ' ' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// extra appends so much that an event of that size has on average the wanted one.
func (g *Generator) extra(dst []byte, size, average int) []byte {
	if size > average {
		return dst
	}
	rest := average - size
	delta := (rest*2 + 5) / 10
	n := rest - delta
	if delta > 0 {
		n += g.rnd.IntN(2 * delta)
	}
	at := g.rnd.IntN(len(g.pool) - n)
	return append(dst, g.pool[at:at+n]...)
}

// Append appends event i as a JSON object without a line end:
//
//	{"event_type":2,"bid":{"auction":1000,"bidder":1001,"price":531,"channel":"Apple","url":"https://…","dateTime":"2026-01-01T00:00:00.000Z","extra":"…"}}
func (g *Generator) Append(dst []byte, i int64) []byte {
	number := g.adjusted(i)
	g.seq.Seed(g.cfg.Seed, uint64(number))
	switch kind := g.Kind(i); kind {
	case Person:
		return g.appendPerson(dst, number)
	case Auction:
		return g.appendAuction(dst, number)
	default:
		return g.appendBid(dst, number)
	}
}

func (g *Generator) appendPerson(dst []byte, number int64) []byte {
	dst = append(dst, `{"event_type":0,"person":{"id":`...)
	dst = strconv.AppendInt(dst, firstID+lastPerson(number), 10)
	from := len(dst)
	dst = append(dst, `,"name":"`...)
	dst = append(append(append(dst, pick(g.rnd, firstNames)...), ' '), pick(g.rnd, lastNames)...)
	dst = append(g.text(append(dst, `","emailAddress":"`...), 7, ' '), '@')
	dst = append(g.text(dst, 5, ' '), `.com","creditCard":"`...)
	for n := range 4 {
		if n > 0 {
			dst = append(dst, ' ')
		}
		dst = fmt.Appendf(dst, "%04d", g.rnd.IntN(10_000))
	}
	dst = append(append(dst, `","city":"`...), pick(g.rnd, cities)...)
	dst = append(append(dst, `","state":"`...), pick(g.rnd, states)...)
	names := len(`,"name":"","emailAddress":"","creditCard":"","city":"","state":"`)
	size := 8 + len(dst) - from - names
	dst = g.appendTime(append(dst, `","dateTime":"`...), g.timeOf(number))
	return append(g.extra(append(dst, `","extra":"`...), size, personBytes), `"}}`...)
}

func (g *Generator) appendAuction(dst []byte, number int64) []byte {
	dst = append(dst, `{"event_type":1,"auction":{"id":`...)
	dst = strconv.AppendInt(dst, firstID+lastAuction(number), 10)
	seller, category, initial := g.seller(number), firstCategory+g.rnd.Int64N(categories), g.price()
	at := g.timeOf(number)
	expires := at + g.length(number)
	from := len(dst)
	dst = g.text(append(dst, `,"itemName":"`...), 20, ' ')
	dst = g.text(append(dst, `","description":"`...), 100, ' ')
	size := 48 + len(dst) - from - len(`,"itemName":"","description":"`)
	dst = strconv.AppendInt(append(dst, `","initialBid":`...), initial, 10)
	dst = strconv.AppendInt(append(dst, `,"reserve":`...), initial+g.price(), 10)
	dst = g.appendTime(append(dst, `,"dateTime":"`...), at)
	dst = g.appendTime(append(dst, `","expires":"`...), expires)
	dst = strconv.AppendInt(append(dst, `","seller":`...), seller, 10)
	dst = strconv.AppendInt(append(dst, `,"category":`...), category, 10)
	return append(g.extra(append(dst, `,"extra":"`...), size, auctionBytes), `"}}`...)
}

func (g *Generator) appendBid(dst []byte, number int64) []byte {
	dst = strconv.AppendInt(append(dst, `{"event_type":2,"bid":{"auction":`...), g.auction(number), 10)
	dst = strconv.AppendInt(append(dst, `,"bidder":`...), g.bidder(number), 10)
	dst = strconv.AppendInt(append(dst, `,"price":`...), g.price(), 10)
	var channel, url string
	if g.rnd.IntN(2) > 0 {
		i := g.rnd.IntN(len(hotChannels))
		channel, url = hotChannels[i], g.hot[i]
	} else {
		i := g.rnd.IntN(channels)
		channel, url = g.names[i], g.urls[i]
	}
	dst = append(append(dst, `,"channel":"`...), channel...)
	dst = append(append(dst, `","url":"`...), url...)
	dst = g.appendTime(append(dst, `","dateTime":"`...), g.timeOf(number))
	return append(g.extra(append(dst, `","extra":"`...), 32, bidBytes), `"}}`...)
}

func (g *Generator) appendTime(dst []byte, ms int64) []byte {
	return time.UnixMilli(ms).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}

func pick(r *rand.Rand, of []string) string { return of[r.IntN(len(of))] }
