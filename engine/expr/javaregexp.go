package expr

import (
	"errors"
	"strings"
)

// javaClasses are the characters of Java's classes that RE2 does not have or has otherwise, as they stand between brackets.
var javaClasses = map[string]string{
	`\p{Lower}`: `a-z`, `\p{Upper}`: `A-Z`, `\p{Alpha}`: `a-zA-Z`, `\p{Digit}`: `0-9`, `\p{Alnum}`: `a-zA-Z0-9`,
	`\p{Punct}`: `[:punct:]`, `\p{Graph}`: `[:graph:]`, `\p{Print}`: `[:print:]`, `\p{Blank}`: ` \t`,
	`\p{Cntrl}`: `[:cntrl:]`, `\p{XDigit}`: `0-9a-fA-F`, `\p{Space}`: ` \t-\r`, `\s`: ` \t-\r`,
	`\h`: ` \t\x{A0}\x{1680}\x{180E}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}`,
	`\v`: `\n-\r\x{85}\x{2028}\x{2029}`,
	`\S`: `\x00-\x08\x0E-\x1F!-\x{10FFFF}`,
}

// noCharacter stands between brackets around what a class is written as, so that neither end of it makes a range with
// a - beside it: that is a character behind a class, and an error before one, as Java has both.
const noCharacter = `\P{Any}`

var (
	errNestedClass = errors.New("a class of characters within another is not supported; write all characters into one")
	errClassAnd    = errors.New("&& within a class of characters is not supported; write the characters that both have")
	errUnicodeFlag = errors.New("the flag U is not supported; write classes such as \\p{L} for letters of all scripts")
)

// fromJava writes a pattern of Java for RE2. What both take and understand otherwise is an error; what RE2 refuses stays
// as it is.
func fromJava(s string) (string, error) {
	var b strings.Builder
	class := false // between brackets
	for len(s) > 0 {
		n := 1
		switch {
		case strings.HasPrefix(s, `\Q`) && !class:
			quoted, _, _ := strings.Cut(s, `\E`)
			n = min(len(quoted)+len(`\E`), len(s))
			b.WriteString(s[:n])
		case s[0] == '\\':
			n = escapeLen(s)
			b.WriteString(escapeOf(s[:n], class))
		case class && s[0] == '[':
			return "", errNestedClass
		case class && strings.HasPrefix(s, "&&"):
			return "", errClassAnd
		case !class && s[0] == '[':
			class = true
			if strings.HasPrefix(s[n:], "^") {
				n++
			}
			if strings.HasPrefix(s[n:], "]") { // the first one is a character
				n++
			}
			b.WriteString(s[:n])
		case !class && strings.HasPrefix(s, "(?"):
			if n = 2; strings.HasPrefix(strings.TrimLeft(s[n:], "-dimsux"), "U") {
				return "", errUnicodeFlag
			}
			b.WriteString(s[:n])
		default:
			class = class && s[0] != ']'
			b.WriteByte(s[0])
		}
		s = s[n:]
	}
	return b.String(), nil
}

// escapeLen is the length of the escape that s begins with.
func escapeLen(s string) int {
	if strings.HasPrefix(s, `\p{`) || strings.HasPrefix(s, `\P{`) {
		if end := strings.IndexByte(s, '}'); end > 0 {
			return end + 1
		}
	}
	return min(2, len(s))
}

func escapeOf(text string, class bool) string {
	set, known := javaClasses[text]
	switch {
	case known && class:
		return noCharacter + set + noCharacter
	case known:
		return "[" + set + "]"
	case text == `\Z` && !class:
		return `\z`
	}
	return text
}
