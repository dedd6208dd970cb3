// Soak runs mixed traffic in both directions over many sessions, on connections
// that go wrong in every way that package smpptest knows and to a message center
// that is restarted now and then, and holds what the senders were told against
// what the handlers of the other side did:
//
//	go run ./internal/soak -duration 10m -report soak.txt
//
// Each request carries a number of its own. Its sender must be told exactly once
// what became of it: answered, refused, unknown or never sent. What was answered
// was accepted, and by the request that was answered; what was refused or never
// sent was not accepted; nothing is accepted more often than the wire delivered
// it. In the end no goroutine and no memory is left. The exit status is 1 if any
// of this does not hold.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	var c config
	flag.DurationVar(&c.duration, "duration", time.Minute, "how long traffic runs")
	flag.IntVar(&c.sessions, "sessions", 50, "sessions at a time")
	flag.IntVar(&c.rate, "rate", 1000, "requests a second, of both sides together")
	flag.Uint64Var(&c.seed, "seed", uint64(time.Now().UnixNano()), "of the faults; default: the time")
	flag.Float64Var(&c.faults, "faults", 1, "how many times as often as usual something goes wrong, 0 to 40")
	file := flag.String("report", "", "file to write the report to as well")
	flag.Parse()
	if flag.NArg() > 0 || c.duration <= 0 || c.sessions < 5 || c.rate < 1 || c.faults < 0 || c.faults > 40 {
		fmt.Fprintln(os.Stderr, "soak: -duration is positive, -sessions at least 5, -rate at least 1, -faults from 0 to 40, and there are no arguments")
		os.Exit(2)
	}
	rep := soak(c)
	out := io.Writer(os.Stdout)
	if *file != "" {
		f, err := os.Create(*file)
		if err != nil {
			fmt.Fprintln(os.Stderr, "soak:", err)
			os.Exit(2)
		}
		defer f.Close()
		out = io.MultiWriter(out, f)
	}
	if err := rep.write(out); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(2)
	}
	if len(rep.Wrong) > 0 {
		os.Exit(1)
	}
}
