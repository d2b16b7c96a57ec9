package embedded

import (
	"bufio"
	"bytes"
	"math"
	"strconv"
	"strings"

	"github.com/alicebob/miniredis/v2/server"
)

// A wording is how miniredis is given a command.
type wording struct {
	words  []string
	answer func(raw []byte, r *reply) // what becomes of its answer; nil: it stays
	wrong  string                     // the command is refused with that
}

// maxAhead is the longest TTL that miniredis can hold, in milliseconds from the epoch: one to an end behind that
// is held as if it ended then, in about 290 years.
const maxAhead = int64(math.MaxInt64)/1_000_000 - 1000

// held is an end, in milliseconds since 1970, as miniredis holds it; 0 or less for one in the past.
func (s *Server) held(end int64) int64 {
	if end <= s.now().UnixMilli() {
		return -1
	}
	return min(end-s.epoch, maxAhead)
}

// translate puts a command of a database into miniredis's words, and notes when keys are to be looked at.
func (s *Server) translate(db int, name string, words []string) wording {
	as := wording{words: words}
	switch name {
	case "expire", "pexpire", "expireat", "pexpireat":
		return s.expireAs(db, name, words)
	case "set":
		return s.setAs(db, name, words, 3)
	case "getex":
		return s.setAs(db, name, words, 2)
	case "setex", "psetex":
		option := map[string]string{"setex": "EX", "psetex": "PX"}[name]
		return s.setAs(db, name, []string{"SET", words[1], words[3], option, words[2]}, 3)
	case "restore":
		return s.restoreAs(db, words)
	case "ttl", "pttl", "expiretime", "pexpiretime":
		as.words = []string{"PTTL", words[1]}
		as.answer = func(raw []byte, r *reply) { s.tellEnd(name, raw, r) }
	case "rename", "renamenx", "lmove", "blmove", "rpoplpush", "brpoplpush":
		s.ends.follow(place{db, words[2]}, place{db, words[1]})
	case "copy":
		to := db
		for i := 3; i+1 < len(words); i++ {
			if strings.EqualFold(words[i], "DB") {
				to, _ = strconv.Atoi(words[i+1]) // if it is none miniredis refuses
			}
		}
		s.ends.follow(place{to, words[2]}, place{db, words[1]})
	case "move":
		if to, err := strconv.Atoi(words[2]); err == nil {
			s.ends.follow(place{to, words[1]}, place{db, words[1]})
		}
	case "swapdb":
		a, aerr := strconv.Atoi(words[1])
		b, berr := strconv.Atoi(words[2])
		if aerr == nil && berr == nil {
			s.ends.swap(a, b)
		}
	case "flushall", "flushdb":
		if len(words) == 2 && strings.EqualFold(words[1], "SYNC") {
			as.words = words[:1]
		}
	}
	return as
}

// tellEnd answers TTL and its kin from what miniredis holds.
func (s *Server) tellEnd(name string, raw []byte, r *reply) {
	held, err := strconv.ParseInt(string(bytes.TrimSpace(raw[1:])), 10, 64)
	if raw[0] != ':' || err != nil || held < 0 {
		r.b = append(r.b, raw...)
		return
	}
	end := s.epoch + held
	left := max(end-s.now().UnixMilli(), 0)
	r.integer(int(map[string]int64{"ttl": (left + 500) / 1000, "pttl": left, "expiretime": (end + 500) / 1000, "pexpiretime": end}[name]))
}

const notInteger = "ERR value is not an integer or out of range"

// endOf is when a key ends, in milliseconds since 1970, by a number in an option's unit; false if that is more
// than the clock holds.
func (s *Server) endOf(n int64, option string) (end int64, ok bool) {
	unit := int64(1)
	if option == "EX" || option == "EXAT" {
		unit = 1000
	}
	base := int64(0)
	if option == "EX" || option == "PX" {
		base = s.now().UnixMilli()
	}
	if n > (math.MaxInt64-base)/unit || n < math.MinInt64/unit {
		return 0, false
	}
	return base + n*unit, true
}

func (s *Server) expireAs(db int, name string, words []string) wording {
	option := map[string]string{"expire": "EX", "pexpire": "PX", "expireat": "EXAT", "pexpireat": "PXAT"}[name]
	n, err := strconv.ParseInt(words[2], 10, 64)
	if err != nil {
		return wording{wrong: notInteger}
	}
	end, ok := s.endOf(n, option)
	if !ok {
		return wording{wrong: "ERR invalid expire time in '" + name + "' command"}
	}
	s.ends.note(place{db, words[1]}, end)
	held := strconv.FormatInt(s.held(end), 10)
	return wording{words: append([]string{"PEXPIRE", words[1], held}, words[3:]...)}
}

// setAs puts a command with options from a place on that set a TTL.
func (s *Server) setAs(db int, name string, words []string, first int) wording {
	for i := first; i < len(words); i++ {
		option := strings.ToUpper(words[i])
		switch option {
		case "EX", "PX", "EXAT", "PXAT":
		default:
			continue
		}
		if i+1 >= len(words) {
			return wording{wrong: "ERR syntax error"}
		}
		n, err := strconv.ParseInt(words[i+1], 10, 64)
		if err != nil {
			return wording{wrong: notInteger}
		}
		end, ok := s.endOf(n, option)
		if !ok || n <= 0 {
			return wording{wrong: "ERR invalid expire time in '" + name + "' command"}
		}
		s.ends.note(place{db, words[1]}, end)
		as := append([]string(nil), words...)
		if held := s.held(end); held > 0 {
			as[i], as[i+1] = "PX", strconv.FormatInt(held, 10)
		} else {
			as[i], as[i+1] = "PXAT", "1" // long ago
		}
		return wording{words: as}
	}
	return wording{words: words}
}

func (s *Server) restoreAs(db int, words []string) wording {
	n, err := strconv.ParseInt(words[2], 10, 64)
	if err != nil || n <= 0 {
		return wording{words: words} // it lives for good, or miniredis refuses it
	}
	as, option := append([]string(nil), words[:4]...), "PX"
	for _, w := range words[4:] {
		if strings.EqualFold(w, "ABSTTL") {
			option = "PXAT"
			continue
		}
		as = append(as, w)
	}
	end, ok := s.endOf(n, option)
	if !ok {
		return wording{wrong: "ERR Invalid TTL value, must be >= 0"}
	}
	s.ends.note(place{db, words[1]}, end)
	as[2] = strconv.FormatInt(max(s.held(end), 1), 10)
	return wording{words: as}
}

// fromScript is called before each command that miniredis runs. Those of a script did not come through a
// connection: what they say of TTLs is translated here. A script runs alone, and inside miniredis's lock.
func (s *Server) fromScript(p *server.Peer, name string, args ...string) bool {
	if p.ClientName == own {
		return false
	}
	words := append([]string{name}, args...)
	cmd, wrong := find(words)
	if wrong != "" {
		p.WriteError(wrong)
		return true
	}
	if s.ours[cmd.name] != nil || s.script == nil {
		return false // miniredis has its own
	}
	as := s.translate(s.script.db, cmd.name, words)
	if as.wrong != "" {
		p.WriteError(as.wrong)
		return true
	}
	var text bytes.Buffer
	inner := newPeer(bufio.NewWriter(&text))
	inner.Ctx, inner.Resp3 = p.Ctx, p.Resp3
	s.core.Dispatch(inner, as.words)
	inner.Flush()
	r := reply{b: text.Bytes(), resp3: p.Resp3}
	if as.answer != nil {
		r.b = nil
		as.answer(text.Bytes(), &r)
	}
	p.WriteRaw(string(r.b))
	return true
}
