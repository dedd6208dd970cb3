package account_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

func compiled(t *testing.T, a account.Account) *account.Account {
	t.Helper()
	a.ID = "acme"
	book, err := account.NewBook(a)
	if err != nil {
		t.Fatal(err)
	}
	return book.Get("acme")
}

func TestAdmit(t *testing.T) {
	entity, template := "1101234567890123456", "1107123456789012345"
	dlt := tlv.List{{Tag: 0x1400, Value: []byte(entity)}, {Tag: 0x1401, Value: []byte(template + "\x00")}}
	for _, tt := range []struct {
		name    string
		account account.Account
		message message.Message
		status  pdu.Status
		reason  string
	}{
		{"anything", account.Account{}, message.Message{}, 0, ""},
		{"a source of its own", account.Account{Sources: []string{"ACME", "4917*"}}, message.Message{Source: pdu.Alphanumeric("ACME")}, 0, ""},
		{"a source of its range", account.Account{Sources: []string{"ACME", "4917*"}}, message.Message{Source: pdu.International("491701")}, 0, ""},
		{"the source of another", account.Account{Sources: []string{"ACME", "4917*"}}, message.Message{Source: pdu.Alphanumeric("BANK")}, pdu.StatusInvalidSource, "may not send from"},
		{"no source", account.Account{Sources: []string{"ACME"}}, message.Message{}, pdu.StatusInvalidSource, "may not send from"},
		{"DLT", account.Account{TLVs: account.DLT()}, message.Message{TLVs: dlt}, 0, ""},
		{"DLT without a template", account.Account{TLVs: account.DLT()}, message.Message{TLVs: dlt[:1]}, pdu.StatusMissingTLV, "template_id"},
		{"DLT with a short entity", account.Account{TLVs: account.DLT()}, message.Message{TLVs: tlv.List{{Tag: 0x1400, Value: []byte("1")}, dlt[1]}}, pdu.StatusInvalidTLVValue, "principal_entity_id"},
		{"optional", account.Account{TLVs: []account.TLVRule{{Tag: 0x1403, Optional: true}}}, message.Message{}, 0, ""},
		{"required by number", account.Account{TLVs: []account.TLVRule{{Tag: 0x1403}}}, message.Message{}, pdu.StatusMissingTLV, "0x1403"},
	} {
		err := compiled(t, tt.account).Admit(&tt.message)
		var status pdu.Status
		errors.As(err, &status)
		if status != tt.status || err != nil && !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%s: %v; want %v, %q", tt.name, err, tt.status, tt.reason)
		}
	}
}

func TestRewrites(t *testing.T) {
	text := func(s string) *string { return &s }
	a := compiled(t, account.Account{
		IDFormat: message.Decimal, DataCoding: 3, Sources: []string{"49170"},
		Rewrites: []account.Rewrite{
			{Of: account.Destination, TON: -1, NPI: -1, Prefix: "00", With: text(""), SetTON: 1, SetNPI: 1},
			{Of: account.Destination, TON: 0, NPI: -1, Prefix: "0", With: text("49"), SetTON: 1, SetNPI: 1},
			{Of: account.Source, TON: 2, NPI: -1, With: text("49"), SetTON: 1, SetNPI: -1},
			{TON: -1, NPI: 8, SetTON: -1, SetNPI: 0},
		},
	})
	m := message.Message{Source: pdu.Address{TON: 2, NPI: 1, Addr: "170"}, Dest: pdu.Address{Addr: "0044123"}}
	if err := a.Admit(&m); err != nil || m.Source != pdu.International("49170") || m.Dest != pdu.International("44123") || m.DataCoding != 3 || m.IDFormat != message.Decimal {
		t.Errorf("%+v, %v", m, err)
	}
	for _, tt := range []struct{ in, out pdu.Address }{
		{pdu.Address{Addr: "0170"}, pdu.International("49170")},
		{pdu.Address{TON: 3, Addr: "0170"}, pdu.Address{TON: 3, Addr: "0170"}},
		{pdu.Address{NPI: 8, Addr: "170"}, pdu.Address{Addr: "170"}},
		{pdu.Address{}, pdu.Address{}},
	} {
		if got := a.DestOf(tt.in); got != tt.out {
			t.Errorf("%+v becomes %+v; want %+v", tt.in, got, tt.out)
		}
	}
	if m := (message.Message{DataCoding: 8, Source: pdu.International("49170")}); a.Admit(&m) != nil || m.DataCoding != 8 {
		t.Errorf("data_coding %v", m.DataCoding)
	}
	for _, bad := range []account.Account{
		{ID: "a", Rewrites: []account.Rewrite{{TON: -1, NPI: -1, SetTON: -1, SetNPI: -1}}},
		{ID: "a", Rewrites: []account.Rewrite{{TON: 256, NPI: -1, SetTON: 1, SetNPI: -1}}},
		{ID: "a", Sources: []string{""}}, {ID: "a", Sources: []string{"(("}}, {ID: "a", Addresses: []string{"(("}}, {ID: "a", MaxBinds: -1},
	} {
		if err := bad.Check(); err == nil {
			t.Errorf("%v is taken", bad.Rewrites)
		}
	}
}
