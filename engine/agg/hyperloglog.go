package agg

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/nagare-stream/nagare/engine/column"
)

// The precisions of approx_count_distinct: 2^precision registers of a byte. The default is that of a
// relative standard deviation of 0.05.
const (
	leastPrecision   = 4
	mostPrecision    = 20
	defaultPrecision = 9
)

// Precision is the precision for a relative standard deviation; false: there is none, since it is above 0.39
// or so small that a count would take more than a megabyte.
func Precision(deviation float64) (int, bool) {
	p := math.Ceil(2 * math.Log(1.106/deviation) / math.Ln2)
	return int(p), p >= leastPrecision && p <= mostPrecision
}

// hyperloglog is approx_count_distinct over hashes of the values (xxhash64 with seed 42): HyperLogLog++
// without its sparse form, as Spark computes it. A state does not depend on the order of its values, nor on
// how they were split.
type hyperloglog struct {
	registers [][]byte // by slot; nil: no value yet
	precision int
	asks      column.Grow
}

func (a *hyperloglog) Grow(slots int)       { a.registers = extend(a.registers, slots) }
func (a *hyperloglog) ask(asks column.Grow) { a.asks = asks }

func (a *hyperloglog) Update(slots, rows []uint32, in *column.Vector) {
	p := a.precision
	for i, s := range slots {
		r := rows[i]
		if isNull(in.Null, r) {
			continue
		}
		h := uint64(in.Int[r])
		zeros := byte(bits.LeadingZeros64(h<<p|1<<(p-1)) + 1)
		if m := a.of(s); m[h>>(64-p)] < zeros {
			m[h>>(64-p)] = zeros
		}
	}
}

// of is the registers of a slot, made where they are not there.
func (a *hyperloglog) of(slot uint32) []byte {
	if a.registers[slot] == nil {
		if a.asks != nil {
			askFor(a.asks, 1<<a.precision)
		}
		a.registers[slot] = make([]byte, 1<<a.precision)
	}
	return a.registers[slot]
}

func (a *hyperloglog) Merge(dst uint32, from Aggregate, src uint32) {
	other := from.(*hyperloglog).registers[src]
	if other == nil {
		return
	}
	m := a.of(dst)
	for i, x := range other {
		m[i] = max(m[i], x)
	}
}

func (a *hyperloglog) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		n := int64(0)
		if m := a.registers[s]; m != nil {
			n = int64(math.Floor(estimate(m, a.precision) + 0.5))
		}
		dst.AppendInt(n)
	}
}

// estimate is the number of distinct values behind registers.
func estimate(registers []byte, p int) float64 {
	m, sum, zero := float64(len(registers)), 0.0, 0.0
	for _, x := range registers {
		sum += 1 / float64(uint64(1)<<x)
		if x == 0 {
			zero++
		}
	}
	alpha := 0.7213 / (1 + 1.079/m)
	if p <= 6 {
		alpha = [...]float64{0.673, 0.697, 0.709}[p-leastPrecision]
	}
	raw := alpha * m * m / sum
	tables, known := biases(p)
	count := raw
	if known && raw < 5*m {
		count = raw - tables.bias(raw)
	}
	if zero > 0 { // linear counting, up to 2.5 m as in the HyperLogLog of before too
		if h := m * math.Log(m/zero); raw <= 2.5*m || known && h <= tables.threshold {
			return h
		}
	}
	return count
}

// biasTable is what the raw estimate of a precision is too large by, as the authors of HyperLogLog++ have
// measured it.
type biasTable struct {
	raw, over []float64
	threshold float64 // up to which linear counting is better
}

//go:embed hyperloglog.txt
var biasText string

// biasTables are those of the precisions from 4 to 18: two lines each of the text.
var biasTables = sync.OnceValue(func() []biasTable {
	thresholds := []float64{10, 20, 40, 80, 220, 400, 900, 1800, 3100, 6500, 15500, 20000, 50000, 120000, 350000}
	lines := strings.Split(biasText, "\n")
	tables := make([]biasTable, len(thresholds))
	numbers := func(line string) (list []float64) {
		for _, word := range strings.Fields(line) {
			x, err := strconv.ParseFloat(word, 64)
			if err != nil {
				panic("BUG: hyperloglog.txt: " + err.Error())
			}
			list = append(list, x)
		}
		return list
	}
	for i := range tables {
		tables[i] = biasTable{raw: numbers(lines[2*i]), over: numbers(lines[2*i+1]), threshold: thresholds[i]}
	}
	return tables
})

func biases(p int) (biasTable, bool) {
	if i := p - leastPrecision; i < len(biasTables()) {
		return biasTables()[i], true
	}
	return biasTable{}, false
}

// bias is the mean of the six nearest.
func (t biasTable) bias(raw float64) float64 {
	const nearest = 6
	distance := func(i int) float64 { return (raw - t.raw[i]) * (raw - t.raw[i]) }
	low := max(sort.SearchFloat64s(t.raw, raw)-nearest+1, 0)
	high := min(low+nearest, len(t.raw))
	for high < len(t.raw) && distance(high) < distance(low) {
		low, high = low+1, high+1
	}
	sum := 0.0
	for _, x := range t.over[low:high] {
		sum += x
	}
	return sum / float64(high-low)
}

func (a *hyperloglog) Reset(slot uint32) { a.registers[slot] = nil }
func (a *hyperloglog) Clear(release bool) {
	clear(a.registers)
	a.registers = cleared(a.registers, release)
}

func (a *hyperloglog) Size() int64 {
	size := int64(cap(a.registers)) * 24
	for _, m := range a.registers {
		size += int64(len(m))
	}
	return size
}

// AppendState writes each register that is not 0, as its distance from the one before and its value.
func (a *hyperloglog) AppendState(dst []byte, slot uint32) []byte {
	last := 0
	for i, x := range a.registers[slot] {
		if x > 0 {
			dst = append(binary.AppendUvarint(dst, uint64(i-last)), x)
			last = i
		}
	}
	return dst
}

func (a *hyperloglog) SetState(slot uint32, src []byte) error {
	a.Reset(slot)
	for last := uint64(0); len(src) > 0; {
		step, rest, err := readUvarint(src)
		if err == nil && len(rest) == 0 {
			err = errShort
		}
		if err == nil && (step >= 1<<a.precision-last || rest[0] == 0 || int(rest[0]) > 65-a.precision) {
			err = errValue
		}
		if err != nil {
			return fmt.Errorf("read state of approx_count_distinct: %w", err)
		}
		last += step
		a.of(slot)[last], src = rest[0], rest[1:]
	}
	return nil
}
