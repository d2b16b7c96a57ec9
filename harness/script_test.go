package harness_test

import (
	"testing"

	"github.com/nagare-stream/nagare/harness"
)

// The scripts of every project that is in the repository.
func TestScripts(t *testing.T) {
	for _, project := range []string{bikes, "../pipelines/nexmark", "../pipelines/purchases", "../pipelines/retail"} {
		t.Run(project, func(t *testing.T) { harness.Scripts(t, project) })
	}
}
