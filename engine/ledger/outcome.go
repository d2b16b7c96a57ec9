package ledger

// The outcomes of a row, the best first: of a topic's row the ledger tells the best over all tables.
const (
	Counted uint8 = iota
	Late
	Future
	Invalid
	Duplicate
	Filtered
	Unjudged // how many there are: nobody has judged the row
)

// CountOutcomes adds each row's outcome. A row that nobody judged was left out by everybody.
func CountOutcomes(c *Count, by []uint8) {
	var n [Unjudged + 1]int64
	for _, o := range by {
		n[o]++
	}
	c.Read += int64(len(by))
	c.Counted += n[Counted]
	c.Late += n[Late]
	c.Future += n[Future]
	c.Invalid += n[Invalid]
	c.Duplicate += n[Duplicate]
	c.Filtered += n[Filtered] + n[Unjudged]
}
