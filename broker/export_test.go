package broker

// Prove looks at a folder as a start does, without starting the server.
func Prove(dir string, expect []LogState) error {
	b := offline(dir, expect)
	if err := b.tidy(); err != nil {
		return err
	}
	_, err := b.prove(false)
	return err
}
