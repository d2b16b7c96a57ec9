//go:build race

package broker

import (
	"github.com/nagare-stream/nagare/engine/record"
)

// spoil overwrites what was valid until the next Read, so that a test notices who kept it.
func spoil(r *record.Records) {
	for _, b := range [][]byte{r.Keys.Data, r.Values.Data, r.Headers.Data} {
		for i := range b {
			b[i] = 0xdb
		}
	}
}
