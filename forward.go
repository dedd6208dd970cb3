package smpp

import (
	"context"

	"github.com/godwit-sms/smpp/pdu"
)

// Forward sends a PDU that was read elsewhere, such as the Raw of an Incoming,
// with a sequence number of this session and not an octet changed besides. It
// waits for the response and returns its octets as they came, whatever its
// status; it may be a generic_nack. For a PDU without response it returns nil.
// The body is not looked at, nor is its version. An error is a *RequestError.
//
// It is for proxies: to answer, give ResponseWriter.Respond a *pdu.Unknown of
// what follows the header.
func (s *Session) Forward(ctx context.Context, frame []byte) ([]byte, error) {
	h, n, err := pdu.ParseHeader(frame)
	if err != nil || int(n) != len(frame) {
		return nil, &RequestError{Err: &pdu.EncodeError{Command: h.Command, Field: "command_length", Value: "of the octets given",
			Reason: "they are not one PDU", Status: pdu.StatusInvalidCommandLength}}
	}
	req := &pdu.Unknown{ID: h.Command, Raw: frame[pdu.HeaderLen:]}
	if s.opt.reg.Notice(h.Command) {
		return nil, s.Send(ctx, req)
	}
	c := &rawCall{call: call{done: make(chan bool, 1)}}
	seq, err := s.submit(ctx, req, c, true)
	if err != nil {
		return nil, err
	}
	if err := s.awaitCall(ctx, h.Command, seq, c.done); err != nil {
		return nil, err
	}
	return c.frame, c.err
}

// A rawCall wants the octets of its response.
type rawCall struct {
	call
	frame []byte
}
