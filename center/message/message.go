// Package message is what the message center keeps: a message, its id, and its
// life cycle as a table. It reads no clock and does no input or output.
package message

import (
	"bytes"
	"strings"
	"time"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// A Kind tells what a message is for.
type Kind uint8

// The kinds.
const (
	Normal       Kind = iota // submitted, for an address
	Receipt                  // made by the message center, for an account
	Notification             // the same, on the way: an intermediate notification
	Broadcast                // submitted, for areas; it is repeated
	Alert                    // a delivery pending flag: Account is told, as Dest, when Source is available again
	Originated               // by a simulated mobile, for an account
)

// A Message is one message for one destination. Once it is handed to a store or
// a dispatcher nobody may change it: changes are made to copies. The slices and
// TLVs of copies are shared.
type Message struct {
	ID   ID
	Kind Kind
	// Group is the message_id that the submitter knows: that of the message
	// itself, or of the first destination of a submit_multi. The IDs of the
	// other destinations follow it.
	Group ID
	Dests int    // destinations of the group, on its first message; 0 means 1
	Alias string // message_id of the group for a v3.3 peer, 8 hexadecimal digits; empty: none
	// IDFormat is that of the message_id that the submitter knows.
	IDFormat Format

	Account string // who submitted it, or whom a receipt is for
	Origin  uint64 // session it came on, or whose message a receipt is for; 0: none. It means nothing after a restart

	State     State
	Submitted time.Time // or last replaced
	Due       time.Time // the schedule_delivery_time; zero: at once
	Expires   time.Time
	Final     time.Time // when the final state was reached; zero: not yet
	Next      time.Time // of the next attempt; zero: at once
	Attempts  int       // that failed
	Error     Error     // of the last attempt
	Sent      bool      // it is tried at most once, and an attempt has begun whose outcome is not committed

	Areas []Area // of a broadcast; Attempts counts those that were made

	ServiceType        string
	Source             pdu.Address
	Dest               pdu.Address
	ESMClass           pdu.ESMClass
	ProtocolID         uint8
	Priority           uint8
	RegisteredDelivery pdu.RegisteredDelivery
	DataCoding         pdu.DataCoding
	Text               []byte   // short_message
	TLVs               tlv.List // message_payload among them
}

// An Area is one that a broadcast is for, and how far it has come there.
type Area struct {
	ID      string // the value of its broadcast_area_identifier
	Tried   uint32 // receivers that were sent it, all repetitions together
	Reached uint32 // of them, those that took it
}

// Success returns how many per cent of the receivers in the area took the
// broadcast, or 255 when that is not known. SMPP v5.0, section 4.8.4.7.
func (a *Area) Success() uint8 {
	if a.Tried == 0 {
		return 255
	}
	return uint8(100 * uint64(a.Reached) / uint64(a.Tried))
}

// An Error is why a message was not delivered. Zero is no error.
type Error struct {
	Type pdu.NetworkErrorType // what Code means; 0: no error
	Code uint16
}

// MessageID returns the message_id that the submitter was told.
func (m *Message) MessageID() string {
	if m.Alias != "" {
		return m.Alias
	}
	return m.IDFormat.Text(m.Group)
}

// Indexed returns the alias under which an index has the message. The first of a
// group stands for all of it.
func (m *Message) Indexed() string {
	if m.Group != 0 && m.Group != m.ID {
		return ""
	}
	return m.Alias
}

// WantsReceipt reports whether the submitter asked for a receipt when the
// message ends in state s.
func (m *Message) WantsReceipt(s State) bool {
	if m.Kind != Normal || m.Volatile() {
		return false // a datagram has no receipts, SMPP v5.0, section 4.2.10
	}
	switch m.RegisteredDelivery.Receipt() {
	case pdu.FinalReceipt:
		return true
	case pdu.FailureReceipt:
		return s != pdu.StateDelivered
	case pdu.SuccessReceipt:
		return s == pdu.StateDelivered
	}
	return false
}

// Ended reports whether the message has come to its end. That is so in every final
// state, and in StateUnknown for one of which nothing more will be heard.
func (m *Message) Ended() bool { return !m.Final.IsZero() }

// Volatile reports whether the message is not stored: it is tried once, and what
// comes of it is told at once, in transaction mode, or to nobody, in datagram
// mode. SMPP v5.0, section 4.2.10.
func (m *Message) Volatile() bool {
	mode := m.ESMClass.Mode()
	return m.Kind == Normal && (mode == pdu.ModeDatagram || mode == pdu.ModeForward)
}

// Submission returns the message as the submit_sm that it was, or might have
// been.
func (m *Message) Submission() *pdu.SubmitSM {
	return &pdu.SubmitSM{
		ServiceType: m.ServiceType, Source: m.Source, Dest: m.Dest, ESMClass: m.ESMClass, ProtocolID: m.ProtocolID, PriorityFlag: m.Priority,
		RegisteredDelivery: m.RegisteredDelivery, DataCoding: m.DataCoding, ShortMessage: m.Text, TLVs: m.TLVs,
	}
}

// Detach makes the message own its memory, rather than that of the PDUs that its
// strings and octets came in. It is for its maker, before anybody else has it.
func (m *Message) Detach() {
	m.ServiceType = strings.Clone(m.ServiceType)
	m.Source.Addr = strings.Clone(m.Source.Addr)
	m.Dest.Addr = strings.Clone(m.Dest.Addr)
	m.Text = bytes.Clone(m.Text)
	for i := range m.Areas {
		m.Areas[i].ID = strings.Clone(m.Areas[i].ID)
	}
	if m.TLVs != nil {
		m.TLVs = m.TLVs.Clone()
	}
}

// SameAddress reports whether a, from a query or the like, means b, from a
// submission: the same address, and the same type and plan unless a leaves both
// out.
func SameAddress(a, b pdu.Address) bool {
	return a.Addr == b.Addr && (a.TON == b.TON && a.NPI == b.NPI || a.TON == 0 && a.NPI == 0)
}
