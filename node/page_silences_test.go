//go:build unix

package node_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/nagare-stream/nagare/adapters/notify"
	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/alert"
)

// TestPageSilences opens an incident with its evidence, makes a silence for it, which wants the token, and ends it. What
// an Alertmanager told is shown as text, and leads nowhere but to pages.
func TestPageSilences(t *testing.T) {
	b := openTab(t, 1280, 900, "light")
	p, data := startGolden(t, "127.0.0.1:0")
	token := strings.TrimSpace(read(t, filepath.Join(data, "token")))
	const act = `<img src=x onerror=window.pwned=1>`
	told, err := json.Marshal(map[string]any{"version": "4", "groupKey": act, "status": "firing", "receiver": act, "groupLabels": map[string]string{}, "commonLabels": map[string]string{}, "commonAnnotations": map[string]string{}, "externalURL": "", "alerts": []any{map[string]any{
		"status": "firing", "labels": map[string]string{"alertname": "theirs", "text": act}, "annotations": map[string]string{"summary": "<script>window.pwned=1</script>"},
		"startsAt": "2026-11-01T00:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "javascript:window.pwned=1", "fingerprint": "1"}}})
	if err != nil {
		t.Fatal(err)
	}
	if text, code := ask(t, p, data, "/api/alerts", told); code != 200 {
		t.Fatalf("tell of an alert: %d: %s", code, text)
	}
	b.open(p.address)
	b.expect("status of 401 (Unauthorized) http://" + p.address + "/api/silences")
	b.show("#/alerts")
	b.await("the incidents and the others' alert", `document.querySelectorAll('.incident').length > 0 && document.body.innerText.includes('<script>window.pwned=1</script>')`)
	const first = `[...document.querySelectorAll('.incident')].find((x) => x.innerText.includes('high_value'))`
	b.run(first + `.querySelector('button.open').click()`)
	b.await("its evidence", `document.querySelectorAll('.incident .inner tbody tr a[href^="#/topics?topic=purchase-events&partition="]').length > 0 && document.querySelector('.incident .steps li') !== null`)
	b.run(`[...document.querySelectorAll('.incident .inner button')].find((x) => x.innerText === 'Silence…').click()`)
	b.await("the form", `document.querySelector('form.silence textarea')?.value.includes('alertname=high_value') === true`)
	b.run(`document.querySelector('form.silence button.main').click()`)
	b.await("the question for the token", `document.querySelector('dialog[open] input') !== null`)
	b.run(fmt.Sprintf(`{ const d = document.querySelector('dialog[open]'); d.querySelector('input').value = %q; d.querySelector('button.main').click(); }`, token))
	b.await("the silence", `document.querySelector('[aria-label="Silences"] tbody tr')?.innerText.includes('active') === true && document.querySelector('.incident').closest('ul').innerText.includes('silenced')`)
	silences := jsonOf[[]web.SilenceAnswer](t, p, "/api/silences")
	if len(silences) != 1 || silences[0].Status.State != "active" || !slices.ContainsFunc(silences[0].Matchers, func(m notify.Matcher) bool { return m.Name == "alertname" && m.Value == "high_value" }) {
		t.Fatalf("%+v", silences)
	}
	b.run(`[...document.querySelectorAll('[aria-label="Silences"] button')].find((x) => x.innerText === 'End').click()`)
	b.await("its end", `document.querySelector('[aria-label="Silences"] tbody tr').innerText.includes('expired')`)
	if eval[bool](b, `window.pwned !== undefined || [...document.querySelectorAll('#main a')].some((a) => !/^(#|\/api\/|\/-\/|https?:)/.test(a.getAttribute('href')))`) {
		t.Error("a text ran, or a link leads to what is no page")
	}
	b.calm()
}

// TestPageOpensLinkedIncident follows the link that notifications carry: to an incident that fires, by its id and by what it
// begins with, to one that is over, to one that there is not, and to the first one again once the process was killed.
func TestPageOpensLinkedIncident(t *testing.T) {
	address := freeAddress(t)
	b := openTab(t, 1280, 900, "light")
	p, data := startGolden(t, address)
	incident := func(state alert.State) (found *alert.Change) {
		p.await("an incident that is "+string(state), func() bool {
			a := jsonOf[web.AlertsAnswer](t, p, "/api/alerts?all=true")
			changes := a.Ended.Incidents
			for _, of := range a.Alerts {
				changes = append(changes, of.Incidents...)
			}
			i := slices.IndexFunc(changes, func(c *alert.Change) bool { return c.Alert == "high_value" && c.State == state })
			if i >= 0 {
				found = changes[i]
			}
			return i >= 0
		})
		return found
	}
	follow := func(id string) { b.do(chromedp.Navigate("http://" + address + "/?incident=" + id)) }
	shows := func(c *alert.Change, state alert.State) {
		t.Helper()
		b.await(fmt.Sprintf("incident %s with its evidence, as the API has it", c.ID), fmt.Sprintf(`fetch('/api/alerts/%s').then((r) => r.json()).then(({incident}) => {
			const open = [...document.querySelectorAll('.incident:has(.inner)')], records = [...document.querySelectorAll('.incident .inner tbody tr a')].map((x) => x.innerText);
			return open.length === 1 && open[0].querySelector('.summary').innerText === incident.summary && incident.evidence.length > 0
				&& incident.evidence.every((e) => records.includes(e.topic + '/' + e.partition + '@' + e.offset)); })`, c.ID))
		b.await("its history", fmt.Sprintf(`[...document.querySelectorAll('.incident .inner .steps li')].some((x) => x.innerText.includes(%q))`, state))
	}
	fires := incident(alert.Firing)
	follow(fires.ID)
	shows(fires, alert.Firing)
	follow(fires.ID[:len(fires.ID)-1])
	shows(fires, alert.Firing)

	var later strings.Builder
	for i := range 60 {
		later.WriteString(event(i, "user_"+strconv.Itoa(i), "2026-02-03T11:00:00Z") + "\n")
	}
	if f := publish(t, data, []byte(later.String())); f.code != 0 {
		t.Fatalf("publish: exit %d: %s", f.code, f.errors)
	}
	over := incident(alert.Resolved)
	follow(over.ID)
	shows(over, alert.Resolved)

	p.signal(syscall.SIGKILL)
	p.wait()
	p = startPage(t, data, address)
	incident(alert.Resolved)
	follow(over.ID)
	shows(over, alert.Resolved)
	follow("0123456789")
	b.await("the page to say that there is no such incident", `[...document.querySelectorAll('#main [role="alert"]')].some((x) => x.innerText.includes('there is no incident "0123456789"'))`)
	if n := eval[int](b, `document.querySelectorAll('.incident .inner').length`); n != 0 {
		t.Errorf("%d incidents are open, and the link leads to none", n)
	}
	b.expect("/api/alerts/0123456789")
	b.calm()
}
