// Package retry is how long to wait before something that failed is tried once more: a leaf that the engine and the
// adapters share.
package retry
