package cli_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/adapters/kafka"
	"github.com/nagare-stream/nagare/engine/plan"
)

// TestLimitsListWhatHasNoEffect: both READMEs list, under Limits, each construct and option that check accepts
// without effect, and no other.
func TestLimitsListWhatHasNoEffect(t *testing.T) {
	fileAlone := map[string]string{"README.md": "in client.properties alone", "README.ja.md": "client.properties だけ"}
	want := append(plan.WithoutEffect(), kafka.WithoutEffect()...)
	for file, heading := range map[string]string{"README.md": "\n## Limits\n", "README.ja.md": "\n## 限界\n"} {
		text, err := os.ReadFile("../" + file)
		if err != nil {
			t.Fatal(err)
		}
		_, section, found := strings.Cut(string(text), heading)
		_, list, begun := strings.Cut(section, "<!-- without effect -->")
		list, _, ended := strings.Cut(list, "<!-- end -->")
		if !found || !begun || !ended {
			t.Fatalf("%s has no list of what has no effect", file)
		}
		var listed []string
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(list, -1) {
			listed = append(listed, m[1])
		}
		_, alone, split := strings.Cut(list, "\n"+fileAlone[file])
		if !split {
			t.Errorf("%s does not say %q", file, fileAlone[file])
		}
		for _, name := range kafka.WithoutEffect() {
			option, inFile := slices.Contains(plan.KafkaOptions(), name), strings.Contains(alone, "`"+name+"`")
			if option == inFile {
				t.Errorf("%s: option kafka.%s is known to check: %t; listed as of client.properties alone: %t", file, name, option, inFile)
			}
		}
		for _, name := range want {
			if !slices.Contains(listed, name) {
				t.Errorf("%s does not list `%s`, which has no effect", file, name)
			}
		}
		for _, name := range listed {
			if !slices.Contains(want, name) {
				t.Errorf("%s lists `%s`, which is not known to have no effect", file, name)
			}
		}
	}
}
