package smpp_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// submitOf makes a submit_sm of exactly n octets.
func submitOf(t *testing.T, n int) []byte {
	t.Helper()
	frame, err := pdu.Append(nil, pdu.Header{Sequence: 1}, message)
	if err != nil {
		t.Fatal(err)
	}
	for n-len(frame) > 0 { // TLVs that nobody knows
		size := min(n-len(frame)-4, 65535)
		if rest := n - len(frame) - 4 - size; rest > 0 && rest < 4 {
			size -= 4
		}
		frame = binary.BigEndian.AppendUint16(frame, 0x3FFF)
		frame = binary.BigEndian.AppendUint16(frame, uint16(size))
		frame = append(frame, make([]byte, size)...)
	}
	binary.BigEndian.PutUint32(frame, uint32(len(frame)))
	return frame
}

func TestMaxPDU(t *testing.T) {
	for _, test := range []struct {
		name  string
		limit int // of the server
		size  int
		ok    bool
	}{
		{"default", 0, 128 << 10, true},
		{"beyond the default", 0, 128<<10 + 1, false},
		{"set", 1000, 1000, true},
		{"beyond what is set", 1000, 1001, false},
		{"large", 1 << 20, 1 << 20, true},
		{"negative is the default", -1, 128 << 10, true},
	} {
		bubble(t, test.name, func(t *testing.T) {
			r, s := rawClient(t, &smpp.Server{Handler: acceptAll, MaxPDU: test.limit})
			frame := submitOf(t, test.size)
			if len(frame) != test.size {
				t.Fatalf("%d octets", len(frame))
			}
			r.bound()
			go func() { _, _ = r.Write(frame) }()
			if test.ok {
				r.want(pdu.Header{Command: pdu.IDSubmitSM.Response(), Sequence: 1})
				r.alive()
				return
			}
			r.want(pdu.Header{Command: pdu.IDGenericNack, Status: pdu.StatusInvalidCommandLength, Sequence: 1})
			r.wantEnd()
			_ = r.Close()
			<-s.Done()
		})
	}
	bubble(t, "client", func(t *testing.T) {
		_, p := script(t, &smpp.Config{MaxPDU: 100}, smpptest.SendRaw(submitOf(t, 101)), smpptest.Expect(pdu.IDGenericNack), smpptest.ExpectClose())
		p.Wait()
	})
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// idle binds n raw clients to a server over loopback.
func idle(t *testing.T, srv *smpptest.Server, n int) []*raw {
	t.Helper()
	conns := make([]*raw, n)
	for i := range conns {
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		conns[i] = &raw{c, t}
		conns[i].bound()
	}
	return conns
}

// What a session that is bound and idle holds of the heap.
func TestIdleSessions(t *testing.T) {
	if testing.Short() {
		t.Skip("many connections")
	}
	const n, most = 500, 10 << 10
	srv := newPlainServer()
	defer srv.Close()
	idle(t, srv, 10)
	before := heap()
	conns := idle(t, srv, n)
	per := (int64(heap()) - int64(before)) / n
	t.Logf("%d octets per session", per)
	if per > most {
		t.Errorf("%d octets per session, more than %d", per, most)
	}
	for _, c := range conns {
		c.alive()
	}
}

// newPlainServer is one that keeps no log of what it receives.
func newPlainServer() *smpptest.Server {
	srv := smpptest.NewUnstartedServer(acceptAll)
	srv.Window = 1000
	go func() { _ = srv.Serve(srv.Listener) }()
	return srv
}

// Memory is taken as octets come, not as a length announces them.
func TestAnnouncedLength(t *testing.T) {
	if testing.Short() {
		t.Skip("many connections")
	}
	const n, most = 500, 4 << 10
	srv := newPlainServer()
	defer srv.Close()
	conns := idle(t, srv, n)
	before := heap()
	start, err := pdu.Append(nil, pdu.Header{Sequence: 2}, &pdu.EnquireLink{})
	if err != nil {
		t.Fatal(err)
	}
	start = append(start, submitOf(t, 100<<10)[:100]...)
	for _, c := range conns {
		c.write(start)
	}
	for _, c := range conns { // what came with the enquire_link has been read
		c.want(pdu.Header{Command: pdu.IDEnquireLinkResp, Sequence: 2})
	}
	per := (int64(heap()) - int64(before)) / n
	t.Logf("%d octets per session", per)
	if per > most {
		t.Errorf("%d octets per session, more than %d", per, most)
	}
}

// Whatever else comes to the port gets one generic_nack and is hung up on, and
// nobody notices.
func TestScanners(t *testing.T) {
	srv := newPlainServer()
	defer srv.Close()
	good := idle(t, srv, 3)
	hello := append([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), bytes.Repeat([]byte{0xA5}, 506)...)
	for _, test := range []struct {
		name   string
		octets []byte
	}{
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: smsc.example\r\nUser-Agent: scanner\r\n\r\n")},
		{"TLS", hello},
		{"zeros", make([]byte, 64)},
		{"four zeros", make([]byte, 4)},
		{"ones", bytes.Repeat([]byte{0xFF}, 4096)},
		{"text", []byte("help\nhelp\nhelp\nhelp\nhelp\n")},
		{"a million zeros", make([]byte, 1<<20)},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			written := make(chan struct{})
			go func() {
				defer close(written)
				_, _ = c.Write(test.octets)
			}()
			r := &raw{c, t}
			h, _, frame := r.next()
			if frame == nil || h.Command != pdu.IDGenericNack || h.Status != pdu.StatusInvalidCommandLength {
				t.Errorf("answered with %v", h)
			}
			if len(test.octets) >= 16 {
				want := binary.BigEndian.Uint32(test.octets[12:])
				if binary.BigEndian.Uint32(test.octets) < 16 || pdu.CommandID(binary.BigEndian.Uint32(test.octets[4:])).IsResponse() {
					want = 0
				}
				if h.Sequence != want {
					t.Errorf("sequence %#x, not %#x", h.Sequence, want)
				}
			}
			r.wantEnd()
			<-written
			for _, g := range good {
				g.alive()
			}
		})
	}
	t.Run("nothing at all", func(t *testing.T) {
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		for _, g := range good {
			g.alive()
		}
	})
	t.Run("reset", func(t *testing.T) {
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte("\x00\x00\x00"))
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
		for _, g := range good {
			g.alive()
		}
	})
	t.Run("TLS server", func(t *testing.T) {
		srv := smpptest.NewTLSServer(nil)
		defer srv.Close()
		for _, octets := range []string{"GET / HTTP/1.1\r\n\r\n", "\x00\x00\x00\x10\x00\x00\x00\x15\x00\x00\x00\x00\x00\x00\x00\x01", "\x16\x03"} {
			c, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = c.Write([]byte(octets))
			_ = c.Close()
		}
		s, err := smpp.Dial(t.Context(), srv.URL, srv.ClientConfig())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Shutdown(t.Context()); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}
