//go:build unix

package node_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestCompactedSourceIsTold: a start names a source from which Kafka may take what a restart reads again, and what helps.
func TestCompactedSourceIsTold(t *testing.T) {
	for lag, told := range map[string]bool{"0": true, "3600000": false} {
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
		if err != nil {
			t.Fatal(err)
		}
		defer cluster.Close()
		hosts := strings.Join(cluster.ListenAddrs(), ",")
		adm, err := kadm.NewOptClient(kgo.SeedBrokers(hosts))
		if err != nil {
			t.Fatal(err)
		}
		defer adm.Close()
		if _, err := adm.CreateTopic(t.Context(), 1, 1, map[string]*string{"cleanup.policy": kadm.StringPtr("compact"), "min.compaction.lag.ms": &lag}, "in"); err != nil {
			t.Fatal(err)
		}
		p := nagare(t, nil, "run", guardedProject(t, "out"), "--once", "--kafka", hosts, "--data", filepath.Join(t.TempDir(), "data"))
		if p.code != 0 || strings.Contains(p.errors, "min.compaction.lag.ms") != told || told && !strings.Contains(p.errors, "topic=in") {
			t.Errorf("with a lag of %s ms: exit %d; stderr:\n%s", lag, p.code, p.errors)
		}
	}
}
