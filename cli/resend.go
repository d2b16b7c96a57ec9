package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/adapters/web"
)

// resendFlags is what `nagare topics resend` can be told.
type resendFlags struct {
	where, to string
	records   []string
	yes, dry  bool
}

func (a *app) topicsResend() *cobra.Command {
	var f resendFlags
	cmd := &cobra.Command{
		Use:   "resend TABLE$late|TOPIC$invalid",
		Short: "Append records that were left out to their topic again",
		Long: `Appends late or invalid records to the topic that they came from, each to its partition, with its key, value and
headers. Without --where or --record all of them are meant. It says how many there are, where they go and what
becomes of them, and asks, unless --yes is given.

With a process on the data folder that process appends them, and reads them at once; without one they wait for the
next run. The name needs quotes: a shell takes $late for a variable of its own.`,
		Example: `  nagare topics resend 'purchase-events$invalid' --where "reason LIKE 'no JSON%'"
  nagare topics resend 'sales_by_minute$late' --record 0/12 --record 2/7 --yes
  nagare topics resend 'sales_by_minute$late' --dry-run -o json`,
		Args: oneArg("TABLE$late or TOPIC$invalid, in quotes,"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.resend(cmd, args[0], &f) },
	}
	cmd.Flags().StringVar(&f.where, "where", "", "only those for which this condition over the columns holds, as in \"offset < 100\"")
	cmd.Flags().StringArrayVar(&f.records, "record", nil, "only the record of PARTITION/OFFSET, several times")
	cmd.Flags().StringVar(&f.to, "topic", "", "to which topic, where the table reads several")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&f.dry, "dry-run", false, "only tell what would be sent")
	a.rowsFlag(cmd, formTable, formJSON)
	return cmd
}

// request is what the flags ask for.
func (f *resendFlags) request(from string) (*web.ResendRequest, error) {
	if cmd := "topics resend " + from; f.where != "" && len(f.records) > 0 {
		return nil, usage("%s: both --where and --record are there; one of them says which records", cmd)
	} else if !strings.HasSuffix(from, "$late") && !strings.HasSuffix(from, "$invalid") {
		return nil, usage("%s: it keeps no records that were left out; 'TABLE$late' and 'TOPIC$invalid' do, in quotes, because a shell takes $late for a variable", cmd)
	}
	r := &web.ResendRequest{Where: f.where, Topic: f.to}
	for _, text := range f.records {
		part, offset, ok := strings.Cut(text, "/")
		p, perr := strconv.ParseInt(part, 10, 32)
		o, oerr := strconv.ParseInt(offset, 10, 64)
		if !ok || perr != nil || oerr != nil || p < 0 || o < 0 {
			return nil, usage("topics resend %s: --record %s is not PARTITION/OFFSET, as in 0/12", from, text)
		}
		r.Records = append(r.Records, web.RecordPlace{Partition: int32(p), Offset: o})
	}
	if r.Where == "" && len(r.Records) == 0 {
		r.Where = "true"
	}
	return r, nil
}

func (a *app) resend(cmd *cobra.Command, from string, f *resendFlags) (err error) {
	req, err := f.request(from)
	if err != nil {
		return err
	}
	t, err := a.reach(cmd.Context(), false)
	if err != nil {
		return err
	}
	defer func() { err = joinClose(err, t) }()
	ask := func(dry bool) (web.Resent, error) {
		req.Dry = dry
		body, err := json.Marshal(req)
		if err != nil {
			return web.Resent{}, err
		}
		return send[web.Resent](cmd.Context(), t.client, http.MethodPost, topicPath(from)+"/resend", nil, bytes.NewReader(body))
	}
	would, err := ask(true)
	if err != nil {
		return err
	}
	if f.dry || would.Records == 0 {
		return a.printResent(a.out, would, t)
	}
	if !f.yes {
		if err := a.printText(a.err, would, t); err != nil {
			return err
		}
	}
	ok, err := a.confirm("Send? [y/N] ", f.yes, "topics resend %s: nothing was sent; add --yes to do it", from)
	if !ok || err != nil {
		return err
	}
	done, err := ask(false)
	if err != nil {
		return err
	}
	return a.printResent(a.out, done, t)
}

// printResent tells what was sent again, or would be.
func (a *app) printResent(w io.Writer, r web.Resent, t *target) error {
	if a.format == formJSON {
		return printIndented(a, r)
	}
	return a.printText(w, r, t)
}

func (a *app) printText(w io.Writer, r web.Resent, t *target) error {
	if r.Records == 0 {
		_, err := fmt.Fprintf(w, "%s has no such records: nothing is sent\n", r.From)
		return err
	}
	n := int(min(r.Records, math.MaxInt))
	verb := "sent again"
	if r.Dry {
		verb = "would go again"
	}
	fmt.Fprintf(w, "%s of %s %s to topic %s, %s bytes, each to its partition\n", plural(n, "record"), r.From, verb, r.Topic, grouped(r.Bytes))
	if r.Copies > 0 {
		fmt.Fprintf(w, "%s the topic has no longer: what was kept of them goes, without headers\n", grouped(r.Copies))
	}
	if t.local != nil {
		fmt.Fprintln(w, "no process runs on the data folder: the next run reads them")
	}
	_, err := fmt.Fprintln(w, r.Note)
	return err
}

// confirm asks on the terminal, unless that is answered already. Where nobody can answer, the usage error is given.
func (a *app) confirm(question string, yes bool, unanswered string, args ...any) (bool, error) {
	if yes {
		return true, nil
	}
	if !isTerminal(a.in) {
		return false, usage(unanswered, args...)
	}
	fmt.Fprint(a.err, question)
	line, _ := bufio.NewReader(a.in).ReadString('\n')
	if answer := strings.ToLower(strings.TrimSpace(line)); answer == "y" || answer == "yes" {
		return true, nil
	}
	fmt.Fprintln(a.err, "nothing was changed")
	return false, nil
}
