// Package notify tells webhooks what becomes of alerts, and sends them rows.
//
// A Notifier has a lane for each Receiver. A lane reads topic system-alerts from a position of its own, so a receiver
// that is away holds nothing up but itself, and what waits for it is the topic. Changes queue by group; a batch of them
// is under way at a time for each group.
//
//	topic ─▶ intake ─▶ queue of a group ─▶ batch ─▶ one try after another ─▶ settled
//	         noted      wait, interval,     noted    noted before            noted
//	                    silences
//
// "Noted" is a commit to the Store. A try whose answer is lost, or that a crash cut off, is made again and counted as
// uncertain: nothing else is ever delivered twice. The four moments are where the tests crash.
//
//	notifier.go    what is open; silences          lane.go      the loop of one receiver
//	receiver.go    what a receiver is told to be   state.go     queues, groups, incidents: no clock, no I/O
//	labels.go      names, fingerprints, groups     journal.go   what is durable
//	lost.go        incidents that no rule gives any more
//	silence.go     matchers and their times        client.go    one request, and what its outcome means
//	alertmanager.go, webhook.go, slack.go, json.go: the forms
//	address.go     where a request may go          rows.go      the sink of format webhook
//	kept.go        how much is kept, for who finds the store gone
//
// Times are wall clock, less those of incidents, which are event time.
package notify
