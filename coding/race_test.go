//go:build race

package coding_test

// raceEnabled tells that the race detector is on, under which growing a slice takes an allocation more.
const raceEnabled = true
