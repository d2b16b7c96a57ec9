package generator

import (
	"fmt"
	"strconv"
)

// products is how many there are on sale. Number products itself stands for the planted anomaly.
const products = 8

const maxQuantity = 5

var prices = [products + 1]uint64{89800, 2980, 1200, 1680, 78900, 15800, 980, 3200, 898000}

// fillTables writes the stretches of text that do not change from event to event.
func (g *Generator) fillTables() {
	names := [products]struct{ name, category string }{
		{"ノートPC", "electronics"}, {"ワイヤレスマウス", "electronics"}, {"コーヒー豆", "food"}, {"ビジネス書", "books"},
		{"スマートフォン", "electronics"}, {"ヘッドフォン", "electronics"}, {"グリーンティー", "food"}, {"プログラミング本", "books"},
	}
	g.spreads = [3]spread{{5, 50_000, 100_000}, {3, 0, 100_000}, {1, 100_000, 100_000}}
	for s, segment := range []string{"premium", "regular", "new"} {
		for p := range prices {
			n := names[p%products]
			for q := range maxQuantity {
				g.goods[s][p][q] = fmt.Sprintf(`", "user_segment": "%s", "product_id": %d, "product_name": %s, "category": "%s", `+
					`"quantity": %d, "unit_price": %d, "base_amount": %d, "discount_rate": `,
					segment, p%products+1, strconv.QuoteToASCII(n.name), n.category, q+1, prices[p], prices[p]*uint64(q+1))
			}
		}
	}
	for _, region := range []string{"Tokyo", "Osaka", "Nagoya", "Fukuoka", "Sapporo"} {
		for _, device := range []string{"web", "mobile", "tablet"} {
			for _, payment := range []string{"credit_card", "bank_transfer", "digital_wallet"} {
				g.tails = append(g.tails, fmt.Sprintf(`, "region": "%s", "device": "%s", "payment_method": "%s"}`, region, device, payment))
			}
		}
	}
}

// badKinds is the number of ways in which appendBad spoils an event.
const badKinds = 8

// appendBad appends the text spoilt in one of the ways in which purchases were seen to be spoilt.
// None of the results is a JSON object with a usable timestamp.
func appendBad(dst, text []byte, b body, how int64) []byte {
	switch how {
	case 0: // the connection broke
		return append(dst, text[:b.final]...)
	case 1: // two writers in one buffer
		return append(append(dst, text...), text[:b.timestamp]...)
	case 2: // a log line
		return append(dst, "ERROR checkout: payment service did not answer"...)
	case 3: // a batch where one event was due
		return append(append(append(dst, '['), text...), ']')
	case 4: // the time is missing
		return append(append(dst, text[:b.timestamp]...), text[b.user:]...)
	case 5: // the time is a word
		dst = append(dst, text[:b.timestamp]...)
		return append(append(dst, `"timestamp": "yesterday", `...), text[b.user:]...)
	case 6: // a float that JSON has no word for
		return append(append(append(dst, text[:b.final]...), "NaN"...), text[b.region:]...)
	default: // Latin-1 where UTF-8 was due
		dst = append(dst, text[:b.region]...)
		return append(append(dst, ", \"shop\": \"Caf\xe9\""...), text[b.region:]...)
	}
}

// appendTime appends t as Python's isoformat: 2026-02-03T09:00:00.014170+00:00, the fraction left
// out when it is 0.
func (g *Generator) appendTime(dst []byte, t int64) []byte {
	second := floorDiv(t, microsPerSecond)
	if second != g.of {
		g.head, g.of = appendSecond(g.head[:0], second), second
	}
	dst = append(dst, g.head...)
	if us := t - second*microsPerSecond; us != 0 || g.fixed {
		dst = append(dst, '.', byte('0'+us/100_000), byte('0'+us/10_000%10), byte('0'+us/1000%10),
			byte('0'+us/100%10), byte('0'+us/10%10), byte('0'+us%10))
	}
	return append(dst, "+00:00"...)
}

// appendSecond appends a second since 1970 as 2026-02-03T09:00:00.
func appendSecond(dst []byte, second int64) []byte {
	day := floorDiv(second, 86_400)
	rest := second - day*86_400
	y, m, d := civil(day)
	dst = appendTwo(appendTwo(dst, y/100), y%100)
	dst = appendTwo(append(dst, '-'), m)
	dst = appendTwo(append(dst, '-'), d)
	dst = appendTwo(append(dst, 'T'), rest/3600)
	dst = appendTwo(append(dst, ':'), rest/60%60)
	return appendTwo(append(dst, ':'), rest%60)
}

func appendTwo(dst []byte, n int64) []byte {
	return append(dst, byte('0'+n/10%10), byte('0'+n%10))
}

// civil is the date of a day since 1970-01-01 in the Gregorian calendar, by counting from
// 0000-03-01, so that the leap day is the last of its year (Howard Hinnant, "chrono-Compatible
// Low-Level Date Algorithms").
func civil(day int64) (y, m, d int64) {
	day += 719_468
	era := floorDiv(day, 146_097)
	of := day - era*146_097
	year := (of - of/1460 + of/36_524 - of/146_096) / 365
	of -= 365*year + year/4 - year/100
	month := (5*of + 2) / 153
	d = of - (153*month+2)/5 + 1
	m = month + 3
	y = year + era*400
	if m > 12 {
		m -= 12
		y++
	}
	return y, m, d
}
