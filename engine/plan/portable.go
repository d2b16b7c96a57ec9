package plan

import "github.com/nagare-stream/nagare/engine/sql"

// portable notes a construct that Spark would refuse or run otherwise.
func (r *resolver) portable(pos sql.Pos, class, message, hint string) {
	r.pipe.portable = append(r.pipe.portable, sql.Fault{Pos: pos, Class: class, Message: message, Hint: hint})
}

// Portable lists the constructs of a project that nagare runs and Spark would refuse, or would accept
// and not run as written, sorted by place.
func Portable(p *Pipeline) sql.Faults {
	return once(append(sql.Faults{}, p.portable...))
}
