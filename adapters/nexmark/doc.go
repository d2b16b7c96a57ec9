// Package nexmark makes the events of the Nexmark benchmark: people who register, auctions that they open, and bids.
//
// Shares, hot keys, distributions and sizes are those of Nexmark's own generator: of 50 events 1 is a person, 3 are
// auctions and 46 are bids; every second bid goes to a hot auction, three of four come from a hot bidder and three of
// four auctions are of a hot seller; prices are log-uniform from 1 to 1,000,000 dollars, in cents. Some bids and
// auctions name an auction or a person that is yet to come. The texts come from another source of chance than
// Nexmark's, whose generator is seeded by the clock.
//
// Event number i is a function of the configuration and i alone, so the same seed gives the same bytes everywhere.
//
//	config.go  what can be asked for, with Nexmark's defaults
//	event.go   event number i: which kind, its time, and who and what it refers to
//	text.go    an event as JSON
//	file.go    events in the order in which they arrive
package nexmark
