package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"github.com/godwit-sms/smpp/center/internal/load"
	"net"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"
)

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(0, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
func main() {
	serve := flag.String("serve", "", "")
	addr := flag.String("addr", "", "")
	style := flag.String("style", "async", "")
	w := flag.Int("window", 100, "")
	conns := flag.Int("conns", 1, "")
	n := flag.Int("n", 1000000, "")
	prof := flag.String("prof", "", "")
	flag.Parse()
	if *prof != "" {
		f, _ := os.Create(*prof)
		pprof.StartCPUProfile(f)
		defer pprof.StopCPUProfile()
	}
	if *serve != "" {
		l, err := net.Listen("tcp", *serve)
		if err != nil {
			panic(err)
		}
		fmt.Printf("{\"listening\":%q}\n", l.Addr())
		c := make(chan os.Signal, 1)
		signal.Notify(c, os.Interrupt, syscall.SIGTERM)
		s := load.Server()
		go s.Serve(l)
		<-c
		fmt.Printf("{\"cpu_seconds\":%.6f}\n", cpu().Seconds())
		return
	}
	b := cpu()
	r, err := load.Run(context.Background(), load.Options{URL: "smpp://a:b@" + *addr, Messages: *n, Conns: *conns, Window: *w, Style: load.Style(*style)}, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{"messages": r.Messages, "seconds": r.Seconds, "per_second": r.Rate, "cpu_seconds": (cpu() - b).Seconds(), "errors": r.Errors, "latency": r.Latency})
}
