package kafka_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/nagare-stream/nagare/adapters/kafka"
)

// TestCompactedTopics: a topic whose old records go when a key has newer ones is found, however else it is set up.
func TestCompactedTopics(t *testing.T) {
	onEach(t, func(t *testing.T, hosts []string) {
		adm, base := admin(t, hosts), fresh(t)
		topics := []string{base + "-none"}
		for _, set := range []struct {
			name    string
			configs map[string]*string
		}{
			{"both", map[string]*string{"cleanup.policy": kadm.StringPtr("compact,delete"), "min.compaction.lag.ms": kadm.StringPtr("60000")}},
			{"compact", map[string]*string{"cleanup.policy": kadm.StringPtr("compact")}},
			{"delete", map[string]*string{"cleanup.policy": kadm.StringPtr("delete")}},
			{"plain", nil},
		} {
			if _, err := adm.CreateTopic(t.Context(), 1, 1, set.configs, base+"-"+set.name); err != nil {
				t.Fatal(err)
			}
			topics = append(topics, base+"-"+set.name)
		}
		got, err := open(t, kafka.Config{Hosts: hosts}).Compacted(context.Background(), topics)
		if want := []kafka.Compacted{{base + "-both", time.Minute}, {base + "-compact", 0}}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	})
}
