package harness_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain looks for goroutines that are left. The server's clock for access times ends with its last
// user, or, begun by one that was not closed yet, never.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"))
}
