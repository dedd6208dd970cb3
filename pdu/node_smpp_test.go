package pdu_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// What node-smpp gets wrong about octets, by the numbers of docs/node-smpp.md.
func TestNodeSMPPBugs(t *testing.T) {
	t.Run("B2 a command_length below 16 ends the stream with an error, at once", func(t *testing.T) {
		for n := range uint8(16) {
			var e *pdu.FrameError
			_, _, err := pdu.Split([]byte{0, 0, 0, n}, 0)
			if !errors.As(err, &e) || e.Length != uint32(n) || e.Sequence != 0 || !errors.Is(err, pdu.StatusInvalidCommandLength) {
				t.Errorf("command_length %d: %v", n, err)
			}
		}
	})
	t.Run("B2 a command_length above the limit is an error with the sequence_number", func(t *testing.T) {
		head := []byte{0, 2, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 9}
		for n := 4; n < 16; n++ {
			if frame, rest, err := pdu.Split(head[:n], 0); len(frame) > 0 || len(rest) != n || err != nil {
				t.Errorf("%d octets: %v", n, err)
			}
		}
		var e *pdu.FrameError
		if _, _, err := pdu.Split(head, 0); !errors.As(err, &e) || e.Length != pdu.DefaultMaxLen+1 || e.Limit != pdu.DefaultMaxLen || e.Sequence != 9 {
			t.Errorf("%+v", e)
		}
		if _, _, err := pdu.Split(head, pdu.DefaultMaxLen+1); err != nil {
			t.Errorf("with a higher limit: %v", err)
		}
	})
	t.Run("B3 a string TLV without NUL ends where its length says", func(t *testing.T) {
		m := &pdu.DeliverSM{TLVs: tlvList(0x001E, "ABC", 0x0427, "\x02")}
		_, got := decode(t, frame(t, pdu.Header{}, m))
		l := got.(*pdu.DeliverSM).TLVs
		if id, ok := pdu.TLVReceiptedMessageID.Get(l); id != "ABC" || !ok {
			t.Errorf("receipted_message_id %q, %v", id, ok)
		}
		if state, ok := pdu.TLVMessageState.Get(l); state != pdu.StateDelivered || !ok {
			t.Errorf("message_state %v, %v", state, ok)
		}
	})
	t.Run("B4 an empty alert_on_message_delivery may come last", func(t *testing.T) {
		_, got := decode(t, frame(t, pdu.Header{}, &pdu.SubmitSM{TLVs: tlvList(0x130C, "")}))
		if alert, ok := pdu.TLVAlertOnMessageDelivery.Get(got.(*pdu.SubmitSM).TLVs); alert != pdu.AlertDefault || !ok {
			t.Errorf("%v, %v", alert, ok)
		}
	})
	t.Run("B4 integers of wrong length are errors, not zeros", func(t *testing.T) {
		for name, l := range map[string]tlv.List{"user_message_reference": tlvList(0x0204, "\x01"), "message_state": tlvList(0x0427, "\x00\x00\x00\x02")} {
			var e *pdu.DecodeError
			_, _, err := pdu.Decode(frame(t, pdu.Header{}, &pdu.SubmitSM{TLVs: l}))
			if !errors.As(err, &e) || e.Field != name || e.Status != pdu.StatusInvalidTLVLength {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("B6 a short_message of 300 octets is an error that leaves nothing behind", func(t *testing.T) {
		buf, err := pdu.Append([]byte("before"), pdu.Header{}, &pdu.SubmitSM{ShortMessage: make([]byte, 300)})
		var e *pdu.EncodeError
		if !errors.As(err, &e) || e.Field != "short_message" || e.Value != "of 300 octets" || e.Status != pdu.StatusInvalidMessageLength || string(buf) != "before" {
			t.Errorf("%q, %v", buf, err)
		}
	})
	t.Run("B10 it is known which commands have no response", func(t *testing.T) {
		var notices []pdu.CommandID
		for _, id := range pdu.Standard().Commands() {
			if pdu.Standard().Notice(id) {
				notices = append(notices, id)
			} else if !id.IsResponse() && !pdu.Standard().Known(id.Response()) {
				t.Errorf("%v has no response", id)
			}
		}
		if !slices.Equal(notices, []pdu.CommandID{pdu.IDOutbind, pdu.IDAlertNotification}) {
			t.Errorf("%v", notices)
		}
		if !vendor().Notice(0x00010201) || vendor().Notice(0x00010200) {
			t.Error("custom ones")
		}
	})
	t.Run("B19 source_telematics_id has one octet and dest_addr_np_country up to five", func(t *testing.T) {
		var l tlv.List
		pdu.TLVSourceTelematicsID.Set(&l, 0x40)
		pdu.TLVDestAddrNPCountry.Set(&l, []byte{1, 2, 3, 4, 5})
		_, got := decode(t, frame(t, pdu.Header{}, &pdu.SubmitSM{TLVs: l}))
		l = got.(*pdu.SubmitSM).TLVs
		if id, ok := pdu.TLVSourceTelematicsID.Get(l); id != 0x40 || !ok || len(l[0].Value) != 1 {
			t.Errorf("%x, %v", id, ok)
		}
		if c, ok := pdu.TLVDestAddrNPCountry.Get(l); !bytes.Equal(c, []byte{1, 2, 3, 4, 5}) || !ok {
			t.Errorf("%x, %v", c, ok)
		}
	})
	t.Run("B20 unknown TLVs are kept in order and written back", func(t *testing.T) {
		in := frame(t, pdu.Header{Sequence: 1}, &pdu.DeliverSM{TLVs: tlvList(0x3FFF, "z", 0x0427, "\x02", 0x1500, "", 0x3FFF, "y", 0x0000, "x")})
		h, got := decode(t, in)
		if l := got.(*pdu.DeliverSM).TLVs; len(l) != 5 || !l.Has(0x1500) {
			t.Errorf("%v", l)
		}
		if out := frame(t, h, got); !bytes.Equal(out, in) {
			t.Errorf("% x became % x", in, out)
		}
	})
	t.Run("B20 unknown commands are kept and written back", func(t *testing.T) {
		in := frame(t, pdu.Header{Sequence: 1, Status: 5}, &pdu.Unknown{ID: 0x00012345, Raw: []byte("anything\x00")})
		h, got := decode(t, in)
		if out := frame(t, h, got); !bytes.Equal(out, in) || h.Command != 0x00012345 {
			t.Errorf("% x became % x", in, out)
		}
	})
	t.Run("B21 a response with an error carries its message_id and TLVs", func(t *testing.T) {
		r := &pdu.SubmitSMResp{MessageID: "42"}
		pdu.TLVNetworkErrorCode.Set(&r.TLVs, pdu.NetworkError{Type: pdu.ErrorGSM, Code: 27})
		h, got := decode(t, frame(t, pdu.Header{Status: pdu.StatusDeliveryFailure, Sequence: 1}, r))
		if h.Status != pdu.StatusDeliveryFailure || !same(got, r) {
			t.Errorf("%v %+v", h.Status, got)
		}
	})
	t.Run("B23 strings that are too long are refused and all octets survive", func(t *testing.T) {
		var e *pdu.EncodeError
		if _, err := pdu.Append(nil, pdu.Header{}, &pdu.SubmitSM{Source: pdu.Alphanumeric(strings.Repeat("A", 21))}); !errors.As(err, &e) || e.Field != "source_addr" {
			t.Error(err)
		}
		if _, err := pdu.Append(nil, pdu.Header{}, &pdu.SubmitSM{Source: pdu.Alphanumeric("A\x00B")}); !errors.As(err, &e) || e.Field != "source_addr" {
			t.Error(err)
		}
		const cafe = "Caf\xE9"
		_, got := decode(t, frame(t, pdu.Header{}, &pdu.SubmitSM{Source: pdu.Alphanumeric(cafe)}))
		if addr := got.(*pdu.SubmitSM).Source.Addr; addr != cafe {
			t.Errorf("%q", addr)
		}
		text := checkJSON(t, pdu.Standard(), frame(t, pdu.Header{}, &pdu.SubmitSM{Source: pdu.Alphanumeric(cafe)}))
		if !strings.Contains(string(text), `"source_addr":"Café"`) {
			t.Errorf("%s", text)
		}
	})
	t.Run("B24 times stay what they are", func(t *testing.T) {
		m := &pdu.SubmitSM{ScheduleDeliveryTime: "990101000000000+", ValidityPeriod: "000002000000000R"}
		_, got := decode(t, frame(t, pdu.Header{}, m))
		if s := got.(*pdu.SubmitSM); s.ValidityPeriod != m.ValidityPeriod || s.ScheduleDeliveryTime != m.ScheduleDeliveryTime {
			t.Errorf("%q %q", s.ScheduleDeliveryTime, s.ValidityPeriod)
		}
		if at, err := m.ScheduleDeliveryTime.At(time.Time{}); err != nil || at.Year() != 1999 {
			t.Errorf("%v, %v", at, err)
		}
		if err := pdu.Time("garbage garbage!").Check(); err == nil {
			t.Error("garbage is no time")
		}
		for n := 1; n < 20; n++ {
			var e *pdu.EncodeError
			_, err := pdu.Append(nil, pdu.Header{}, &pdu.SubmitSM{ValidityPeriod: pdu.Time(strings.Repeat("0", n))})
			if errors.As(err, &e) == (n == 16) {
				t.Errorf("%d characters: %v", n, err)
			}
		}
		// Summer time of the machine does not matter: a day has 24 hours.
		berlin := time.FixedZone("", 3600)
		before := time.Date(2024, 3, 30, 12, 0, 0, 0, berlin)
		if at, err := pdu.Time("000001000000000R").At(before.UTC()); err != nil || at.Sub(before) != 24*time.Hour {
			t.Errorf("%v, %v", at, err)
		}
	})
	t.Run("B25 encoding changes neither the PDU nor its TLVs, and does the same twice", func(t *testing.T) {
		fresh := func() *pdu.SubmitMulti {
			return &pdu.SubmitMulti{Dests: []pdu.Destination{{List: "staff"}, {Address: pdu.ShortCode("1")}}, ShortMessage: []byte("text"), TLVs: tlvList(0x0204, "\x00\x01")}
		}
		m, before := fresh(), fresh()
		if !same(pdu.Clone(m), before) {
			t.Errorf("cloned as %+v", pdu.Clone(m))
		}
		first := frame(t, pdu.Header{Sequence: 1}, m)
		second := frame(t, pdu.Header{Sequence: 1}, m)
		if !bytes.Equal(first, second) || !same(m, before) {
			t.Errorf("%+v, was %+v", m, before)
		}
	})
	t.Run("B27 20,000 octets of payload pass both ways", func(t *testing.T) {
		payload := make([]byte, 20000)
		rnd := rand.New(rand.NewPCG(1, 2))
		for i := range payload {
			payload[i] = byte(rnd.Uint32())
		}
		m := new(pdu.DeliverSM)
		pdu.TLVMessagePayload.Set(&m.TLVs, payload)
		first, rest, err := pdu.Split(frame(t, pdu.Header{Sequence: 1}, m), 0)
		if err != nil || len(rest) != 0 {
			t.Fatal(err)
		}
		_, got := decode(t, first)
		if p, ok := pdu.TLVMessagePayload.Get(got.(*pdu.DeliverSM).TLVs); !ok || !bytes.Equal(p, payload) {
			t.Errorf("%d octets", len(p))
		}
	})
	t.Run("B38 two message centers may have different rules", func(t *testing.T) {
		one, two := pdu.Standard().Clone(), pdu.Standard().Clone()
		one.DefineTLV(tlv.Define(0x1400, "campaign", tlv.CString(9)))
		two.DefineTLV(tlv.Define(0x1400, "price", tlv.Uint16()))
		octets := frame(t, pdu.Header{}, &pdu.SubmitSM{TLVs: tlvList(0x1400, "x")})
		if _, _, err := pdu.NewCodec(one, 0).Decode(octets); err != nil {
			t.Errorf("one: %v", err)
		}
		if _, _, err := pdu.NewCodec(two, 0).Decode(octets); pdu.StatusOf(err) != pdu.StatusInvalidTLVLength {
			t.Errorf("two: %v", err)
		}
		if _, _, err := pdu.Decode(octets); err != nil {
			t.Errorf("neither: %v", err)
		}
	})
}
