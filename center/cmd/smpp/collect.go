package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The garbage that there may be before it is collected: an octet for four that
// are in use, and that much at least.
const (
	garbageShare = 4
	garbageLeast = 64 << 20
)

// gcPercent returns the percentage of what is in use that may be garbage. Most of
// what a message center with much that waits on a disk has in use costs nothing to
// mark, so that collecting more often than with the usual 100 per cent costs
// little, and saves memory; with little in use it is the other way round. It is
// not for messages in memory, which cost very much to mark.
func gcPercent(live uint64) int {
	garbage := max(live/garbageShare, garbageLeast)
	return int(min(max(100*garbage/max(live, 1), 100/garbageShare), 400))
}

// collectSteadily keeps gcPercent until ctx ends, unless the environment says when
// to collect.
func collectSteadily(ctx context.Context) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	was := debug.SetGCPercent(100)
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	is := was
	defer func() { debug.SetGCPercent(was) }()
	tick := time.NewTicker(time.Second / 4) // a start with much that waits takes a second or two
	defer tick.Stop()
	for {
		metrics.Read(sample)
		if sample[0].Value.Kind() == metrics.KindUint64 && sample[0].Value.Uint64() > 0 { // it was collected
			// Setting it stops everything for a moment: not for a few per cent.
			if to := gcPercent(sample[0].Value.Uint64()); to < is*9/10 || to > is*11/10 {
				debug.SetGCPercent(to)
				is = to
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
