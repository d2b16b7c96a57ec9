package plan

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/engine/sql"
)

// webhookForms is what a webhook gets when an alert changes; see package adapters/notify.
func webhookForms() []string { return []string{"alertmanager", "webhook", "slack", "json"} }

// webhookOptions is what a sink of format webhook takes. Without .from it is for alerts alone.
func webhookOptions() []string {
	return []string{"url", "form", "method", "timeout", "secret", "header.<name>", "groupBy", "groupWait", "groupInterval",
		"repeatInterval", "allowPrivate", "body"}
}

// mostWebhookTimeout is in microseconds.
const mostWebhookTimeout = 10 * 60 * 1e6

// webhookOption checks one option of a webhook.
func (r *resolver) webhookOption(def *SinkDef, o Setting) {
	key := "sink." + def.Name + ".option." + o.Key
	one := func(of ...string) {
		if !slices.Contains(of, o.Value) {
			hint := didYouMean(o.Value, of)
			if hint == "" {
				hint = "write " + strings.Join(of[:len(of)-1], ", ") + " or " + of[len(of)-1]
			}
			r.fault(sql.Fault{Pos: o.Pos, Message: fmt.Sprintf("%s is %q, which there is not", key, o.Value), Hint: hint})
		}
	}
	switch o.Key {
	case "url":
		r.webhookURL(key, o)
	case "form":
		one(webhookForms()...)
	case "method":
		one("POST", "PUT")
	case "allowPrivate":
		one("true", "false")
	case "body":
		one("array", "ndjson")
	case "timeout", "groupWait", "groupInterval", "repeatInterval":
		var d int64
		if !r.duration(Setting{Key: key, Value: o.Value, Pos: o.Pos}, &d) {
			return
		}
		if o.Key == "timeout" && (d == 0 || d > mostWebhookTimeout) {
			r.fault(sql.Fault{Pos: o.Pos, Message: fmt.Sprintf("%s is %q, and it is above 0 and at most 10 minutes", key, o.Value)})
		}
		if o.Key == "repeatInterval" && def.Options["form"] == "alertmanager" && d < 1e6 {
			r.fault(sql.Fault{Pos: o.Pos, Message: fmt.Sprintf("%s is %q, and an Alertmanager forgets what it is not told again", key, o.Value),
				Hint: "write a second or more, or leave the option out: it is 1 minute"})
		}
	case "secret":
		if !isReference(o.Value) {
			r.fault(sql.Fault{Pos: o.Pos, Message: key + " is written out, and a project is read by many",
				Hint: "name it: env:NAME of an environment variable, or file:PATH"})
		}
	}
}

// isReference reports the name of a secret that stands elsewhere.
func isReference(text string) bool {
	name, env := strings.CutPrefix(text, "env:")
	path, file := strings.CutPrefix(text, "file:")
	return env && name != "" || file && path != ""
}

// webhookURL refuses what is no url. One that is a secret may stand elsewhere.
func (r *resolver) webhookURL(key string, o Setting) {
	if isReference(o.Value) || o.Value == "" {
		return
	}
	u, err := url.Parse(o.Value)
	why, hint := "", "write http://HOST/PATH or https://HOST/PATH, or env:NAME or file:PATH of where it stands"
	switch {
	case err != nil:
		why = "no url"
	case u.Scheme != "http" && u.Scheme != "https":
		why = "no url of http or https"
	case u.Hostname() == "":
		why = "a url that names no host"
	case u.User != nil:
		r.fault(sql.Fault{Pos: o.Pos, Message: key + " has a user or a password", Hint: strings.TrimSuffix(key, "url") + "header.Authorization: env:NAME takes them from the environment"})
		return
	default:
		return
	}
	r.fault(sql.Fault{Pos: o.Pos, Message: fmt.Sprintf("%s is %q, which is %s", key, o.Value, why), Hint: hint})
}
