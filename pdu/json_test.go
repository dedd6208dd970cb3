package pdu_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/godwit-sms/smpp/pdu"
)

// checkJSON writes a frame as JSON and wants the very same octets back.
func checkJSON(t *testing.T, reg *pdu.Registry, frame []byte) []byte {
	t.Helper()
	text := reg.AppendJSON([]byte("kept"), frame, nil)[4:]
	if !json.Valid(text) || bytes.ContainsAny(text, "\n\r") {
		t.Fatalf("% X: no line of JSON: %s", frame, text)
	}
	back, err := reg.ParseJSON(text)
	if err != nil || !bytes.Equal(back, frame) {
		t.Fatalf("% X\nbecame %s\nand then % X, %v", frame, text, back, err)
	}
	return text
}

func has(text []byte, member string) bool {
	var m map[string]any
	if json.Unmarshal(text, &m) != nil {
		return false
	}
	_, ok := m[member]
	return ok
}

func TestJSONIsTheInverse(t *testing.T) {
	reg := pdu.Standard()
	rounds, cuts := 40, 3
	if raceEnabled {
		rounds, cuts = 10, 1
	}
	everyCommand(t, func(t *testing.T, id pdu.CommandID) {
		rnd := random(t)
		for round := range rounds {
			octets := frame(t, pdu.Header{Status: pdu.Status(rnd.IntN(300) / 200), Sequence: rnd.Uint32()}, filled(t, rnd, reg, id))
			if text := checkJSON(t, reg, octets); has(text, "raw") || has(text, "error") {
				t.Fatalf("% X has raw octets: %s", octets, text)
			}
			for i := 0; i < 20; i++ { // some octets changed
				bad := bytes.Clone(octets)
				for range 1 + rnd.IntN(4) {
					bad[rnd.IntN(len(bad))] = byte(rnd.Uint32())
				}
				checkJSON(t, reg, bad)
			}
			for n := range 6 { // padding, and stray octets
				padded := append(resizeBy(octets, n), make([]byte, n)...)
				if text := checkJSON(t, reg, padded); !has(text, "raw") && n > 0 && n < 4 {
					t.Fatalf("the padding is lost: %s", text)
				}
				checkJSON(t, reg, append(resizeBy(octets, n), bytes.Repeat([]byte{7}, n)...))
			}
			if round >= cuts {
				continue
			}
			for n := range octets { // cut anywhere, with and without a true command_length
				checkJSON(t, reg, octets[:n])
				if n >= 4 {
					checkJSON(t, reg, resize(octets[:n]))
				}
			}
		}
	})
	t.Run("unknown", func(t *testing.T) {
		for _, id := range []pdu.CommandID{0, 0x55, 0x80000055, 0x10200, pdu.IDQueryLastMsgs, pdu.IDQueryMsgDetailsResp, 0xFFFFFFFF} {
			for _, raw := range []string{"", "abc", "\x00\xFF"} {
				text := checkJSON(t, reg, frame(t, pdu.Header{Sequence: 1}, &pdu.Unknown{ID: id, Raw: []byte(raw)}))
				if want := fmt.Sprintf(`"body":{"raw":"%x"}`, raw); !strings.Contains(string(text), want) {
					t.Errorf("%s, want %s", text, want)
				}
			}
		}
	})
	t.Run("random octets", func(t *testing.T) {
		rnd := random(t)
		for range 2000 {
			b := make([]byte, rnd.IntN(64))
			for i := range b {
				b[i] = byte(rnd.Uint32())
			}
			checkJSON(t, reg, b)
			if len(b) >= pdu.HeaderLen {
				copy(b[4:], []byte{byte(rnd.IntN(2)) << 7, 0, 0, byte(rnd.IntN(0x22))})
				checkJSON(t, reg, resize(b))
			}
		}
	})
}

func TestJSONShape(t *testing.T) {
	m := &pdu.SubmitSM{
		Source: pdu.Alphanumeric("ACME"), Dest: pdu.International("491701234567"),
		RegisteredDelivery: pdu.FinalReceipt, ShortMessage: []byte("hi"),
	}
	pdu.TLVUserMessageReference.Set(&m.TLVs, 0x1234)
	latin := &pdu.SubmitSM{Source: pdu.Alphanumeric("Caf\xE9 <\"\\\x01\x7F>")}
	submission := `"service_type":"","source_addr_ton":5,"source_addr_npi":0,"source_addr":%s,"dest_addr_ton":%s,` +
		`"esm_class":0,"protocol_id":0,"priority_flag":0,"schedule_delivery_time":"","validity_period":"",%s`
	for _, tt := range []struct {
		name  string
		frame []byte
		want  string
	}{
		{
			"submit_sm", frame(t, pdu.Header{Sequence: 7}, m),
			`{"command":"submit_sm","command_id":4,"command_status":0,"sequence_number":7,"body":{` +
				fmt.Sprintf(submission, `"ACME"`, `1,"dest_addr_npi":1,"destination_addr":"491701234567"`,
					`"registered_delivery":1,"replace_if_present_flag":0,"data_coding":0,"sm_default_msg_id":0,"sm_length":2,"short_message":"6869"`) +
				`},"tlvs":[{"tag":516,"name":"user_message_reference","value":"1234","decoded":4660}],"text":"hi"}`,
		},
		{
			"octets above 0x7F, quotes and controls", frame(t, pdu.Header{Sequence: 7}, latin),
			`{"command":"submit_sm","command_id":4,"command_status":0,"sequence_number":7,"body":{` +
				fmt.Sprintf(submission, `"Café <\"\\\u0001`+"\x7F"+`>"`, `0,"dest_addr_npi":0,"destination_addr":""`,
					`"registered_delivery":0,"replace_if_present_flag":0,"data_coding":0,"sm_default_msg_id":0,"sm_length":0,"short_message":""`) +
				`},"tlvs":[]}`,
		},
		{
			"an absent body", frame(t, pdu.Header{Command: pdu.IDSubmitSMResp, Status: pdu.StatusThrottled, Sequence: 1}, nil),
			`{"command":"submit_sm_resp","command_id":2147483652,"command_status":88,"sequence_number":1,"body":null,"tlvs":[]}`,
		},
		{
			"a command without fields", frame(t, pdu.Header{Sequence: 1}, new(pdu.Unbind)),
			`{"command":"unbind","command_id":6,"command_status":0,"sequence_number":1,"body":{},"tlvs":[]}`,
		},
		{
			"an unknown command", frame(t, pdu.Header{Sequence: 1}, &pdu.Unknown{ID: 0x55, Raw: []byte{0xAB}}),
			`{"command":"unknown","command_id":85,"command_status":0,"sequence_number":1,"body":{"raw":"ab"},"tlvs":[]}`,
		},
		{
			"a list", frame(t, pdu.Header{Sequence: 1}, &pdu.SubmitMultiResp{MessageID: "m", Failed: []pdu.Unsuccessful{{Address: pdu.ShortCode("1"), Status: 88}, {Status: 11}}}),
			`{"command":"submit_multi_resp","command_id":2147483681,"command_status":0,"sequence_number":1,"body":{"message_id":"m","no_unsuccess":2,"unsuccess_sme":[` +
				`{"dest_addr_ton":3,"dest_addr_npi":0,"destination_addr":"1","error_status_code":88},{"dest_addr_ton":0,"dest_addr_npi":0,"destination_addr":"","error_status_code":11}]},"tlvs":[]}`,
		},
		{
			"an empty list", frame(t, pdu.Header{Sequence: 1}, new(pdu.SubmitMultiResp)),
			`{"command":"submit_multi_resp","command_id":2147483681,"command_status":0,"sequence_number":1,"body":{"message_id":"","no_unsuccess":0,"unsuccess_sme":[]},"tlvs":[]}`,
		},
		{
			"padding", resizeBy(append(frame(t, pdu.Header{Sequence: 1}, new(pdu.SubmitSMResp)), 0), 0),
			`{"command":"submit_sm_resp","command_id":2147483652,"command_status":0,"sequence_number":1,"body":{"message_id":""},"tlvs":[],"raw":"000000128000000400000000000000010000"}`,
		},
		{
			"a malformed PDU", append(resizeBy(frame(t, pdu.Header{Sequence: 1}, new(pdu.Unbind)), 1), 7),
			`{"command":"unbind","command_id":6,"command_status":0,"sequence_number":1,"error":{"field":"tlvs","offset":16,"reason":"1 octets: a TLV starts with 2 octets of tag and 2 of length","status":192,"status_name":"ESME_RINVTLVSTREAM"},"raw":"0000001100000006000000000000000107"}`,
		},
		{
			"no PDU at all", []byte{0xAB},
			`{"command":null,"error":{"field":"command_length","offset":0,"reason":"header: 1 octets: a PDU starts with 16 octets of header","status":2},"raw":"ab"}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := pdu.Standard().AppendJSON(nil, tt.frame, func(_ pdu.Header, b pdu.Body) (string, bool) {
				m, ok := b.(*pdu.SubmitSM)
				return string(textOf(m)), ok && len(m.ShortMessage) > 0
			})
			if string(got) != tt.want {
				t.Errorf("\n%s, want\n%s", got, tt.want)
			}
			if back, err := pdu.Standard().ParseJSON(got); err != nil || !bytes.Equal(back, tt.frame) {
				t.Errorf("back: % X, %v", back, err)
			}
		})
	}
}

func textOf(m *pdu.SubmitSM) []byte {
	if m == nil {
		return nil
	}
	return m.ShortMessage
}

func TestJSONByHand(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []byte
	}{
		{"a name alone", `{"command":"enquire_link"}`, frame(t, pdu.Header{}, new(pdu.EnquireLink))},
		{"an id alone", `{"command_id": 21, "sequence_number": 9}`, frame(t, pdu.Header{Sequence: 9}, new(pdu.EnquireLink))},
		{"no body", `{"command":"submit_sm_resp","command_status":88}`, frame(t, pdu.Header{Command: pdu.IDSubmitSMResp, Status: 88}, nil)},
		{"an empty body", `{"command":"submit_sm_resp","body":{}}`, frame(t, pdu.Header{}, new(pdu.SubmitSMResp))},
		{"few fields", `{"command":"submit_sm","body":{"destination_addr":"1","short_message":"4869"}}`,
			frame(t, pdu.Header{}, &pdu.SubmitSM{Dest: pdu.Address{Addr: "1"}, ShortMessage: []byte("Hi")})},
		{"lengths, counts, names and texts are ignored",
			`{"command":"submit_sm","body":{"sm_length":200,"short_message":"48"},"tlvs":[{"tag":516,"name":"whatever","value":"0001","decoded":7}],"text":"other"}`,
			frame(t, pdu.Header{}, &pdu.SubmitSM{ShortMessage: []byte("H"), TLVs: tlvList(0x0204, "\x00\x01")})},
		{"a wrong count", `{"command":"submit_multi_resp","body":{"no_unsuccess":7,"unsuccess_sme":[{}]}}`, frame(t, pdu.Header{}, &pdu.SubmitMultiResp{Failed: make([]pdu.Unsuccessful, 1)})},
		{"TLVs by name, in order, repeated, without a value", `{"command":"unbind","tlvs":[{"name":"dest_port","value":"0001"},{"name":"alert_on_message_delivery"},{"name":"dest_port","value":""}]}`,
			frame(t, pdu.Header{}, &pdu.Unbind{TLVs: tlvList(0x020B, "\x00\x01", 0x130C, "", 0x020B, "")})},
		{"both kinds of destination", `{"command":"submit_multi","body":{"dest_address":[{"destination_addr":"1"},{"dl_name":"staff"},{"dest_flag":2},{"dest_flag":1,"dest_addr_ton":1}]}}`,
			frame(t, pdu.Header{}, &pdu.SubmitMulti{Dests: []pdu.Destination{{Address: pdu.Address{Addr: "1"}}, {List: "staff"}, {Flag: pdu.DestList}, {Address: pdu.Address{TON: 1}}}})},
		{"octets as characters", `{"command":"submit_sm_resp","body":{"message_id":"Caf\u00e9"}}`, frame(t, pdu.Header{}, &pdu.SubmitSMResp{MessageID: "Caf\xE9"})},
		{"an unknown command", `{"command_id":85,"body":{"raw":"ABcd"}}`, frame(t, pdu.Header{}, &pdu.Unknown{ID: 0x55, Raw: []byte{0xAB, 0xCD}})},
		{"raw wins", `{"command":"nonsense","body":7,"raw":"00ff"}`, []byte{0, 0xFF}},
		{"null means absent", `{"command":"submit_sm_resp","body":null,"tlvs":null,"raw":null}`, frame(t, pdu.Header{Command: pdu.IDSubmitSMResp}, nil)},
		{"white space", " {\n\t\"command\" : \"unbind\" }\n", frame(t, pdu.Header{}, new(pdu.Unbind))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := pdu.Standard().ParseJSON([]byte(tt.text)); err != nil || !bytes.Equal(got, tt.want) {
				t.Errorf("% X, %v, want % X", got, err, tt.want)
			}
		})
	}
}

func TestBadJSON(t *testing.T) {
	long := strings.Repeat("x", 70)
	for _, tt := range []struct{ name, text, member string }{
		{"nothing", ``, "PDU"},
		{"no JSON", `{"command":`, "PDU"},
		{"no object", `[]`, "PDU"},
		{"a number", `7`, "PDU"},
		{"more after it", `{"command":"unbind"} x`, "PDU"},
		{"null", `null`, "command"},
		{"no command", `{}`, "command"},
		{"a command that is no string", `{"command":7}`, "command"},
		{"a command that nobody knows", `{"command":"submit_ms"}`, "command"},
		{"a command_id too large", `{"command_id":4294967296}`, "command_id"},
		{"a negative status", `{"command":"unbind","command_status":-1}`, "command_status"},
		{"a sequence_number in words", `{"command":"unbind","sequence_number":"one"}`, "sequence_number"},
		{"odd raw", `{"raw":"abc"}`, "raw"},
		{"raw that is no hex", `{"raw":"xx"}`, "raw"},
		{"raw that is no string", `{"raw":7}`, "raw"},
		{"a body that is no object", `{"command":"submit_sm","body":[]}`, "body"},
		{"TLVs without a body", `{"command":"submit_sm_resp","tlvs":[{"tag":1}]}`, "body"},
		{"a field that is not there", `{"command":"submit_sm","body":{"short_mesage":"00"}}`, "body.short_mesage"},
		{"a string for a number", `{"command":"submit_sm","body":{"esm_class":"1"}}`, "body.esm_class"},
		{"a number too large", `{"command":"submit_sm","body":{"esm_class":256}}`, "body.esm_class"},
		{"a negative number", `{"command":"submit_sm","body":{"esm_class":-1}}`, "body.esm_class"},
		{"a fraction", `{"command":"submit_sm","body":{"esm_class":1.5}}`, "body.esm_class"},
		{"a number for a string", `{"command":"submit_sm","body":{"service_type":1}}`, "body.service_type"},
		{"a character that is no octet", `{"command":"submit_sm","body":{"service_type":"€"}}`, "body.service_type"},
		{"octets that are no hex", `{"command":"submit_sm","body":{"short_message":"Hi"}}`, "body.short_message"},
		{"octets that are no string", `{"command":"submit_sm","body":{"short_message":["` + long + `"]}}`, "body.short_message"},
		{"raw of an unknown command", `{"command_id":85,"body":{"raw":"x"}}`, "body.raw"},
		{"fields of an unknown command", `{"command_id":85,"body":{"text":"x"}}`, "body.text"},
		{"TLVs of an unknown command", `{"command_id":85,"body":{},"tlvs":[{"tag":1}]}`, "tlvs"},
		{"a list that is none", `{"command":"submit_multi","body":{"dest_address":{}}}`, "body.dest_address"},
		{"an element that is no object", `{"command":"submit_multi","body":{"dest_address":["1"]}}`, "body.dest_address"},
		{"a field of an element", `{"command":"submit_multi","body":{"dest_address":[{},{"dl_name":1}]}}`, "body.dest_address[1].dl_name"},
		{"a field that an address does not have", `{"command":"submit_multi","body":{"dest_address":[{"dest_flag":1,"dl_name":"x"},{}]}}`, "body.dest_address[0].dl_name"},
		{"a field that no element has", `{"command":"submit_multi","body":{"dest_address":[{},{},{"addr":"x"}]}}`, "body.dest_address[2].addr"},
		{"TLVs that are no array", `{"command":"unbind","tlvs":{}}`, "tlvs"},
		{"a tag too large", `{"command":"unbind","tlvs":[{"tag":65536}]}`, "tlvs.tag"},
		{"a TLV without tag and name", `{"command":"unbind","tlvs":[{"tag":1},{"value":"00"}]}`, "tlvs[1]"},
		{"a TLV that nobody knows", `{"command":"unbind","tlvs":[{"name":"x"}]}`, "tlvs[0].name"},
		{"a value that is no hex", `{"command":"unbind","tlvs":[{"tag":1,"value":"0"}]}`, "tlvs[0].value"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := pdu.Standard().ParseJSON([]byte(tt.text))
			var e *pdu.JSONError
			if !errors.As(err, &e) {
				t.Fatalf("% X, %v", got, err)
			}
			if e.Member != tt.member || e.Reason == "" || got != nil || strings.Contains(err.Error(), "json") || strings.Contains(err.Error(), "Go") || len(e.Reason) > 120 {
				t.Errorf("%v, want member %s", err, tt.member)
			}
		})
	}
}

// Values that the JSON can hold and the PDU cannot are refused as everywhere.
func TestJSONThatCannotBeEncoded(t *testing.T) {
	for _, tt := range []struct{ name, text, field string }{
		{"service_type too long", `{"command":"submit_sm","body":{"service_type":"TOOLONG"}}`, "service_type"},
		{"a NUL in a string", `{"command":"submit_sm","body":{"service_type":"a\u0000b"}}`, "service_type"},
		{"a time of wrong length", `{"command":"submit_sm","body":{"validity_period":"1R"}}`, "validity_period"},
		{"256 octets", `{"command":"submit_sm","body":{"short_message":"` + strings.Repeat("00", 256) + `"}}`, "short_message"},
		{"no destinations", `{"command":"submit_multi","body":{}}`, "number_of_dests"},
		{"dest_flag 3", `{"command":"submit_multi","body":{"dest_address":[{"dest_flag":3,"dl_name":"x"}]}}`, "dest_flag"},
		{"a TLV that is required", `{"command":"broadcast_sm","body":{}}`, "broadcast_area_identifier"},
		{"a TLV too long", `{"command":"unbind","tlvs":[{"tag":1,"value":"` + hex.EncodeToString(make([]byte, 65536)) + `"}]}`, "tlv 0x0001"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := pdu.Standard().ParseJSON([]byte(tt.text))
			var e *pdu.EncodeError
			if !errors.As(err, &e) || e.Field != tt.field || len(got) != 0 {
				t.Errorf("%d octets, %v, want field %s", len(got), err, tt.field)
			}
		})
	}
}
