package generator

import (
	"fmt"
	"time"
)

// Config is what a generator makes. The zero value with a Start is usable: 10 events a second of
// 10,000 users over 3 partitions, none of them odd. It can be stored as JSON and read back.
type Config struct {
	Seed       uint64
	Start      time.Time // when event 0 is due; cut to microseconds
	Rate       float64   // events per second; 0: 10
	Users      int       // 0: 10,000
	Partitions int       // of the topic; 0: 3
	Count      int64     // events in all; 0: without end

	// Disorder is the most by which the time in an event lies before the time it is due.
	Disorder time.Duration
	// Late is the share of events whose time lies LateBy (0: 5 minutes) before they are due.
	Late   float64
	LateBy time.Duration
	// Bad is the share of events whose value is no usable purchase: malformed or without a time.
	Bad float64
	// Duplicates is the share of events that are an earlier event again, byte for byte.
	Duplicates float64

	// SilentPartition gets no more records from event SilentFrom on; its users buy no more.
	// SilentFrom 0 or a negative partition: none is silent.
	SilentPartition int
	SilentFrom      int64

	// AnomalyEvery plants a purchase of ten times the dearest price at event AnomalyFrom and each
	// AnomalyEvery events after it; 0: none is planted.
	AnomalyEvery, AnomalyFrom int64
}

// The limits of a configuration, and what stands for zero.
const (
	DefaultRate       = 10
	DefaultUsers      = 10_000
	DefaultPartitions = 3
	DefaultLateBy     = 5 * time.Minute

	MaxRate  = 10_000_000
	MaxUsers = 1_000_000_000
)

// withDefaults fills in what was left zero.
func (c Config) withDefaults() Config {
	if c.Rate == 0 {
		c.Rate = DefaultRate
	}
	if c.Users == 0 {
		c.Users = DefaultUsers
	}
	if c.Partitions == 0 {
		c.Partitions = DefaultPartitions
	}
	if c.LateBy == 0 {
		c.LateBy = DefaultLateBy
	}
	if c.SilentFrom <= 0 || c.SilentPartition < 0 {
		c.SilentFrom, c.SilentPartition = 0, -1
	}
	return c
}

// Validate says what cannot be done, with the value.
func (c Config) Validate() error {
	c = c.withDefaults()
	for _, s := range []struct {
		name  string
		share float64
	}{{"late", c.Late}, {"bad", c.Bad}, {"duplicate", c.Duplicates}} {
		if !(s.share >= 0 && s.share <= 1) {
			return fmt.Errorf("share of %s events is %v: want 0 to 1", s.name, s.share)
		}
	}
	switch {
	case c.Start.IsZero():
		return fmt.Errorf("start of the events is not set")
	case c.Start.Year() < 1970 || c.Start.Year() > 9000:
		return fmt.Errorf("start of the events is %v: want a year from 1970 to 9000", c.Start)
	case !(c.Rate > 0 && c.Rate <= MaxRate):
		return fmt.Errorf("rate is %v events a second: want more than 0 and at most %d", c.Rate, MaxRate)
	case c.Users < 1 || c.Users > MaxUsers:
		return fmt.Errorf("number of users is %d: want 1 to %d", c.Users, MaxUsers)
	case c.Partitions < 1:
		return fmt.Errorf("number of partitions is %d: want 1 or more", c.Partitions)
	case c.Late+c.Bad+c.Duplicates > 1:
		return fmt.Errorf("shares of late, bad and duplicate events add up to %v: want at most 1", c.Late+c.Bad+c.Duplicates)
	case c.Count < 0 || c.AnomalyEvery < 0 || c.AnomalyFrom < 0:
		return fmt.Errorf("count %d, anomaly every %d from %d: want none below 0", c.Count, c.AnomalyEvery, c.AnomalyFrom)
	case c.Disorder < 0 || c.LateBy < 0:
		return fmt.Errorf("disorder %v, late by %v: want none below 0", c.Disorder, c.LateBy)
	case c.SilentPartition >= c.Partitions:
		return fmt.Errorf("silent partition is %d: the topic has partitions 0 to %d", c.SilentPartition, c.Partitions-1)
	case c.SilentFrom > 0 && (c.Partitions < 2 || c.Users < 100):
		return fmt.Errorf("silent partition %d with %d partitions and %d users: want at least 2 and 100, so that others go on", c.SilentPartition, c.Partitions, c.Users)
	}
	return nil
}
