package plan

import (
	"fmt"
	"strings"
	"testing"
)

// chain is views that read one another, and a table that reads the last.
func chain(views int) Input {
	var s strings.Builder
	s.WriteString("CREATE TEMPORARY VIEW v0 AS SELECT CAST(value AS STRING) AS a FROM STREAM raw;\n")
	for i := 1; i < views; i++ {
		fmt.Fprintf(&s, "CREATE TEMPORARY VIEW v%d AS SELECT a FROM STREAM v%d;\n", i, i-1)
	}
	fmt.Fprintf(&s, "CREATE STREAMING TABLE t AS SELECT a FROM STREAM v%d;\n", views-1)
	return Input{Config: []Setting{{Key: "source.raw.format", Value: "kafka"}, {Key: "source.raw.option.subscribe", Value: "ev"}}, Files: []File{{Path: "chain.sql", Text: s.String()}}}
}

// TestLongChainsOfViewsAreShared resolves views that read one another: a view is the tree of the one that it reads
// and an operator more. With a copy of it each, 3,000 took a checker half a minute.
func TestLongChainsOfViewsAreShared(t *testing.T) {
	const views = 300
	p, faults := Resolve(chain(views))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for i := 1; i < views; i++ {
		root, before := p.Dataset(fmt.Sprint("v", i)).Flows[0].Root, p.Dataset(fmt.Sprint("v", i-1)).Flows[0].Root
		if in := root.Inputs(); len(in) != 1 || in[0] != before {
			t.Fatalf("view %d has a tree of its own below its operator", i)
		}
	}
}

func BenchmarkChain(b *testing.B) {
	in := chain(3000)
	for b.Loop() {
		if _, faults := Resolve(in); len(faults) > 0 {
			b.Fatal(faults)
		}
	}
}
