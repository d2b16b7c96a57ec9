package expr

import "github.com/nagare-stream/nagare/engine/codec"

// Unfit gathers what from_json reads and cannot fit into its type, of all expressions that are compiled with it.
// It belongs to one goroutine.
type Unfit struct {
	Calls   []*UnfitCall
	Origins []uint32 // by row of the batch in hand: the row that is counted; nil: the same
}

// UnfitCall is one from_json in one expression. Other expressions may have the same call.
type UnfitCall struct {
	Key    string // of the call, as Node.Key
	Text   string // "from_json(payload)": the call without its schema
	Places []codec.Unfit
	Found  []UnfitRow // since it was last emptied
	of     *Unfit
	d      *codec.ValueDecoder
}

// UnfitRow is values of a row that did not fit in one place.
type UnfitRow struct {
	Place  int // in Places
	Row    uint32
	Count  int64
	Sample string
}

// watch has the decoder of a call count; nil where nobody asks.
func (u *Unfit) watch(n *Node, d *codec.ValueDecoder) *UnfitCall {
	if u == nil {
		return nil
	}
	d.Count(n.Type)
	c := &UnfitCall{Key: n.Key(), Text: "from_json(" + n.Args[0].String() + ")", Places: d.Unfit(), of: u, d: d}
	u.Calls = append(u.Calls, c)
	return c
}

// note takes what the decoder has counted in a row.
func (c *UnfitCall) note(x *exec, row uint32) {
	if c == nil || !c.d.Missed() {
		return
	}
	if x.owner != nil {
		row = x.owner[row]
	}
	if c.of.Origins != nil {
		row = c.of.Origins[row]
	}
	for i := range c.Places {
		if u := &c.Places[i]; u.Count > 0 {
			c.Found = append(c.Found, UnfitRow{i, row, u.Count, string(u.Text)})
			u.Count = 0
		}
	}
}
