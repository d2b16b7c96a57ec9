package expr

type binderState struct{}
