package generator

import (
	"github.com/nagare-stream/nagare/engine/record"
)

// Kind says what was done to an event.
type Kind uint8

// The kinds of event. Each has one; a planted anomaly is never late, bad or doubled.
const (
	Ordinary  Kind = iota
	Anomaly        // planted: ten times the dearest price
	Late           // its time lies Config.LateBy before it was due
	Bad            // malformed, or without a usable time
	Duplicate      // an earlier event again
)

// String is the kind's name.
func (k Kind) String() string {
	return [...]string{"ordinary", "anomaly", "late", "bad", "duplicate"}[k]
}

// How far back a duplicate looks for the event to repeat.
const (
	duplicateNear = 32
	duplicateFar  = 128
)

// dice is a stream of random numbers that is a function of its seed. It is SplitMix64 (Steele, Lea,
// Flood, "Fast splittable pseudorandom number generators", 2014).
type dice struct{ state uint64 }

const golden = 0x9e3779b97f4a7c15

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// throw starts the stream for event i. Streams of different purposes are independent.
func throw(seed uint64, i int64, purpose uint64) dice {
	return dice{mix(mix(seed+purpose*golden) ^ uint64(i)*golden)}
}

func (d *dice) next() uint64 {
	d.state += golden
	return mix(d.state)
}

// below returns a number from 0 to n-1; n is at most 2^32. The bias is below n/2^32.
func (d *dice) below(n uint64) uint64 { return (d.next() >> 32) * n >> 32 }

// share returns a number in [0, 1).
func (d *dice) share() float64 { return float64(d.next()>>11) / (1 << 53) }

// The purposes of streams.
const (
	ofBody  = iota // what was bought
	ofFate         // what was done to it
	ofDelay        // disorder
)

// drawn is the kind that the dice give event i, before it is known whether a duplicate finds
// something to repeat.
func (g *Generator) drawn(i int64) (Kind, dice) {
	c := &g.cfg
	if c.AnomalyEvery > 0 && i >= c.AnomalyFrom && (i-c.AnomalyFrom)%c.AnomalyEvery == 0 {
		return Anomaly, dice{}
	}
	if g.odd == 0 {
		return Ordinary, dice{}
	}
	d := throw(c.Seed, i, ofFate)
	switch u := d.share(); {
	case u < c.Duplicates:
		return Duplicate, d
	case u < c.Duplicates+c.Bad:
		return Bad, d
	case u < g.odd:
		return Late, d
	}
	return Ordinary, d
}

// fate is the kind of event i and, for a duplicate, the event that it repeats; for a bad one, what
// is bad about it.
func (g *Generator) fate(i int64) (kind Kind, of int64) {
	kind, d := g.drawn(i)
	switch kind {
	case Bad:
		return Bad, int64(d.below(badKinds))
	case Duplicate:
		for j := i - 1 - int64(d.below(duplicateNear)); j >= 0 && j >= i-duplicateFar; j-- {
			if k, _ := g.drawn(j); k != Duplicate && k != Bad && !g.silenced(i, g.partitionOf(j)) {
				return Duplicate, j
			}
		}
		return Ordinary, 0 // nothing to repeat: at the very start, or when nearly all are odd
	}
	return kind, 0
}

// silenced reports whether event i must not go to partition p.
func (g *Generator) silenced(i int64, p int32) bool {
	return g.cfg.SilentFrom > 0 && i >= g.cfg.SilentFrom && p == int32(g.cfg.SilentPartition)
}

// user draws the buyer of event i, puts the key into g.key and returns its partition.
func (g *Generator) user(i int64, d *dice) int32 {
	n := int64(d.below(uint64(g.cfg.Users)))
	for {
		g.key = appendInt(append(g.key[:0], "user_"...), n+1)
		p := record.PartitionOf(g.key, g.cfg.Partitions)
		if !g.silenced(i, p) {
			return p
		}
		n = (n + 1) % int64(g.cfg.Users)
	}
}

// partitionOf is the partition of event i when it is not a duplicate.
func (g *Generator) partitionOf(i int64) int32 {
	d := throw(g.cfg.Seed, i, ofBody)
	return g.user(i, &d)
}
