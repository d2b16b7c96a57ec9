package generator

import (
	"fmt"
	"strconv"

	"github.com/nagare-stream/nagare/engine/record"
)

// A Generator makes events. It is used by one goroutine.
type Generator struct {
	cfg   Config
	sched schedule
	odd   float64 // share of all odd events together

	// goods[segment][product][quantity-1] and tails[n] are the constant stretches of the text.
	goods   [3][products + 1][maxQuantity]string
	tails   []string
	spreads [3]spread
	fixed   bool // the benchmark's number forms: always 2 and 3 places, always a fraction

	key  []byte
	text []byte // of an event that becomes a bad one
	head []byte // the date and time of the second headOf, to the seconds
	of   int64
}

// Event is one record. Key is valid until the next call.
type Event struct {
	Key, Value []byte
	Partition  int32
	Due        int64 // microseconds since 1970; the time in the value is this or earlier
	Kind       Kind
}

// New returns a generator, or says what is wrong with the configuration.
func New(cfg Config) (*Generator, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("generate events: %w", err)
	}
	cfg = cfg.withDefaults()
	g := &Generator{cfg: cfg, odd: cfg.Duplicates + cfg.Bad + cfg.Late, of: -1 << 62}
	g.sched = schedule{start: cfg.Start.UnixMicro(), rate: cfg.Rate, second: -1 << 62}
	g.fillTables()
	return g, nil
}

// Config is what the generator was made with, defaults filled in.
func (g *Generator) Config() Config { return g.cfg }

// Due is the time at which event i is due, microseconds since 1970.
func (g *Generator) Due(i int64) int64 { return g.sched.due(i) }

// Before is the number of events that are due at t (microseconds since 1970) or earlier, at most
// Config.Count.
func (g *Generator) Before(t int64) int64 {
	n := g.sched.before(t)
	if g.cfg.Count > 0 {
		n = min(n, g.cfg.Count)
	}
	return n
}

// Kind is what becomes of event i, without making its text.
func (g *Generator) Kind(i int64) Kind {
	kind, _ := g.fate(i)
	return kind
}

// Event makes event i, appends its text to dst and returns it; Value is the appended part.
func (g *Generator) Event(i int64, dst []byte) Event {
	kind, of := g.fate(i)
	at := len(dst)
	e := Event{Due: g.sched.due(i), Kind: kind}
	switch kind {
	case Duplicate:
		was, _ := g.drawn(of)
		dst, e.Partition, _ = g.render(dst, of, was)
	case Bad:
		var b body
		g.text, e.Partition, b = g.render(g.text[:0], i, Ordinary)
		dst = appendBad(dst, g.text, b, of)
	default:
		dst, e.Partition, _ = g.render(dst, i, kind)
	}
	e.Key, e.Value = g.key, dst[at:]
	return e
}

// body holds the places in an event's text that a bad event needs, counted from its first byte.
type body struct{ timestamp, user, final, region int }

// spread is a segment's range of quantities and of discounts, in millionths.
type spread struct {
	quantity                    uint64
	discountFrom, discountWidth uint64
}

// render appends the text of event i as that kind (ordinary, anomaly or late).
func (g *Generator) render(dst []byte, i int64, kind Kind) ([]byte, int32, body) {
	d := throw(g.cfg.Seed, i, ofBody)
	partition := g.user(i, &d)
	due := g.sched.due(i)
	second, number := g.sched.numberIn(i, due)
	if g.fixed {
		number = i
	}

	word := d.next()
	segment, product, quantity := word&0xffff*3>>16, word>>16&7, uint64(0)
	s := &g.spreads[segment]
	if s.quantity > 1 {
		quantity = (word >> 32 & 0xffff) * s.quantity >> 16
	}
	if kind == Anomaly {
		segment, product, quantity = 0, products, maxQuantity-1
		s = &g.spreads[0]
	}
	price := prices[product]
	base := price * (quantity + 1)
	rate := s.discountFrom + d.below(s.discountWidth+1) // millionths
	discount := (base*rate + 5_000) / 10_000            // hundredths
	tail := g.tails[d.below(uint64(len(g.tails)))]

	at := len(dst)
	var b body
	dst = append(dst, `{"event_id": "evt_`...)
	dst = appendInt(dst, second)
	dst = append(dst, '_')
	dst = appendNumber(dst, number)
	dst = append(dst, `", `...)
	b.timestamp = len(dst) - at
	dst = append(dst, `"timestamp": "`...)
	dst = g.appendTime(dst, g.eventTime(i, due, kind))
	dst = append(dst, `", `...)
	b.user = len(dst) - at
	dst = append(dst, `"user_id": "`...)
	dst = append(dst, g.key...)
	dst = append(dst, g.goods[segment][product][quantity]...)
	dst = g.appendFraction(dst, (rate+500)/1000, 3)
	dst = append(dst, `, "discount_amount": `...)
	dst = g.appendFraction(dst, discount, 2)
	dst = append(dst, `, "final_amount": `...)
	b.final = len(dst) - at
	dst = g.appendFraction(dst, base*100-discount, 2)
	b.region = len(dst) - at
	return append(dst, tail...), partition, b
}

// eventTime is the time in the text of an event that is due at due.
func (g *Generator) eventTime(i, due int64, kind Kind) int64 {
	if kind == Late {
		return due - g.cfg.LateBy.Microseconds()
	}
	if w := g.cfg.Disorder.Microseconds(); w > 0 {
		d := throw(g.cfg.Seed, i, ofDelay)
		return due - int64(d.share()*float64(w))
	}
	return due
}

// appendTo adds the event to records of its partition.
func (e *Event) appendTo(r *record.Records) {
	r.Offsets = append(r.Offsets, int64(len(r.Offsets)))
	r.Times = append(r.Times, e.Due)
	r.Keys.Append(e.Key)
	r.Values.Append(e.Value)
}

func appendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

// appendNumber appends n with at least four digits.
func appendNumber(dst []byte, n int64) []byte {
	if n >= 1000 {
		return appendInt(dst, n)
	}
	return append(dst, '0', byte('0'+n/100), byte('0'+n/10%10), byte('0'+n%10))
}

// appendFraction appends n/10^places as Python prints such a float: at least one digit after the
// point and no zeros behind it ("76.5", "1200.0", "0.06").
func (g *Generator) appendFraction(dst []byte, n uint64, places int) []byte {
	unit := uint64(100)
	if places == 3 {
		unit = 1000
	}
	dst = strconv.AppendUint(dst, n/unit, 10)
	dst = append(dst, '.')
	for rest := n % unit; unit > 1; {
		unit /= 10
		dst = append(dst, byte('0'+rest/unit))
		rest %= unit
		if rest == 0 && !g.fixed {
			break
		}
	}
	return dst
}
