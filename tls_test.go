package smpp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

// An authority signs certificates of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{cert, key, pool}, nil
}

// issue returns a certificate, and writes it and its key to files.
func (a *authority) issue(serial int64, name, certFile, keyFile string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, key.Public(), a.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	if certFile != "" {
		if err := errors.Join(os.WriteFile(keyFile, keyPEM, 0o600), os.WriteFile(certFile, certPEM, 0o600)); err != nil {
			return tls.Certificate{}, err
		}
	}
	return tls.X509KeyPair(certPEM, keyPEM)
}

func testAuthority(t *testing.T) *authority {
	t.Helper()
	a, err := newAuthority()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) mustIssue(t *testing.T, serial int64, name, certFile, keyFile string) tls.Certificate {
	t.Helper()
	c, err := a.issue(serial, name, certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// certificateIsSystemID lets in who shows a certificate for the system_id.
func certificateIsSystemID(ctx context.Context, b *pdu.Bind) (*smpp.Account, error) {
	st := smpp.SessionFrom(ctx).TLS()
	if st == nil || len(st.VerifiedChains) == 0 || !slices.Contains(st.PeerCertificates[0].DNSNames, b.SystemID) {
		return nil, pdu.StatusBindFailed
	}
	return &smpp.Account{SystemID: b.SystemID}, nil
}

func TestMutualTLS(t *testing.T) {
	ours, theirs := testAuthority(t), testAuthority(t)
	serverCert := ours.mustIssue(t, 1, "smsc.example", "", "")
	srv := &smpp.Server{Logger: quiet, Authenticate: certificateIsSystemID,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{serverCert}, ClientCAs: ours.pool, ClientAuth: tls.RequireAndVerifyClientCert}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.ServeTLS(l, "", "") }()
	defer func() {
		_ = srv.Close()
		if err := <-served; !errors.Is(err, smpp.ErrServerClosed) {
			t.Error(err)
		}
	}()
	for _, test := range []struct {
		name     string
		cert     []tls.Certificate
		systemID string
		status   pdu.Status
		ok       bool
	}{
		{"its own", []tls.Certificate{ours.mustIssue(t, 2, "acme", "", "")}, "acme", 0, true},
		{"another's", []tls.Certificate{ours.mustIssue(t, 3, "acme", "", "")}, "bigco", pdu.StatusBindFailed, false},
		{"of an authority that nobody knows", []tls.Certificate{theirs.mustIssue(t, 4, "acme", "", "")}, "acme", 0, false},
		{"none", nil, "acme", 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := smpp.Dial(t.Context(), "ssmpp://"+l.Addr().String(), &smpp.Config{SystemID: test.systemID,
				TLSConfig: &tls.Config{RootCAs: ours.pool, Certificates: test.cert}})
			if test.ok != (err == nil) || test.status != 0 && !errors.Is(err, test.status) {
				t.Fatal(err)
			}
			if err != nil {
				return
			}
			if st := s.TLS(); st == nil || st.Version < tls.VersionTLS12 || !st.HandshakeComplete {
				t.Errorf("%+v", st)
			}
			_ = s.Close()
		})
	}
	waitFor(t, func() bool { return srv.Stats().HandshakesFailed == 2 })
	t.Run("old TLS", func(t *testing.T) {
		c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: ours.pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
		if err == nil {
			_ = c.Close()
			t.Error("TLS 1.1 is spoken")
		}
	})
}

// waitFor waits for what another goroutine is about to bring about.
func waitFor(t *testing.T, f func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("it does not come to pass")
		}
	}
}

func TestNoTLS(t *testing.T) {
	bubble(t, "plain", func(t *testing.T) {
		_, s := rawClient(t, &smpp.Server{Logger: quiet})
		if s.TLS() != nil {
			t.Error("TLS without TLS")
		}
	})
}

// A handshake that does not go on ends in time, and keeps nobody waiting.
func TestHandshakeTimeout(t *testing.T) {
	a := testAuthority(t)
	cert := a.mustIssue(t, 1, "smsc.example", "", "")
	bubble(t, "silent", func(t *testing.T) {
		l := newFakeListener()
		srv := &smpp.Server{Logger: quiet, HandshakeTimeout: 5 * time.Second, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}}
		served := make(chan error, 1)
		go func() { served <- srv.ServeTLS(l, "", "") }()
		var silent []net.Conn
		for range 20 {
			near, far := net.Pipe()
			l.accept <- far
			silent = append(silent, near)
		}
		near, far := net.Pipe()
		l.accept <- far
		// The clock of the bubble is not that of the certificate.
		s, err := smpp.Bind(t.Context(), tls.Client(near, &tls.Config{InsecureSkipVerify: true}), nil)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for _, c := range silent {
			if _, err := c.Read(make([]byte, 1)); err == nil {
				t.Error("something came")
			}
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("ended after %v", took)
		}
		if err := s.EnquireLink(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if st := srv.Stats(); st.HandshakesFailed != 20 {
			t.Errorf("%+v", st)
		}
		_ = s.Close()
		_ = srv.Close()
		if err := <-served; !errors.Is(err, smpp.ErrServerClosed) {
			t.Error(err)
		}
	})
}

func TestCertReloader(t *testing.T) {
	a := testAuthority(t)
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	if _, err := smpp.NewCertReloader(certFile, keyFile, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no files: %v", err)
	}
	a.mustIssue(t, 1, "one", certFile, keyFile)
	var failures []error
	r, err := smpp.NewCertReloader(certFile, keyFile, func(err error) { failures = append(failures, err) })
	if err != nil {
		t.Fatal(err)
	}
	serial := func() int64 {
		t.Helper()
		c, err := r.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		client, err := r.GetClientCertificate(nil)
		if err != nil || client != c {
			t.Fatalf("%v: not the same for a client", err)
		}
		return c.Leaf.SerialNumber.Int64()
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n := serial(); n != 1 {
		t.Fatalf("serial %d", n)
	}
	a.mustIssue(t, 2, "two", certFile, keyFile)
	if err := r.Reload(); err != nil || serial() != 2 {
		t.Errorf("%v, serial %d", err, serial())
	}
	for _, test := range []struct {
		name  string
		spoil func()
	}{
		{"no PEM", func() { write(certFile, "what is this") }},
		{"the key of another", func() {
			a.mustIssue(t, 3, "three", certFile, keyFile)
			a.mustIssue(t, 4, "four", filepath.Join(dir, "other.crt"), keyFile)
		}},
		{"gone", func() { _ = os.Remove(keyFile) }},
	} {
		test.spoil()
		if err := r.Reload(); err == nil || !strings.Contains(err.Error(), "certificate") || serial() != 2 {
			t.Errorf("%s: %v, serial %d", test.name, err, serial())
		}
	}
	// By itself, once the files change. That takes a second.
	a.mustIssue(t, 5, "five", certFile, keyFile)
	waitFor(t, func() bool { return serial() == 5 })
	write(certFile, "")
	waitFor(t, func() bool { serial(); return len(failures) > 0 })
	if n := serial(); n != 5 || len(failures) != 1 {
		t.Errorf("serial %d, failures %v", n, failures)
	}
	a.mustIssue(t, 6, "six", certFile, keyFile)
	waitFor(t, func() bool { return serial() == 6 })
}

// The files that ServeTLS is given are read again; sessions that live go on.
func TestServeTLSReloads(t *testing.T) {
	a := testAuthority(t)
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	a.mustIssue(t, 1, "smsc.example", certFile, keyFile)
	srv := &smpp.Server{Logger: quiet}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.ServeTLS(l, certFile, keyFile) }()
	defer func() {
		_ = srv.Close()
		if err := <-served; !errors.Is(err, smpp.ErrServerClosed) {
			t.Error(err)
		}
	}()
	dial := func() *smpp.Session {
		s, err := smpp.Dial(t.Context(), "ssmpp://"+l.Addr().String(), &smpp.Config{TLSConfig: &tls.Config{RootCAs: a.pool}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	serial := func(s *smpp.Session) int64 { return s.TLS().PeerCertificates[0].SerialNumber.Int64() }
	first := dial()
	defer first.Close()
	if serial(first) != 1 {
		t.Errorf("serial %d", serial(first))
	}
	a.mustIssue(t, 2, "smsc.example", certFile, keyFile)
	waitFor(t, func() bool {
		s := dial()
		defer s.Close()
		return serial(s) == 2
	})
	if err := first.EnquireLink(t.Context()); err != nil {
		t.Errorf("the first session: %v", err)
	}
}

// certificates makes files with a certificate and a key for each name.
func certificates(names ...string) (dir string, ca *x509.CertPool, err error) {
	if dir, err = os.MkdirTemp("", "smpp"); err != nil {
		return "", nil, err
	}
	a, err := newAuthority()
	if err != nil {
		return "", nil, err
	}
	for i, name := range names {
		if _, err := a.issue(int64(i+2), name, filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")); err != nil {
			return "", nil, err
		}
	}
	return dir, a.pool, nil
}
