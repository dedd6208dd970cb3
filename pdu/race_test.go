//go:build race

package pdu_test

// raceEnabled tells that the race detector is on, which allocates by itself.
const raceEnabled = true
