package record_test

import (
	"errors"
	"testing"

	"github.com/nagare-stream/nagare/engine/record"
)

// TestPlacesAreSaidOnce: an error gets the place that it does not say itself, and stays in the chain.
func TestPlacesAreSaidOnce(t *testing.T) {
	const place = "append to topic x"
	for _, tt := range []struct{ err, want string }{
		{"the disk is full", "append to topic x: the disk is full"},
		{"append to topic x: the disk is full", "append to topic x: the disk is full"},
		{"append to topic x partition 2: other clients were faster", "append to topic x partition 2: other clients were faster"},
		{"append to topic xy: the disk is full", "append to topic x: append to topic xy: the disk is full"},
		{"read topic x: it is gone", "append to topic x: read topic x: it is gone"},
	} {
		err := errors.New(tt.err)
		got := record.At(place, err)
		if got.Error() != tt.want || !errors.Is(got, err) {
			t.Errorf("%q at %q is %q, want %q", tt.err, place, got, tt.want)
		}
	}
	if err := record.At(place, nil); err != nil {
		t.Errorf("no error has become %v", err)
	}
}
