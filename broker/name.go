package broker

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// MaxTopicName is the longest name of a topic in bytes, as in Kafka.
const MaxTopicName = 249

// maxToken is the longest encoded name: stream names end up as names of folders.
const maxToken = 180

const (
	streamPrefix  = "t-"
	subjectPrefix = "nagare."
)

// token is the form of a name that is safe in subjects, stream names and folders, on file systems
// that do not tell a from A: lower case letters, digits and "-" stand for themselves, every other
// byte is "_" and two hex digits. A name that gets too long ends in "_h" and its hash.
func token(name string) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-':
			s.WriteByte(c)
		default:
			s.WriteByte('_')
			s.WriteByte(digits[c>>4])
			s.WriteByte(digits[c&15])
		}
	}
	if s.Len() <= maxToken {
		return s.String()
	}
	sum := sha256.Sum256([]byte(name))
	return s.String()[:maxToken-40] + "_h" + hex.EncodeToString(sum[:16])
}

func streamName(topic string, partition int32) string {
	return fmt.Sprintf("%s%s-%d", streamPrefix, token(topic), partition)
}

// subjectOf is where other clients write to, and the beginning of all subjects of the partition.
func subjectOf(topic string, partition int32) string {
	return fmt.Sprintf("%s%s.%d", subjectPrefix, token(topic), partition)
}

// batchSubjects matches the subjects on which batches come.
func batchSubjects(subject string) string { return subject + ".by.>" }

func producerSubject(subject, producer string) string {
	return subject + ".by." + token(producer)
}

func checkTopicName(name string) error {
	if name == "" {
		return fmt.Errorf("name topic %q: a name is needed", name)
	}
	if len(name) > MaxTopicName {
		return fmt.Errorf("name topic %q: it has %d bytes, at most %d are possible", name[:40]+"…", len(name), MaxTopicName)
	}
	return nil
}

// placeOf is what users call the partition of a stream: "purchase-events$invalid partition 2". A name that was
// too long for a token stays the stream's.
func placeOf(stream string) string {
	topic, partition, ok := partitionOf(stream)
	if !ok {
		return "stream " + stream
	}
	return fmt.Sprintf("%s partition %d", topic, partition)
}

// partitionOf is the topic and the partition of which stream is the streamName.
func partitionOf(stream string) (topic string, partition int32, ok bool) {
	text, _ := strings.CutPrefix(stream, streamPrefix)
	at := strings.LastIndexByte(text, '-')
	if at < 0 {
		return "", 0, false
	}
	n, err := strconv.ParseInt(text[at+1:], 10, 32)
	if err != nil {
		return "", 0, false
	}
	var name []byte
	for i := 0; i < at; i++ {
		c := text[i]
		if c == '_' {
			b, err := strconv.ParseUint(text[i+1:min(i+3, at)], 16, 8)
			if err != nil {
				return "", 0, false
			}
			c, i = byte(b), i+2
		}
		name = append(name, c)
	}
	return string(name), int32(n), streamName(string(name), int32(n)) == stream
}
