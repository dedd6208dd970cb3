package main

import (
	"errors"
	"strings"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

// addressFlags hold an address of the command line. ton and npi are -1 when
// they are to follow from the address.
type addressFlags struct {
	addr     string
	ton, npi int
}

// addressHelp says how an address is read. It is what sms.ParseAddress does.
const addressHelp = `An address with a plus sign or 00 in front is an international number, one with
a single 0 a national one, one of up to six digits a short code, any other
number international, too. Everything else is a name, of up to 11 characters.
--to-ton, --to-npi, --from-ton and --from-npi say otherwise: then the address
goes out as it is.`

// parse tells what kind of address it is, unless the flags say so.
func (f addressFlags) parse(flag string, most int) (pdu.Address, error) {
	if f.ton > 255 || f.npi > 255 {
		return pdu.Address{}, usagef("--%s-ton, --%s-npi: 0 to 255 are possible", flag, flag)
	}
	var a pdu.Address
	if f.ton >= 0 {
		a = pdu.Address{TON: pdu.TON(f.ton), Addr: f.addr}
		switch a.TON {
		case pdu.TONInternational, pdu.TONNational, pdu.TONSubscriber:
			a.NPI = pdu.NPIISDN
		}
	} else {
		var err error
		if a, err = sms.ParseAddress(f.addr); err != nil {
			return a, usagef("--%s %q: %s; --%s-ton sends it as it is", flag, f.addr, addressReason(err), flag)
		}
	}
	if f.npi >= 0 {
		a.NPI = pdu.NPI(f.npi)
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

// addressReason returns what is wrong with an address, which is named already.
func addressReason(err error) string {
	var e *sms.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	if e.Err == nil {
		return e.Rule
	}
	return e.Rule + ": " + strings.TrimPrefix(e.Err.Error(), "coding: ")
}
