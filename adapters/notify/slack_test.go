package notify

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/nagare-stream/nagare/engine/alert"
)

// slackFields is what may stand in each object that Slack publishes and that we send, and slackMost how many UTF-16
// units its texts may have, the strictest way to count: https://docs.slack.dev/reference/block-kit/blocks and
// https://docs.slack.dev/messaging/formatting-message-text.
var (
	slackFields = map[string][]string{
		"message": {"attachments", "blocks", "text"}, "attachment": {"blocks", "color", "fallback"},
		"header": {"text", "type"}, "section": {"text", "type"}, "context": {"elements", "type"},
		"plain_text": {"text", "type"}, "mrkdwn": {"text", "type"},
	}
	slackMost = map[string]int{"message": 4000, "header": 150, "section": 3000, "context": 3000, "attachment": 3000}

	slackLink  = regexp.MustCompile(`<https?://[^<>|\s]+\|[^<>|]+>`)
	slackAmp   = regexp.MustCompile(`&(amp|lt|gt);`)
	slackHex   = regexp.MustCompile(`^#[0-9a-f]{6}$`)
	slackKinds = map[string]string{"header": "plain_text", "section": "mrkdwn", "context": "mrkdwn"}
)

// A slackChecker checks the bytes of a message by what Slack publishes; it knows nothing of the types that wrote them.
type slackChecker struct {
	t      *testing.T
	blocks int
}

// object checks the fields of an object, all of which have to be there.
func (c *slackChecker) object(kind string, v any) map[string]any {
	c.t.Helper()
	m, _ := v.(map[string]any)
	if got := slices.Sorted(maps.Keys(m)); !slices.Equal(got, slackFields[kind]) {
		c.t.Errorf("%s has fields %q, want %q", kind, got, slackFields[kind])
	}
	return m
}

func (c *slackChecker) text(in string, v any, markup bool) {
	c.t.Helper()
	text, is := v.(string)
	if n := len(utf16.Encode([]rune(text))); !is || n == 0 || n > slackMost[in] {
		c.t.Errorf("a text of a %s has %d characters, at most %d", in, n, slackMost[in])
	}
	if markup { // what is left of it are no control sequences
		if rest := slackAmp.ReplaceAllString(slackLink.ReplaceAllString(text, ""), ""); strings.ContainsAny(rest, "&<>") {
			c.t.Errorf("a text of a %s is not escaped: %.200q", in, rest)
		}
	}
}

func (c *slackChecker) list(v any) {
	c.t.Helper()
	all, _ := v.([]any)
	if len(all) == 0 {
		c.t.Error("there are no blocks")
	}
	for _, b := range all {
		c.blocks++
		kind, _ := b.(map[string]any)["type"].(string)
		m := c.object(kind, b)
		parts := []any{m["text"]}
		if kind == "context" {
			if parts, _ = m["elements"].([]any); len(parts) == 0 || len(parts) > 10 {
				c.t.Errorf("%d elements", len(parts))
			}
		}
		for _, part := range parts {
			o := c.object(slackKinds[kind], part)
			check(c.t, "type", o["type"], any(slackKinds[kind]))
			c.text(kind, o["text"], kind != "header")
		}
	}
}

// checkSlack checks a message, by Slack's own library too where that is installed.
func checkSlack(t *testing.T, body []byte, python string) {
	t.Helper()
	c := &slackChecker{t: t}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	m := c.object("message", v)
	c.text("message", m["text"], true)
	c.list(m["blocks"])
	attachments, is := m["attachments"].([]any)
	if !is || len(attachments) > 20 {
		t.Errorf("%d attachments", len(attachments))
	}
	for _, v := range attachments {
		a := c.object("attachment", v)
		if color, _ := a["color"].(string); !slackHex.MatchString(color) {
			t.Errorf("color %q", color)
		}
		c.text("attachment", a["fallback"], true)
		c.list(a["blocks"])
	}
	if c.blocks > 50 {
		t.Errorf("%d blocks in all", c.blocks)
	}
	if python == "" {
		return
	}
	cmd := exec.Command(python, "testdata/slack_check.py")
	cmd.Stdin = bytes.NewReader(body)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("Slack's library: %v\n%s", err, out)
	}
}

// TestSlackForm: messages are what Slack publishes of its incoming webhooks, field by field and within each limit, and
// by its own library: of one change, of more than fit, and of texts that are long, hostile, or of characters of two units.
func TestSlackForm(t *testing.T) {
	texts := map[string]func(n int) string{
		"plain":   func(int) string { return "sales are low" },
		"empty":   func(int) string { return "" },
		"long":    func(n int) string { return strings.Repeat("流れ ", n) },
		"escapes": func(n int) string { return strings.Repeat("<!channel> & <@U1|x> ", n) },
		"pairs":   func(n int) string { return strings.Repeat("𝒳", n) },
		"broken":  func(n int) string { return strings.Repeat("a\xff\n", n) },
	}
	for name, text := range texts {
		for _, changes := range []int{1, 2, 20, 21, 64} {
			for _, external := range []string{"", "http://localhost:7575"} {
				note := &notification{groupLabels: labelSet{nameLabel: "cpu " + text(400)}, externalURL: external}
				for i := range changes {
					c := change("cpu", text(3000), i, []alert.State{alert.Firing, alert.Resolved}[i%2])
					c.Summary, c.Description, c.Severity = text(3000), text(9000), []string{"critical", "info", "", text(50)}[i%4]
					note.alerts = append(note.alerts, told{Change: *c, StartsAt: time.Unix(0, 0), EndsAt: time.Unix(60, 0)})
				}
				body := slackBody(&Receiver{URL: "u"}, note).body
				python := "" // it takes a third of a second each time
				if external != "" && (changes == 1 || changes == 64) {
					python = os.Getenv("NAGARE_TEST_PYTHON")
				}
				checkSlack(t, body, python)
				if t.Failed() {
					t.Fatalf("%s, %d changes: %.2000s", name, changes, body)
				}
			}
		}
	}
	note := &notification{groupLabels: labelSet{nameLabel: "<!channel> & all"}}
	for i := range 64 {
		note.alerts = append(note.alerts, told{Change: *change("cpu", "x", i, []alert.State{alert.Firing, alert.Resolved}[i%2])})
	}
	var m slackMessage
	if err := json.Unmarshal(slackBody(&Receiver{}, note).body, &m); err != nil {
		t.Fatal(err)
	}
	check(t, "head", m.Blocks[0].Text.Text, "[FIRING 32, RESOLVED 32] <!channel> & all") // plain_text is no markup
	check(t, "text", strings.HasPrefix(m.Text, "[FIRING 32, RESOLVED 32] &lt;!channel&gt; &amp; all\n"), true)
	check(t, "left out", m.Blocks[1].Elements[0].Text, "44 more are not shown")
}
