package column

import (
	"fmt"
	"testing"
)

// TestSpans: strings in the memory of somebody else are read there, and never written to.
func TestSpans(t *testing.T) {
	memory := []byte("ab-cd-")
	var b Bytes
	b.AppendSpan(0, 2)
	b.AppendSpan(3, 2) // NULL
	b.AppendSpan(3, 3)
	b.AppendSpan(3, 5)
	b.Data = memory
	got := ""
	for i := range b.Len() {
		got += fmt.Sprintf("%q %v %v,", b.At(i), b.At(i) == nil, b.IsNull(i))
	}
	if want := `"ab" false false,"" true true,"" false false,"cd" false false,`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	b.Reset()
	b.Append([]byte("copied"))
	b.AppendNull()
	b.Append([]byte("too"))
	if string(memory) != "ab-cd-" || string(b.At(0))+string(b.At(2)) != "copiedtoo" || !b.IsNull(1) || b.IsNull(0) {
		t.Errorf("the other memory is %q, the strings are %q and %q", memory, b.At(0), b.At(2))
	}
}
