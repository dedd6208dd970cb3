package pdu_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

func TestMaxTLVs(t *testing.T) {
	for _, test := range []struct {
		name string
		n    int
		ok   bool
	}{{"none", 0, true}, {"one", 1, true}, {"as many as may be", pdu.MaxTLVs, true}, {"one more", pdu.MaxTLVs + 1, false}, {"a PDU full", (pdu.DefaultMaxLen - 100) / 4, false}} {
		t.Run(test.name, func(t *testing.T) {
			m := &pdu.SubmitSM{Dest: pdu.International("491701234567")}
			frame, err := pdu.Append(nil, pdu.Header{Sequence: 1}, m)
			if err != nil {
				t.Fatal(err)
			}
			for range test.n {
				frame = binary.BigEndian.AppendUint32(frame, 0x3FFF0000) // an empty one
				m.TLVs = append(m.TLVs, tlv.Option{Tag: 0x3FFF})
			}
			binary.BigEndian.PutUint32(frame, uint32(len(frame)))
			_, body, err := pdu.Decode(frame)
			_, encodeErr := pdu.Append(nil, pdu.Header{Sequence: 1}, m)
			if test.ok {
				if err != nil || len(body.(*pdu.SubmitSM).TLVs) != test.n || encodeErr != nil {
					t.Fatalf("%v, %v, %v", body, err, encodeErr)
				}
				return
			}
			var e *pdu.DecodeError
			if !errors.As(err, &e) || e.Field != "tlvs" || e.Status != pdu.StatusInvalidTLVStream {
				t.Errorf("decoded: %v", err)
			}
			var f *pdu.EncodeError
			if !errors.As(encodeErr, &f) || f.Field != "tlvs" {
				t.Errorf("encoded: %v", encodeErr)
			}
		})
	}
}
