// Package account knows who may bind to the message center, and for what.
package account

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"slices"
	"strings"
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
	Modes    Modes  // how it may bind; zero: in any way

	// Window is how many of its requests are handled at once on a session; as
	// many again wait, more are refused with ESME_RTHROTTLED. Zero: that of the
	// message center.
	Window int
	// DeliverWindow is how many messages and receipts it is sent before it has
	// answered the first, on a session. Zero: that of the message center.
	DeliverWindow int

	// Addresses are those that it receives messages for, whether it is bound or
	// not, as an address_range is written. An ESME may also claim addresses by
	// the address_range of its bind.
	Addresses []string

	// Delivery is what it is sent, and how.
	Delivery Delivery
}

// Default is the account that a message center has without any configuration.
func Default() Account { return Account{ID: "demo", Password: "demo"} }

func (a Account) String() string { return a.ID }

// GoString leaves the password out.
func (a Account) GoString() string { return fmt.Sprintf("account.Account{ID:%q}", a.ID) }

// LogValue leaves the password out.
func (a Account) LogValue() slog.Value { return slog.StringValue(a.ID) }

// Check returns an error that names what no bind could carry.
func (a Account) Check() error {
	switch {
	case a.ID == "":
		return fmt.Errorf("account: the id is empty; 1 to 15 octets are required")
	case len(a.ID) > 15:
		return fmt.Errorf("account %q: an id of %d octets; at most 15 are allowed", a.ID, len(a.ID))
	case len(a.Password) > 8:
		return fmt.Errorf("account %q: a password of %d octets; at most 8 are allowed", a.ID, len(a.Password))
	case strings.ContainsRune(a.ID, 0) || strings.ContainsRune(a.Password, 0):
		return fmt.Errorf("account %q: a NUL in the id or the password", a.ID)
	case a.Window < 0:
		return fmt.Errorf("account %q: window %d; 1 or more is required, 0 is the default", a.ID, a.Window)
	case a.DeliverWindow < 0:
		return fmt.Errorf("account %q: deliver_window %d; 1 or more is required, 0 is the default", a.ID, a.DeliverWindow)
	}
	if err := a.Delivery.check(); err != nil {
		return fmt.Errorf("account %q: %w", a.ID, err)
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

// A Book holds the accounts of a message center. It may be used concurrently.
type Book struct {
	accounts map[string]*entry
	order    []*Account
}

type entry struct {
	account *Account
	sum     [sha256.Size]byte
}

// NewBook returns a book of the accounts, whose ids must be different.
func NewBook(accounts ...Account) (*Book, error) {
	b := &Book{accounts: make(map[string]*entry, len(accounts))}
	for _, a := range accounts {
		if err := a.Check(); err != nil {
			return nil, err
		}
		if b.accounts[a.ID] != nil {
			return nil, fmt.Errorf("account %q: it is there twice", a.ID)
		}
		a.Addresses = slices.Clone(a.Addresses)
		b.accounts[a.ID] = &entry{&a, sha256.Sum256([]byte(a.Password))}
		b.order = append(b.order, &a)
	}
	return b, nil
}

// Get returns an account, or nil.
func (b *Book) Get(id string) *Account {
	if e := b.accounts[id]; e != nil {
		return e.account
	}
	return nil
}

// All returns the accounts in the order they were given. They must not be
// changed.
func (b *Book) All() []*Account { return b.order }

// Authenticate returns the account with the id if the password is its own. How
// long it takes tells nothing about the password, nor whether there is such an
// account.
func (b *Book) Authenticate(id, password string) (*Account, bool) {
	e := b.accounts[id]
	known := e != nil
	if !known {
		e = new(entry)
	}
	sum := sha256.Sum256([]byte(password))
	same := subtle.ConstantTimeCompare(sum[:], e.sum[:]) == 1
	if !known || !same {
		return nil, false
	}
	return e.account, true
}
