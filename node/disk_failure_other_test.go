//go:build !linux

package node_test

func beforeCommand() {}
