package smpp

import "time"

// The timers of a session, SMPP v5.0, section 2.7, as a pure function of what
// happened and the time, which is counted from when the connection was made.
type timers struct {
	*periods
	awaited    time.Duration // a bind, or an outbind, since then
	heard      time.Duration // last PDU received
	active     time.Duration // last transaction other than enquire_link
	enquired   time.Duration // enquire_link sent and not answered by anything yet; zero: none
	writeSince time.Duration // a write that the connection does not take; zero: none
	binding    bool          // it has come and is being decided on
	standing   bool          // reading stands on our own account, so silence says nothing
}

// The periods of timers; zero switches one off.
type periods struct{ sessionInit, enquireLink, inactivity, response time.Duration }

type action uint8

const (
	doNothing action = iota
	doEnquire
	doDeadPeer   // nothing was heard since the enquire_link
	doStuck      // the peer does not read
	doNeverBound // session_init
	doInactive   // inactivity
)

const (
	far      = 24 * time.Hour
	minSweep = 10 * time.Millisecond
	maxSweep = time.Second
)

// step returns what is to be done now, and when to look again at the latest.
func (t *timers) step(now time.Duration, state State) (action, time.Duration) {
	wait := far
	due := func(from, d time.Duration) bool {
		if d <= 0 {
			return false
		}
		left := from + d - now
		if left <= 0 {
			return true
		}
		wait = min(wait, left)
		return false
	}
	if !state.Bound() && state != StateUnbound && !t.binding && due(t.awaited, t.sessionInit) {
		return doNeverBound, far
	}
	if t.writeSince != 0 && due(t.writeSince, t.response) {
		return doStuck, far
	}
	if t.standing {
		return doNothing, wait
	}
	if t.enquired != 0 {
		if due(t.enquired, t.response) {
			return doDeadPeer, far
		}
	} else if state.Bound() && due(t.heard, t.enquireLink) {
		return doEnquire, min(wait, max(t.response, minSweep))
	}
	if state.Bound() && due(t.active, t.inactivity) {
		return doInactive, far
	}
	return doNothing, wait
}

// sweepEvery returns how often requests that wait are looked through: often
// enough that a timeout is late by an eighth at most.
func (t *periods) sweepEvery() time.Duration {
	if t.response <= 0 {
		return maxSweep
	}
	return min(max(t.response/8, minSweep), maxSweep)
}
