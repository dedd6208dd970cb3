package account

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/godwit-sms/smpp"
)

// A Book holds the accounts of a message center. It may be used concurrently.
type Book struct {
	now     atomic.Pointer[edition]
	secret  [32]byte      // of the process, for what it remembers of passwords
	hashing chan struct{} // holds as many as may compute a hash
	waiting atomic.Int32  // for that
}

// An edition is the accounts as they are until Replace.
type edition struct {
	accounts map[string]*entry
	order    []*Account
	decoy    *hash // what a bind of nobody costs; nil: nothing
}

type entry struct {
	account *Account
	proven  atomic.Pointer[[sha256.Size]byte] // of the password that the hash was last found to be of
}

// maxWaiting is how many binds may wait for their hash to be computed.
const maxWaiting = 256

// NewBook returns a book of the accounts, whose ids must be different.
func NewBook(accounts ...Account) (*Book, error) {
	b := &Book{hashing: make(chan struct{}, max(runtime.GOMAXPROCS(0)/2, 1))}
	_, _ = rand.Read(b.secret[:]) // never fails
	if err := b.Replace(accounts...); err != nil {
		return nil, err
	}
	return b, nil
}

// Replace puts other accounts in the place of those that are there. On an error
// nothing is changed.
func (b *Book) Replace(accounts ...Account) error {
	e := &edition{accounts: make(map[string]*entry, len(accounts))}
	before := b.now.Load()
	for _, a := range accounts {
		if err := a.compile(); err != nil {
			return err
		}
		if e.accounts[a.ID] != nil {
			return fmt.Errorf("account %q: it is there twice", a.ID)
		}
		a.Addresses, a.Networks = slices.Clone(a.Addresses), slices.Clone(a.Networks)
		a.Rewrites, a.TLVs = slices.Clone(a.Rewrites), slices.Clone(a.TLVs)
		x := &entry{account: &a}
		if a.hash != nil && e.decoy == nil {
			e.decoy = a.hash
		}
		if before != nil {
			if old := before.accounts[a.ID]; old != nil && old.account.PasswordHash == a.PasswordHash {
				x.proven.Store(old.proven.Load())
			}
		}
		e.accounts[a.ID] = x
		e.order = append(e.order, &a)
	}
	b.now.Store(e)
	return nil
}

// Get returns an account, or nil.
func (b *Book) Get(id string) *Account {
	if e := b.now.Load().accounts[id]; e != nil {
		return e.account
	}
	return nil
}

// All returns the accounts in the order they were given. They must not be
// changed.
func (b *Book) All() []*Account { return b.now.Load().order }

// Credentials are what an ESME shows when it binds.
type Credentials struct {
	ID, Password string
	Addr         netip.Addr        // where it comes from; zero: unknown, which no network has
	Certificate  *x509.Certificate // that it has shown, and TLS has verified; nil: none
}

// The errors of Authenticate.
var (
	ErrUnknown     = errors.New("there is no such account")
	ErrPassword    = errors.New("the password is wrong")
	ErrNetwork     = errors.New("the account may not bind from this address")
	ErrCertificate = errors.New("the client certificate is missing, or for another name")
	ErrBusy        = errors.New("too many binds wait for their passwords to be checked")
)

// Authenticate returns the account that the credentials are of. How long it
// takes tells those who do not have them nothing: neither about the password,
// nor whether there is such an account. ErrBusy means that it has not been
// looked at them; the other errors are those above, or that of ctx.
func (b *Book) Authenticate(ctx context.Context, c Credentials) (*Account, error) {
	e := b.now.Load()
	x := e.accounts[c.ID]
	if x == nil {
		return nil, b.decoy(ctx, e, c.Password, ErrUnknown)
	}
	a := x.account
	if len(a.Networks) > 0 && !slices.ContainsFunc(a.Networks, func(p netip.Prefix) bool { return p.Contains(c.Addr.Unmap().WithZone("")) }) {
		return nil, b.decoy(ctx, e, c.Password, ErrNetwork)
	}
	if a.Certificate != "" && !names(c.Certificate, a.Certificate) {
		return nil, b.decoy(ctx, e, c.Password, ErrCertificate)
	}
	switch {
	case a.hash != nil:
		sum := b.sum(a.PasswordHash, c.Password)
		if p := x.proven.Load(); p != nil && hmac.Equal(p[:], sum[:]) {
			return a, nil
		}
		ok, err := b.hash(ctx, a.hash, c.Password)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, ErrPassword
		}
		x.proven.Store(&sum)
	case a.Password == "" && a.Certificate != "": // the certificate is enough
	case !smpp.SecureEqual(c.Password, a.Password):
		return nil, b.decoy(ctx, e, c.Password, ErrPassword)
	}
	return a, nil
}

// decoy takes the time that a wrong password takes, and returns why.
func (b *Book) decoy(ctx context.Context, e *edition, password string, why error) error {
	if e.decoy != nil {
		if _, err := b.hash(ctx, e.decoy, password); err != nil {
			return err
		}
		return why
	}
	smpp.SecureEqual(password, "")
	return why
}

// hash computes a hash when it is its turn: few at a time, as each takes memory
// and a processor.
func (b *Book) hash(ctx context.Context, h *hash, password string) (bool, error) {
	if b.waiting.Add(1) > maxWaiting {
		b.waiting.Add(-1)
		return false, ErrBusy
	}
	defer b.waiting.Add(-1)
	select {
	case b.hashing <- struct{}{}:
		defer func() { <-b.hashing }()
		return h.is(password), nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

func (b *Book) sum(hash, password string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, b.secret[:])
	_, _ = h.Write([]byte(hash))
	_, _ = h.Write([]byte(password))
	h.Sum(sum[:0])
	return sum
}

// names reports whether a certificate is for a name.
func names(c *x509.Certificate, name string) bool {
	if c == nil {
		return false
	}
	if c.Subject.CommonName == name || slices.Contains(c.DNSNames, name) || slices.Contains(c.EmailAddresses, name) {
		return true
	}
	for _, u := range c.URIs {
		if u.String() == name {
			return true
		}
	}
	return false
}
