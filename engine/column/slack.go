package column

// A Slack tells when memory that is filled again and again was last needed long ago: what a burst has left stays
// otherwise for as long as the process lives.
type Slack uint8

// Memory of keptBytes stays in any case; of more it is asked that one of slackUses uses takes a part of 1/slackPart.
const (
	keptBytes = 64 << 10
	slackPart = 32
	slackUses = 64
)

// Note hears that a use took some bytes of those there are, and reports whether the memory is to be let go.
func (s *Slack) Note(used, memory int) bool {
	if memory <= keptBytes || used >= memory/slackPart {
		*s = 0
		return false
	}
	if *s++; *s < slackUses {
		return false
	}
	*s = 0
	return true
}
