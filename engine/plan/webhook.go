package plan

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
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
	default:
		if name, ok := strings.CutPrefix(o.Key, "header."); ok {
			r.webhookHeader(key, name, o)
		}
	}
}

// webhookHeader refuses what can be no header of a request, and those that a request gets from what it is.
func (r *resolver) webhookHeader(key, name string, o Setting) {
	fault := func(format string, args ...any) {
		r.fault(sql.Fault{Pos: o.Pos, Message: key + " " + fmt.Sprintf(format, args...)})
	}
	switch lower := strings.ToLower(name); {
	case strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune("()<>@,;:\\\"/[]?={}", c) }):
		fault("names a header %q, and a name has letters, digits and -", name)
	case strings.HasPrefix(lower, "x-nagare-"), slices.Contains([]string{"content-length", "transfer-encoding", "trailer", "connection"}, lower):
		fault("is a header that nagare itself writes")
	case !isReference(o.Value) && strings.ContainsFunc(o.Value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }):
		fault("has a line break or another control character, which no header may have")
	}
}

// finishWebhooks looks at what webhooks are told: alerts by name, or rows. Options for what one is not told would have
// no effect.
func (r *resolver) finishWebhooks() {
	for _, def := range r.pipe.Sinks {
		if def.Format != "webhook" {
			continue
		}
		var labels []string
		for _, a := range r.pipe.Alerts {
			if slices.Contains(a.Notify, def.Name) {
				labels = append(append(labels, "alertname", "severity"), a.Key...)
			}
		}
		for _, o := range r.sinkSet[def.Name].options {
			r.webhookUse(def, o, labels)
		}
		if len(labels) == 0 && def.From == "" {
			r.pipe.Notices = append(r.pipe.Notices, sql.Fault{Pos: def.Pos, Message: fmt.Sprintf("sink %q is told of nothing", def.Name),
				Hint: fmt.Sprintf("name it in alert.<name>.notify, or add sink.%s.from: <view or table> for its rows", def.Name)})
		}
	}
}

// webhookUse refuses an option that is for rows or for alerts where there are none, and a label that none of the alerts
// has. Labels are those of the alerts that notify the sink.
func (r *resolver) webhookUse(def *SinkDef, o Setting, labels []string) {
	key := "sink." + def.Name + ".option." + o.Key
	switch o.Key {
	case "body":
		if def.From == "" {
			r.fault(sql.Fault{Pos: o.Pos, Message: key + " is the form of rows, and the sink has none", Hint: fmt.Sprintf("add sink.%s.from, or set option.form", def.Name)})
		}
	case "form", "groupBy", "groupWait", "groupInterval", "repeatInterval":
		if def.From != "" && len(labels) == 0 {
			r.fault(sql.Fault{Pos: o.Pos, Message: key + " is about alerts, and none notifies the sink", Hint: fmt.Sprintf("leave it out, or add alert.<name>.notify: %s", def.Name)})
		}
	}
	if o.Key != "groupBy" || len(labels) == 0 {
		return
	}
	for _, label := range listOf(o.Value) {
		if label != "..." && !slices.Contains(labels, label) {
			hint := didYouMean(label, labels)
			if hint == "" {
				slices.Sort(labels)
				hint = "there are " + expected(slices.Compact(labels))
			}
			r.fault(sql.Fault{Pos: o.Pos, Message: fmt.Sprintf("%s names a label %q, which no alert that notifies the sink has", key, label), Hint: hint})
		}
	}
}

// isReference reports the name of a secret that stands elsewhere.
func isReference(text string) bool {
	name, env := strings.CutPrefix(text, "env:")
	path, file := strings.CutPrefix(text, "file:")
	return env && name != "" || file && path != ""
}

// isPort tells whether a port of a url, "" for the usual one, is a port.
func isPort(text string) bool {
	if text == "" {
		return true
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// neverAsked tells whether a host is an address at which clouds hand out credentials, or that is of no server; package
// adapters/notify connects to none of them.
func neverAsked(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && (a.Unmap().IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified())
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
	case !isPort(u.Port()):
		why, hint = "a url whose port there is not", "write a port from 1 to 65535, or leave it out"
	case u.Fragment != "":
		why, hint = "a url with a fragment, which no server is told", "leave out # and what follows it, or write %23"
	case neverAsked(u.Hostname()):
		why, hint = "an address to which no request ever goes", "link-local, multicast and unspecified addresses are no receivers"
	case u.User != nil:
		r.fault(sql.Fault{Pos: o.Pos, Message: key + " has a user or a password", Hint: strings.TrimSuffix(key, "url") + "header.Authorization: env:NAME takes them from the environment"})
		return
	default:
		return
	}
	r.fault(sql.Fault{Pos: o.Pos, Message: fmt.Sprintf("%s is %q, which is %s", key, o.Value, why), Hint: hint})
}
