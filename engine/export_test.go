package engine

// Held is the count of state that nagare.state.maxRows is compared with.
func (e *Engine) Held() int64 { return e.held.Load() }
