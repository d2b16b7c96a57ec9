package file

import (
	"encoding/json"
	"time"
)

var testStart = time.Date(2026, 2, 3, 9, 0, 0, 0, time.UTC)

func quoted(b []byte) []byte {
	q, _ := json.Marshal(string(b))
	return q
}
