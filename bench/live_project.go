package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/pipelines"
)

// shippedProject is the project that is measured unless told otherwise.
const shippedProject = pipelines.Default

// specFile is where a project has its settings.
const specFile = "spark-pipeline.yml"

// alertFiles is the files of the shipped project that have nothing but what its alerts read.
var alertFiles = []string{"transformations/7_monitoring.sql", "transformations/8_unusual.sql"}

// copyProject copies the project, so that it stays the same while it is measured.
func (l *liveRun) copyProject() (string, error) {
	var from fs.FS
	if l.Project == "" {
		l.Project = shippedProject
	}
	if slices.Contains(pipelines.Names(), l.Project) {
		shipped, err := pipelines.Open(l.Project)
		if err != nil {
			return "", err
		}
		from = shipped
	} else {
		if _, err := os.Stat(filepath.Join(l.Project, specFile)); err != nil {
			return "", fmt.Errorf("read project %s: %w; name a folder with a %s, or one that ships (%s)", l.Project, err, specFile, strings.Join(pipelines.Names(), ", "))
		}
		from = os.DirFS(l.Project)
	}
	to := filepath.Join(l.dir, "project", filepath.Base(l.Project))
	return to, os.CopyFS(to, from)
}

// leaveOut makes a variant that lacks the parts of Without.
func (l *liveRun) leaveOut(v *variant) error {
	if slices.Contains(l.Without, WithoutMonitor) {
		v.more = append(v.more, "--unmonitored")
	}
	if !slices.Contains(l.Without, WithoutAlerts) {
		return nil
	}
	to := filepath.Join(l.dir, "without", filepath.Base(v.project))
	if err := os.CopyFS(to, os.DirFS(v.project)); err != nil {
		return err
	}
	v.project = to
	return removeAlerts(to, l.Project == shippedProject)
}

// removeAlerts removes the alerts from a project's settings; from the shipped project also what only they read:
// tables, and the topics of the process itself.
func removeAlerts(project string, shipped bool) error {
	path := filepath.Join(project, specFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	prefixes := []string{"alert."}
	if shipped {
		prefixes = append(prefixes, "source.system_raw.", "source.pipeline_raw.")
		for _, file := range alertFiles {
			err = errors.Join(err, os.Remove(filepath.Join(project, file)))
		}
	}
	var kept bytes.Buffer
	for line := range bytes.Lines(text) {
		begins := func(prefix string) bool { return bytes.HasPrefix(bytes.TrimSpace(line), []byte(prefix)) }
		if !slices.ContainsFunc(prefixes, begins) {
			kept.Write(line)
		}
	}
	return errors.Join(err, os.WriteFile(path, kept.Bytes(), 0o600))
}

// rateText is a rate as flags take it.
func rateText(rate float64) string { return strconv.FormatFloat(rate, 'f', -1, 64) }
