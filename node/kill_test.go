package node_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	kills    = flag.Int("kills", 6, "how often TestKill kills the one logical run")
	killSeed = flag.Uint64("killseed", 0, "of the instants at which TestKill kills; 0: another one each time")
)

const killEvents = 300_000

// TestKill kills the process of one logical run at random instants and starts it again, until all
// events are processed. Tables, ledger and every topic are then what an undisturbed run gives.
func TestKill(t *testing.T) {
	seed := *killSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("%d kills at instants of seed %d (repeat with -killseed)", *kills, seed)

	whole := life{Data: filepath.Join(t.TempDir(), "undisturbed"), Events: killEvents}
	undisturbed := runLife(t, self(t), whole, nil)
	if undisturbed.killed || undisturbed.last() != atDone {
		t.Fatalf("the undisturbed run ended at %q; stderr:\n%s", undisturbed.last(), undisturbed.errors)
	}
	t.Logf("undisturbed: open after %v, read after %v, done after %v, %d checkpoints", undisturbed.since(atOpen), undisturbed.since(atRead), undisturbed.since(atDone), undisturbed.epoch)

	k := &killer{t: t, exe: self(t), pace: undisturbed, random: rand.New(rand.NewPCG(seed, 0)),
		life: life{Data: filepath.Join(t.TempDir(), "killed"), Events: killEvents}}
	begin := time.Now()
	k.run(*kills)
	t.Logf("killed: done after %v; %s", time.Since(begin).Round(time.Millisecond), k.summary())
	tell(t, "after the kills", foldersDiffer(t, whole.Data, k.life.Data))
	checkEvents(t, k.life)
	k.checkNotVacuous(*kills)
}

// A killer takes one logical run through many lives.
type killer struct {
	t      *testing.T
	exe    string
	life   life
	pace   *lived // of the undisturbed run
	random *rand.Rand
	disk   disk // nil: the process is killed, and the disk has what it wrote

	lives    []*lived
	progress int64 // events read by any life
}

// A disk is one whose power is cut when a process is killed.
type disk interface {
	folder() string
	cut() func() // cuts it, of the life that begins
	back()       // the life is over: it is there again, if it was cut
}

// run kills n times and then lets a life come to its end. A fifth of the kills hits the start of a
// process and a sixth, the last ones, the end of the run; the others are spread over the work that
// is left. A life that ends before its instant is not counted; another one takes its place.
func (k *killer) run(n int) {
	ending := n / 6
	start, work, end := k.pace.since(atOpen), k.pace.since(atRead)-k.pace.since(atOpen), k.pace.since(atDone)-k.pace.since(atRead)
	for killed := 0; killed < n && len(k.lives) < 3*n; {
		var when instant
		switch left := n - killed - ending; {
		case k.random.IntN(5) == 0:
			when = instant{at: "", after: k.within(start)}
		case left > 0 && k.progress < k.life.Events:
			rest := float64(k.life.Events-k.progress) / float64(k.life.Events)
			when = instant{at: atOpen, after: k.within(time.Duration(2 * rest * float64(work) / float64(left+1)))}
		default:
			when = instant{at: atRead, after: k.within(end)}
		}
		l := k.live(&when)
		if l.killed {
			killed++
		} else {
			end = min(end, l.since(atDone)-l.since(atRead))
		}
	}
	if last := k.live(nil); last.last() != atDone {
		k.t.Fatalf("the last life ended at %q; stderr:\n%s", last.last(), last.errors)
	}
}

// within draws a time from 0 to most.
func (k *killer) within(most time.Duration) time.Duration {
	return time.Duration(k.random.Float64() * float64(most))
}

func (k *killer) live(when *instant) *lived {
	if k.disk != nil && when != nil {
		when.cut = k.disk.cut()
	}
	l := runLife(k.t, k.exe, k.life, when)
	if k.disk != nil {
		k.disk.back()
	}
	if !l.killed && l.last() != atDone {
		k.t.Fatalf("life %d ended by itself at %q; stderr:\n%s", len(k.lives)+1, l.last(), l.errors)
	}
	for _, r := range l.reports {
		k.progress = max(k.progress, r.Events)
	}
	k.lives = append(k.lives, l)
	return l
}

// inFlight is how many lives were killed between their opening and their end.
func (k *killer) inFlight() (n int) {
	for _, l := range k.lives {
		if l.killed && l.last() != "" && l.last() != atDone {
			n++
		}
	}
	return n
}

// advanced is how many lives went on from a later checkpoint than the one before them had.
func (k *killer) advanced() (n int) {
	epoch := uint64(0)
	for _, l := range k.lives {
		if len(l.reports) > 0 && l.reports[0].Epoch > epoch {
			epoch = l.reports[0].Epoch
			n++
		}
	}
	return n
}

func (k *killer) summary() string {
	stages := map[string]int{}
	delivering := 0
	for _, l := range k.lives {
		if l.killed {
			stages[l.last()]++
		}
		if len(l.reports) > 0 && l.reports[0].Outbox > 0 {
			delivering++
		}
	}
	return fmt.Sprintf("%d lives, kills after: start %d, open %d, commit %d, read %d, close %d, done %d; %d lives went on from a later checkpoint, %d with rows to deliver again",
		len(k.lives), stages[""], stages[atOpen], stages[atCommit], stages[atRead], stages[atClose], stages[atDone], k.advanced(), delivering)
}

func (k *killer) checkNotVacuous(n int) {
	killed := 0
	for _, l := range k.lives {
		if l.killed {
			killed++
		}
	}
	if killed != n {
		k.t.Errorf("%d lives were killed, want %d", killed, n)
	}
	if got := k.inFlight(); 2*got < n {
		k.t.Errorf("only %d of %d kills hit a run that was in flight", got, n)
	}
	if got := k.advanced(); got < 1+n/10 {
		k.t.Errorf("only %d lives of %d went on from a checkpoint that a killed one had taken", got, len(k.lives))
	}
	if last := k.lives[len(k.lives)-1]; last.epoch < uint64(n/5) {
		k.t.Errorf("only %d checkpoints were taken", last.epoch)
	}
}

// An instant is a time after a stage of a life; after its start where at is "". Where told is set it
// is when that stands on stderr. What is to be done then is done before the kill.
type instant struct {
	at    string
	after time.Duration
	told  string
	cut   func()
}

// A listener keeps what is written and acts as soon as a text is in it.
type listener struct {
	told string
	act  func()

	mu   sync.Mutex
	text bytes.Buffer
}

func (l *listener) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.text.Write(p)
	if l.told != "" && bytes.Contains(l.text.Bytes(), []byte(l.told)) {
		l.told = ""
		l.act()
	}
	return n, err
}

// lived is what became of a life.
type lived struct {
	reports []report
	times   []time.Duration // of the reports, since the start
	killed  bool
	epoch   uint64
	errors  string
}

// last is the stage that the life reached, "" if it did not open.
func (l *lived) last() string {
	if len(l.reports) == 0 {
		return ""
	}
	return l.reports[len(l.reports)-1].At
}

// since is the time at which a stage was reached first.
func (l *lived) since(at string) time.Duration {
	i := slices.IndexFunc(l.reports, func(r report) bool { return r.At == at })
	if i < 0 {
		return 0
	}
	return l.times[i]
}

// runLife runs a process to its end, or to the instant at which it is killed.
func runLife(t testing.TB, exe string, l life, when *instant, env ...string) *lived {
	t.Helper()
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, string(text))
	var hit atomic.Bool
	kill := func() {
		hit.Store(true) // before: the process may be gone, and be judged, at once
		if when != nil && when.cut != nil {
			when.cut()
		}
		if cmd.Process.Kill() != nil && (when == nil || when.cut == nil) { // without a disk it may be gone already
			hit.Store(false)
		}
	}
	errs := &listener{act: kill}
	cmd.Env = append(append(os.Environ(), childEnv+"=life"), env...)
	cmd.Stderr = errs
	if when != nil {
		errs.told = when.told
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	defer time.AfterFunc(deadline, kill).Stop()
	done := &lived{}
	if when != nil && when.at == "" && when.told == "" {
		defer time.AfterFunc(when.after, kill).Stop()
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var r report
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("a life said %q: %v", lines.Text(), err)
		}
		done.reports, done.times = append(done.reports, r), append(done.times, time.Since(begin))
		done.epoch = max(done.epoch, r.Epoch)
		if when != nil && when.at == r.At && done.since(r.At) == done.times[len(done.times)-1] {
			defer time.AfterFunc(when.after, kill).Stop()
		}
	}
	_ = cmd.Wait() // what became of it is seen below
	if time.Since(begin) > deadline {
		t.Fatalf("a life did not end in %v; it reached %q; stderr:\n%s", deadline, done.last(), errs.String())
	}
	done.killed, done.errors = hit.Load() && !cmd.ProcessState.Success(), errs.String()
	return done
}
