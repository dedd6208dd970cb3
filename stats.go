package smpp

import (
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

// Traffic counts the PDUs of one direction of a session.
type Traffic struct {
	PDUs, Octets uint64 // all of them
	Messages     uint64 // submit_sm, submit_multi, data_sm, deliver_sm and broadcast_sm
	EnquireLinks uint64
	Requests     uint64 // other requests, and PDUs without response
	Responses    uint64 // generic_nack included
	Errors       uint64 // of those, with a status other than pdu.StatusOK
}

func (t *Traffic) count(id pdu.CommandID, status pdu.Status, octets int) {
	t.PDUs++
	t.Octets += uint64(octets)
	if id.IsResponse() {
		t.Responses++
		if status != pdu.StatusOK || id == pdu.IDGenericNack {
			t.Errors++
		}
		return
	}
	switch id {
	case pdu.IDSubmitSM, pdu.IDDeliverSM, pdu.IDDataSM, pdu.IDSubmitMulti, pdu.IDBroadcastSM:
		t.Messages++
	case pdu.IDEnquireLink:
		t.EnquireLinks++
	default:
		t.Requests++
	}
}

// received are the counters of the reader.
type received struct {
	traffic                           Traffic
	throttled, refused, late, dropped uint64
}

// Stats are the counters of a session and what goes on at the moment. What was
// received counts from the end of the batch it was read with.
type Stats struct {
	Since          time.Time // the connection was made
	Sent, Received Traffic

	Timeouts  uint64 // requests of this side without a response in time
	Late      uint64 // responses to requests that were given up; see Trace.Late
	Dropped   uint64 // responses to nothing that is known
	Throttled uint64 // responses with pdu.StatusThrottled or pdu.StatusQueueFull
	Refused   uint64 // requests of the peer, and PDUs without response, beyond what is handled and waits

	Window      int           // requests that may wait for a response, as configured or granted
	Effective   int           // what the load of the peer leaves of that; 0 during a pause
	Pause       time.Duration // before each request, when the peer is overloaded
	Outstanding int           // requests that wait for a response
	Waiting     int           // senders that wait for a slot
	Handling    int           // requests of the peer that are handled
	Queued      int           // requests of the peer that wait to be
	Unwritten   int           // octets that wait to be written

	// RTT is how long one of the last requests took to be answered, 0 before
	// the first was.
	RTT time.Duration
}

// Stats returns the counters.
func (s *Session) Stats() Stats {
	s.mu.Lock()
	st := Stats{
		Since: s.opened, Sent: s.sent, Received: s.received.traffic,
		Timeouts: s.timeouts, Late: s.received.late, Dropped: s.received.dropped, Throttled: s.received.throttled, Refused: s.received.refused,
		Window: s.win.size, Effective: s.win.allowed, Pause: s.flow.hold, Outstanding: s.win.used, Waiting: len(s.waiters),
		Unwritten: len(s.out), RTT: s.rtt,
	}
	s.mu.Unlock()
	s.in.mu.Lock()
	st.Handling, st.Queued = s.in.busy, s.in.waiting()
	s.in.mu.Unlock()
	return st
}
