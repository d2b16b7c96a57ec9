package notify

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/window"
)

// A Form is the body in which a receiver gets changes.
type Form string

// The forms.
const (
	Alertmanager Form = "alertmanager" // POST {url}/api/v2/alerts, each alert for itself
	Webhook      Form = "webhook"      // what Alertmanager sends to webhooks: the whole group
	Slack        Form = "slack"        // an incoming webhook of Slack's
	JSON         Form = "json"         // the changes as topic system-alerts has them
)

const allLabels = "..."

// Defaults of receivers. Alertmanager groups and repeats by itself, and must be told again that an alert fires.
const (
	defaultTimeout  = 10 * time.Second
	defaultWait     = time.Second
	defaultInterval = 10 * time.Second
	defaultResend   = time.Minute
	mostTimeout     = 10 * time.Minute
)

// A Receiver is a webhook.
type Receiver struct {
	Name    string // of the sink
	URL     string
	Method  string // POST or PUT; "": POST
	Form    Form   // "": JSON
	Timeout time.Duration
	Secret  []byte // of the signature; nil: none
	Headers http.Header

	GroupBy        []string      // labels; nil: alertname; "...": each alert for itself
	GroupWait      time.Duration // from a group's first change to its first notification
	GroupInterval  time.Duration // between notifications of a group
	RepeatInterval time.Duration // until what still fires is sent again; 0: never

	Leaving      bool // no alert notifies it any more: it is told only what is left of those that did
	AllowPrivate bool // private addresses also where the url has a name
	Lines        bool // rows as a line each, not as an array
}

// A Lookup reads what options refer to: an environment variable, and a file.
type Lookup struct {
	Env  func(name string) (string, bool)
	File func(path string) ([]byte, error)
}

// System looks into the process's environment and the disk.
func System() Lookup { return Lookup{os.LookupEnv, os.ReadFile} }

// NewReceiver reads the options of a sink of format webhook. Its errors name the option and what to write.
func NewReceiver(name string, options map[string]string, look Lookup) (Receiver, error) {
	r := Receiver{Name: name, Method: http.MethodPost, Form: JSON, Timeout: defaultTimeout, Headers: http.Header{}, GroupBy: []string{nameLabel}}
	r.GroupWait, r.GroupInterval = defaultWait, defaultInterval
	if f := Form(options["form"]); f != "" {
		r.Form = f
	}
	if r.Form == Alertmanager {
		r.GroupWait, r.GroupInterval, r.RepeatInterval = 0, 0, defaultResend
	}
	for key, value := range options {
		if err := r.option(key, value, look); err != nil {
			return r, fmt.Errorf("sink %s: option.%s: %w", name, key, err)
		}
	}
	if r.URL == "" {
		return r, fmt.Errorf("sink %s: it has no option.url", name)
	}
	return r, nil
}

func (r *Receiver) option(key, value string, look Lookup) (err error) {
	switch key {
	case "url":
		if r.URL, err = look.value(value); err == nil {
			err = CheckURL(r.URL)
		}
	case "method":
		r.Method = strings.ToUpper(value)
		if r.Method != http.MethodPost && r.Method != http.MethodPut {
			err = fmt.Errorf("%q is neither POST nor PUT", value)
		}
	case "form":
		if !slices.Contains([]Form{Alertmanager, Webhook, Slack, JSON}, Form(value)) {
			err = fmt.Errorf("%q is no form: write alertmanager, webhook, slack or json", value)
		}
	case "timeout":
		r.Timeout, err = duration(value)
		if err == nil && (r.Timeout <= 0 || r.Timeout > mostTimeout) {
			err = fmt.Errorf("%q is not above 0 and at most %v", value, mostTimeout)
		}
	case "secret":
		r.Secret, err = look.secret(value)
	case "groupBy":
		r.GroupBy = nil
		for _, label := range strings.Split(value, ",") {
			if label = strings.TrimSpace(label); label != "" && label != allLabels {
				label = escapeName(label)
			}
			if label != "" {
				r.GroupBy = append(r.GroupBy, label)
			}
		}
	case "groupWait":
		r.GroupWait, err = duration(value)
	case "groupInterval":
		r.GroupInterval, err = duration(value)
	case "repeatInterval":
		r.RepeatInterval, err = duration(value)
		if err == nil && r.Form == Alertmanager && r.RepeatInterval < time.Second {
			err = fmt.Errorf("%q is under a second, and an Alertmanager has to be told again", value)
		}
	case "allowPrivate":
		r.AllowPrivate, err = boolean(value)
	case "body":
		if r.Lines = value == "ndjson"; !r.Lines && value != "array" {
			err = fmt.Errorf("%q is neither array nor ndjson", value)
		}
	default:
		if header, ok := strings.CutPrefix(key, "header."); ok {
			return r.header(header, value, look)
		}
	}
	return err
}

// header takes a header of requests; its value may be a reference.
func (r *Receiver) header(name, value string, look Lookup) error {
	value, err := look.value(value)
	if err != nil {
		return err
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("()<>@,;:\\\"/[]?={}", r) }) || name == "" {
		return fmt.Errorf("%q is no name of a header", name)
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return errors.New("its value has characters that no header may have")
	}
	r.Headers.Set(name, value)
	return nil
}

func boolean(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", value)
}

func duration(value string) (time.Duration, error) {
	micros, _, err := window.ParseDuration(value)
	if err == nil && micros < 0 {
		err = errors.New("it is negative")
	}
	return time.Duration(micros) * time.Microsecond, err
}

// value follows a reference; other text stands for itself.
func (l Lookup) value(text string) (string, error) {
	if !strings.HasPrefix(text, "env:") && !strings.HasPrefix(text, "file:") {
		return text, nil
	}
	secret, err := l.secret(text)
	return string(secret), err
}

// secret follows a reference. A secret is in no file of the project.
func (l Lookup) secret(text string) ([]byte, error) {
	if name, ok := strings.CutPrefix(text, "env:"); ok {
		value, set := l.Env(name)
		if !set || value == "" {
			return nil, fmt.Errorf("environment variable %s is not set", name)
		}
		return []byte(value), nil
	}
	if path, ok := strings.CutPrefix(text, "file:"); ok {
		value, err := l.File(path)
		if err != nil {
			return nil, fmt.Errorf("read the secret: %w", err)
		}
		if value = []byte(strings.TrimSpace(string(value))); len(value) == 0 {
			return nil, fmt.Errorf("file %s is empty", path)
		}
		return value, nil
	}
	return nil, errors.New("a secret is named, not written: env:NAME of an environment variable or file:PATH")
}

// CheckURL tells why a text is no url to which requests can go.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil: // whose text has the url, and with it perhaps a secret
		return errors.New("it is no url")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("a url begins with http:// or https://")
	case u.Hostname() == "":
		return errors.New("it names no host")
	case u.User != nil:
		return errors.New("a url has no user or password here: set option.header.Authorization: env:NAME")
	}
	return nil
}

// place is the url without its path, which is a secret of some services.
func (r *Receiver) place() string {
	u, err := url.Parse(r.URL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
