package smpp

import (
	"math/rand/v2"
	"time"
)

// backoff returns the longest pause after n failures in a row: lowest, doubled
// with each, up to highest, or always lowest if that is more.
func backoff(n int, lowest, highest time.Duration) time.Duration {
	d := lowest
	highest = max(highest, lowest)
	for ; n > 1; n-- {
		if d > highest/2 {
			return highest
		}
		d *= 2
	}
	return d
}

// jitter returns a random duration above lo, up to hi.
func jitter(lo, hi time.Duration) time.Duration {
	if hi <= lo {
		return hi
	}
	return lo + 1 + rand.N(hi-lo)
}
