package window

import "strings"

// literal reads what follows the word INTERVAL in SQL: quoted pairs, or numbers that may be quoted,
// each with a unit, or fields with a range of units.
func (p *durationParser) literal() (int64, error) {
	if !p.space() && (p.rest == "" || p.rest[0] != '\'' && p.rest[0] != '"') {
		return 0, errUnit
	}
	sign := int64(1)
	if p.rest != "" && p.rest[0] == '-' {
		sign, p.rest = -1, p.rest[1:]
		p.space()
	}
	text, quoted, err := p.quoted()
	if err != nil {
		return 0, err
	}
	var x int64
	switch {
	case quoted && p.rest == "":
		in := durationParser{rest: text}
		x, err = in.pairs()
		p.months = in.months
	case quoted && strings.Contains(p.rest, " to "):
		x, err = p.fields(text)
	case quoted:
		x, err = p.quotedPairs(text)
	default:
		x, err = p.pairs()
	}
	return sign * x, err
}

// quoted reads a string literal, if one is next, and the white space behind it.
func (p *durationParser) quoted() (text string, ok bool, err error) {
	if p.rest == "" || p.rest[0] != '\'' && p.rest[0] != '"' {
		return "", false, nil
	}
	n := strings.IndexByte(p.rest[1:], p.rest[0])
	if n < 0 {
		return "", false, errQuote
	}
	text = p.rest[1 : n+1]
	p.rest = p.rest[n+2:]
	p.space()
	return text, true, nil
}

// quotedPairs reads "'number' unit 'number' unit …" of which the first number has been read.
func (p *durationParser) quotedPairs(text string) (int64, error) {
	var sum int64
	for {
		in := durationParser{rest: strings.TrimSpace(text)}
		whole, nanos, fraction, neg, err := in.number()
		if err == nil && in.rest != "" {
			err = errNumber
		}
		if err != nil {
			return 0, err
		}
		x, err := p.scale(whole, nanos, fraction, neg)
		if err == nil {
			sum, err = addExact(sum, x)
		}
		if err != nil {
			return 0, err
		}
		p.space()
		if p.rest == "" {
			return sum, nil
		}
		var quoted bool
		if text, quoted, err = p.quoted(); err != nil || !quoted {
			return 0, errNumber
		}
	}
}

// fields reads the units of "'1 02:03:04.5' day to second" and then the fields in text.
func (p *durationParser) fields(text string) (int64, error) {
	order := []string{"day", "hour", "minute", "second"}
	from := p.word()
	p.space()
	to := p.word()
	if to != "to" {
		return 0, errUnit
	}
	p.space()
	to = p.word()
	if p.rest != "" {
		return 0, errUnit
	}
	if (from == "year" || from == "years") && (to == "month" || to == "months") {
		p.months = true
		return 0, nil
	}
	first, last := indexOf(order, strings.TrimSuffix(from, "s")), indexOf(order, strings.TrimSuffix(to, "s"))
	if first < 0 || last <= first {
		return 0, errUnit
	}
	in := durationParser{rest: strings.TrimSpace(text)}
	neg := strings.HasPrefix(in.rest, "-")
	in.rest = strings.TrimPrefix(strings.TrimPrefix(in.rest, "-"), "+")
	var sum int64
	for i := first; i <= last; i++ {
		if i > first && !in.separator(i) {
			return 0, errFields
		}
		if in.rest == "" || in.rest[0] == '-' || in.rest[0] == '+' {
			return 0, errFields
		}
		whole, nanos, fraction, _, err := in.number()
		limit := []int64{0, 23, 59, 59}[i]
		if err != nil || fraction && i < 3 || i > first && whole > limit {
			return 0, errFields
		}
		unit, _ := unitOf(order[i])
		if whole > MaxSize/unit {
			return 0, errRange
		}
		sum += whole*unit + nanos/1000
	}
	if in.rest != "" {
		return 0, errFields
	}
	if neg {
		sum = -sum
	}
	return sum, nil
}

// separator skips what stands before field i: white space behind the days, else a colon.
func (p *durationParser) separator(i int) bool {
	if i == 1 {
		return p.space()
	}
	after, ok := strings.CutPrefix(p.rest, ":")
	p.rest = after
	return ok
}

func indexOf(list []string, word string) int {
	for i, w := range list {
		if w == word {
			return i
		}
	}
	return -1
}
