//go:build !race

package smpp_test

const raceEnabled = false
