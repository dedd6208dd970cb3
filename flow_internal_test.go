package smpp

import (
	"fmt"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

// What each band of congestion_state does to a window of 20 out of 100.
func TestFlowBands(t *testing.T) {
	for _, test := range []struct {
		load pdu.Congestion
		want float64
	}{
		{0, 20.05}, {1, 20.05}, {29, 20.05}, {30, 20.05}, {49, 20.05}, // raise the rate
		{50, 20.0125}, {79, 20.0125}, // gently
		{80, 20}, {89, 20}, // hold
		{90, 16}, {99, 16}, // lower
		{100, 10},                  // cut sharply
		{101, 20.05}, {255, 20.05}, // ignore the value: the response itself is fine
	} {
		t.Run(fmt.Sprintf("%s/%d", test.load.Band(), test.load), func(t *testing.T) {
			f := flow{most: 100, window: 20}
			f.loaded(1, 1, test.load)
			if d := f.window - test.want; d > 1e-9 || d < -1e-9 || f.hold != 0 {
				t.Errorf("window %v, pause %v; want %v", f.window, f.hold, test.want)
			}
		})
	}
}

// A window comes back by one a round trip, and no further than configured.
func TestFlowAdditiveIncrease(t *testing.T) {
	f := flow{most: 20, window: 20}
	f.refused(1, 20)
	if f.window != 10 || !f.limited() {
		t.Fatalf("window %v", f.window)
	}
	seq := uint32(21)
	for trip := 1; trip <= 12; trip++ {
		for range f.allowed() {
			f.accepted(seq)
			seq++
		}
		if want := min(20, 10+float64(trip)); f.window < want-1 || f.window > want {
			t.Errorf("window %v after %d round trips", f.window, trip)
		}
	}
	if f.window != 20 || f.limited() {
		t.Errorf("window %v", f.window)
	}
}

// However many responses of one round trip complain, the window is cut once.
func TestFlowCutsOncePerRoundTrip(t *testing.T) {
	for _, first := range []uint32{1, maxSequence - 50, maxSequence} {
		t.Run(fmt.Sprintf("%#x", first), func(t *testing.T) {
			at := func(n int) uint32 { return (first+uint32(n)-1)%maxSequence + 1 }
			f := flow{most: 100, window: 100}
			for i := range 100 {
				f.refused(at(i), at(99))
			}
			if f.window != 50 {
				t.Errorf("window %v after the first round trip", f.window)
			}
			f.accepted(at(99)) // sent before the cut: says nothing
			if f.window != 50 {
				t.Errorf("window %v", f.window)
			}
			for i := 100; i < 150; i++ {
				f.loaded(at(i), at(149), 100)
			}
			if f.window != 25 {
				t.Errorf("window %v after the second", f.window)
			}
		})
	}
}

// When one request at a time is too much, pauses grow to five seconds and
// shrink away again.
func TestFlowPauses(t *testing.T) {
	f := flow{most: 2, window: 1}
	seq := uint32(0)
	var holds []time.Duration
	for range 12 {
		seq++
		f.refused(seq, seq)
		holds = append(holds, f.hold)
	}
	for i, want := range []time.Duration{10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5000, 5000, 5000} {
		if holds[i] != want*time.Millisecond {
			t.Errorf("pause %v after %d refusals, not %v ms", holds[i], i+1, want)
		}
	}
	n := 0
	for ; f.hold > 0; n++ {
		seq++
		before := f.hold
		f.accepted(seq)
		if f.hold >= before || f.window != 1 {
			t.Fatalf("pause %v after %v, window %v", f.hold, before, f.window)
		}
	}
	if n != 9 {
		t.Errorf("the pause was gone after %d requests", n)
	}
	seq++
	f.accepted(seq)
	if f.window != 2 || f.limited() {
		t.Errorf("window %v, limited %v", f.window, f.limited())
	}
}

// Whatever it is told, a flow stays within its bounds.
func TestFlowBounds(t *testing.T) {
	for _, most := range []float64{1, 2, 10, 1 << 20} {
		f := flow{most: most, window: most}
		for i := range uint32(10000) {
			switch i * 2654435761 >> 28 % 4 {
			case 0:
				f.accepted(i)
			case 1:
				f.refused(i, i)
			default:
				f.loaded(i, i, pdu.Congestion(i*2654435761>>20))
			}
			if f.allowed() < 1 || f.window > most || f.hold < 0 || f.hold > mostHold || f.hold > 0 && f.window != 1 {
				t.Fatalf("%+v", f)
			}
		}
	}
}

func TestMeasure(t *testing.T) {
	for _, test := range []struct {
		limit, busy, waiting int
		want                 pdu.Congestion
	}{
		{10, 0, 0, 0}, {10, 1, 0, 8}, {10, 5, 0, 40}, {10, 10, 0, 80}, {10, 10, 1, 82}, {10, 10, 5, 90}, {10, 10, 10, 100},
		{1, 1, 0, 80}, {1, 1, 1, 100}, {1, 3, 1, 100},
	} {
		d := inbound{limit: test.limit, busy: test.busy, queue: make([]job, test.waiting)}
		if got := d.measure(); got != test.want {
			t.Errorf("%d handled, %d waiting of %d: %d, not %d", test.busy, test.waiting, test.limit, got, test.want)
		}
	}
}

// A window that has come back whole has forgotten its last cut: what the sequence
// number of that was says nothing a billion requests later.
func TestFlowForgetsItsCut(t *testing.T) {
	f := flow{most: 4, window: 4}
	f.refused(1, 1)
	for seq := uint32(2); f.limited(); seq++ {
		f.accepted(seq)
	}
	const later = 1 << 30 // beyond half of all sequence numbers
	if f.refused(later+10, later+12); f.window != 2 {
		t.Errorf("window %v after a refusal", f.window)
	}
}
