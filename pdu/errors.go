package pdu

import (
	"errors"
	"fmt"

	"github.com/godwit-sms/smpp/tlv"
)

// A DecodeError tells why the octets of a PDU are not what its command calls
// for. Its Status is what a response to the PDU should carry.
type DecodeError struct {
	Command CommandID
	Field   string // the specification's name of the field or TLV at fault
	Offset  int    // of the field, in octets from the start of the PDU
	Status  Status
	Reason  string
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("%v: %s at octet %d: %s (%v)", e.Command, e.Field, e.Offset, e.Reason, e.Status)
}

// Unwrap returns the status, so that errors.Is(err, StatusInvalidExpiry) works.
func (e *DecodeError) Unwrap() error { return e.Status }

// An EncodeError tells why a PDU cannot be written as it is: a value that the
// field cannot hold, or that the version of the session does not have.
type EncodeError struct {
	Command CommandID
	Field   string // the specification's name of the field or TLV at fault
	Value   string // the value, printed and cut to a reasonable length
	Reason  string // the rule that the value breaks
	Status  Status // what a peer would answer
}

func (e *EncodeError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("%v: %s: %s", e.Command, e.Field, e.Reason)
	}
	return fmt.Sprintf("%v: %s %s: %s", e.Command, e.Field, e.Value, e.Reason)
}

// A FrameError reports a command_length that cannot be: below 16, or above the
// limit. The boundary of the next PDU is lost with it.
type FrameError struct {
	Length   uint32 // command_length as announced
	Limit    int    // the limit in force
	Sequence uint32 // sequence_number for the generic_nack, 0 when not readable or that of a response
}

func (e *FrameError) Error() string {
	if e.Length < HeaderLen {
		return fmt.Sprintf("command_length %d: a PDU has at least %d octets", e.Length, HeaderLen)
	}
	return fmt.Sprintf("command_length %d: above the limit of %d octets", e.Length, e.Limit)
}

// Unwrap returns StatusInvalidCommandLength.
func (e *FrameError) Unwrap() error { return StatusInvalidCommandLength }

// StatusOf returns the status that answers a PDU which could not be decoded.
func StatusOf(err error) Status {
	var d *DecodeError
	if errors.As(err, &d) {
		return d.Status
	}
	var s Status
	if errors.As(err, &s) {
		return s
	}
	return StatusSystemError
}

func tlvStatus(f tlv.Fault) Status {
	switch f {
	case tlv.FaultStream:
		return StatusInvalidTLVStream
	case tlv.FaultLength:
		return StatusInvalidTLVLength
	}
	return StatusInvalidTLVValue
}
