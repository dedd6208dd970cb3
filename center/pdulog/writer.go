package pdulog

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// A writer makes packets of records, and files of packets.
type writer struct {
	path string
	cfg  Config
	file *os.File
	size int64 // of file, as far as it was flushed
	out  *pcapgo.NgWriter
	buf  gopacket.SerializeBuffer
}

// segment is how many octets of a PDU go in a packet: those of IP are limited.
const segment = 60_000

// Made-up addresses, marked as such by the second bit of their first octet.
var (
	etherFrom = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	etherTo   = net.HardwareAddr{2, 0, 0, 0, 0, 2}
)

// write writes what is queued until the queue is closed.
func (l *Log) write(w *writer) {
	defer close(l.written)
	mask := newMasker(l.cfg)
	var failed error
	fail := func(err error) {
		if err != nil && failed == nil {
			failed = err
			l.cfg.Logger.Error("PDUs are no longer logged", "file", w.path, "error", err)
		}
	}
	for r := range l.queue {
		l.waiting.Add(-int64(len(r.frame)))
		if failed != nil {
			l.dropped.Add(1)
			continue
		}
		if r.frame != nil {
			mask.mask(r.frame)
		}
		err := w.record(r)
		if err == nil && len(l.queue) == 0 {
			err = w.out.Flush() // who looks at the file sees what there is
		}
		if err == nil && w.size >= l.cfg.MaxSize {
			if err = w.close(); err == nil {
				err = w.begin()
			}
		}
		fail(err)
	}
	if failed == nil {
		fail(w.close())
	}
	l.err = failed
}

// Write counts what goes to the file.
func (w *writer) Write(b []byte) (int, error) {
	n, err := w.file.Write(b)
	w.size += int64(n)
	return n, err
}

// begin makes room for a file and opens it.
func (w *writer) begin() error {
	if err := w.rotate(); err != nil {
		return fmt.Errorf("pdulog: %w", err)
	}
	f, err := os.OpenFile(w.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("pdulog: %w", err)
	}
	w.file, w.size = f, 0
	comment := "SMPP sessions as the library saw them: the packets are made up, the PDUs and times are not."
	switch {
	case !w.cfg.Passwords && !w.cfg.Texts:
		comment += " Passwords and texts are masked."
	case !w.cfg.Passwords:
		comment += " Passwords are masked."
	case !w.cfg.Texts:
		comment += " Texts are masked."
	}
	intf := pcapgo.DefaultNgInterface
	intf.Name, intf.LinkType = "smpp", layers.LinkTypeEthernet
	options := pcapgo.DefaultNgWriterOptions
	options.SectionInfo.Application, options.SectionInfo.Comment = "smpp", comment
	if w.out, err = pcapgo.NewNgWriterInterface(w, intf, options); err == nil {
		err = w.out.Flush()
	}
	if err != nil {
		_ = f.Close()
		return fmt.Errorf("pdulog: %w", err)
	}
	return nil
}

// rotate renames the file at path, if there is one, and those before it. Only
// files are: what is a pipe or a device is written to as it is.
func (w *writer) rotate() error {
	info, err := os.Stat(w.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Size() == 0 || w.cfg.Keep < 0:
		return nil
	}
	for n := w.cfg.Keep; n > 0; n-- {
		older := w.path
		if n > 1 {
			older = numbered(w.path, n-1)
		}
		if err := os.Rename(older, numbered(w.path, n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func numbered(path string, n int) string {
	ext := filepath.Ext(path)
	return fmt.Sprintf("%s.%d%s", strings.TrimSuffix(path, ext), n, ext)
}

func (w *writer) close() error {
	err := w.out.Flush()
	if cerr := w.file.Close(); err == nil {
		err = cerr
	}
	return err
}

// record writes the packets of a record.
func (w *writer) record(r record) error {
	for first := true; first || len(r.frame) > 0; first = false {
		n := min(len(r.frame), segment)
		if err := w.packet(r, r.frame[:n]); err != nil {
			return err
		}
		r.frame = r.frame[n:]
		r.seq += uint32(n)
	}
	return nil
}

func (w *writer) packet(r record, payload []byte) error {
	tcp := &layers.TCP{
		SrcPort: layers.TCPPort(r.from.Port()), DstPort: layers.TCPPort(r.to.Port()), Seq: r.seq, Ack: r.ack, Window: 65535,
		SYN: r.flags&syn != 0, FIN: r.flags&fin != 0, PSH: len(payload) > 0,
	}
	tcp.ACK = !tcp.SYN || r.ack != 0
	ether := &layers.Ethernet{SrcMAC: etherFrom, DstMAC: etherTo, EthernetType: layers.EthernetTypeIPv4}
	var ip interface {
		gopacket.NetworkLayer
		gopacket.SerializableLayer
	}
	if r.from.Addr().Is4() {
		ip = &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: r.from.Addr().AsSlice(), DstIP: r.to.Addr().AsSlice()}
	} else {
		ether.EthernetType = layers.EthernetTypeIPv6
		ip = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: r.from.Addr().AsSlice(), DstIP: r.to.Addr().AsSlice()}
	}
	if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
		return fmt.Errorf("pdulog: %w", err)
	}
	if w.buf == nil {
		w.buf = gopacket.NewSerializeBuffer()
	}
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(w.buf, options, ether, ip, tcp, gopacket.Payload(payload)); err != nil {
		return fmt.Errorf("pdulog: %w", err)
	}
	octets := w.buf.Bytes()
	if err := w.out.WritePacket(gopacket.CaptureInfo{Timestamp: r.at, CaptureLength: len(octets), Length: len(octets)}, octets); err != nil {
		return fmt.Errorf("pdulog: %w", err)
	}
	return nil
}
