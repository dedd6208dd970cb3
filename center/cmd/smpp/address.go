package main

import (
	"strings"

	"github.com/godwit-sms/smpp/pdu"
)

// addressFlags hold an address of the command line. ton and npi are -1 when
// they are to follow from the address.
type addressFlags struct {
	addr     string
	ton, npi int
}

// parse tells what kind of address it is: with letters a name, with up to six
// digits a short code, with more an international number, a leading plus sign
// or 00 not being part of it.
func (f addressFlags) parse(flag string, most int) (pdu.Address, error) {
	a := pdu.Address{Addr: f.addr}
	digits := strings.TrimPrefix(f.addr, "+")
	switch {
	case f.addr == "":
	case strings.Trim(digits, "0123456789") != "":
		a = pdu.Alphanumeric(f.addr)
	case strings.HasPrefix(f.addr, "+"):
		a = pdu.International(digits)
	case len(digits) <= 6:
		a = pdu.ShortCode(digits)
	case strings.HasPrefix(digits, "00"):
		a = pdu.International(digits[2:])
	default:
		a = pdu.International(digits)
	}
	if f.ton >= 0 {
		a = pdu.Address{TON: pdu.TON(f.ton), NPI: a.NPI, Addr: f.addr}
	}
	if f.npi >= 0 {
		a.NPI = pdu.NPI(f.npi)
	}
	if f.ton > 255 || f.npi > 255 {
		return a, usagef("--%s-ton, --%s-npi: 0 to 255 are possible", flag, flag)
	}
	if err := cString(a.Addr, most); err != nil {
		return a, usagef("--%s %q: %w", flag, f.addr, err)
	}
	for _, r := range a.Addr {
		if r > 0x7E || r < 0x20 {
			return a, usagef("--%s %q: %q: an address is in ASCII", flag, f.addr, r)
		}
	}
	return a, nil
}
