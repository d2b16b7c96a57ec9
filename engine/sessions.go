package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/session"
	"github.com/nagare-stream/nagare/engine/state"
)

// Sessions is the stage of session windows, and of groups that are of one event time each. See package session.
type Sessions struct {
	*closer
	tasks []*windowTask
	x     *session.Merged
	one   []column.Vector // scratch: the keys of a session, its start and its end
	parts []*column.Vector
	row   [1]uint32
}

func newSessions(c *closer, n int) (*Sessions, error) {
	x, err := session.NewMerged(n, c.w.keys, c.w.aggs)
	s := &Sessions{closer: c, tasks: make([]*windowTask, n), x: x, one: make([]column.Vector, len(c.w.all))}
	for i := range s.one {
		s.parts = append(s.parts, &s.one[i])
	}
	return s, err
}

func (c *Sessions) addTask(lane int, w *windowTask) { c.tasks[lane] = w }

// lanes is the tasks' own pieces, nil where no task is.
func (c *Sessions) lanes() []*session.Lane {
	list := make([]*session.Lane, len(c.tasks))
	for i, w := range c.tasks {
		if w != nil {
			list[i] = w.pieces
		}
	}
	return list
}

// Seal takes the pieces that begin before the lane's watermark: no row to come touches them.
func (c *Sessions) Seal(lane int, mark int64) {
	w := c.tasks[lane]
	if w == nil {
		return
	}
	w.pieces.Seal(mark)
	before, had := w.pieces.Len(), c.x.Lanes[lane].Len()
	c.x.Take(lane, w.pieces)
	moved := int64(before - w.pieces.Len())
	*w.held -= moved
	c.m.e.held.Add(int64(c.x.Lanes[lane].Len()-had) - moved)
}

// Advance closes the sessions that the watermark has passed.
func (c *Sessions) Advance(mark int64) error {
	mark = c.passedAt(mark)
	if c.below != nil && mark != math.MaxInt64 {
		mark-- // rows of windows have marks that lie before their times; see regroup
	}
	if c.below != nil {
		c.Seal(0, mark)
	}
	em := c.emit
	em.hash.Reset()
	before := c.sealed()
	c.x.Close(mark, func(s *session.Session) { c.add(em.hash, s) })
	c.m.e.held.Add(c.sealed() - before)
	if em.hash.Len() == 0 {
		return nil
	}
	em.fill(0, 0, em.hash)
	return em.closeEach(em.hash, c.group.wantsAge(), func(end int64) error {
		c.closed = end
		c.noteAge(end)
		return nil
	})
}

// sealed is how many pieces are held behind those of the tasks.
func (c *Sessions) sealed() (n int64) {
	for _, s := range c.x.Lanes {
		n += int64(s.Len())
	}
	return n
}

// add makes a session a group of a hash, whose keys have its start and its end behind them.
func (c *Sessions) add(h *agg.Hash, s *session.Session) {
	cols, row := s.Key()
	for i, t := range c.w.all {
		v := &c.one[i]
		v.Reset(t)
		switch i - len(cols) {
		case 0:
			v.AppendInt(s.Start)
		case 1:
			v.AppendInt(s.End)
		default:
			v.AppendFrom(cols[i], int(row))
		}
	}
	s.MergeInto(h, h.Locate(c.parts, c.row[:])[0])
}

// Next is the watermark itself: a session may end at any time behind it.
func (c *Sessions) Next(mark int64) int64 {
	mark = c.passedAt(mark)
	if mark == math.MinInt64 || mark == math.MaxInt64 {
		return mark
	}
	if c.below != nil {
		return mark
	}
	return mark + 1
}

// Open visits all open sessions at once. The gate must be held.
func (c *Sessions) Open(visit func(end int64, fill func(into *agg.Hash))) {
	visit(0, func(into *agg.Hash) {
		into.Reset()
		c.fillOpen(c.openKeys(false), into)
	})
}

// openKeys is the keys of open sessions, or of those which changed since they were last asked for.
func (c *Sessions) openKeys(changed bool, into ...*agg.Groups) *agg.Groups {
	if len(into) == 0 {
		into = []*agg.Groups{agg.NewGroups(c.w.keys)}
	}
	c.x.Keys(c.lanes(), changed, into...)
	return into[0]
}

// fillOpen makes the open sessions of keys groups of a hash.
func (c *Sessions) fillOpen(keys *agg.Groups, into *agg.Hash) {
	c.x.Visit(keys, c.lanes(), func(s *session.Session) {
		c.add(into, s)
	})
}

// countedOpen is how many pieces of sessions are looked at to say how many sessions they are. Of more the number of
// pieces is told, which is greater by those that touch.
const countedOpen = 100_000

func (c *Sessions) openRows() int64 {
	if rows, _ := c.Held(); rows > countedOpen {
		return rows
	}
	n := int64(0)
	c.x.Visit(c.openKeys(false), c.lanes(), func(*session.Session) { n++ })
	return n
}

// openWindows is the first of the open sessions by their ends, and how many there are.
func (c *Sessions) openWindows(most int) (n int, first []OpenWindow) {
	rows, _ := c.Held()
	if rows > countedOpen {
		return int(rows), nil
	}
	c.x.Visit(c.openKeys(false), c.lanes(), func(s *session.Session) {
		n++
		first = append(first, OpenWindow{Start: s.Start, End: s.End, Groups: 1})
	})
	slices.SortStableFunc(first, func(a, b OpenWindow) int { return cmp.Or(cmp.Compare(a.End, b.End), cmp.Compare(a.Start, b.Start)) })
	return n, first[:min(len(first), most)]
}

// Cut writes the pieces that changed since the last checkpoint.
func (c *Sessions) Cut(d *state.Delta) {
	for lane, s := range c.x.Lanes {
		s.Cut(d, stateOp(c.w), piecePrefix(lane, 1), c.w.grows)
		if w := c.tasks[lane]; w != nil {
			w.pieces.Cut(d, stateOp(c.w), piecePrefix(lane, 0), c.w.grows)
		}
	}
}

// piecePrefix is the start of the keys of a lane's pieces, of those that are its task's (0) or sealed (1).
func piecePrefix(lane int, sealed byte) []byte {
	return []byte{byte(lane >> 24), byte(lane >> 16), byte(lane >> 8), byte(lane), sealed}
}

// Restore takes a piece, or the age of a session.
func (c *Sessions) Restore(op string, key, value []byte) error {
	if op == ageOp(c.w) {
		return c.restoreAge(key, value)
	}
	if len(key) < 5 {
		return errPiece(c.w, key)
	}
	lane := int(key[0])<<24 | int(key[1])<<16 | int(key[2])<<8 | int(key[3])
	switch {
	case lane >= len(c.tasks) || key[4] > 1 || key[4] == 0 && c.tasks[lane] == nil:
		return errPiece(c.w, key)
	case key[4] == 0:
		return c.tasks[lane].pieces.Restore(key[5:], value)
	}
	return c.x.Lanes[lane].Restore(key[5:], value)
}

func errPiece(w *windowOp, key []byte) error {
	return fmt.Errorf("restore %s: no partition has a session with the key %x", w.op.Name, key)
}

// Restored puts the pieces in their places.
func (c *Sessions) Restored() {
	for _, w := range c.tasks {
		if w != nil {
			w.pieces.Restored()
		}
		if w != nil && c.below != nil { // no task counts them
			*w.held += int64(w.pieces.Len())
			c.m.e.held.Add(*w.held)
		}
	}
	c.x.Restored()
	c.m.e.held.Add(c.sealed())
}

// Forget lets go of what was restored.
func (c *Sessions) Forget() {
	for lane, w := range c.tasks {
		c.x.Lanes[lane].Forget()
		if w != nil {
			w.pieces.Forget()
		}
	}
}

// Held is the pieces of all sessions, and their memory.
func (c *Sessions) Held() (rows, bytes int64) {
	for lane, s := range c.x.Lanes {
		rows, bytes = rows+int64(s.Len()), bytes+s.Size()
		if w := c.tasks[lane]; w != nil {
			rows, bytes = rows+int64(w.pieces.Len()), bytes+w.pieces.Size()
		}
	}
	return rows, bytes
}

func (c *Sessions) watch() {
	for lane, s := range c.x.Lanes {
		s.Watch()
		if w := c.tasks[lane]; w != nil {
			w.pieces.Watch()
		}
	}
}

// noteChanged has all previews owe the sessions of keys of which some piece changed.
func (c *Sessions) noteChanged() {
	owed := make([]*agg.Groups, len(c.previews))
	for i, v := range c.previews {
		owed[i] = c.owedBy(v)
	}
	c.x.Keys(c.lanes(), true, owed...)
}

func (c *Sessions) owedBy(v *preview) *agg.Groups {
	if v.owed == nil {
		v.owed = agg.NewGroups(c.w.keys)
	}
	return v.owed
}

func (c *Sessions) markAll(v *preview) { c.openKeys(false, c.owedBy(v)) }

func (c *Sessions) isStale(v *preview) bool { return v.owed != nil && v.owed.Len() > 0 }

// take makes the open sessions of keys that are owed one window, for each has its own start and end.
func (c *Sessions) take(v *preview) {
	owed := c.owedBy(v)
	if owed.Len() == 0 {
		return
	}
	now, rest := agg.NewGroups(c.w.keys), agg.NewGroups(c.w.keys)
	keys := owed.Keys()
	cols := make([]*column.Vector, len(keys))
	for i := range keys {
		cols[i] = &keys[i]
	}
	rows := make([]uint32, owed.Len())
	for i := range rows {
		rows[i] = uint32(i)
	}
	n := min(len(rows), previewRows)
	now.Slots(cols, rows[:n], nil)
	rest.Slots(cols, rows[n:], nil)
	v.owed = rest
	w := v.window(0)
	if c.fillOpen(now, w.hash); w.hash.Len() == 0 {
		v.windows = v.windows[:0]
	}
}
