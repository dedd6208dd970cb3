package message

import (
	"fmt"

	"github.com/godwit-sms/smpp/pdu"
)

// A State is how far a message has come, numbered as message_state. SMPP v5.0,
// section 4.7.15.
type State = pdu.MessageState

// An Event is what can happen to a message.
type Event uint8

// The events.
const (
	Schedule    Event = iota + 1 // it is to wait for its schedule_delivery_time
	Release                      // it may be delivered from now on
	Attempt                      // an attempt failed, there will be another
	Deliver                      // its destination has it
	Accept                       // somebody has it who answers for it from now on
	Expire                       // its validity ended
	Cancel                       // it was cancelled
	Fail                         // it cannot be delivered
	Reject                       // its destination does not want it
	Skip                         // it was left out on purpose
	LoseTrackOf                  // nobody knows what became of it
)

var eventNames = [...]string{"", "schedule", "release", "attempt", "deliver", "accept", "expire", "cancel", "fail", "reject", "skip", "lose track of"}

func (e Event) String() string {
	if int(e) < len(eventNames) && e > 0 {
		return eventNames[e]
	}
	return fmt.Sprintf("event %d", uint8(e))
}

// transitions is the life cycle: what a message becomes when an event meets a
// state. A pair that is not listed cannot be: a final state has no way out.
var transitions = map[State]map[Event]State{
	pdu.StateScheduled: {
		Schedule: pdu.StateScheduled, // replace_sm with another time
		Release:  pdu.StateEnroute,
		Expire:   pdu.StateExpired,
		Cancel:   pdu.StateDeleted,
		Fail:     pdu.StateUndeliverable,
		Reject:   pdu.StateRejected,
		Skip:     pdu.StateSkipped,
	},
	pdu.StateEnroute: {
		Schedule:    pdu.StateScheduled,
		Release:     pdu.StateEnroute,
		Attempt:     pdu.StateEnroute,
		Deliver:     pdu.StateDelivered,
		Accept:      pdu.StateAccepted,
		Expire:      pdu.StateExpired,
		Cancel:      pdu.StateDeleted,
		Fail:        pdu.StateUndeliverable,
		Reject:      pdu.StateRejected,
		Skip:        pdu.StateSkipped,
		LoseTrackOf: pdu.StateUnknown,
	},
	pdu.StateUnknown: { // a later word about it is believed
		Attempt: pdu.StateEnroute,
		Deliver: pdu.StateDelivered,
		Accept:  pdu.StateAccepted,
		Expire:  pdu.StateExpired,
		Cancel:  pdu.StateDeleted,
		Fail:    pdu.StateUndeliverable,
		Reject:  pdu.StateRejected,
	},
}

// Next returns the state that a message in state s takes when e happens. The
// error is a *TransitionError: e cannot happen to such a message.
func Next(s State, e Event) (State, error) {
	if next, ok := transitions[s][e]; ok {
		return next, nil
	}
	return s, &TransitionError{s, e}
}

// A TransitionError is an event that cannot happen in a state.
type TransitionError struct {
	State State
	Event Event
}

func (e *TransitionError) Error() string {
	return fmt.Sprintf("message: a message that is %v cannot %v", e.State, e.Event)
}
