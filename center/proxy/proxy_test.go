package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center/proxy"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

func trusted(t *testing.T, s string) []netip.Prefix {
	t.Helper()
	p, err := proxy.ParseTrusted(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A front is a server behind a listener of ours that tells who is bound.
type front struct {
	*smpptest.Server
	bound chan *smpp.Session
	log   *buffer
}

type buffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func serve(t *testing.T, cfg proxy.Config, tls bool) *front {
	t.Helper()
	f := &front{Server: smpptest.NewUnstartedServer(nil), bound: make(chan *smpp.Session, 100), log: new(buffer)}
	cfg.Logger = slog.New(slog.NewTextHandler(f.log, nil))
	f.Listener = proxy.NewListener(f.Listener, cfg)
	f.Bound = func(s *smpp.Session) { f.bound <- s }
	if tls {
		f.StartTLS()
	} else {
		f.Start()
	}
	t.Cleanup(f.Close)
	return f
}

// A sender begins its connections with some octets.
type sender struct{ head []byte }

func (s sender) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		_, err = c.Write(s.head)
	}
	return c, err
}

func (f *front) dial(t *testing.T, head []byte) (*smpp.Session, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c := f.ClientConfig()
	c.Dialer = sender{head}
	return smpp.Dial(ctx, f.URL, c)
}

func header(t *testing.T, version byte, source, dest string) []byte {
	t.Helper()
	h := proxyproto.HeaderProxyFromAddrs(version, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(source)), net.TCPAddrFromAddrPort(netip.MustParseAddrPort(dest)))
	b, err := h.Format()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const loopback = "127.0.0.0/8,::1"

// A trusted proxy is believed, in both versions and over TLS.
func TestTrusted(t *testing.T) {
	local, err := (&proxyproto.Header{Version: 2, Command: proxyproto.LOCAL, TransportProtocol: proxyproto.UNSPEC}).Format()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		head     []byte
		from, to string // empty: those of the proxy
	}{
		{"v1", []byte("PROXY TCP4 192.0.2.33 198.51.100.4 4711 2775\r\n"), "192.0.2.33:4711", "198.51.100.4:2775"},
		{"v1 over IPv6", []byte("PROXY TCP6 2001:db8::1 2001:db8::2 4711 2775\r\n"), "[2001:db8::1]:4711", "[2001:db8::2]:2775"},
		{"v1 unknown", []byte("PROXY UNKNOWN\r\n"), "", ""},
		{"v2", header(t, 2, "192.0.2.33:4711", "198.51.100.4:2775"), "192.0.2.33:4711", "198.51.100.4:2775"},
		{"v2 over IPv6", header(t, 2, "[2001:db8::1]:4711", "[2001:db8::2]:2775"), "[2001:db8::1]:4711", "[2001:db8::2]:2775"},
		{"v2 local", local, "", ""},
	} {
		for _, tls := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/TLS=%t", c.name, tls), func(t *testing.T) {
				f := serve(t, proxy.Config{Trusted: trusted(t, loopback)}, tls)
				s, err := f.dial(t, c.head)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				from, to := c.from, c.to
				if from == "" {
					from, to = s.LocalAddr().String(), s.RemoteAddr().String()
				}
				there := <-f.bound
				if there.RemoteAddr().String() != from || there.LocalAddr().String() != to {
					t.Errorf("from %v to %v; want %s to %s", there.RemoteAddr(), there.LocalAddr(), from, to)
				}
				if err := s.EnquireLink(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// Whoever is not trusted may claim what he will (B33 of docs/node-smpp.md).
func TestSpoofing(t *testing.T) {
	for version, head := range map[string][]byte{
		"v1": []byte("PROXY TCP4 192.0.2.33 198.51.100.4 4711 2775\r\n"),
		"v2": header(t, 2, "192.0.2.33:4711", "198.51.100.4:2775"),
	} {
		for _, only := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/OnlyTrusted=%t", version, only), func(t *testing.T) {
				f := serve(t, proxy.Config{Trusted: trusted(t, "192.0.2.0/24"), OnlyTrusted: only}, false)
				if s, err := f.dial(t, head); err == nil {
					t.Errorf("bound from %v", s.RemoteAddr())
				}
				s, err := f.dial(t, nil)
				if only {
					if err == nil {
						t.Error("bound, though it is no trusted proxy")
					}
					if log := f.log.String(); !strings.Contains(log, "not from a trusted proxy") || !strings.Contains(log, "127.0.0.1") {
						t.Errorf("log %q", log)
					}
					return
				}
				if err != nil {
					t.Fatalf("a client without a proxy: %v", err)
				}
				defer s.Close()
				if there := <-f.bound; there.RemoteAddr().String() != s.LocalAddr().String() {
					t.Errorf("from %v; want %v", there.RemoteAddr(), s.LocalAddr())
				}
			})
		}
	}
}

// What a trusted proxy sends that is no header ends its connection, and that
// alone (B33, B34 of docs/node-smpp.md).
func TestBadHeaders(t *testing.T) {
	udp, err := proxyproto.HeaderProxyFromAddrs(2, &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, &net.UDPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 2}).Format()
	if err != nil {
		t.Fatal(err)
	}
	good := header(t, 2, "192.0.2.33:4711", "198.51.100.4:2775")
	for name, head := range map[string][]byte{
		"none":              nil,
		"not an address":    []byte("PROXY TCP4 not-an-ip x y z\r\n"),
		"too long":          []byte("PROXY TCP4 " + strings.Repeat("1", 200) + "\r\n"),
		"no line":           []byte("PROXY TCP4 192.0.2.33 198.51.100.4 4711 2775 " + strings.Repeat(" ", 200)),
		"bad port":          []byte("PROXY TCP4 192.0.2.33 198.51.100.4 4711 99999\r\n"),
		"other family":      []byte("PROXY TCP4 2001:db8::1 2001:db8::2 4711 2775\r\n"),
		"HTTP":              []byte("GET / HTTP/1.1\r\n\r\n"),
		"v2 of UDP":         udp,
		"v2, no version":    append(append([]byte{}, good[:12]...), 0x01, 0x11, 0, 12),
		"v2, short address": append(append([]byte{}, good[:14]...), 0, 2, 1, 2),
	} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, proxy.Config{Trusted: trusted(t, loopback), HeaderTimeout: 300 * time.Millisecond}, false)
			if s, err := f.dial(t, head); err == nil {
				t.Errorf("bound from %v", (<-f.bound).RemoteAddr())
				_ = s.Close()
			}
			s, err := f.dial(t, good)
			if err != nil {
				t.Fatalf("the next one: %v", err)
			}
			_ = s.Close()
			if log := f.log.String(); !strings.Contains(log, "connection refused") {
				t.Errorf("log %q", log)
			}
		})
	}
}

// A header that comes slowly or not at all is waited for so long and no longer,
// and holds up nobody.
func TestSlowHeader(t *testing.T) {
	const timeout = 1500 * time.Millisecond
	f := serve(t, proxy.Config{Trusted: trusted(t, loopback), HeaderTimeout: timeout, MaxPending: 3}, false)
	address := f.Listener.Addr().String()
	begin := time.Now()
	var slow []net.Conn
	for range 2 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		slow = append(slow, c)
	}
	go func() { // an octet now and then does not move the deadline
		for _, b := range []byte("PROXY TCP4 192.0.2.33 198.51") {
			if _, err := slow[0].Write([]byte{b}); err != nil {
				return
			}
			<-time.After(100 * time.Millisecond)
		}
	}()
	good := header(t, 2, "192.0.2.33:4711", "198.51.100.4:2775")
	s, err := f.dial(t, good)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if took := time.Since(begin); took >= timeout {
		t.Errorf("a bind took %v beside slow ones", took)
	}
	for _, c := range slow {
		_ = c.SetReadDeadline(begin.Add(10 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("slow connection: %v", err)
		}
	}
	if took := time.Since(begin); took < timeout || took > 9*time.Second {
		t.Errorf("closed after %v; want %v", took, timeout)
	}
	// In pieces, but in time.
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	bind, err := pdu.Append(nil, pdu.Header{Sequence: 1}, &pdu.BindTransceiver{Bind: pdu.Bind{SystemID: "acme", InterfaceVersion: pdu.V34}})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range append(good, bind...) {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.ReadFull(c, make([]byte, 16)); err != nil {
		t.Errorf("no answer to a bind in pieces: %v", err)
	}
}

func TestMaxPending(t *testing.T) {
	f := serve(t, proxy.Config{Trusted: trusted(t, loopback), HeaderTimeout: time.Hour, MaxPending: 2}, false)
	var conns []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", f.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
	}
	if _, err := conns[2].Read(make([]byte, 1)); err == nil {
		t.Error("the third of two that may wait was served")
	}
	if _, err := conns[0].Write(header(t, 2, "192.0.2.33:4711", "198.51.100.4:2775")); err != nil {
		t.Fatal(err)
	}
	f.Close() // ends those that wait, too
	for i, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("connection %d is still open", i)
		}
	}
}

func TestClose(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := proxy.NewListener(inner, proxy.Config{})
	accepted := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		accepted <- err
	}()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
}

func TestParseTrusted(t *testing.T) {
	for s, want := range map[string]string{
		"10.0.0.0/8":                   "[10.0.0.0/8]",
		"10.1.2.3/8":                   "[10.0.0.0/8]",
		"192.0.2.1, 2001:db8::/32,::1": "[192.0.2.1/32 2001:db8::/32 ::1/128]",
		"":                             "",
		"10.0.0.0/8,":                  "",
		"10.0.0.0/33":                  "",
		"proxy.example":                "",
		"fe80::1%eth0":                 "",
		"::ffff:10.0.0.0/104":          "",
	} {
		got, err := proxy.ParseTrusted(s)
		if want == "" && err == nil || want != "" && fmt.Sprint(got) != want {
			t.Errorf("%q: %v, %v; want %s", s, got, err, want)
		}
	}
}

// Whatever a trusted proxy sends, it is refused or served, and nothing breaks.
func FuzzHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.33 198.51.100.4 4711 2775\r\n"))
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x21\xc6\x33\x64\x04\x12\x67\x0a\xd7"))
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, head []byte) {
		client, server := net.Pipe()
		l := proxy.NewListener(&once{conn: tcp{server}, done: make(chan struct{})}, proxy.Config{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Logger: slog.New(slog.DiscardHandler)})
		go func() {
			_, _ = client.Write(head)
			_ = client.Close()
		}()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			c, err := l.Accept()
			if err != nil {
				return
			}
			if a, ok := c.RemoteAddr().(*net.TCPAddr); !ok || len(a.IP) == 0 {
				t.Errorf("% x: from %v", head, c.RemoteAddr())
			}
			_ = c.Close()
		}()
		_, _ = client.Read(make([]byte, 1)) // until it is closed
		_ = l.Close()
		<-ended
	})
}

// A once is a listener with one connection.
type once struct {
	conn net.Conn
	done chan struct{}
	stop sync.Once
}

func (o *once) Accept() (net.Conn, error) {
	if c := o.conn; c != nil {
		o.conn = nil
		return c, nil
	}
	<-o.done
	return nil, net.ErrClosed
}

func (o *once) Close() error   { o.stop.Do(func() { close(o.done) }); return nil }
func (o *once) Addr() net.Addr { return &net.TCPAddr{} }

type tcp struct{ net.Conn }

func (tcp) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func ExampleNewListener() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	networks, err := proxy.ParseTrusted("127.0.0.1") // where the proxy is
	if err != nil {
		fmt.Println(err)
		return
	}
	bound := make(chan *smpp.Session, 1)
	srv := &smpp.Server{
		Authenticate: func(ctx context.Context, b *pdu.Bind) (*smpp.Account, error) { return &smpp.Account{}, nil },
		Bound:        func(s *smpp.Session) { bound <- s },
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(proxy.NewListener(l, proxy.Config{Trusted: networks})) }()

	// What the proxy does for a client.
	s, err := smpp.Dial(context.Background(), "smpp://acme:secret@"+l.Addr().String(), &smpp.Config{
		Dialer: sender{[]byte("PROXY TCP4 192.0.2.33 198.51.100.4 4711 2775\r\n")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("bound from", (<-bound).RemoteAddr())
	_ = s.Close()
	_ = srv.Shutdown(context.Background())
	fmt.Println(errors.Is(<-served, smpp.ErrServerClosed))
	// Output:
	// bound from 192.0.2.33:4711
	// true
}
