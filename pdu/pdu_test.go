package pdu_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

func TestBinds(t *testing.T) {
	for _, tt := range []struct {
		request pdu.BindRequest
		want    pdu.CommandID
	}{
		{&pdu.BindReceiver{Bind: pdu.Bind{SystemID: "r"}}, pdu.IDBindReceiverResp},
		{&pdu.BindTransmitter{Bind: pdu.Bind{SystemID: "t"}}, pdu.IDBindTransmitterResp},
		{&pdu.BindTransceiver{Bind: pdu.Bind{SystemID: "x"}}, pdu.IDBindTransceiverResp},
	} {
		t.Run(tt.want.String(), func(t *testing.T) {
			resp := tt.request.NewBindResp(pdu.BindResp{SystemID: "MC"})
			r, ok := resp.(pdu.BindResponse)
			if !ok || resp.Command() != tt.want || r.BindRespFields().SystemID != "MC" {
				t.Errorf("%T %+v", resp, resp)
			}
			tt.request.BindFields().Password = "pw"
			_, got := decode(t, frame(t, pdu.Header{}, tt.request))
			if b := got.(pdu.BindRequest).BindFields(); b.Password != "pw" || b.SystemID != tt.request.BindFields().SystemID {
				t.Errorf("%+v", b)
			}
		})
	}
}

func TestParseHeader(t *testing.T) {
	octets := []byte("\x00\x00\x01\x02\x80\x00\x00\x04\x00\x00\x00\x58\xFF\xFF\xFF\xFE")
	want := pdu.Header{Command: pdu.IDSubmitSMResp, Status: pdu.StatusThrottled, Sequence: 0xFFFFFFFE}
	for _, b := range [][]byte{octets, append(octets, 1, 2, 3)} {
		if h, length, err := pdu.ParseHeader(b); err != nil || h != want || length != 0x102 {
			t.Errorf("%+v, %d, %v", h, length, err)
		}
	}
	if _, _, err := pdu.ParseHeader(octets[:15]); err == nil {
		t.Error("15 octets are no header")
	}
}

func TestHeaderTakesTheCommandOfTheBody(t *testing.T) {
	h, _ := decode(t, frame(t, pdu.Header{Command: pdu.IDUnbind, Status: 7, Sequence: 8}, new(pdu.EnquireLink)))
	if h != (pdu.Header{Command: pdu.IDEnquireLink, Status: 7, Sequence: 8}) {
		t.Errorf("%+v", h)
	}
}

func TestUnknown(t *testing.T) {
	var none *pdu.Unknown
	if none.Command() != 0 {
		t.Error("a nil *Unknown has a command")
	}
	u := &pdu.Unknown{ID: 0x55}
	pdu.Standard().Fill(rand.New(rand.NewPCG(1, 1)), u)
	if _, got := decode(t, frame(t, pdu.Header{}, u)); !same(got, u) {
		t.Errorf("%+v became %+v", u, got)
	}
}

func TestStringsThatCannotBeWritten(t *testing.T) {
	for _, tt := range []struct {
		name   string
		body   pdu.Body
		field  string
		status pdu.Status
		value  string
	}{
		{"a NUL in a time", &pdu.SubmitSM{ValidityPeriod: "00000200000000\x00R"}, "validity_period", pdu.StatusInvalidExpiry, `"00000200000000\x00R"`},
		{"a NUL in a string", &pdu.SubmitSM{ServiceType: "a\x00"}, "service_type", pdu.StatusInvalidServiceType, `"a\x00"`},
		{"a long value is cut", &pdu.SubmitSM{Dest: pdu.International(string(make([]byte, 99)))}, "destination_addr", pdu.StatusInvalidDest, `"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00...`},
		{"a field without a status", &pdu.SubmitSMResp{MessageID: string(make([]byte, 2))}, "message_id", pdu.StatusInvalidCommandLength, `"\x00\x00"`},
		{"a TLV without a name", &pdu.Unbind{TLVs: tlv.List{{Tag: 0x1500, Value: make([]byte, 65536)}}}, "tlv 0x1500", pdu.StatusInvalidTLVLength, "of 65536 octets"},
		{"a form with an error of its own", &pdu.Unbind{TLVs: tlv.List{tlv.Define(0x1500, "own", ownForm()).Option(1)}}, "own", pdu.StatusInvalidTLVValue, "of 0 octets"},
		{"dest_flag 3", &pdu.SubmitMulti{Dests: []pdu.Destination{{Flag: 3}}}, "dest_flag", pdu.StatusInvalidDestFlag, "3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := pdu.Append(nil, pdu.Header{}, tt.body)
			var e *pdu.EncodeError
			if !errors.As(err, &e) || e.Field != tt.field || e.Status != tt.status || e.Value != tt.value || e.Command != tt.body.Command() {
				t.Errorf("%+v", err)
			}
		})
	}
}

func ownForm() tlv.Form[int] {
	return tlv.NewForm("own", 0, 1,
		func(dst []byte, _ int) ([]byte, error) { return dst, errors.New("never") },
		func([]byte) (int, error) { return 0, &tlv.Error{Fault: tlv.FaultValue, Value: "7", Rule: "never"} })
}

// A value that a custom form refuses is answered as such.
func TestRefusedTLVValue(t *testing.T) {
	reg := pdu.Standard().Clone()
	reg.DefineTLV(tlv.Define(0x1500, "own", ownForm()))
	octets := frame(t, pdu.Header{}, &pdu.Unbind{TLVs: tlvList(0x1500, "x")})
	_, _, err := pdu.NewCodec(reg, 0).Decode(octets)
	var e *pdu.DecodeError
	if !errors.As(err, &e) || e.Field != "own" || e.Status != pdu.StatusInvalidTLVValue || e.Reason != "7: never" || e.Offset != 16 {
		t.Errorf("%+v", err)
	}
	reg.Fill(rand.New(rand.NewPCG(1, 1)), new(pdu.Unbind)) // must come to an end
	checkJSON(t, reg, octets)
	readDump(t, reg.AppendDump(nil, octets))
}
