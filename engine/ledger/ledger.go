package ledger

import (
	"maps"
	"slices"
	"strconv"
)

// Count is how many rows had each outcome. It always adds up:
// Read = Counted + Late + Future + Invalid + Duplicate + Filtered + InFlight.
type Count struct {
	Read      int64 `json:"read"`
	Counted   int64 `json:"counted"`
	Late      int64 `json:"late"`
	Future    int64 `json:"future"`
	Invalid   int64 `json:"invalid"`
	Duplicate int64 `json:"duplicate"`
	Filtered  int64 `json:"filtered"`
	InFlight  int64 `json:"in_flight,omitempty"`
}

// Ledger is what became of every row, per table for each topic that it reads, and per topic, where a row
// counts once, by its best outcome over the tables: see Losses for what single tables lost.
type Ledger struct {
	Topics map[string]Count            `json:"topics"`
	Tables map[string]map[string]Count `json:"tables"`
	// LetGo is how many rows retention has removed, by table, TABLE$late and TOPIC$invalid; those
	// without such are left out.
	LetGo map[string]int64 `json:"let_go,omitempty"`
	// Unfit is, by topic and path, values that do not fit the type as which the field is read: they are NULL.
	Unfit map[string]map[string]UnfitValues `json:"unfit,omitempty"`
}

// UnfitValues is how many values of a field did not fit its column, and the first of its lowest partition that
// had one. What is inside a column counts by its path: "address.zip", "items[].price", "tags{}".
type UnfitValues struct {
	Type      string `json:"type"`
	Count     int64  `json:"count"`
	Sample    string `json:"sample"` // JSON text, cut where it is long
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

// A Loss is rows that a table is without, of those that it read from a topic.
type Loss struct {
	Table   string `json:"table"`
	Topic   string `json:"topic"`
	Read    int64  `json:"read"`
	Late    int64  `json:"late"`
	Future  int64  `json:"future"`
	Invalid int64  `json:"invalid"`
}

// Losses is every table that is without rows, by table and topic. What Topics tells is less than these: a
// row that one table lost and another has counts there as counted.
func (l Ledger) Losses() []Loss {
	var all []Loss
	for _, table := range slices.Sorted(maps.Keys(l.Tables)) {
		for _, topic := range slices.Sorted(maps.Keys(l.Tables[table])) {
			c := l.Tables[table][topic]
			if c.Late+c.Future+c.Invalid > 0 {
				all = append(all, Loss{table, topic, c.Read, c.Late, c.Future, c.Invalid})
			}
		}
	}
	return all
}

// Add sums two counts.
func (c *Count) Add(d Count) {
	c.Read += d.Read
	c.Counted += d.Counted
	c.Late += d.Late
	c.Future += d.Future
	c.Invalid += d.Invalid
	c.Duplicate += d.Duplicate
	c.Filtered += d.Filtered
	c.InFlight += d.InFlight
}

// Balanced reports whether every row that was read has one outcome.
func (c Count) Balanced() bool {
	return c.Read == c.Counted+c.Late+c.Future+c.Invalid+c.Duplicate+c.Filtered+c.InFlight
}

// AddUnfit adds values of a place in a topic that did not fit. A place that is read as several types stands there by
// type: the second as place#2.
func (l *Ledger) AddUnfit(topic, place string, found UnfitValues) {
	if l.Unfit == nil {
		l.Unfit = map[string]map[string]UnfitValues{}
	}
	if l.Unfit[topic] == nil {
		l.Unfit[topic] = map[string]UnfitValues{}
	}
	name := place
	for n := 2; l.Unfit[topic][name].Count > 0 && l.Unfit[topic][name].Type != found.Type; n++ {
		name = place + "#" + strconv.Itoa(n)
	}
	if sum := l.Unfit[topic][name]; sum.Count > 0 {
		sum.Count += found.Count
		found = sum
	}
	l.Unfit[topic][name] = found
}
