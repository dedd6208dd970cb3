//go:build race

package smpp_test

// raceEnabled tells that the race detector is on, which allocates by itself.
const raceEnabled = true
