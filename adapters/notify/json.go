package notify

import "github.com/nagare-stream/nagare/engine/alert"

// A Notification is the body of form json.
type Notification struct {
	Receiver    string            `json:"receiver"`
	Delivery    string            `json:"delivery"` // the same for each try
	GroupKey    string            `json:"groupKey"`
	GroupLabels map[string]string `json:"groupLabels"`
	Repeat      bool              `json:"repeat,omitempty"` // what still fires, told again
	Changes     []alert.Change    `json:"changes"`
}

func jsonBody(r *Receiver, n *notification) request {
	out := Notification{Receiver: r.Name, Delivery: n.id, GroupKey: groupKey(n.groupLabels), GroupLabels: n.groupLabels,
		Repeat: n.repeat, Changes: []alert.Change{}}
	for i := range n.alerts {
		out.Changes = append(out.Changes, n.alerts[i].Change)
	}
	return request{url: r.URL, body: append(encode(out), '\n')}
}
