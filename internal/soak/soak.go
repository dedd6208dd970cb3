package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// A config says how to soak.
type config struct {
	duration time.Duration
	sessions int     // of clients
	rate     int     // requests a second, of both sides together
	seed     uint64  // of the faults
	faults   float64 // how many times as often as usual they are
}

// A run is one soak.
type run struct {
	config
	ledger    *ledger
	wire      *smpptest.Faults
	tokens    chan struct{}
	addresses [2]string    // of the message centers
	active    atomic.Int64 // handlers that answer later, and senders of the message center

	bound, dialsFailed, restarts, kills, moved, retried atomic.Int64
	ends                                                ends

	mu     sync.Mutex
	failed []string
}

// ends counts why sessions ended.
type ends struct {
	mu     sync.Mutex
	counts map[string]int
}

func (e *ends) add(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.counts == nil {
		e.counts = map[string]int{}
	}
	e.counts[reason(err)]++
}

func (r *run) fail(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = append(r.failed, fmt.Sprintf(format, args...))
}

// Timers short enough for all of them to strike in a minute.
const (
	responseTimeout = 3 * time.Second
	enquireLink     = 2 * time.Second
	patience        = 60 * time.Second // for the end
)

// rates are what befalls one direction.
func rates(times float64) smpptest.Rates {
	return smpptest.Rates{
		Drop: 0.002 * times, Duplicate: 0.005 * times, Overtake: 0.005 * times, Trickle: 0.005 * times, Malform: 0.003 * times,
		Garble: 0.0002 * times, Truncate: 0.0002 * times, Stall: 0.0002 * times,
		Refuse: 0.001 * times, Burst: 5, RefuseBind: min(0.03*times, 0.5),
		Latency: smpptest.Exponential(2 * time.Millisecond),
	}
}

// soak runs traffic with faults for a while and judges what came of it.
func soak(c config) *report {
	rep := &report{Duration: c.duration, Sessions: c.sessions, Rate: c.rate, Seed: c.seed, Times: c.faults, GoVersion: runtime.Version(), CPUs: runtime.GOMAXPROCS(0)}
	rep.GoroutinesBefore, rep.HeapBefore = runtime.NumGoroutine(), heap()
	r := &run{config: c, ledger: new(ledger), tokens: make(chan struct{}, max(c.rate/10, 1))}
	r.wire = &smpptest.Faults{Seed: c.seed, Sent: rates(c.faults), Received: rates(c.faults), Observe: r.observe}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		r.traffic(rep)
	}()
	if !within(finished, c.duration+patience) {
		rep.Wrong = append(rep.Wrong, "it does not come to its end; the goroutines:\n"+goroutines())
		return rep
	}
	rep.Tallies, rep.Wrong = r.ledger.judge()
	rep.Wrong = append(rep.Wrong, r.failed...)
	rep.Requests = int(r.ledger.n)
	rep.Faults = r.wire.Counts()
	rep.Bound, rep.DialsFailed, rep.Restarts, rep.Kills = r.bound.Load(), r.dialsFailed.Load(), r.restarts.Load(), r.kills.Load()
	rep.Moved, rep.Retried, rep.Ends = r.moved.Load(), r.retried.Load(), r.ends.counts
	r = nil
	rep.settle()
	return rep
}

// observe tells the ledger of requests that the wire doubles.
func (r *run) observe(p smpptest.Passing, f smpptest.Fault) {
	if f != smpptest.Duplicated || p.Header.Command.IsResponse() {
		return
	}
	if _, body, err := pdu.Decode(p.Frame); err == nil {
		if id, ok := idOf(body); ok {
			r.ledger.double(id)
		}
	}
}

// traffic returns when everything has ended.
func (r *run) traffic(rep *report) {
	ctx, stop := context.WithTimeout(context.Background(), r.duration)
	defer stop()
	var centers [len(r.addresses)]*center
	for i := range centers {
		centers[i] = r.listen("127.0.0.1:0")
		r.addresses[i] = centers[i].listener.Addr().String()
	}
	var all sync.WaitGroup
	all.Go(func() { r.deal(ctx) })
	for i := range centers {
		all.Go(func() { centers[i] = r.restart(ctx, i, centers[i]) })
	}
	clients := r.sessions * 2 / 5 / (len(centers) * perTarget)
	for i := range clients {
		all.Go(func() { r.client(ctx, i) })
	}
	for i := range r.sessions - clients*len(centers)*perTarget {
		all.Go(func() { r.link(ctx, i) })
	}
	all.Go(func() {
		if wait(ctx, r.duration/5) {
			rep.HeapEarly = heap() - min(heap(), r.ledger.octets())
		}
		if wait(ctx, r.duration*3/4) {
			rep.HeapLate = heap() - min(heap(), r.ledger.octets())
		}
	})
	all.Wait()
	for _, c := range centers {
		c.stop()
		if st := c.Stats(); len(c.Sessions()) != 0 || st.Connections != 0 || st.Bound != 0 {
			r.fail("a message center ended with %d sessions, %d connections and %d of them bound", len(c.Sessions()), st.Connections, st.Bound)
		}
	}
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for r.active.Load() > 0 { // soak loses its patience if need be
		<-t.C
	}
}

// deal hands out the right to send a request, at the rate that was asked for.
func (r *run) deal(ctx context.Context) {
	const tick = 10 * time.Millisecond
	t := time.NewTicker(tick)
	defer t.Stop()
	owed := 0.0
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		for owed += float64(r.rate) * tick.Seconds(); owed >= 1; owed-- {
			select {
			case r.tokens <- struct{}{}:
			default:
			}
		}
	}
}

// work sends requests until the sender is done with.
func (r *run) work(ctx context.Context, to sender, up bool, done <-chan struct{}) {
	for {
		select {
		case <-r.tokens:
			if s, ok := to.(*smpp.Session); ok && s.State() == smpp.StateUnbound && rand.IntN(20) > 0 {
				wait(ctx, 5*time.Millisecond) // nothing more can be sent
				continue
			}
			r.one(to, up)
		case <-done:
			return
		case <-ctx.Done():
			return
		}
	}
}

// A center is a message center until its next restart.
type center struct {
	*smpp.Server
	listener net.Listener
	served   chan struct{}
}

func (c *center) stop() {
	_ = c.Close()
	<-c.served
}

// kill ends all connections without a word, as the end of the process would.
func (c *center) kill() {
	_ = c.listener.Close()
	for _, s := range c.Sessions() {
		_ = s.NetConn().Close()
	}
	c.stop()
}

func (r *run) listen(address string) *center {
	c := &center{served: make(chan struct{})}
	var err error
	for range 100 { // the port of the one before may take a moment to be free
		if c.listener, err = net.Listen("tcp", address); err == nil {
			break
		}
		wait(context.Background(), 50*time.Millisecond)
	}
	if err != nil {
		r.fail("listen: %v", err)
		c.listener, _ = net.Listen("tcp", "127.0.0.1:0")
	}
	c.Server = &smpp.Server{
		SystemID: "soak", Handler: r.handler(true), Window: 20, Logger: slog.New(slog.DiscardHandler),
		ResponseTimeout: responseTimeout, EnquireLink: enquireLink, SessionInit: 5 * time.Second,
		Limits: smpp.Limits{BindDelay: -1},
		Bound: func(s *smpp.Session) {
			r.active.Add(1)
			defer r.active.Add(-1)
			r.bound.Add(1)
			if s.BindMode() != smpp.Transmitter {
				r.work(context.Background(), s, false, s.Done())
			}
		},
	}
	go func() {
		defer close(c.served)
		_ = c.Serve(c.listener)
	}()
	return c
}

// restart ends the message center now and then, in each of the ways, and starts
// another in its place.
func (r *run) restart(ctx context.Context, which int, c *center) *center {
	if !wait(ctx, r.duration/8/2*time.Duration(which)) { // not both at once
		return c
	}
	for i := which; wait(ctx, max(r.duration/8, 2*time.Second)); i++ {
		switch i % 3 {
		case 0:
			c.kill()
		case 1:
			shutdown, cancel := context.WithTimeout(ctx, 2*time.Second)
			_ = c.Shutdown(shutdown)
			cancel()
			<-c.served
		case 2:
			c.stop()
		}
		r.restarts.Add(1)
		wait(ctx, time.Duration(rand.IntN(300))*time.Millisecond)
		c = r.listen(r.addresses[which])
	}
	return c
}

// sessionConfig is that of the i-th session: all versions and modes are there.
func (r *run) sessionConfig(i int) *smpp.Config {
	c := &smpp.Config{
		SystemID: fmt.Sprintf("esme%d", i), Handler: r.handler(false), Dialer: r.wire, Window: 5 + i%16, InboundWindow: 10,
		ResponseTimeout: responseTimeout, EnquireLink: enquireLink, Logger: slog.New(slog.DiscardHandler),
		Version: pdu.V34,
	}
	switch i % 10 {
	case 0, 1, 2:
		c.Version = pdu.V50
	case 3:
		c.Bind, c.Version = smpp.Transmitter, pdu.V33
	case 4:
		c.Bind = smpp.Receiver
	case 5:
		c.Bind = smpp.Transmitter
	}
	return c
}

// A client of the soak has this many sessions with each of the two centers.
const perTarget = 2

// client keeps a smpp.Client on both centers, one before the other or both
// alike, and ends it now and then.
func (r *run) client(ctx context.Context, i int) {
	for ctx.Err() == nil {
		config := r.sessionConfig(i)
		config.Bind, config.Version = smpp.Transceiver, pdu.V34
		c := &smpp.Client{
			Config: config, Sessions: perTarget,
			Targets:    []smpp.Target{{URL: r.url(i)}, {URL: r.url(i + 1), Priority: i % 2}},
			FailFast:   i%3 == 0,
			MinBackoff: 50 * time.Millisecond, MaxBackoff: time.Second, ConnectTimeout: 5 * time.Second,
			GiveUp:   func(smpp.Link) bool { return false }, // binds are refused at random
			Attempts: 3, RetryBackoff: 20 * time.Millisecond,
		}
		if i%4 == 1 { // apart: as many to send as to receive
			config.Bind = smpp.Transmitter
			c.Sessions, c.Receivers = perTarget/2, perTarget/2
		}
		var workers sync.WaitGroup
		working, rest := context.WithCancel(ctx)
		for range 12 {
			workers.Go(func() { r.work(working, c, true, c.Done()) })
		}
		wait(ctx, time.Duration(rand.ExpFloat64()*float64(30*time.Second)))
		r.kills.Add(1)
		// With requests on their way, half of the time.
		if rand.IntN(2) == 0 {
			rest()
		}
		if rand.IntN(2) == 0 {
			_ = c.Close()
		} else {
			end, cancel := context.WithTimeout(context.Background(), 2*responseTimeout)
			_ = c.Shutdown(end)
			cancel()
		}
		<-c.Done()
		rest()
		workers.Wait()
		stats := c.Stats()
		if stats.Bound != 0 || stats.Waiting != 0 || stats.Held != 0 {
			r.fail("a client ended with %d sessions bound, %d requests waiting and %d held", stats.Bound, stats.Waiting, stats.Held)
		}
		r.moved.Add(int64(stats.Moved))
		r.retried.Add(int64(stats.Retried))
	}
}

func (r *run) url(i int) string { return "smpp://" + r.addresses[i%len(r.addresses)] }

// link keeps a session bound, and ends it now and then.
func (r *run) link(ctx context.Context, i int) {
	c := r.sessionConfig(i)
	for ctx.Err() == nil {
		dialing, cancel := context.WithTimeout(ctx, 5*time.Second)
		s, err := smpp.Dial(dialing, r.url(i/2), c)
		cancel()
		if err != nil {
			r.dialsFailed.Add(1)
			wait(ctx, time.Duration(20+rand.IntN(300))*time.Millisecond)
			continue
		}
		var workers sync.WaitGroup
		if c.Bind != smpp.Receiver {
			for range 3 {
				workers.Go(func() { r.work(ctx, s, true, s.Done()) })
			}
		}
		life, cancel := context.WithTimeout(ctx, time.Duration(rand.ExpFloat64()*float64(40*time.Second)))
		select {
		case <-s.Done():
		case <-life.Done():
			r.kills.Add(1)
			switch rand.IntN(4) {
			case 0:
				_ = s.NetConn().Close()
			case 1:
				_ = s.Close()
			case 2: // it stops reading for a while, then goes
				s.Pause()
				wait(ctx, time.Duration(rand.IntN(1000))*time.Millisecond)
				s.Resume()
				_ = s.Close()
			default:
				end, cancel := context.WithTimeout(context.Background(), 2*responseTimeout)
				_ = s.Shutdown(end)
				cancel()
			}
		}
		cancel()
		<-s.Done()
		if n := s.Outstanding(); n != 0 {
			r.fail("a session ended with %d requests outstanding", n)
		}
		r.ends.add(s.Err())
		workers.Wait()
	}
}

// wait waits, or reports that ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func within(done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

func countGoroutines() int { return runtime.NumGoroutine() }

// heap returns the octets in use after garbage collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what pools held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func goroutines() string {
	var b strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
	return b.String()
}
