package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/gopacket/gopacket/reassembly"
)

type captureFormat uint8

const (
	noCapture captureFormat = iota
	pcap
	pcapng
)

func captureKind(magic []byte) captureFormat {
	if len(magic) < 4 {
		return noCapture
	}
	switch binary.BigEndian.Uint32(magic) {
	case 0xA1B2C3D4, 0xD4C3B2A1, 0xA1B23C4D, 0x4D3CB2A1:
		return pcap
	case 0x0A0D0D0A:
		return pcapng
	}
	return noCapture
}

const (
	gapPatience = 30 * time.Second // of the capture, that lost octets are waited for
	flushEvery  = 1024             // packets
	mostUnknown = 32 << 10         // octets of a direction without a PDU, before it is taken for something else
	mostWaiting = 1024             // pages of about 2 KiB behind a gap of a stream
)

// capture prints the PDUs of a capture. Being interrupted is a way to end one.
func (d *decoder) capture(ctx context.Context, r io.Reader, kind captureFormat) error {
	var read func() ([]byte, gopacket.CaptureInfo, error)
	var link func(gopacket.CaptureInfo) layers.LinkType
	switch kind {
	case pcap:
		p, err := pcapgo.NewReader(r)
		if err != nil {
			return fmt.Errorf("pcap: %w", err)
		}
		read, link = p.ReadPacketData, func(gopacket.CaptureInfo) layers.LinkType { return p.LinkType() }
	case pcapng:
		p, err := pcapgo.NewNgReader(r, pcapgo.NgReaderOptions{WantMixedLinkType: true, SkipUnknownVersion: true})
		if err != nil {
			return fmt.Errorf("pcapng: %w", err)
		}
		read, link = p.ReadPacketData, func(ci gopacket.CaptureInfo) layers.LinkType {
			if len(ci.AncillaryData) > 0 {
				if t, ok := ci.AncillaryData[0].(layers.LinkType); ok {
					return t
				}
			}
			return p.LinkType()
		}
	default:
		return errors.New("neither a pcap nor a pcapng capture")
	}
	c := &capture{decoder: d}
	assembler := reassembly.NewAssembler(reassembly.NewStreamPool(c))
	assembler.MaxBufferedPagesPerConnection = mostWaiting
	assembler.MaxBufferedPagesTotal = 32 * mostWaiting
	unreadable := map[layers.LinkType]bool{}
	tcpSeen := false
	for n := 1; ; n++ {
		octets, ci, err := read()
		if err != nil {
			assembler.FlushAll()
			switch {
			case errors.Is(err, io.EOF), ctx.Err() != nil:
			case errors.Is(err, io.ErrUnexpectedEOF):
				d.flush()
				d.app.warn(d.cmd, "the capture ends inside packet %d", n)
			default:
				return fmt.Errorf("packet %d: %w", n, err)
			}
			if !tcpSeen && len(unreadable) > 0 {
				for t := range unreadable {
					return fmt.Errorf("link type %d is not supported", t)
				}
			}
			return nil
		}
		t := link(ci)
		flow, tcp, ok := findTCP(octets, t)
		if !ok {
			if int(t) >= len(layers.LinkTypeMetadata) || layers.LinkTypeMetadata[t].DecodeWith == nil {
				unreadable[t] = true
			}
			continue
		}
		tcpSeen = true
		if !c.wanted(uint16(tcp.SrcPort)) && !c.wanted(uint16(tcp.DstPort)) {
			continue
		}
		assembler.AssembleWithContext(flow, tcp, &packetContext{ci})
		if n%flushEvery == 0 {
			assembler.FlushWithOptions(reassembly.FlushOptions{T: ci.Timestamp.Add(-gapPatience)})
		}
		if d.outErr != nil {
			return d.outErr
		}
	}
}

// findTCP returns the TCP segment in a packet, with the addresses next to it
// when tunnels have several.
func findTCP(octets []byte, t layers.LinkType) (flow gopacket.Flow, tcp *layers.TCP, ok bool) {
	p := gopacket.NewPacket(octets, t, gopacket.NoCopy)
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.TCP:
			return flow, l, flow.EndpointType() != gopacket.EndpointType(0)
		case gopacket.NetworkLayer:
			flow = l.NetworkFlow()
		}
	}
	return flow, nil, false
}

type packetContext struct{ ci gopacket.CaptureInfo }

func (c *packetContext) GetCaptureInfo() gopacket.CaptureInfo { return c.ci }

// A capture makes a connection of each TCP connection that packets belong to.
type capture struct{ decoder *decoder }

// wanted reports whether a port is one of --port, or any will do.
func (c *capture) wanted(port uint16) bool {
	return len(c.decoder.ports) == 0 || slices.Contains(c.decoder.ports, int(port))
}

// New implements reassembly.StreamFactory.
func (c *capture) New(netFlow, _ gopacket.Flow, tcp *layers.TCP, _ reassembly.AssemblerContext) reassembly.Stream {
	from := net.JoinHostPort(netFlow.Src().String(), strconv.Itoa(int(tcp.SrcPort)))
	to := net.JoinHostPort(netFlow.Dst().String(), strconv.Itoa(int(tcp.DstPort)))
	s := &stream{decoder: c.decoder, carries: unknown}
	if len(c.decoder.ports) > 0 {
		s.carries = smppTraffic
	}
	s.halves = [2]half{{stream: s, from: from, to: to}, {stream: s, from: to, to: from}}
	return s
}

type traffic uint8

const (
	unknown traffic = iota
	smppTraffic
	tlsTraffic
	otherTraffic
)

// A stream is a TCP connection.
type stream struct {
	decoder *decoder
	carries traffic
	halves  [2]half
}

// A half is one direction of a TCP connection.
type half struct {
	stream   *stream
	from, to string

	buf    []byte    // not printed yet
	last   time.Time // of the last packet
	begun  bool
	atEdge bool   // a PDU starts at buf[0]
	first  bool   // buf[0] is the first octet of the connection
	scan   int    // where in buf the search for a PDU goes on
	lost   string // why buf[0] is not where a PDU starts, when that is known
}

// Accept implements reassembly.Stream. It also accepts a connection whose start
// was not captured.
func (s *stream) Accept(_ *layers.TCP, _ gopacket.CaptureInfo, _ reassembly.TCPFlowDirection, _ reassembly.Sequence, start *bool, _ reassembly.AssemblerContext) bool {
	*start = true
	return true
}

// ReassembledSG implements reassembly.Stream.
func (s *stream) ReassembledSG(sg reassembly.ScatterGather, _ reassembly.AssemblerContext) {
	dir, start, _, skip := sg.Info()
	h := &s.halves[0]
	if dir == reassembly.TCPDirServerToClient {
		h = &s.halves[1]
	}
	n, _ := sg.Lengths()
	if n == 0 && !start {
		return
	}
	switch {
	case !h.begun && start:
		h.first = true
	case !h.begun:
		h.lost = "the capture starts inside the connection"
	case skip != 0:
		lost := "octets are missing in the capture"
		if skip > 0 {
			lost = fmt.Sprintf("%d octets are missing in the capture", skip)
		}
		h.end(lost + " after it")
		h.atEdge, h.first, h.lost = false, false, lost+" before it"
	}
	h.begun = true
	if n > 0 {
		h.add(sg.Fetch(n), func(offset int) time.Time { return sg.CaptureInfo(offset).Timestamp })
	}
}

// ReassemblyComplete implements reassembly.Stream.
func (s *stream) ReassemblyComplete(reassembly.AssemblerContext) bool {
	for i := range s.halves {
		s.halves[i].end("the capture or the connection ends inside it")
	}
	switch s.carries {
	case tlsTraffic:
		s.decoder.seen.tls++
	case unknown, otherTraffic:
		s.decoder.seen.otherTCP++
	}
	return true
}

// add takes octets that came in and prints the PDUs that they complete. when
// tells the time of the packet of an octet.
func (h *half) add(octets []byte, when func(int) time.Time) {
	before := len(h.buf)
	h.buf = append(h.buf, octets...)
	taken := 0
	print := func(n int, kind pieceKind, reason string) {
		at := h.last
		if i := taken + n - 1 - before; i >= 0 {
			at = when(i)
		}
		p := piece{octets: h.buf[:n:n], kind: kind, reason: reason}
		h.stream.decoder.print(p, &packet{at, h.from, h.to})
		h.buf = h.buf[n:]
		taken += n
		h.first, h.scan, h.lost = false, 0, ""
	}
	h.parse(print)
	h.last = when(len(octets) - 1)
	h.buf = append([]byte(nil), h.buf...) // let go of what was printed
}

// parse prints what buf holds. It stops when it cannot tell yet.
func (h *half) parse(print func(n int, kind pieceKind, reason string)) {
	s := h.stream
	for len(h.buf) > 0 {
		if s.carries == unknown && h.first && len(h.buf) >= 3 && h.buf[0] == 0x16 && h.buf[1] == 3 && h.buf[2] <= 4 {
			s.carries = tlsTraffic
		}
		if s.carries == tlsTraffic || s.carries == otherTraffic {
			h.buf = nil
			return
		}
		if h.first && !h.atEdge {
			switch {
			case s.carries == smppTraffic:
				h.atEdge = true
			case len(h.buf) < pdu.HeaderLen:
				return
			case startsHeader(h.buf):
				s.carries, h.atEdge = smppTraffic, true
			}
		}
		if h.atEdge {
			frame, _, err := pdu.Split(h.buf, 0)
			switch {
			case len(frame) > 0:
				print(len(frame), whole, "")
				continue
			case err == nil:
				return
			}
			h.atEdge, h.first, h.scan, h.lost = false, false, 1, err.Error()
		}
		n := h.search()
		switch {
		case n >= 0:
			s.carries, h.atEdge, h.first = smppTraffic, true, false
			if n > 0 {
				print(n, stray, h.whyStray())
			}
		case s.carries == unknown && len(h.buf) > mostUnknown:
			s.carries = otherTraffic
		case len(h.buf) <= 2*pdu.DefaultMaxLen:
			return
		default:
			print(pdu.DefaultMaxLen, stray, h.whyStray())
		}
	}
}

func (h *half) whyStray() string {
	if h.lost != "" {
		return h.lost
	}
	return "no PDU starts here"
}

// search returns the offset of the first well-formed PDU of a known command in
// buf, or -1. It remembers how far to look again when more has come.
func (h *half) search() int {
	waiting := -1
	for i := h.scan; i < len(h.buf); i++ {
		b := h.buf[i:]
		if startsWhole(b) {
			return i
		}
		if waiting >= 0 {
			continue
		}
		if frame, _, err := pdu.Split(b, 0); len(b) < pdu.HeaderLen || startsHeader(b) && len(frame) == 0 && err == nil {
			waiting = i
		}
	}
	h.scan = len(h.buf)
	if waiting >= 0 {
		h.scan = waiting
	}
	return -1
}

// end prints what is left when nothing more follows without a gap.
func (h *half) end(reason string) {
	if len(h.buf) > 0 && h.stream.carries == smppTraffic {
		p := piece{octets: h.buf, kind: stray, reason: h.whyStray()}
		if h.atEdge || h.first {
			p.kind, p.reason = broken, reason
		}
		h.stream.decoder.print(p, &packet{h.last, h.from, h.to})
	}
	h.buf, h.scan, h.lost = nil, 0, ""
}
