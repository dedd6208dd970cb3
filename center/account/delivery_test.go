package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/route"
	"github.com/godwit-sms/smpp/pdu"
)

func TestDelivery(t *testing.T) {
	for _, tt := range []struct {
		name string
		d    account.Delivery
		want string // in the error; empty: none
	}{
		{"nothing", account.Delivery{}, ""},
		{"everything", account.Delivery{
			Spread: route.RoundRobin, AtMostOnce: true, Areas: []string{"*", "north"}, Outbind: account.Outbind{Address: "smpp://127.0.0.1:1", SystemID: "center"},
			Lists: map[string][]pdu.Address{"friends": {pdu.International("49")}},
		}, ""},
		{"a spread that is none", account.Delivery{Spread: 3}, "spread 3: same, any, round-robin"},
		{"a long name of the center", account.Delivery{Outbind: account.Outbind{SystemID: strings.Repeat("x", 16)}}, "outbind: a system_id of 16 octets"},
		{"a long password", account.Delivery{Outbind: account.Outbind{Password: "secretsec"}}, "outbind: a password of 9 octets"},
		{"a pause below zero", account.Delivery{Outbind: account.Outbind{Backoff: -time.Second}}, "outbind: a negative pause"},
		{"an area without a name", account.Delivery{Areas: []string{""}}, `area "": a name of 1 to 100`},
		{"a list without a name", account.Delivery{Lists: map[string][]pdu.Address{"": {pdu.International("49")}}}, `list "": a name of 1 to 20`},
		{"a list without members", account.Delivery{Lists: map[string][]pdu.Address{"friends": nil}}, `list "friends": it has no members`},
		{"a member without an address", account.Delivery{Lists: map[string][]pdu.Address{"friends": {{}}}}, `list "friends": member "": 1 to 20`},
	} {
		err := account.Account{ID: "acme", Delivery: tt.d}.Check()
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `"acme"`)):
			t.Errorf("%s: %v; want it to name the account and %q", tt.name, err, tt.want)
		}
	}
}
