package bench

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// pools is the memory of fetched batches, used again once all records of a batch are taken.
type pools struct {
	records recordPool
	members memberPool
	packed  packedPool
}

type (
	recordPool struct{ sync.Pool }
	memberPool struct{ sync.Pool }
	packedPool struct{ sync.Pool }
)

// GetRecords returns room for n records.
func (p *recordPool) GetRecords(n int) []kgo.Record { return room[kgo.Record](&p.Pool, n) }

// PutRecords takes it back.
func (p *recordPool) PutRecords(s []kgo.Record) { p.Put(&s) }

// GetKRecords returns room for n records as they are on the wire.
func (p *memberPool) GetKRecords(n int) []kmsg.Record { return room[kmsg.Record](&p.Pool, n) }

// PutKRecords takes it back.
func (p *memberPool) PutKRecords(s []kmsg.Record) { p.Put(&s) }

// GetDecompressBytes returns room for a batch, of which it is known only how large it is compressed.
func (p *packedPool) GetDecompressBytes(packed []byte, _ kgo.CompressionCodecType) []byte {
	return room[byte](&p.Pool, 8*len(packed))
}

// PutDecompressBytes takes it back.
func (p *packedPool) PutDecompressBytes(s []byte) { p.Put(&s) }

func room[T any](p *sync.Pool, n int) []T {
	if s, ok := p.Get().(*[]T); ok && cap(*s) >= n {
		return (*s)[:0]
	}
	return make([]T, 0, n)
}

// reuse is the setting of a client that uses the memory of its fetches again; whoever reads with it
// recycles each record.
func reuse() kgo.Opt {
	p := &pools{}
	return kgo.WithPools(&p.records, &p.members, &p.packed)
}
