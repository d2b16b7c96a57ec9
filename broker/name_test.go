package broker

import "testing"

// TestTextsNameTopicsNotStreams: an error or a notice says purchase-events$invalid partition 2.
func TestTextsNameTopicsNotStreams(t *testing.T) {
	for _, topic := range []string{"a", "a-1", "purchase-events$invalid", "Grüße_24", "_", "x.y-"} {
		got := placeOf(streamName(topic, 12))
		if want := topic + " partition 12"; got != want {
			t.Errorf("%s is %q, want %q", streamName(topic, 12), got, want)
		}
	}
	for _, stream := range []string{"", "t-", "t-a", "t-a_2-1", "t-a_-1", "other", "t-" + string(make([]byte, 3)) + "-x"} {
		if got := placeOf(stream); got != "stream "+stream {
			t.Errorf("%q is %q, and no stream of ours", stream, got)
		}
	}
}
