package expr

func timeArithmetic(c *call) (*Node, bool) { return nil, false }
