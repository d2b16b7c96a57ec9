package notify

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nagare-stream/nagare/engine/alert"
)

// Fingerprints are those that Alertmanager 0.25 and 0.35 gave.
func TestFingerprints(t *testing.T) {
	text, err := os.ReadFile("testdata/fingerprints.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Labels      labelSet
		Fingerprint string
	}
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) < 5 {
		t.Fatal(len(cases), err)
	}
	for _, c := range cases {
		check(t, c.Labels.String(), c.Labels.fingerprint(), c.Fingerprint)
	}
}

// TestGroupBody: bodies that a real Alertmanager sent are read, and what is written of the same alerts has the same
// fields, in the same order, with the same values.
func TestGroupBody(t *testing.T) {
	files, _ := filepath.Glob("testdata/webhook_*.json")
	if len(files) < 5 {
		t.Fatal(files)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		g, err := ParseGroup(text)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		note := &notification{groupLabels: g.GroupLabels, externalURL: g.ExternalURL, truncated: g.TruncatedAlerts}
		for _, a := range g.Alerts {
			c := alert.Change{State: a.Status, Alert: a.Labels[nameLabel], Severity: a.Labels[severityLabel], Labels: map[string]string{}, Summary: a.Annotations["summary"]}
			for name, value := range a.Labels {
				if name != nameLabel && name != severityLabel {
					c.Labels[name] = value
				}
			}
			note.alerts = append(note.alerts, told{Change: c, StartsAt: a.StartsAt, EndsAt: a.EndsAt})
		}
		var got, want map[string]any
		body := webhookBody(&Receiver{Name: g.Receiver}, note).body
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		for _, side := range []map[string]any{got, want} { // what this test cannot give, and what 0.35 has more
			delete(side, "notification_reason")
			delete(side, "routeLabels")
			side["commonAnnotations"] = nil
			if key := side["groupKey"].(string); strings.HasPrefix(key, "{}/") {
				side["groupKey"] = "{}" + key[strings.LastIndex(key, ":"):]
			}
			for _, a := range side["alerts"].([]any) {
				a := a.(map[string]any)
				a["generatorURL"] = nil
				delete(a["annotations"].(map[string]any), "lag")
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", file, got, want)
		}
		if !strings.Contains(file, "035") {
			check(t, file+": fields", fields(t, body), fields(t, text))
		}
	}
}

// fields is the names of an object's fields and of the first of its alerts, in order.
func fields(t *testing.T, text []byte) []string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(text)))
	var out []string
	depth, key := 0, true
	var stack []bool
	for {
		tok, err := d.Token()
		if err != nil {
			return out
		}
		if delim, ok := tok.(json.Delim); ok {
			switch delim {
			case '{', '[':
				stack = append(stack, delim == '{')
				depth++
			default:
				stack = stack[:len(stack)-1]
				depth--
			}
			key = len(stack) > 0 && stack[len(stack)-1]
			continue
		}
		if key && len(stack) > 0 && stack[len(stack)-1] {
			if depth == 1 {
				out = append(out, tok.(string))
			}
			key = false
			continue
		}
		key = len(stack) > 0 && stack[len(stack)-1]
	}
}

func TestParseGroupRefuses(t *testing.T) {
	for body, want := range map[string]string{
		``:                            "no webhook of Alertmanager's",
		`[]`:                          "is a JSON array",
		`{"version":"3"}`:             `version is "3"`,
		`{"version":"4","alerts":[]}`: "alerts is empty",
		`{"version":"4","alerts":[{"status":"firing","labels":{"a":7}}]}`:                                        "alerts.labels is a JSON number",
		`{"version":"4","alerts":[{"status":"on","labels":{"a":"b"}}]}`:                                          `alerts[0].status is "on"`,
		`{"version":"4","alerts":[{"status":"firing"}]}`:                                                         "alerts[0] has no labels",
		`{"version":"4","alerts":[{"status":"firing","labels":{"a":"b"}}]}`:                                      "no startsAt",
		`{"version":"4","alerts":[{"status":"resolved","labels":{"a":"b"},"startsAt":"2026-01-01T00:00:00Z"}]}`:  "no endsAt",
		`{"version":"4","alerts":[{"status":"firing","labels":{"a":"b"},"startsAt":"2026-01-01T25:00:00Z"}]}`:    "",
		`{"version":"4","alerts":[{"status":"firing","labels":{"a":"b"},"startsAt":"2026-01-01T00:00:00Z"}]} {}`: "no webhook",
	} {
		_, err := ParseGroup([]byte(body))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

func FuzzParseGroup(f *testing.F) {
	files, _ := filepath.Glob("testdata/webhook_*.json")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if g, err := ParseGroup(body); err == nil && (len(g.Alerts) == 0 || g.Alerts[0].Fingerprint == "") {
			t.Error("a group without an alert")
		}
	})
}

func TestEscapeName(t *testing.T) {
	for name, want := range map[string]string{"shop": "shop", "a_b": "a_b", "a-b": "U__a_2d_b", "1a": "U___31_a", "カ": "U___30ab_", "": "U__", "U__x": "U__U____x"} {
		check(t, name, escapeName(name), want)
	}
	set := labelsOf(&alert.Change{Alert: "cpu", Severity: "page", Labels: map[string]string{"alertname": "x", "severity": "y", "a.b": "v", "empty": ""}})
	check(t, "labels", set, labelSet{"alertname": "cpu", "severity": "page", "key_alertname": "x", "key_severity": "y", "U__a_2e_b": "v"})
	check(t, "group", groupKey(labelSet{"x": "2 \"q\"\n\\ é", "alertname": "Nest"}), `{}:{alertname="Nest", x="2 \"q\"\n\\ é"}`)
}

// The form alertmanager: what fires is told again before it would be forgotten; its end has the same start.
func TestAlertmanagerForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, receiver(t, "am", "form", "alertmanager", "url", "http://am.example/prefix/"))
		r.open()
		start := time.Now()
		r.publish(change("cpu", "x", 0, alert.Firing, "am"), change("late", "z", 3600, alert.Firing, "am")) // an hour ahead
		after(30 * time.Second)
		r.publish(change("cpu", "y", 20, alert.Firing, "am"))
		after(100 * time.Second)
		r.publish(change("cpu", "x", 0, alert.Resolved, "am"), change("late", "z", 3600, alert.Resolved, "am"))
		after(time.Second)
		var got []string
		for _, q := range r.taken() {
			check(t, "url", q.url, "http://am.example/prefix/api/v2/alerts")
			var posted []postedAlert
			if err := json.Unmarshal([]byte(q.body), &posted); err != nil {
				t.Fatal(err)
			}
			for _, p := range posted {
				ends, err := time.Parse(postedTime, p.EndsAt)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, strings.Join([]string{q.at.Sub(start).String(), p.Labels["alertname"], p.Labels["thing"], p.StartsAt[14:19], ends.Sub(q.at).String()}, " "))
			}
		}
		check(t, "posted", got, []string{
			"0s cpu x 00:00 4m0s", "0s late z 00:00 4m0s", "30s cpu y 00:20 4m0s",
			"1m0s cpu x 00:00 4m0s", "1m0s cpu y 00:20 4m0s", "1m0s late z 00:00 4m0s",
			"2m0s cpu x 00:00 4m0s", "2m0s cpu y 00:20 4m0s", "2m0s late z 00:00 4m0s",
			"2m10s cpu x 00:00 -2m9s", "2m10s late z 00:00 0s",
		})
		check(t, "counts", r.report("am").Counts, Counts{Delivered: 5, Repeated: 6})
		r.close()
	})
}

// The form webhook tells the whole group, with what is over once.
func TestWebhookForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, receiver(t, "a", "form", "webhook"))
		r.cfg.ExternalURL = "http://127.0.0.1:7575"
		r.open()
		r.publish(change("cpu", "x", 0, alert.Firing, "a"), change("cpu", "y", 0, alert.Firing, "a"))
		after(time.Minute)
		r.publish(change("cpu", "y", 0, alert.Resolved, "a"))
		after(time.Minute)
		r.publish(change("cpu", "x", 0, alert.Resolved, "a"))
		after(time.Minute)
		var got []string
		for _, q := range r.taken() {
			g, err := ParseGroup([]byte(q.body))
			if err != nil {
				t.Fatal(err)
			}
			line := string(g.Status) + ":"
			for _, a := range g.Alerts {
				line += " " + a.Labels["thing"] + " " + string(a.Status)
				check(t, "fingerprint", a.Fingerprint, labelSet(a.Labels).fingerprint())
				check(t, "zero end", a.EndsAt.IsZero(), a.Status == alert.Firing)
			}
			got = append(got, line)
		}
		check(t, "bodies", got, []string{"firing: x firing y firing", "firing: x firing y resolved", "resolved: x resolved"})
		check(t, "counts", r.report("a").Counts, Counts{Delivered: 4})
		r.close()
	})
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{ // by url with a name, and with the address or allowPrivate
		"93.184.215.14": "yes yes", "2606:2800::1": "yes yes", "127.0.0.1": "no yes", "::1": "no yes", "10.1.2.3": "no yes",
		"192.168.0.1": "no yes", "100.64.1.1": "no yes", "fd12::1": "no yes", "::ffff:10.0.0.1": "no yes",
		"169.254.169.254": "no no", "::ffff:169.254.169.254": "no no", "64:ff9b::a9fe:a9fe": "no no", "2002:a9fe:a9fe::1": "no no",
		"fe80::1": "no no", "0.0.0.0": "no no", "::": "no no", "224.0.0.1": "no no", "ff02::1": "no no", "255.255.255.255": "no no",
		"fd00:ec2::254": "no no", "100.100.100.200": "no no", "168.63.129.16": "no no",
	} {
		got := ""
		for _, private := range []bool{false, true} {
			if checkAddress(netip.MustParseAddr(text), private) == "" {
				got += " yes"
			} else {
				got += " no"
			}
		}
		check(t, text, got[1:], want)
	}
	for host, want := range map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true, "10.0.0.1": true, "hooks.localhost": true, "internal.example": false, "localhost.example": false} {
		check(t, host, saysPrivate(host), want)
	}
}
