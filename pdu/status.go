package pdu

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// A Status is a command_status: the outcome that a response reports. It is an
// error as well as a constant, so that errors.Is(err, pdu.StatusThrottled) asks
// what a peer answered and a handler may return it. The zero value, StatusOK,
// is success; do not return it as an error.
// SMPP v5.0, section 4.7.6.
type Status uint32

type statusInfo struct {
	code    Status
	name    string
	alias34 string
	meaning string
	since   Version
	retry   bool
}

func (s Status) info() *statusInfo {
	i, ok := slices.BinarySearchFunc(statusTable[:], s, func(e statusInfo, s Status) int { return cmp.Compare(e.code, s) })
	if !ok {
		return nil
	}
	return &statusTable[i]
}

// String returns the name of the specification, such as ESME_RTHROTTLED, or
// the number in hexadecimal for a code without one.
func (s Status) String() string {
	if e := s.info(); e != nil {
		return e.name
	}
	return fmt.Sprintf("0x%08X", uint32(s))
}

// Error returns the name and the meaning.
func (s Status) Error() string {
	if e := s.info(); e != nil {
		return e.name + ": " + e.meaning
	}
	if s.Vendor() {
		return fmt.Sprintf("command_status 0x%08X: vendor specific", uint32(s))
	}
	return fmt.Sprintf("command_status 0x%08X: reserved", uint32(s))
}

// Meaning returns what the status means in a few words, or "" for a code that
// no version of SMPP defines.
func (s Status) Meaning() string {
	if e := s.info(); e != nil {
		return e.meaning
	}
	return ""
}

// Temporary reports whether the same request may be accepted later. A code
// that no version defines counts as temporary, except StatusOK.
func (s Status) Temporary() bool {
	if e := s.info(); e != nil {
		return e.retry
	}
	return true
}

// Vendor reports whether the code is in the range 0x0400 to 0x04FF, which
// message center vendors define.
func (s Status) Vendor() bool { return s >= 0x400 && s <= 0x4FF }

// Since returns the version that introduced the status, or 0 for a code that
// no version defines.
func (s Status) Since() Version {
	if e := s.info(); e != nil {
		return e.since
	}
	return 0
}

// For returns the status to send to a peer of version v: the same one where
// the peer knows it, else the nearest that it does.
func (s Status) For(v Version) Status {
	if s == StatusOK {
		return s
	}
	v = v.Known()
	e := s.info()
	if e == nil || e.since <= v {
		return s
	}
	if v < V34 {
		switch s {
		case StatusBindFailed, StatusInvalidPassword, StatusInvalidSystemID:
			return s // a failed bind in any numbering
		case StatusSubmitFailed, StatusTemporaryAppError, StatusServiceTypeUnavailable:
			return StatusSystemError
		case StatusQueryFailed:
			return StatusInvalidMessageID
		case StatusInvalidDistributionList:
			return StatusCannotSubmitToDistributionList
		case StatusServiceTypeUnauthorized, StatusServiceTypeDenied:
			return StatusInvalidServiceType
		case StatusProhibited:
			return StatusInvalidCommandID
		case StatusInvalidDataCoding:
			return StatusSystemError
		}
		return StatusUnknownError
	}
	switch s {
	case StatusServiceTypeUnauthorized, StatusServiceTypeDenied:
		return StatusInvalidServiceType
	case StatusServiceTypeUnavailable:
		return StatusSystemError
	case StatusProhibited:
		return StatusInvalidCommandID
	case StatusInvalidDataCoding:
		return StatusSubmitFailed
	}
	return StatusUnknownError
}

// Statuses returns every status that a version of SMPP defines, in order.
func Statuses() []Status {
	all := make([]Status, len(statusTable))
	for i := range statusTable {
		all[i] = statusTable[i].code
	}
	return all
}

// ParseStatus returns the status with the given name, of v5.0 or v3.4, or with
// the given number (decimal, or hexadecimal after 0x).
func ParseStatus(name string) (Status, error) {
	for i := range statusTable {
		if e := &statusTable[i]; e.name == name || e.alias34 != "" && e.alias34 == name {
			return e.code, nil
		}
	}
	n, err := strconv.ParseUint(name, 0, 32)
	if err != nil {
		return 0, fmt.Errorf("command_status %q: neither a name such as ESME_RTHROTTLED nor a number", name)
	}
	return Status(n), nil
}
