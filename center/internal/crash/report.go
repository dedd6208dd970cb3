package main

import (
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

// A copies counts how often things came.
type copies struct{ Once, Twice, More int }

func (c *copies) count(n int) {
	switch {
	case n == 1:
		c.Once++
	case n == 2:
		c.Twice++
	case n > 2:
		c.More++
	}
}

// A report is what a run of the suite found.
type report struct {
	Seed uint64
	Took time.Duration

	Kills, WhileStarting, WhileStopping int
	Stopped                             int // had ended before they could be killed

	Submitted, Accepted, Refused, NeverSent int
	Unknown, UnknownAccepted                int
	Scheduled, Cancelled, Replaced          int
	Ends                                    map[pdu.MessageState]int
	Receipts, Deliveries                    copies
	Latest                                  time.Duration
	Errors                                  int // lines of that level in the logs

	Wrong []string
}

func (rep *report) write(w io.Writer) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("crash suite: %d kills in %v, seed %d, %s on %d CPUs", rep.Kills, rep.Took.Round(time.Second), rep.Seed, runtime.Version(), runtime.NumCPU())
	line("  kills                %d serving, %d while starting, %d while stopping; %d had stopped by themselves", rep.Kills-rep.WhileStarting-rep.WhileStopping, rep.WhileStarting, rep.WhileStopping, rep.Stopped)
	line("  submissions          %d: %d accepted, %d refused, %d never sent, %d of unknown outcome", rep.Submitted, rep.Accepted, rep.Refused, rep.NeverSent, rep.Unknown)
	line("  unknown outcomes     %d turned out accepted", rep.UnknownAccepted)
	line("  operations accepted  %d scheduled, %d cancelled, %d replaced", rep.Scheduled, rep.Cancelled, rep.Replaced)
	var ends []string
	for _, s := range slices.Sorted(maps.Keys(rep.Ends)) {
		ends = append(ends, fmt.Sprintf("%d %v", rep.Ends[s], s))
	}
	line("  ends of the accepted %s", strings.Join(ends, ", "))
	line("  receipts             of %d messages once, of %d twice, of %d more often", rep.Receipts.Once, rep.Receipts.Twice, rep.Receipts.More)
	line("  messages to an ESME  %d once, %d twice, %d more often", rep.Deliveries.Once, rep.Deliveries.Twice, rep.Deliveries.More)
	line("  what came twice      was acknowledged %v before the kill at most, after all that did not", rep.Latest.Round(100*time.Microsecond))
	line("  errors in the logs   %d", rep.Errors)
	if len(rep.Wrong) == 0 {
		line("nothing is lost, and nothing is wrong")
	}
	for _, s := range rep.Wrong {
		line("WRONG: %s", s)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
