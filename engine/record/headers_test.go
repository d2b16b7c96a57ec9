package record

import (
	"fmt"
	"testing"
)

// TestHeadersReadBack: headers read back as they were written, and those of a record that is cut off anywhere as
// far as they go.
func TestHeadersReadBack(t *testing.T) {
	var b []byte
	want := []string{`"" ""`, `"a" NULL`, `"long" "` + fmt.Sprintf("%0300d", 7) + `"`, `"a" "\x00\xff"`}
	b = AppendHeader(b, nil, []byte{})
	b = AppendHeader(b, []byte("a"), nil)
	b = AppendHeader(b, []byte("long"), fmt.Appendf(nil, "%0300d", 7))
	b = AppendHeader(b, []byte("a"), []byte{0, 0xff})
	for n := range len(b) + 1 {
		var got []string
		EachHeader(b[:n], func(key, value []byte) {
			text := "NULL"
			if value != nil {
				text = fmt.Sprintf("%q", value)
			}
			got = append(got, fmt.Sprintf("%q %s", key, text))
		})
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("header %d of %d bytes is %s, want %s", i, n, got[i], want[i])
			}
		}
		if n == len(b) && len(got) != len(want) {
			t.Errorf("%d headers, want %d", len(got), len(want))
		}
	}
}
