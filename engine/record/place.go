package record

import (
	"fmt"
	"strings"
)

// At says where err happened, as in "read topic events: …". An error that Names the place stays as it is: nobody
// reads a place twice. Nil stays nil.
func At(place string, err error) error {
	if err == nil || Names(err, place) {
		return err
	}
	return fmt.Errorf("%s: %w", place, err)
}

// Names reports whether the text of err begins with a place, or a narrower one: "read topic events partition 2: …" names
// "read topic events".
func Names(err error, place string) bool {
	rest, ok := strings.CutPrefix(err.Error(), place)
	return ok && (rest == "" || rest[0] == ':' || rest[0] == ' ')
}
