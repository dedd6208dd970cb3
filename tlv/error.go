package tlv

import "fmt"

// A Fault says what is wrong with a TLV.
type Fault uint8

// The faults, each with the command_status that answers it.
const (
	FaultStream Fault = iota + 1 // stray octets, or a length beyond the PDU: ESME_RINVTLVSTREAM
	FaultLength                  // a length that the tag does not allow: ESME_RINVTLVLEN
	FaultValue                   // a value that the tag does not allow: ESME_RINVTLVVAL
)

// Error tells which TLV broke which rule.
type Error struct {
	Tag    Tag
	Name   string // name of the tag, empty when unknown
	Fault  Fault
	Offset int    // of the TLV in what was parsed
	Length int    // octets of the value, or stray octets
	Value  string // the value at fault, printed; may be empty
	Rule   string // what would have been right
}

func (e *Error) Error() string {
	name := e.Name
	switch {
	case name == "" && e.Tag == 0:
		name = "TLVs"
	case name == "":
		name = fmt.Sprintf("TLV 0x%04X", uint16(e.Tag))
	}
	if e.Value != "" {
		return fmt.Sprintf("%s: value %s: %s", name, e.Value, e.Rule)
	}
	return fmt.Sprintf("%s: %d octets: %s", name, e.Length, e.Rule)
}
