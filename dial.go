package smpp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/godwit-sms/smpp/pdu"
)

// Dial connects to a message center and binds. address is a URL:
// smpp://host:port for plain TCP (port 2775 when left out) or ssmpp://host:port
// for TLS (port 3550). User name and password in the URL stand for
// Config.SystemID and Config.Password, which win. A nil config is the zero one.
//
// ctx bounds connecting and binding; it does not bound the session. A refused
// bind is a *ResponseError inside the error.
func Dial(ctx context.Context, address string, config *Config) (*Session, error) {
	var c Config
	if config != nil {
		c = *config
	}
	host, secure, err := c.target(address)
	if err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	conn, err := c.connect(ctx, host, secure)
	if err != nil {
		return nil, err
	}
	return bind(ctx, conn, &c, nil)
}

// connect makes the connection of a session.
func (c *Config) connect(ctx context.Context, host string, secure bool) (net.Conn, error) {
	d := c.Dialer
	if d == nil {
		d = &net.Dialer{LocalAddr: c.LocalAddr}
	}
	conn, err := d.DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, fmt.Errorf("smpp: %w", err)
	}
	if secure {
		t := c.TLSConfig.Clone()
		if t == nil {
			t = new(tls.Config)
		}
		if t.ServerName == "" {
			t.ServerName, _, _ = net.SplitHostPort(host)
		}
		secured := tls.Client(conn, t)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("smpp: TLS with %s: %w", host, err)
		}
		conn = secured
	}
	return conn, nil
}

// Bind binds over a connection that exists, such as one through a proxy or a
// net.Pipe. The session owns conn, which is closed if the bind fails.
func Bind(ctx context.Context, conn net.Conn, config *Config) (*Session, error) {
	var c Config
	if config != nil {
		c = *config
	}
	if err := c.check(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return bind(ctx, conn, &c, nil)
}

// target reads an address and takes over the credentials in it.
func (c *Config) target(address string) (host string, secure bool, err error) {
	u, err := url.Parse(address)
	if err != nil {
		// The error of package url would show the password.
		return "", false, errors.New("smpp: the address is no URL; smpp://user:password@host:port is the form, with %-escapes in user and password")
	}
	// Nothing that stands in an address of a form other than expected is shown:
	// it may hold the password.
	port := DefaultPort
	switch u.Scheme {
	case "smpp":
	case "ssmpp":
		port, secure = DefaultTLSPort, true
	default:
		return "", false, errors.New("smpp: the address must begin with smpp:// or ssmpp://")
	}
	if u.Hostname() == "" {
		return "", false, fmt.Errorf("smpp: the address has no host; %s://user:password@host:port is the form", u.Scheme)
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", false, fmt.Errorf("smpp: address %s://%s: nothing may follow the host and port", u.Scheme, u.Host)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	if c.SystemID == "" {
		c.SystemID = u.User.Username()
	}
	if c.Password == "" {
		c.Password, _ = u.User.Password()
	}
	return net.JoinHostPort(u.Hostname(), port), secure, nil
}

// check finds what the bind could not be encoded with, without telling the
// password.
func (c *Config) check() error {
	if n := len(c.Password); n > 8 {
		return fmt.Errorf("smpp: password: %d octets, at most 8 fit in a bind", n)
	}
	if strings.IndexByte(c.Password, 0) >= 0 {
		return errors.New("smpp: password: a C-octet string has no NUL inside")
	}
	if c.Bind == Transceiver && c.Version != 0 && c.Version.Known() < pdu.V34 {
		return errors.New("smpp: bind transceiver: v3.3 has transmitter and receiver only")
	}
	return nil
}

func bind(ctx context.Context, conn net.Conn, c *Config, freed func(slots int)) (*Session, error) {
	s := newSession(conn, ESME, c.options(), c.Handler)
	s.freed = freed
	s.free.Store(int32(s.win.allowed))
	s.start()
	if err := s.bind(ctx, c); err != nil {
		s.end(ErrClosed)
		<-s.done
		return nil, fmt.Errorf("smpp: bind to %v as %q: %w", conn.RemoteAddr(), c.SystemID, err)
	}
	return s, nil
}

func (s *Session) bind(ctx context.Context, c *Config) error {
	version := orElse(c.Version, pdu.V34)
	req := c.Bind.request(pdu.Bind{
		SystemID: c.SystemID, Password: c.Password, SystemType: c.SystemType,
		InterfaceVersion: version, AddressRange: c.AddressRange, TLVs: c.BindTLVs,
	})
	return s.bindRoundTrip(ctx, req, version)
}

// bindRoundTrip sends a bind. What the response settles is in force before the
// next PDU is read.
func (s *Session) bindRoundTrip(ctx context.Context, req pdu.BindRequest, version pdu.Version) error {
	c := &bindCall{call: call{done: make(chan bool, 1)}, s: s, req: req, version: version}
	seq, err := s.submit(ctx, req, c, true)
	if err != nil {
		return err
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
	}
	select {
	case <-c.done: // what is known counts, and a handler may have ended ctx since
		return c.err
	default:
		return &RequestError{Command: req.Command(), Sequence: seq, Sent: true, Err: context.Cause(ctx)}
	}
}

var errNoVersion = errors.New("the bind response has no sc_interface_version")

type bindCall struct {
	call
	s       *Session
	req     pdu.BindRequest
	version pdu.Version
}

func (c *bindCall) complete(h pdu.Header, body pdu.Body, err error) {
	if err == nil {
		var resp pdu.BindResp
		if b, ok := body.(pdu.BindResponse); ok {
			resp = *b.BindRespFields()
		}
		s := c.s
		mc, _ := pdu.TLVSCInterfaceVersion.Get(resp.TLVs)
		told := resp.TLVs.Has(pdu.TLVSCInterfaceVersion.Tag())
		version, withoutTLVs := negotiate(c.version, mc), false
		switch {
		case s.opt.forced != 0:
			version = s.opt.forced.Known()
		case told && mc == 0:
			version = pdu.V33
		case !told && version >= pdu.V34:
			// v3.4 takes such a message center for one without TLVs; many have them.
			withoutTLVs = s.opt.strictness == pdu.Strict
			if s.opt.strictness == pdu.ReportOnly {
				s.report(h, errNoVersion)
			}
		}
		s.mu.Lock()
		s.settle(version, withoutTLVs)
		s.hearsLoad = s.obeys && version >= pdu.V50
		s.bindResp, s.peerID = &resp, resp.SystemID
		s.bindReq, s.bindID = c.req.BindFields(), c.req.Command()
		if s.err == nil {
			s.setState(boundState(c.req.Command()))
		}
		s.mu.Unlock()
		if s.opt.trace.Bound != nil {
			s.opt.trace.Bound(s)
		}
	}
	c.call.complete(h, body, err)
}
