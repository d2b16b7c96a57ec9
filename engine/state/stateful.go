package state

// Stateful is whoever has something that a checkpoint keeps. Ops are the names under which it does; nobody else has
// keys under them.
type Stateful interface {
	Ops() []string
	Cut(d *Delta)                               // writes what changed since the last cut
	Restore(op string, key, value []byte) error // takes an entry; they come by operator and key
	Restored()                                  // all are there, and so are watermarks and counters
	Forget()                                    // what was restored is not whole, and is left out
	Held() (rows, bytes int64)                  // for nagare.state.maxRows and status
}
