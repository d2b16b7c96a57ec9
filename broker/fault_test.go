package broker_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/record"
)

// numbered makes records whose values are their numbers.
func numbered(from, n int) *record.Records {
	r := &record.Records{}
	for i := from; i < from+n; i++ {
		r.Times = append(r.Times, int64(i))
		r.Keys.AppendNull()
		r.Values.Append(fmt.Appendf(nil, "%d", i))
	}
	return r
}

// countNumbered reads a partition to its end and checks that its values are 0, 1, 2 …
func countNumbered(t testing.TB, b *broker.Broker, topic string, partition int32) int {
	t.Helper()
	n, err := readNumbered(b, topic, partition)
	if err != nil {
		t.Fatalf("after %d records: %v", n, err)
	}
	return n
}

func readNumbered(b *broker.Broker, topic string, partition int32) (int, error) {
	ctx := context.Background()
	rd, err := b.SourceUntilEnd(topic).Open(ctx, partition, record.Position{})
	if err != nil {
		return 0, err
	}
	defer rd.Close()
	var r record.Records
	n := 0
	for {
		err := rd.Read(ctx, &r)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		for i := range r.Len() {
			if string(r.Values.At(i)) != fmt.Sprint(n) || r.Offsets[i] != int64(n) {
				return n, fmt.Errorf("offset %d holds %q, want %d", r.Offsets[i], r.Values.At(i), n)
			}
			n++
		}
	}
}

// appendChild appends batches of any size and says up to where they are acknowledged.
func appendChild(dir string) int {
	err := func() error {
		ctx := context.Background()
		b, err := broker.Open(ctx, broker.Config{Dir: dir})
		if err != nil {
			return err
		}
		if err := b.CreateTopic(ctx, broker.TopicConfig{Name: "t"}); err != nil {
			return err
		}
		w, err := b.Writer("t", "child")
		if err != nil {
			return err
		}
		at, err := w.Last(ctx, 0)
		if err != nil {
			return err
		}
		rng := rand.New(rand.NewPCG(uint64(at), 1))
		for {
			n := 1 + rng.IntN(500)
			for range 4 { // some on their way at once, some of them again
				back := int64(rng.IntN(20))
				from := max(at-back, 0)
				if err := w.AppendAsync(ctx, 0, numbered(int(from), n), from, 0); err != nil {
					return err
				}
				at = max(at, from+int64(n))
			}
			if err := w.Flush(ctx); err != nil {
				return err
			}
			fmt.Println(at)
		}
	}()
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(5, 6))
	acknowledged, kills := 0, 0
	for range 6 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "NAGARE_BROKER_CHILD="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for left := 1 + rng.IntN(30); left > 0 && lines.Scan(); left-- {
			if _, err := fmt.Sscan(lines.Text(), &acknowledged); err != nil {
				t.Fatal(err)
			}
		}
		if cmd.Process.Kill() == nil {
			kills++
		}
		_ = cmd.Wait()
		b := openBroker(t, broker.Config{Dir: dir})
		if n := countNumbered(t, b, "t", 0); n < acknowledged {
			t.Fatalf("%d records are there, %d were acknowledged", n, acknowledged)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if acknowledged < 1000 || kills < 6 {
		t.Fatalf("%d records and %d kills: the test shows nothing", acknowledged, kills)
	}
}

func TestLimitOfBytesRefusesAtOnce(t *testing.T) {
	for _, c := range []struct {
		of    string
		all   int64
		topic int64
	}{{"the topic", 0, 1 << 20}, {"the broker", 1 << 20, 0}} {
		t.Run(c.of, func(t *testing.T) {
			cfg := broker.Config{Dir: t.TempDir(), NoSync: true, MaxBytes: c.all}
			b := openBroker(t, cfg)
			createTopic(t, b, broker.TopicConfig{Name: "t", MaxBytes: c.topic})
			limitOfBytes(t, b)
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			b = openBroker(t, cfg) // full, it opens again
			if n := countNumbered(t, b, "t", 0); n < 10_000 {
				t.Errorf("%d records are there", n)
			}
		})
	}
}

func limitOfBytes(t *testing.T, b *broker.Broker) {
	ctx := context.Background()
	w := writerOf(t, b, "t", "p")
	n := int64(0)
	var full *broker.FullError
	for {
		err := w.AppendAsync(ctx, 0, numbered(int(n), 1000), n, uint64(n))
		if errors.As(err, &full) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		n += 1000
	}
	if err := w.Flush(ctx); err != nil && !errors.As(err, &full) {
		t.Fatal(err)
	}
	last, err := w.Last(ctx, 0)
	if err != nil || last >= n || last == 0 {
		t.Fatalf("of %d records sent %d are in the log: %v", n, last, err)
	}
	if got := countNumbered(t, b, "t", 0); int64(got) != last {
		t.Errorf("%d records are read, the producer stands at %d", got, last)
	}
	if _, err := w.Append(ctx, 0, numbered(int(last), 1000), last); !errors.As(err, &full) {
		t.Errorf("an append to a full partition: %v", err)
	}
	if _, err := w.Append(ctx, 0, numbered(0, 10), 0); err != nil {
		t.Errorf("rows that are there already: %v", err)
	}
	if err := b.Healthy(); err != nil {
		t.Errorf("a limit of bytes is not the broker's health: %v", err)
	}
}

func TestFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("needs Linux and root, for a small tmpfs")
	}
	ctx := context.Background()
	for _, floor := range []int64{16 << 20, -1} {
		t.Run(fmt.Sprint("floor=", floor), func(t *testing.T) {
			disk := t.TempDir()
			if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk).CombinedOutput(); err != nil {
				t.Skipf("mount a small tmpfs: %v %s", err, out)
			}
			defer func() { _ = exec.Command("umount", "-l", disk).Run() }()
			fullDisk(ctx, t, disk, floor)
		})
	}
}

// fullDisk fills a disk of 64 MiB through the broker. With a floor the broker refuses in time; without
// one the server runs into the wall and has to be restarted.
func fullDisk(ctx context.Context, t *testing.T, disk string, floor int64) {
	junk := filepath.Join(disk, "junk")
	if err := os.WriteFile(junk, make([]byte, 24<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	b := openBroker(t, broker.Config{Dir: filepath.Join(disk, "broker"), MinFree: floor})
	createTopic(t, b, broker.TopicConfig{Name: "t", Partitions: 2})
	createTopic(t, b, broker.TopicConfig{Name: "numbers"})
	w, numbers := writerOf(t, b, "t", "p"), writerOf(t, b, "numbers", "p")
	rng := rand.New(rand.NewPCG(9, 9))
	noise := make([]byte, 100<<10)
	acknowledged, n := [2]int64{}, int64(0)
	send := func() error {
		for i := range noise {
			noise[i] = byte(rng.Uint32())
		}
		r := &record.Records{}
		r.Values.Append(noise)
		p := int32(n % 2)
		if _, err := w.Append(ctx, p, r, acknowledged[p]); err != nil {
			return err
		}
		acknowledged[p]++
		if _, err := numbers.Append(ctx, 0, numbered(int(n), 1), n); err != nil {
			return err
		}
		n++
		return nil
	}
	var err error
	for err == nil {
		err = send()
	}
	var full *broker.FullError
	var down *broker.DownError
	if !errors.As(err, &full) && !errors.As(err, &down) {
		t.Fatalf("after %d records: %v", n, err)
	}
	if n < 50 {
		t.Fatalf("only %d records were written", n)
	}
	if b.Healthy() == nil {
		t.Error("a full disk is no ill health")
	}
	// What is there is served all the while.
	if got := countNumbered(t, b, "numbers", 0); int64(got) < n {
		t.Errorf("%d of %d records are read while the disk is full", got, n)
	}
	if err := os.Remove(junk); err != nil {
		t.Fatal(err)
	}
	if err := b.Healthy(); errors.As(err, &down) {
		if err := b.Restart(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Healthy(); err != nil {
		t.Fatalf("after space returned: %v", err)
	}
	for p := range int32(2) {
		last, err := w.Last(ctx, p)
		if err != nil || last < acknowledged[p] {
			t.Fatalf("%d records of partition %d are there, %d were acknowledged: %v", last, p, acknowledged[p], err)
		}
		acknowledged[p] = last
	}
	if n, err = numbers.Last(ctx, 0); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := send(); err != nil {
			t.Fatalf("after space returned: %v", err)
		}
	}
	if got := countNumbered(t, b, "numbers", 0); int64(got) != n {
		t.Errorf("%d records are read, %d were acknowledged", got, n)
	}
}

func TestRestartedServerGoesOn(t *testing.T) {
	ctx := context.Background()
	b := openBroker(t, broker.Config{Dir: t.TempDir()})
	createTopic(t, b, broker.TopicConfig{Name: "t"})
	w := writerOf(t, b, "t", "p")
	rd, err := b.Source("t").Open(ctx, 0, record.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	read := make(chan int)
	go func() {
		defer close(read)
		var r record.Records
		for n := 0; n < 60; {
			if err := rd.Read(ctx, &r); err != nil {
				t.Errorf("read: %v", err)
				return
			}
			for i := range r.Len() {
				if string(r.Values.At(i)) != fmt.Sprint(n) {
					t.Errorf("offset %d holds %q, want %d", r.Offsets[i], r.Values.At(i), n)
					return
				}
				n++
			}
			read <- n
		}
	}()
	at := int64(0)
	for round := range 6 {
		for range 2 {
			// Sent in a hurry, and restarted while it is on its way: outcome unknown, sent again.
			if err := w.AppendAsync(ctx, 0, numbered(int(at), 5), at, 0); err != nil {
				t.Fatal(err)
			}
			if round%2 == 1 {
				if err := b.Restart(ctx); err != nil {
					t.Fatal(err)
				}
			}
			var down *broker.DownError
			if err := w.Flush(ctx); err != nil && !errors.As(err, &down) {
				t.Fatal(err)
			}
			if _, err := w.Append(ctx, 0, numbered(int(at), 5), at); err != nil {
				t.Fatal(err)
			}
			at += 5
		}
		for n := range read {
			if int64(n) == at {
				break
			}
		}
	}
	if n := countNumbered(t, b, "t", 0); n != 60 {
		t.Errorf("%d records are there", n)
	}
}

func TestTwoWritersShareAPartition(t *testing.T) {
	ctx := context.Background()
	b := openBroker(t, broker.Config{Dir: t.TempDir(), NoSync: true})
	createTopic(t, b, broker.TopicConfig{Name: "t"})
	const each = 200
	done := make(chan error, 4)
	for p := range 4 {
		w := writerOf(t, b, "t", fmt.Sprint("producer ", p))
		go func() {
			for i := range each {
				r := &record.Records{}
				r.Keys.Append(fmt.Append(nil, p))
				r.Values.Append(fmt.Append(nil, i))
				var err error
				if p%2 == 0 {
					_, err = w.Append(ctx, 0, r, int64(i))
				} else {
					err = w.AppendAsync(ctx, 0, r, int64(i), 0)
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- w.Flush(ctx)
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	rd, err := b.SourceUntilEnd("t").Open(ctx, 0, record.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	next := make(map[string]int)
	var r record.Records
	for {
		err := rd.Read(ctx, &r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range r.Len() {
			key := string(r.Keys.At(i))
			if want := fmt.Sprint(next[key]); !bytes.Equal(r.Values.At(i), []byte(want)) {
				t.Fatalf("producer %s wrote %s, want %s", key, r.Values.At(i), want)
			}
			next[key]++
		}
	}
	for p := range 4 {
		if next[fmt.Sprint(p)] != each {
			t.Errorf("producer %d has %d records", p, next[fmt.Sprint(p)])
		}
	}
}
