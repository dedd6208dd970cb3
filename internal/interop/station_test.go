package interop_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/internal/interop"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// A command and TLVs that no standard knows, as both sides are taught them.
type (
	vendorPing struct {
		Text  string
		Count uint16
		TLVs  tlv.List
	}
	vendorPingResp struct {
		Text string
		TLVs tlv.List
	}
)

func (*vendorPing) Command() pdu.CommandID { return 0x00010200 }

func (p *vendorPing) Fields(c *pdu.Codec) {
	c.CString("text", &p.Text, 33, pdu.StatusUnknownError)
	c.Uint16("count", &p.Count, pdu.StatusUnknownError)
	c.TLVs(&p.TLVs)
}

func (*vendorPing) NewResponse() *vendorPingResp { return new(vendorPingResp) }

func (*vendorPingResp) Command() pdu.CommandID { return 0x80010200 }

func (p *vendorPingResp) Fields(c *pdu.Codec) {
	c.CString("text", &p.Text, 33, pdu.StatusUnknownError)
	c.TLVs(&p.TLVs)
}

var (
	campaignID = tlv.Define(0x1400, "campaign_id", tlv.CString(33))
	label      = tlv.DefineRepeated(0x1401, "label", tlv.CString(17))
	weight     = tlv.Define(0x1402, "weight", tlv.Uint32())
)

func vendorRegistry() *pdu.Registry {
	r := pdu.Standard().Clone()
	pdu.Register[vendorPing, vendorPingResp](r, "vendor_ping")
	r.DefineTLV(campaignID.Definition())
	r.DefineTLV(label.Definition())
	r.DefineTLV(weight.Definition())
	return r
}

// vendor teaches node-smpp the same.
func vendor(o interop.Options) interop.Options {
	o.Commands = map[string]interop.Command{
		"vendor_ping":      {ID: 0x00010200, Params: [][2]string{{"text", "cstring"}, {"count", "int16"}}},
		"vendor_ping_resp": {ID: 0x80010200, Params: [][2]string{{"text", "cstring"}}},
	}
	o.TLVs = map[string]interop.TLV{
		"campaign_id": {ID: 0x1400, Type: "cstring"},
		"label":       {ID: 0x1401, Type: "cstring", Multiple: true},
		"weight":      {ID: 0x1402, Type: "int32"},
	}
	return o
}

// A station is our side as a handler: it notes what it is asked and answers what it was told to.
type station struct {
	got chan *smpp.Incoming

	mu      sync.Mutex
	answers map[pdu.CommandID]answer
}

type answer struct {
	status pdu.Status
	body   pdu.Body
}

func newStation() *station {
	return &station{got: make(chan *smpp.Incoming, 100), answers: make(map[pdu.CommandID]answer)}
}

func (s *station) answer(id pdu.CommandID, status pdu.Status, body pdu.Body) {
	s.mu.Lock()
	s.answers[id] = answer{status, body}
	s.mu.Unlock()
}

func (s *station) ServeSMPP(w smpp.ResponseWriter, in *smpp.Incoming) {
	s.mu.Lock()
	a := s.answers[in.Header.Command]
	s.mu.Unlock()
	s.got <- in
	_ = w.Respond(a.status, a.body) // a PDU without response has none
}

// next returns the next request, which must be of the command.
func (s *station) next(t *testing.T, id pdu.CommandID) *smpp.Incoming {
	t.Helper()
	in := within(t, id.String(), s.got)
	if in.Header.Command != id {
		t.Fatalf("got %v, want %v", in.Header.Command, id)
	}
	return in
}

// within waits for a value, but not for ever.
func within[T any](t *testing.T, what string, ch <-chan T) (v T) {
	t.Helper()
	timer := time.NewTimer(interop.Timeout)
	defer timer.Stop()
	select {
	case v = <-ch:
	case <-timer.C:
		t.Fatalf("%s: nothing within %v", what, interop.Timeout)
	}
	return v
}

// same compares two bodies by what they say. The order of different TLVs does not count: node-smpp's side of these tests writes
// them in the order of their names.
func same(t *testing.T, what string, got, want pdu.Body) {
	t.Helper()
	if g, w := octets(t, what, got), octets(t, what, want); g != w {
		t.Errorf("%s: got\n%+v, want\n%+v\n%s\n%s", what, got, want, g, w)
	}
}

func octets(t *testing.T, what string, b pdu.Body) string {
	t.Helper()
	if b == nil || reflect.ValueOf(b).IsNil() {
		return "none"
	}
	v := reflect.New(reflect.TypeOf(b).Elem())
	v.Elem().Set(reflect.ValueOf(b).Elem())
	if l, ok := v.Elem().FieldByName("TLVs").Addr().Interface().(*tlv.List); ok {
		*l = l.Clone()
		slices.SortStableFunc(*l, func(a, b tlv.Option) int { return int(a.Tag) - int(b.Tag) })
	}
	frame, err := pdu.Append(nil, pdu.Header{Sequence: 1}, v.Interface().(pdu.Body))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return fmt.Sprintf("%x", frame)
}

var silent = slog.New(slog.DiscardHandler)

// serve starts a server of ours, with TLS if the options of node-smpp's server have it, and returns its port.
func serve(t *testing.T, srv *smpp.Server, o interop.Options, wrap func(net.Conn) net.Conn) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port = l.Addr().(*net.TCPAddr).Port
	if wrap != nil {
		l = &wrapping{l, wrap}
	}
	srv.Logger = silent
	ended := make(chan error, 1)
	if o.TLS == nil {
		go func() { ended <- srv.Serve(l) }()
	} else {
		cert, err := tls.X509KeyPair([]byte(o.TLS.Cert), []byte(o.TLS.Key))
		if err != nil {
			t.Fatal(err)
		}
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
		go func() { ended <- srv.ServeTLS(l, "", "") }()
	}
	t.Cleanup(func() {
		_ = srv.Close()
		if err := <-ended; !errors.Is(err, smpp.ErrServerClosed) {
			t.Error(err)
		}
	})
	return port
}

type wrapping struct {
	net.Listener
	wrap func(net.Conn) net.Conn
}

func (l *wrapping) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.wrap(conn), nil
}

// chopped writes one octet at a time.
type chopped struct{ net.Conn }

func (c chopped) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		_, err = c.Conn.Write(b[n : n+1])
		n++
	}
	return n, err
}

// dial binds a client of ours to node-smpp's server, with TLS if its options have it.
func dial(t *testing.T, p *interop.Proc, o interop.Options, c *smpp.Config) *smpp.Session {
	t.Helper()
	c.Logger = silent
	scheme := "smpp"
	if o.TLS != nil {
		scheme = "ssmpp"
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(o.TLS.Cert))
		c.TLSConfig = &tls.Config{RootCAs: roots, ServerName: "localhost"}
	}
	ctx, cancel := context.WithTimeout(t.Context(), interop.Timeout)
	defer cancel()
	s, err := smpp.Dial(ctx, fmt.Sprintf("%s://acme:secret@127.0.0.1:%d", scheme, p.Port), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// ours is a client of ours that is bound to a server of node-smpp, with the version of v5.0.
func ours(t *testing.T, serverOptions interop.Options, c *smpp.Config) (*interop.Proc, *smpp.Session) {
	t.Helper()
	serverOptions.InterfaceVersion = 0x50
	p := interop.StartServer(t, serverOptions)
	c.Version = pdu.V50
	s := dial(t, p, serverOptions, c)
	check(t, "bind", p.Expect(interop.PDU("bind_"+c.Bind.String()), interop.Timeout), m{"fields": m{"system_id": "acme", "password": "secret", "interface_version": 0x50}})
	return p, s
}

// theirs is a client of node-smpp that is bound to a server of ours.
func theirs(t *testing.T, srv *smpp.Server, serverOptions, clientOptions interop.Options, wrap func(net.Conn) net.Conn) (*interop.Proc, *smpp.Session) {
	t.Helper()
	bound := make(chan *smpp.Session, 1)
	srv.SystemID = "ours"
	srv.Bound = func(s *smpp.Session) { bound <- s }
	clientOptions.Port = serve(t, srv, serverOptions, wrap)
	p := interop.StartClient(t, clientOptions)
	check(t, "bind", p.SendPDU("bind_transceiver", m{"system_id": "acme", "password": "secret"}), m{"command": "bind_transceiver_resp", "command_status": 0,
		"fields": m{"system_id": "ours"}, "tlvs": m{"sc_interface_version": 0x50}})
	return p, within(t, "bind", bound)
}
