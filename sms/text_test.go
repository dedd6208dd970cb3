package sms_test

import (
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"

	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
	"github.com/godwit-sms/smpp/tlv"
)

var epoch = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

func TestText(t *testing.T) {
	payload := func(octets string) tlv.List {
		return tlv.List{pdu.TLVMessagePayload.Option([]byte(octets))}
	}
	latin := sms.Profile{Alphabet: coding.Latin1}
	for _, c := range []struct {
		name    string
		profile sms.Profile
		body    pdu.Body
		want    string
	}{
		{"submit_sm", sms.Profile{}, &pdu.SubmitSM{ShortMessage: []byte("hi \x00")}, "hi @"},
		{"deliver_sm", sms.Profile{}, &pdu.DeliverSM{ShortMessage: []byte("5 \x1Be")}, "5 €"},
		{"data_sm", sms.Profile{}, &pdu.DataSM{DataCoding: 8, TLVs: payload("\x20\xAC")}, "€"},
		{"submit_multi", sms.Profile{}, &pdu.SubmitMulti{DataCoding: 3, ShortMessage: []byte("caf\xE9")}, "café"},
		{"broadcast_sm", sms.Profile{}, &pdu.BroadcastSM{TLVs: payload("storm")}, "storm"},
		// B17: there is no data_coding, the alphabet is that of the profile.
		{"B17 replace_sm", sms.Profile{}, &pdu.ReplaceSM{ShortMessage: []byte("a \x00 b")}, "a @ b"},
		{"B17 replace_sm, Latin 1", latin, &pdu.ReplaceSM{ShortMessage: []byte("caf\xE9")}, "café"},
		{"no message", sms.Profile{}, &pdu.EnquireLink{}, ""},
		{"nil body", sms.Profile{}, nil, ""},
		{"nil pointer", sms.Profile{}, (*pdu.DeliverSM)(nil), ""},
		{"empty", sms.Profile{}, &pdu.DeliverSM{}, ""},
		{"payload wins", sms.Profile{}, &pdu.DeliverSM{ShortMessage: []byte("no"), TLVs: payload("yes")}, "yes"},
		{"empty payload", sms.Profile{}, &pdu.DeliverSM{ShortMessage: []byte("yes"), TLVs: payload("")}, "yes"},
		// N47: a header in message_payload, with and without a short_message.
		{"N47 header in payload", sms.Profile{}, &pdu.DeliverSM{ESMClass: pdu.UDHI, TLVs: payload("\x05\x00\x03\x64\x02\x01hi")}, "hi"},
		{"N47 header in payload beside short_message", sms.Profile{}, &pdu.DeliverSM{ESMClass: pdu.UDHI, ShortMessage: []byte("no"), TLVs: payload("\x05\x00\x03\x64\x02\x01hi")}, "hi"},
		{"header in data_sm", sms.Profile{}, &pdu.DataSM{ESMClass: pdu.UDHI, DataCoding: 8, TLVs: payload("\x05\x00\x03\x64\x02\x01\x00h")}, "h"},
		{"header with other bits", sms.Profile{}, &pdu.DeliverSM{ESMClass: 0xC3, ShortMessage: []byte("\x05\x00\x03\x64\x02\x01hi")}, "hi"},
		{"no UDHI bit", sms.Profile{}, &pdu.DeliverSM{ShortMessage: []byte("\x02hi")}, "$hi"},
		{"malformed header", sms.Profile{}, &pdu.DeliverSM{ESMClass: pdu.UDHI, ShortMessage: []byte("\x05\x00\x09\x64\x02\x01hi")}, "hi"},
		{"header longer than all", sms.Profile{}, &pdu.DeliverSM{ESMClass: pdu.UDHI, ShortMessage: []byte("Hi")}, "Hi"},
		{"header of nothing", sms.Profile{}, &pdu.DeliverSM{ESMClass: pdu.UDHI}, ""},
		{"B15 flash UCS2", sms.Profile{}, &pdu.DeliverSM{DataCoding: 0x18, ShortMessage: []byte("\x04\x1F")}, "П"},
		{"B15 message waiting UCS2", sms.Profile{}, &pdu.DeliverSM{DataCoding: 0xE0, ShortMessage: []byte("\x04\x1F")}, "П"},
		{"B13 IA5 is not GSM", sms.Profile{}, &pdu.DeliverSM{DataCoding: 1, ShortMessage: []byte("a@b_c")}, "a@b_c"},
		{"IA5 is GSM by profile", sms.Profile{Charsets: map[pdu.DataCoding]coding.Charset{1: nil}}, &pdu.DeliverSM{DataCoding: 1, ShortMessage: []byte("a\x00b")}, "a@b"},
		{"alphabet", latin, &pdu.DeliverSM{ShortMessage: []byte("caf\xE9")}, "café"},
		{"GSM reading", sms.Profile{GSMDataCoding: true}, &pdu.DeliverSM{DataCoding: 3, ShortMessage: []byte("\x00")}, "@"},
		{"GSM reading, UCS2", sms.Profile{GSMDataCoding: true}, &pdu.DeliverSM{DataCoding: 9, ShortMessage: []byte("\x04\x1F")}, "П"},
		{"GSM reading, alphabet", sms.Profile{GSMDataCoding: true, Alphabet: coding.Latin1}, &pdu.DeliverSM{ShortMessage: []byte("\xE9")}, "é"},
		{"reserved", sms.Profile{}, &pdu.DeliverSM{DataCoding: 0x0B, ShortMessage: []byte("\x00\xE9")}, "\x00é"},
		{"EUC-KR by profile", sms.Profile{Charsets: map[pdu.DataCoding]coding.Charset{14: coding.FromEncoding("EUC-KR", korean.EUCKR)}}, &pdu.DeliverSM{DataCoding: 14, ShortMessage: []byte("\xC7\xD1")}, "한"},
		{"B16 escape at the end", sms.Profile{}, &pdu.DeliverSM{ShortMessage: []byte("a\x1B")}, "a "},
		{"B16 unknown escape", sms.Profile{}, &pdu.DeliverSM{ShortMessage: []byte("\x1Ba")}, "a"},
		{"odd UCS2", sms.Profile{}, &pdu.DeliverSM{DataCoding: 8, ShortMessage: []byte("\x04\x1F\x04")}, "П\uFFFD"},
		{"lone surrogate", sms.Profile{}, &pdu.DeliverSM{DataCoding: 8, ShortMessage: []byte("\xD8\x3D\x00a")}, "\uFFFDa"},

		// B12: 0x24 is for what follows an escape, 0x25 for all else, and both are for GSM text only.
		{"B12 single shift leaves the table", sms.Profile{}, &pdu.DeliverSM{ESMClass: pdu.UDHI, ShortMessage: []byte("\x03\x24\x01\x01\x04 \x1Bs")}, "è ş"},
		{"B12 locking shift leaves the escapes", sms.Profile{}, &pdu.DeliverSM{ESMClass: pdu.UDHI, ShortMessage: []byte("\x03\x25\x01\x01\x04 \x1Be")}, "€ €"},
		{"B12 both", sms.Profile{}, &pdu.DeliverSM{ESMClass: pdu.UDHI, ShortMessage: []byte("\x06\x25\x01\x01\x24\x01\x01\x04 \x1Bs")}, "€ ş"},
		{"B12 Portuguese single shift", sms.Profile{}, &pdu.DeliverSM{ESMClass: pdu.UDHI, ShortMessage: []byte("\x03\x24\x01\x03\x7B \x1B\x7B")}, "ä ã"},
		{"B12 Spanish has no locking table", sms.Profile{}, &pdu.DeliverSM{ESMClass: pdu.UDHI, ShortMessage: []byte("\x03\x25\x01\x02\x04")}, "è"},
		{"B12 not for UCS2", sms.Profile{}, &pdu.DeliverSM{ESMClass: pdu.UDHI, DataCoding: 8, ShortMessage: []byte("\x03\x25\x01\x01\x00\x04")}, "\x04"},
		{"B12 not for binary", sms.Profile{}, &pdu.DeliverSM{ESMClass: pdu.UDHI, DataCoding: 4, ShortMessage: []byte("\x03\x25\x01\x01\x04")}, "\x04"},
		{"B12 not for ASCII", sms.Profile{}, &pdu.DeliverSM{ESMClass: pdu.UDHI, DataCoding: 1, ShortMessage: []byte("\x03\x25\x01\x01@")}, "@"},
		{"last of a repeated element", sms.Profile{}, &pdu.DeliverSM{ESMClass: pdu.UDHI, ShortMessage: []byte("\x06\x25\x01\x03\x25\x01\x01\x04")}, "€"},
		{"unknown language", sms.Profile{}, &pdu.DeliverSM{ESMClass: pdu.UDHI, ShortMessage: []byte("\x03\x25\x01\x63\x04")}, "è"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.profile.Text(c.body); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	if got := sms.Text(&pdu.DeliverSM{ShortMessage: []byte("\x00")}); got != "@" {
		t.Errorf("Text: %q", got)
	}
}

func TestUserData(t *testing.T) {
	m := &pdu.DeliverSM{ESMClass: pdu.UDHI | pdu.ReplyPath, DataCoding: 4, ShortMessage: []byte("\x05\x00\x03\x64\x02\x01\xFF\x00")}
	d, ok := sms.UserData(m)
	if !ok || d.Header.String() != "00:640201" || string(d.Octets) != "\xFF\x00" || string(d.Raw) != string(m.ShortMessage) ||
		d.DataCoding != 4 || d.ESMClass != 0xC0 || d.Concat != (sms.Concat{Reference: 0x64, Total: 2, Index: 1}) || d.Method != sms.ByUDH {
		t.Errorf("%+v, %t", d, ok)
	}
	if _, ok := sms.UserData(&pdu.SubmitSMResp{}); ok {
		t.Error("submit_sm_resp has user data")
	}

	sar := func(ref uint16, total, index uint8) *pdu.DeliverSM {
		return &pdu.DeliverSM{ShortMessage: []byte("hi"), TLVs: tlv.List{pdu.TLVSARMsgRefNum.Option(ref),
			pdu.TLVSARTotalSegments.Option(total), pdu.TLVSARSegmentSeqnum.Option(index)}}
	}
	for _, c := range []struct {
		name         string
		total, index uint8
		part         bool
	}{{"part", 3, 2, true}, {"last", 3, 3, true}, {"beyond", 3, 4, false}, {"zero index", 3, 0, false}, {"zero total", 0, 0, false}} {
		t.Run("SAR "+c.name, func(t *testing.T) {
			d, _ := sms.UserData(sar(500, c.total, c.index))
			if got := d.Concat.Total != 0; got != c.part || got && (d.Concat != sms.Concat{Reference: 500, Total: c.total, Index: c.index} || d.Method != sms.BySAR) {
				t.Errorf("%+v by %v", d.Concat, d.Method)
			}
		})
	}
	d, _ = sms.UserData(&pdu.DataSM{TLVs: tlv.List{pdu.TLVMessagePayload.Option([]byte("x"))}})
	if d.Method != sms.ByPayload || d.Concat.Total != 0 {
		t.Errorf("%+v", d)
	}
}

func TestRead(t *testing.T) {
	m, ok := sms.Profile{}.Read(&pdu.DeliverSM{Source: alice, Dest: acme, DataCoding: 0xF0, ShortMessage: []byte("hi")})
	if !ok || m.Source != alice || m.Dest != acme || m.Text != "hi" || !m.HasClass || m.Class != coding.ClassDisplay || !m.Known ||
		m.Charset != coding.GSM7 || len(m.Parts) != 1 || string(m.Octets()) != "hi" || m.Header() != nil {
		t.Errorf("%+v, %t", m, ok)
	}
	m, _ = sms.Profile{}.Read(&pdu.DeliverSM{DataCoding: 0x0C, ShortMessage: []byte("\xFF")})
	if m.Known || m.Text != "ÿ" || m.HasClass {
		t.Errorf("reserved data_coding: %+v", m)
	}
	m, _ = sms.Profile{}.Read(&pdu.SubmitMulti{Dests: pdu.To(alice)})
	if m.Dest != alice {
		t.Errorf("single destination: %+v", m)
	}
	if _, ok := (sms.Profile{}).Read(&pdu.Unbind{}); ok {
		t.Error("unbind is a message")
	}
}

func FuzzText(f *testing.F) {
	f.Add(uint8(0), uint8(0x40), []byte("\x05\x00\x03\x64\x02\x01hi \x1Be"), []byte{}, uint8(0))
	f.Add(uint8(8), uint8(0), []byte("\xD8\x3D\xDE\x00\x00"), []byte("\x04\x24\x00\x01a"), uint8(1))
	f.Add(uint8(0xF5), uint8(0x44), []byte("\x06\x25\x01\x01\x24\x01\x01x"), []byte("\x02\x0C\x00\x02\x00\x01"), uint8(2))
	f.Add(uint8(14), uint8(0x20), []byte("id:1 stat:DELIVRD"), []byte("\x00\x1E\x00\x01a"), uint8(3))
	profiles := []sms.Profile{{}, {Alphabet: coding.Latin1}, {GSMDataCoding: true}, {Alphabet: coding.UTF16, ReceiptText: true}}
	f.Fuzz(func(t *testing.T, dc, esm uint8, octets, tlvs []byte, which uint8) {
		options, _ := tlv.Parse(tlvs)
		p := profiles[int(which)%len(profiles)]
		j := sms.Joiner{Profile: p}
		for _, b := range []pdu.Body{
			&pdu.DeliverSM{ESMClass: pdu.ESMClass(esm), DataCoding: pdu.DataCoding(dc), ShortMessage: octets, TLVs: options},
			&pdu.DataSM{ESMClass: pdu.ESMClass(esm), DataCoding: pdu.DataCoding(dc), TLVs: options},
			&pdu.ReplaceSM{ShortMessage: octets, TLVs: options},
		} {
			text := p.Text(b)
			if !utf8.ValidString(text) {
				t.Fatalf("text %q is not UTF-8", text)
			}
			m, ok := p.Read(b)
			if !ok || m.Text != text {
				t.Fatalf("Read gives %q, Text %q", m.Text, text)
			}
			d, _ := sms.UserData(b)
			if !d.ESMClass.HasUDHI() && string(d.Octets) != string(d.Raw) {
				t.Fatal("octets lost")
			}
			if d.Header != nil {
				h, err := d.Header.Append(nil)
				if err != nil || string(h)+string(d.Octets) != string(d.Raw) {
					t.Fatalf("header % X and octets % X are not % X, %v", h, d.Octets, d.Raw, err)
				}
			}
			if joined, ok := add(t, &j, b); ok && joined.Text != text {
				t.Fatalf("joined %q, want %q", joined.Text, text)
			}
			if r, ok := p.ReadReceipt(b); ok && r == nil {
				t.Fatal("no receipt")
			}
		}
	})
}
