package plan

import (
	"strings"

	"github.com/nagare-stream/nagare/engine/sql"
)

// didYouMean is the hint for a name that is not among the candidates; "" when none is near.
func didYouMean(name string, candidates []string) string {
	if near := sql.Nearest(name, candidates); near != "" {
		return `did you mean "` + near + `"?`
	}
	return ""
}

// expected lists what could stand in a place, shortened to a readable length.
func expected(candidates []string) string {
	const most = 8
	if len(candidates) <= most {
		return strings.Join(candidates, ", ")
	}
	return strings.Join(candidates[:most], ", ") + ", …"
}
