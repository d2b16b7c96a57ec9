package plan

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/sql"
)

// leastQueryMemory is the least that queries can work with.
const leastQueryMemory = 16 << 20

// bytes reads "512 MB" into dst, which keeps its value at a fault.
func (r *resolver) bytes(s Setting, least int64, dst *int64) bool {
	n, ok := parseBytes(s.Value)
	if !ok {
		r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("%s is %q, which is no size", s.Key, s.Value), Hint: `write a number and a unit: "512 MB", "2 GB"`})
		return false
	}
	if n < least {
		r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("%s is %q, and it is %d MB at least", s.Key, s.Value, least>>20)})
		return false
	}
	*dst = n
	return true
}

// parseBytes reads a size as Spark does: units are powers of 1,024, and a number without one is bytes.
func parseBytes(text string) (int64, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	end := len(text)
	for end > 0 && text[end-1] >= 'a' && text[end-1] <= 'z' {
		end--
	}
	shift, ok := map[string]uint{"": 0, "b": 0, "k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20, "g": 30, "gb": 30, "gib": 30, "t": 40, "tb": 40, "tib": 40}[text[end:]]
	n, err := strconv.ParseInt(strings.TrimSpace(text[:end]), 10, 64)
	if !ok || err != nil || n < 0 || n > math.MaxInt64>>shift {
		return 0, false
	}
	return n << shift, true
}
