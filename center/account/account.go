// Package account knows who may bind to the message center, and for what.
package account

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/route"
	"github.com/godwit-sms/smpp/pdu"
)

// Modes are ways to bind. Zero, as the modes of an account, is all of them.
type Modes uint8

// The modes.
const (
	Transmitter Modes = 1 << iota
	Receiver
	Transceiver
)

var modeNames = []string{"transmitter", "receiver", "transceiver"}

// ParseModes reads the names of modes: transmitter, receiver, transceiver.
func ParseModes(names ...string) (Modes, error) {
	var m Modes
	for _, name := range names {
		i := slices.Index(modeNames, name)
		if i < 0 {
			return 0, fmt.Errorf("bind mode %q: %s are allowed", name, strings.Join(modeNames, ", "))
		}
		m |= 1 << i
	}
	return m, nil
}

// Has reports whether all modes of other are among m.
func (m Modes) Has(other Modes) bool { return m == 0 || m&other == other }

func (m Modes) String() string {
	var names []string
	for i, name := range modeNames {
		if m.Has(1 << i) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// An Account is an ESME, or several that share their messages. It prints and
// logs without its password.
type Account struct {
	ID       string // the system_id, 1 to 15 octets
	Password string // at most 8 octets
	// PasswordHash is that of the password, instead of Password; see HashPassword.
	// Few are computed at a time, and none again for a password that was right
	// before.
	PasswordHash string
	// Certificate is a name that the client certificate of a bind has to be for:
	// its common name, or one of its DNS, URI or mail names. The certificate has
	// to be verified by TLS. When there is neither Password nor PasswordHash, the
	// certificate is enough. Empty: none is needed.
	Certificate string
	Networks    []netip.Prefix // binds have to come from; empty: anywhere

	Modes Modes // how it may bind; zero: in any way
	// How many sessions may be bound at once; zero: any number.
	MaxBinds, MaxTransmitters, MaxReceivers, MaxTransceivers int

	// Window is how many of its requests are handled at once on a session; as
	// many again wait, more are refused with ESME_RTHROTTLED. Zero: that of the
	// message center.
	Window int
	// DeliverWindow is how many messages and receipts it is sent before it has
	// answered the first, on a session. Zero: that of the message center.
	DeliverWindow int
	// Rate is how many messages its sessions submit together, SessionRate each of
	// them; see smpp.Account. Zero: any number.
	Rate, SessionRate smpp.Rate

	// Addresses are those that it receives messages for, whether it is bound or
	// not, as an address_range is written. An ESME may also claim addresses by
	// the address_range of its bind.
	Addresses []string
	// Sources are the addresses that it may send from, written likewise, after
	// Rewrites. Empty: all.
	Sources  []string
	Rewrites []Rewrite
	TLVs     []TLVRule // that its messages have to keep to

	// DataCoding is what data_coding 0 of its messages stands for, and what others
	// are told. Zero: the alphabet of the message center.
	DataCoding pdu.DataCoding
	// IDFormat is that of the message_ids that it gets. A message keeps the one
	// that it was submitted with.
	IDFormat message.Format

	// Delivery is what it is sent, and how.
	Delivery Delivery

	sources []route.Pattern
	hash    *hash
}

const (
	maxID       = 15
	maxPassword = 8
)

// Default is the account that a message center has without any configuration.
func Default() Account { return Account{ID: "demo", Password: "demo"} }

func (a Account) String() string { return a.ID }

// GoString leaves the password out.
func (a Account) GoString() string { return fmt.Sprintf("account.Account{ID:%q}", a.ID) }

// LogValue leaves the password out.
func (a Account) LogValue() slog.Value { return slog.StringValue(a.ID) }

// Open reports whether everybody who knows its id can bind: there is neither a
// password nor a certificate.
func (a *Account) Open() bool {
	return a.Password == "" && a.PasswordHash == "" && a.Certificate == ""
}

// Check returns an error that names what no bind could carry, or what is
// wrong with a setting.
func (a Account) Check() error { return a.compile() }

// compile validates an account, and reads what is written in it.
func (a *Account) compile() error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("account %q: "+format, append([]any{a.ID}, args...)...)
	}
	switch {
	case a.ID == "":
		return fmt.Errorf("account: the id is empty; 1 to %d octets are required", maxID)
	case len(a.ID) > maxID:
		return fail("an id of %d octets; at most %d are allowed", len(a.ID), maxID)
	case len(a.Password) > maxPassword:
		return fail("a password of %d octets; at most %d are allowed", len(a.Password), maxPassword)
	case strings.ContainsRune(a.ID, 0) || strings.ContainsRune(a.Password, 0):
		return fail("a NUL in the id or the password")
	case a.Password != "" && a.PasswordHash != "":
		return fail("a password and a password hash; one of them is allowed")
	case a.Window < 0:
		return fail("window %d; 1 or more is required, 0 is the default", a.Window)
	case a.DeliverWindow < 0:
		return fail("deliver_window %d; 1 or more is required, 0 is the default", a.DeliverWindow)
	case a.MaxBinds < 0 || a.MaxTransmitters < 0 || a.MaxReceivers < 0 || a.MaxTransceivers < 0:
		return fail("a negative number of binds; 1 or more is required, 0 is any number")
	}
	for _, r := range []smpp.Rate{a.Rate, a.SessionRate} {
		if !(r.PerSecond >= 0) || r.Burst < 0 {
			return fail("rate %v, burst %d; more than 0 is required, 0 is any", r.PerSecond, r.Burst)
		}
	}
	a.hash = nil
	if a.PasswordHash != "" {
		var err error
		if a.hash, err = parseHash(a.PasswordHash); err != nil {
			return fail("%w", err)
		}
	}
	for _, text := range a.Addresses {
		if _, err := route.ParsePattern(pdu.Address{Addr: text}); err != nil {
			return fail("addresses: %w", err)
		}
	}
	a.sources = nil
	for _, text := range a.Sources {
		p, err := route.ParsePattern(pdu.Address{Addr: text})
		if err == nil && p.IsZero() {
			err = errors.New("an empty address")
		}
		if err != nil {
			return fail("sources: %w", err)
		}
		a.sources = append(a.sources, p)
	}
	for i := range a.Rewrites {
		if err := a.Rewrites[i].check(); err != nil {
			return fail("%w", err)
		}
	}
	if err := a.Delivery.check(); err != nil {
		return fail("%w", err)
	}
	return nil
}

// Parse reads "id:password". The password may hold colons, and may be empty when
// the colon is there. Errors do not repeat the password.
func Parse(s string) (Account, error) {
	id, password, ok := strings.Cut(s, ":")
	if !ok {
		return Account{}, fmt.Errorf("account: there is no colon; id:password is required")
	}
	a := Account{ID: id, Password: password}
	return a, a.Check()
}
