package interop

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Tshark returns the path of the tshark program. Without it the test is skipped, or fails when CI=true.
func Tshark(t testing.TB) string {
	t.Helper()
	return lookPath(t, "tshark")
}

// A Dissection is what Wireshark makes of one PDU.
type Dissection struct {
	// Text is the dissection as Wireshark displays it, from the SMPP layer on, one item a line, indented.
	Text string

	// Malformed says what is wrong with the PDU, in Wireshark's words or ours; empty means nothing is.
	Malformed string

	// Fields holds the values by Wireshark's names, such as smpp.destination_addr, in their order in the PDU.
	Fields map[string][]Field
}

// A Field is a value that Wireshark found in a PDU.
type Field struct {
	Show string // as Wireshark displays it
	Hex  string // its octets, in hexadecimal
}

// Dissect has tshark dissect PDUs as SMPP on the TCP port, each in a connection of its own, so that none depends on another. It
// returns one Dissection for each. A frame that is not exactly one PDU is malformed; so is one of more than 65536 octets, which
// Wireshark does not take for SMPP. (Wireshark reads broadcast_rep_num as one octet, and ms_validity in the form of v5.0 as one
// octet, too, and so finds fault with any PDU that has them; it shows no body beside a command_status other than 0, and no TLVs
// where v3.4 has none.) Without tshark the test is skipped, or fails when CI=true.
func Dissect(t testing.TB, frames [][]byte, port uint16) []Dissection {
	t.Helper()
	program := Tshark(t)
	if len(frames) == 0 {
		return nil
	}
	file := filepath.Join(t.TempDir(), "frames.pcap")
	capture, last := Capture(frames, port)
	if err := os.WriteFile(file, capture, 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, "-n", "-r", file, "-d", fmt.Sprintf("tcp.port==%d,smpp", port), "-T", "pdml")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, stderr.Bytes())
	}
	var document struct {
		Packets []struct {
			Items []item `xml:",any"`
		} `xml:"packet"`
	}
	// Wireshark cuts long texts anywhere, in the middle of a character too.
	if err := xml.Unmarshal(bytes.ToValidUTF8(out, []byte("\uFFFD")), &document); err != nil {
		t.Fatalf("tshark's output: %v", err)
	}
	if want := last[len(last)-1] + 1; len(document.Packets) != want {
		t.Fatalf("tshark shows %d packets, want %d", len(document.Packets), want)
	}
	dissections := make([]Dissection, len(frames))
	for i, frame := range frames {
		dissections[i] = dissection(document.Packets[last[i]].Items, len(frame))
	}
	return dissections
}

// An item is a proto or a field of PDML, Wireshark's XML.
type item struct {
	Name     string `xml:"name,attr"`
	Showname string `xml:"showname,attr"`
	Show     string `xml:"show,attr"`
	Value    string `xml:"value,attr"`
	Size     int    `xml:"size,attr"`
	Hide     string `xml:"hide,attr"`
	Items    []item `xml:",any"`
}

func dissection(layers []item, size int) Dissection {
	d := Dissection{Fields: make(map[string][]Field)}
	var text strings.Builder
	var walk func(it item, depth int)
	walk = func(it item, depth int) {
		line := it.Showname
		if line == "" {
			line = it.Show
		}
		if it.Hide != "yes" && line != "" {
			fmt.Fprintf(&text, "%s%s\n", strings.Repeat("    ", depth), line)
		}
		if it.Name == "_ws.malformed" && d.Malformed == "" {
			d.Malformed = line
		}
		d.Fields[it.Name] = append(d.Fields[it.Name], Field{Show: it.Show, Hex: it.Value})
		for _, child := range it.Items {
			walk(child, depth+1)
		}
	}
	pdus, octets, started := 0, 0, false
	for _, layer := range layers {
		if layer.Name == "smpp" {
			pdus, octets, started = pdus+1, octets+layer.Size, true
		}
		if started {
			walk(layer, 0)
		}
	}
	d.Text = text.String()
	if d.Malformed == "" && (pdus != 1 || octets != size) {
		d.Malformed = fmt.Sprintf("%d PDUs of %d octets together in a frame of %d octets", pdus, octets, size)
	}
	return d
}

// Capture returns a capture file in the pcap format in which every frame travels to the TCP port in a connection of its own,
// and, for each frame, the index of the packet with which it is complete.
func Capture(frames [][]byte, port uint16) (file []byte, last []int) {
	const (
		magic       = 0xa1b2c3d4 // times in microseconds
		rawIP       = 101        // LINKTYPE_RAW: packets begin with their IP header
		snapLength  = 1 << 18
		headers     = 20 + 20 // IP and TCP
		segmentSize = 60000   // what an IP packet can hold, at most 65535 less the headers
		firstPort   = 10000
	)
	le, be := binary.LittleEndian, binary.BigEndian
	file = le.AppendUint32(file, magic)
	file = le.AppendUint16(file, 2) // version 2.4
	file = le.AppendUint16(file, 4)
	file = le.AppendUint64(file, 0) // time zone and accuracy, both unused
	file = le.AppendUint32(file, snapLength)
	file = le.AppendUint32(file, rawIP)

	packets := 0
	for i, frame := range frames {
		for sent := 0; ; {
			segment := frame[sent:min(sent+segmentSize, len(frame))]
			length := uint32(headers + len(segment))
			file = le.AppendUint32(file, uint32(packets/1e6)) // seconds
			file = le.AppendUint32(file, uint32(packets%1e6)) // microseconds
			file = le.AppendUint32(file, length)              // captured
			file = le.AppendUint32(file, length)              // sent

			// IPv4. The source address and port make the connection unique. Wireshark does not look at checksums.
			file = append(file, 0x45, 0)
			file = be.AppendUint16(file, uint16(length))
			file = be.AppendUint32(file, 0)                                           // identification, fragment
			file = append(file, 64, 6, 0, 0)                                          // time to live, TCP, checksum
			file = append(file, 10, byte(i/50000>>8), byte(i/50000), 1, 127, 0, 0, 1) // from, to

			file = be.AppendUint16(file, uint16(firstPort+i%50000))
			file = be.AppendUint16(file, port)
			file = be.AppendUint32(file, uint32(1+sent)) // sequence number
			file = be.AppendUint32(file, 1)              // acknowledgement
			file = append(file, 5<<4, 0x18)              // header length, PSH and ACK
			file = be.AppendUint16(file, 0xffff)         // window
			file = be.AppendUint32(file, 0)              // checksum, urgent
			file = append(file, segment...)

			packets++
			sent += len(segment)
			if sent >= len(frame) {
				break
			}
		}
		last = append(last, packets-1)
	}
	return file, last
}
