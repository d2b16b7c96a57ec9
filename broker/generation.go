package broker

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// A topic that is computed anew by other queries, while the one of before is still read, is another generation of it: a
// topic with a name of its own, until Config.Generations has it stand under the name that both share. The others are not
// to be seen then.
//
//	sales       the first
//	sales$g2    the second

// GenerationName is what a generation of a topic is called among all topics; 0 and 1: by its name.
func GenerationName(topic string, generation int) string {
	if generation <= 1 {
		return topic
	}
	return topic + generationMark + strconv.Itoa(generation)
}

const generationMark = "$g"

// SplitGeneration is the name that a topic's generations share, and which of them a name stands for.
func SplitGeneration(name string) (topic string, generation int) {
	at := strings.LastIndex(name, generationMark)
	if at < 1 {
		return name, 1
	}
	n, err := strconv.Atoi(name[at+len(generationMark):])
	if err != nil || n < 2 {
		return name, 1
	}
	return name[:at], n
}

// present is the name of the generation that stands under a name.
func (b *Broker) present(name string) string { return GenerationName(name, b.cfg.Generations[name]) }

// shown is the name under which a topic is seen; false: another generation stands there.
func (b *Broker) shown(name string) (string, bool) {
	topic, n := SplitGeneration(name)
	if n > 1 {
		return topic, b.cfg.Generations[topic] == n
	}
	return name, b.cfg.Generations[name] <= 1
}

// DeleteGeneration removes one generation of a topic. One that does not exist is no error.
func (b *Broker) DeleteGeneration(ctx context.Context, topic string, generation int) error {
	return b.deleteTopic(ctx, GenerationName(topic, generation))
}

// sharedName is the name that a topic's generations share.
func sharedName(name string) string {
	topic, _ := SplitGeneration(name)
	return topic
}

// sharedNames is the names that topics are seen by, each once, in order.
func sharedNames(names []string) []string {
	for i := range names {
		names[i] = sharedName(names[i])
	}
	slices.Sort(names)
	return slices.Compact(names)
}
