// Package proxy listens behind a proxy that tells, in a header of the PROXY
// protocol, version 1 or 2, whom a connection is from. Only proxies that are
// trusted are believed: from others, such a header is nothing but octets, and
// ends an SMPP session.
package proxy

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pires/go-proxyproto"
)

// Defaults of Config.
const (
	DefaultHeaderTimeout = 5 * time.Second
	DefaultMaxPending    = 1000
)

// Config says whom to believe. The zero value believes nobody, and lets
// everybody in.
type Config struct {
	// Trusted are the addresses of the proxies. They have to begin each
	// connection with a header; it is closed otherwise.
	Trusted []netip.Prefix
	// OnlyTrusted closes connections from other addresses. They are served as
	// they are otherwise, as those of clients that use no proxy.
	OnlyTrusted bool

	HeaderTimeout time.Duration // for the whole header to come; zero: 5 s
	MaxPending    int           // connections that wait for it at once, more are closed; zero: 1000
	Logger        *slog.Logger  // told of what is refused; nil: slog.Default()
}

// ParseTrusted reads addresses and networks with commas between them, such as
// 192.0.2.1,10.0.0.0/8,2001:db8::/32.
func ParseTrusted(s string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		p, err := netip.ParsePrefix(part)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(part); err == nil && a.Zone() == "" {
				p, err = a.Prefix(a.BitLen())
			}
		}
		if err != nil || !p.IsValid() {
			return nil, fmt.Errorf("%q: an address or a network such as 10.0.0.0/8 is required", part)
		}
		if p.Addr().Is4In6() {
			return nil, fmt.Errorf("%q: write an IPv4 network as one", part)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// A Listener accepts connections whose RemoteAddr and LocalAddr are what a
// trusted proxy says. Accept returns them once their header has come, so that a
// slow one holds up nobody else.
type Listener struct {
	inner   net.Listener
	cfg     Config // but for the first two
	trust   atomic.Pointer[trust]
	ready   chan accepted
	pending chan struct{}
	done    chan struct{}
	once    sync.Once
}

// A trust is whom to believe.
type trust struct {
	proxies []netip.Prefix
	only    bool
}

// Trust puts others in the place of Config.Trusted and Config.OnlyTrusted, for
// connections that come from then on. It may be called concurrently.
func (l *Listener) Trust(proxies []netip.Prefix, only bool) {
	l.trust.Store(&trust{slices.Clone(proxies), only})
}

type accepted struct {
	conn net.Conn
	err  error
}

// NewListener returns a listener behind inner, which it owns.
func NewListener(inner net.Listener, cfg Config) *Listener {
	if cfg.HeaderTimeout <= 0 {
		cfg.HeaderTimeout = DefaultHeaderTimeout
	}
	if cfg.MaxPending <= 0 {
		cfg.MaxPending = DefaultMaxPending
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	l := &Listener{inner: inner, cfg: cfg, ready: make(chan accepted), pending: make(chan struct{}, cfg.MaxPending), done: make(chan struct{})}
	l.Trust(cfg.Trusted, cfg.OnlyTrusted)
	go l.run()
	return l
}

// Accept returns the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, net.ErrClosed
	default:
	}
	select {
	case a := <-l.ready:
		return a.conn, a.err
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close closes the listener and the connections that Accept has not returned.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.inner.Close()
}

// Addr returns the address that is listened on.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

func (l *Listener) run() {
	for {
		conn, err := l.inner.Accept()
		if err != nil {
			// Once it is taken, whoever took it has paused as the error asks for.
			if !l.hand(nil, err) {
				return
			}
			if temporary, ok := err.(interface{ Temporary() bool }); ok && temporary.Temporary() {
				continue
			}
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		switch now := l.trust.Load(); {
		case now.has(conn.RemoteAddr()):
			select {
			case l.pending <- struct{}{}:
				go l.header(conn)
			default:
				l.refuse(conn, fmt.Errorf("%d connections wait for a PROXY header already", l.cfg.MaxPending))
			}
		case now.only:
			l.refuse(conn, errors.New("not from a trusted proxy"))
		default:
			l.hand(conn, nil)
		}
	}
}

// hand has Accept return something.
func (l *Listener) hand(conn net.Conn, err error) bool {
	select {
	case l.ready <- accepted{conn, err}:
		return true
	case <-l.done:
		if conn != nil {
			_ = conn.Close()
		}
		return false
	}
}

func (l *Listener) refuse(conn net.Conn, why error) {
	l.cfg.Logger.Warn("connection refused", "remote", conn.RemoteAddr().String(), "error", why)
	_ = conn.Close()
}

func (n *trust) has(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return false
	}
	ip := t.AddrPort().Addr().Unmap().WithZone("")
	for _, p := range n.proxies {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// header waits for the header of a trusted proxy.
func (l *Listener) header(conn net.Conn) {
	free := sync.OnceFunc(func() { <-l.pending })
	defer free()
	read := make(chan struct{})
	go func() { // a header that never comes does not outlive the listener
		select {
		case <-l.done:
			_ = conn.Close()
		case <-read:
		}
	}()
	c := proxyproto.NewConn(conn, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.ValidateHeader(validate),
		proxyproto.SetReadHeaderTimeout(l.cfg.HeaderTimeout))
	_, err := c.Read(nil)
	close(read)
	if err != nil {
		if errors.Is(err, proxyproto.ErrNoProxyProtocol) {
			err = fmt.Errorf("no PROXY header within %v from a trusted proxy", l.cfg.HeaderTimeout)
		}
		l.refuse(conn, err)
		return
	}
	free()
	l.hand(c, nil)
}

// validate refuses addresses that are none of TCP. LOCAL and UNKNOWN are the
// proxy's own connections.
func validate(h *proxyproto.Header) error {
	if h.Command.IsLocal() || h.TransportProtocol.IsUnspec() {
		return nil
	}
	if source, ok := h.SourceAddr.(*net.TCPAddr); !ok || len(source.IP) == 0 {
		return fmt.Errorf("PROXY header with a source of %T; one of TCP is required", h.SourceAddr)
	}
	return nil
}
