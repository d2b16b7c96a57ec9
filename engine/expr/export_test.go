package expr

// FunctionNames lists what a user can call, for tests.
func FunctionNames() []string { return functionNames() }
