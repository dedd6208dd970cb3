package account_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/godwit-sms/smpp/center/account"
)

// cheap keeps the tests quick.
var cheap = account.Cost{Memory: 64, Time: 1}

func hashed(t testing.TB, password string) string {
	t.Helper()
	h, err := account.HashPassword(password, cheap)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAuthenticate(t *testing.T) {
	certificate := &x509.Certificate{
		Subject: pkix.Name{CommonName: "esme-1"}, DNSNames: []string{"esme.example.com"}, EmailAddresses: []string{"ops@example.com"},
		URIs: []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: "/esme"}},
	}
	accounts := []account.Account{
		{ID: "acme", Password: "secret"},
		{ID: "open"},
		{ID: "hashed", PasswordHash: hashed(t, "argon")},
		{ID: "near", Password: "x", Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}},
		{ID: "cn", Certificate: "esme-1"},
		{ID: "dns", Certificate: "esme.example.com", Password: "both"},
		{ID: "uri", Certificate: "spiffe://example.com/esme"},
		{ID: "mail", Certificate: "ops@example.com"},
		{ID: "other", Certificate: "esme-2"},
	}
	for _, plain := range []bool{false, true} { // without a hash in the book, too
		list := accounts
		if plain {
			list = append(append([]account.Account{}, accounts[:2]...), accounts[3:]...)
		}
		book, err := account.NewBook(list...)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name string
			c    account.Credentials
			err  error
		}{
			{"right", account.Credentials{ID: "acme", Password: "secret"}, nil},
			{"wrong case", account.Credentials{ID: "acme", Password: "Secret"}, account.ErrPassword},
			{"no password", account.Credentials{ID: "acme"}, account.ErrPassword},
			{"longer", account.Credentials{ID: "acme", Password: "secret1"}, account.ErrPassword},
			{"nobody", account.Credentials{ID: "nobody", Password: "secret"}, account.ErrUnknown},
			{"nothing", account.Credentials{}, account.ErrUnknown},
			{"open", account.Credentials{ID: "open"}, nil},
			{"open with a password", account.Credentials{ID: "open", Password: "x"}, account.ErrPassword},
			{"right hash", account.Credentials{ID: "hashed", Password: "argon"}, nil},
			{"right hash again", account.Credentials{ID: "hashed", Password: "argon"}, nil},
			{"wrong hash", account.Credentials{ID: "hashed", Password: "argoN"}, account.ErrPassword},
			{"near", account.Credentials{ID: "near", Password: "x", Addr: netip.MustParseAddr("10.1.2.3")}, nil},
			{"near, mapped", account.Credentials{ID: "near", Password: "x", Addr: netip.MustParseAddr("::ffff:10.1.2.3")}, nil},
			{"near, v6 with zone", account.Credentials{ID: "near", Password: "x", Addr: netip.MustParseAddr("2001:db8::1%eth0")}, nil},
			{"far", account.Credentials{ID: "near", Password: "x", Addr: netip.MustParseAddr("11.1.2.3")}, account.ErrNetwork},
			{"from nowhere", account.Credentials{ID: "near", Password: "x"}, account.ErrNetwork},
			{"common name", account.Credentials{ID: "cn", Password: "whatever", Certificate: certificate}, nil},
			{"no certificate", account.Credentials{ID: "cn"}, account.ErrCertificate},
			{"dns name", account.Credentials{ID: "dns", Password: "both", Certificate: certificate}, nil},
			{"dns name, wrong password", account.Credentials{ID: "dns", Password: "neither", Certificate: certificate}, account.ErrPassword},
			{"uri", account.Credentials{ID: "uri", Certificate: certificate}, nil},
			{"mail", account.Credentials{ID: "mail", Certificate: certificate}, nil},
			{"another name", account.Credentials{ID: "other", Certificate: certificate}, account.ErrCertificate},
		} {
			if plain && tt.c.ID == "hashed" {
				continue
			}
			a, err := book.Authenticate(t.Context(), tt.c)
			if !errors.Is(err, tt.err) || (err == nil) != (a != nil) || a != nil && a.ID != tt.c.ID {
				t.Errorf("%s: %v, %v; want %v", tt.name, a, err, tt.err)
			}
		}
	}
}

func TestBook(t *testing.T) {
	if _, err := account.NewBook(account.Account{ID: "a"}, account.Account{ID: "a"}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("two accounts with one id: %v", err)
	}
	hash := hashed(t, "right")
	book, err := account.NewBook(account.Account{ID: "a", PasswordHash: hash})
	if err != nil {
		t.Fatal(err)
	}
	right := account.Credentials{ID: "a", Password: "right"}
	if _, err := book.Authenticate(t.Context(), right); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// What was proven needs no hash any more, and with the same hash not after a
	// change either.
	if err := book.Replace(account.Account{ID: "a", PasswordHash: hash, Window: 7}); err != nil {
		t.Fatal(err)
	}
	if a, err := book.Authenticate(ctx, right); err != nil || a.Window != 7 || book.Get("a") != a || len(book.All()) != 1 {
		t.Errorf("after a change: %v, %v", a, err)
	}
	if err := book.Replace(account.Account{ID: "a", Password: "x", PasswordHash: hash}); err == nil || book.Get("a").Window != 7 {
		t.Errorf("a change that is wrong: %v", err)
	}
	if err := book.Replace(account.Account{ID: "b", PasswordHash: hashed(t, "other")}); err != nil {
		t.Fatal(err)
	}
	if _, err := book.Authenticate(t.Context(), right); !errors.Is(err, account.ErrUnknown) {
		t.Errorf("an account that is gone: %v", err)
	}
}

// Many wrong binds at once are answered all, and never more hashes computed at a
// time than there is room for.
func TestAuthenticateManyAtOnce(t *testing.T) {
	book, err := account.NewBook(account.Account{ID: "a", PasswordHash: hashed(t, "right")})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[error]int{}
	for range 1000 {
		wg.Go(func() {
			_, err := book.Authenticate(t.Context(), account.Credentials{ID: "a", Password: "wrong"})
			mu.Lock()
			got[err]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if got[account.ErrPassword]+got[account.ErrBusy] != 1000 || got[account.ErrPassword] == 0 {
		t.Errorf("answers %v", got)
	}
}

func TestHashPassword(t *testing.T) {
	a, b := hashed(t, "x"), hashed(t, "x")
	if a == b || !strings.HasPrefix(a, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("hashes %s and %s", a, b)
	}
	if _, err := account.HashPassword("ninechars", cheap); err == nil || strings.Contains(err.Error(), "ninechars") {
		t.Errorf("a long password: %v", err)
	}
	// A hash of the argon2 command of the reference implementation:
	// printf password | argon2 somesalt -id -t 2 -m 16 -p 1
	book, err := account.NewBook(account.Account{ID: "a", PasswordHash: "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := book.Authenticate(t.Context(), account.Credentials{ID: "a", Password: "password"}); err != nil {
		t.Errorf("a hash of another program: %v", err)
	}
	for _, bad := range []string{
		"x", "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", strings.Replace(a, "m=64", "m=4000000", 1),
		strings.Replace(a, "t=1", "t=101", 1), strings.Replace(a, "p=1", "p=0", 1), strings.Replace(a, "m=64,", "", 1), a[:len(a)-30], a + "!", strings.Replace(a, "v=19", "v=16", 1),
	} {
		if err := (account.Account{ID: "a", PasswordHash: bad}).Check(); err == nil || !strings.Contains(err.Error(), "password hash") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzPasswordHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$argon2id$v=19$m=4294967295,t=1,p=255$$")
	f.Fuzz(func(t *testing.T, s string) {
		err := account.Account{ID: "a", PasswordHash: s}.Check()
		if err != nil && s != "" && !strings.Contains(err.Error(), "password hash") {
			t.Errorf("%q: %v", s, err)
		}
	})
}

func BenchmarkHash(b *testing.B) {
	for b.Loop() {
		if _, err := account.HashPassword("password", account.Cost{}); err != nil {
			b.Fatal(err)
		}
	}
}
