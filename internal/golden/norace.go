//go:build !race

package golden

// Race tells that the race detector is on.
const Race = false
