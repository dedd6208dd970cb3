package main_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	smpp "github.com/godwit-sms/smpp/center/cmd/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 250_000_000, time.UTC)

// A wire collects the packets of TCP connections, a millisecond apart.
type wire struct {
	t       testing.TB
	packets [][]byte
	link    layers.LinkType // Ethernet or raw IP
}

// A peer is one end of a connection.
type peer struct {
	*wire
	ip, to    net.IP
	port, tos uint16
	seq       uint32
}

// connect returns the two ends of a connection. Without a handshake, its start
// was not captured.
func (w *wire) connect(client, server string, handshake bool) (c, s *peer) {
	end := func(addr string) (net.IP, uint16) {
		a, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			w.t.Fatal(err)
		}
		return a.IP, uint16(a.Port)
	}
	ci, cp := end(client)
	si, sp := end(server)
	// The sequence number of the client wraps around.
	c = &peer{wire: w, ip: ci, to: si, port: cp, tos: sp, seq: 0xFFFFFFF0}
	s = &peer{wire: w, ip: si, to: ci, port: sp, tos: cp, seq: 1000}
	if handshake {
		c.packet(func(t *layers.TCP) { t.SYN = true }, c.seq-1, nil)
		s.packet(func(t *layers.TCP) { t.SYN, t.ACK = true, true }, s.seq-1, nil)
		c.packet(func(t *layers.TCP) { t.ACK = true }, c.seq, nil)
	}
	return c, s
}

func (p *peer) packet(flags func(*layers.TCP), seq uint32, payload []byte) {
	tcp := &layers.TCP{SrcPort: layers.TCPPort(p.port), DstPort: layers.TCPPort(p.tos), Seq: seq, Window: 65535}
	flags(tcp)
	stack := []gopacket.SerializableLayer{tcp, gopacket.Payload(payload)}
	if ip4 := p.ip.To4(); ip4 != nil {
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: ip4, DstIP: p.to.To4()}
		_ = tcp.SetNetworkLayerForChecksum(ip)
		stack = append([]gopacket.SerializableLayer{ip}, stack...)
	} else {
		ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: p.ip, DstIP: p.to}
		_ = tcp.SetNetworkLayerForChecksum(ip)
		stack = append([]gopacket.SerializableLayer{ip}, stack...)
	}
	if p.link == layers.LinkTypeEthernet {
		kind := layers.EthernetTypeIPv4
		if p.ip.To4() == nil {
			kind = layers.EthernetTypeIPv6
		}
		eth := &layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: kind}
		stack = append([]gopacket.SerializableLayer{eth}, stack...)
	}
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...); err != nil {
		p.t.Fatal(err)
	}
	p.packets = append(p.packets, append([]byte(nil), b.Bytes()...))
}

// at sends a segment with a sequence number of its own.
func (p *peer) at(seq uint32, payload []byte) {
	p.packet(func(t *layers.TCP) { t.ACK, t.PSH = true, true }, seq, payload)
}

// send sends the next segment.
func (p *peer) send(payload ...[]byte) {
	b := bytes.Join(payload, nil)
	p.at(p.seq, b)
	p.seq += uint32(len(b))
}

func (p *peer) fin() {
	p.packet(func(t *layers.TCP) { t.FIN, t.ACK = true, true }, p.seq, nil)
	p.seq++
}

func info(i int, octets []byte) gopacket.CaptureInfo {
	return gopacket.CaptureInfo{Timestamp: noon.Add(time.Duration(i) * time.Millisecond), CaptureLength: len(octets), Length: len(octets)}
}

func (w *wire) pcap() string {
	var b bytes.Buffer
	p := pcapgo.NewWriter(&b)
	if err := p.WriteFileHeader(65536, w.link); err != nil {
		w.t.Fatal(err)
	}
	for i, octets := range w.packets {
		if err := p.WritePacket(info(i, octets), octets); err != nil {
			w.t.Fatal(err)
		}
	}
	return b.String()
}

func ethernet(t testing.TB) *wire { return &wire{t: t, link: layers.LinkTypeEthernet} }

func bindPair(t testing.TB) (req, resp []byte) {
	return encodePDU(t, 1, &pdu.BindTransceiver{Bind: pdu.Bind{SystemID: "acme", Password: "hush", InterfaceVersion: pdu.V34}}),
		encodePDU(t, 1, &pdu.BindTransceiverResp{BindResp: pdu.BindResp{SystemID: "mc"}})
}

// summary is what decode --json says of each PDU, in short.
func summary(t testing.TB, stdout string) string {
	var b strings.Builder
	for _, o := range jsonLines(t, stdout) {
		name := fmt.Sprint(o["command"])
		if o["error"] != nil {
			name = fmt.Sprintf("%d octets", len(o["raw"].(string))/2)
		}
		at, err := time.Parse(time.RFC3339Nano, o["time"].(string))
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(&b, "%s %v>%v +%dms", name, o["source"], o["destination"], at.Sub(noon).Milliseconds())
		if text, ok := o["text"]; ok {
			fmt.Fprintf(&b, " %v", text)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestCapture(t *testing.T) {
	bind, bindResp := bindPair(t)
	big := submit(t, 5, strings.Repeat("x", 140))
	for _, tc := range []struct {
		name  string
		make  func(w *wire)
		args  []string
		want  string
		notes string // on standard error
		fails bool
	}{
		{name: "a session", make: func(w *wire) {
			c, s := w.connect("10.0.0.1:40000", "10.0.0.2:10001", true)
			c.send(bind)
			s.send(bindResp)
			c.send(submit(t, 2, "two"), submit(t, 3, "three"), big[:20]) // coalesced
			c.send(big[20:30])                                           // split
			c.send(big[30:])
			c.at(c.seq-uint32(len(big)), big)                                  // retransmitted
			c.at(c.seq-5, append(append([]byte{}, big[len(big)-5:]...), 0, 0)) // and with what follows
			c.seq += 2
			rest := submit(t, 6, "six")[2:]
			c.at(c.seq+30, rest[30:]) // out of order
			c.at(c.seq, rest[:30])
			c.seq += uint32(len(rest))
			s.send(encodePDU(t, 2, &pdu.SubmitSMResp{MessageID: "17"}), encodePDU(t, 9, &pdu.EnquireLink{}))
			c.fin()
			s.fin()
		}, want: `
bind_transceiver 10.0.0.1:40000>10.0.0.2:10001 +3ms
bind_transceiver_resp 10.0.0.2:10001>10.0.0.1:40000 +4ms
submit_sm 10.0.0.1:40000>10.0.0.2:10001 +5ms two
submit_sm 10.0.0.1:40000>10.0.0.2:10001 +5ms three
submit_sm 10.0.0.1:40000>10.0.0.2:10001 +7ms ` + strings.Repeat("x", 140) + `
submit_sm 10.0.0.1:40000>10.0.0.2:10001 +10ms six
submit_sm_resp 10.0.0.2:10001>10.0.0.1:40000 +12ms
enquire_link 10.0.0.2:10001>10.0.0.1:40000 +12ms
`},
		{name: "octet by octet", make: func(w *wire) {
			c, _ := w.connect("10.0.0.1:40000", "10.0.0.2:10001", true)
			for i := range bind {
				c.send(bind[i : i+1])
			}
		}, want: fmt.Sprintf("\nbind_transceiver 10.0.0.1:40000>10.0.0.2:10001 +%dms\n", 2+len(bind))},
		{name: "two connections with the same ports one after the other", make: func(w *wire) {
			for range 2 {
				c, s := w.connect("10.0.0.1:40000", "10.0.0.2:10001", true)
				c.send(bind)
				c.fin()
				s.fin()
			}
		}, want: `
bind_transceiver 10.0.0.1:40000>10.0.0.2:10001 +3ms
bind_transceiver 10.0.0.1:40000>10.0.0.2:10001 +9ms
`},
		{name: "IPv6", make: func(w *wire) {
			c, s := w.connect("[2001:db8::1]:40000", "[2001:db8::2]:2775", true)
			c.send(bind)
			s.send(bindResp)
		}, want: `
bind_transceiver [2001:db8::1]:40000>[2001:db8::2]:2775 +3ms
bind_transceiver_resp [2001:db8::2]:2775>[2001:db8::1]:40000 +4ms
`},
		{name: "from the middle", make: func(w *wire) {
			c, s := w.connect("10.0.0.1:40000", "10.0.0.2:10001", false)
			c.send(big[60:])
			c.send(submit(t, 6, "six"))
			s.send(encodePDU(t, 6, &pdu.SubmitSMResp{MessageID: "17"}))
		}, want: `
` + fmt.Sprint(len(big)-60) + ` octets 10.0.0.1:40000>10.0.0.2:10001 +0ms
submit_sm 10.0.0.1:40000>10.0.0.2:10001 +1ms six
submit_sm_resp 10.0.0.2:10001>10.0.0.1:40000 +2ms
`, notes: "2 well-formed PDUs, " + fmt.Sprint(len(big)-60) + " octets that are no PDU"},
		{name: "lost octets", make: func(w *wire) {
			c, _ := w.connect("10.0.0.1:40000", "10.0.0.2:10001", true)
			c.send(bind, big[:50])
			c.seq += 20
			c.send(big[70:])
			c.send(submit(t, 6, "six"))
		}, want: `
bind_transceiver 10.0.0.1:40000>10.0.0.2:10001 +3ms
50 octets 10.0.0.1:40000>10.0.0.2:10001 +3ms
` + fmt.Sprint(len(big)-70) + ` octets 10.0.0.1:40000>10.0.0.2:10001 +4ms
submit_sm 10.0.0.1:40000>10.0.0.2:10001 +5ms six
`, notes: "2 well-formed PDUs, " + fmt.Sprint(len(big)-20) + " octets that are no PDU"},
		{name: "an impossible length and the end inside a PDU", make: func(w *wire) {
			c, _ := w.connect("10.0.0.1:40000", "10.0.0.2:10001", true)
			c.send(bind)
			c.send([]byte("\x00\x00\x00\x0frubbish"))
			c.send(submit(t, 6, "six"), big[:33])
		}, want: `
bind_transceiver 10.0.0.1:40000>10.0.0.2:10001 +3ms
11 octets 10.0.0.1:40000>10.0.0.2:10001 +4ms
submit_sm 10.0.0.1:40000>10.0.0.2:10001 +5ms six
33 octets 10.0.0.1:40000>10.0.0.2:10001 +5ms
`, notes: "2 well-formed PDUs, 44 octets that are no PDU"},
		{name: "malformed and vendor PDUs", make: func(w *wire) {
			c, _ := w.connect("10.0.0.1:40000", "10.0.0.2:10001", true)
			c.send([]byte("\x00\x00\x00\x11\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x02!"))
			c.send([]byte("\x00\x00\x00\x12\x00\x01\x02\x00\x00\x00\x00\x00\x00\x00\x00\x02xx"))
		}, want: `
17 octets 10.0.0.1:40000>10.0.0.2:10001 +3ms
unknown 10.0.0.1:40000>10.0.0.2:10001 +4ms
`, notes: "1 well-formed PDU, 1 malformed PDU"},
		{name: "beside other traffic", make: func(w *wire) {
			c, s := w.connect("10.0.0.1:40000", "10.0.0.2:80", true)
			c.send([]byte("GET /0000001 HTTP/1.1\r\n\r\n"))
			s.send([]byte("HTTP/1.1 200 OK\r\n\r\n"), make([]byte, 1400))
			for range 400 {
				s.send(bytes.Repeat([]byte{0, 0, 0, 4}, 350))
			}
			c, _ = w.connect("10.0.0.1:40001", "10.0.0.2:10001", true)
			c.send(bind)
		}, want: `
bind_transceiver 10.0.0.1:40001>10.0.0.2:10001 +408ms
`},
		{name: "other traffic alone", make: func(w *wire) {
			c, _ := w.connect("10.0.0.1:40000", "10.0.0.2:80", true)
			c.send([]byte("GET / HTTP/1.1\r\n\r\n"))
		}, want: "\n", notes: "no well-formed PDU: 1 TCP connection without SMPP", fails: true},
		{name: "other traffic on the port", args: []string{"--port", "80"}, make: func(w *wire) {
			c, _ := w.connect("10.0.0.1:40000", "10.0.0.2:80", true)
			c.send([]byte("GET / HTTP/1.1\r\n\r\n"))
			c, _ = w.connect("10.0.0.1:40001", "10.0.0.2:10001", true)
			c.send(bind)
		}, want: `
18 octets 10.0.0.1:40000>10.0.0.2:80 +3ms
`, notes: "no well-formed PDU: 18 octets that are no PDU", fails: true},
		{name: "two ports", args: []string{"--port", "2775,10001"}, make: func(w *wire) {
			for _, port := range []string{"2775", "2776", "10001"} {
				c, _ := w.connect("10.0.0.1:40000", "10.0.0.2:"+port, true)
				c.send(bind)
			}
		}, want: `
bind_transceiver 10.0.0.1:40000>10.0.0.2:2775 +3ms
bind_transceiver 10.0.0.1:40000>10.0.0.2:10001 +11ms
`},
		{name: "TLS", make: func(w *wire) {
			c, _ := w.connect("10.0.0.1:40000", "10.0.0.2:3550", true)
			c.send([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"))
		}, want: "\n", notes: "no well-formed PDU: 1 TLS connection, which cannot be read", fails: true},
		{name: "no TCP", make: func(w *wire) { w.packets = [][]byte{make([]byte, 60)} }, want: "\n", notes: "nothing to decode", fails: true},
		{name: "no packets", make: func(*wire) {}, want: "\n", notes: "nothing to decode", fails: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			isolate(t)
			w := ethernet(t)
			tc.make(w)
			status, stdout, stderr := call(t, smpp.Run, w.pcap(), append([]string{"decode", "--json"}, tc.args...)...)
			if got := "\n" + summary(t, stdout); got != tc.want {
				t.Errorf("got%s\nwant%s", got, tc.want)
			}
			if fails := status != 0; fails != tc.fails {
				t.Errorf("exit status %d", status)
			}
			if !strings.Contains(stderr, tc.notes) || tc.notes == "" && stderr != "" {
				t.Errorf("standard error: %swant %s", stderr, tc.notes)
			}
			if stdout == "" {
				return
			}
			// The members that only captures have do not keep encode from its work.
			status, back, stderr := call(t, smpp.Run, stdout, "encode")
			if status != 0 {
				t.Fatalf("encode: exit status %d, %s", status, stderr)
			}
			frames := strings.Fields(back)
			for i, o := range jsonLines(t, stdout) {
				_, again, _ := call(t, smpp.Run, "", "decode", "--json", frames[i])
				delete(o, "time")
				delete(o, "source")
				delete(o, "destination")
				if raw, ok := o["raw"]; ok && raw != frames[i] {
					t.Errorf("%v encodes to %s", o, frames[i])
				} else if !ok && !reflect.DeepEqual(o, jsonLines(t, again)[0]) {
					t.Errorf("%v\nencodes to %s, which is\n%s", o, frames[i], again)
				}
			}
		})
	}
}

func TestCaptureFiles(t *testing.T) {
	isolate(t)
	bind, bindResp := bindPair(t)
	const want = "bind_transceiver 10.0.0.1:40000>10.0.0.2:10001 +%dms\nbind_transceiver_resp 10.0.0.2:10001>10.0.0.1:40000 +%dms\n"
	session := func(w *wire) {
		c, s := w.connect("10.0.0.1:40000", "10.0.0.2:10001", true)
		c.send(bind)
		s.send(bindResp)
	}
	eth, raw := ethernet(t), &wire{t: t, link: layers.LinkTypeRaw}
	session(eth)
	session(raw)

	var mixed bytes.Buffer // the two directions on interfaces of different link types
	ng, err := pcapgo.NewNgWriter(&mixed, layers.LinkTypeEthernet)
	if err != nil {
		t.Fatal(err)
	}
	second, err := ng.AddInterface(pcapgo.NgInterface{LinkType: layers.LinkTypeRaw, SnapLength: 65536})
	if err != nil {
		t.Fatal(err)
	}
	for i := range eth.packets {
		ci, octets := info(i, eth.packets[i]), eth.packets[i]
		if i%2 == 1 {
			ci, octets = info(i, raw.packets[i]), raw.packets[i]
			ci.InterfaceIndex = second
		}
		if err := ng.WritePacket(ci, octets); err != nil {
			t.Fatal(err)
		}
	}
	if err := ng.Flush(); err != nil {
		t.Fatal(err)
	}
	var nanos bytes.Buffer
	nw := pcapgo.NewWriterNanos(&nanos)
	if err := nw.WriteFileHeader(65536, layers.LinkTypeRaw); err != nil {
		t.Fatal(err)
	}
	for i, octets := range raw.packets {
		if err := nw.WritePacket(info(i, octets), octets); err != nil {
			t.Fatal(err)
		}
	}
	var z bytes.Buffer
	zw := gzip.NewWriter(&z)
	must(t)(io.WriteString(zw, eth.pcap()))
	must(t)(0, zw.Close())
	for name, capture := range map[string]string{
		"pcap": eth.pcap(), "raw IP": raw.pcap(), "pcapng": mixed.String(), "nanoseconds": nanos.String(), "gzip": z.String(),
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, t.TempDir()+"/c.cap", capture)
			for _, args := range [][]string{{path}, {"-f", path}, {"--format", "capture", "-f", path}} {
				status, stdout, stderr := call(t, smpp.Run, "", append([]string{"decode", "--json"}, args...)...)
				if want := fmt.Sprintf(want, 3, 4); status != 0 || summary(t, stdout) != want {
					t.Errorf("exit status %d, %s%swant\n%s", status, stderr, summary(t, stdout), want)
				}
			}
		})
	}
	t.Run("dump", func(t *testing.T) {
		w := ethernet(t)
		session(w)
		c, _ := w.connect("10.0.0.1:40001", "10.0.0.2:10001", false)
		c.send([]byte("rest of a PDU"), submit(t, 2, "hi"))
		_, stdout, _ := call(t, smpp.Run, w.pcap(), "decode")
		if strings.Contains(stdout, "hush") || strings.Contains(stdout, "68 75 73 68") {
			t.Error("the password is shown")
		}
		golden(t, "capture.golden", stdout)
	})
	t.Run("cut off", func(t *testing.T) {
		capture := eth.pcap()
		status, stdout, stderr := call(t, smpp.Run, capture[:len(capture)-5], "decode", "--json")
		if status != 0 || strings.Count(stdout, "\n") != 1 || stderr != "smpp decode: the capture ends inside packet 5\n" {
			t.Errorf("exit status %d, %s%s", status, stderr, stdout)
		}
	})
	t.Run("link type", func(t *testing.T) {
		w := &wire{t: t, link: 250, packets: [][]byte{{1, 2, 3}}}
		if status, _, stderr := call(t, smpp.Run, w.pcap(), "decode"); status != 1 || !strings.Contains(stderr, "link type 250 is not supported") {
			t.Errorf("exit status %d, %s", status, stderr)
		}
	})
	t.Run("no capture", func(t *testing.T) {
		if status, _, stderr := call(t, smpp.Run, link, "decode", "--format", "capture"); status != 1 || !strings.Contains(stderr, "neither a pcap nor a pcapng") {
			t.Errorf("exit status %d, %s", status, stderr)
		}
	})
}

// A capture that is still going on is printed as it comes, and an interrupt
// ends it well.
func TestLiveCapture(t *testing.T) {
	isolate(t)
	w := ethernet(t)
	c, _ := w.connect("10.0.0.1:40000", "10.0.0.2:2775", true)
	c.send(submit(t, 1, "live"))
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	var errs bytes.Buffer
	done := make(chan int)
	go func() {
		done <- smpp.Run(ctx, []string{"decode", "--json"}, inR, outW, &errs)
		must(t)(0, outW.Close())
	}()
	must(t)(io.WriteString(inW, w.pcap()))
	buf := make([]byte, 4096)
	if n, err := outR.Read(buf); err != nil || !strings.Contains(string(buf[:n]), `"text":"live"`) {
		t.Fatalf("%s, %v", buf[:n], err)
	}
	interrupt()
	if status := <-done; status != 0 || errs.Len() > 0 {
		t.Errorf("exit status %d, %s", status, &errs)
	}
}

func FuzzCapture(f *testing.F) {
	w := ethernet(f)
	c, s := w.connect("10.0.0.1:40000", "10.0.0.2:2775", true)
	bind, resp := bindPair(f)
	c.send(bind[:20])
	c.send(bind[20:])
	s.send(resp)
	c.seq += 5
	c.send(submit(f, 2, "two"))
	f.Add([]byte(w.pcap()))
	var b bytes.Buffer
	ng, err := pcapgo.NewNgWriter(&b, layers.LinkTypeEthernet)
	if err != nil {
		f.Fatal(err)
	}
	for i, octets := range w.packets {
		if err := ng.WritePacket(info(i, octets), octets); err != nil {
			f.Fatal(err)
		}
	}
	if err := ng.Flush(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	isolate(f)
	f.Fuzz(func(t *testing.T, octets []byte) {
		var out, errs bytes.Buffer
		smpp.Run(t.Context(), []string{"decode", "--json", "--format", "capture"}, bytes.NewReader(octets), &out, &errs)
		for line := range bytes.Lines(out.Bytes()) {
			var back, errs bytes.Buffer
			if smpp.Run(t.Context(), []string{"encode"}, bytes.NewReader(line), &back, &errs) != 0 {
				t.Fatalf("%s%s", line, &errs)
			}
			if _, err := hex.DecodeString(strings.TrimSpace(back.String())); err != nil {
				t.Fatal(err)
			}
		}
	})
}
