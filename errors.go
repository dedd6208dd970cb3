package smpp

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

// Errors that a RequestError or SessionError may hold.
var (
	// ErrServerClosed is what Serve returns after Shutdown or Close.
	ErrServerClosed = errors.New("smpp: server closed")
	// ErrClosed ends a session that this side closed. errors.Is(err,
	// net.ErrClosed) holds for it as for every end of a session.
	ErrClosed error = closedError{}
	// ErrTimeout fails a request that got no response in time.
	ErrTimeout error = timeoutError{}
	// ErrDeadPeer ends a session whose peer did not answer an enquire_link.
	ErrDeadPeer = errors.New("the peer is silent: no answer to enquire_link")
	// ErrPeerStuck ends a session whose peer does not read.
	ErrPeerStuck = errors.New("the peer does not read what it is sent")
	// ErrPeerLost ends a session whose peer has answered with generic_nack and
	// pdu.StatusInvalidCommandLength again and again: it has lost the boundaries of PDUs.
	ErrPeerLost = errors.New("the peer cannot make out the PDUs it is sent")
	// ErrNotBound ends a session on which no bind came in time.
	ErrNotBound = errors.New("no bind in time")
	// ErrInactive ends a session without traffic.
	ErrInactive = errors.New("no traffic")
	// ErrUnbound ends a session that the peer unbound.
	ErrUnbound = errors.New("the peer sent unbind")
)

type closedError struct{}

func (closedError) Error() string        { return "session closed by this side" }
func (closedError) Is(target error) bool { return target == net.ErrClosed }

type timeoutError struct{}

func (timeoutError) Error() string   { return "no response in time" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

// A ResponseError is a response with a status other than StatusOK. errors.Is
// finds the status: errors.Is(err, pdu.StatusThrottled).
type ResponseError struct {
	Command  pdu.CommandID // of the request
	Sequence uint32
	Status   pdu.Status
	Nack     bool // the answer was a generic_nack
}

func (e *ResponseError) Error() string {
	if e.Nack {
		return fmt.Sprintf("%v refused by generic_nack: %v", e.Command, e.Status.Error())
	}
	return fmt.Sprintf("%v refused: %v", e.Command, e.Status.Error())
}

// Unwrap returns the status.
func (e *ResponseError) Unwrap() error { return e.Status }

// A RequestError is a request without a response: it could not be sent, or what
// became of it is not known. Outcome tells which.
type RequestError struct {
	Command  pdu.CommandID
	Sequence uint32 // 0 if none was given out
	Sent     bool   // octets were handed to the connection
	After    time.Duration
	Err      error // a context's error, ErrTimeout, a *SessionError, *StateError or *pdu.EncodeError
}

func (e *RequestError) Error() string {
	switch {
	case !e.Sent:
		return fmt.Sprintf("%v not sent: %v", e.Command, e.Err)
	case e.After > 0:
		return fmt.Sprintf("%v %d: outcome unknown: %v (%v)", e.Command, e.Sequence, e.Err, e.After)
	}
	return fmt.Sprintf("%v %d: outcome unknown: %v", e.Command, e.Sequence, e.Err)
}

// NeverSent reports whether not an octet of the request left, so that the peer
// does not know of it.
func (e *RequestError) NeverSent() bool { return !e.Sent }

// Unwrap returns Err.
func (e *RequestError) Unwrap() error { return e.Err }

// A StateError is a request that the state of the session forbids.
type StateError struct {
	Side  Side
	State State
}

func (e *StateError) Error() string {
	return fmt.Sprintf("the %v may not send it in state %v", e.Side, e.State)
}

// A SessionError is the end of a session. errors.Is(err, net.ErrClosed) holds.
type SessionError struct {
	Err error // why: ErrClosed, ErrUnbound, ErrDeadPeer, an error of the connection, ...
}

func (e *SessionError) Error() string {
	if errors.Is(e.Err, ErrClosed) {
		return e.Err.Error()
	}
	return "session ended: " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *SessionError) Unwrap() error { return e.Err }

// Is makes every end of a session a net.ErrClosed.
func (e *SessionError) Is(target error) bool { return target == net.ErrClosed }

// An OutcomeKind is what is known of a request after its error.
type OutcomeKind uint8

// The outcomes.
const (
	Accepted  OutcomeKind = iota // no error
	NeverSent                    // not an octet left: the peer does not know of it
	Refused                      // the peer answered with an error
	Unknown                      // it may have been carried out or not
)

var outcomeNames = [...]string{"accepted", "never sent", "refused", "unknown"}

// String returns the outcome in words.
func (o OutcomeKind) String() string { return nameOf(outcomeNames[:], "OutcomeKind", o) }

// Outcome tells what became of the request that an error is about. Octets that
// were handed to the connection count as sent. An error that is not of this
// package is Unknown.
func Outcome(err error) OutcomeKind {
	if err == nil {
		return Accepted
	}
	var req *RequestError
	if errors.As(err, &req) && !req.Sent {
		return NeverSent
	}
	var resp *ResponseError
	if errors.As(err, &resp) {
		return Refused
	}
	return Unknown
}

// SafeToRetry reports whether the same request may be sent again without the
// risk of doing it twice, and with a chance of success: it was never sent, or
// it was refused with a temporary status. One that the state of the session
// forbids may do better on another session. A PDU that cannot be encoded will
// not, and is not safe in this sense.
func SafeToRetry(err error) bool {
	switch Outcome(err) {
	case NeverSent:
		var encode *pdu.EncodeError
		return !errors.As(err, &encode) && !errors.Is(err, errNoRequest) && !errors.Is(err, errHasResponse)
	case Refused:
		var resp *ResponseError
		return errors.As(err, &resp) && resp.Status.Temporary()
	}
	return false
}
