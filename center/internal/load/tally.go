package load

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

// A tally is what some of the goroutines counted.
type tally struct {
	mu                          sync.Mutex
	hist                        *hdrhistogram.Histogram // of what was accepted, in microseconds, but what is in quick
	quick                       []int64                 // how many took so many microseconds
	warm                        int64                   // not counted: of the warm-up
	ok, refused, unknown, never int64
	throttled                   int64
	errors                      map[string]int64
	steps                       []stepTally
}

type stepTally struct {
	hist       *hdrhistogram.Histogram
	ok, failed int64
}

// quickest is how many microseconds are counted one by one, which is quicker.
const quickest = 1 << 14

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(10*time.Minute/time.Microsecond), 3)
}

func (t *tally) init(steps int) {
	if t.hist != nil {
		return
	}
	t.hist, t.errors, t.quick = newHistogram(), map[string]int64{}, make([]int64, quickest)
	t.steps = make([]stepTally, steps)
	for i := range t.steps {
		t.steps[i].hist = newHistogram()
	}
}

// add counts what became of a request.
func (t *tally) add(r *run, since, took time.Duration, err error) {
	us := max(took.Microseconds(), 1)
	if err == nil && us < quickest && r.plain {
		t.mu.Lock()
		t.ok++
		t.quick[us]++
		t.mu.Unlock()
		return
	}
	var why string
	if err != nil {
		why = reason(err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if since < r.o.Warmup {
		t.warm++
		return
	}
	var step stepTally // that nobody looks at
	in := &step
	if n := len(t.steps); n > 0 {
		in = &t.steps[min(int((since-r.o.Warmup)/(r.o.Duration/time.Duration(n))), n-1)]
	}
	if err == nil {
		t.ok++
		in.ok++
		_ = t.hist.RecordValue(us) // beyond ten minutes is of no interest
		if in.hist != nil {
			_ = in.hist.RecordValue(us)
		}
		return
	}
	t.errors[why]++
	in.failed++
	switch smpp.Outcome(err) {
	case smpp.Refused:
		t.refused++
		if errors.Is(err, pdu.StatusThrottled) || errors.Is(err, pdu.StatusQueueFull) {
			t.throttled++
		}
	case smpp.NeverSent:
		t.never++
	default:
		t.unknown++
	}
}

// merge adds what another tally has.
func (t *tally) merge(o *tally) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.hist == nil {
		return
	}
	t.hist.Merge(o.hist)
	for us, n := range o.quick {
		if n > 0 {
			_ = t.hist.RecordValues(int64(us), n)
		}
	}
	t.ok, t.refused, t.unknown, t.never = t.ok+o.ok, t.refused+o.refused, t.unknown+o.unknown, t.never+o.never
	t.throttled += o.throttled
	for k, n := range o.errors {
		t.errors[k] += n
	}
	for i, s := range o.steps {
		t.steps[i].hist.Merge(s.hist)
		t.steps[i].ok += s.ok
		t.steps[i].failed += s.failed
	}
}

func latency(h *hdrhistogram.Histogram) Latency {
	return Latency{
		Min: h.Min(), Mean: int64(math.Round(h.Mean())), P50: h.ValueAtQuantile(50), P90: h.ValueAtQuantile(90),
		P99: h.ValueAtQuantile(99), P999: h.ValueAtQuantile(99.9), Max: h.Max(),
	}
}

// reason is what errors are counted by.
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
	var request *smpp.RequestError // whose own text has a number
	if errors.As(err, &request) {
		return smpp.Outcome(err).String() + ": " + request.Err.Error()
	}
	return smpp.Outcome(err).String() + ": " + err.Error()
}
