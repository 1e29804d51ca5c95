//go:build race

package golden

// Race tells that the race detector is on, which makes a program ten times slower. Tests that only count work leave it
// to the run without.
const Race = true
