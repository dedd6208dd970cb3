package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

// length is how long to soak: a minute in CI, as long as SMPP_SOAK says, and
// otherwise no longer than a test may take that is run all the time.
func length(t *testing.T) time.Duration {
	if s := os.Getenv("SMPP_SOAK"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil || d <= 0 {
			t.Fatalf("SMPP_SOAK is %q: a positive duration such as 10m is wanted", s)
		}
		return d
	}
	if testing.Short() {
		t.Skip("a soak takes a minute, with -short none at all; SMPP_SOAK=10s or the like runs it all the same")
	}
	if os.Getenv("CI") != "" {
		return time.Minute
	}
	return 10 * time.Second
}

func TestSoak(t *testing.T) {
	rep := soak(config{duration: length(t), sessions: 50, rate: 1000, faults: 1, seed: uint64(time.Now().UnixNano())})
	var out strings.Builder
	if err := rep.write(&out); err != nil {
		t.Error(err)
	}
	t.Log("\n" + out.String())
	if len(rep.Wrong) > 0 {
		t.Errorf("%d things are wrong", len(rep.Wrong))
	}
	if rep.Requests < rep.Rate*int(rep.Duration.Seconds())/2 {
		t.Errorf("%d requests in %v are too few to prove anything", rep.Requests, rep.Duration)
	}
	answered := 0
	for _, c := range rep.Tallies {
		answered += c.Answered
	}
	if answered < rep.Requests/2 {
		t.Errorf("%d of %d requests were answered: the faults are all there is", answered, rep.Requests)
	}
}
