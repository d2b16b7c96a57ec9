package join

import (
	"cmp"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"slices"

	"github.com/nagare-stream/nagare/engine/state"
)

// What a checkpoint keeps of a join, by the length of the key:
//
//	1 byte    counts, and the time of Closed
//	4         lane → numbers of the row that comes next and of the one that is taken next
//	12        lane, number → a row
//	13        the same and a 1 → nothing: the row has had a partner since it was written
const (
	metaKey = 1
	laneKey = 4
	rowKey  = 4 + 8
	toldKey = rowKey + 1
)

func appendRowKey(dst []byte, lane int32, number uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(dst, uint32(lane)), number)
}

// Cut writes what changed since the last cut. A row that came and went between two is never written.
func (j *Join) Cut(put func(key, value []byte), remove func(key []byte)) {
	var key, value []byte
	changed := j.log.meta
	for i := range j.lanes {
		l := &j.lanes[i]
		if !l.changed {
			continue
		}
		changed, l.changed = true, false
		key = binary.BigEndian.AppendUint32(key[:0], uint32(i))
		value = binary.AppendUvarint(binary.AppendUvarint(value[:0], l.next), l.taken)
		put(key, value)
	}
	for _, g := range j.log.gone {
		key = appendRowKey(key[:0], g.lane, g.number)
		remove(key)
		if g.told {
			remove(append(key, 1))
		}
	}
	changed = changed || len(j.log.gone) > 0
	j.log.gone, j.log.meta = j.log.gone[:0], false
	if changed {
		value = state.AppendOrdered(value[:0], j.closed)
		for _, c := range j.count {
			for _, n := range []int64{c.Rows, c.Joined, c.Unmatched} {
				value = binary.AppendVarint(value, n)
			}
		}
		put([]byte{0}, value)
	}
	for i := range j.rows.list {
		r := &j.rows.list[i]
		switch {
		case r.state == free:
		case r.flags&stored == 0:
			value = append(value[:0], r.flags)
			for _, x := range []int64{r.mark, r.time, r.appended} {
				value = state.AppendOrdered(value, x)
			}
			value = binary.AppendUvarint(value, uint64(r.key))
			value = append(value, j.rows.content(r)...)
			key = appendRowKey(key[:0], r.lane, r.number)
			put(key, value)
			if r.flags |= stored; r.flags&matched != 0 {
				r.flags |= inRow
			}
		case r.flags&matched != 0 && r.flags&(told|inRow) == 0:
			key = append(appendRowKey(key[:0], r.lane, r.number), 1)
			put(key, nil)
			r.flags |= told
		}
	}
}

var errState = errors.New("an entry of its state is not whole")

// Restore takes an entry that Cut has put, in the order of the keys; Restored follows the last one.
func (j *Join) Restore(key, value []byte) error {
	if len(key) == metaKey {
		return j.restoreMeta(value)
	}
	if len(key) < laneKey || int(binary.BigEndian.Uint32(key)) >= len(j.lanes) {
		return errState
	}
	at := int32(binary.BigEndian.Uint32(key))
	switch len(key) {
	case laneKey:
		next, n := binary.Uvarint(value)
		taken, m := binary.Uvarint(value[max(n, 0):])
		if n <= 0 || m <= 0 {
			return errState
		}
		j.lanes[at].next, j.lanes[at].taken = next, taken
		return nil
	case rowKey:
		return j.restoreRow(at, binary.BigEndian.Uint64(key[4:]), value)
	case toldKey:
		if n := len(j.rows.list); n > 0 {
			if r := &j.rows.list[n-1]; r.lane == at && r.number == binary.BigEndian.Uint64(key[4:]) {
				r.flags |= matched | told
				return nil
			}
		}
	}
	return errState
}

func (j *Join) restoreMeta(value []byte) error {
	if len(value) < 8 {
		return errState
	}
	j.closed = state.Ordered(value)
	value = value[8:]
	for side := range j.count {
		c := &j.count[side]
		for _, to := range []*int64{&c.Rows, &c.Joined, &c.Unmatched} {
			x, n := binary.Varint(value)
			if n <= 0 {
				return errState
			}
			*to, value = x, value[n:]
		}
	}
	return nil
}

func (j *Join) restoreRow(at int32, number uint64, value []byte) error {
	const fixed = 1 + 3*8
	if len(value) < fixed || number >= j.lanes[at].next {
		return errState
	}
	n, used := binary.Uvarint(value[fixed:])
	if used <= 0 || n > uint64(len(value)-fixed-used) {
		return errState
	}
	data := value[fixed+used:]
	i := j.rows.add(data)
	r := j.rows.at(i)
	r.flags = value[0]&(nullKey|matched) | stored
	if r.flags&matched != 0 {
		r.flags |= inRow
	}
	r.mark, r.time, r.appended = state.Ordered(value[1:]), state.Ordered(value[9:]), state.Ordered(value[17:])
	r.key, r.lane, r.number, r.state = uint32(n), at, number, pending
	r.hash = maphash.Bytes(seed, data[:n])
	return nil
}

// Restored puts the rows in their places, which follow from what was restored.
func (j *Join) Restored() {
	list := make([]int32, len(j.rows.list))
	for i := range list {
		list[i] = int32(i)
	}
	slices.SortFunc(list, func(a, b int32) int {
		x, y := j.rows.at(a), j.rows.at(b)
		return cmp.Or(cmp.Compare(x.mark, y.mark), cmp.Compare(x.lane, y.lane), cmp.Compare(x.number, y.number))
	})
	for _, i := range list {
		r := j.rows.at(i)
		l := &j.lanes[r.lane]
		switch {
		case r.number >= l.taken:
			l.queue.push(i)
		default:
			r.order = j.taken
			j.taken++
			j.keep(i, j.spec.Sides[r.lane])
		}
	}
}
