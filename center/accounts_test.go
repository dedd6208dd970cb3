package center_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center"
	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/handset"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

func text49() *string { s := "49"; return &s }

// Messages are held against what their account may, changed as it says, found
// again under the addresses they were sent with, and told of in its format.
func TestAccountPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, center.Config{Accounts: []account.Account{{
			ID: "acme", Sources: []string{"ACME"}, TLVs: account.DLT(), IDFormat: message.UUID, DataCoding: 3,
			Rewrites: []account.Rewrite{{Of: account.Destination, TON: -1, NPI: -1, Prefix: "0", With: text49(), SetTON: 1, SetNPI: 1}},
		}, {ID: "mobile", Addresses: []string{"^49"}}}})
		e := p.bind(smpp.Config{SystemID: "acme"}, nil)
		receiver := p.bind(smpp.Config{SystemID: "mobile"}, nil)
		dlt := func() tlv.List {
			return tlv.List{{Tag: 0x1400, Value: []byte("1101234567890123456")}, {Tag: 0x1401, Value: []byte("1107123456789012345")}}
		}
		local := pdu.Address{Addr: "0170"}
		m := func() *pdu.SubmitSM {
			return &pdu.SubmitSM{Source: pdu.Alphanumeric("ACME"), Dest: local, ShortMessage: []byte("hi"), RegisteredDelivery: pdu.FinalReceipt, TLVs: dlt()}
		}
		id := e.submit(m())
		got := receiver.wait(1)[0]
		if got.Dest != pdu.International("49170") || got.DataCoding != 3 {
			t.Errorf("delivered %+v", got)
		}
		if r := receipt(t, e.wait(1)[0]); r.ID != id || len(id) != 36 {
			t.Errorf("the receipt is of %q; want %q", r.ID, id)
		}
		e.state(id)

		wrong := m()
		wrong.Source = pdu.Alphanumeric("BANK")
		_, err := e.Submit(t.Context(), wrong)
		wantStatus(t, "the source of another", err, pdu.StatusInvalidSource)
		wrong = m()
		wrong.TLVs = wrong.TLVs[1:]
		_, err = e.Submit(t.Context(), wrong)
		wantStatus(t, "no entity", err, pdu.StatusMissingTLV)
		wrong = m()
		wrong.TLVs[1].Value = []byte("abc")
		_, err = e.Submit(t.Context(), wrong)
		wantStatus(t, "a template that is none", err, pdu.StatusInvalidTLVValue)

		multi, err := e.SubmitMulti(t.Context(), &pdu.SubmitMulti{Source: pdu.Alphanumeric("ACME"), Dests: []pdu.Destination{{Address: local}, {Address: pdu.Address{Addr: "0171"}}}, ShortMessage: []byte("hi"), TLVs: dlt()})
		if err != nil || len(multi.MessageID) != 36 || receiver.wait(3)[2].Dest.Addr[:2] != "49" {
			t.Errorf("submit_multi: %+v, %v", multi, err)
		}
		// Cancelled under the address that it was submitted with.
		_ = receiver.Close()
		synctest.Wait()
		e.submit(m())
		if _, err := e.Cancel(t.Context(), &pdu.CancelSM{Source: pdu.Alphanumeric("ACME"), Dest: local}); err != nil {
			t.Errorf("cancel: %v", err)
		}
	})
}

// Accounts change while sessions live.
func TestSetAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, center.Config{
			Accounts: []account.Account{{ID: "stays", Password: "old"}, {ID: "goes"}, {ID: "shop", Addresses: []string{"8080"}}},
			Handset:  handset.Profile{Name: "expire"},
		})
		stays := p.bind(smpp.Config{SystemID: "stays", Password: "old"}, nil)
		goes := p.bind(smpp.Config{SystemID: "goes"}, nil)
		shop := p.bind(smpp.Config{SystemID: "shop"}, nil)
		stays.submit(text(pdu.Address{Addr: "9090"}, "for the shop, soon"))
		if err := p.center.SetAccounts(account.Account{ID: "stays", PasswordHash: "?"}); err == nil || !strings.Contains(err.Error(), "stays") {
			t.Errorf("accounts that are wrong: %v", err)
		}
		if err := p.center.SetAccounts(); err == nil {
			t.Error("no accounts at all are taken")
		}
		err := p.center.SetAccounts(account.Account{ID: "stays", Password: "new", Sources: []string{"BANK"}}, account.Account{ID: "shop", Addresses: []string{"9090"}}, account.Account{ID: "comes"})
		if err != nil {
			t.Fatal(err)
		}
		<-goes.Done()
		if got := shop.wait(1)[0]; got.Dest.Addr != "9090" {
			t.Errorf("the shop got %+v", got)
		}
		if stays.Err() != nil || shop.Err() != nil {
			t.Errorf("sessions ended: %v, %v", stays.Err(), shop.Err())
		}
		_, err = stays.Submit(t.Context(), text(pdu.Address{Addr: "1"}, "hi"))
		wantStatus(t, "a source that is not its any more", err, pdu.StatusInvalidSource)
		p.bind(smpp.Config{SystemID: "comes"}, nil)
		p.bind(smpp.Config{SystemID: "stays", Password: "new"}, nil)
		_, err = smpp.Bind(t.Context(), p.connect(), &smpp.Config{SystemID: "stays", Password: "old", Logger: quiet})
		wantStatus(t, "the old password", err, pdu.StatusBindFailed)
		if ids := p.center.Accounts(); !slices.Equal(ids, []string{"stays", "shop", "comes"}) {
			t.Errorf("accounts %v", ids)
		}
	})
}

func TestSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, center.Config{Handset: handset.Profile{Name: "expire"}})
		a := p.bind(smpp.Config{Bind: smpp.Transmitter}, nil)
		b := p.bind(smpp.Config{Version: pdu.V50}, nil)
		unbound := p.connect()
		defer func() { _ = unbound.Close() }()
		for range 3 {
			a.submit(text(pdu.International("491"), "hi"))
		}
		a.submit(text(pdu.International("492"), "hi"))
		synctest.Wait()
		all := p.center.Sessions()
		if len(all) != 3 || all[0].ID != 0 || all[1].Account != "demo" || all[1].Mode != smpp.Transmitter || all[2].Version != pdu.V50 || all[1].Stats.Received.Messages != 4 {
			t.Fatalf("sessions %+v", all)
		}
		queues := p.center.Queues(1)
		if len(queues) != 1 || queues[0].Key.Addr != "491" || queues[0].Waiting+queues[0].Away != 3 {
			t.Errorf("queues %+v", queues)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if err := p.center.EndSession(ctx, all[1].ID); err != nil {
			t.Errorf("end: %v", err)
		}
		<-a.Done()
		if err := p.center.EndSession(ctx, 99); !errors.Is(err, center.ErrNoSession) {
			t.Errorf("end of nobody: %v", err)
		}
		if b.Err() != nil {
			t.Errorf("another session ended: %v", b.Err())
		}
	})
}

// What answers wrong credentials can be chosen.
func TestBindFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			cfg               center.Config
			unknown, password pdu.Status
		}{
			{center.Config{}, pdu.StatusBindFailed, pdu.StatusBindFailed},
			{center.Config{WrongSystemID: pdu.StatusInvalidSystemID, WrongPassword: pdu.StatusInvalidPassword}, pdu.StatusInvalidSystemID, pdu.StatusInvalidPassword},
		} {
			p := piped(t, tt.cfg)
			_, err := smpp.Bind(t.Context(), p.connect(), &smpp.Config{SystemID: "nobody", Logger: quiet})
			wantStatus(t, "nobody", err, tt.unknown)
			_, err = smpp.Bind(t.Context(), p.connect(), &smpp.Config{SystemID: "demo", Password: "x", Logger: quiet})
			wantStatus(t, "a wrong password", err, tt.password)
		}
	})
}

// The limits of an account hold over all its sessions.
func TestAccountLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, center.Config{Accounts: []account.Account{{ID: "acme", MaxBinds: 2, MaxReceivers: 1, Rate: smpp.Rate{PerSecond: 1, Burst: 2}}}})
		a := p.bind(smpp.Config{SystemID: "acme", Bind: smpp.Transmitter}, nil)
		r := p.bind(smpp.Config{SystemID: "acme", Bind: smpp.Receiver}, nil)
		_, err := smpp.Bind(t.Context(), p.connect(), &smpp.Config{SystemID: "acme", Logger: quiet})
		wantStatus(t, "a third session", err, pdu.StatusBindFailed)
		for range 2 {
			a.submit(text(pdu.International("491"), "hi"))
		}
		_, err = a.Submit(t.Context(), text(pdu.International("491"), "hi"))
		wantStatus(t, "beyond the rate", err, pdu.StatusThrottled)
		_ = a.Close()
		synctest.Wait()
		_, err = smpp.Bind(t.Context(), p.connect(), &smpp.Config{SystemID: "acme", Bind: smpp.Receiver, Logger: quiet})
		wantStatus(t, "a second receiver", err, pdu.StatusBindFailed)
		if r.Err() != nil {
			t.Errorf("the first receiver has ended: %v", r.Err())
		}
	})
}
