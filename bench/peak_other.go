//go:build !unix

package bench

import (
	"os"
	"time"
)

// peakBytes is not known here.
func peakBytes(*os.ProcessState) int64 { return 0 }

// processorTime is not known here.
func processorTime() time.Duration { return 0 }
