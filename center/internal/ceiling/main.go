//go:build unix

// Command ceiling measures what a connection can carry when there is no SMPP
// logic at all: pre-encoded frames of 156 octets out, frames of 33 octets back,
// the 4-octet length and the sequence number parsed, one write per batch. It is
// the yardstick of docs/performance.md.
//
//	ceiling -serve 127.0.0.1:3000
//	ceiling -addr 127.0.0.1:3000 -style async -window 100 -n 1000000
//	ceiling -addr 127.0.0.1:3000 -style async -window 100 -n 1000000 -rate 200000
//
// Styles: async is one submitter, one goroutine that writes and one that reads
// and calls back; blocking is as many callers as the window is large, each
// waiting for its response. With a rate, requests are sent when they are due,
// as by package pace, and latency counts from then. The result is one JSON
// object.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/bits"
	"net"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/godwit-sms/smpp/center/internal/pace"
)

const (
	requestLen  = 156
	responseLen = 33
)

var yield bool

func main() {
	serve := flag.String("serve", "", "address to serve on")
	addr := flag.String("addr", "", "address to connect to")
	style := flag.String("style", "async", "async or blocking")
	window := flag.Int("window", 100, "requests in flight on a connection")
	conns := flag.Int("conns", 1, "connections")
	n := flag.Int("n", 1_000_000, "requests in all")
	warm := flag.Int("warm", 0, "requests to send before, as fast as it goes, of which nothing is counted")
	rate := flag.Float64("rate", 0, "requests a second in all; 0: as fast as it goes")
	flag.BoolVar(&yield, "yield", true, "yield once before a write, so that others add to it")
	flag.Parse()
	var err error
	switch {
	case *serve != "":
		err = server(*serve)
	case *addr != "":
		err = client(*addr, *style, *window, *conns, *n, *warm, *rate)
	default:
		flag.Usage()
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ceiling:", err)
		os.Exit(1)
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func server(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("{\"listening\":%q}\n", l.Addr())
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		fmt.Printf("{\"cpu_seconds\":%.6f}\n", cpu().Seconds())
		os.Exit(0)
	}()
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go answer(c)
	}
}

func answer(c net.Conn) {
	defer c.Close()
	in, out := make([]byte, 64<<10), make([]byte, 0, 64<<10)
	var response [responseLen]byte
	binary.BigEndian.PutUint32(response[:], responseLen)
	binary.BigEndian.PutUint32(response[4:], 0x80000004)
	copy(response[16:], "0123456789abcdef")
	r, w := 0, 0
	for {
		n, err := c.Read(in[w:])
		if err != nil {
			return
		}
		w += n
		out = out[:0]
		for w-r >= 16 {
			size := int(binary.BigEndian.Uint32(in[r:]))
			if w-r < size {
				break
			}
			copy(response[12:16], in[r+12:])
			out = append(out, response[:]...)
			r += size
		}
		w = copy(in, in[r:w])
		r = 0
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

func client(addr, style string, window, conns, n, warm int, rate float64) error {
	run := async
	if style == "blocking" {
		run = blocking
	}
	if warm > 0 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		run(c, window, warm)
	}
	open := make([]net.Conn, conns)
	for i := range open {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		open[i] = c
	}
	begin = time.Now()
	start, used := begin, cpu()
	if rate > 0 {
		pacer = pace.NewPacer(pace.New(pace.Segment{From: rate, To: rate}), begin, 0)
		defer pacer.Close()
	}
	var wg sync.WaitGroup
	for _, c := range open {
		wg.Go(func() { run(c, window, n/conns) })
	}
	wg.Wait()
	took := time.Since(start)
	used = cpu() - used
	sent := n / conns * conns
	result := map[string]any{
		"messages": sent, "seconds": took.Seconds(), "per_second": float64(sent) / took.Seconds(), "cpu_seconds": used.Seconds(),
	}
	if pacer != nil {
		result["latency"] = map[string]int64{"p50_us": paced.ValueAtQuantile(50), "p99_us": paced.ValueAtQuantile(99), "max_us": paced.Max()}
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

func request() []byte {
	b := make([]byte, requestLen)
	binary.BigEndian.PutUint32(b, requestLen)
	binary.BigEndian.PutUint32(b[4:], 4)
	return b
}

// A gatherer collects frames for a goroutine that writes all there is at once.
type gatherer struct {
	mu         sync.Mutex
	out, spare []byte
	wake       chan struct{}
}

func newGatherer() *gatherer { return &gatherer{wake: make(chan struct{}, 1)} }

func (g *gatherer) add(frame []byte) {
	g.mu.Lock()
	g.out = append(g.out, frame...)
	g.mu.Unlock()
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

func (g *gatherer) write(c net.Conn) {
	for range g.wake {
		if yield {
			runtime.Gosched()
		}
		for {
			g.mu.Lock()
			b := g.out
			g.out, g.spare = g.spare[:0], b
			g.mu.Unlock()
			if len(b) == 0 {
				break
			}
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	}
}

// With a rate, requests wait for the pacer, and latency is kept in microseconds.
var (
	pacer   *pace.Pacer
	pacedMu sync.Mutex
	paced   = hdrhistogram.New(1, int64(time.Minute/time.Microsecond), 3)
)

// due returns since when the latency of the next request counts.
func due() time.Duration {
	if pacer == nil {
		return time.Since(begin)
	}
	since, _ := pacer.Next(context.Background())
	return since
}

// latency counts how long requests took, by powers of two of nanoseconds: the
// command that this is the yardstick of measures every request too.
type latency struct {
	mu    sync.Mutex
	count [64]int
}

var begin time.Time

func (l *latency) add(since time.Duration) {
	took := time.Since(begin) - since
	if pacer != nil {
		pacedMu.Lock()
		_ = paced.RecordValue(max(took.Microseconds(), 1)) // beyond a minute is of no interest
		pacedMu.Unlock()
		return
	}
	l.mu.Lock()
	l.count[bits.Len64(uint64(took))]++
	l.mu.Unlock()
}

// slots holds what is called when the response of a request comes.
type slots struct {
	mu   sync.Mutex
	seqs []uint32
	call []func()
}

func newSlots(window int) *slots {
	n := 1
	for n < window {
		n *= 2
	}
	return &slots{seqs: make([]uint32, n), call: make([]func(), n)}
}

func (s *slots) set(seq uint32, call func()) {
	s.mu.Lock()
	s.seqs[int(seq)&(len(s.seqs)-1)], s.call[int(seq)&(len(s.seqs)-1)] = seq, call
	s.mu.Unlock()
}

// add finds a free slot for the next sequence number.
func (s *slots) add(last *atomic.Uint32, call func()) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		seq := last.Add(1)
		if i := int(seq) & (len(s.seqs) - 1); s.call[i] == nil {
			s.seqs[i], s.call[i] = seq, call
			return seq
		}
	}
}

func (s *slots) take(seq uint32) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := int(seq) & (len(s.seqs) - 1)
	if s.seqs[i] != seq {
		return func() {}
	}
	call := s.call[i]
	s.call[i] = nil
	return call
}

func responses(c io.Reader, n int, each func(seq uint32)) {
	in := make([]byte, 64<<10)
	r, w := 0, 0
	for n > 0 {
		got, err := c.Read(in[w:])
		if err != nil {
			return
		}
		w += got
		for w-r >= 16 {
			size := int(binary.BigEndian.Uint32(in[r:]))
			if w-r < size {
				break
			}
			each(binary.BigEndian.Uint32(in[r+12:]))
			r += size
			n--
		}
		w = copy(in, in[r:w])
		r = 0
	}
}

func async(c net.Conn, window, n int) {
	defer c.Close()
	g := newGatherer()
	go g.write(c)
	defer close(g.wake)
	room, table := make(chan struct{}, window), newSlots(window)
	done, finished := 0, make(chan struct{})
	var took latency
	go func() {
		responses(c, n, func(seq uint32) {
			table.take(seq)()
			<-room
		})
		close(finished)
	}()
	frame := request()
	for i := range n {
		since := due()
		room <- struct{}{}
		table.set(uint32(i), func() {
			took.add(since)
			done++
		})
		binary.BigEndian.PutUint32(frame[12:], uint32(i))
		g.add(frame)
	}
	<-finished
}

func blocking(c net.Conn, window, n int) {
	defer c.Close()
	g := newGatherer()
	go g.write(c)
	defer close(g.wake)
	table := newSlots(window)
	var last atomic.Uint32
	go responses(c, n/window*window, func(seq uint32) { table.take(seq)() })
	var took [8]latency
	var wg sync.WaitGroup
	for i := range window {
		wg.Go(func() {
			frame := request()
			answered := make(chan struct{}, 1)
			answer := func() { answered <- struct{}{} }
			for range n / window {
				since := due()
				seq := table.add(&last, answer)
				binary.BigEndian.PutUint32(frame[12:], seq)
				g.add(frame)
				<-answered
				took[i%len(took)].add(since)
			}
		})
	}
	wg.Wait()
}
