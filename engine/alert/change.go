package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// A State is how an incident is.
type State string

// The states. A pending incident whose condition ends is Inactive: it never was one.
const (
	Pending  State = "pending"
	Firing   State = "firing"
	Resolved State = "resolved"
	Inactive State = "inactive"
)

// Time is microseconds since 1970, event time. Its JSON is ISO 8601 in UTC with six digits of fraction, null for None.
type Time int64

// None is no time.
const None Time = -1 << 63

const timeLayout = "2006-01-02T15:04:05.000000Z"

func (t Time) String() string {
	if t == None {
		return ""
	}
	return time.UnixMicro(int64(t)).UTC().Format(timeLayout)
}

// MarshalJSON writes the time.
func (t Time) MarshalJSON() ([]byte, error) {
	if t == None {
		return []byte("null"), nil
	}
	return json.Marshal(t.String())
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *Time) UnmarshalJSON(text []byte) error {
	var s *string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	*t = None
	if s == nil || *s == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, *s)
	*t = Time(at.UnixMicro())
	return err
}

// A Change is one change of state of one incident: a record of topic system-alerts, whose key is the incident's ID.
// ID and State together name it: the same change has the same ones, whenever it is computed.
type Change struct {
	ID    string `json:"id"`
	Alert string `json:"alert"` // the rule
	State State  `json:"state"`
	Time  Time   `json:"time"` // when it became so

	ActiveAt   Time `json:"activeAt"`   // the first breach
	FiredAt    Time `json:"firedAt"`    // null while pending
	ResolvedAt Time `json:"resolvedAt"` // null unless resolved

	Severity    string            `json:"severity"`
	Labels      map[string]string `json:"labels"` // the key's columns and their values as text; of NULL there is none
	Summary     string            `json:"summary"`
	Description string            `json:"description"`
	Notify      []string          `json:"notify,omitempty"` // the webhooks that are told

	// Pipeline is the name of the project: pipelines on one cluster share the topic.
	Pipeline string `json:"pipeline,omitempty"`

	Breaches int64      `json:"breaches"`           // rows so far
	Evidence []Evidence `json:"evidence,omitempty"` // the first ones and the newest, at most MostEvidence
}

// MostEvidence is how many rows an incident keeps: the first half of them are the first, the others the newest.
const MostEvidence = 10

// Evidence is a row that was a breach.
type Evidence struct {
	// Topic, Partition and Offset are the record of which the row was made; of a row of a window Topic is "" and the
	// row is in table or view From, in the window that ends at Time.
	Topic     string          `json:"topic,omitempty"`
	Partition int32           `json:"partition"`
	Offset    int64           `json:"offset"`
	From      string          `json:"from"`
	Time      Time            `json:"time"`
	Row       json.RawMessage `json:"row"`
}

// incidentID names the incident of a rule's key that began with a breach at a time.
func incidentID(rule string, key []byte, activeAt int64) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%d\x00", rule, activeAt)
	h.Write(key)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// LabelNames is the names of the labels, sorted.
func (c *Change) LabelNames() []string { return slices.Sorted(maps.Keys(c.Labels)) }
