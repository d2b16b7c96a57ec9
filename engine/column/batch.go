package column

// Batch is a set of columns of one length.
type Batch struct {
	Schema *Schema
	Len    int
	Cols   []Vector
	Sel    []uint32 // rows still alive, ascending
	Marks  []int64  // watermark just before each row, microseconds; see package window
}

// Reset empties the batch, keeps its memory and gives it a schema.
func (b *Batch) Reset(s *Schema) {
	b.Schema, b.Len, b.Sel, b.Marks = s, 0, b.Sel[:0], b.Marks[:0]
	b.Cols = resize(b.Cols, len(s.Fields))
	for i := range s.Fields {
		b.Cols[i].Reset(s.Fields[i].Type)
	}
}

// SelectAll makes every row of the batch alive.
func (b *Batch) SelectAll() {
	b.Sel = resize(b.Sel, b.Len)
	for i := range b.Sel {
		b.Sel[i] = uint32(i)
	}
}

// AppendRow appends row i of src, which has the same schema.
func (b *Batch) AppendRow(src *Batch, i int) {
	for c := range b.Cols {
		b.Cols[c].AppendFrom(&src.Cols[c], i)
	}
	b.Len++
}

// Bytes is byte strings laid end to end: string i is Data[Ends[i-1]:Ends[i]], with Ends[-1] = 0.
// Null, where present, marks strings that are NULL (a record without a key, a tombstone).
//
// With Starts they lie anywhere in the memory of somebody else, in order: string i is
// Data[Starts[i]:Ends[i]]. Nothing may be appended to such by the methods that copy.
type Bytes struct {
	Data   []byte
	Starts []uint32 // empty: laid end to end
	Ends   []uint32
	Null   []uint64

	Slack Slack // of its memory
}

// Len is the number of strings.
func (b *Bytes) Len() int { return len(b.Ends) }

// At returns string i, valid until the next Read or Reset; nil when it is NULL.
func (b *Bytes) At(i int) []byte {
	if b.IsNull(i) {
		return nil
	}
	start := b.Start(i)
	if b.Data == nil { // nothing but empty strings so far: a slice of it would be nil, which is NULL
		return []byte{}
	}
	return b.Data[start:b.Ends[i]:b.Ends[i]]
}

// Start is where string i begins in Data.
func (b *Bytes) Start(i int) uint32 {
	switch {
	case len(b.Starts) > 0:
		return b.Starts[i]
	case i > 0:
		return b.Ends[i-1]
	}
	return 0
}

// IsNull reports whether string i is NULL.
func (b *Bytes) IsNull(i int) bool {
	return i>>6 < len(b.Null) && b.Null[i>>6]&(1<<(uint(i)&63)) != 0
}

// Append appends a copy of s; nil appends a NULL.
func (b *Bytes) Append(s []byte) {
	if s == nil {
		b.AppendNull()
		return
	}
	b.Data = append(b.Data, s...)
	b.Ends = append(b.Ends, uint32(len(b.Data)))
}

// AppendNull appends a NULL.
func (b *Bytes) AppendNull() {
	b.Ends = append(b.Ends, uint32(len(b.Data)))
	b.SetNull(len(b.Ends) - 1)
}

// AppendSpan appends a string that lies somewhere in Data, which may be set later; a NULL if it ends before
// it starts.
func (b *Bytes) AppendSpan(start, end uint32) {
	b.Starts, b.Ends = append(b.Starts, start), append(b.Ends, max(start, end))
	if end < start {
		b.SetNull(len(b.Ends) - 1)
	}
}

// SetNull makes string i NULL, or the one that is going to have that number.
func (b *Bytes) SetNull(i int) {
	for len(b.Null) <= i>>6 {
		b.Null = append(b.Null, 0)
	}
	b.Null[i>>6] |= 1 << (uint(i) & 63)
}

// Close ends the string whose bytes were appended to Data directly.
func (b *Bytes) Close() { b.Ends = append(b.Ends, uint32(len(b.Data))) }

// Reset empties the strings and keeps the memory, but not that of somebody else, nor what a burst has left: see Slack.
func (b *Bytes) Reset() {
	if b.Slack.Note(len(b.Data)+4*len(b.Ends), cap(b.Data)+4*cap(b.Ends)) {
		b.Data, b.Ends, b.Null, b.Starts = nil, nil, nil, nil
	}
	b.Data, b.Ends, b.Null = b.Data[:0], b.Ends[:0], b.Null[:0]
	if len(b.Starts) > 0 {
		b.Data, b.Starts = nil, b.Starts[:0]
	}
}
