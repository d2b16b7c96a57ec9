package grade

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"time"
)

// A series is one file of the benchmark.
type series struct {
	name    string // folder and file
	times   []time.Time
	values  []float64
	windows [][2]time.Time // in which something is unusual, in order
}

// A profile is what hits and errors count.
type profile struct {
	TP float64 `json:"tpWeight"` // an unusual window that was found in time
	FP float64 `json:"fpWeight"` // a false alarm
	FN float64 `json:"fnWeight"` // an unusual window that was missed
}

// A corpus is a checkout of the benchmark.
type corpus struct {
	dir      string
	series   []series
	windows  int // of all series
	profiles map[string]profile
}

// readCorpus reads the data, the labels and the profiles of a checkout.
func readCorpus(dir string) (*corpus, error) {
	c := &corpus{dir: dir, profiles: map[string]profile{}}
	var labels map[string][][2]string
	if err := c.readJSON("labels/combined_windows.json", &labels); err != nil {
		return nil, err
	}
	var profiles map[string]struct{ CostMatrix profile }
	if err := c.readJSON("config/profiles.json", &profiles); err != nil {
		return nil, err
	}
	for name, p := range profiles {
		c.profiles[name] = p.CostMatrix
	}
	for _, name := range sortedNames(labels) {
		s := series{name: name}
		columns, err := c.readColumns(path.Join("data", name), "timestamp", "value")
		if err != nil {
			return nil, err
		}
		for i := range columns[0] {
			at, timeErr := corpusTime(columns[0][i])
			value, valueErr := strconv.ParseFloat(columns[1][i], 64)
			if err := errors.Join(timeErr, valueErr); err != nil {
				return nil, fmt.Errorf("read record %d of data/%s: %w", i+1, name, err)
			}
			s.times, s.values = append(s.times, at), append(s.values, value)
		}
		for _, w := range labels[name] {
			from, fromErr := corpusTime(w[0])
			to, toErr := corpusTime(w[1])
			if err := errors.Join(fromErr, toErr); err != nil {
				return nil, fmt.Errorf("read the windows of %s in labels/combined_windows.json: %w", name, err)
			}
			s.windows = append(s.windows, [2]time.Time{from, to})
		}
		c.windows += len(s.windows)
		c.series = append(c.series, s)
	}
	if len(c.series) == 0 || len(c.profiles) == 0 {
		return nil, refusal("%s is no checkout of the Numenta Anomaly Benchmark: it names %d series and %d profiles", dir, len(c.series), len(c.profiles))
	}
	return c, nil
}

// corpusTime reads a time of the benchmark's files, which has no zone; a fraction may be there.
func corpusTime(text string) (time.Time, error) { return time.Parse(time.DateTime, text) }

// scores reads what a detector of the benchmark has told of a series; its files are in the checkout.
func (c *corpus) scores(detector string, s *series) ([]float64, error) {
	name := path.Join("results", detector, path.Dir(s.name), detector+"_"+path.Base(s.name))
	columns, err := c.readColumns(name, "anomaly_score")
	if err != nil {
		return nil, err
	}
	scores := make([]float64, len(columns[0]))
	for i, text := range columns[0] {
		if scores[i], err = strconv.ParseFloat(text, 64); err != nil {
			return nil, fmt.Errorf("read record %d of %s: %w", i+1, name, err)
		}
	}
	if len(scores) != len(s.times) {
		return nil, fmt.Errorf("read %s: it has %d records, and data/%s has %d", name, len(scores), s.name, len(s.times))
	}
	return scores, nil
}

// open opens a file of the checkout.
func (c *corpus) open(name string) (*os.File, error) {
	f, err := os.Open(filepath.Join(c.dir, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refusal("%s is no checkout of the Numenta Anomaly Benchmark: it has no %s; git clone --depth 1 https://github.com/numenta/NAB makes one", c.dir, name)
	}
	return f, err
}

func (c *corpus) readJSON(name string, into any) error {
	f, err := c.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := json.NewDecoder(f).Decode(into); err != nil {
		return fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return nil
}

// readColumns reads columns of a CSV file with a header.
func (c *corpus) readColumns(name string, columns ...string) ([][]string, error) {
	f, err := c.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fmt.Errorf("read %s: %w", f.Name(), errors.Join(err, errors.New("a header and records are expected")))
	}
	out := make([][]string, len(columns))
	for i, column := range columns {
		at := -1
		for j, has := range rows[0] {
			if has == column {
				at = j
			}
		}
		if at < 0 {
			return nil, fmt.Errorf("read %s: it has no column %s", f.Name(), column)
		}
		for _, row := range rows[1:] {
			out[i] = append(out[i], row[at])
		}
	}
	return out, nil
}
