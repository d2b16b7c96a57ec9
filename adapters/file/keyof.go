package file

import "bytes"

// KeyOf returns the key of one record as the reading of a file finds it: the text of the top-level
// member of that name; nil when there is none.
func KeyOf(field string, value []byte) []byte {
	k := keyFinder{field: field}
	return bytes.Clone(k.find(value))
}
