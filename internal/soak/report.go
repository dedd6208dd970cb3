package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// A report is what a soak found.
type report struct {
	Duration  time.Duration
	Sessions  int
	Rate      int
	Seed      uint64
	Times     float64 // as many faults as usual
	GoVersion string
	CPUs      int

	Requests                                            int
	Tallies                                             []tally
	Faults                                              map[smpptest.Fault]int
	Bound, DialsFailed, Restarts, Kills, Moved, Retried int64
	Ends                                                map[string]int

	GoroutinesBefore, GoroutinesAfter          int
	HeapBefore, HeapEarly, HeapLate, HeapAfter uint64 // octets; while it runs, without the ledger

	Wrong []string
}

// heapLeft and heapGrown are how much the heap may have grown from before to
// after, and from early to late.
const (
	heapLeft  = 4 << 20
	heapGrown = 16 << 20
)

// settle waits for what has ended to be gone, and notes what stays.
func (rep *report) settle() {
	t := time.NewTicker(50 * time.Millisecond)
	defer t.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-t.C {
		rep.GoroutinesAfter = countGoroutines()
		if rep.GoroutinesAfter <= rep.GoroutinesBefore {
			break
		}
		if time.Now().After(deadline) {
			rep.Wrong = append(rep.Wrong, fmt.Sprintf("%d goroutines are left behind:\n%s", rep.GoroutinesAfter-rep.GoroutinesBefore, goroutines()))
			break
		}
	}
	if rep.HeapAfter = heap(); rep.HeapAfter > rep.HeapBefore+heapLeft {
		rep.Wrong = append(rep.Wrong, fmt.Sprintf("%s of memory are left behind", mib(rep.HeapAfter-rep.HeapBefore)))
	}
	if rep.HeapLate > rep.HeapEarly+heapGrown {
		rep.Wrong = append(rep.Wrong, fmt.Sprintf("memory grows: %s early, %s late", mib(rep.HeapEarly), mib(rep.HeapLate)))
	}
}

// reason names why a session ended.
func reason(err error) string {
	var e *smpp.SessionError
	if !errors.As(err, &e) {
		return fmt.Sprint(err)
	}
	var frame *pdu.FrameError
	for _, r := range []struct {
		is   error
		name string
	}{
		{smpp.ErrClosed, "closed by the ESME"}, {smpp.ErrUnbound, "unbound by the center"}, {smpp.ErrDeadPeer, "dead peer"},
		{smpp.ErrPeerStuck, "peer does not read"}, {io.EOF, "connection closed"}, {net.ErrClosed, "connection closed on this side"},
		{syscall.ECONNRESET, "connection reset"}, {syscall.EPIPE, "connection closed"}, {os.ErrDeadlineExceeded, "peer does not hang up"},
	} {
		if errors.Is(e.Err, r.is) {
			return r.name
		}
	}
	if errors.As(err, &frame) {
		return "impossible command_length"
	}
	return e.Err.Error()
}

func mib(octets uint64) string { return fmt.Sprintf("%.1f MiB", float64(octets)/(1<<20)) }

// write prints the report.
func (rep *report) write(w io.Writer) error {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("Soak: %v, %d sessions, %d requests a second, %g times the usual faults, seed %d (%s, %d CPUs)", rep.Duration, rep.Sessions, rep.Rate, rep.Times, rep.Seed, rep.GoVersion, rep.CPUs)
	p("")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(c *tally, name, direction string) {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", name, direction, c.Answered+c.Refused+c.Unknown+c.NotSent,
			c.Answered, c.Refused, c.Unknown, c.UnknownAccepted, c.NotSent, c.Doubts)
	}
	_, _ = fmt.Fprintln(t, "request\tdirection\tmade\tanswered\trefused\tunknown\tof which accepted\tnever sent\tdiscrepancies\t")
	var sum tally
	notices, seen := 0, 0
	for _, c := range rep.Tallies {
		row(&c, c.Command, c.Direction)
		sum.Answered += c.Answered
		sum.Refused += c.Refused
		sum.Unknown += c.Unknown
		sum.NotSent += c.NotSent
		sum.UnknownAccepted += c.UnknownAccepted
		sum.Doubts += c.Doubts
		if c.Command == pdu.IDAlertNotification.String() {
			notices, seen = c.Answered, c.NoticesSeen
		}
	}
	row(&sum, "all", "")
	_ = t.Flush() // to memory
	p("\nAn alert_notification has no response: answered means sent, %d; %d of them came in.", notices, seen)
	p("Sessions bound: %d; dials that failed: %d; restarts of a center: %d; sessions and clients ended on purpose: %d.", rep.Bound, rep.DialsFailed, rep.Restarts, rep.Kills)
	p("Requests of clients that went to another session: %d; sent again after a refusal: %d.", rep.Moved, rep.Retried)
	p("Ends of the sessions without a client, as the ESME saw them: %s.", counts(rep.Ends))
	faults := map[string]int{}
	for f, n := range rep.Faults {
		faults[f.String()] = n
	}
	p("Faults of the wire: %s; latency exponential, 2 ms on average, each way.", counts(faults))
	p("Goroutines: %d before, %d after.", rep.GoroutinesBefore, rep.GoroutinesAfter)
	p("Heap: %s before, %s early, %s late, %s after.", mib(rep.HeapBefore), mib(rep.HeapEarly), mib(rep.HeapLate), mib(rep.HeapAfter))
	if len(rep.Wrong) == 0 {
		p("Each request is accounted for exactly once, and the logs of both sides agree.")
	} else {
		p("\n%d things are wrong:", len(rep.Wrong))
	}
	for _, s := range rep.Wrong[:min(len(rep.Wrong), 50)] {
		p("- %s", s)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func counts(m map[string]int) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", k, m[k]))
	}
	return strings.Join(parts, ", ")
}
