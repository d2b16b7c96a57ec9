package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/user"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/adapters/notify"
	"github.com/nagare-stream/nagare/adapters/web"
)

// silenceFlags is what `nagare alerts silence` is told.
type silenceFlags struct {
	last        time.Duration
	comment, by string
	end         string
}

func (a *app) alertsSilenceCommand() *cobra.Command {
	var f silenceFlags
	cmd := &cobra.Command{
		Use:   "silence [LABEL=VALUE ...]",
		Short: "Hold back what webhooks are told of alerts, or list the silences",
		Long: `Incidents whose labels match all the conditions are told to no webhook until the silence ends; those that still fire then
are told then. What an Alertmanager has told this process is shown as silenced, and goes on there. Labels are alertname, severity and
the columns of the alert's key. Conditions are LABEL=VALUE, LABEL!=VALUE, and with regular expressions that match the whole
value LABEL=~RE and LABEL!~RE. Without conditions the silences are listed.`,
		Example: `  nagare alerts silence alertname=high_value user=~'test.*' --for 2h --comment 'load test'
  nagare alerts silence
  nagare alerts silence --end 3f0c2c1e-5a51-4c7e-9a54-1b7a0b8a3c11`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			ends := cmd.Flags().Changed("end")
			if ends && len(args) > 0 {
				return usage("alerts silence: --end takes no conditions")
			}
			matchers, err := readMatchers(args)
			if err != nil {
				return err
			}
			t, err := a.reach(cmd.Context(), false)
			if err != nil {
				return err
			}
			defer func() { err = joinClose(err, t) }()
			if t.local != nil && (ends || len(args) > 0) {
				return fmt.Errorf("silence alerts: no process runs on data folder %s, and it is the process that tells webhooks; start it with nagare run", t.data)
			}
			switch {
			case ends:
				_, err = send[map[string]string](cmd.Context(), t.client, http.MethodDelete, apiPath("silences", f.end), nil, nil)
				return err
			case len(args) > 0:
				return a.addSilence(cmd, t, matchers, &f)
			}
			list, err := get[[]web.SilenceAnswer](cmd.Context(), t.client, "/api/silences")
			if err != nil {
				return err
			}
			return a.listSilences(list)
		},
	}
	cmd.Flags().DurationVar(&f.last, "for", time.Hour, "how long the silence lasts")
	cmd.Flags().StringVar(&f.comment, "comment", "", "why")
	cmd.Flags().StringVar(&f.by, "by", "", "who (default: you)")
	cmd.Flags().StringVar(&f.end, "end", "", "end the silence with this id now")
	a.rowsFlag(cmd, formTable, formJSON)
	return cmd
}

var matcherForm = regexp.MustCompile(`^([^=!~]+)(=~|!~|!=|=)(.*)$`)

// readMatchers reads conditions as Alertmanager's amtool takes them.
func readMatchers(args []string) ([]notify.Matcher, error) {
	var out []notify.Matcher
	for _, arg := range args {
		m := matcherForm.FindStringSubmatch(arg)
		if m == nil {
			return nil, usage("alerts silence: %q is no condition; write LABEL=VALUE, LABEL!=VALUE, LABEL=~RE or LABEL!~RE", arg)
		}
		out = append(out, notify.Matcher{Name: strings.TrimSpace(m[1]), Value: m[3], IsRegex: strings.HasSuffix(m[2], "~"), IsEqual: m[2][0] == '='})
	}
	return out, nil
}

func (a *app) addSilence(cmd *cobra.Command, t *target, matchers []notify.Matcher, f *silenceFlags) error {
	if f.last <= 0 {
		return usage("alerts silence: --for %v is no time in which anything could be silent", f.last)
	}
	if f.by == "" {
		if who, err := user.Current(); err == nil {
			f.by = who.Username
		}
	}
	now := time.Now().UTC()
	body, err := json.Marshal(map[string]any{"matchers": matchers, "startsAt": now, "endsAt": now.Add(f.last), "createdBy": f.by, "comment": f.comment})
	if err != nil {
		return err
	}
	answer, err := send[map[string]string](cmd.Context(), t.client, http.MethodPost, "/api/silences", nil, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if answer["silenceID"] == "" {
		return errors.New("silence alerts: the process answered without an id")
	}
	if a.format == formJSON {
		return json.NewEncoder(a.out).Encode(answer)
	}
	_, err = fmt.Fprintln(a.out, answer["silenceID"])
	return err
}

func (a *app) listSilences(list []web.SilenceAnswer) error {
	if a.format == formTable && len(list) == 0 {
		fmt.Fprintln(a.out, "there is no silence")
		return nil
	}
	if a.format == formJSON {
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		return e.Encode(list)
	}
	for _, s := range list {
		var conditions []string
		for _, m := range s.Matchers {
			op := map[[2]bool]string{{true, false}: "=", {false, false}: "!=", {true, true}: "=~", {false, true}: "!~"}[[2]bool{m.IsEqual, m.IsRegex}]
			conditions = append(conditions, fmt.Sprintf("%s%s%q", m.Name, op, m.Value))
		}
		if _, err := fmt.Fprintf(a.out, "%s  %-7s  until %s  %s  by %s: %s\n", s.ID, s.Status.State, s.EndsAt.UTC().Format(time.RFC3339),
			strings.Join(conditions, " "), s.CreatedBy, s.Comment); err != nil {
			return err
		}
	}
	return nil
}
