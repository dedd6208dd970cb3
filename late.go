package smpp

import (
	"errors"
	"slices"
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

// maxLate is how many requests without a response in time are remembered.
const maxLate = 1024

// A lateRequest is one that got no response in time.
type lateRequest struct {
	seq   uint32
	want  pdu.CommandID
	sent  time.Duration // since the session began
	until time.Duration // when it is forgotten
}

// remember keeps what timed out for a while, the newest of it. The lock is held.
func (s *Session) remember(timedOut []slot) {
	s.timeouts += uint64(len(timedOut))
	s.late = slices.DeleteFunc(s.late, func(l lateRequest) bool { return s.clock >= l.until })
	for _, t := range timedOut {
		if t.seq == s.rttSeq {
			s.rttSeq = 0
		}
		if s.opt.grace > 0 {
			s.late = append(s.late, lateRequest{t.seq, t.want, t.due - s.ttl, s.clock + s.opt.grace})
		}
	}
	if n := len(s.late) - maxLate; n > 0 {
		s.late = slices.Delete(s.late, 0, n)
	}
	if len(s.late) == 0 {
		s.late = nil
	}
}

// stray handles a response to no request in the window.
func (s *Session) stray(r *response) {
	h := r.header
	s.mu.Lock()
	i := slices.IndexFunc(s.late, func(l lateRequest) bool {
		return l.seq == h.Sequence && (l.want == h.Command || h.Command == pdu.IDGenericNack)
	})
	if i >= 0 && s.clock < s.late[i].until {
		l := s.late[i]
		s.late = slices.Delete(s.late, i, i+1)
		after := s.clock - l.sent
		s.mu.Unlock()
		body, err := s.decode(h, r.frame, false)
		if err != nil {
			body = nil
		}
		s.wasLate(LateResponse{l.want.Request(), h, body, after})
		return
	}
	s.mu.Unlock()
	s.rx.dropped++
	s.idles++
	if s.opt.trace.Dropped != nil {
		s.opt.trace.Dropped(s, h)
	}
	if h.Command != pdu.IDGenericNack || h.Status != pdu.StatusInvalidCommandLength {
		return
	}
	// One may be a slip of the peer's. Several among few PDUs tell that it looks
	// for lengths where there are none.
	if s.rx.traffic.PDUs-s.nackedAt > lostWithin {
		s.nacked = 0
	}
	s.nackedAt = s.rx.traffic.PDUs
	if s.nacked++; s.nacked >= lostAfter {
		s.end(ErrPeerLost)
	}
}

const (
	lostAfter  = 3   // generic_nack with StatusInvalidCommandLength that answer nothing
	lostWithin = 100 // PDUs from one to the next
)

func (s *Session) wasLate(l LateResponse) {
	s.rx.late++
	if s.opt.trace.Late != nil {
		s.opt.trace.Late(s, l)
	}
}

// forsake notes that nobody waits for a request any more, so that its response
// is reported as late.
func (s *Session) forsake(seq uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.win.slots)
	if n == 0 {
		return
	}
	if p := &s.win.slots[seq&uint32(n-1)]; p.seq == seq {
		p.call = &forsaken{s, p.want, p.due - s.ttl}
	}
}

// forsaken stands for the caller of a request who gave up.
type forsaken struct {
	s    *Session
	want pdu.CommandID
	sent time.Duration
}

func (f *forsaken) complete(h pdu.Header, body pdu.Body, err error) {
	var refused *ResponseError
	if err != nil && !errors.As(err, &refused) {
		return // no response, or one of the wrong kind
	}
	f.s.mu.Lock()
	after := f.s.clock - f.sent
	f.s.mu.Unlock()
	f.s.wasLate(LateResponse{f.want.Request(), h, body, after})
}
