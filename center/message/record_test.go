package message_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

func full() *message.Message {
	at := time.Date(2026, 11, 25, 19, 0, 0, 123, time.UTC)
	return &message.Message{
		ID: 0x1000c5f547facb03, Kind: message.Notification, Group: 0x1000c5f547facb00, Dests: 254, Alias: "b0514f01", Account: "acme", Origin: 1<<64 - 1,
		State: pdu.StateEnroute, Submitted: at, Due: at.Add(time.Minute), Expires: at.Add(time.Hour), Final: at.Add(2 * time.Hour), Next: at.Add(3 * time.Hour),
		Attempts: 7, Error: message.Error{Type: pdu.ErrorGSM, Code: 0xFFFF}, ServiceType: "CMT", Source: pdu.Alphanumeric("ACME"),
		Dest: pdu.International("491701234567"), ESMClass: pdu.UDHI, ProtocolID: 0x41, Priority: 3, RegisteredDelivery: pdu.FinalReceipt,
		DataCoding: pdu.CodingUCS2, Text: []byte{0, 'h', 0, 'i'}, TLVs: tlv.List{pdu.TLVUserMessageReference.Option(7), {Tag: 0x1400}},
	}
}

func TestRecord(t *testing.T) {
	for _, tt := range []struct {
		name string
		m    *message.Message
	}{
		{"everything", full()},
		{"nothing", &message.Message{}},
		{"a broadcast", &message.Message{Kind: message.Broadcast, Areas: []message.Area{{ID: "\x00north", Tried: 7, Reached: 1<<32 - 1}, {ID: "\x00"}}}},
		{"for a long list", &message.Message{Dests: 5_000_000}},
		{"sent once", &message.Message{Sent: true, Text: []byte("x")}},
	} {
		got, err := message.ParseRecord(message.AppendRecord(nil, tt.m))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if len(got.Text) == 0 {
			got.Text = nil
		}
		for i := range got.TLVs {
			if len(got.TLVs[i].Value) == 0 {
				got.TLVs[i].Value = nil
			}
		}
		if !reflect.DeepEqual(got, tt.m) {
			t.Errorf("%s:\n got %+v\nwant %+v", tt.name, got, tt.m)
		}
	}
	m := full()
	facts, err := message.ParseFacts(message.AppendRecord(nil, m))
	if err != nil || facts.Text != nil || facts.TLVs != nil || facts.Dest != m.Dest || facts.Attempts != 7 {
		t.Errorf("ParseFacts = %+v, %v", facts, err)
	}
	if got, err := message.ParseRecord(message.AppendFacts(nil, m)); err != nil || got.Text != nil || got.Account != m.Account {
		t.Errorf("a record without content = %+v, %v", got, err)
	}
}

func TestDamagedRecord(t *testing.T) {
	sent := full()
	sent.Sent, sent.Areas = true, []message.Area{{ID: "\x00north", Tried: 2, Reached: 1}}
	for _, m := range []*message.Message{full(), sent} {
		b := message.AppendRecord(nil, m)
		whole := len(message.AppendFacts(nil, m))
		for n := range b {
			if _, err := message.ParseRecord(b[:n]); n != whole && !errors.Is(err, message.ErrRecord) {
				t.Errorf("%d of %d octets: %v; want %v", n, len(b), err, message.ErrRecord)
			}
		}
	}
	b := message.AppendRecord(nil, full())
	if _, err := message.ParseRecord(append(b, 0)); !errors.Is(err, message.ErrRecord) {
		t.Errorf("an octet too many: %v", err)
	}
	b[0] = 3
	if _, err := message.ParseRecord(b); err == nil || errors.Is(err, message.ErrRecord) {
		t.Errorf("a record of a newer version: %v", err)
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(message.AppendRecord(nil, full()))
	f.Add(message.AppendRecord(nil, &message.Message{}))
	f.Add(message.AppendRecord(nil, &message.Message{Sent: true, Areas: []message.Area{{ID: "\x00north", Tried: 2, Reached: 1}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := message.ParseRecord(b)
		if err != nil {
			return
		}
		again, err := message.ParseRecord(message.AppendRecord(nil, m))
		if err != nil || !reflect.DeepEqual(again, m) {
			// A record without content reads like one with none.
			m.Text, again.Text = append([]byte{}, m.Text...), append([]byte{}, again.Text...)
			if !reflect.DeepEqual(again, m) {
				t.Errorf("%+v\nreads back as %+v, %v", m, again, err)
			}
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	m := full()
	rec := message.AppendRecord(nil, m)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			rec = message.AppendRecord(rec[:0], m)
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := message.ParseRecord(rec); err != nil {
				b.Fatal(err)
			}
		}
	})
}
