package smpp

import (
	"strconv"

	"github.com/godwit-sms/smpp/pdu"
)

// A State is how far a session has come. SMPP v5.0, section 2.3.
type State uint8

// The states.
const (
	StateOpen     State = iota // connected, not bound
	StateOutbound              // an outbind was sent, a bind is awaited
	StateBoundTX               // bound as transmitter
	StateBoundRX               // bound as receiver
	StateBoundTRX              // bound as transceiver
	StateUnbound               // an unbind was sent or received
	StateClosed                // no connection
)

var stateNames = [...]string{"open", "outbound", "bound_tx", "bound_rx", "bound_trx", "unbound", "closed"}

// String returns the name of the state, as in the specification's tables.
func (s State) String() string { return nameOf(stateNames[:], "State", s) }

// nameOf names a value that may be none of the constants of its type.
func nameOf[T ~uint8 | ~int](names []string, kind string, v T) string {
	if n := int(v); n >= 0 && n < len(names) {
		return names[n]
	}
	return kind + "(" + strconv.Itoa(int(v)) + ")"
}

// Bound reports whether the session is bound in any mode.
func (s State) Bound() bool { return s >= StateBoundTX && s <= StateBoundTRX }

// A Side tells the two ends of a session apart.
type Side uint8

// The sides.
const (
	ESME Side = iota // the client, as a rule
	MC               // the message center
)

func (s Side) String() string {
	if s == MC {
		return "MC"
	}
	return "ESME"
}

func (s Side) other() Side { return 1 - s }

type stateSet uint8

func states(list ...State) (set stateSet) {
	for _, s := range list {
		set |= 1 << s
	}
	return set
}

func (set stateSet) has(s State) bool { return set&(1<<s) != 0 }

var (
	anyLive  = states(StateOpen, StateOutbound, StateBoundTX, StateBoundRX, StateBoundTRX, StateUnbound)
	anyBound = states(StateBoundTX, StateBoundRX, StateBoundTRX)
	boundTX  = states(StateBoundTX, StateBoundTRX)
	boundRX  = states(StateBoundRX, StateBoundTRX)
	unbound  = states(StateOpen, StateOutbound)
)

// may returns the states in which a side may send a request, SMPP v5.0, section
// 2.4. Commands of vendors are for bound sessions.
func may(side Side, id pdu.CommandID) stateSet {
	switch id {
	case pdu.IDEnquireLink:
		return anyLive
	case pdu.IDUnbind:
		return anyBound
	case pdu.IDDataSM:
		if side == ESME {
			return boundTX
		}
		return boundRX
	case pdu.IDBindReceiver, pdu.IDBindTransmitter, pdu.IDBindTransceiver:
		if side == ESME {
			return unbound
		}
	case pdu.IDOutbind:
		if side == MC {
			return states(StateOpen)
		}
	case pdu.IDSubmitSM, pdu.IDSubmitMulti, pdu.IDQuerySM, pdu.IDCancelSM, pdu.IDReplaceSM,
		pdu.IDBroadcastSM, pdu.IDQueryBroadcastSM, pdu.IDCancelBroadcastSM:
		if side == ESME {
			return boundTX
		}
	case pdu.IDDeliverSM, pdu.IDAlertNotification:
		if side == MC {
			return boundRX
		}
	default:
		return anyBound
	}
	return 0
}

// accepts returns the states in which a side takes a request from its peer. It
// is wider than may: v3.4 let both sides send data_sm in any bound state, and an
// unbind may cross another.
func accepts(side Side, id pdu.CommandID) stateSet {
	switch id {
	case pdu.IDDataSM:
		return anyBound
	case pdu.IDUnbind:
		return anyBound | states(StateUnbound) // both sides may have sent one
	}
	return may(side.other(), id)
}

// boundState returns the state that a bind leads to.
func boundState(id pdu.CommandID) State {
	switch id.Request() {
	case pdu.IDBindTransmitter:
		return StateBoundTX
	case pdu.IDBindReceiver:
		return StateBoundRX
	}
	return StateBoundTRX
}

// refusal returns the status that answers a request which the state forbids, or
// StatusOK.
func refusal(side Side, state State, id pdu.CommandID) pdu.Status {
	if accepts(side, id).has(state) {
		return pdu.StatusOK
	}
	switch id {
	case pdu.IDBindReceiver, pdu.IDBindTransmitter, pdu.IDBindTransceiver:
		if side == MC && state.Bound() {
			return pdu.StatusAlreadyBound
		}
	}
	return pdu.StatusInvalidBindStatus
}

// since returns the version that introduced a request.
func since(id pdu.CommandID) pdu.Version {
	switch id {
	case pdu.IDBroadcastSM, pdu.IDQueryBroadcastSM, pdu.IDCancelBroadcastSM:
		return pdu.V50
	case pdu.IDBindTransceiver, pdu.IDOutbind, pdu.IDDataSM, pdu.IDAlertNotification:
		return pdu.V34
	}
	return pdu.V33
}

// overstep returns what a request is that a session of the given version and
// state should not get, though it is taken unless that is to be strict: the
// status that answers it, or StatusOK.
func overstep(side Side, state State, v pdu.Version, id pdu.CommandID) pdu.Status {
	switch {
	case !state.Bound():
	case since(id) > v:
		return pdu.StatusInvalidCommandID
	case id == pdu.IDDataSM && v >= pdu.V50 && !may(side.other(), id).has(state):
		return pdu.StatusInvalidBindStatus // v3.4 allows it
	}
	return pdu.StatusOK
}

// irregular is overstep for a session that is strict, or reports.
func (s *Session) irregular(h pdu.Header) pdu.Status {
	status := overstep(s.side, s.State(), s.Version(), h.Command)
	if status == pdu.StatusOK || s.opt.strictness == pdu.Strict {
		return status
	}
	s.report(h, status)
	return pdu.StatusOK
}

// report tells of what a strict session would have refused.
func (s *Session) report(h pdu.Header, err error) {
	if s.opt.trace.Irregular != nil {
		s.opt.trace.Irregular(s, h, err)
		return
	}
	s.opt.log.Warn("smpp: irregular PDU", "remote", s.conn.RemoteAddr(), "command", h.Command.String(), "sequence", h.Sequence, "error", err)
}

// negotiate returns the version of a session from what the two sides announced.
// mc is what sc_interface_version said, 0 when it was left out.
func negotiate(esme, mc pdu.Version) pdu.Version {
	if mc == 0 {
		return min(esme.Known(), pdu.V34)
	}
	return min(esme.Known(), mc.Known())
}
