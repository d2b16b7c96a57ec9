package cli

import (
	"fmt"
	"time"
)

// filling is what a changed project fills, a line for each part; without rows where nothing is.
func (m *topModel) filling() topSection {
	t := newTable("APPLYING", "BECOMES", "READ>", "OF>", "%>", "TO GO>")
	var looks []style
	for _, f := range m.shown.Status.Info.Fillings {
		becomes, read, of, share, left := f.Change, "-", "-", "-", "-"
		if f.Generation > 0 {
			becomes = fmt.Sprintf("generation %d", f.Generation)
		}
		if f.Total > 0 {
			read, of, share = grouped(f.Read), grouped(f.Total), fmt.Sprint(100*f.Read/f.Total)
			if f.Seconds >= 0 {
				left = shortDuration(time.Duration(f.Seconds * float64(time.Second)))
			}
		}
		t.add(f.Kind+" "+f.Name, becomes, read, of, share, left)
		looks = append(looks, plain)
	}
	return sectionOf(t, looks)
}
