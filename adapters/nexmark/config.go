package nexmark

import (
	"fmt"
	"time"
)

// Config is what is made. Zero values are Nexmark's own defaults.
type Config struct {
	Seed  uint64
	Start time.Time // of the first event; zero: 2026-01-01T00:00:00Z
	Rate  float64   // events a second of event time; 0: 10,000

	// Delayed is the share of events that arrive after others with a later time, by up to MaxDelay; 0: 0.1 and 3 s.
	// Below 0 there are none.
	Delayed  float64
	MaxDelay time.Duration
	// Group is the size of groups of events within which times are out of order, as the benchmark's
	// outOfOrderGroupSize; 0: 1, in order.
	Group int64
}

// Proportions of the kinds among events.
const (
	personShare  = 1
	auctionShare = 3
	bidShare     = 46
	allShares    = personShare + auctionShare + bidShare
)

// Numbers of the benchmark: the first ids, how many things live at a time, how far ahead references go, and how hot
// the hot ones are.
const (
	firstID       = 1000 // of people and auctions
	firstCategory = 10
	categories    = 5
	inFlight      = 100  // auctions
	activePeople  = 1000 //
	lead          = 10   // ids that are yet to come
	hotBatch      = 100  // of so many ids in a row one is hot
	hotAuctions   = 2    // 1 - 1/2 of the bids
	hotBidders    = 4    // 1 - 1/4 of the bids
	hotSellers    = 4    // 1 - 1/4 of the auctions
	channels      = 10_000
	personBytes   = 200 // average sizes, which the column extra fills up to
	auctionBytes  = 500
	bidBytes      = 100
)

func (c Config) withDefaults() Config {
	if c.Start.IsZero() {
		c.Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if c.Rate == 0 {
		c.Rate = 10_000
	}
	if c.Delayed == 0 {
		c.Delayed = 0.1
	}
	if c.MaxDelay == 0 {
		c.MaxDelay = 3 * time.Second
	}
	if c.Group == 0 {
		c.Group = 1
	}
	return c
}

// Validate says what cannot be made.
func (c Config) Validate() error {
	switch c = c.withDefaults(); {
	case !(c.Rate >= 1 && c.Rate <= 1e9):
		return fmt.Errorf("rate %v: events a second of event time are 1 to 1,000,000,000", c.Rate)
	case !(c.Delayed <= 1):
		return fmt.Errorf("delayed %v: it is a share, at most 1", c.Delayed)
	case c.MaxDelay < time.Millisecond:
		return fmt.Errorf("longest delay %v: it is at least 1ms; say a share below 0 for no delays", c.MaxDelay)
	case c.Group < 1:
		return fmt.Errorf("group of %d events: it is at least 1", c.Group)
	}
	return nil
}
