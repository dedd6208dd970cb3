package center_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center"
	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/handset"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// connected starts a center and an ESME of version 5.0 on it, which prints what
// it is delivered.
func connected(cfg center.Config) (*center.Center, *smpp.Session, <-chan string) {
	cfg.Logger = quiet
	c, err := center.New(cfg)
	if err != nil {
		panic(err)
	}
	got := make(chan string, 10)
	here, there := net.Pipe()
	c.ServeConn(there)
	s, err := smpp.Bind(context.Background(), here, &smpp.Config{
		SystemID: "acme", Password: "secret", Version: pdu.V50,
		Handler: smpp.HandlerFor(func(_ context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
			got <- fmt.Sprintf("for %v: %s", m.Dest, m.ShortMessage)
			return nil, nil
		}),
	})
	if err != nil {
		panic(err)
	}
	return c, s, got
}

// Distribution lists and canned texts are the message center's.
func ExampleConfig() {
	c, s, got := connected(center.Config{
		Accounts:     []account.Account{{ID: "acme", Password: "secret", Addresses: []string{"7000"}}},
		DefaultTexts: map[uint8]string{1: "We are open from 9 to 5"},
		Lists:        map[string][]pdu.Address{"desks": {pdu.ShortCode("7000"), pdu.ShortCode("7001")}},
	})
	defer func() { _ = c.Close() }()
	resp, err := s.SubmitMulti(context.Background(), &pdu.SubmitMulti{
		Source: pdu.Alphanumeric("ACME"), Dests: []pdu.Destination{{List: "desks"}, {List: "friends"}}, DefaultMessageID: 1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range resp.Failed {
		fmt.Printf("%s: %v\n", f.Address.Addr, f.Status.String())
	}
	fmt.Println(<-got)
	// Output:
	// friends: ESME_RINVDLNAME
	// for 7000: We are open from 9 to 5
}

// In transaction mode the response tells of the delivery.
func ExampleCenter_transaction() {
	c, s, _ := connected(center.Config{
		Accounts: []account.Account{{ID: "acme", Password: "secret"}},
		Handset:  handset.Profile{Name: "fail", Delay: 10 * time.Millisecond},
	})
	defer func() { _ = c.Close() }()
	resp, err := s.Submit(context.Background(), &pdu.SubmitSM{
		Source: pdu.Alphanumeric("ACME"), Dest: pdu.International("491701234567"), ESMClass: pdu.ModeForward, ShortMessage: []byte("Are you there?"),
	})
	reason, _ := pdu.TLVDeliveryFailureReason.Get(resp.TLVs)
	network, _ := pdu.TLVNetworkErrorCode.Get(resp.TLVs)
	fmt.Println(errors.Is(err, pdu.StatusDeliveryFailure), reason == pdu.FailureDestInvalid, network.Code)
	// Output: true true 1
}

// A broadcast goes to whoever receives for its areas.
func ExampleCenter_broadcast() {
	c, s, got := connected(center.Config{
		Accounts: []account.Account{{ID: "acme", Password: "secret", Delivery: account.Delivery{Areas: []string{"harbour"}}}},
	})
	defer func() { _ = c.Close() }()
	_, err := s.Broadcast(context.Background(), &pdu.BroadcastSM{Source: pdu.Alphanumeric("CITY"), TLVs: tlv.List{
		pdu.TLVBroadcastAreaIdentifier.Option(pdu.NamedArea("harbour")),
		pdu.TLVBroadcastContentType.Option(pdu.ContentType{}),
		pdu.TLVBroadcastRepNum.Option(0), // until its validity ends
		pdu.TLVBroadcastFrequency.Option(pdu.Frequency{Unit: pdu.EverySeconds, Count: 1}),
		pdu.TLVMessagePayload.Option([]byte("High water at noon")),
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-got)
	fmt.Println(<-got)
	// Output:
	// for : High water at noon
	// for : High water at noon
}
