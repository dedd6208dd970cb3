package pdulog_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center/pdulog"
	"github.com/godwit-sms/smpp/internal/interop"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// A flow is one direction of a connection in a capture.
type flow struct{ from, to netip.AddrPort }

// A side is what was found in it.
type side struct {
	octets     []byte
	next       uint32
	gap        int // octets that are missing
	ahead      int // packets that acknowledge what is missing
	begun, end bool
	first      time.Time
	last       time.Time
}

// read reads a capture and checks each packet.
func read(t *testing.T, r io.Reader) map[flow]*side {
	t.Helper()
	ng, err := pcapgo.NewNgReader(r, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	sides := map[flow]*side{}
	at := func(f flow) *side {
		if sides[f] == nil {
			sides[f] = new(side)
		}
		return sides[f]
	}
	for {
		octets, ci, err := ng.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return sides
		}
		if err != nil {
			t.Fatal(err)
		}
		p := gopacket.NewPacket(octets, ng.LinkType(), gopacket.Default)
		if e := p.ErrorLayer(); e != nil {
			t.Fatalf("packet cannot be read: %v", e.Error())
		}
		tcp, _ := p.TransportLayer().(*layers.TCP)
		if tcp == nil {
			t.Fatalf("no TCP in %v", p)
		}
		if err := tcp.SetNetworkLayerForChecksum(p.NetworkLayer()); err != nil {
			t.Fatal(err)
		}
		if err, mismatches := p.VerifyChecksums(); err != nil || len(mismatches) > 0 {
			t.Errorf("checksums: %v, %v", err, mismatches)
		}
		src, _ := netip.AddrFromSlice(p.NetworkLayer().NetworkFlow().Src().Raw())
		dst, _ := netip.AddrFromSlice(p.NetworkLayer().NetworkFlow().Dst().Raw())
		f := flow{netip.AddrPortFrom(src, uint16(tcp.SrcPort)), netip.AddrPortFrom(dst, uint16(tcp.DstPort))}
		s, other := at(f), at(flow{f.to, f.from})
		if tcp.SYN {
			s.next, s.begun, s.first = tcp.Seq+1, true, ci.Timestamp
			continue
		}
		if !s.begun { // the capture starts inside
			s.next, s.begun, s.first = tcp.Seq, true, ci.Timestamp
		}
		if n := int(tcp.Seq - s.next); n != 0 {
			s.gap += n
		}
		if d := int32(tcp.Ack - other.next); other.begun && d != 0 {
			s.ahead++
			if d < 0 {
				t.Errorf("%v: ack %d; the other side is at %d", f, tcp.Ack, other.next)
			}
		}
		if ci.Timestamp.Before(s.last) {
			t.Errorf("%v: %v after %v", f, ci.Timestamp, s.last)
		}
		s.octets = append(s.octets, tcp.Payload...)
		s.next, s.last = tcp.Seq+uint32(len(tcp.Payload)), ci.Timestamp
		if tcp.FIN {
			s.next, s.end = s.next+1, true
		}
	}
}

func readFile(t *testing.T, path string) map[flow]*side {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, bytes.NewReader(b))
}

func open(t *testing.T, cfg pdulog.Config) (*pdulog.Log, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log.pcapng")
	l, err := pdulog.Open(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, path
}

func handler() smpp.Handler {
	mux := smpp.NewMux()
	smpp.Handle(mux, func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		return &pdu.SubmitSMResp{MessageID: "4711"}, nil
	})
	return mux
}

func dial(t *testing.T, url string, c *smpp.Config) *smpp.Session {
	t.Helper()
	s, err := smpp.Dial(t.Context(), url, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func submit(t *testing.T, s *smpp.Session, text string) {
	t.Helper()
	_, err := s.Submit(t.Context(), &pdu.SubmitSM{Dest: pdu.International("491701234567"), ShortMessage: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
}

// What a log holds is what both sides sent and received, as connections that
// any reader takes for such.
func TestLog(t *testing.T) {
	for _, c := range []struct {
		name, listen string
		tls          bool
	}{
		{"IPv4", "127.0.0.1:0", false},
		{"IPv6", "[::1]:0", false},
		{"TLS", "127.0.0.1:0", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := net.Listen("tcp", c.listen)
			if err != nil {
				t.Skipf("no %s here: %v", c.listen, err)
			}
			srv := smpptest.NewUnstartedServer(handler())
			_ = srv.Listener.Close()
			srv.Listener = l
			log, path := open(t, pdulog.Config{Passwords: true, Texts: true})
			var sent, received []byte // by the server
			srv.Trace = log.Trace(&smpp.Trace{
				Sent:     func(_ *smpp.Session, frame []byte) { sent = append(sent, frame...) },
				Received: func(_ *smpp.Session, frame []byte) { received = append(received, frame...) },
			})
			config := &smpp.Config{}
			if c.tls {
				srv.StartTLS()
				config = srv.ClientConfig()
			} else {
				srv.Start()
			}
			defer srv.Close()
			before := time.Now()
			s := dial(t, srv.URL, config)
			client, server := s.LocalAddr().(*net.TCPAddr).AddrPort(), l.Addr().(*net.TCPAddr).AddrPort()
			for i := range 20 {
				submit(t, s, fmt.Sprint("message ", i))
			}
			_ = s.Close()
			srv.Close()
			if err := log.Close(); err != nil || log.Dropped() != 0 {
				t.Fatalf("%v, %d dropped", err, log.Dropped())
			}
			sides := readFile(t, path)
			if len(sides) != 2 {
				t.Fatalf("%d directions: %v", len(sides), sides)
			}
			up, down := sides[flow{client, server}], sides[flow{server, client}]
			if up == nil || down == nil {
				t.Fatalf("no %v and %v in %v", client, server, sides)
			}
			if !bytes.Equal(up.octets, received) || !bytes.Equal(down.octets, sent) {
				t.Errorf("octets differ from what passed: % x\n% x", up.octets, received)
			}
			if up.gap != 0 || down.gap != 0 || up.ahead != 0 || down.ahead != 0 || !up.end || !down.end {
				t.Errorf("%+v, %+v: octets are missing, or the end", *up, *down)
			}
			if up.first.Before(before.Truncate(0).Add(-time.Millisecond)) || up.last.After(time.Now()) {
				t.Errorf("from %v to %v; began after %v", up.first, up.last, before)
			}
		})
	}
}

// The client's side is the mirror image.
func TestLogOfClient(t *testing.T) {
	srv := smpptest.NewServer(handler())
	defer srv.Close()
	log, path := open(t, pdulog.Config{})
	s := dial(t, srv.URL, &smpp.Config{Trace: log.Trace(nil)})
	client, server := s.LocalAddr().(*net.TCPAddr).AddrPort(), srv.Listener.Addr().(*net.TCPAddr).AddrPort()
	submit(t, s, "hello")
	_ = s.Close()
	<-s.Done()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	sides := readFile(t, path)
	up, down := sides[flow{client, server}], sides[flow{server, client}]
	if up == nil || down == nil || len(up.octets) == 0 || len(down.octets) == 0 {
		t.Fatalf("%v", sides)
	}
	if !bytes.HasPrefix(up.octets[4:], []byte{0, 0, 0, 9}) {
		t.Errorf("begins with % x; want bind_transceiver", up.octets[:16])
	}
	if bytes.Contains(up.octets, []byte(smpptest.Password)) || bytes.Contains(up.octets, []byte("hello")) {
		t.Errorf("password or text in the log: %q", up.octets)
	}
}

func TestSystemID(t *testing.T) {
	srv := smpptest.NewUnstartedServer(handler())
	log, path := open(t, pdulog.Config{SystemID: "acme"})
	srv.Trace = log.Trace(nil)
	srv.Start()
	defer srv.Close()
	address := srv.Listener.Addr().String()
	var wanted []netip.AddrPort
	for _, id := range []string{"other", "acme", "acme2", "acme"} {
		s := dial(t, "smpp://"+id+":secret@"+address, &smpp.Config{})
		submit(t, s, "hello")
		if id == "acme" {
			wanted = append(wanted, s.LocalAddr().(*net.TCPAddr).AddrPort())
		}
		_ = s.Close()
		<-s.Done()
	}
	srv.Close()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	var got []netip.AddrPort
	for f, s := range readFile(t, path) {
		if f.to.String() == address {
			got = append(got, f.from)
			if frame, _, err := pdu.Split(s.octets, 0); err != nil || binary.BigEndian.Uint32(frame[4:]) != uint32(pdu.IDBindTransceiver) {
				t.Errorf("%v begins with % x; the bind that told whose it is belongs to it", f, frame)
			}
		}
	}
	order := func(a, b netip.AddrPort) int { return a.Compare(b) }
	slices.SortFunc(got, order)
	slices.SortFunc(wanted, order)
	if !slices.Equal(got, wanted) {
		t.Errorf("sessions of %v; want %v", got, wanted)
	}
}

// A session over something else than TCP is shown as one over TCP.
func TestLogOfPipe(t *testing.T) {
	log, path := open(t, pdulog.Config{})
	client, server := smpptest.Pipe()
	srv := &smpp.Server{Handler: handler(), Trace: log.Trace(nil)}
	srv.ServeConn(server)
	s, err := smpp.Bind(t.Context(), client, &smpp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	submit(t, s, "hello")
	_ = s.Close()
	_ = srv.Close()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	sides := readFile(t, path)
	if len(sides) != 2 {
		t.Errorf("%v", sides)
	}
	for f := range sides {
		if f.from.Port() != 2775 && f.to.Port() != 2775 {
			t.Errorf("%v: neither port is that of SMPP", f)
		}
	}
}

func TestBigPDU(t *testing.T) {
	log, path := open(t, pdulog.Config{Texts: true})
	srv := smpptest.NewUnstartedServer(handler())
	srv.Trace = log.Trace(nil)
	srv.Start()
	defer srv.Close()
	s := dial(t, srv.URL, &smpp.Config{})
	m := &pdu.SubmitSM{Dest: pdu.International("491701234567")}
	text := bytes.Repeat([]byte("0123456789"), 6553)
	pdu.TLVMessagePayload.Set(&m.TLVs, text)
	if _, err := s.Submit(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	srv.Close()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, s := range readFile(t, path) {
		found = found || bytes.Contains(s.octets, text)
	}
	if !found {
		t.Error("a PDU of 65,000 octets is not in the log")
	}
}

func TestRotation(t *testing.T) {
	const size, keep = 20_000, 2
	log, path := open(t, pdulog.Config{MaxSize: size, Keep: keep})
	srv := smpptest.NewUnstartedServer(handler())
	srv.Trace = log.Trace(nil)
	srv.Start()
	defer srv.Close()
	s := dial(t, srv.URL, &smpp.Config{})
	for range 500 {
		submit(t, s, strings.Repeat("x", 150))
	}
	_ = s.Close()
	srv.Close()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(path)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	want := []string{filepath.Join(dir, "log.1.pcapng"), filepath.Join(dir, "log.2.pcapng"), path}
	if !slices.Equal(files, want) {
		t.Fatalf("files %v; want %v", files, want)
	}
	var last time.Time
	for _, f := range []string{want[1], want[0], path} {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > size+5000 || f != path && info.Size() < size {
			t.Errorf("%s has %d octets", f, info.Size())
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s may be read by others: %v", f, info.Mode())
		}
		latest := last
		for _, s := range readFile(t, f) {
			if s.first.Before(last) {
				t.Errorf("%s is older than the one before it", f)
			}
			if s.last.After(latest) {
				latest = s.last
			}
		}
		last = latest
	}
}

// What was there is kept, not written over.
func TestFileIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := pdulog.Open(path, pdulog.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if b, err := os.ReadFile(path + ".1"); err != nil || string(b) != "precious" {
		t.Errorf("%q, %v", b, err)
	}
	if len(readFile(t, path)) != 0 {
		t.Error("a log of nothing has something in it")
	}
}

func TestCannotOpen(t *testing.T) {
	_, err := pdulog.Open(filepath.Join(t.TempDir(), "none", "log"), pdulog.Config{})
	if err == nil || !strings.Contains(err.Error(), "pdulog: ") {
		t.Errorf("error %v", err)
	}
}

// A full disk ends the log, and nothing else; it is told once.
func TestDiskFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	if _, err := pdulog.Open("/dev/full", pdulog.Config{}); !strings.Contains(fmt.Sprint(err), "no space left") {
		t.Errorf("error %v", err)
	}
	log, path := open(t, pdulog.Config{MaxSize: 4096, Logger: slog.New(slog.DiscardHandler)})
	srv := smpptest.NewUnstartedServer(handler())
	srv.Trace = log.Trace(nil)
	srv.Start()
	defer srv.Close()
	s := dial(t, srv.URL, &smpp.Config{})
	// The next file cannot be begun: there is a directory in the way.
	if err := os.MkdirAll(filepath.Join(strings.TrimSuffix(path, ".pcapng")+".1.pcapng", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		submit(t, s, strings.Repeat("x", 150)) // goes on
	}
	_ = s.Close()
	if err := log.Close(); err == nil {
		t.Error("no error of a log that could not be written")
	}
	if log.Dropped() == 0 {
		t.Error("nothing dropped")
	}
}

// When PDUs come faster than they are written, readers see that some are
// missing, and where.
func TestDropped(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if out, err := exec.Command("mkfifo", fifo).CombinedOutput(); err != nil {
		t.Skipf("mkfifo: %v %s", err, out)
	}
	opened := make(chan *os.File, 1)
	go func() {
		f, err := os.Open(fifo)
		if err != nil {
			panic(err)
		}
		opened <- f
	}()
	log, err := pdulog.Open(fifo, pdulog.Config{Texts: true})
	if err != nil {
		t.Fatal(err)
	}
	reader := <-opened
	defer reader.Close()
	srv := smpptest.NewUnstartedServer(handler())
	srv.Trace = log.Trace(nil)
	srv.Start()
	defer srv.Close()
	s := dial(t, srv.URL, &smpp.Config{})
	m := &pdu.SubmitSM{Dest: pdu.International("491701234567")}
	pdu.TLVMessagePayload.Set(&m.TLVs, bytes.Repeat([]byte("0123456789"), 6500))
	for log.Dropped() < 5 { // nobody reads the file
		if _, err := s.Submit(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	read1 := make(chan map[flow]*side, 1)
	go func() { read1 <- read(t, reader) }()
	submit(t, s, "the last")
	_ = s.Close()
	srv.Close()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	gap := 0
	for _, s := range <-read1 {
		gap += s.gap
	}
	if gap == 0 {
		t.Errorf("%d PDUs dropped, and no octet is missing", log.Dropped())
	}
}

func TestMask(t *testing.T) {
	frame := func(b pdu.Body) []byte {
		f, err := pdu.Append(nil, pdu.Header{Sequence: 1}, b)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	bind := pdu.Bind{SystemID: "acme", Password: "s3cret", SystemType: "type"}
	payload := &pdu.DataSM{Dest: pdu.International("49170")}
	pdu.TLVMessagePayload.Set(&payload.TLVs, []byte("hidden words"))
	pdu.TLVUserMessageReference.Set(&payload.TLVs, 77)
	multi := &pdu.SubmitMulti{Dests: []pdu.Destination{{Address: pdu.International("49170")}}, ShortMessage: []byte("hidden words")}
	unknown := binary.BigEndian.AppendUint32(nil, 28)
	unknown = append(append(unknown, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1), "hidden words"...)
	broken := slices.Clone(frame(&pdu.SubmitSM{ShortMessage: []byte("hidden words")}))
	broken[16+11] = 'x' // the end of an address is gone
	receipt := &pdu.DeliverSM{ESMClass: pdu.TypeDeliveryReceipt, ShortMessage: []byte("id:0815 sub:001 dlvrd:001 stat:DELIVRD err:000 Text:hidden words")}
	notReceipt := &pdu.DeliverSM{ShortMessage: receipt.ShortMessage}
	for _, c := range []struct {
		name   string
		frame  []byte
		hidden string // gone, but for those who keep it
		shown  []string
	}{
		{"bind_transceiver", frame(&pdu.BindTransceiver{Bind: bind}), "s3cret", []string{"acme", "type", "acme\x00******\x00type"}},
		{"bind_receiver", frame(&pdu.BindReceiver{Bind: bind}), "s3cret", []string{"acme\x00******\x00type"}},
		{"bind_transmitter", frame(&pdu.BindTransmitter{Bind: bind}), "s3cret", []string{"acme\x00******\x00type"}},
		{"outbind", frame(&pdu.Outbind{SystemID: "mc", Password: "s3cret"}), "s3cret", []string{"mc\x00******\x00"}},
		{"submit_sm", frame(&pdu.SubmitSM{Dest: pdu.International("49170"), ShortMessage: []byte("hidden words")}), "hidden", []string{"49170", "\x0c************"}},
		{"user data header", frame(&pdu.SubmitSM{ESMClass: pdu.UDHI, ShortMessage: []byte("\x05\x00\x03\x07\x02\x01hidden words")}), "hidden", []string{"\x05\x00\x03\x07\x02\x01************"}},
		{"header that is too long", frame(&pdu.SubmitSM{ESMClass: pdu.UDHI, ShortMessage: []byte("hidden words")}), "hidden", nil},
		{"submit_multi", frame(multi), "hidden", []string{"49170"}},
		{"deliver_sm", frame(&pdu.DeliverSM{ShortMessage: []byte("hidden words")}), "hidden", nil},
		{"replace_sm", frame(&pdu.ReplaceSM{MessageID: "4711", ShortMessage: []byte("hidden words")}), "hidden", []string{"4711"}},
		{"message_payload", frame(payload), "hidden", []string{"49170", "\x04\x24\x00\x0c************", "\x02\x04\x00\x02\x00\x4d"}},
		{"receipt", frame(receipt), "hidden", []string{"id:0815", "stat:DELIVRD", "Text:************"}},
		{"no receipt", frame(notReceipt), "DELIVRD", nil},
		{"unknown command", unknown, "hidden", nil},
		{"malformed", broken, "hidden", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			masked := slices.Clone(c.frame)
			pdulog.Mask(pdulog.Config{}, masked)
			if bytes.Contains(masked, []byte(c.hidden)) {
				t.Errorf("%q is in %q", c.hidden, masked)
			}
			if len(masked) != len(c.frame) || !bytes.Equal(masked[:pdu.HeaderLen], c.frame[:pdu.HeaderLen]) {
				t.Errorf("header or length changed: %q", masked)
			}
			for _, s := range c.shown {
				if !bytes.Contains(masked, []byte(s)) {
					t.Errorf("no %q in %q", s, masked)
				}
			}
			kept := slices.Clone(c.frame)
			pdulog.Mask(pdulog.Config{Passwords: true, Texts: true}, kept)
			if !bytes.Equal(kept, c.frame) {
				t.Errorf("changed, though nothing is to be masked: %q", kept)
			}
		})
	}
	if f := frame(&pdu.SubmitSMResp{MessageID: "4711"}); true {
		masked := slices.Clone(f)
		if pdulog.Mask(pdulog.Config{}, masked); !bytes.Equal(masked, f) {
			t.Errorf("a response without secrets changed: %q", masked)
		}
	}
}

// A password does not get through, however a bind is broken, and what can be
// read can still be read.
func FuzzMask(f *testing.F) {
	for _, s := range []string{
		"000000200000000900000000000000016163006200000034000000", "0000001c0000000b000000000000000161626300736563",
		"00000036000000040000000000000001000000000000000000000000004000000000000c050003010201" + hex.EncodeToString([]byte("hidden")),
	} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < pdu.HeaderLen {
			return
		}
		binary.BigEndian.PutUint32(b, uint32(len(b)))
		masked := slices.Clone(b)
		pdulog.Mask(pdulog.Config{}, masked)
		if len(masked) != len(b) || !bytes.Equal(masked[:pdu.HeaderLen], b[:pdu.HeaderLen]) {
			t.Fatalf("% x became % x", b, masked)
		}
		_, before, err := pdu.Decode(b)
		if err != nil {
			return
		}
		_, after, err := pdu.Decode(masked)
		if bind, ok := before.(pdu.BindRequest); ok && bind.BindFields().Password != "" {
			if err != nil || strings.Trim(after.(pdu.BindRequest).BindFields().Password, "*") != "" {
				t.Fatalf("% x became % x: %v", b, masked, err)
			}
		}
		if _, unknown := before.(*pdu.Unknown); err != nil && !unknown {
			t.Fatalf("% x became % x: %v", b, masked, err)
		}
	})
}

// Wireshark reads it: the packets, the connection and the PDUs.
func TestWireshark(t *testing.T) {
	program := interop.Tshark(t)
	log, path := open(t, pdulog.Config{})
	srv := smpptest.NewUnstartedServer(handler())
	srv.Trace = log.Trace(nil)
	srv.Start()
	defer srv.Close()
	s := dial(t, srv.URL, &smpp.Config{})
	for range 3 {
		submit(t, s, "hello")
	}
	_ = s.Close()
	<-s.Done()
	srv.Close()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, "-n", "-r", path, "-d", "tcp.port=="+port+",smpp", "-T", "fields", "-e", "smpp.command_id", "-e", "smpp.system_id", "-e", "smpp.destination_addr",
		"-e", "smpp.message_id", "-Y", "smpp").Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	want := "0x00000009\ttest\t\t\n0x80000009\tsmpptest\t\t\n" + strings.Repeat("0x00000004\t\t491701234567\t\n0x80000004\t\t\t4711\n", 3) + "0x00000006\t\t\t\n"
	if got := string(out); !strings.HasPrefix(got, want) {
		t.Errorf("tshark shows\n%s\nwant\n%s", got, want)
	}
	out, err = exec.Command(program, "-n", "-r", path, "-o", "tcp.check_checksum:TRUE", "-Y", "tcp.analysis.flags || tcp.checksum.status == 0 || _ws.malformed").Output()
	if err != nil || len(out) != 0 {
		t.Errorf("tshark finds fault, %v:\n%s", err, out)
	}
}

func ExampleLog() {
	dir, _ := os.MkdirTemp("", "pdulog")
	defer func() { _ = os.RemoveAll(dir) }()

	log, err := pdulog.Open(filepath.Join(dir, "acme.pcapng"), pdulog.Config{SystemID: "acme"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = log.Close() }()
	srv := &smpp.Server{Trace: log.Trace(nil)}
	// srv.ListenAndServe(), and Shutdown before the log is closed.
	_ = srv.Close()
	fmt.Println(log.Dropped(), "PDUs are missing")
	// Output: 0 PDUs are missing
}
