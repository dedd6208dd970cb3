// Package load makes traffic for a message center and measures how it is
// answered.
package load

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

// A Style is how requests are sent.
type Style string

// The styles.
const (
	Blocking Style = "blocking" // as many callers as the window is large, each waiting for its response
	Async    Style = "async"    // one sender a connection, and a callback for each response
)

// Options says what to send. The zero value of a field is its default.
type Options struct {
	// Dial binds a session; the Window of the configuration is set.
	Dial func(context.Context, smpp.Config) (*smpp.Session, error)

	Messages int           // in all; zero: no limit but Duration
	Duration time.Duration // zero: no limit but Messages
	Conns    int           // sessions; zero: 1
	Window   int           // requests in flight on each; zero: 10
	Style    Style         // zero: Blocking
	Rate     float64       // requests a second in all; zero: as fast as it goes
	Message  *pdu.SubmitSM // nil: a submit_sm of 156 octets
}

// A Result is what a run came to.
type Result struct {
	Messages int64            `json:"messages"` // answered with ESME_ROK
	Seconds  float64          `json:"seconds"`
	Rate     float64          `json:"per_second"`
	Errors   map[string]int64 `json:"errors,omitempty"` // by status or reason
	Latency  Latency          `json:"latency"`
}

// Latency holds percentiles of the time from sending to the response, in
// microseconds. At full speed it includes the wait in the sender's own batch.
type Latency struct {
	Min  int64 `json:"min_us"`
	P50  int64 `json:"p50_us"`
	P90  int64 `json:"p90_us"`
	P99  int64 `json:"p99_us"`
	P999 int64 `json:"p999_us"`
	Max  int64 `json:"max_us"`
}

// Message returns a submit_sm that takes size octets on the wire, 52 at least.
func Message(size int) (*pdu.SubmitSM, error) {
	m := &pdu.SubmitSM{Source: pdu.Alphanumeric("Example"), Dest: pdu.International("447700900123"), RegisteredDelivery: pdu.NoReceipt}
	frame, err := pdu.Append(nil, pdu.Header{}, m)
	if err != nil {
		return nil, err
	}
	n := size - len(frame)
	if n < 0 || n > 254 {
		return nil, fmt.Errorf("size %d: a submit_sm to bench with takes %d to %d octets", size, len(frame), len(frame)+254)
	}
	m.ShortMessage = []byte(strings.Repeat("0123456789", n/10+1)[:n])
	return m, nil
}

// DefaultSize is the octets of the submit_sm that is sent by default.
const DefaultSize = 156

// Run makes the traffic. progress, when not nil, is the number of requests
// answered so far. When ctx ends, what was answered until then is the result.
func Run(ctx context.Context, o Options, progress *atomic.Int64) (*Result, error) {
	if o.Conns <= 0 {
		o.Conns = 1
	}
	if o.Window <= 0 {
		o.Window = smpp.DefaultWindow
	}
	if o.Message == nil {
		m, err := Message(DefaultSize)
		if err != nil {
			return nil, err
		}
		o.Message = m
	}
	sessions, err := bindAll(ctx, o)
	defer closeAll(sessions)
	if err != nil {
		return nil, err
	}
	if o.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Duration)
		defer cancel()
	}
	r := &run{o: o, chunk: 1}
	r.left.Store(int64(o.Messages))
	if o.Messages <= 0 {
		r.left.Store(1 << 62)
	}
	begin := time.Now()
	r.begin = begin
	if o.Rate > 0 {
		r.gap = time.Duration(float64(time.Second) / o.Rate)
	}
	if o.Rate == 0 && o.Messages > 0 {
		r.chunk = max(1, min(64, int64(o.Messages/(o.Conns*o.Window)/4)))
	}
	if progress != nil {
		watched := make(chan struct{})
		defer close(watched)
		go r.watch(progress, watched)
	}
	var wg sync.WaitGroup
	for _, s := range sessions {
		if o.Style == Async {
			wg.Go(func() { r.async(ctx, s) })
			continue
		}
		callers := o.Window
		if o.Messages > 0 {
			callers = min(callers, o.Messages)
		}
		for range callers {
			if ctx.Err() != nil {
				break
			}
			wg.Go(func() { r.blocking(ctx, s) })
		}
	}
	wg.Wait()
	return r.result(time.Since(begin)), nil
}

type run struct {
	o     Options
	left  atomic.Int64
	chunk int64 // requests that a sender takes from left at a time
	begin time.Time
	gap   time.Duration // between requests, with a rate
	sent  atomic.Int64

	tallies [8]tally // by goroutine: few enough to stay in the cache
	turn    atomic.Int64
}

// A tally is what some of the goroutines counted.
type tally struct {
	mu     sync.Mutex
	hist   *hdrhistogram.Histogram
	ok     int64
	errors map[string]int64
}

func (r *run) tally() *tally {
	t := &r.tallies[int(r.turn.Add(1))%len(r.tallies)]
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.hist == nil {
		t.hist, t.errors = newHistogram(), map[string]int64{}
	}
	return t
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(10*time.Minute/time.Microsecond), 3)
}

// watch keeps progress up to date, so that the senders need not share a counter.
func (r *run) watch(progress *atomic.Int64, stop <-chan struct{}) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		var n int64
		for i := range r.tallies {
			t := &r.tallies[i]
			t.mu.Lock()
			n += t.ok
			for _, failed := range t.errors {
				n += failed
			}
			t.mu.Unlock()
		}
		progress.Store(n)
	}
}

// Hold binds the sessions and keeps them idle for the Duration, or until ctx
// ends. ready is called once all are bound.
func Hold(ctx context.Context, o Options, ready func()) error {
	sessions, err := bindAll(ctx, o)
	defer closeAll(sessions)
	if err != nil {
		return err
	}
	ready()
	if o.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Duration)
		defer cancel()
	}
	<-ctx.Done()
	for i, s := range sessions {
		if s.Err() != nil {
			return fmt.Errorf("session %d of %d: %w", i+1, len(sessions), s.Err())
		}
	}
	return nil
}

// bindAll binds o.Conns sessions, some at a time. What it returns beside an
// error is to be closed, too.
func bindAll(ctx context.Context, o Options) ([]*smpp.Session, error) {
	sessions, failed := make([]*smpp.Session, o.Conns), make([]error, o.Conns)
	room := make(chan struct{}, 32)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for i := range sessions {
		room <- struct{}{}
		if ctx.Err() != nil {
			failed[i] = ctx.Err()
			break
		}
		wg.Go(func() {
			defer func() { <-room }()
			if sessions[i], failed[i] = o.Dial(ctx, smpp.Config{Window: o.Window}); failed[i] != nil {
				cancel() // what one is refused, the others would be, too
			}
		})
	}
	wg.Wait()
	var first error
	for _, err := range failed {
		if err != nil && (first == nil || errors.Is(first, context.Canceled)) {
			first = err
		}
	}
	return sessions, first
}

func closeAll(sessions []*smpp.Session) {
	var wg sync.WaitGroup
	for _, s := range sessions {
		if s != nil {
			wg.Go(func() { _ = s.Close() })
		}
	}
	wg.Wait()
}

// A sender takes requests to send from what is left.
type sender struct {
	r    *run
	mine int64
}

// next reports whether there is another request to send, when its turn has come.
func (s *sender) next(ctx context.Context) bool {
	r := s.r
	if s.mine == 0 {
		s.mine = min(r.chunk, max(0, r.left.Add(-r.chunk)+r.chunk))
	}
	if s.mine <= 0 || ctx.Err() != nil {
		return false
	}
	s.mine--
	if r.gap == 0 {
		return true
	}
	wait := time.Until(r.begin.Add(time.Duration(r.sent.Add(1)-1) * r.gap))
	if wait <= 0 {
		return true
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (t *tally) add(took time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.errors[reason(err)]++
		return
	}
	t.ok++
	_ = t.hist.RecordValue(max(took.Microseconds(), 1)) // beyond ten minutes is of no interest
}

func reason(err error) string {
	var resp *smpp.ResponseError
	if errors.As(err, &resp) {
		return resp.Status.String()
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "interrupted"
	case errors.Is(err, smpp.ErrTimeout):
		return "timeout"
	}
	return smpp.Outcome(err).String() + ": " + err.Error()
}

func (r *run) blocking(ctx context.Context, s *smpp.Session) {
	t := r.tally()
	m := r.o.Message
	next := sender{r: r}
	for next.next(ctx) {
		begin := time.Since(r.begin)
		_, err := s.Submit(ctx, m)
		t.add(time.Since(r.begin)-begin, err)
		if err != nil && smpp.Outcome(err) != smpp.Refused && !errors.Is(err, smpp.ErrTimeout) {
			return // the session is not what it was
		}
	}
}

func (r *run) async(ctx context.Context, s *smpp.Session) {
	t := r.tally()
	var open sync.WaitGroup
	m := r.o.Message
	next := sender{r: r}
	for next.next(ctx) {
		begin := time.Since(r.begin)
		open.Add(1)
		err := smpp.Go(ctx, s, m, func(_ *pdu.SubmitSMResp, err error) {
			t.add(time.Since(r.begin)-begin, err)
			open.Done()
		})
		if err != nil {
			open.Done()
			t.add(0, err)
			break // nothing can be sent any more
		}
	}
	open.Wait()
}

func (r *run) result(took time.Duration) *Result {
	h, ok, failed := newHistogram(), int64(0), map[string]int64{}
	for i := range r.tallies {
		t := &r.tallies[i]
		if t.hist == nil {
			continue
		}
		h.Merge(t.hist)
		ok += t.ok
		for k, n := range t.errors {
			failed[k] += n
		}
	}
	return &Result{
		Messages: ok, Seconds: took.Seconds(), Rate: float64(ok) / took.Seconds(), Errors: failed,
		Latency: Latency{
			Min: h.Min(), P50: h.ValueAtQuantile(50), P90: h.ValueAtQuantile(90),
			P99: h.ValueAtQuantile(99), P999: h.ValueAtQuantile(99.9), Max: h.Max(),
		},
	}
}

// Server returns a server of the library alone, which lets everybody bind and
// answers every submission at once.
func Server() *smpp.Server {
	mux := smpp.NewMux()
	smpp.HandleInline(mux, func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		return &pdu.SubmitSMResp{MessageID: "0123456789abcdef"}, nil
	})
	smpp.HandleInline(mux, func(context.Context, *pdu.DataSM) (*pdu.DataSMResp, error) {
		return &pdu.DataSMResp{MessageID: "0123456789abcdef"}, nil
	})
	return &smpp.Server{Handler: mux, SystemID: "bench", Window: 100_000}
}
