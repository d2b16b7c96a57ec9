package harness_test

import (
	"context"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/harness"
	"github.com/nagare-stream/nagare/harness/stack"
)

// BenchmarkOpenAndClose opens a pipeline and closes it, as every test does.
func BenchmarkOpenAndClose(b *testing.B) {
	for _, project := range []string{bikes, "purchases"} {
		for _, durable := range []bool{false, true} {
			name := project + "/memory"
			if durable {
				name = project + "/durable"
			}
			b.Run(name, func(b *testing.B) { openAndClose(b, project, durable) })
		}
	}
}

// BenchmarkOpenAndCloseOnKafka does the same with a cluster in memory, which is made and closed, too.
func BenchmarkOpenAndCloseOnKafka(b *testing.B) {
	var opening, closing time.Duration
	for b.Loop() {
		r := &recorder{TB: b, dir: b.TempDir()}
		begin := time.Now()
		r.run(func() { harness.New(r, harness.Project(bikes), harness.Kafka()) })
		opened := time.Now()
		if r.end(); r.failed {
			b.Fatal(r.texts)
		}
		opening += opened.Sub(begin)
		closing += time.Since(opened)
	}
	b.ReportMetric(opening.Seconds()*1e3/float64(b.N), "open-ms")
	b.ReportMetric(closing.Seconds()*1e3/float64(b.N), "close-ms")
}

func openAndClose(b *testing.B, project string, durable bool) {
	var opening, closing time.Duration
	for b.Loop() {
		c := stack.Config{Project: project, Durable: durable}
		if durable {
			c.Dir = b.TempDir()
		}
		begin := time.Now()
		s, err := stack.Open(context.Background(), c)
		if err != nil {
			b.Fatal(err)
		}
		opened := time.Now()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		opening += opened.Sub(begin)
		closing += time.Since(opened)
	}
	b.ReportMetric(opening.Seconds()*1e3/float64(b.N), "open-ms")
	b.ReportMetric(closing.Seconds()*1e3/float64(b.N), "close-ms")
}
