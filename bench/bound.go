package bench

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"runtime"
	"strconv"
	"sync"
	"time"
	"unsafe"
)

// The bound is what a program reaches that is written by hand for the tutorial's three queries and
// this one shape of record: it has the file in memory, cuts each record at the places where its
// fields must be, folds it into Go maps, and does nothing else. It knows no late rows, no other
// shape, no checkpoint, no SQL and no log.

// stretches is the constant text before each of a record's fields.
var stretches = [...]string{
	`{"event_id": "`, `", "timestamp": "`, `", "user_id": "`, `", "user_segment": "`, `", "product_id": `, `, "product_name": "`,
	`", "category": "`, `", "quantity": `, `, "unit_price": `, `, "base_amount": `, `, "discount_rate": `, `, "discount_amount": `,
	`, "final_amount": `, `, "region": "`, `", "device": "`, `", "payment_method": "`,
}

// The places of the fields that the queries need.
const (
	fieldTime     = 1
	fieldUser     = 2
	fieldSegment  = 3
	fieldCategory = 6
	fieldQuantity = 7
	fieldRate     = 10
	fieldFinal    = 12
	fieldRegion   = 13
)

var errShape = errors.New("measure the bound: a record has another shape than the generator's")

type saleKey struct {
	minute           int64
	category, region string
}

type sale struct {
	orders int64
	total  float64
	users  map[uint64]struct{}
}

type segmentKey struct {
	window  int64
	segment string
}

type segment struct {
	orders, items int64
	revenue, rate float64
}

// boundWorker is the state of one worker.
type boundWorker struct {
	seed      maphash.Seed
	sales     map[saleKey]*sale
	segments  map[segmentKey]*segment
	anomalies int64
	rows      int64
	err       error
}

func newBoundWorker() *boundWorker {
	return &boundWorker{seed: maphash.MakeSeed(), sales: map[saleKey]*sale{}, segments: map[segmentKey]*segment{}}
}

// scan takes whole lines.
func (w *boundWorker) scan(data []byte) {
	var field [len(stretches)][]byte
	for len(data) > 0 {
		rest := data
		for i, s := range stretches {
			if len(rest) < len(s) || string(rest[:len(s)]) != s {
				w.err = errShape
				return
			}
			rest = rest[len(s):]
			end := byte('"')
			if i+1 < len(stretches) {
				end = stretches[i+1][0]
			}
			n := bytes.IndexByte(rest, end)
			if n < 0 {
				w.err = errShape
				return
			}
			field[i], rest = rest[:n], rest[n:]
		}
		if len(rest) < 3 || rest[2] != '\n' {
			w.err = errShape
			return
		}
		data = rest[3:]
		w.rows++
		w.fold(&field)
	}
}

// fold takes one record into the three queries.
func (w *boundWorker) fold(field *[len(stretches)][]byte) {
	seconds := secondsOf(field[fieldTime])
	amount, err1 := strconv.ParseFloat(view(field[fieldFinal]), 64)
	rate, err2 := strconv.ParseFloat(view(field[fieldRate]), 64)
	quantity, err3 := strconv.ParseInt(view(field[fieldQuantity]), 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		w.err = errShape
	}
	sk := saleKey{seconds / 60, view(field[fieldCategory]), view(field[fieldRegion])}
	s := w.sales[sk]
	if s == nil {
		s = &sale{users: map[uint64]struct{}{}}
		w.sales[saleKey{sk.minute, string(field[fieldCategory]), string(field[fieldRegion])}] = s
	}
	s.orders++
	s.total += amount
	s.users[maphash.Bytes(w.seed, field[fieldUser])] = struct{}{}
	gk := segmentKey{seconds / 120, view(field[fieldSegment])}
	g := w.segments[gk]
	if g == nil {
		g = &segment{}
		w.segments[segmentKey{gk.window, string(field[fieldSegment])}] = g
	}
	g.orders++
	g.items += quantity
	g.revenue += amount
	g.rate += rate
	if amount > 50000 {
		w.anomalies++
	}
}

// view is bytes as a string, without a copy.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// secondsOf reads 2026-01-01T00:00:00 to seconds since 1970.
func secondsOf(t []byte) int64 {
	two := func(i int) int64 { return int64(t[i]-'0')*10 + int64(t[i+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	// Counted from March, a leap day is the last day of its year.
	if month += 9; month >= 12 {
		month -= 12
	} else {
		year--
	}
	days := year*365 + year/4 - year/100 + year/400 + (month*306+5)/10 + day - 1 - 719468
	return ((days*24+two(11))*60+two(14))*60 + two(17)
}

// bound runs the program over a file in memory with as many workers as cores and returns how long it
// took, the best of three.
func bound(data []byte, cores int, want int64) (time.Duration, error) {
	before := runtime.GOMAXPROCS(cores)
	defer runtime.GOMAXPROCS(before)
	best := time.Duration(0)
	for range 3 {
		begin := time.Now()
		workers := make([]*boundWorker, cores)
		var wg sync.WaitGroup
		at := 0
		for i := range workers {
			end := len(data) * (i + 1) / cores
			if i < cores-1 {
				end += bytes.IndexByte(data[end:], '\n') + 1
			}
			chunk := data[at:end]
			at = end
			workers[i] = newBoundWorker()
			wg.Go(func() { workers[i].scan(chunk) })
		}
		wg.Wait()
		took := time.Since(begin)
		rows := int64(0)
		for _, w := range workers {
			if w.err != nil {
				return 0, w.err
			}
			rows += w.rows
		}
		if rows != want {
			return 0, fmt.Errorf("measure the bound: it found %d records of %d", rows, want)
		}
		if best == 0 || took < best {
			best = took
		}
	}
	return best, nil
}
