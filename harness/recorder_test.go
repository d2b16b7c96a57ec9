package harness_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// A recorder is a test that is expected to fail.
type recorder struct {
	testing.TB
	failed   bool
	texts    []string
	cleanups []func()
	dir      string // of artifacts
}

// failing runs a test that has to fail, in a goroutine of its own, and returns what it said.
func failing(t *testing.T, test func(t testing.TB)) *recorder {
	t.Helper()
	r := &recorder{TB: t, dir: t.TempDir()}
	r.run(func() { test(r) })
	r.end()
	if !r.failed {
		t.Fatal("the test did not fail")
	}
	return r
}

// end does what the test has left for its end.
func (r *recorder) end() {
	for len(r.cleanups) > 0 {
		last := r.cleanups[len(r.cleanups)-1]
		r.cleanups = r.cleanups[:len(r.cleanups)-1]
		r.run(last)
	}
}

func (r *recorder) run(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	<-done
}

// says checks that the failure names what it has to.
func (r *recorder) says(t *testing.T, parts ...string) {
	t.Helper()
	text := strings.Join(r.texts, "\n")
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("the failure does not say %q:\n%s", part, text)
		}
	}
}

func (r *recorder) Helper()                 {}
func (r *recorder) Failed() bool            { return r.failed }
func (r *recorder) Cleanup(f func())        { r.cleanups = append(r.cleanups, f) }
func (r *recorder) ArtifactDir() string     { return r.dir }
func (r *recorder) Log(args ...any)         { r.texts = append(r.texts, fmt.Sprintln(args...)) }
func (r *recorder) Logf(f string, a ...any) { r.texts = append(r.texts, fmt.Sprintf(f, a...)) }

func (r *recorder) Error(args ...any) { r.failed = true; r.Log(args...) }

func (r *recorder) Errorf(f string, a ...any) { r.failed = true; r.Logf(f, a...) }

func (r *recorder) Fatal(args ...any) { r.Error(args...); runtime.Goexit() }

func (r *recorder) Fatalf(f string, a ...any) { r.Errorf(f, a...); runtime.Goexit() }
