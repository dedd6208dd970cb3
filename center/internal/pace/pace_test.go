package pace_test

import (
	"context"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/center/internal/pace"
)

func TestSchedule(t *testing.T) {
	second := time.Second
	for _, c := range []struct {
		name     string
		segments []pace.Segment
		at       map[int64]time.Duration
	}{
		{"fixed rate", []pace.Segment{{From: 100, To: 100}}, map[int64]time.Duration{0: 0, 1: 10 * time.Millisecond, 100: second, 1_000_000: 10_000 * second}},
		{"ramp, then fixed", []pace.Segment{{From: 0, To: 100, For: 10 * second}},
			map[int64]time.Duration{0: 0, 5: second, 125: 5 * second, 500: 10 * second, 600: 11 * second}},
		{"steps", []pace.Segment{{From: 10, To: 10, For: second}, {From: 20, To: 20, For: second}},
			map[int64]time.Duration{9: 900 * time.Millisecond, 10: second, 11: 1050 * time.Millisecond, 30: 2 * second, 50: 3 * second}},
		{"down", []pace.Segment{{From: 10, To: 0, For: 2 * second}, {From: 5, To: 5}}, map[int64]time.Duration{10: 2 * second, 15: 3 * second}},
		{"ends", []pace.Segment{{From: 10, To: 10, For: second}, {From: 0, To: 0}}, map[int64]time.Duration{9: 900 * time.Millisecond, 11: math.MaxInt64}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := pace.New(c.segments...)
			for k, want := range c.at {
				if got := s.At(k); (got - want).Abs() > time.Microsecond {
					t.Errorf("At(%d) = %v; want %v", k, got, want)
				}
			}
			last := time.Duration(-1)
			for k := range int64(10) {
				if at := s.At(k); at < last {
					t.Errorf("At(%d) = %v after %v", k, at, last)
				} else if n := s.Due(at + 1); n <= k {
					t.Errorf("Due(%v) = %d with %d due before it", at+1, n, k+1)
				}
				last = s.At(k)
			}
		})
	}
}

func TestDue(t *testing.T) {
	s := pace.New(pace.Segment{From: 100, To: 100})
	for at, want := range map[time.Duration]int64{0: 0, 1: 1, 10 * time.Millisecond: 1, time.Second: 100, time.Second + 1: 101} {
		if n := s.Due(at); n != want {
			t.Errorf("Due(%v) = %d; want %d", at, n, want)
		}
	}
}

// Each time is handed out once, in order and never too soon, whoever asks.
func TestPacer(t *testing.T) {
	const rate, senders = 4000, 5
	begin := time.Now()
	p := pace.NewPacer(pace.New(pace.Segment{From: rate, To: rate}), begin, 100*time.Millisecond)
	defer p.Close()
	var mu sync.Mutex
	seen := map[time.Duration]bool{}
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			last := time.Duration(-1)
			for {
				due, ok := p.Next(t.Context())
				if !ok {
					return
				}
				if now := time.Since(begin); due > now || due <= last {
					t.Errorf("event of %v after %v, at %v", due, last, now)
				}
				last = due
				mu.Lock()
				if seen[due] {
					t.Errorf("%v twice", due)
				}
				seen[due] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != 400 || p.Taken() != 400 {
		t.Errorf("%d events, %d taken; want 400", len(seen), p.Taken())
	}
}

func TestPacerInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := pace.NewPacer(pace.New(pace.Segment{From: 0.001, To: 0.001}), time.Now(), 0)
	defer p.Close()
	if due, ok := p.Next(ctx); due != 0 || !ok {
		t.Fatalf("first event at %v, %v", due, ok)
	}
	time.AfterFunc(time.Millisecond, cancel)
	if due, ok := p.Next(ctx); ok {
		t.Errorf("event at %v of an interrupted pacer", due)
	}
	if p.Taken() != 1 {
		t.Errorf("%d taken", p.Taken())
	}
}

// Who is slow gets what is overdue, but not for long after the end.
func TestPacerEnds(t *testing.T) {
	const end = 50 * time.Millisecond
	p := pace.NewPacer(pace.New(pace.Segment{From: 1e6, To: 1e6}), time.Now().Add(-time.Second), end)
	defer p.Close()
	if due, ok := p.Next(t.Context()); ok {
		t.Errorf("event of %v, a second late", due)
	}
	p2 := pace.NewPacer(pace.New(pace.Segment{From: 1e6, To: 1e6}), time.Now().Add(-time.Second), 0)
	defer p2.Close()
	for k := range 10 {
		if due, ok := p2.Next(t.Context()); !ok || due != time.Duration(k)*time.Microsecond {
			t.Errorf("event %d at %v, %v", k, due, ok)
		}
	}
}

func BenchmarkPacer(b *testing.B) {
	p := pace.NewPacer(pace.New(pace.Segment{From: 1e9, To: 1e9}), time.Now().Add(-time.Hour), 0)
	defer p.Close()
	for b.Loop() {
		p.Next(b.Context())
	}
}
