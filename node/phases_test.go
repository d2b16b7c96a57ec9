package node_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/node"
)

var phaseKills = flag.Int("phasekills", 8, "how often TestKillInPhases kills")

// A life with phases reads its events from a topic of three partitions, gives that widePartitions while it runs, and
// goes on with further events. Retention takes what is read all the while, and rows of a table behind its watermark.
const (
	widePartitions = 5
	phaseRetention = 2 * time.Second       // by the clock of the log; what is not read by then holds up who writes
	phaseLetGo     = 3 * time.Minute       // of letGoTable
	phaseLook      = 30 * time.Millisecond // between looks for old records
	letGoTable     = "sales_by_minute"

	writtenTogether = 200 // further events
)

// moreEvents is how many events come when the topic is wide.
func (l life) moreEvents() int64 { return l.Events / 3 }

// retain has retention remove what it may.
func (l life) retain(cfg *node.Config) {
	cfg.TuneLog = func(c *broker.Config) { c.RetainEvery = phaseLook }
	c := &cfg.Pipeline.Config
	topic := c.Topics[lifeTopic]
	topic.Retention = phaseRetention.Microseconds()
	c.Topics[lifeTopic] = topic
	c.TableRetention[letGoTable] = phaseLetGo.Microseconds()
}

// wideFile says that all events of before are read, and has where their partitions end: it does not hang on kills to which
// ones they went.
func (l life) wideFile() string { return l.Data + ".wide" }

func (l life) isWide() bool {
	_, err := os.Stat(l.wideFile())
	return l.Phases && err == nil
}

// goOn gives the topic its partitions, and reads what comes then.
func (l life) goOn(ctx context.Context, wide bool) error {
	if !wide {
		if err := l.noteEnds(ctx); err != nil {
			return err
		}
	}
	if err := l.widen(ctx); err != nil {
		return err
	}
	_, err := l.run(ctx, atMore, nil, l.Events+l.moreEvents())
	return err
}

func (l life) noteEnds(ctx context.Context) error {
	n, err := l.open(ctx, node.Config{Look: true})
	if err != nil {
		return err
	}
	topic, err := n.Topic(ctx, lifeTopic)
	if err = errors.Join(err, n.Close()); err != nil {
		return err
	}
	ends := make([]int64, widePartitions)
	for i, p := range topic.Parts {
		ends[i] = p.Next
	}
	text, err := json.Marshal(ends)
	if err != nil {
		return err
	}
	made := l.wideFile() + ".new"
	f, err := os.Create(made)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	d, derr := os.Open(filepath.Dir(made))
	if derr != nil {
		return derr
	}
	return errors.Join(err, f.Sync(), f.Close(), os.Rename(made, l.wideFile()), d.Sync(), d.Close())
}

// writeMore writes the further events. What is refused, since nothing that is old is read yet, is tried again.
func (l life) writeMore(ctx context.Context, n *node.Node) error {
	again := time.NewTicker(phaseLook)
	defer again.Stop()
	for {
		err := l.writeMissing(ctx, n)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
		}
	}
}

// writeMissing writes those that are not there yet.
func (l life) writeMissing(ctx context.Context, n *node.Node) error {
	text, err := os.ReadFile(l.wideFile())
	if err != nil {
		return err
	}
	var skip []int64
	if err := json.Unmarshal(text, &skip); err != nil {
		return err
	}
	topic, err := n.Topic(ctx, lifeTopic)
	if err != nil {
		return err
	}
	for i, p := range topic.Parts {
		skip[i] = p.Next - skip[i]
	}
	cfg := l.generator()
	cfg.Seed, cfg.Start, cfg.Partitions = cfg.Seed+1, lifeEnd(), widePartitions
	gen, err := generator.New(cfg)
	if err != nil {
		return err
	}
	var list []node.Record
	for i := range l.moreEvents() {
		e := gen.Event(i, nil)
		if skip[e.Partition]--; skip[e.Partition] >= 0 {
			continue
		}
		list = append(list, node.Record{Partition: e.Partition, Time: time.UnixMicro(e.Due), Key: bytes.Clone(e.Key), Value: e.Value})
		if len(list) == writtenTogether {
			if err := n.Append(ctx, lifeTopic, list); err != nil {
				return err
			}
			list = list[:0]
		}
	}
	if len(list) == 0 {
		return nil
	}
	return n.Append(ctx, lifeTopic, list)
}

// widen runs the pipeline and has its topic get partitions meanwhile, until it reads them.
func (l life) widen(ctx context.Context) error {
	n, err := l.open(ctx, node.Config{HTTP: node.HTTPOff})
	if err != nil {
		return err
	}
	say(atWiden, n.Status())
	run, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- n.Run(run) }()
	topic, err := n.Topic(ctx, lifeTopic)
	if err == nil && topic.Partitions < widePartitions {
		err = n.AlterTopic(ctx, lifeTopic, widePartitions)
	}
	if err == nil {
		err = awaitPartitions(n, ended)
	}
	stop()
	return errors.Join(err, <-ended, n.Close())
}

// awaitPartitions waits for a checkpoint of a pipeline that reads all partitions.
func awaitPartitions(n *node.Node, ended chan error) error {
	changed, end := n.Watch()
	defer end()
	for {
		st, reads := n.Status(), 0
		for _, p := range st.Partitions {
			if p.Topic == lifeTopic {
				reads++
			}
		}
		if reads == widePartitions {
			return nil
		}
		select {
		case <-changed:
		case err := <-ended:
			ended <- nil
			return fmt.Errorf("the pipeline ended with %d partitions: %w", reads, err)
		}
	}
}

// TestKillInPhases kills the process of one logical run at random instants: while it computes again what a kill before has
// cut short, while its topic gets partitions, while retention removes what was read, and at its end. Tables, ledger and
// outputs are then what an undisturbed run gives, and so is of the input what retention has left.
func TestKillInPhases(t *testing.T) {
	seed := *killSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("%d kills at instants of seed %d (repeat with -killseed)", *phaseKills, seed)
	phases(t, seed, *phaseKills, nil)
}

// phases runs a life with phases undisturbed and one that ends again and again, on a disk if that is given, and compares.
func phases(t *testing.T, seed uint64, n int, on disk) {
	whole := life{Data: filepath.Join(t.TempDir(), "undisturbed"), Events: killEvents / 5, Phases: true}
	undisturbed := runLife(t, self(t), whole, nil)
	if undisturbed.killed || undisturbed.last() != atDone {
		t.Fatalf("the undisturbed run ended at %q; stderr:\n%s", undisturbed.last(), undisturbed.errors)
	}
	t.Logf("undisturbed: open after %v, widen after %v, more after %v, read after %v, done after %v", undisturbed.since(atOpen), undisturbed.since(atWiden), undisturbed.since(atMore), undisturbed.since(atRead), undisturbed.since(atDone))
	dir := t.TempDir()
	if on != nil {
		dir = on.folder()
	}
	k := &killer{t: t, exe: self(t), pace: undisturbed, random: rand.New(rand.NewPCG(seed, 2)), disk: on,
		life: life{Data: filepath.Join(dir, "killed"), Events: whole.Events, Phases: true}}
	k.runPhases(n)
	t.Log(k.summary())
	tell(t, "after the kills", phasesDiffer(t, whole.Data, k.life.Data))
	if n >= 20 {
		k.checkPhases(n)
	}
}

// runPhases kills n times, a fifth of it at the start of a process, the others in the phases in turn, and then lets a
// life come to its end. What is behind one is not come back to.
func (k *killer) runPhases(n int) {
	stages := []string{atOpen, atWiden, atMore, atRead}
	ends := []string{atWiden, atMore, atRead, atDone}
	reached := 0
	for killed := 0; killed < n && len(k.lives) < 3*n; {
		phase := max(reached, killed*len(stages)/n)
		when := instant{after: k.within(k.pace.since(atOpen))}
		if k.random.IntN(5) > 0 {
			last := k.pace.since(ends[phase]) - k.pace.since(stages[phase])
			when = instant{at: stages[phase], after: k.within(last * 3 / 4)}
		}
		l := k.live(&when)
		if l.killed {
			killed++
		}
		for _, r := range l.reports {
			if i := slices.Index(stages[:3], r.At); i > reached { // every life comes to the last one
				reached = i
			}
		}
	}
	if last := k.live(nil); last.last() != atDone {
		k.t.Fatalf("the last life ended at %q; stderr:\n%s", last.last(), last.errors)
	}
}

// replayKills is how many lives were killed before they took a checkpoint, behind one that had taken some.
func (k *killer) replayKills() (n int) {
	for i, l := range k.lives[1:] {
		if before := k.lives[i]; l.killed && before.killed && len(l.reports) > 0 && l.epoch == l.reports[0].Epoch && l.epoch > 0 {
			n++
		}
	}
	return n
}

// checkPhases wants kills in each of the phases.
func (k *killer) checkPhases(n int) {
	in := map[string]int{}
	for _, l := range k.lives {
		phase := ""
		for _, r := range l.reports {
			if r.At != atCommit {
				phase = r.At
			}
		}
		if l.killed {
			in[phase]++
		}
	}
	for _, phase := range []string{"", atOpen, atWiden, atMore} {
		if in[phase] == 0 {
			k.t.Errorf("no kill of %d hit phase %q: %v", n, phase, in)
		}
	}
	if again := k.replayKills(); again < n/20 {
		k.t.Errorf("only %d of %d kills hit a process that computed again what another had", again, n)
	}
	k.t.Logf("kills by phase: %v; %d of them amid a replay", in, k.replayKills())
}

// phasesDiffer is foldersDiffer for lives with phases: of the input each has what retention has left, and a partition of an
// output has rows of several of the input, which come in any order.
func phasesDiffer(t testing.TB, want, got string) []string {
	t.Helper()
	out := checkStore(t, got)
	a, _ := writtenTables(t, want)
	b, _ := writtenTables(t, got)
	leaveLetGo(t, a, b)
	out = append(out, filesDiffer(t, a, b)...)
	x, y := openBroker(t, want), openBroker(t, got)
	infos, err := x.Topics(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	sorted := func(list []seen) []seen {
		slices.SortFunc(list, func(a, b seen) int {
			return cmp.Or(cmp.Compare(a.time, b.time), bytes.Compare(a.key, b.key), bytes.Compare(a.value, b.value))
		})
		return list
	}
	removed := int64(0)
	for _, info := range infos {
		if !y.HasTopic(info.Name) {
			out = append(out, "there is no topic "+info.Name)
			continue
		}
		has, err := y.Topic(context.Background(), info.Name)
		if err != nil {
			t.Fatal(err)
		}
		for p := range info.Parts {
			name := fmt.Sprintf("topic %s partition %d", info.Name, p)
			if info.Name != lifeTopic {
				out = append(out, recordsDiffer(t, name, sorted(readPartition(t, x, info.Name, int32(p))), sorted(readPartition(t, y, info.Name, int32(p))))...)
				continue
			}
			first := max(info.Parts[p].First, has.Parts[p].First)
			removed += has.Parts[p].First
			out = append(out, recordsDiffer(t, name, readFrom(t, x, lifeTopic, int32(p), first), readFrom(t, y, lifeTopic, int32(p), first))...)
		}
	}
	if removed == 0 {
		out = append(out, "retention removed nothing: the test shows little")
	}
	return out
}

// leaveLetGo leaves of a table that lets rows go, which it does some time after it may, what is in both folders, and out of
// the ledger how many are gone.
func leaveLetGo(t testing.TB, dirs ...string) {
	t.Helper()
	least := math.MaxInt
	tables := make([][]string, len(dirs))
	for i, dir := range dirs {
		tables[i] = strings.Split(read(t, filepath.Join(dir, letGoTable+".csv")), "\n")
		least = min(least, len(tables[i])-1)
	}
	for i, dir := range dirs {
		rows := tables[i][len(tables[i])-least:]
		books := letGoCount.ReplaceAllString(read(t, filepath.Join(dir, "ledger.json")), "")
		err := errors.Join(os.WriteFile(filepath.Join(dir, letGoTable+".csv"), []byte(strings.Join(rows, "\n")), 0o600),
			os.WriteFile(filepath.Join(dir, "ledger.json"), []byte(books), 0o600))
		if err != nil {
			t.Fatal(err)
		}
	}
}

var letGoCount = regexp.MustCompile(`"` + letGoTable + `": \d+`)

// readFrom returns the records of a partition from an offset on.
func readFrom(t testing.TB, b *broker.Broker, topic string, p int32, first int64) []seen {
	t.Helper()
	return readRecords(t, b, topic, p, record.Position{Offset: first})
}
