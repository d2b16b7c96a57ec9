package join

// A row is one that waits in a lane, or is kept to find partners. Its bytes are its key and its columns.
type row struct {
	mark, time, appended int64
	hash                 uint64
	number               uint64 // within its lane, from 0
	order                uint64 // in which it was taken
	next, prev           int32  // rows of the same hash and side, in order
	lane                 int32
	block                int32
	from, length, key    uint32
	asked                uint32 // the newest output of which it is part and not judged yet
	state                uint8
	flags                uint8
}

// The states of a row.
const (
	free    uint8 = iota
	pending       // in its lane
	kept
)

// Flags of a row.
const (
	nullKey uint8 = 1 << iota // it equals nothing
	matched                   // it has had a partner
	stored                    // the store has it
	told                      // the store has an entry that it is matched
	inRow                     // the store has that with the row
)

const none = -1

// blockBytes is what rows' bytes are kept in; a longer row has a block of its own.
const blockBytes = 64 << 10

// A block holds the bytes of rows; it is used again once none of them is left.
type block struct {
	data []byte
	live int
}

// rows is the memory of all rows of a join.
type rows struct {
	list   []row
	spare  []int32 // free places in list
	blocks []block
	filled int32   // the block that is filled; none before the first
	empty  []int32 // blocks
	live   int
	began  bool
}

func (r *rows) at(i int32) *row { return &r.list[i] }

// content is a row's bytes.
func (r *rows) content(x *row) []byte {
	return r.blocks[x.block].data[x.from : x.from+x.length]
}

// keyOf is the bytes of a row's key.
func (r *rows) keyOf(x *row) []byte { return r.content(x)[:x.key] }

// add makes a row of bytes, which are copied.
func (r *rows) add(data []byte) int32 {
	var i int32
	if n := len(r.spare); n > 0 {
		i, r.spare = r.spare[n-1], r.spare[:n-1]
	} else {
		i = int32(len(r.list))
		r.list = append(r.list, row{})
	}
	b := r.room(len(data))
	at := &r.blocks[b]
	r.list[i] = row{next: none, prev: none, block: b, from: uint32(len(at.data)), length: uint32(len(data))}
	at.data = append(at.data, data...)
	at.live++
	r.live++
	return i
}

// room is a block that takes n bytes more.
func (r *rows) room(n int) int32 {
	if r.began {
		if b := &r.blocks[r.filled]; cap(b.data)-len(b.data) >= n {
			return r.filled
		}
		if r.blocks[r.filled].live == 0 {
			r.release(r.filled)
		}
	}
	r.began = true
	if k := len(r.empty); k > 0 && n <= blockBytes {
		r.filled, r.empty = r.empty[k-1], r.empty[:k-1]
		if cap(r.blocks[r.filled].data) == 0 {
			r.blocks[r.filled].data = make([]byte, 0, blockBytes)
		}
		return r.filled
	}
	r.filled = int32(len(r.blocks))
	r.blocks = append(r.blocks, block{data: make([]byte, 0, max(n, blockBytes))})
	return r.filled
}

// remove lets go of a row.
func (r *rows) remove(i int32) {
	x := &r.list[i]
	b := &r.blocks[x.block]
	b.live--
	if b.live == 0 && x.block != r.filled {
		r.release(x.block)
	}
	x.state = free
	r.spare = append(r.spare, i)
	r.live--
}

// keptEmpty is how many empty blocks keep their memory.
const keptEmpty = 64

// release has an empty block used again.
func (r *rows) release(i int32) {
	b := &r.blocks[i]
	if cap(b.data) > blockBytes || len(r.empty) >= keptEmpty {
		b.data = nil
	}
	b.data = b.data[:0]
	r.empty = append(r.empty, i)
}

// rowBytes is what a row takes beside its bytes: itself, its place in the table of keys and its deadline.
const rowBytes = 96 + 48 + 24

func (r *rows) bytes() int64 {
	n := int64(len(r.list)) * rowBytes
	for i := range r.blocks {
		n += int64(cap(r.blocks[i].data))
	}
	return n
}
