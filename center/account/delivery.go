package account

import (
	"fmt"
	"strings"
	"time"

	"github.com/godwit-sms/smpp/center/route"
	"github.com/godwit-sms/smpp/pdu"
)

// An Outbind is where an ESME listens that is to be asked to bind when something
// waits for it. SMPP v5.0, section 2.2.1.
type Outbind struct {
	Address  string // a URL as in smpp.Dial, without credentials; empty: the ESME is not asked
	SystemID string // what the message center calls itself there, at most 15 octets; empty: its own name
	Password string // of the message center, at most 8 octets
	// Backoff is the pause after the first attempt that brought no bind; it
	// doubles with each further one, up to MaxBackoff. Zero: 5 s and 5 min.
	Backoff, MaxBackoff time.Duration
}

// Delivery says what an account is sent, and how.
type Delivery struct {
	// Spread is how what is for the account is spread over its sessions. Zero:
	// route.SameBind.
	Spread route.Spread
	// AtMostOnce has a message for the account committed before it is sent, so
	// that it is never sent twice: one whose fate a crash or a broken connection
	// leaves open is UNKNOWN until its validity ends. It costs a commit for each
	// message. Otherwise it is sent again, with the same message id.
	AtMostOnce bool
	// Data has messages sent as data_sm rather than deliver_sm, to sessions of
	// v3.4 and later.
	Data bool
	// Areas are the names of the broadcast areas whose broadcasts it receives;
	// "*" is every area. An ESME may also name areas by broadcast_area_identifier
	// in its bind. A change is for sessions that bind from now on, as is one of Data.
	Areas []string
	// Outbind asks the ESME to bind when something waits for it.
	Outbind Outbind
	// Lists are its distribution lists by name, for submit_multi. They hide those
	// of the message center with the same name.
	Lists map[string][]pdu.Address
}

// CheckLists returns an error that names the list or the member that no
// submit_multi could name.
func CheckLists(lists map[string][]pdu.Address) error {
	for name, members := range lists {
		switch {
		case name == "" || len(name) > 20 || strings.ContainsRune(name, 0):
			return fmt.Errorf("list %q: a name of 1 to 20 octets without NUL is required", name)
		case len(members) == 0:
			return fmt.Errorf("list %q: it has no members", name)
		}
		for _, a := range members {
			if a.Addr == "" || len(a.Addr) > 20 || strings.ContainsRune(a.Addr, 0) {
				return fmt.Errorf("list %q: member %q: 1 to 20 octets without NUL are required", name, a.Addr)
			}
		}
	}
	return nil
}

// check returns an error that names what cannot be.
func (d *Delivery) check() error {
	switch {
	case d.Spread > route.RoundRobin:
		return fmt.Errorf("%v: %v, %v, %v are allowed", d.Spread, route.SameBind, route.AnyBind, route.RoundRobin)
	case len(d.Outbind.SystemID) > 15:
		return fmt.Errorf("outbind: a system_id of %d octets; at most 15 are allowed", len(d.Outbind.SystemID))
	case len(d.Outbind.Password) > 8:
		return fmt.Errorf("outbind: a password of %d octets; at most 8 are allowed", len(d.Outbind.Password))
	case d.Outbind.Backoff < 0 || d.Outbind.MaxBackoff < 0:
		return fmt.Errorf("outbind: a negative pause; more than 0 is required, 0 is the default")
	}
	for _, area := range d.Areas {
		if area == "" || len(area) > 100 {
			return fmt.Errorf("area %q: a name of 1 to 100 octets is required", area)
		}
	}
	return CheckLists(d.Lists)
}
