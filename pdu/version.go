package pdu

import "fmt"

// A Version is a version of SMPP as interface_version and sc_interface_version
// write it. The zero value means "not said", and v3.3 or earlier on the wire.
// SMPP v5.0, section 4.7.13.
type Version uint8

// The versions.
const (
	V33 Version = 0x33
	V34 Version = 0x34
	V50 Version = 0x50
)

// Known returns the version of SMPP whose rules apply to a peer that announces
// v: anything below v3.4 is V33, a reserved value is the next lower version.
func (v Version) Known() Version {
	switch {
	case v < V34:
		return V33
	case v < V50:
		return V34
	}
	return V50
}

func (v Version) String() string {
	switch v {
	case V33:
		return "3.3"
	case V34:
		return "3.4"
	case V50:
		return "5.0"
	}
	return fmt.Sprintf("0x%02X", uint8(v))
}
