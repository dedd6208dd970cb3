package center_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/center"
	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/handset"
	"github.com/godwit-sms/smpp/internal/interop"
	"github.com/godwit-sms/smpp/pdu"
)

// node-smpp goes through the operations of a message center.
func TestNodeSMPP(t *testing.T) {
	for _, version := range interop.Packages() {
		t.Run(version, func(t *testing.T) {
			interop.Node(t)
			p := looped(t, center.Config{
				Handset: handset.Profile{Name: "retry", Delay: -1}, Retry: []time.Duration{50 * time.Millisecond},
				DefaultTexts: map[uint8]string{3: "canned"}, Lists: map[string][]pdu.Address{"friends": {pdu.International("4917001"), pdu.International("4917002")}},
				Accounts: []account.Account{
					{ID: "demo", Password: "demo", Addresses: []string{"8080"}, Delivery: account.Delivery{Areas: []string{"north"}}},
					{ID: "shop", Password: "x", Addresses: []string{"9090"}},
				},
			})
			client := interop.StartClient(t, interop.Options{Package: version, Port: p.port})
			type m = map[string]any
			send := func(command string, fields m, status pdu.Status) m {
				t.Helper()
				for k, v := range (m{"source_addr_ton": 5, "source_addr": "ACME", "dest_addr_ton": 1, "dest_addr_npi": 1}) {
					if _, ok := fields[k]; !ok && command != "bind_transceiver" {
						fields[k] = v
					}
				}
				resp := client.SendPDU(command, fields)
				if got, ok := resp["command_status"].(float64); !ok || pdu.Status(got) != status {
					t.Errorf("%s %v: %v; want %v", command, fields, resp, status)
				}
				got, _ := resp["fields"].(m)
				return got
			}
			expect := func(command string) m {
				t.Helper()
				return client.Expect(interop.PDU(command), interop.Timeout)
			}
			field := func(event m, name string) string {
				for _, group := range []string{"fields", "tlvs"} {
					if g, ok := event[group].(m); ok && g[name] != nil {
						return fmt.Sprint(g[name])
					}
				}
				return ""
			}
			send("bind_transceiver", m{"system_id": "demo", "password": "demo", "interface_version": 0x50}, pdu.StatusOK)

			// submit_sm with a receipt and a notification on the way, and query_sm.
			id := send("submit_sm", m{"destination_addr": "4917001", "short_message": "hello", "registered_delivery": 0x11, "set_dpf": 1}, pdu.StatusOK)["message_id"]
			var states []string
			for range 2 {
				d := expect("deliver_sm")
				if got := field(d, "receipted_message_id"); got != id {
					t.Errorf("a receipt of %v; want %v: %v", got, id, d)
				}
				states = append(states, field(d, "message_state"))
			}
			if want := []string{"1", "2"}; !slices.Equal(states, want) {
				t.Errorf("states %v; want %v", states, want)
			}
			if a := expect("alert_notification"); field(a, "source_addr") != "4917001" || field(a, "esme_addr") != "ACME" || field(a, "ms_availability_status") != "0" {
				t.Errorf("alert_notification %v", a)
			}
			if got := send("query_sm", m{"message_id": id}, pdu.StatusOK); fmt.Sprint(got["message_state"]) != "2" {
				t.Errorf("query_sm: %v", got)
			}
			send("query_sm", m{"message_id": "12"}, pdu.StatusInvalidMessageID)

			// A message that waits is replaced and cancelled, one is replaced by another.
			waits := send("submit_sm", m{"destination_addr": "9090", "short_message": "a"}, pdu.StatusOK)["message_id"]
			send("replace_sm", m{"message_id": waits, "short_message": "b"}, pdu.StatusOK)
			if again := send("submit_sm", m{"destination_addr": "9090", "short_message": "c", "replace_if_present_flag": 1}, pdu.StatusOK)["message_id"]; again != waits {
				t.Errorf("replace_if_present_flag: %v; want %v", again, waits)
			}
			send("cancel_sm", m{"message_id": waits}, pdu.StatusOK)
			send("cancel_sm", m{"message_id": waits}, pdu.StatusCancelFailed)
			send("submit_sm", m{"destination_addr": "9090", "short_message": "d", "schedule_delivery_time": "000000010000000R"}, pdu.StatusOK)
			send("cancel_sm", m{"destination_addr": "9090"}, pdu.StatusOK)

			// submit_multi with a list, data_sm, a canned text.
			multi := send("submit_multi", m{"dest_address": []m{{"dl_name": "friends"}, {"dl_name": "nobody"}, {"destination_addr": "8080", "dest_addr_ton": 3}}, "short_message": "all"}, pdu.StatusOK)
			if got, want := fmt.Sprint(multi["unsuccess_sme"]), fmt.Sprint([]any{m{"dest_addr_ton": 0., "dest_addr_npi": 0., "destination_addr": "nobody", "error_status_code": float64(pdu.StatusInvalidDistributionList)}}); got != want {
				t.Errorf("unsuccess_sme %v; want %v", got, want)
			}
			expect("deliver_sm") // to 8080
			send("data_sm", m{"destination_addr": "8080", "message_payload": "by data"}, pdu.StatusOK)
			send("submit_sm", m{"destination_addr": "8080", "sm_default_msg_id": 3}, pdu.StatusOK)
			send("submit_sm", m{"destination_addr": "8080", "sm_default_msg_id": 4}, pdu.StatusInvalidDefaultMessageID)
			if a, b := fmt.Sprint(expect("deliver_sm")), fmt.Sprint(expect("deliver_sm")); !strings.Contains(a, "by data") || !strings.Contains(b, "canned") {
				t.Errorf("delivered %s and %s", a, b)
			}

			// Transaction mode, and datagrams.
			send("submit_sm", m{"destination_addr": "8080", "esm_class": 2, "short_message": "now"}, pdu.StatusOK)
			expect("deliver_sm")
			send("submit_sm", m{"destination_addr": "9090", "esm_class": 2, "short_message": "now"}, pdu.StatusDeliveryFailure)
			send("submit_sm", m{"destination_addr": "8080", "esm_class": 1, "short_message": "maybe"}, pdu.StatusOK)
			expect("deliver_sm")

			// The broadcast family.
			area := []m{{"format": 0, "data": "north"}}
			cast := send("broadcast_sm", m{"broadcast_area_identifier": area, "broadcast_content_type": m{"network": 1, "content_type": 16},
				"broadcast_rep_num": 9, "broadcast_frequency_interval": m{"unit": 0x0A, "interval": 1}, "message_payload": "flood"}, pdu.StatusOK)["message_id"]
			if d := fmt.Sprint(expect("deliver_sm")); !strings.Contains(d, "flood") {
				t.Errorf("broadcast as %s", d)
			}
			eventually(t, func() bool {
				resp := client.SendPDU("query_broadcast_sm", m{"message_id": cast, "source_addr_ton": 5, "source_addr": "ACME"})
				return field(resp, "broadcast_area_success") == "100" && field(resp, "message_state") == "1"
			})
			send("cancel_broadcast_sm", m{"message_id": cast}, pdu.StatusOK)
			if resp := client.SendPDU("query_broadcast_sm", m{"message_id": cast, "source_addr_ton": 5, "source_addr": "ACME"}); field(resp, "message_state") != "4" || field(resp, "broadcast_end_time") == "" {
				t.Errorf("query_broadcast_sm after the cancellation: %v", resp)
			}
			send("unbind", m{}, pdu.StatusOK)
		})
	}
}
