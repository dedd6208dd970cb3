package smpptest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

// The credentials in Server.URL.
const (
	SystemID = "test"
	Password = "secret"
)

// A Server is a message center on a loopback port, for tests from end to end.
// Unless Authenticate is set, everybody may bind.
type Server struct {
	*smpp.Server // to be set up between NewUnstartedServer and Start

	// URL is the address for smpp.Dial, with credentials. It is set by Start and
	// StartTLS.
	URL string

	// Listener is where connections come from; NewUnstartedServer opens one.
	Listener net.Listener

	// Faults befall the connections of the server, above TLS. Nil: none.
	Faults *Faults

	certificates *x509.CertPool
	served       chan struct{} // closed when Serve has returned; nil: not started

	mu       sync.Mutex
	changed  chan struct{} // closed, and replaced, when something was received
	received []Received
}

// Received is a PDU that a Server or a Script was sent.
type Received struct {
	Session *smpp.Session // that it came on; nil for a Script
	Header  pdu.Header
	Frame   []byte   // the whole PDU
	Body    pdu.Body // nil if the PDU is a header alone or malformed
	Err     error    // of decoding
}

// NewServer starts a server. A nil handler refuses every operation. It panics
// when there is no loopback port to be had. Call Close when done.
func NewServer(handler smpp.Handler) *Server {
	s := NewUnstartedServer(handler)
	s.Start()
	return s
}

// NewTLSServer is NewServer with TLS, under a certificate made for the purpose.
// ClientConfig trusts it.
func NewTLSServer(handler smpp.Handler) *Server {
	s := NewUnstartedServer(handler)
	s.StartTLS()
	return s
}

// NewUnstartedServer returns a server that listens but does not serve yet. Set
// the fields of the embedded smpp.Server, then call Start or StartTLS.
func NewUnstartedServer(handler smpp.Handler) *Server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		if l, err = net.Listen("tcp6", "[::1]:0"); err != nil {
			panic(fmt.Sprintf("smpptest: no loopback port: %v", err))
		}
	}
	return &Server{Server: &smpp.Server{Handler: handler, SystemID: "smpptest"}, Listener: l, changed: make(chan struct{})}
}

// Start begins to serve.
func (s *Server) Start() {
	s.start("smpp", func() error { return s.Serve(s.faulty(s.Listener)) })
}

// StartTLS begins to serve with TLS. Unless TLSConfig has a certificate, one is
// made.
func (s *Server) StartTLS() {
	c := s.TLSConfig.Clone()
	if c == nil {
		c = new(tls.Config)
	}
	if len(c.Certificates) == 0 && c.GetCertificate == nil {
		cert, err := certificate()
		if err != nil {
			panic(fmt.Sprintf("smpptest: certificate: %v", err))
		}
		c.Certificates = []tls.Certificate{cert}
	}
	s.certificates = x509.NewCertPool()
	for _, cert := range c.Certificates {
		if leaf, err := x509.ParseCertificate(cert.Certificate[len(cert.Certificate)-1]); err == nil {
			s.certificates.AddCert(leaf)
		}
	}
	s.TLSConfig = c
	s.start("ssmpp", func() error {
		if s.Faults != nil {
			return s.Serve(s.faulty(tls.NewListener(s.Listener, c)))
		}
		return s.ServeTLS(s.Listener, "", "")
	})
}

func (s *Server) faulty(l net.Listener) net.Listener {
	if s.Faults == nil {
		return l
	}
	return s.Faults.Listener(l)
}

func (s *Server) start(scheme string, serve func() error) {
	if s.served != nil {
		panic("smpptest: the server was started already")
	}
	s.trace()
	s.URL = scheme + "://" + SystemID + ":" + Password + "@" + s.Listener.Addr().String()
	s.served = make(chan struct{})
	go func() {
		defer close(s.served)
		if err := serve(); !errors.Is(err, smpp.ErrServerClosed) {
			panic(fmt.Sprintf("smpptest: %v", err))
		}
	}()
}

// trace keeps what is received, and lets a Trace of the user's see it too.
func (s *Server) trace() {
	var t smpp.Trace
	if s.Trace != nil {
		t = *s.Trace
	}
	users := t.Received
	t.Received = func(sess *smpp.Session, frame []byte) {
		if users != nil {
			users(sess, frame)
		}
		s.record(newReceived(s.Registry, sess, frame))
	}
	s.Trace = &t
}

func newReceived(reg *pdu.Registry, sess *smpp.Session, frame []byte) Received {
	r := Received{Session: sess, Frame: slices.Clone(frame)}
	r.Header, r.Body, r.Err = pdu.NewCodec(reg, pdu.V50).Decode(r.Frame)
	return r
}

func (s *Server) record(r Received) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received = append(s.received, r)
	close(s.changed)
	s.changed = make(chan struct{})
}

// ClientConfig returns a new configuration for clients of the server: it trusts
// the certificate of a TLS server. The credentials are in URL.
func (s *Server) ClientConfig() *smpp.Config {
	c := new(smpp.Config)
	if s.certificates != nil {
		c.TLSConfig = &tls.Config{RootCAs: s.certificates}
	}
	return c
}

// Received returns what came in so far, from all sessions, in the order in
// which it did: everything, or the PDUs of the given commands.
func (s *Server) Received(commands ...pdu.CommandID) []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return filter(s.received, commands)
}

func filter(all []Received, commands []pdu.CommandID) []Received {
	if len(commands) == 0 {
		return slices.Clone(all)
	}
	var out []Received
	for _, r := range all {
		if slices.Contains(commands, r.Header.Command) {
			out = append(out, r)
		}
	}
	return out
}

// WaitReceived waits until n PDUs of a command have come in, and returns them
// and any beyond. The error is that of ctx, with what there is.
func (s *Server) WaitReceived(ctx context.Context, command pdu.CommandID, n int) ([]Received, error) {
	for {
		s.mu.Lock()
		got, changed := filter(s.received, []pdu.CommandID{command}), s.changed
		s.mu.Unlock()
		if len(got) >= n {
			return got, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return got, fmt.Errorf("smpptest: %d of %d %v came in: %w", len(got), n, command, context.Cause(ctx))
		}
	}
}

// Bodies returns the bodies of type T that a server received so far, such as
// Bodies[*pdu.SubmitSM](srv).
func Bodies[T pdu.Body](s *Server) []T {
	var out []T
	for _, r := range s.Received() {
		if b, ok := r.Body.(T); ok {
			out = append(out, b)
		}
	}
	return out
}

// Deliver sends a message to every session that is bound as a receiver or a
// transceiver, and waits for the answers. The error joins those of the
// sessions; that there is none is an error too.
func (s *Server) Deliver(ctx context.Context, m *pdu.DeliverSM) error {
	var errs []error
	sent := 0
	for _, sess := range s.Sessions() {
		if st := sess.State(); st != smpp.StateBoundRX && st != smpp.StateBoundTRX {
			continue
		}
		sent++
		if _, err := sess.Deliver(ctx, m); err != nil {
			errs = append(errs, err)
		}
	}
	if sent == 0 {
		return errors.New("smpptest: no session is bound to receive")
	}
	return errors.Join(errs...)
}

// Close stops listening, ends every session, and returns when all are gone.
func (s *Server) Close() {
	_ = s.Server.Close()
	if s.served == nil {
		_ = s.Listener.Close()
		return
	}
	<-s.served
}

// certificate makes a certificate for the loopback addresses, signed by itself.
func certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(now.UnixNano()),
		Subject:               pkix.Name{Organization: []string{"smpptest"}},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		DNSNames:              []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
