package store

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// bbolt has checksums for its first two pages only: of a flipped bit elsewhere it says nothing. So each value
// is followed by a checksum of its key and itself, and beside the checkpoint stands, for each operator,
// how many entries it has and the sum of their checksums: what is missing, or comes from an older page,
// is seen as well.
//
//	op:NAME     key → value | CRC-32C of NAME, key and value (4 bytes)
//	meta        checkpoint → JSON | CRC-32C
//	            sums → for each operator: uvarint length, NAME, uvarint entries, sum (8 bytes) | CRC-32C
const sumSize = 4

var (
	keySums    = []byte("sums")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errSum     = errors.New("the checksum of an entry is wrong")
)

// An opSum tells the entries of an operator from any others.
type opSum struct {
	entries int64
	sum     uint64
}

func (o *opSum) add(sum uint32)    { o.entries, o.sum = o.entries+1, o.sum+uint64(sum) }
func (o *opSum) remove(sum uint32) { o.entries, o.sum = o.entries-1, o.sum-uint64(sum) }

// removeStored takes away an entry that is stored, if it is.
func (o *opSum) removeStored(v []byte) {
	if len(v) >= sumSize {
		o.remove(storedSum(v))
	}
}

func storedSum(v []byte) uint32 { return binary.LittleEndian.Uint32(v[len(v)-sumSize:]) }

// entrySum is the checksum of a stored key and a stored value, without its checksum.
func entrySum(bucket, k, v []byte) uint32 {
	return crc32.Update(crc32.Update(crc32.Checksum(bucket, castagnoli), castagnoli, k), castagnoli, v)
}

// seal appends the checksum to a value.
func seal(bucket, k, v []byte) []byte {
	sum := entrySum(bucket, k, v)
	return binary.LittleEndian.AppendUint32(v, sum)
}

// unseal returns a value without its checksum, which has to be right.
func unseal(bucket, k, v []byte) ([]byte, error) {
	if len(v) < sumSize || storedSum(v) != entrySum(bucket, k, v[:len(v)-sumSize]) {
		return nil, errSum
	}
	return v[: len(v)-sumSize : len(v)-sumSize], nil
}

// parseSums reads what writeSums wrote.
func parseSums(text []byte) (map[string]*opSum, error) {
	sums := map[string]*opSum{}
	if text == nil {
		return sums, nil
	}
	text, err := unseal(metaBucket, keySums, text)
	if err != nil {
		return nil, err
	}
	for len(text) > 0 {
		n, w := binary.Uvarint(text)
		if w <= 0 || uint64(len(text)-w) < n {
			return nil, errSum
		}
		name := string(text[w : w+int(n)])
		text = text[w+int(n):]
		entries, w := binary.Uvarint(text)
		if w <= 0 || len(text)-w < 8 {
			return nil, errSum
		}
		sums[name] = &opSum{int64(entries), binary.LittleEndian.Uint64(text[w:])}
		text = text[w+8:]
	}
	return sums, nil
}

// writeSums puts the sums beside the checkpoint.
func writeSums(meta *bolt.Bucket, sums map[string]*opSum) error {
	names := make([]string, 0, len(sums))
	for name, s := range sums {
		if s.entries != 0 || s.sum != 0 {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, strings.Compare)
	var text []byte
	for _, name := range names {
		text = binary.AppendUvarint(text, uint64(len(name)))
		text = binary.AppendUvarint(append(text, name...), uint64(sums[name].entries))
		text = binary.LittleEndian.AppendUint64(text, sums[name].sum)
	}
	return meta.Put(keySums, seal(metaBucket, keySums, text))
}
