package front_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center"
	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/handset"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// All messages of a submit_multi have the message_id that a v3.3 peer was told,
// which it may write as it likes.
func TestAliasOfMany(t *testing.T) {
	bubble(t, func(t *testing.T, s store.Store) {
		b := open(t, center.Config{Store: s})
		defer b.close()
		e := b.bind(smpp.Config{Version: pdu.V33, Bind: smpp.Transmitter}, nil)
		r := b.bind(smpp.Config{Version: pdu.V33, Bind: smpp.Receiver}, nil)
		for range 2 {
			resp, err := e.SubmitMulti(t.Context(), &pdu.SubmitMulti{
				Source: acme, Dests: pdu.To(mobile, pdu.International("4912345"), pdu.International("4912346")), RegisteredDelivery: pdu.FinalReceipt, ShortMessage: []byte("x"),
			})
			if err != nil {
				t.Fatal(err)
			}
			found := r.receipts(time.Second)
			if len(found) != 3 {
				t.Errorf("%d receipts", len(found))
			}
			for _, x := range found {
				if x.ID != resp.MessageID {
					t.Errorf("a receipt is for %q; the message_id was %q", x.ID, resp.MessageID)
				}
			}
			if got := e.state(strings.ToUpper(resp.MessageID)); got != pdu.StateDelivered {
				t.Errorf("state %v", got)
			}
		}
	})
}

// What a session of v3.3 has no room for is not done.
func TestReplaceFromV33(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, center.Config{Accounts: []account.Account{{ID: "demo", Password: "demo", Addresses: []string{"8080"}}}})
		defer b.close()
		modern := b.bind(smpp.Config{Bind: smpp.Transmitter}, nil)
		old := b.bind(smpp.Config{Version: pdu.V33, Bind: smpp.Transmitter}, nil)
		modern.submit(text(pdu.ShortCode("8080"), "first"))
		m := text(pdu.ShortCode("8080"), "second")
		m.ReplaceIfPresent = 1
		_, err := old.Submit(t.Context(), m)
		wantStatus(t, "submit_sm in the place of one whose message_id is too long", err, pdu.StatusInvalidSubmitWithReplace)
		r := b.bind(smpp.Config{Bind: smpp.Receiver}, nil)
		if got := r.texts(time.Second); !slices.Equal(got, []string{"first"}) {
			t.Errorf("received %q", got)
		}
	})
}

// Addresses are looked at as the account has them changed, and told as they were
// named.
func TestRewrittenDestinations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		with, nothing := "49", ""
		b := open(t, center.Config{MaxWaiting: 1, Accounts: []account.Account{{ID: "demo", Password: "demo", Rewrites: []account.Rewrite{
			{Of: account.Destination, TON: -1, NPI: -1, Prefix: "0000", With: &nothing, SetTON: -1, SetNPI: -1},
			{Of: account.Destination, TON: -1, NPI: -1, Prefix: "0", With: &with, SetTON: 1, SetNPI: 1},
		}}}})
		defer b.close()
		e := b.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Transmitter}, nil)
		national := func(s string) pdu.Address { return pdu.Address{TON: 7, NPI: 2, Addr: s} } // which the rewriting mends
		multi := &pdu.SubmitMulti{Source: acme, ESMClass: pdu.ModeDatagram, Dests: pdu.To(national("0170"), national("0171"), national("0000")), ShortMessage: []byte("x")}
		resp, err := e.SubmitMulti(t.Context(), multi)
		if err != nil {
			t.Fatal(err)
		}
		want := []pdu.Unsuccessful{{Address: national("0000"), Status: pdu.StatusInvalidDestTON}, {Address: national("0171"), Status: pdu.StatusQueueFull}}
		if !slices.Equal(resp.Failed, want) {
			t.Errorf("unsuccess_sme %+v; want %+v", resp.Failed, want)
		}
		time.Sleep(time.Second)
		e.submit(text(national("0172"), "x"))
		_, err = e.Submit(t.Context(), text(pdu.Address{Addr: "0000"}, "x"))
		wantStatus(t, "submit_sm to what is empty when it is changed", err, pdu.StatusInvalidDest)
	})
}

// Cancellations by addresses may name either form of them.
func TestCancelRewritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		with := "49"
		b := open(t, center.Config{Handset: handset.Profile{Name: "slow"}, Accounts: []account.Account{{ID: "demo", Password: "demo", Rewrites: []account.Rewrite{
			{Of: account.Both, TON: -1, NPI: -1, Prefix: "", With: &with, SetTON: 1, SetNPI: 1},
		}}}})
		defer b.close()
		e := b.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Transmitter}, nil)
		for _, cancel := range []pdu.CancelSM{
			{Source: pdu.Address{Addr: "1"}, Dest: pdu.Address{Addr: "2"}}, {Source: pdu.International("491"), Dest: pdu.International("492")},
		} {
			m := &pdu.SubmitSM{Source: pdu.Address{Addr: "1"}, Dest: pdu.Address{Addr: "2"}, ScheduleDeliveryTime: relative(t, time.Hour)}
			e.submit(m)
			e.submit(m)
			if _, err := e.Cancel(t.Context(), &cancel); err != nil {
				t.Errorf("cancel_sm from %v to %v: %v", cancel.Source, cancel.Dest, err)
			}
			synctest.Wait()
			if st := b.center.Stats(); st.Live != 0 {
				t.Errorf("%d messages are left", st.Live)
			}
		}
	})
}

// A new validity_period counts, whatever the message was submitted with, and a
// malformed one is refused although qos_time_to_live wins.
func TestTimeToLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, center.Config{Accounts: []account.Account{{ID: "demo", Password: "demo", Addresses: []string{"8080"}}}})
		defer b.close()
		e := b.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Transmitter}, nil)
		m := text(pdu.ShortCode("8080"), "x")
		pdu.TLVQOSTimeToLive.Set(&m.TLVs, 60)
		m.ValidityPeriod = relative(t, time.Hour)
		replaced, kept := e.submit(m), e.submit(m)
		if _, err := e.Replace(t.Context(), &pdu.ReplaceSM{MessageID: replaced, Source: acme, ValidityPeriod: relative(t, 2*time.Minute), ShortMessage: []byte("y")}); err != nil {
			t.Error(err)
		}
		for _, tt := range []struct {
			after          time.Duration
			replaced, kept pdu.MessageState
		}{{59 * time.Second, pdu.StateEnroute, pdu.StateEnroute}, {time.Minute, pdu.StateEnroute, pdu.StateExpired}, {2 * time.Second, pdu.StateExpired, pdu.StateExpired}} {
			time.Sleep(tt.after)
			if a, b := e.state(replaced), e.state(kept); a != tt.replaced || b != tt.kept {
				t.Errorf("replaced %v, kept %v; want %v, %v", a, b, tt.replaced, tt.kept)
			}
		}
		m.ValidityPeriod = "991301000000000+"
		_, err := e.Submit(t.Context(), m)
		wantStatus(t, "a validity_period that is none", err, pdu.StatusInvalidExpiry)
	})
}

// A message_payload with nothing in it does not hide the text.
func TestEmptyPayload(t *testing.T) {
	for _, version := range []pdu.Version{pdu.V33, pdu.V34, pdu.V50} {
		synctest.Test(t, func(t *testing.T) {
			b := open(t, center.Config{})
			defer b.close()
			e := b.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Transmitter}, nil)
			r := b.bind(smpp.Config{Version: version, Bind: smpp.Receiver, AddressRange: pdu.Address{Addr: "8080"}}, nil)
			m := text(pdu.ShortCode("8080"), "x")
			pdu.TLVMessagePayload.Set(&m.TLVs, []byte{})
			e.submit(m)
			if got := r.texts(time.Second); !slices.Equal(got, []string{"x"}) {
				t.Errorf("%v: received %q", version, got)
			}
		})
	}
}

// An account that owns addresses gets what is for them however its ESME writes
// its address_range, as long as that takes them in: also what waited before.
func TestBoundInAnotherWay(t *testing.T) {
	for _, tt := range []struct {
		owned string
		bound pdu.Address
	}{
		{"8080", pdu.Address{TON: 1, NPI: 1, Addr: "80*"}},
		{"80*", pdu.Address{TON: 1, NPI: 1, Addr: "80*"}},
		{"80*", pdu.Address{TON: 1, NPI: 1, Addr: "8080"}},
		{"80*", pdu.Address{Addr: "8*"}},
		{"80*", pdu.Address{Addr: "^80"}},
		{"^80", pdu.Address{TON: 1, NPI: 1, Addr: "^80"}},
		{"^80", pdu.Address{Addr: "8*"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := open(t, center.Config{Accounts: []account.Account{{ID: "demo", Password: "demo"}, {ID: "shop", Password: "x", Addresses: []string{tt.owned}}}})
			defer b.close()
			e := b.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Transmitter}, nil)
			e.submit(text(pdu.International("8080"), "before"))
			time.Sleep(time.Hour)
			shop := smpp.Config{SystemID: "shop", Password: "x", Bind: smpp.Receiver, AddressRange: tt.bound}
			r := b.bind(shop, nil)
			e.submit(text(pdu.International("8080"), "after"))
			if got := r.texts(time.Second); !slices.Equal(got, []string{"before", "after"}) {
				t.Errorf("%q, bound for %v: received %q", tt.owned, tt.bound, got)
			}
			// A second session, for everything that is owned, takes over.
			shop.AddressRange = pdu.Address{}
			second := b.bind(shop, nil)
			_ = r.Close()
			synctest.Wait()
			e.submit(text(pdu.International("8080"), "last"))
			if got := second.texts(time.Second); !slices.Equal(got, []string{"last"}) {
				t.Errorf("%q, bound for %v and for all: the second session received %q", tt.owned, tt.bound, got)
			}
		})
	}
}

// Who binds for an address gets what waits for it elsewhere: for an account that
// has left and had claimed it only by a prefix, or for a handset out of reach.
func TestNewClaim(t *testing.T) {
	bubble(t, func(t *testing.T, s store.Store) {
		b := open(t, center.Config{Store: s, Handset: handset.Profile{Name: "expire"}, Linger: 24 * time.Hour, Accounts: []account.Account{
			{ID: "demo", Password: "demo"}, {ID: "shop", Password: "x"}, {ID: "b", Password: "x"},
		}})
		defer b.close()
		_ = b.bind(smpp.Config{SystemID: "shop", Password: "x", Bind: smpp.Receiver, AddressRange: pdu.Address{Addr: "80*"}}, nil).Close()
		e := b.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Transmitter}, nil)
		for _, dest := range []string{"8080", "9090"} {
			e.submit(text(pdu.ShortCode(dest), "before"))
		}
		time.Sleep(3 * time.Hour)
		for _, dest := range []string{"8080", "9090"} {
			r := b.bind(smpp.Config{SystemID: "b", Password: "x", Bind: smpp.Receiver, AddressRange: pdu.Address{Addr: dest}}, nil)
			e.submit(text(pdu.ShortCode(dest), "after"))
			if got := r.texts(time.Second); !slices.Equal(got, []string{"before", "after"}) {
				t.Errorf("%s: received %q", dest, got)
			}
		}
	})
}

// Nobody takes what another account owns, however well the address_range of its
// bind matches, and whether the other is there or not.
func TestOwnedIsNotClaimed(t *testing.T) {
	for _, owned := range []string{"8080", "80*", "^80"} {
		for _, claimed := range []string{"8080", "808*", "^8080$", "*"} {
			synctest.Test(t, func(t *testing.T) {
				b := open(t, center.Config{Accounts: []account.Account{{ID: "demo", Password: "demo"}, {ID: "shop", Password: "x", Addresses: []string{owned}}, {ID: "thief", Password: "x"}}})
				defer b.close()
				e := b.bind(smpp.Config{Bind: smpp.Transmitter}, nil)
				thief := b.bind(smpp.Config{SystemID: "thief", Password: "x", Bind: smpp.Receiver, AddressRange: pdu.Address{Addr: claimed}}, nil)
				e.submit(text(pdu.ShortCode("8080"), "secret"))
				if got := thief.texts(time.Hour); len(got) != 0 {
					t.Errorf("%q is claimed with %q, and %q taken", owned, claimed, got)
				}
				r := b.bind(smpp.Config{SystemID: "shop", Password: "x", Bind: smpp.Receiver}, nil)
				e.submit(text(pdu.ShortCode("8080"), "and more"))
				if got := r.texts(time.Second); !slices.Equal(got, []string{"secret", "and more"}) {
					t.Errorf("%q, claimed with %q: the owner received %q", owned, claimed, got)
				}
			})
		}
	}
}

// What waits for an ESME that claims addresses when it binds does not go to
// others because the message center starts anew.
func TestClaimSurvivesRestart(t *testing.T) {
	bubble(t, func(t *testing.T, s store.Store) {
		cfg := center.Config{Store: s, Linger: time.Hour, Accounts: []account.Account{{ID: "demo", Password: "demo"}, {ID: "shop", Password: "x"}}}
		shop := smpp.Config{SystemID: "shop", Password: "x", Bind: smpp.Receiver, AddressRange: pdu.Address{TON: 1, Addr: "80*"}}
		var e *esme
		restart := func(b *bench) *bench {
			if b != nil {
				b.close()
			}
			b = open(t, cfg)
			e = b.bind(smpp.Config{Bind: smpp.Transmitter}, nil)
			return b
		}
		b := restart(nil)
		_ = b.bind(shop, nil).Close()
		waits := e.submit(text(pdu.International("8080"), "before"))
		b = restart(b)
		time.Sleep(30 * time.Minute)
		e.submit(text(pdu.International("8080"), "after"))
		if got := e.state(waits); got != pdu.StateEnroute {
			t.Errorf("while nobody is bound: %v", got)
		}
		b = restart(b)
		r := b.bind(shop, nil)
		if got := r.texts(time.Second); !slices.Equal(got, []string{"before", "after"}) {
			t.Errorf("received %q", got)
		}
		_ = r.Close()
		b = restart(b)
		id := e.submit(text(pdu.International("8080"), "too long"))
		time.Sleep(time.Hour - time.Minute)
		if got := e.state(id); got != pdu.StateEnroute {
			t.Errorf("before the claim ends: %v", got)
		}
		time.Sleep(2 * time.Minute)
		if got := e.state(id); got != pdu.StateDelivered {
			t.Errorf("after the claim has ended: %v", got)
		}
		b = restart(b) // it does not come back
		time.Sleep(time.Second)
		id = e.submit(text(pdu.International("8080"), "for a handset"))
		time.Sleep(time.Second)
		if got := e.state(id); got != pdu.StateDelivered {
			t.Errorf("after a restart without a claim: %v", got)
		}
		_ = b.bind(shop, nil).Close()
		b.close()
		cfg.Accounts = cfg.Accounts[:1] // nor does one of nobody
		b = restart(nil)
		defer b.close()
		id = e.submit(text(pdu.International("8080"), "for a handset"))
		time.Sleep(time.Second)
		if got := e.state(id); got != pdu.StateDelivered {
			t.Errorf("after a restart without the account: %v", got)
		}
	})
}

// TLVs pass through but for those that are for the message center, and those that
// only a message center may send.
func TestTLVsThatPass(t *testing.T) {
	kept := tlv.List{pdu.TLVUserMessageReference.Option(9), pdu.TLVSourcePort.Option(7), {Tag: 0x1400, Value: []byte("vendor")}, {Tag: 0x4321}, pdu.TLVSARMsgRefNum.Option(1)}
	all := tlv.List{
		pdu.TLVReceiptedMessageID.Option("1000000000000001"), kept[0], pdu.TLVMessageState.Option(pdu.StateDelivered), kept[1], pdu.TLVDPFResult.Option(1), kept[2],
		pdu.TLVNetworkErrorCode.Option(pdu.NetworkError{Type: pdu.ErrorGSM, Code: 1}), pdu.TLVSetDPF.Option(1), kept[3], pdu.TLVQOSTimeToLive.Option(100),
		{Tag: pdu.TLVBillingIdentification.Tag(), Value: []byte{0, 1}}, kept[4],
	}
	for _, version := range []pdu.Version{pdu.V34, pdu.V50} {
		synctest.Test(t, func(t *testing.T) {
			b := open(t, center.Config{})
			defer b.close()
			e := b.bind(smpp.Config{Version: pdu.V50}, nil)
			r := b.bind(smpp.Config{Version: version, Bind: smpp.Receiver, AddressRange: pdu.Address{Addr: "8080"}}, nil)
			m := text(pdu.ShortCode("8080"), "x")
			m.TLVs = all
			e.submit(m)
			got := r.take(time.Second)
			if len(got) != 1 {
				t.Fatalf("%d PDUs", len(got))
			}
			if l := got[0].(*pdu.DeliverSM).TLVs; !slices.EqualFunc(l, kept, func(a, b tlv.Option) bool { return a.Tag == b.Tag && string(a.Value) == string(b.Value) }) {
				t.Errorf("%v: TLVs %v; want %v", version, l, kept)
			}
		})
	}
}

// wire binds and answers each deliver_sm with octets.
func (b *bench) wire(bind pdu.Body, answer func(d *pdu.DeliverSM, seq uint32) []byte) {
	b.t.Helper()
	octets, err := pdu.Append(nil, pdu.Header{Sequence: 1}, bind)
	if err != nil {
		b.t.Fatal(err)
	}
	here, there := net.Pipe()
	b.t.Cleanup(func() { _ = here.Close() })
	b.center.ServeConn(there)
	go func() {
		_, _ = here.Write(octets)
		for {
			frame := make([]byte, pdu.HeaderLen)
			if _, err := io.ReadFull(here, frame); err != nil {
				return
			}
			h, length, err := pdu.ParseHeader(frame)
			if err != nil {
				b.t.Error(err)
				return
			}
			frame = append(frame, make([]byte, length-pdu.HeaderLen)...)
			if _, err := io.ReadFull(here, frame[pdu.HeaderLen:]); err != nil {
				return
			}
			if h.Command != pdu.IDDeliverSM {
				continue
			}
			_, body, err := pdu.Decode(frame)
			if err != nil {
				b.t.Error(err)
				return
			}
			_, _ = here.Write(answer(body.(*pdu.DeliverSM), h.Sequence))
		}
	}()
	synctest.Wait()
}

// resp returns what makes a response of a sequence number.
func resp(id pdu.CommandID, body ...byte) func(seq uint32) []byte {
	return func(seq uint32) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(pdu.HeaderLen+len(body)))
		b = binary.BigEndian.AppendUint32(b, uint32(id))
		b = binary.BigEndian.AppendUint32(b, 0)
		return append(binary.BigEndian.AppendUint32(b, seq), body...)
	}
}

// A transceiver that says that it is of v3.3 gets no TLVs: what a message_payload
// holds is in the short_message.
func TestTransceiverWithoutTLVs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, center.Config{Accounts: []account.Account{{ID: "demo", Password: "demo"}, {ID: "shop", Password: "x", Delivery: account.Delivery{Data: true}}}})
		defer b.close()
		e := b.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Transmitter}, nil)
		var mu sync.Mutex
		var got []string
		b.wire(&pdu.BindTransceiver{Bind: pdu.Bind{SystemID: "shop", Password: "x", AddressRange: pdu.Address{Addr: "8080"}}}, func(d *pdu.DeliverSM, seq uint32) []byte {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, string(d.ShortMessage))
			if len(d.TLVs) > 0 {
				t.Errorf("TLVs %v", d.TLVs)
			}
			return resp(pdu.IDDeliverSMResp, 0)(seq)
		})
		payload := &pdu.SubmitSM{Source: acme, Dest: pdu.ShortCode("8080"), TLVs: tlv.List{pdu.TLVMessagePayload.Option([]byte("payload")), pdu.TLVUserMessageReference.Option(1)}}
		e.submit(payload)
		if _, err := e.Data(t.Context(), &pdu.DataSM{Source: acme, Dest: pdu.ShortCode("8080"), TLVs: tlv.List{pdu.TLVMessagePayload.Option([]byte("by data"))}}); err != nil {
			t.Error(err)
		}
		e.submit(text(pdu.ShortCode("8080"), "text"))
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		if want := []string{"payload", "by data", "text"}; !slices.Equal(got, want) {
			t.Errorf("received %q; want %q", got, want)
		}
	})
}

// A session lives on whatever its ESME answers: ESME_ROK counts even if nobody can
// read the rest, and a response to something else has the message sent again.
func TestOddAnswers(t *testing.T) {
	good := resp(pdu.IDDeliverSMResp, 0)
	for _, tt := range []struct {
		name   string
		answer func(seq uint32) []byte
		want   []string
	}{
		{"a header alone", resp(pdu.IDDeliverSMResp), []string{"first", "second"}},
		{"no NUL", resp(pdu.IDDeliverSMResp, 'x'), []string{"first", "second"}},
		{"a long id", resp(pdu.IDDeliverSMResp, bytes.Repeat([]byte{'x'}, 80)...), []string{"first", "second"}},
		{"half a TLV", resp(pdu.IDDeliverSMResp, 0, 4, 0x1D, 0), []string{"first", "second"}},
		{"another response", resp(pdu.IDSubmitSMResp, 'x', 0), []string{"first", "first", "second"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := open(t, center.Config{})
				defer b.close()
				e := b.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Transmitter}, nil)
				var mu sync.Mutex
				var got []string
				b.wire(&pdu.BindReceiver{Bind: pdu.Bind{SystemID: "demo", Password: "demo", InterfaceVersion: pdu.V34, AddressRange: pdu.Address{Addr: "8080"}}}, func(d *pdu.DeliverSM, seq uint32) []byte {
					if d.ESMClass.IsReceipt() {
						return good(seq)
					}
					mu.Lock()
					defer mu.Unlock()
					if got = append(got, string(d.ShortMessage)); len(got) > 1 {
						return good(seq)
					}
					return tt.answer(seq)
				})
				time.Sleep(time.Second)
				e.submit(text(pdu.ShortCode("8080"), "first"))
				time.Sleep(10 * time.Second)
				e.submit(text(pdu.ShortCode("8080"), "second"))
				time.Sleep(10 * time.Second)
				mu.Lock()
				defer mu.Unlock()
				if !slices.Equal(got, tt.want) {
					t.Errorf("it was sent %q; want %q", got, tt.want)
				}
			})
		})
	}
}

// A receiver that comes and goes after it has wanted something later gets all of
// it in the end.
func TestComesAndGoes(t *testing.T) {
	bubble(t, func(t *testing.T, s store.Store) {
		b := open(t, center.Config{Store: s, Retry: []time.Duration{time.Hour}, Accounts: []account.Account{{ID: "demo", Password: "demo"}, {ID: "shop", Password: "x", Addresses: []string{"8080"}}}})
		defer b.close()
		e := b.bind(smpp.Config{Bind: smpp.Transmitter}, nil)
		shop := smpp.Config{SystemID: "shop", Password: "x", Bind: smpp.Receiver}
		r := b.bind(shop, func(pdu.Body) (pdu.Body, error) { return nil, pdu.StatusTemporaryAppError })
		var want []string
		for i := range 30 {
			want = append(want, fmt.Sprint(i))
			e.submit(text(pdu.ShortCode("8080"), want[i]))
			synctest.Wait()
			if i == 0 {
				_ = r.Close()
				synctest.Wait()
			}
		}
		for range 2 {
			r = b.bind(shop, func(pdu.Body) (pdu.Body, error) { return nil, errSilent })
			time.Sleep(time.Second)
			_ = r.Close()
			time.Sleep(time.Second)
		}
		r = b.bind(shop, nil)
		if got := r.texts(time.Minute); !slices.Equal(got, want) {
			t.Errorf("received %q; want %q", got, want)
		}
	})
}

// Messages that are sent without waiting for the responses keep their order, and
// those that are refused do not take others with them.
func TestIntake(t *testing.T) {
	bubble(t, func(t *testing.T, s store.Store) {
		const n = 2000
		many := fmt.Sprint(n/4, " to many")
		place := func(s string) (i int) {
			_, _ = fmt.Sscan(s, &i)
			return i
		}
		b := open(t, center.Config{Store: s, MaxPerAccount: n - 500, ServiceTypes: []string{"CMT"}, Accounts: []account.Account{{ID: "demo", Password: "demo", Addresses: []string{"8080"}}}})
		defer b.close()
		for _, version := range []pdu.Version{pdu.V33, pdu.V50} {
			e := b.bind(smpp.Config{Version: version, Bind: smpp.Transmitter}, nil)
			var mu sync.Mutex
			var want []string
			full, wrong := 0, 0
			for i := range n {
				m := text(pdu.ShortCode("8080"), fmt.Sprint(i))
				if i%7 == 0 {
					m.ServiceType = "none"
				}
				err := smpp.Go(t.Context(), e.Session, m, func(resp *pdu.SubmitSMResp, err error) {
					mu.Lock()
					defer mu.Unlock()
					switch {
					case isStatus(err, pdu.StatusQueueFull):
						full++
					case isStatus(err, pdu.StatusInvalidServiceType):
						wrong++
					case err != nil:
						t.Error(err)
					case (len(resp.MessageID) == 8) != (version == pdu.V33):
						t.Errorf("message_id %q", resp.MessageID)
					default:
						want = append(want, fmt.Sprint(i))
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				if i == n/4 {
					multi := &pdu.SubmitMulti{Source: acme, ShortMessage: []byte(many), Dests: pdu.To(pdu.ShortCode("8080"), pdu.ShortCode("8080"))}
					if err := smpp.Go(t.Context(), e.Session, multi, func(_ *pdu.SubmitMultiResp, err error) {
						mu.Lock()
						defer mu.Unlock()
						if err != nil {
							t.Error(err)
						}
						want = append(want, many, many)
					}); err != nil {
						t.Fatal(err)
					}
				}
			}
			time.Sleep(time.Second)
			r := b.bind(smpp.Config{Bind: smpp.Receiver}, nil)
			got := r.texts(time.Minute)
			mu.Lock()
			slices.SortFunc(want, func(a, b string) int { return cmp.Or(place(a)-place(b), len(a)-len(b)) }) // as sent; the answers may change places
			if wrong != (n+6)/7 || !slices.Equal(got, want) || full+wrong+len(want) != n+2 {
				t.Errorf("%v: %d wrong, %d when it was full; received %d in order %v; want %d", version, wrong, full, len(got), slices.Equal(got, want), len(want))
			}
			mu.Unlock()
			_ = r.Close()
			_ = e.Close()
			synctest.Wait()
		}
	})
}

// What takes the place of a message goes to the destination of that, also when it
// says less of it.
func TestReplaceKeepsDestination(t *testing.T) {
	bubble(t, func(t *testing.T, s store.Store) {
		cfg := center.Config{Store: s, Accounts: []account.Account{{ID: "demo", Password: "demo", Addresses: []string{"8080"}}}}
		b := open(t, cfg)
		e := b.bind(smpp.Config{Bind: smpp.Transmitter}, nil)
		full := pdu.Address{TON: pdu.TONInternational, NPI: pdu.NPIISDN, Addr: "8080"}
		id := e.submit(text(full, "old"))
		m := text(pdu.Address{Addr: "8080"}, "new")
		m.ReplaceIfPresent, m.PriorityFlag = 1, 1
		if again := e.submit(m); again != id {
			t.Errorf("message_id %s; want %s", again, id)
		}
		e.submit(text(full, "next"))
		b.close()
		b = open(t, cfg)
		defer b.close()
		r := b.bind(smpp.Config{Bind: smpp.Receiver}, nil)
		var got []string
		for _, p := range r.take(time.Second) {
			d := p.(*pdu.DeliverSM)
			if d.Dest != full {
				t.Errorf("destination %+v; want %+v", d.Dest, full)
			}
			got = append(got, string(d.ShortMessage))
		}
		if !slices.Equal(got, []string{"new", "next"}) {
			t.Errorf("received %q", got)
		}
	})
}

// An alias that is taken, as the clock was set back, is not given out again, also
// when many are submitted at once.
func TestAliasesTaken(t *testing.T) {
	bubble(t, func(t *testing.T, s store.Store) {
		ids := map[string]bool{}
		for range 2 { // at the same time
			b := open(t, center.Config{Store: s, Accounts: []account.Account{{ID: "demo", Password: "demo", Addresses: []string{"8080"}}}})
			e := b.bind(smpp.Config{Version: pdu.V33, Bind: smpp.Transmitter}, nil)
			var mu sync.Mutex
			for i := range 50 {
				err := smpp.Go(t.Context(), e.Session, text(pdu.ShortCode("8080"), fmt.Sprint(i)), func(resp *pdu.SubmitSMResp, err error) {
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err != nil:
						t.Error(err)
					case ids[resp.MessageID] || len(resp.MessageID) != 8:
						t.Errorf("message_id %q", resp.MessageID)
					default:
						ids[resp.MessageID] = true
					}
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			mu.Lock()
			for id := range ids {
				if got := e.state(id); got != pdu.StateEnroute {
					t.Errorf("%s is %v", id, got)
				}
			}
			mu.Unlock()
			b.close()
		}
		if len(ids) != 100 {
			t.Errorf("%d message_ids; want 100", len(ids))
		}
	})
}

// A hooked is a store that calls before before it commits an alert.
type hooked struct {
	store.Store
	before func()
}

func (h *hooked) Unwrap() store.Store { return h.Store }

func (h *hooked) Commit(ctx context.Context, shard int, epoch uint64, ops []store.Op) error {
	if len(ops) == 1 && ops[0].Kind == store.Accept && ops[0].Message.Kind == message.Alert && h.before != nil {
		before := h.before
		h.before = nil
		before()
	}
	return h.Store.Commit(ctx, shard, epoch, ops)
}

// A destination that comes back while its flag is being set is told of.
func TestAlertOfOneThatComesAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, s store.Store) {
		h := &hooked{Store: s}
		b := open(t, center.Config{Store: h, Accounts: []account.Account{{ID: "demo", Password: "demo"}, {ID: "shop", Password: "x", Addresses: []string{"8080"}}}})
		defer b.close()
		e := b.bind(smpp.Config{Version: pdu.V50}, nil)
		h.before = func() { b.bind(smpp.Config{SystemID: "shop", Password: "x", Bind: smpp.Receiver}, nil) }
		m := text(pdu.ShortCode("8080"), "x")
		m.ESMClass = pdu.ModeForward
		pdu.TLVSetDPF.Set(&m.TLVs, 1)
		resp, err := e.Submit(t.Context(), m)
		wantStatus(t, "submit_sm to nobody", err, pdu.StatusDeliveryFailure)
		if result, _ := pdu.TLVDPFResult.Get(resp.TLVs); result != 1 {
			t.Errorf("dpf_result %v", result)
		}
		got := e.take(time.Minute)
		if len(got) != 1 || got[0].Command() != pdu.IDAlertNotification {
			t.Errorf("%d PDUs %v; want an alert", len(got), got)
		}
	})
}
