package embedded

import (
	"slices"
	"strings"
)

// A shape writes an answer that miniredis gave in version 2 of the protocol as Redis gives it.
type shape = func(v value, r *reply)

// shapeOf is the shape of a command's answer; nil: miniredis gives it as Redis does.
func shapeOf(name string, words []string, resp3 bool) shape {
	if name == "type" {
		return func(v value, r *reply) { r.status(typeName(string(v.text))) }
	}
	if !resp3 {
		return nil
	}
	has := func(word string) bool {
		return slices.ContainsFunc(words[1:], func(w string) bool { return strings.EqualFold(w, word) })
	}
	switch name {
	case "zrange", "zrevrange", "zrangebyscore", "zrevrangebyscore", "zunion", "zinter", "zrandmember":
		if has("WITHSCORES") {
			return scorePairs
		}
	case "zpopmin", "zpopmax":
		if len(words) > 2 {
			return scorePairs
		}
	case "hrandfield":
		if has("WITHVALUES") {
			return valuePairs
		}
	case "sinter", "sunion":
		return asSet
	case "spop":
		if len(words) > 2 {
			return asSet
		}
	case "xread", "xreadgroup":
		return byStream
	case "geopos":
		return func(v value, r *reply) {
			r.array(len(v.list))
			for _, m := range v.list {
				point(m, r)
			}
		}
	case "georadius", "georadius_ro", "georadiusbymember", "georadiusbymember_ro", "geosearch":
		if has("WITHCOORD") {
			return placesWithPoints
		}
	}
	return nil
}

// point makes numbers of a longitude and a latitude.
func point(v value, r *reply) {
	if v.null {
		r.null()
		return
	}
	r.array(len(v.list))
	for _, m := range v.list {
		r.line(',', string(m.text))
	}
}

func placesWithPoints(v value, r *reply) {
	r.array(len(v.list))
	for _, m := range v.list {
		r.array(len(m.list))
		for _, part := range m.list {
			if part.kind == '*' {
				point(part, r)
			} else {
				r.b = append(r.b, part.raw...)
			}
		}
	}
}

// scorePairs makes pairs of members and scores that stand in one list.
func scorePairs(v value, r *reply) {
	r.array(len(v.list) / 2)
	for i := 0; i+1 < len(v.list); i += 2 {
		r.array(2)
		r.b = append(r.b, v.list[i].raw...)
		r.line(',', string(v.list[i+1].text))
	}
}

// valuePairs makes pairs of fields and values that stand in one list.
func valuePairs(v value, r *reply) {
	r.array(len(v.list) / 2)
	for i := 0; i+1 < len(v.list); i += 2 {
		r.array(2)
		r.b = append(append(r.b, v.list[i].raw...), v.list[i+1].raw...)
	}
}

func asSet(v value, r *reply) {
	r.setOf(len(v.list))
	for _, m := range v.list {
		r.b = append(r.b, m.raw...)
	}
}

// byStream makes a map of pairs.
func byStream(v value, r *reply) {
	if v.null {
		r.null()
		return
	}
	r.pairs(len(v.list))
	for _, m := range v.list {
		for _, part := range m.list {
			r.b = append(r.b, part.raw...)
		}
	}
}
