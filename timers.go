package smpp

import "time"

// The timers of a session, SMPP v5.0, section 2.7, as a pure function of what
// happened and the time. A zero duration switches a timer off.
type timers struct {
	sessionInit time.Duration
	enquireLink time.Duration
	inactivity  time.Duration
	response    time.Duration

	opened     time.Time // connection made
	awaited    time.Time // a bind, or an outbind, since then
	heard      time.Time // last PDU received
	active     time.Time // last transaction other than enquire_link
	enquired   time.Time // enquire_link sent and not answered by anything yet; zero: none
	writeSince time.Time // a write that the connection does not take; zero: none
	binding    bool      // it has come and is being decided on
	standing   bool      // reading stands on our own account, so silence says nothing
}

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
func (t *timers) step(now time.Time, state State) (action, time.Duration) {
	wait := far
	due := func(from time.Time, d time.Duration) bool {
		if d <= 0 {
			return false
		}
		left := from.Add(d).Sub(now)
		if left <= 0 {
			return true
		}
		wait = min(wait, left)
		return false
	}
	if !state.Bound() && state != StateUnbound && !t.binding && due(t.awaited, t.sessionInit) {
		return doNeverBound, far
	}
	if !t.writeSince.IsZero() && due(t.writeSince, t.response) {
		return doStuck, far
	}
	if t.standing {
		return doNothing, wait
	}
	if !t.enquired.IsZero() {
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
func (t *timers) sweepEvery() time.Duration {
	if t.response <= 0 {
		return maxSweep
	}
	return min(max(t.response/8, minSweep), maxSweep)
}
