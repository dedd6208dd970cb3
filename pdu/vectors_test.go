package pdu_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/godwit-sms/smpp/pdu"
)

func TestValidVectors(t *testing.T) {
	for _, v := range readVectors(t).Valid {
		t.Run(v.Name, func(t *testing.T) {
			want := v.body(t)
			for _, strictness := range []pdu.Strictness{pdu.Lenient, pdu.ReportOnly} {
				c := pdu.NewCodec(nil, version(t, v.Version))
				c.SetStrictness(strictness)
				h, got, err := c.Decode(v.Hex)
				if err != nil {
					t.Fatal(err)
				}
				if h != v.header() {
					t.Errorf("header %+v, want %+v", h, v.header())
				}
				if !same(got, want) {
					t.Errorf("decoded\n%+v, want\n%+v", got, want)
				}
				for name, body := range map[string]pdu.Body{"decoded": got, "composed": want} {
					octets, err := c.Append([]byte("x"), v.header(), body)
					if err != nil {
						t.Errorf("the %s body does not encode: %v", name, err)
					} else if !bytes.Equal(octets[1:], v.Hex) {
						t.Errorf("the %s body encodes to\n%X, want\n%X", name, octets[1:], v.Hex)
					}
				}
			}
			if name := pdu.Standard().Name(v.ID); !strings.HasPrefix(v.Command, "0x") && name != v.Command {
				t.Errorf("command %s, want %s", name, v.Command)
			}
			for _, o := range v.TLVs {
				if name := pdu.Standard().TLVName(o.Tag); name != o.Name {
					t.Errorf("TLV 0x%04X is %q, want %q", uint16(o.Tag), name, o.Name)
				}
			}
			first, rest, err := pdu.Split(append(bytes.Clone(v.Hex), "next"...), 0)
			if err != nil || !bytes.Equal(first, v.Hex) || string(rest) != "next" {
				t.Errorf("Split gives %d octets, %q, %v", len(first), rest, err)
			}
		})
	}
}

// The JSON of a vector has the very fields that it states.
func TestVectorsInJSON(t *testing.T) {
	reg := pdu.Standard()
	for _, v := range readVectors(t).Valid {
		t.Run(v.Name, func(t *testing.T) {
			text := reg.AppendJSON(nil, v.Hex, nil)
			var got struct {
				ID       pdu.CommandID `json:"command_id"`
				Status   pdu.Status    `json:"command_status"`
				Sequence uint32        `json:"sequence_number"`
				Body     map[string]any
				Raw      any
			}
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			if h := (pdu.Header{Command: got.ID, Status: got.Status, Sequence: got.Sequence}); h != v.header() {
				t.Errorf("header %+v", h)
			}
			for name, value := range v.Fields {
				if hex, ok := value.(map[string]any); ok {
					value = strings.ToLower(hex["hex"].(string))
				}
				if !reflect.DeepEqual(got.Body[name], value) {
					t.Errorf("%s: %v, want %v", name, got.Body[name], value)
				}
			}
			if len(got.Body) != len(v.Fields) || (got.Body == nil) != (v.Fields == nil) || got.Raw != nil {
				t.Errorf("the body is not the one stated: %s", text)
			}
			back, err := reg.ParseJSON(text)
			if err != nil || !bytes.Equal(back, v.Hex) {
				t.Errorf("back from JSON: %X, %v", back, err)
			}
		})
	}
}

func TestInvalidVectors(t *testing.T) {
	for _, v := range readVectors(t).Invalid {
		t.Run(v.Name, func(t *testing.T) {
			_, _, err := pdu.Split(v.Hex, 0)
			if v.Close {
				var e *pdu.FrameError
				if !errors.As(err, &e) || pdu.StatusOf(err).String() != v.Answer.Status || e.Sequence != v.Answer.Sequence {
					t.Fatalf("Split: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatalf("Split: %v", err)
			}
			c := pdu.NewCodec(nil, 0)
			if v.Strict {
				if _, _, err := c.Decode(v.Hex); err != nil {
					t.Errorf("a lenient decoder says %v", err)
				}
				c.SetStrictness(pdu.Strict)
			}
			h, body, err := c.Decode(v.Hex)
			if _, unknown := body.(*pdu.Unknown); unknown {
				if want := v.Answer; want != nil && (want.Command != "generic_nack" || want.Status != "ESME_RINVCMDID" || h.Command.IsResponse()) {
					t.Errorf("unknown command, want %+v", want)
				}
				return
			}
			status := pdu.StatusOK
			if err != nil {
				status = pdu.StatusOf(err)
				checkDecodeError(t, err, h, v.Hex)
			}
			if (body == nil) != (err != nil) {
				t.Errorf("body %v beside %v", body, err)
			}
			if status.String() != v.Answer.Status || h.Sequence != v.Answer.Sequence || h.Command.Response().String() != v.Answer.Command {
				t.Errorf("%v for sequence_number %d (%v), want %+v", status, h.Sequence, err, *v.Answer)
			}
		})
	}
}

func checkDecodeError(t *testing.T, err error, h pdu.Header, frame []byte) {
	t.Helper()
	var e *pdu.DecodeError
	if !errors.As(err, &e) {
		t.Fatalf("a %T: %v", err, err)
	}
	if e.Command != h.Command || e.Field == "" || e.Reason == "" || e.Status == 0 || e.Offset < 0 || e.Offset > len(frame) || !errors.Is(err, e.Status) {
		t.Errorf("%+v", e)
	}
}

func TestDecodeErrorsNameTheField(t *testing.T) {
	bind := &pdu.BindTransceiver{Bind: pdu.Bind{SystemID: "sys", Password: "pw"}}
	submit := &pdu.SubmitSM{Source: pdu.Alphanumeric("ACME"), Dest: pdu.International("1"), ShortMessage: []byte("Hi")}
	full := func(body pdu.Body) []byte { return frame(t, pdu.Header{Sequence: 1}, body) }
	cut := func(b []byte, n int) []byte { return resize(b[:len(b)-n]) }
	for _, tt := range []struct {
		name   string
		frame  []byte
		field  string
		offset int
		status pdu.Status
	}{
		{"bind of a header alone", resize(full(bind)[:16]), "system_id", 16, pdu.StatusInvalidCommandLength},
		{"bind without address_range", cut(full(bind), 1), "address_range", 27, pdu.StatusInvalidCommandLength},
		{"system_id of 16 characters", splice(full(bind), 16, 3, "0123456789ABCDEF"), "system_id", 16, pdu.StatusInvalidSystemID},
		{"password of 9 characters", splice(full(bind), 20, 2, "123456789"), "password", 20, pdu.StatusInvalidPassword},
		{"system_type of 13 characters", splice(full(bind), 23, 0, "0123456789ABC"), "system_type", 23, pdu.StatusInvalidSystemType},
		{"address_range of 41 characters", splice(full(bind), 27, 0, strings.Repeat("4", 41)), "address_range", 27, pdu.StatusInvalidCommandLength},
		{"outbind without password", resize(full(&pdu.Outbind{SystemID: "MC"})[:19]), "password", 19, pdu.StatusInvalidCommandLength},
		{"alert_notification cut in an address", cut(full(&pdu.AlertNotification{ESME: pdu.ShortCode("8080")}), 1), "esme_addr", 21, pdu.StatusInvalidCommandLength},
		{"alert_notification cut in a numbering plan", cut(full(&pdu.AlertNotification{}), 2), "esme_addr_ton", 19, pdu.StatusInvalidCommandLength},
		{"submit_sm cut before source_addr_ton", resize(full(submit)[:17]), "source_addr_ton", 17, pdu.StatusInvalidCommandLength},
		{"submit_sm cut in esm_class", resize(full(submit)[:28]), "esm_class", 28, pdu.StatusInvalidCommandLength},
		{"submit_sm cut before sm_length", resize(full(submit)[:37]), "sm_length", 37, pdu.StatusInvalidCommandLength},
		{"submit_sm with half a short_message", cut(full(submit), 1), "sm_length", 37, pdu.StatusInvalidMessageLength},
		{"query_sm_resp with a bad final_date", splice(full(&pdu.QuerySMResp{MessageID: "1"}), 18, 0, "2403011230"), "final_date", 18, pdu.StatusInvalidCommandLength},
		{"submit_multi_resp cut in a list", cut(full(&pdu.SubmitMultiResp{Failed: make([]pdu.Unsuccessful, 2)}), 3), "error_status_code", 28, pdu.StatusInvalidCommandLength},
		{"submit_multi_resp that announces what it cannot hold", cut(full(&pdu.SubmitMultiResp{Failed: make([]pdu.Unsuccessful, 2)}), 14), "unsuccess_sme", 18, pdu.StatusInvalidCommandLength},
		{"message_id of 65 characters", splice(full(&pdu.SubmitSMResp{}), 16, 0, strings.Repeat("m", 65)), "message_id", 16, pdu.StatusInvalidCommandLength},
		{"TLV header cut", append(resizeBy(full(submit), 2), 2, 4), "tlvs", 40, pdu.StatusInvalidTLVStream},
		{"known TLV beyond the end", append(resizeBy(full(submit), 5), 2, 4, 0, 2, 1), "user_message_reference", 40, pdu.StatusInvalidTLVStream},
		{"unknown TLV beyond the end", append(resizeBy(full(submit), 4), 0x15, 0, 0, 9), "tlv 0x1500", 40, pdu.StatusInvalidTLVStream},
		{"TLV of wrong length", append(resizeBy(full(submit), 5), 2, 4, 0, 1, 1), "user_message_reference", 40, pdu.StatusInvalidTLVLength},
		{"command_length too small", append(full(submit), 0), "command_length", 0, pdu.StatusInvalidCommandLength},
		{"command_length too large", full(submit)[:39], "command_length", 0, pdu.StatusInvalidCommandLength},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, body, err := pdu.Decode(tt.frame)
			var e *pdu.DecodeError
			if !errors.As(err, &e) || body != nil {
				t.Fatalf("body %v, error %v", body, err)
			}
			checkDecodeError(t, err, h, tt.frame)
			if e.Field != tt.field || e.Offset != tt.offset || e.Status != tt.status {
				t.Errorf("%s at %d: %v, want %s at %d: %v", e.Field, e.Offset, e.Status, tt.field, tt.offset, tt.status)
			}
		})
	}
	for n := range pdu.HeaderLen {
		var e *pdu.FrameError
		if _, _, err := pdu.Decode(make([]byte, n)); !errors.As(err, &e) || pdu.StatusOf(err) != pdu.StatusInvalidCommandLength {
			t.Errorf("%d octets: %v", n, err)
		}
	}
}

// resize makes command_length true.
func resize(frame []byte) []byte { return resizeBy(frame, 0) }

func resizeBy(frame []byte, more int) []byte {
	b := bytes.Clone(frame)
	binary.BigEndian.PutUint32(b, uint32(len(b)+more))
	return b
}

// splice replaces n octets at a place.
func splice(frame []byte, at, n int, with string) []byte {
	return resize(append(append(bytes.Clone(frame[:at]), with...), frame[at+n:]...))
}

// A command without a vector fails; one of the three binds stands for all, and
// commands of v3.3 alone are not registered.
func TestEveryCommandHasAVector(t *testing.T) {
	have := map[pdu.CommandID]bool{}
	for _, v := range readVectors(t).Valid {
		have[v.ID] = true
		switch v.ID.Request() {
		case pdu.IDBindReceiver, pdu.IDBindTransmitter, pdu.IDBindTransceiver:
			for _, id := range []pdu.CommandID{pdu.IDBindReceiver, pdu.IDBindTransmitter, pdu.IDBindTransceiver} {
				have[id|v.ID&pdu.ResponseBit] = true
			}
		}
	}
	ids := pdu.Standard().Commands()
	if len(ids) != 33 {
		t.Errorf("%d commands, want 33", len(ids))
	}
	for _, id := range ids {
		if !have[id] {
			t.Errorf("%v has no vector", id)
		}
	}
}

// The largest PDUs are composed here, octet by octet.
func TestLargeVectors(t *testing.T) {
	t.Run("submit_multi with 255 destinations", func(t *testing.T) {
		dest := "\x01\x01\x01447700900001\x00" + "\x02staff\x00"
		want := "\x00\x00\x00\x00\x00\x00\x00\x21\x00\x00\x00\x00\x00\x00\x00\x09" + "\x00" + "\x05\x00ACME\x00" + "\xFF" +
			strings.Repeat(dest, 127) + "\x01\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00" + "\x02Hi"
		m := &pdu.SubmitMulti{Source: pdu.Alphanumeric("ACME"), ShortMessage: []byte("Hi")}
		for range 127 {
			m.Dests = append(m.Dests, pdu.Destination{Flag: pdu.DestAddress, Address: pdu.International("447700900001")},
				pdu.Destination{Flag: pdu.DestList, List: "staff"})
		}
		m.Dests = append(m.Dests, pdu.Destination{Flag: pdu.DestAddress})
		checkBothWays(t, pdu.Header{Command: pdu.IDSubmitMulti, Sequence: 9}, m, resize([]byte(want)))
		m.Dests = append(m.Dests, pdu.Destination{})
		var e *pdu.EncodeError
		if _, err := pdu.Append(nil, pdu.Header{}, m); !errors.As(err, &e) || e.Field != "number_of_dests" || e.Status != pdu.StatusInvalidNumberOfDests {
			t.Errorf("256 destinations: %v", err)
		}
	})
	t.Run("message_payload of 60000 octets", func(t *testing.T) {
		payload := strings.Repeat("0123456789", 6000)
		want := "\x00\x00\x00\x00\x00\x00\x01\x03\x00\x00\x00\x00\x00\x00\x00\x0A" + "\x00" + "\x00\x00\x00" + "\x01\x011\x00" + "\x00\x00\x04" +
			"\x04\x24\xEA\x60" + payload
		m := &pdu.DataSM{Dest: pdu.International("1"), DataCoding: pdu.CodingOctets}
		pdu.TLVMessagePayload.Set(&m.TLVs, []byte(payload))
		checkBothWays(t, pdu.Header{Command: pdu.IDDataSM, Sequence: 10}, m, resize([]byte(want)))
	})
	t.Run("message_payload of 65535 octets and 255 destinations fit the default limit", func(t *testing.T) {
		m := &pdu.SubmitMulti{Dests: make([]pdu.Destination, 255)}
		for i := range m.Dests {
			m.Dests[i] = pdu.Destination{Flag: pdu.DestAddress, Address: pdu.International(strings.Repeat("1", 20))}
		}
		pdu.TLVMessagePayload.Set(&m.TLVs, make([]byte, 65535))
		b := frame(t, pdu.Header{Sequence: 1}, m)
		if first, _, err := pdu.Split(b, 0); err != nil || len(first) != len(b) {
			t.Errorf("%d of %d octets, %v", len(first), len(b), err)
		}
	})
}

func checkBothWays(t *testing.T, h pdu.Header, body pdu.Body, want []byte) {
	t.Helper()
	if got := frame(t, h, body); !bytes.Equal(got, want) {
		t.Errorf("encodes to %d octets\n%.200X, want %d\n%.200X", len(got), got, len(want), want)
	}
	gotH, got := decode(t, want)
	if gotH != h || !same(got, body) {
		t.Errorf("decodes to %+v\n%.200v", gotH, got)
	}
}
