package nexmark

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Kind is what an event tells of; its number is event_type in the text.
type Kind int

// The kinds.
const (
	Person Kind = iota
	Auction
	Bid
)

// A Generator makes events. It is used by one goroutine.
type Generator struct {
	cfg   Config
	start int64 // milliseconds since 1970
	pool  string
	names [channels]string // of channels
	urls  [channels]string
	hot   [len(hotChannels)]string // urls
	seq   rand.PCG
	rnd   *rand.Rand
}

// New returns a generator, or says what is wrong with the configuration.
func New(cfg Config) (*Generator, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("make Nexmark's events: %w", err)
	}
	g := &Generator{cfg: cfg.withDefaults()}
	g.start = g.cfg.Start.UnixMilli()
	g.rnd = rand.New(&g.seq)
	g.fillTables()
	return g, nil
}

// adjusted is the number of the event that comes i-th: within a group they are out of order.
func (g *Generator) adjusted(i int64) int64 {
	n := g.cfg.Group
	return i/n*n + i*953%n
}

// Kind is what event i tells of.
func (g *Generator) Kind(i int64) Kind {
	switch at := g.adjusted(i) % allShares; {
	case at < personShare:
		return Person
	case at < personShare+auctionShare:
		return Auction
	}
	return Bid
}

// Time is the event's own time, in milliseconds since 1970.
func (g *Generator) Time(i int64) int64 { return g.timeOf(g.adjusted(i)) }

func (g *Generator) timeOf(number int64) int64 {
	return g.start + int64(float64(number)*1e6/g.cfg.Rate)/1000
}

// Arrival is when the event comes, in milliseconds since 1970: when it is its turn, and some later.
func (g *Generator) Arrival(i int64) int64 {
	at := g.timeOf(i)
	g.seq.Seed(g.cfg.Seed^arrivals, uint64(i))
	if g.rnd.Float64() < g.cfg.Delayed {
		at += 1 + g.rnd.Int64N(int64(g.cfg.MaxDelay/time.Millisecond))
	}
	return at
}

// Seeds of what is drawn beside the events' own contents.
const (
	arrivals = 0x6172726976616c73
	tables   = 0x7461626c6573
)

// lastPerson is the number of the newest person at the event of that number, from 0.
func lastPerson(number int64) int64 {
	return number/allShares*personShare + min(number%allShares, personShare-1)
}

// lastAuction is the number of the newest auction at the event of that number, from 0; -1 for none.
func lastAuction(number int64) int64 {
	at := number % allShares
	if at < personShare {
		return number/allShares*auctionShare - 1
	}
	return number/allShares*auctionShare + min(at-personShare, auctionShare-1)
}

// somePerson is one who is active, or soon will be.
func (g *Generator) somePerson(number int64) int64 {
	people := lastPerson(number) + 1
	active := min(people, activePeople)
	return people - active + g.rnd.Int64N(active+lead)
}

// someAuction is one that is probably open, or soon will be.
func (g *Generator) someAuction(number int64) int64 {
	last := lastAuction(number)
	first := max(last-inFlight, 0)
	return first + g.rnd.Int64N(last-first+1+lead)
}

func (g *Generator) seller(number int64) int64 {
	if g.rnd.IntN(hotSellers) > 0 {
		return firstID + lastPerson(number)/hotBatch*hotBatch
	}
	return firstID + g.somePerson(number)
}

// bidder is never a hot seller where it is a hot one.
func (g *Generator) bidder(number int64) int64 {
	if g.rnd.IntN(hotBidders) > 0 {
		return firstID + lastPerson(number)/hotBatch*hotBatch + 1
	}
	return firstID + g.somePerson(number)
}

func (g *Generator) auction(number int64) int64 {
	if g.rnd.IntN(hotAuctions) > 0 {
		return firstID + lastAuction(number)/hotBatch*hotBatch
	}
	return firstID + g.someAuction(number)
}

// price is in cents.
func (g *Generator) price() int64 {
	return int64(math.Round(math.Pow(10, g.rnd.Float64()*6) * 100))
}

// length is how many milliseconds an auction is open: on average until inFlight others have begun.
func (g *Generator) length(number int64) int64 {
	horizon := g.timeOf(number+inFlight*allShares/auctionShare) - g.timeOf(number)
	return 1 + g.rnd.Int64N(max(2*horizon, 1))
}
