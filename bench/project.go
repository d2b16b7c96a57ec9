package bench

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nagare-stream/nagare/pipelines"
)

// topic is what the measured project reads.
const topic = "purchase-events"

const spec = `name: bench
storage: file:///tmp/nagare/bench/storage
libraries:
  - glob:
      include: transformations/**
configuration:
  source.purchase_raw.format: kafka
  source.purchase_raw.option.kafka.bootstrap.servers: localhost:9092
  source.purchase_raw.option.subscribe: purchase-events
  source.purchase_raw.option.startingOffsets: earliest
  nagare.topic.purchase-events.partitions: "3"
  nagare.topic.purchase-events.key: user_id
`

// byUser is one query whose keys are as many as there are users.
const byUser = `
CREATE STREAMING TABLE by_user AS
SELECT window.start AS window_start, user_id, count(*) AS orders, sum(final_amount) AS total
FROM STREAM purchase
GROUP BY window(ts, '30 days'), user_id;
`

// writeProjects makes two projects in a folder: "three" with the tutorial's three queries as the
// purchase project has them, and "keys" with one query of many keys.
func writeProjects(dir string) error {
	shipped, err := pipelines.Open(pipelines.Default)
	if err != nil {
		return err
	}
	source, err := fs.ReadFile(shipped, "transformations/1_source.sql")
	if err != nil {
		return fmt.Errorf("read the purchase project: %w", err)
	}
	sales, err := fs.ReadFile(shipped, "transformations/2_sales.sql")
	if err != nil {
		return fmt.Errorf("read the purchase project: %w", err)
	}
	for name, queries := range map[string][]byte{"three": sales, "keys": []byte(byUser)} {
		folder := filepath.Join(dir, name, "transformations")
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		files := map[string][]byte{
			filepath.Join(dir, name, "spark-pipeline.yml"): []byte(spec),
			filepath.Join(folder, "1_source.sql"):          source,
			filepath.Join(folder, "2_queries.sql"):         queries,
		}
		for path, text := range files {
			if err := os.WriteFile(path, text, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeProjectOn copies a project, with another topic in the place of the one that it reads.
func writeProjectOn(to, from, name string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	path := filepath.Join(to, "spark-pipeline.yml")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, bytes.ReplaceAll(text, []byte(topic), []byte(name)), 0o600)
}
