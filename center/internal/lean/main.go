// Command lean is what center/internal/ceiling is, with the library in the place of
// the bare loop: the traffic of "smpp bench" and its server, in a program that has
// nothing else in it, as the programs have that the library is for. The smpp
// command has more than 5 MB of variables of packages that bench has no use for,
// which the garbage collector looks through each time.
//
//	lean -serve 127.0.0.1:3000
//	lean -addr 127.0.0.1:3000 -style async -window 100 -n 1000000
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center/internal/load"
)

func main() {
	serve := flag.String("serve", "", "address to serve on")
	addr := flag.String("addr", "", "address to connect to")
	style := flag.String("style", "async", "async or blocking")
	window := flag.Int("window", 100, "requests in flight on a connection")
	conns := flag.Int("conns", 1, "connections")
	n := flag.Int("n", 1_000_000, "requests in all")
	rate := flag.Float64("rate", 0, "requests a second in all; 0: as fast as it goes")
	warm := flag.Int("warm", 0, "requests to send before, as fast as it goes, of which nothing is counted")
	cpuProfile := flag.String("cpuprofile", "", "file to write where processor time goes")
	flag.Parse()
	endProfile, err := load.Profile(*cpuProfile)
	if err != nil {
		fmt.Fprintln(os.Stderr, "lean:", err)
		os.Exit(1)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(load.GCPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch {
	case *serve != "":
		err = server(ctx, *serve)
	case *addr != "":
		err = client(ctx, *addr, *warm, load.Options{Style: load.Style(*style), Window: *window, Conns: *conns, Messages: *n, Rate: *rate})
	default:
		flag.Usage()
		os.Exit(2)
	}
	if err = errors.Join(err, endProfile()); err != nil {
		fmt.Fprintln(os.Stderr, "lean:", err)
		os.Exit(1)
	}
}

func server(ctx context.Context, addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("{\"listening\":%q}\n", l.Addr())
	srv := load.Server()
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	fmt.Printf("{\"cpu_seconds\":%.6f}\n", load.CPU().Seconds())
	return srv.Close()
}

func client(ctx context.Context, addr string, warm int, o load.Options) error {
	o.Dial = func(ctx context.Context, c smpp.Config) (*smpp.Session, error) {
		c.SystemID, c.Password = "bench", "bench"
		return smpp.Dial(ctx, "smpp://"+addr, &c)
	}
	if warm > 0 {
		before := o
		before.Messages, before.Rate = warm, 0
		if _, err := load.Run(ctx, before, nil); err != nil {
			return err
		}
	}
	result, err := load.Run(ctx, o, nil)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
