package kafka

import "slices"

// WithoutEffect is the settings of Kafka's Java clients that are read and mean nothing for this client, sorted.
// README.md lists them.
func WithoutEffect() []string {
	var names []string
	for name, set := range settings() {
		if set == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
