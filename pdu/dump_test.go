package pdu_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// A dump is what AppendDump shows, taken apart.
type dump struct {
	octets []byte   // all that is shown
	names  []string // of the fields, in order
	errors []string
	hidden int // lines
}

func readDump(t *testing.T, text []byte) dump {
	t.Helper()
	var d dump
	if !utf8.Valid(text) || !bytes.HasSuffix(text, []byte("\n")) {
		t.Fatalf("%q", text)
	}
	for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("line %d is not fit to print: %q", i, line)
		}
		switch {
		case i == 0:
		case strings.HasPrefix(line, "      ! "):
			d.errors = append(d.errors, line[8:])
		case strings.HasSuffix(line, "(hidden)"):
			d.hidden++
		default:
			at, err := strconv.Atoi(strings.TrimSpace(line[:6]))
			if err != nil || at < len(d.octets) || d.hidden == 0 && at != len(d.octets) {
				t.Fatalf("line %d stands at %q, %d octets were shown: %q", i, line[:6], len(d.octets), line)
			}
			column := strings.TrimSpace(line[6:min(55, len(line))])
			b, err := hex.DecodeString(strings.ReplaceAll(column, " ", ""))
			if err != nil || len(b) > 16 {
				t.Fatalf("line %d: %v: %q", i, err, line)
			}
			d.octets = append(d.octets, b...)
			if len(line) > 57 {
				name, _, _ := strings.Cut(line[57:], ":")
				d.names = append(d.names, name)
			}
		}
	}
	return d
}

func TestDump(t *testing.T) {
	m := &pdu.SubmitSM{Source: pdu.Alphanumeric("ACME"), Dest: pdu.International("491701234567"), ShortMessage: []byte("a text of more than 16 octets\x1B")}
	pdu.TLVUserMessageReference.Set(&m.TLVs, 0x1234)
	m.TLVs.Add(0x1400, []byte("a\x00\x1B"))
	got := string(pdu.Standard().AppendDump([]byte("before\n"), frame(t, pdu.Header{Sequence: 7}, m)))
	const want = `before
submit_sm, 92 octets, sequence 7
     0  00 00 00 5c                                      command_length: 92
     4  00 00 00 04                                      command_id: submit_sm
     8  00 00 00 00                                      command_status: ESME_ROK, success
    12  00 00 00 07                                      sequence_number: 7
    16  00                                               service_type: ""
    17  05                                               source_addr_ton: 5
    18  00                                               source_addr_npi: 0
    19  41 43 4d 45 00                                   source_addr: "ACME"
    24  01                                               dest_addr_ton: 1
    25  01                                               dest_addr_npi: 1
    26  34 39 31 37 30 31 32 33 34 35 36 37 00           destination_addr: "491701234567"
    39  00                                               esm_class: 0
    40  00                                               protocol_id: 0
    41  00                                               priority_flag: 0
    42  00                                               schedule_delivery_time: ""
    43  00                                               validity_period: ""
    44  00                                               registered_delivery: 0
    45  00                                               replace_if_present_flag: 0
    46  00                                               data_coding: 0
    47  00                                               sm_default_msg_id: 0
    48  1e                                               sm_length: 30
    49  61 20 74 65 78 74 20 6f 66 20 6d 6f 72 65 20 74  short_message
    65  68 61 6e 20 31 36 20 6f 63 74 65 74 73 1b
    79  02 04 00 02 12 34                                user_message_reference (0x0204): 4660
    85  14 00 00 03 61 00 1b                             tlv (0x1400): a..
`
	if got != want {
		t.Errorf("\n%s", got)
	}
}

func TestDumpShowsEveryOctet(t *testing.T) {
	reg := pdu.Standard()
	everyCommand(t, func(t *testing.T, id pdu.CommandID) {
		switch id {
		case pdu.IDBindReceiver, pdu.IDBindTransmitter, pdu.IDBindTransceiver, pdu.IDOutbind:
			return // see TestDumpHidesPasswords
		}
		rnd := random(t)
		for round := range 30 {
			octets := frame(t, pdu.Header{Sequence: rnd.Uint32()}, filled(t, rnd, reg, id))
			d := readDump(t, reg.AppendDump(nil, octets))
			if !bytes.Equal(d.octets, octets) || len(d.errors) > 0 {
				t.Fatalf("% X: %+v", octets, d)
			}
			for _, f := range reg.Describe(id) {
				if f.Type != "repeat" && !strings.Contains(strings.Join(d.names, " "), f.Name) {
					t.Fatalf("%s is not shown: %q", f.Name, d.names)
				}
			}
			for n := range octets {
				if round > 0 {
					break
				}
				for _, cut := range [][]byte{octets[:n], resize(octets[:max(n, 4)])} {
					if d := readDump(t, reg.AppendDump(nil, cut)); !bytes.Equal(d.octets, cut) {
						t.Fatalf("% X: %+v", cut, d)
					}
				}
			}
			octets[8+rnd.IntN(len(octets)-8)] ^= 1 << rnd.IntN(8)
			if d := readDump(t, reg.AppendDump(nil, octets)); !bytes.Equal(d.octets, octets) {
				t.Fatalf("% X: %+v", octets, d)
			}
		}
	})
	for _, tt := range []struct {
		name  string
		frame []byte
		want  string
	}{
		{"nothing", nil, "0 octets, no PDU"},
		{"half a header", []byte("abc"), "3 octets, no PDU"},
		{"an unknown command", frame(t, pdu.Header{}, &pdu.Unknown{ID: 0x55, Raw: []byte("hi\x00")}), "raw: hi."},
		{"a wrong length and no body", append([]byte{0, 0, 0, 99}, frame(t, pdu.Header{}, new(pdu.Unbind))[4:]...), "command_length announces 99 octets"},
		{"a wrong length", append([]byte{0, 0, 0, 99}, frame(t, pdu.Header{}, new(pdu.SubmitSMResp))[4:]...), "99 announced, 17 octets given"},
		{"padding", resizeBy(append(frame(t, pdu.Header{}, new(pdu.SubmitSMResp)), 0), 0), "padding"},
		{"stray octets", append(resizeBy(frame(t, pdu.Header{}, new(pdu.SubmitSMResp)), 1), 'x'), "(rest): x"},
		{"a TLV beyond the end", append(resizeBy(frame(t, pdu.Header{}, new(pdu.Unbind)), 6), 2, 4, 0, 9, 'x', 'y'), "user_message_reference at octet 16"},
		{"a TLV without a value", frame(t, pdu.Header{}, &pdu.Unbind{TLVs: tlvList(0x130C, "")}), "alert_on_message_delivery (0x130C): 255"},
		{"a string in a TLV", frame(t, pdu.Header{}, &pdu.Unbind{TLVs: tlvList(0x001E, "id\x00")}), `receipted_message_id (0x001E): "id"`},
		{"a status in a TLV", frame(t, pdu.Header{}, &pdu.Unbind{TLVs: tlvList(0x0607, "\x00\x00\x00\x58")}), "broadcast_error_status (0x0607): ESME_RTHROTTLED"},
		{"a long text is not repeated in full", frame(t, pdu.Header{}, &pdu.Unbind{TLVs: tlvList(0x0424, strings.Repeat("x", 3000))}), "message_payload (0x0424): " + strings.Repeat("x", 64) + "...\n"},
		{"a status of a vendor", frame(t, pdu.Header{Command: pdu.IDSubmitSMResp, Status: 0x401}, nil), "command_status: 0x00000401"},
		{"control characters in a TLV", frame(t, pdu.Header{}, &pdu.Unbind{TLVs: tlv.List{{Tag: 0x0381, Value: []byte("\x01\x01\x01\x1B[2J")}, {Tag: 0x0609, Value: []byte("\x1B[2J1234567890\n\x00")}, {Tag: 0x0606, Value: []byte("\x00\x1B[2J\xFF")}}}), "unbind"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := pdu.Standard().AppendDump(nil, tt.frame)
			if d := readDump(t, text); !bytes.Equal(d.octets, tt.frame) || !strings.Contains(string(text), tt.want) {
				t.Errorf("%s", text)
			}
		})
	}
}

const secret = "zq7!Kx#v"

func showsSecret(text []byte) bool {
	h := fmt.Sprintf("% x", secret)
	flat := strings.Map(func(r rune) rune {
		if r == ' ' || r == '\n' {
			return -1
		}
		return r
	}, string(text))
	return bytes.Contains(text, []byte(secret)) || bytes.Contains(text, []byte(secret[:5])) || bytes.Contains(text, []byte(secret[3:])) ||
		bytes.Contains(text, []byte(h)) || strings.Contains(flat, strings.ReplaceAll(h, " ", "")) || strings.Contains(flat, strings.ReplaceAll(h, " ", "")[:10])
}

func TestDumpHidesPasswords(t *testing.T) {
	for _, body := range []pdu.Body{
		&pdu.BindReceiver{Bind: pdu.Bind{SystemID: "sys", Password: secret, SystemType: "VMS"}},
		&pdu.BindTransmitter{Bind: pdu.Bind{SystemID: "sys", Password: secret, AddressRange: pdu.International("49.*")}},
		&pdu.BindTransceiver{Bind: pdu.Bind{Password: secret, TLVs: tlvList(0x1400, "x")}},
		&pdu.Outbind{SystemID: "sys", Password: secret},
	} {
		t.Run(body.Command().String(), func(t *testing.T) {
			octets := frame(t, pdu.Header{Sequence: 1}, body)
			text := pdu.Standard().AppendDump(nil, octets)
			d := readDump(t, text)
			if showsSecret(text) || d.hidden != 1 || len(d.octets) != len(octets)-len(secret)-1 || len(d.errors) > 0 {
				t.Errorf("%d of %d octets\n%s", len(d.octets), len(octets), text)
			}
			for n := range octets {
				for name, cut := range map[string][]byte{"cut": octets[:n], "cut, true length": resize(octets[:max(n, 16)])} {
					if text := pdu.Standard().AppendDump(nil, cut); len(cut) >= pdu.HeaderLen && showsSecret(text) {
						t.Fatalf("%s at %d:\n%s", name, n, text)
					}
				}
			}
		})
	}
	long := splice(frame(t, pdu.Header{}, &pdu.Outbind{SystemID: "sys", Password: "x"}), 20, 1, secret+secret)
	if text := pdu.Standard().AppendDump(nil, long); showsSecret(text) || !strings.Contains(string(text), "no NUL within 9 octets") {
		t.Errorf("a password that is too long:\n%s", text)
	}
	lost := splice(frame(t, pdu.Header{}, &pdu.Outbind{Password: secret}), 16, 1, "a system_id without its NUL ")
	if text := pdu.Standard().AppendDump(nil, lost); showsSecret(text) {
		t.Errorf("a system_id without its NUL:\n%s", text)
	}
}
