package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
)

func mustOpen(t *testing.T, cfg Config) *Broker {
	t.Helper()
	b, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func numbers(from, n int) *record.Records {
	r := &record.Records{}
	for i := from; i < from+n; i++ {
		r.Values.Append(fmt.Append(nil, i))
	}
	return r
}

// TestRetentionLetsTheBrokerClose: a look for old records that begins while the broker is being closed, or a topic is
// changed, does not wait for that. Close waited for the look then, and neither came to an end.
func TestRetentionLetsTheBrokerClose(t *testing.T) {
	b := mustOpen(t, Config{Dir: t.TempDir(), NoSync: true})
	b.admin.Lock() // as Close does
	defer b.admin.Unlock()
	if err := b.lookForOld(context.Background(), time.Now()); err != nil {
		t.Fatal(err)
	}
}

// Retention removes what is old, and forgets neither the next offset nor where a producer stands.
func TestRetention(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	b := mustOpen(t, Config{Dir: dir, NoSync: true, Shared: true})
	if err := b.CreateTopic(ctx, TopicConfig{Name: "t", Retention: time.Hour}); err != nil {
		t.Fatal(err)
	}
	old, err := b.Writer("t", "old producer")
	if err != nil {
		t.Fatal(err)
	}
	w, err := b.Writer("t", "p")
	if err != nil {
		t.Fatal(err)
	}
	nc, err := b.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := old.AppendMarked(ctx, 0, numbers(0, 10), 0, 77); err != nil {
		t.Fatal(err)
	}
	for i := 10; i < 50; i += 10 {
		if _, err := w.Append(ctx, 0, numbers(i, 10), int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := 50; i < 53; i++ { // the kept end is another client's, which does not know its offset
		if _, err := nc.RequestWithContext(ctx, "nagare.t.0", fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string, first int64) {
		t.Helper()
		info, err := b.Topic(ctx, "t")
		if err != nil || info.Parts[0].First != first || info.Parts[0].Next != 53 {
			t.Fatalf("%s: the partition is %+v, want %d to 53: %v", when, info.Parts, first, err)
		}
		rd, err := b.SourceUntilEnd("t").Open(ctx, 0, record.Position{})
		if err != nil {
			t.Fatal(err)
		}
		defer rd.Close()
		var r record.Records
		if err := rd.Read(ctx, &r); err != nil || r.Offsets[0] != first || string(r.Values.At(0)) != fmt.Sprint(first) {
			t.Fatalf("%s: the first record is %v %q: %v", when, r.Offsets, r.Values.At(0), err)
		}
	}
	now := time.Now()
	if err := b.retain(ctx, now.Add(59*time.Minute)); err != nil {
		t.Fatal(err)
	}
	check("while nothing is old", 0)
	if err := b.retain(ctx, now.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	check("after all is old", 52)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = mustOpen(t, Config{Dir: dir, NoSync: true})
	check("after a restart", 52)

	old, _ = b.Writer("t", "old producer")
	last, err := old.Last(ctx, 0)
	mark, merr := old.LastMark(ctx, 0)
	if last != 10 || mark != 77 || err != nil || merr != nil {
		t.Errorf("the old producer stands at %d with mark %d: %v %v", last, mark, err, merr)
	}
	var expired *ExpiredError
	if _, err := b.Source("t").Open(ctx, 0, record.Position{Offset: 20}); !errors.As(err, &expired) || expired.First != 52 {
		t.Errorf("opened at a record that is gone: %v", err)
	}
	if first, err := old.Append(ctx, 0, numbers(5, 6), 5); first != 53 || err != nil {
		t.Errorf("the next record was put at %d: %v", first, err)
	}
}

// A reader that retention overtakes says so.
func TestRetentionOvertakesAReader(t *testing.T) {
	ctx := context.Background()
	b := mustOpen(t, Config{Dir: t.TempDir(), NoSync: true})
	if err := b.CreateTopic(ctx, TopicConfig{Name: "t", Retention: time.Hour}); err != nil {
		t.Fatal(err)
	}
	w, err := b.Writer("t", "p")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Append(ctx, 0, numbers(0, 10), -1); err != nil {
		t.Fatal(err)
	}
	rd, err := b.Source("t").Open(ctx, 0, record.Position{Offset: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	if _, err := w.Append(ctx, 0, numbers(10, 10), -1); err != nil {
		t.Fatal(err)
	}
	if err := b.retain(ctx, time.Now().Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	var r record.Records
	var expired *ExpiredError
	for range 2 {
		if err := rd.Read(ctx, &r); !errors.As(err, &expired) || expired.First != 10 || expired.Offset > 3 {
			t.Errorf("a read of what is gone returned %v", err)
		}
	}
}

// After an error of the disk, other than lack of room, nothing is written any more; what is there can
// still be read.
func TestDiskErrorIsFinal(t *testing.T) {
	ctx := context.Background()
	b := mustOpen(t, Config{Dir: t.TempDir(), NoSync: true})
	if err := b.CreateTopic(ctx, TopicConfig{Name: "t"}); err != nil {
		t.Fatal(err)
	}
	w, err := b.Writer("t", "p")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Append(ctx, 0, numbers(0, 10), -1); err != nil {
		t.Fatal(err)
	}
	l, err := b.current()
	if err != nil {
		t.Fatal(err)
	}
	l.log.Errorf("JetStream stream '%s > %s' critical write error: %v", "$G", "t-t-0", "sync: input/output error")
	var down *DownError
	if _, err := w.Append(ctx, 0, numbers(10, 10), -1); !errors.As(err, &down) || !down.Final() {
		t.Errorf("an append returned %v", err)
	}
	if err := b.Healthy(); !errors.As(err, &down) || !down.Final() {
		t.Errorf("Healthy returned %v", err)
	}
	if err := b.Restart(ctx); !errors.As(err, &down) || !down.Final() {
		t.Errorf("Restart returned %v", err)
	}
	rd, err := b.SourceUntilEnd("t").Open(ctx, 0, record.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	var r record.Records
	if err := rd.Read(ctx, &r); err != nil || r.Len() != 10 {
		t.Errorf("%d records were read: %v", r.Len(), err)
	}
}

// A lost acknowledgement leaves the outcome open: the log is asked, and nothing is in it twice.
func TestLostAcknowledgement(t *testing.T) {
	ctx := context.Background()
	b := mustOpen(t, Config{Dir: t.TempDir(), NoSync: true})
	b.ackWait = 20 * time.Millisecond
	if err := b.CreateTopic(ctx, TopicConfig{Name: "t"}); err != nil {
		t.Fatal(err)
	}
	w, err := b.Writer("t", "p")
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.partition("t", 0)
	if err != nil {
		t.Fatal(err)
	}
	l, err := b.current()
	if err != nil {
		t.Fatal(err)
	}
	for round := range 5 {
		for i := range 4 {
			at := round*40 + i*10
			if err := w.AppendAsync(ctx, 0, numbers(at, 10), -1, 0); err != nil {
				t.Fatal(err)
			}
			if i == round%4 || round == 4 {
				l.forget(p.inflight[len(p.inflight)-1]) // nobody hears the reply
			}
		}
		if err := w.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	end, err := b.Source("t").End(ctx, 0)
	if err != nil || end.Offset != 200 {
		t.Fatalf("the log ends at %+v: %v", end, err)
	}
	rd, err := b.SourceUntilEnd("t").Open(ctx, 0, record.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	var r record.Records
	for n := 0; n < 200; {
		if err := rd.Read(ctx, &r); err != nil {
			t.Fatal(err)
		}
		for i := range r.Len() {
			if string(r.Values.At(i)) != fmt.Sprint(n) {
				t.Fatalf("offset %d holds %q", n, r.Values.At(i))
			}
			n++
		}
	}
}

// Records that are not read yet stay however old they are, and nothing more is taken until they are read.
func TestRetentionKeepsUnread(t *testing.T) {
	ctx := context.Background()
	b := mustOpen(t, Config{Dir: t.TempDir(), NoSync: true})
	if err := b.CreateTopic(ctx, TopicConfig{Name: "t", Retention: time.Hour}); err != nil {
		t.Fatal(err)
	}
	next := int64(0)
	b.KeepUnread(func(string, int32) int64 { return next })
	w, err := b.Writer("t", "p")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 40; i += 10 {
		if _, err := w.Append(ctx, 0, numbers(i, 10), noIdentity); err != nil {
			t.Fatal(err)
		}
	}
	later := time.Now().Add(2 * time.Hour)
	for _, step := range []struct{ read, first, refused int64 }{
		{0, 0, 30}, {9, 0, 21}, {10, 10, 20}, {15, 10, 15}, {29, 20, 1}, {30, 30, 0}, {40, 30, 0},
	} {
		next = step.read
		if err := b.retain(ctx, later); err != nil {
			t.Fatal(err)
		}
		info, err := b.Topic(ctx, "t")
		if err != nil || info.Parts[0].First != step.first {
			t.Errorf("read to %d: the partition is %+v, want it from %d on: %v", step.read, info.Parts, step.first, err)
		}
		_, err = w.Append(ctx, 0, &record.Records{}, noIdentity)
		if err != nil {
			t.Errorf("read to %d: an empty append is refused: %v", step.read, err)
		}
		var full *FullError
		refused := errors.As(b.Healthy(), &full)
		if refused != (step.refused > 0) || refused && !strings.Contains(full.Reason, fmt.Sprintf("holds %d records", step.refused)) {
			t.Errorf("read to %d: %v, want %d records for which intake is refused", step.read, full, step.refused)
		}
		if !refused {
			continue
		}
		if _, err = w.Append(ctx, 0, numbers(40, 1), noIdentity); !errors.As(err, &full) {
			t.Errorf("read to %d: append: %v, want a refusal", step.read, err)
		}
		next = 40 // as soon as they are read there is no reason any more
		if err := b.Healthy(); err != nil {
			t.Errorf("all is read: %v", err)
		}
	}
	if _, err := w.Append(ctx, 0, numbers(40, 1), noIdentity); err != nil {
		t.Errorf("append after all was read: %v", err)
	}
}

// TestBeginsBehindWhatRetentionRemoves: between the question for the first message and its reading retention may remove
// it, which is no damage: a run ended by it.
func TestBeginsBehindWhatRetentionRemoves(t *testing.T) {
	ctx := context.Background()
	b := mustOpen(t, Config{Dir: t.TempDir(), NoSync: true})
	if err := b.CreateTopic(ctx, TopicConfig{Name: "t", Partitions: 1, Retention: time.Hour}); err != nil {
		t.Fatal(err)
	}
	w, err := b.Writer("t", "p")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 50; i += 10 {
		if _, err := w.Append(ctx, 0, numbers(i, 10), int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	p, err := b.partition("t", 0)
	if err != nil {
		t.Fatal(err)
	}
	l, err := b.current()
	if err != nil {
		t.Fatal(err)
	}
	before, err := p.streamInfo(ctx, l)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.retain(ctx, time.Now().Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	now, err := b.Topic(ctx, "t")
	if err != nil || now.Parts[0].First == 0 {
		t.Fatalf("retention has removed nothing: %+v, %v", now.Parts, err)
	}
	at, err := p.begin(ctx, l, before.State.FirstSeq)
	if err != nil || at.offset != now.Parts[0].First {
		t.Errorf("the partition begins at %d, and is taken to begin at %+v: %v", now.Parts[0].First, at, err)
	}
	var lost *DamageError
	if _, err := p.startAt(ctx, l, before.State.FirstSeq); !errors.As(err, &lost) {
		t.Errorf("what retention has removed is there: %v", err)
	}
}
