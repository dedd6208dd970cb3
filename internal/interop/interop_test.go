package interop_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/godwit-sms/smpp/internal/interop"
)

// m shortens the JSON of these tests.
type m = map[string]any

// eachWay runs a test for both versions of node-smpp, without and with TLS.
func eachWay(t *testing.T, test func(t *testing.T, server, client interop.Options)) {
	cert, key := interop.Certificate(t)
	for _, name := range interop.Packages() {
		t.Run(name+"/tcp", func(t *testing.T) {
			test(t, interop.Options{Package: name}, interop.Options{Package: name})
		})
		t.Run(name+"/tls", func(t *testing.T) {
			test(t, interop.Options{Package: name, TLS: &interop.TLS{Cert: string(cert), Key: string(key)}},
				interop.Options{Package: name, TLS: &interop.TLS{CA: string(cert), ServerName: "localhost"}})
		})
	}
}

// bound starts a server, and a client that is bound to it.
func bound(t *testing.T, serverOptions, clientOptions interop.Options) (server, client *interop.Proc) {
	t.Helper()
	server = interop.StartServer(t, serverOptions)
	clientOptions.Port = server.Port
	client = interop.StartClient(t, clientOptions)
	server.Expect(interop.Event("session"), interop.Timeout)
	response := client.SendPDU("bind_transceiver", m{"system_id": "acme", "password": "secret", "interface_version": 0x34})
	check(t, "bind_transceiver", response, m{"command": "bind_transceiver_resp", "command_status": 0,
		"fields": m{"system_id": "node-smpp"}, "tlvs": m{"sc_interface_version": 0x34}})
	check(t, "bind_transceiver", server.Expect(interop.PDU("bind_transceiver"), interop.Timeout), m{
		"fields": m{"system_id": "acme", "password": "secret", "interface_version": 0x34}})
	return server, client
}

// check wants got to have all that want has, at every depth.
func check(t *testing.T, what string, got, want any) {
	t.Helper()
	if err := contains(got, canonical(t, want)); err != nil {
		text, _ := json.Marshal(got)
		t.Errorf("%s: %v\nin %s", what, err, text)
	}
}

// canonical turns a value into what decoding its JSON makes of it.
func canonical(t *testing.T, v any) (c any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func contains(got, want any) error {
	object, ok := want.(map[string]any)
	if !ok {
		if !reflect.DeepEqual(got, want) {
			return fmt.Errorf("got %v, want %v", got, want)
		}
		return nil
	}
	gotObject, ok := got.(map[string]any)
	if !ok {
		return fmt.Errorf("got %v, want an object", got)
	}
	for key, value := range object {
		if err := contains(gotObject[key], value); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func TestRequestsOfTheClient(t *testing.T) {
	eachWay(t, func(t *testing.T, serverOptions, clientOptions interop.Options) {
		serverOptions.Unreachable = []string{"111"}
		serverOptions.Commands = map[string]interop.Command{
			"vendor_ping":      {ID: 0x00010200, Params: [][2]string{{"text", "cstring"}, {"count", "int16"}}},
			"vendor_ping_resp": {ID: 0x80010200, Params: [][2]string{{"text", "cstring"}}},
		}
		serverOptions.TLVs = map[string]interop.TLV{"campaign_id": {ID: 0x1400, Type: "cstring"}}
		serverOptions.Answers = map[string]map[string]any{"vendor_ping": {"text": "pong"}, "replace_sm": {"command_status": 0x58}}
		clientOptions.Commands, clientOptions.TLVs = serverOptions.Commands, serverOptions.TLVs
		server, client := bound(t, serverOptions, clientOptions)

		type call struct {
			command  string
			pdu      m
			seen     m // by the server; nil stands for the parameters of pdu
			response m
		}
		to := func(more m) m {
			for k, v := range (m{"source_addr_ton": 5, "source_addr": "ACME", "dest_addr_ton": 1, "dest_addr_npi": 1, "destination_addr": "491701234567"}) {
				if _, ok := more[k]; !ok {
					more[k] = v
				}
			}
			return more
		}
		calls := []call{
			{
				command: "submit_sm", pdu: to(m{"short_message": "h\u00e9llo {", "registered_delivery": 1}),
				seen:     m{"fields": m{"destination_addr": "491701234567", "short_message": m{"message": "h\u00e9llo {"}, "registered_delivery": 1}},
				response: m{"command_status": 0, "fields": m{"message_id": "n1"}},
			},
			{
				command: "submit_sm", pdu: to(m{"data_coding": 8, "short_message": m{"udh": m{"hex": "050003070201"}, "message": "\u043f\u0440\u0438\u0432\u0435\u0442"}}),
				seen:     m{"fields": m{"esm_class": 0x40, "data_coding": 8, "short_message": m{"udh": []m{{"hex": "0003070201"}}, "message": "\u043f\u0440\u0438\u0432\u0435\u0442"}}},
				response: m{"fields": m{"message_id": "n2"}},
			},
			{
				command:  "submit_sm",
				pdu:      to(m{"data_coding": 4, "short_message": m{"hex": "00ff80"}, "campaign_id": "summer-7", "user_message_reference": 4660, "callback_num": []m{{"number": "123"}, {"number": "45", "ton": 1}}}),
				seen:     m{"fields": m{"short_message": m{"message": m{"hex": "00ff80"}}}, "tlvs": m{"campaign_id": "summer-7", "user_message_reference": 4660, "callback_num": []m{{"digit_mode": 0, "ton": 0, "npi": 0, "number": "123"}, {"digit_mode": 0, "ton": 1, "npi": 0, "number": "45"}}}},
				response: m{"fields": m{"message_id": "n3"}},
			},
			{
				command: "data_sm", pdu: to(m{"message_payload": strings.Repeat("x", 3000)}),
				seen:     m{"tlvs": m{"message_payload": m{"message": strings.Repeat("x", 3000)}}},
				response: m{"command": "data_sm_resp", "fields": m{"message_id": "n4"}},
			},
			{
				command: "submit_multi", pdu: m{"dest_address": []m{{"destination_addr": "111"}, {"destination_addr": "222", "dest_addr_ton": 1}, {"dl_name": "friends"}}, "short_message": "hi"},
				seen: m{"fields": m{"dest_address": []m{{"dest_addr_ton": 0, "dest_addr_npi": 0, "destination_addr": "111"}, {"dest_addr_ton": 1, "dest_addr_npi": 0, "destination_addr": "222"}, {"dl_name": "friends"}}}},
				response: m{"command": "submit_multi_resp", "fields": m{"message_id": "n5",
					"unsuccess_sme": []m{{"dest_addr_ton": 0, "dest_addr_npi": 0, "destination_addr": "111", "error_status_code": 0x0b}}}},
			},
			{command: "query_sm", pdu: m{"message_id": "n1", "source_addr": "ACME"}, seen: m{"fields": m{"message_id": "n1", "source_addr": "ACME"}}, response: m{"command_status": 0, "fields": m{"message_id": "n1", "message_state": 1, "error_code": 0}}},
			{command: "query_sm", pdu: m{"message_id": "other"}, response: m{"command": "query_sm_resp", "command_status": 0x67}},
			{command: "cancel_sm", pdu: to(m{"message_id": "n1"}), seen: m{"fields": m{"message_id": "n1", "source_addr": "ACME", "destination_addr": "491701234567"}}, response: m{"command": "cancel_sm_resp", "command_status": 0}},
			{command: "query_sm", pdu: m{"message_id": "n1"}, response: m{"fields": m{"message_state": 4}}},
			{command: "cancel_sm", pdu: to(m{"message_id": "other"}), response: m{"command_status": 0x11}},
			{command: "replace_sm", pdu: m{"message_id": "n2", "short_message": m{"hex": "6869"}}, seen: m{"fields": m{"message_id": "n2", "short_message": m{"hex": "6869"}}}, response: m{"command": "replace_sm_resp", "command_status": 0x58}},
			{
				command: "broadcast_sm", pdu: m{"source_addr": "ACME", "broadcast_area_identifier": []m{{"format": 0, "data": "north"}}, "broadcast_content_type": m{"network": 1, "content_type": 16},
					"broadcast_rep_num": 2, "broadcast_frequency_interval": m{"unit": 9, "interval": 5}, "message_payload": "hi"},
				seen:     m{"tlvs": m{"broadcast_area_identifier": []m{{"format": 0, "data": "north"}}, "broadcast_rep_num": 2}},
				response: m{"command": "broadcast_sm_resp", "fields": m{"message_id": "n6"}},
			},
			{command: "query_broadcast_sm", pdu: m{"message_id": "n6"}, response: m{"fields": m{"message_id": "n6"}, "tlvs": m{"message_state": 1, "broadcast_area_success": 100}}},
			{command: "cancel_broadcast_sm", pdu: m{"message_id": "n6"}, response: m{"command": "cancel_broadcast_sm_resp", "command_status": 0}},
			{command: "enquire_link", response: m{"command": "enquire_link_resp"}},
			{command: "vendor_ping", pdu: m{"text": "ping", "count": 513}, seen: m{"command_id": 0x00010200, "fields": m{"text": "ping", "count": 513}}, response: m{"command": "vendor_ping_resp", "fields": m{"text": "pong"}}},
			{command: "bind_receiver", pdu: m{"system_id": "acme"}, response: m{"command": "bind_receiver_resp", "command_status": 5}},
		}
		for _, c := range calls {
			if c.seen == nil {
				c.seen = m{"command_status": 0}
				if c.pdu != nil {
					c.seen["fields"] = c.pdu
				}
			}
			response := client.SendPDU(c.command, c.pdu)
			check(t, "response to "+c.command, response, c.response)
			check(t, c.command, server.Expect(interop.PDU(c.command), interop.Timeout), c.seen)
		}

		check(t, "count", server.Call(m{"do": "count"})["counts"], m{"submit_sm": 3, "query_sm": 3, "vendor_ping": 1})
		check(t, "unbind", client.SendPDU("unbind", nil), m{"command": "unbind_resp"})
		check(t, "close", client.Expect(interop.Event("close"), interop.Timeout), m{"unanswered": 0})
		server.Expect(interop.Event("close"), interop.Timeout)
	})
}

func TestRequestsOfTheServer(t *testing.T) {
	eachWay(t, func(t *testing.T, serverOptions, clientOptions interop.Options) {
		server, client := bound(t, serverOptions, clientOptions)

		check(t, "deliver_sm", server.SendPDU("deliver_sm", m{"source_addr": "123", "destination_addr": "ACME", "esm_class": 4,
			"short_message": "id:1 stat:DELIVRD", "receipted_message_id": "1", "message_state": 2}),
			m{"command": "deliver_sm_resp", "command_status": 0, "fields": m{"message_id": ""}})
		check(t, "deliver_sm", client.Expect(interop.PDU("deliver_sm"), interop.Timeout),
			m{"fields": m{"short_message": m{"message": "id:1 stat:DELIVRD"}}, "tlvs": m{"receipted_message_id": "1", "message_state": 2}})

		check(t, "data_sm", server.SendPDU("data_sm", m{"message_payload": "hi"}), m{"command": "data_sm_resp", "command_status": 0})
		check(t, "enquire_link", server.SendPDU("enquire_link", nil), m{"command": "enquire_link_resp"})
		server.SendPDU("alert_notification", m{"source_addr": "123", "esme_addr": "ACME", "ms_availability_status": 1})
		check(t, "alert_notification", client.Expect(interop.PDU("alert_notification"), interop.Timeout),
			m{"fields": m{"source_addr": "123", "esme_addr": "ACME"}, "tlvs": m{"ms_availability_status": 1}})

		client.Call(m{"do": "set", "options": m{"answers": m{"deliver_sm": m{"command_status": 0x64}}}})
		check(t, "refused deliver_sm", server.SendPDU("deliver_sm", m{"short_message": "no"}), m{"command_status": 0x64})

		// A command that the other side does not know, and a TLV.
		unknown := "0000001200010299000000000000002a6869"
		server.Call(m{"do": "raw", "hex": unknown})
		check(t, "unknown command", client.Expect(interop.PDU("unknown"), interop.Timeout),
			m{"command_id": 0x00010299, "sequence_number": 42, "octets": unknown})
		check(t, "unknown command", server.Expect(interop.PDU("generic_nack"), interop.Timeout), m{"command_status": 3, "sequence_number": 42})
		unknown = "0000001c0000001500000000000000ff" + "15010002beef" + "15020002cafe"
		server.Call(m{"do": "raw", "hex": unknown})
		check(t, "unknown TLVs", client.Expect(func(e map[string]any) bool { return e["octets"] == unknown }, interop.Timeout),
			m{"command": "enquire_link", "sequence_number": 255, "tlvs": m{"5377": m{"hex": "beef"}, "5378": m{"hex": "cafe"}}})
	})
}

func TestCredentials(t *testing.T) {
	for _, name := range interop.Packages() {
		t.Run(name, func(t *testing.T) {
			id, password := "acme", "secret"
			server := interop.StartServer(t, interop.Options{Package: name, SystemID: &id, Password: &password})
			client := interop.StartClient(t, interop.Options{Package: name, Port: server.Port})
			check(t, "before bind", client.SendPDU("submit_sm", nil), m{"command_status": 4})
			check(t, "wrong system_id", client.SendPDU("bind_transmitter", m{"system_id": "x", "password": password}), m{"command_status": 0x0f})
			check(t, "wrong password", client.SendPDU("bind_transmitter", m{"system_id": id, "password": "x"}), m{"command_status": 0x0e})
			check(t, "right", client.SendPDU("bind_receiver", m{"system_id": id, "password": password}), m{"command_status": 0})
			check(t, "as receiver", client.SendPDU("submit_sm", nil), m{"command_status": 4})
		})
	}
}

func TestUntrustedCertificate(t *testing.T) {
	cert, key := interop.Certificate(t)
	other, _ := interop.Certificate(t)
	for _, name := range interop.Packages() {
		t.Run(name, func(t *testing.T) {
			server := interop.StartServer(t, interop.Options{Package: name, TLS: &interop.TLS{Cert: string(cert), Key: string(key)}})
			client := interop.StartClientUnconnected(t, interop.Options{Package: name, Port: server.Port, TLS: &interop.TLS{CA: string(other)}})
			client.Expect(interop.Event("error"), interop.Timeout)
			client.Expect(interop.Event("close"), interop.Timeout)
		})
	}
}

func TestFlood(t *testing.T) {
	eachWay(t, func(t *testing.T, serverOptions, clientOptions interop.Options) {
		const count, inFlight = 3000, 1500
		serverOptions.Hold = map[string]int{"submit_sm": inFlight}
		serverOptions.Reverse = true
		serverOptions.Quiet = []string{"submit_sm"}
		clientOptions.Hold = map[string]int{"deliver_sm": inFlight}
		server, client := bound(t, serverOptions, clientOptions)
		check(t, "flood of submit_sm", client.Call(m{"do": "flood", "command": "submit_sm", "count": count, "window": inFlight,
			"pdu": m{"destination_addr": "{n}", "short_message": "number {n}"}}),
			m{"event": "flooded", "sent": count, "answered": count, "statuses": m{"submit_sm_resp 0": count}, "message_ids": count, "most_in_flight": inFlight})
		check(t, "released", server.Expect(interop.Event("released"), interop.Timeout), m{"count": inFlight})
		check(t, "flood of deliver_sm", server.Call(m{"do": "flood", "command": "deliver_sm", "count": count, "window": inFlight,
			"pdu": m{"source_addr": "{n}", "short_message": "number {n}"}}),
			m{"event": "flooded", "answered": count, "statuses": m{"deliver_sm_resp 0": count}})
		for n := range count {
			check(t, "deliver_sm", client.Expect(interop.PDU("deliver_sm"), interop.Timeout),
				m{"fields": m{"source_addr": fmt.Sprint(n), "short_message": m{"message": fmt.Sprint("number ", n)}}})
		}
	})
}

func TestSplit(t *testing.T) {
	eachWay(t, func(t *testing.T, serverOptions, clientOptions interop.Options) {
		serverOptions.Split, clientOptions.Split = 1, 1
		server, client := bound(t, serverOptions, clientOptions)
		check(t, "submit_sm", client.SendPDU("submit_sm", m{"short_message": "in pieces"}), m{"fields": m{"message_id": "n1"}})
		check(t, "submit_sm", server.Expect(interop.PDU("submit_sm"), interop.Timeout), m{"fields": m{"short_message": m{"message": "in pieces"}}})
		check(t, "split", client.Call(m{"do": "split", "octets": 7}), m{"event": "done"})
		check(t, "flood", client.Call(m{"do": "flood", "command": "submit_sm", "count": 20, "pdu": m{"short_message": "in pieces"}}),
			m{"statuses": m{"submit_sm_resp 0": 20}})
		check(t, "unbind", client.SendPDU("unbind", nil), m{"command": "unbind_resp"})
		client.Expect(interop.Event("close"), interop.Timeout)
	})
}

func TestHoldAndRelease(t *testing.T) {
	name := interop.Packages()[0]
	server, client := bound(t, interop.Options{Package: name, Hold: map[string]int{"submit_sm": 100}}, interop.Options{Package: name})
	client.Send(m{"do": "send", "id": "held", "command": "submit_sm"})
	server.Expect(interop.PDU("submit_sm"), interop.Timeout)
	check(t, "count", client.Call(m{"do": "count"}), m{"unanswered": 1})
	check(t, "release", server.Call(m{"do": "release"}), m{"event": "released", "count": 1})
	client.Expect(func(e map[string]any) bool { return e["event"] == "response" && e["id"] == "held" }, interop.Timeout)
}

func TestClientStopsWithItsInput(t *testing.T) {
	name := interop.Packages()[1]
	server, client := bound(t, interop.Options{Package: name}, interop.Options{Package: name})
	client.Stop()
	server.Expect(interop.Event("close"), interop.Timeout)
	server.Stop()
	for _, event := range append(server.Events(), client.Events()...) {
		if event["event"] == "exit" || event["event"] == "error" {
			t.Errorf("after stop: %v", event)
		}
	}
}

func TestDissect(t *testing.T) {
	tests := []struct {
		name, hex string
		malformed bool
		field     string
		show      string
	}{
		{"enquire_link", "00000010000000150000000000000001", false, "smpp.sequence_number", "1"},
		{"submit_sm", "0000002b0000000400000000000000020000003300010134340000000000000000000007" + "68011b2600ff0a", false, "smpp.destination_addr", "44"},
		{"without its body", "00000010000000040000000000000003", true, "", ""},
		{"cut in the body", "00000014000000040000000000000003" + "00000033", true, "", ""},
		{"cut in the frame", "00000040000000040000000000000003" + "00000033", true, "", ""},
		{"two in a frame", "00000010000000150000000000000001" + "00000010000000150000000000000002", true, "", ""},
		{"shorter than a header", "0000000f000000150000000000000001", true, "", ""},
		{"good again", "00000010800000150000000000000063", false, "smpp.sequence_number", "99"},
	}
	frames := make([][]byte, len(tests)+1)
	for i, test := range tests {
		frame, err := hex.DecodeString(test.hex)
		if err != nil {
			t.Fatal(err)
		}
		frames[i] = frame
	}
	// A message_payload that needs more than one packet.
	long := append(make([]byte, 16+17), 0x04, 0x24, 0xf4, 0x24)
	long = append(long, make([]byte, 0xf424)...)
	binary.BigEndian.PutUint32(long, uint32(len(long)))
	binary.BigEndian.PutUint32(long[4:], 4)
	binary.BigEndian.PutUint32(long[12:], 7)
	frames[len(tests)] = long

	dissections := interop.Dissect(t, frames, 2775)
	if len(dissections) != len(frames) {
		t.Fatalf("got %d dissections, want %d", len(dissections), len(frames))
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := dissections[i]
			if (d.Malformed != "") != test.malformed {
				t.Errorf("malformed: got %q, want %v\n%s", d.Malformed, test.malformed, d.Text)
			}
			if test.field == "" {
				return
			}
			if values := d.Fields[test.field]; len(values) != 1 || values[0].Show != test.show {
				t.Errorf("%s: got %v, want %q\n%s", test.field, values, test.show, d.Text)
			}
			if !strings.HasPrefix(d.Text, "Short Message Peer to Peer") {
				t.Errorf("unexpected text:\n%s", d.Text)
			}
		})
	}
	d := dissections[len(tests)]
	if d.Malformed != "" || len(d.Fields["smpp.sequence_number"]) != 1 {
		t.Errorf("long PDU: %q\n%s", d.Malformed, d.Text[:min(len(d.Text), 1000)])
	}
}

// A recorder is a test that notes how it ended.
type recorder struct {
	testing.TB
	outcome string
}

func (r *recorder) Helper() {}

func (r *recorder) Skipf(format string, args ...any) {
	r.outcome = "skipped: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.outcome = "failed: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestMissingTools(t *testing.T) {
	node := func(t testing.TB) { interop.Node(t) }
	tshark := func(t testing.TB) { interop.Tshark(t) }
	tests := []struct {
		name, ci string
		tool     func(testing.TB)
		want     string
	}{
		{"node at a desk", "", node, "skipped: node is not installed"},
		{"node in CI", "true", node, "failed: node is not installed"},
		{"tshark at a desk", "", tshark, "skipped: tshark is not installed"},
		{"tshark in CI", "true", tshark, "failed: tshark is not installed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("PATH", t.TempDir())
			t.Setenv("CI", test.ci)
			r := &recorder{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				test.tool(r)
			}()
			<-done
			if !strings.HasPrefix(r.outcome, test.want) {
				t.Errorf("got %q, want %q", r.outcome, test.want)
			}
		})
	}
}
