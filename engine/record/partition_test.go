package record_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/nagare-stream/nagare/engine/record"
)

// The expected values are those of Kafka's own UtilsTest for murmur2, made positive.
func TestPartitionOfAgreesWithKafka(t *testing.T) {
	const wide = 1 << 30 // so that all bits but one of the hash are seen
	for key, hash := range map[string]int32{
		"21":                         -973932308,
		"foobar":                     -790332482,
		"a-little-bit-long-string":   -985981536,
		"a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	} {
		want := int32((uint32(hash) & 0x7fffffff) % wide)
		if got := record.PartitionOf([]byte(key), wide); got != want {
			t.Errorf("PartitionOf(%q, %d) = %d, want %d", key, wide, got, want)
		}
	}
}

// The golden events were partitioned by another program.
func TestPartitionOfAgreesWithGoldenEvents(t *testing.T) {
	f, err := os.Open("../../testdata/golden/clean.ndjson.gz")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("testdata/golden/clean.ndjson.gz is not there")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(zr)
	lines.Buffer(nil, 4<<20)
	n := 0
	for lines.Scan() {
		var e struct {
			Partition int32
			Key       *string
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if e.Key == nil {
			continue
		}
		n++
		if got := record.PartitionOf([]byte(*e.Key), 3); got != e.Partition {
			t.Fatalf("PartitionOf(%q, 3) = %d, the event lies in %d", *e.Key, got, e.Partition)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if n < 1000 {
		t.Fatalf("only %d events with a key were compared", n)
	}
}

func TestPartitionOfAllocatesNothing(t *testing.T) {
	key := []byte("user_4711")
	if n := testing.AllocsPerRun(100, func() { record.PartitionOf(key, 3) }); n != 0 {
		t.Errorf("%v allocations a key", n)
	}
}
