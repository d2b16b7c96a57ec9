package notify

import (
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/nagare-stream/nagare/engine/alert"
)

// Limits of Slack's messages: of what an incoming webhook takes, and below it what is read at a glance.
// https://docs.slack.dev/reference/block-kit/blocks, https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments
const (
	slackHeader  = 150  // characters of a header's text
	slackSection = 3000 // of a section's text
	slackText    = 4000 // of the message's text
	slackAlerts  = 20   // attachments, of 100
)

type slackMessage struct {
	Text        string            `json:"text"` // in notifications, and where blocks are not shown
	Blocks      []slackBlock      `json:"blocks"`
	Attachments []slackAttachment `json:"attachments"`
}

type slackAttachment struct {
	Color    string       `json:"color"`
	Fallback string       `json:"fallback"`
	Blocks   []slackBlock `json:"blocks"`
}

type slackBlock struct {
	Type     string       `json:"type"`
	Text     *slackObject `json:"text,omitempty"`
	Elements []slackPart  `json:"elements,omitempty"`
}

type slackObject struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type slackPart = slackObject

func slackColor(c *alert.Change) string {
	switch {
	case c.State == alert.Resolved:
		return "#2eb67d"
	case c.Severity == "critical" || c.Severity == "page":
		return "#e01e5a"
	case c.Severity == "info":
		return "#36c5f0"
	}
	return "#ecb22e"
}

// slackBody is a message for an incoming webhook of Slack's: a header, and a part for each change.
func slackBody(r *Receiver, n *notification) request {
	counts := map[alert.State]int{}
	for i := range n.alerts {
		counts[n.alerts[i].Change.State]++
	}
	var head []string
	if k := counts[alert.Firing]; k > 0 {
		head = append(head, fmt.Sprintf("FIRING %d", k))
	}
	if k := counts[alert.Resolved]; k > 0 {
		head = append(head, fmt.Sprintf("RESOLVED %d", k))
	}
	title := "[" + strings.Join(head, ", ") + "] " + slackTitle(n)
	m := slackMessage{Attachments: []slackAttachment{},
		Blocks: []slackBlock{{Type: "header", Text: &slackObject{"plain_text", cut(title, slackHeader)}}}}
	lines := []string{title}
	for i := range n.alerts {
		c := &n.alerts[i].Change
		lines = append(lines, string(c.State)+": "+slackSummary(c))
		if i < slackAlerts {
			m.Attachments = append(m.Attachments, slackChange(n, &n.alerts[i]))
		}
	}
	if more := len(n.alerts) - slackAlerts; more > 0 {
		m.Blocks = append(m.Blocks, slackBlock{Type: "context", Elements: []slackPart{{"mrkdwn", fmt.Sprintf("%d more are not shown", more)}}})
	}
	m.Text = slackEscape(strings.Join(lines, "\n"), slackText)
	return request{url: r.URL, body: encode(m)}
}

// slackTitle is what the group is about.
func slackTitle(n *notification) string {
	if name := n.groupLabels[nameLabel]; name != "" {
		return name
	}
	return n.alerts[0].Change.Alert
}

func slackSummary(c *alert.Change) string {
	if c.Summary != "" {
		return c.Summary
	}
	return c.Alert
}

func slackChange(n *notification, a *told) slackAttachment {
	c := &a.Change
	text := "*" + slackEscape(slackSummary(c), slackSection/3) + "*"
	if c.Description != "" {
		text += "\n" + slackEscape(c.Description, slackSection/2)
	}
	set := labelsOf(c)
	delete(set, nameLabel)
	small := []slackPart{{"mrkdwn", slackEscape(fmt.Sprintf("%s since %s", c.State, a.StartsAt.UTC().Format("2006-01-02 15:04:05Z")), slackSection)}}
	if c.State == alert.Resolved {
		small[0].Text = slackEscape(fmt.Sprintf("resolved %s, fired %s", a.EndsAt.UTC().Format("2006-01-02 15:04:05Z"), a.StartsAt.UTC().Format("15:04:05Z")), slackSection)
	}
	if len(set) > 0 {
		small = append(small, slackPart{"mrkdwn", slackEscape(strings.Trim(set.String(), "{}"), slackSection/2)})
	}
	if link := generatorURL(n.externalURL, c); link != "" && len(link) < slackSection/2 {
		small = append(small, slackPart{"mrkdwn", "<" + link + "|show>"})
	}
	return slackAttachment{Color: slackColor(c), Fallback: slackEscape(string(c.State)+": "+slackSummary(c), slackSection), Blocks: []slackBlock{
		{Type: "section", Text: &slackObject{"mrkdwn", text}}, {Type: "context", Elements: small}}}
}

// slackEscape writes text so that it stays text, within most characters: an escape is not cut in two.
func slackEscape(text string, most int) string {
	return cutPieces(text, most, func(r rune) string {
		switch r {
		case '&':
			return "&amp;"
		case '<':
			return "&lt;"
		case '>':
			return "&gt;"
		}
		return string(r)
	})
}

// cut is text of at most most characters.
func cut(text string, most int) string {
	return cutPieces(text, most, func(r rune) string { return string(r) })
}

// cutPieces is text of at most most characters, each rune written as write has it, and whole. A character is a UTF-16
// unit: how Slack counts is not published, and by any other measure there are fewer.
func cutPieces(text string, most int, write func(rune) string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	units, fits := 0, 0 // fits: bytes that leave room for an ellipsis
	var b strings.Builder
	for _, r := range text {
		piece := write(r)
		for _, p := range piece {
			units += utf16.RuneLen(p)
		}
		if units > most {
			return b.String()[:fits] + "…"
		}
		b.WriteString(piece)
		if units < most {
			fits = b.Len()
		}
	}
	return b.String()
}
