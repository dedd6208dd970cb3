// Package pace says when to send, so that what is measured from these times
// counts the wait that a slow peer causes: a sender that waits for it falls
// behind the schedule, and does not move the schedule.
package pace

import (
	"context"
	"math"
	"sync"
	"time"
)

// A Segment is a stretch of time in which the rate goes evenly from From to To,
// in events a second.
type Segment struct {
	From, To float64
	For      time.Duration
}

// A Schedule is when each of a series of events is due. The last segment's To
// goes on after its end.
type Schedule struct{ stretches []stretch }

type stretch struct {
	begin time.Duration
	first float64 // events before it
	rate  float64 // at its begin
	climb float64 // of the rate, a second
}

// New returns a schedule. Segments without events at their end, such as one
// with To 0, are for the middle of it only: the last has to go on.
func New(segments ...Segment) *Schedule {
	s := new(Schedule)
	var begin time.Duration
	var first, last float64
	for _, g := range segments {
		x := stretch{begin: begin, first: first, rate: g.From}
		if g.For > 0 {
			x.climb = (g.To - g.From) / g.For.Seconds()
			s.stretches = append(s.stretches, x)
		}
		begin += g.For
		first += (g.From + g.To) / 2 * g.For.Seconds()
		last = g.To
	}
	s.stretches = append(s.stretches, stretch{begin: begin, first: first, rate: last})
	return s
}

// At returns when event k is due, from 0 on, as the time since the beginning.
func (s *Schedule) At(k int64) time.Duration {
	i := len(s.stretches) - 1
	for i > 0 && float64(k) < s.stretches[i].first {
		i--
	}
	x := s.stretches[i]
	n := float64(k) - x.first
	if n <= 0 {
		return x.begin
	}
	if x.climb == 0 && x.rate > 0 {
		return x.begin + time.Duration(n/x.rate*float64(time.Second))
	}
	// n = rate t + climb t^2 / 2, in the form that does without a division by climb.
	root := math.Sqrt(max(0, x.rate*x.rate+2*x.climb*n))
	if x.rate+root == 0 {
		return math.MaxInt64 // nothing is due any more
	}
	return x.begin + time.Duration(2*n/(x.rate+root)*float64(time.Second))
}

// Due returns how many events are due before t.
func (s *Schedule) Due(t time.Duration) int64 {
	lo, hi := int64(0), int64(1)
	for s.At(hi) < t {
		lo, hi = hi, 2*hi
	}
	for lo < hi {
		if mid := lo + (hi-lo)/2; s.At(mid) < t {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// A Pacer hands out the times of a schedule in order, to any number of
// goroutines, each when it has come.
type Pacer struct {
	schedule *Schedule
	begin    time.Time
	end      time.Duration
	alarm    alarm

	mu   sync.Mutex
	next int64
}

// NewPacer returns a pacer whose schedule began at begin and ends after end;
// zero: never. It has to be closed.
func NewPacer(s *Schedule, begin time.Time, end time.Duration) *Pacer {
	if end <= 0 {
		end = math.MaxInt64
	}
	return &Pacer{schedule: s, begin: begin, end: end, alarm: newAlarm()}
}

// tolerance is how long after the end an event is handed out that was due
// before it.
const tolerance = 100 * time.Millisecond

// Next waits for the next event and returns when it was due. It reports false
// when the schedule is over or ctx has ended. What is long overdue by then is
// not handed out any more.
func (p *Pacer) Next(ctx context.Context) (due time.Duration, ok bool) {
	p.mu.Lock() // also while waiting: the next event comes later still
	defer p.mu.Unlock()
	due = p.schedule.At(p.next)
	if due >= p.end || ctx.Err() != nil {
		return 0, false
	}
	switch now := time.Since(p.begin); {
	case now < due:
		if !p.wait(ctx, due) {
			return 0, false
		}
	case now >= p.end && now-due > tolerance:
		return 0, false
	}
	p.next++
	return due, true
}

// Taken returns how many events have been handed out.
func (p *Pacer) Taken() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next
}

// Close frees what the pacer holds. Next must not be called after it.
func (p *Pacer) Close() { p.alarm.close() }

// precise is the longest wait that cannot be interrupted.
const precise = 20 * time.Millisecond

func (p *Pacer) wait(ctx context.Context, due time.Duration) bool {
	left := due - time.Since(p.begin)
	if left > precise {
		t := time.NewTimer(left - precise/2)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return false
		}
		left = due - time.Since(p.begin)
	}
	for left > 0 {
		p.alarm.sleep(left)
		left = due - time.Since(p.begin)
	}
	return true
}
