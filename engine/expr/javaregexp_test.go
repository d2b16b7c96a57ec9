package expr

import "testing"

// TestPatternsOfJava: what a pattern of Java matches is what java.util.regex of Java 17 says; what RE2 would take for something else is refused.
func TestPatternsOfJava(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{`^[\p{Alpha}_]+$`, "a_b", true},
		{`^[\p{Alpha}_]+$`, "a[b", false},
		{`^[^\p{Digit}]$`, "x", true},
		{`^[\p{Punct}a]+$`, "!a", true},
		{`^[\h]$`, "\u3000", true},
		{`^\h$`, "\u00a0", true},
		{`^\s$`, "\v", true},
		{`^\S$`, "\v", false},
		{`^[\S]$`, "\v", false},
		{`^[^\S]$`, "\v", true},
		{`^[\h-z]$`, "-", true},
		{`^[\h-z]$`, "z", true},
		{`^[\h-z]$`, "a", false},
		{`^\v$`, "\u2028", true},
		{`^\Qa.b`, "a.b", true},
		{`^\Q\p{Alpha}[a&&b]\E$`, `\p{Alpha}[a&&b]`, true},
		{`^[]a]+$`, "]a", true},
		{`^a&&b$`, "a&&b", true},
		{`^[&]&&$`, "&&&", true},
		{`^(?i)A$`, "a", true},
		{`^\\s$`, `\s`, true},
		{`^(?<User>a)$`, "a", true},
	} {
		re, err := compileRegexp(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
		} else if got := re.MatchString(c.text); got != c.want {
			t.Errorf("%s in %q is %v", c.pattern, c.text, got)
		}
	}
	for pattern, want := range map[string]error{
		`[a-z&&[^b]]`: errClassAnd, `[a[bc]]`: errNestedClass, `[[:alpha:]]`: errNestedClass, `(?U)\w`: errUnicodeFlag, `(?iU:x)`: errUnicodeFlag,
	} {
		if _, err := compileRegexp(pattern); err != want {
			t.Errorf("%s: %v", pattern, err)
		}
	}
	for _, pattern := range []string{`[!-\s]`, `[\t-\s]`, `[!-\p{Alpha}]`, `[!-\S]`} {
		if _, err := compileRegexp(pattern); err == nil {
			t.Errorf("%s is no error, and is one in Java", pattern)
		}
	}
}
