package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/adapters/web"
)

func (a *app) publishCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "publish TOPIC [FILE]",
		Short: "Append records to a topic, acknowledged when they are on the disk",
		Long: `Appends the records of a file to a topic, or from stdin a JSON value a line or the lines of kcat -J, and returns once they are on the disk.

FILE is .ndjson or .jsonl (a JSON value a line, or the lines of kcat -J, which keep partition and time) or .csv
(a header row), each also with .gz. A record without a key is keyed by the topic's key field.`,
		Example: `  nagare publish purchase-events events.ndjson
  nagare publish purchase-events orders.csv.gz
  echo '{"user_id": "user_1", "final_amount": 99000}' | nagare publish purchase-events`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return fmt.Errorf("publish: name a topic and, unless stdin is meant, one file, as in: %s", firstExample(cmd))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			t, err := a.reach(cmd.Context(), true)
			if err != nil {
				return err
			}
			defer func() { err = joinClose(err, t) }()
			begin := time.Now()
			var done web.Published
			if len(args) == 2 && args[1] != "-" {
				done, err = a.publishFile(cmd, t.client, args[0], args[1])
			} else {
				if isTerminal(a.in) {
					a.warn("reading records from the keyboard, one JSON value a line; Ctrl-D ends")
				}
				done, err = t.client.publish(cmd.Context(), args[0], io.NopCloser(a.in))
			}
			if err != nil {
				return err
			}
			return a.published(done, time.Since(begin))
		},
	}
}

// publishFile has the process read the file, and shows how far it is.
func (a *app) publishFile(cmd *cobra.Command, c *client, topic, path string) (web.Published, error) {
	var last web.Published
	abs, err := filepath.Abs(path)
	if err != nil {
		return last, err
	}
	if _, err := os.Stat(abs); err != nil {
		return last, usage("publish %s: %v", path, errors.Unwrap(err))
	}
	resp, err := c.do(cmd.Context(), http.MethodPost, topicPath(topic), values("file", abs), nil)
	if err != nil {
		return last, err
	}
	defer resp.Body.Close()
	bar := a.newBar("publish")
	defer bar.clear()
	d := json.NewDecoder(resp.Body)
	for !last.Final {
		last = web.Published{}
		if err := d.Decode(&last); err != nil {
			if cmd.Context().Err() != nil {
				return last, cmd.Context().Err()
			}
			return last, fmt.Errorf("publish %s: the process went away before all was acknowledged: %w", path, err)
		}
		bar.show(last.Records, last.Done, last.Total)
	}
	return last, nil
}

// publish appends what r gives. Records that were refused are in the answer, beside those that are durable.
func (c *client) publish(ctx context.Context, topic string, r io.Reader) (web.Published, error) {
	var done web.Published
	resp, err := c.send(ctx, http.MethodPost, topicPath(topic), nil, r)
	if err != nil {
		return done, err
	}
	if resp.StatusCode != http.StatusUnprocessableEntity {
		if resp, err = c.success(resp); err != nil {
			return done, err
		}
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&done); err != nil {
		return done, fmt.Errorf("read the answer to publish %s: %w", topic, err)
	}
	return done, nil
}

// published tells what is durable, and what is not.
func (a *app) published(p web.Published, took time.Duration) error {
	fmt.Fprintf(a.out, "%s: %s durable, %d bytes, %.0f records/s\n", p.Topic, plural(int(p.Records), "record"), p.Bytes, float64(p.Records)/max(took.Seconds(), 1e-6))
	for _, notice := range p.Notices {
		a.warn("%s", notice)
	}
	if p.Error != "" {
		return &codeError{max(p.Exit, 1), errors.New(p.Error)}
	}
	return nil
}
