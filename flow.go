package smpp

import (
	"encoding/binary"
	"time"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// A flow is how many requests may wait for their responses at once, given what
// the peer tells of its load: a window that grows by one a round trip and is cut
// by a share of itself, SMPP v5.0, section 2.9. When a window of one is still too
// much there is a pause before each request, which grows and shrinks likewise.
// It is pure: no lock, no clock. What was sent before a cut says nothing about
// it, so requests up to the one sent last then are not counted.
type flow struct {
	most   float64       // the window as configured
	window float64       // 1 to most
	hold   time.Duration // before each request; only with a window of 1
	cut    bool          // the window was cut once
	last   uint32        // sequence number given out last before the cut
}

const (
	leastHold = 10 * time.Millisecond
	mostHold  = 5 * time.Second
)

// limited reports whether less is sent than the window as configured allows.
func (f *flow) limited() bool { return f.window < f.most || f.hold > 0 }

// allowed returns the effective window.
func (f *flow) allowed() int { return int(f.window) }

// counts reports whether a request was sent after the last cut.
func (f *flow) counts(seq uint32) bool {
	d := (seq - f.last) & maxSequence
	return !f.cut || d != 0 && d <= maxSequence/2
}

// accepted is a response without a word about the load.
func (f *flow) accepted(seq uint32) { f.raise(seq, 1) }

// refused is a response with StatusThrottled or StatusQueueFull. last is the
// sequence number given out last.
func (f *flow) refused(seq, last uint32) { f.lower(seq, last, 0.5) }

// loaded is a response with a congestion_state. accepted or refused are not
// called for the same response, but for a refused one.
func (f *flow) loaded(seq, last uint32, load pdu.Congestion) {
	switch {
	case load < 50:
		f.raise(seq, 1)
	case load < 80:
		f.raise(seq, 0.25)
	case load < 90: // hold the rate
	case load < 100:
		f.lower(seq, last, 0.8)
	case load == 100:
		f.lower(seq, last, 0.5)
	default:
		f.accepted(seq)
	}
}

// raise makes the window larger by step in a round trip.
func (f *flow) raise(seq uint32, step float64) {
	switch {
	case !f.counts(seq):
	case f.hold > 0:
		if f.hold -= time.Duration(float64(f.hold) * step / 2); f.hold < leastHold {
			f.hold = 0
		}
	default:
		if f.window += step / f.window; f.window >= f.most {
			f.window, f.cut = f.most, false // or last would come round again
		}
	}
}

func (f *flow) lower(seq, last uint32, share float64) {
	if !f.counts(seq) {
		return
	}
	if f.window > 1 {
		f.window = max(1, f.window*share)
	} else {
		f.hold = min(mostHold, max(leastHold, time.Duration(float64(f.hold)/share)))
	}
	f.cut, f.last = true, last
}

// obey tells the flow of a session what a response says of the peer's load.
// Only the reader calls it. In the common case, a response that is fine and a
// window that is not cut, it does nothing.
func (s *Session) obey(h pdu.Header, body pdu.Body) {
	load, told := pdu.Congestion(0), false
	if s.hearsLoad && body != nil {
		if l, _ := congestible(body); l != nil && len(*l) > 0 {
			load, told = pdu.TLVCongestionState.Get(*l)
		}
	}
	refused := h.Status == pdu.StatusThrottled || h.Status == pdu.StatusQueueFull
	if !refused && !s.flow.limited() && (!told || load < 90 || load > 100) {
		return
	}
	s.mu.Lock()
	before := s.flow
	switch {
	case refused:
		s.flow.refused(h.Sequence, s.win.last)
	case told:
		s.flow.loaded(h.Sequence, s.win.last, load)
	case h.Status == pdu.StatusOK:
		s.flow.accepted(h.Sequence)
	}
	n, hold := s.flow.allowed(), s.flow.hold
	switch {
	case s.err != nil || s.held: // letGo does it
	case hold > 0:
		s.win.allowed, s.held = 0, true
		s.noteFree()
		if s.holding == nil {
			s.holding = time.AfterFunc(hold, s.letGo)
		} else {
			s.holding.Reset(hold)
		}
	case s.win.allowed != n:
		s.win.allowed = n
		s.wake()
	}
	s.mu.Unlock()
	if f := s.opt.trace.Window; f != nil && (n != before.allowed() || hold != before.hold) {
		f(s, n, hold)
	}
}

// letGo ends a pause.
func (s *Session) letGo() {
	s.mu.Lock()
	s.held = false
	if s.err == nil {
		s.win.allowed = s.flow.allowed()
		s.wake()
	}
	s.mu.Unlock()
}

// measure returns the load of a session for congestion_state: as many requests
// as are handled at once are the optimum, those that wait beside them are what
// makes for congestion. It is 0 when nothing is handled off the reader.
func (d *inbound) measure() pdu.Congestion {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.busy + d.waiting()
	if n <= d.limit {
		return pdu.Congestion(80 * n / max(d.limit, 1))
	}
	return pdu.Congestion(min(100, 80+20*(n-d.limit)/d.limit))
}

// tell adds the congestion_state to the response that starts at from in what has
// gathered. A response of a handler that has one already keeps it; commands
// whose response is a header alone, and those of vendors, have none. The lock is
// held.
func (s *Session) tell(from int, body pdu.Body) {
	l, tell := congestible(body)
	if !tell || l.Has(pdu.TLVCongestionState.Tag()) {
		return
	}
	load := s.in.measure()
	if f := s.opt.congestion; f != nil {
		load = f(load)
	} else if load < 50 {
		return
	}
	if load > 100 {
		return
	}
	s.out = append(s.out, byte(pdu.TLVCongestionState.Tag()>>8), byte(pdu.TLVCongestionState.Tag()&0xFF), 0, 1, byte(load))
	binary.BigEndian.PutUint32(s.out[from:], uint32(len(s.out)-from))
}

// congestible returns the TLVs of a response in which a congestion_state may
// come, or nil, and whether to send one: v5.0 lists it for some that it calls a
// header alone elsewhere. SMPP v5.0, section 4.8.4.18.
func congestible(body pdu.Body) (l *tlv.List, tell bool) {
	switch b := body.(type) {
	case *pdu.SubmitSMResp:
		return &b.TLVs, true
	case *pdu.DeliverSMResp:
		return &b.TLVs, true
	case *pdu.DataSMResp:
		return &b.TLVs, true
	case *pdu.SubmitMultiResp:
		return &b.TLVs, true
	case *pdu.QuerySMResp:
		return &b.TLVs, true
	case *pdu.BroadcastSMResp:
		return &b.TLVs, true
	case *pdu.QueryBroadcastSMResp:
		return &b.TLVs, true
	case *pdu.ReplaceSMResp:
		return &b.TLVs, false
	case *pdu.CancelSMResp:
		return &b.TLVs, false
	case *pdu.CancelBroadcastSMResp:
		return &b.TLVs, false
	case *pdu.EnquireLinkResp:
		return &b.TLVs, false
	}
	return nil, false
}
