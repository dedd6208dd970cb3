package front_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center"
	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

func broadcast(s string, rep uint16, every pdu.Frequency, areas ...string) *pdu.BroadcastSM {
	p := &pdu.BroadcastSM{Source: acme, TLVs: tlv.List{
		pdu.TLVBroadcastContentType.Option(pdu.ContentType{Network: pdu.BroadcastGSM, Service: 1}),
		pdu.TLVBroadcastRepNum.Option(rep), pdu.TLVBroadcastFrequency.Option(every), pdu.TLVMessagePayload.Option([]byte(s)),
	}}
	for _, a := range areas {
		pdu.TLVBroadcastAreaIdentifier.Add(&p.TLVs, pdu.NamedArea(a))
	}
	return p
}

var everyMinute = pdu.Frequency{Unit: pdu.EveryMinutes, Count: 1}

func (e *esme) broadcast(p *pdu.BroadcastSM) string {
	e.t.Helper()
	resp, err := e.Broadcast(e.t.Context(), p)
	if err != nil {
		e.t.Fatalf("broadcast_sm: %v", err)
	}
	return resp.MessageID
}

// progress is what query_broadcast_sm tells.
func (e *esme) progress(q *pdu.QueryBroadcastSM) string {
	e.t.Helper()
	q.Source = acme
	resp, err := e.QueryBroadcast(e.t.Context(), q)
	if err != nil {
		return err.Error()
	}
	state, _ := pdu.TLVMessageState.Get(resp.TLVs)
	s := state.String()
	areas := slices.Collect(pdu.TLVBroadcastAreaIdentifier.All(resp.TLVs))
	success := slices.Collect(pdu.TLVBroadcastAreaSuccess.All(resp.TLVs))
	for i, a := range areas {
		s += fmt.Sprintf(" %v=%d", a, success[i])
	}
	if end, ok := pdu.TLVBroadcastEndTime.Get(resp.TLVs); ok {
		if at, err := end.At(time.Now()); err != nil || at.After(time.Now()) {
			s += " but the end is " + string(end)
		}
		s += " over"
	}
	return s
}

// A broadcast goes to the receivers of its areas, as often as it says, also
// through a restart, and is known afterwards.
func TestBroadcast(t *testing.T) {
	bubble(t, func(t *testing.T, s store.Store) {
		cfg := center.Config{Store: s, Accounts: []account.Account{
			{ID: "demo", Password: "demo"},
			{ID: "north", Password: "x", Delivery: account.Delivery{Areas: []string{"north"}}},
			{ID: "all", Password: "x", Delivery: account.Delivery{Areas: []string{"*"}}},
		}}
		refuse := func(pdu.Body) (pdu.Body, error) { return nil, pdu.StatusTemporaryAppError }
		var e, north, bound *esme
		start := func() *bench {
			b := open(t, cfg)
			e = b.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Transmitter}, nil)
			north = b.bind(smpp.Config{SystemID: "north", Password: "x", Version: pdu.V50, Bind: smpp.Receiver}, nil)
			b.bind(smpp.Config{SystemID: "all", Password: "x", Bind: smpp.Receiver}, refuse)
			bound = b.bind(smpp.Config{Version: pdu.V33, Bind: smpp.Receiver, BindTLVs: tlv.List{pdu.TLVBroadcastAreaIdentifier.Option(pdu.NamedArea("south"))}}, nil)
			return b
		}
		b := start()
		p := broadcast("flood", 4, everyMinute, "north", "south", "east")
		pdu.TLVUserMessageReference.Set(&p.TLVs, 77)
		id := e.broadcast(p)
		first := north.take(time.Second)
		if len(first) != 1 {
			t.Fatalf("north got %d PDUs", len(first))
		}
		d := first[0].(*pdu.DeliverSM)
		areas := slices.Collect(pdu.TLVBroadcastAreaIdentifier.All(d.TLVs))
		content, _ := pdu.TLVBroadcastContentType.Get(d.TLVs)
		if string(d.ShortMessage) != "flood" || len(areas) != 1 || areas[0].String() != "north" || content.Service != 1 || d.Source != acme || d.ESMClass != 0 {
			t.Errorf("north got %+v", d)
		}
		if got := bound.texts(0); !slices.Equal(got, []string{"flood"}) {
			t.Errorf("south got %q", got)
		}
		// "all" refuses: half of north and south, and none of east.
		if got, want := e.progress(&pdu.QueryBroadcastSM{MessageID: id}), "enroute north=50 south=50 east=0"; got != want {
			t.Errorf("after the first: %q; want %q", got, want)
		}
		if got := north.take(60 * time.Second); len(got) != 1 {
			t.Errorf("north got %d PDUs in the second minute", len(got))
		}
		b.close()
		time.Sleep(time.Minute) // the third is missed
		b = start()
		defer func() { b.close() }()
		byReference := &pdu.QueryBroadcastSM{TLVs: tlv.List{pdu.TLVUserMessageReference.Option(77)}}
		if got, want := e.progress(byReference), "enroute north=50 south=50 east=0"; got != want {
			t.Errorf("after the restart: %q; want %q", got, want)
		}
		if got := north.take(10 * time.Minute); len(got) != 1 {
			t.Errorf("north got %d PDUs after the restart; want the fourth", len(got))
		}
		if got, want := e.progress(&pdu.QueryBroadcastSM{MessageID: id}), "expired north=50 south=50 east=0 over"; got != want {
			t.Errorf("at the end: %q; want %q", got, want)
		}
		b.close()
		b = start()
		if got, want := e.progress(byReference), "expired north=50 south=50 east=0 over"; got != want {
			t.Errorf("by its reference, after it is over and a restart: %q; want %q", got, want)
		}
		_, err := e.CancelBroadcast(t.Context(), &pdu.CancelBroadcastSM{Source: acme, TLVs: byReference.TLVs})
		wantStatus(t, "cancel of what is over, after a restart", err, pdu.StatusBroadcastCancelFailed)
	})
}

func TestBroadcastReplaceAndCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(21 * 365 * 24 * time.Hour)
		b := open(t, center.Config{DefaultTexts: map[uint8]string{1: "canned"}, Areas: []string{"north", "south"}, Accounts: []account.Account{
			{ID: "demo", Password: "demo", Delivery: account.Delivery{Areas: []string{"north", "south"}}}, {ID: "shop", Password: "x"},
		}})
		defer b.close()
		e := b.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Transmitter}, nil)
		r := b.bind(smpp.Config{Bind: smpp.Receiver}, nil)
		other := b.bind(smpp.Config{SystemID: "shop", Password: "x", Version: pdu.V50, Bind: smpp.Transmitter}, nil)
		id := e.broadcast(broadcast("one", 0, everyMinute, "north"))
		if got := r.texts(90 * time.Second); !slices.Equal(got, []string{"one", "one"}) {
			t.Errorf("received %q", got)
		}
		p := broadcast("two", 2, everyMinute, "south")
		p.MessageID, p.ReplaceIfPresent = id, 1
		if got := e.broadcast(p); got != id {
			t.Errorf("replaced: id %s; want %s", got, id)
		}
		if got := r.texts(time.Hour); !slices.Equal(got, []string{"two", "two"}) {
			t.Errorf("after the replacement: %q", got)
		}
		if got, want := e.progress(&pdu.QueryBroadcastSM{MessageID: id}), "expired south=100 over"; got != want {
			t.Errorf("%q; want %q", got, want)
		}
		_, err := e.Broadcast(t.Context(), p)
		wantStatus(t, "replacement of what is over", err, pdu.StatusBroadcastFailed)

		later := broadcast("later", 3, everyMinute, "north")
		later.ScheduleDeliveryTime = relative(t, time.Hour)
		later.ServiceType = "CBS"
		pdu.TLVUserMessageReference.Set(&later.TLVs, 5)
		id = e.broadcast(later)
		if got, want := e.progress(&pdu.QueryBroadcastSM{MessageID: id}), "scheduled north=255"; got != want {
			t.Errorf("%q; want %q", got, want)
		}
		cancel := func(es *esme, what string, c pdu.CancelBroadcastSM, want pdu.Status) {
			t.Helper()
			_, err := es.CancelBroadcast(t.Context(), &c)
			wantStatus(t, "cancel_broadcast_sm "+what, err, want)
		}
		cancel(other, "of another account", pdu.CancelBroadcastSM{MessageID: id, Source: acme}, pdu.StatusInvalidMessageID)
		cancel(e, "from another source", pdu.CancelBroadcastSM{MessageID: id}, pdu.StatusInvalidSource)
		cancel(e, "of another service type", pdu.CancelBroadcastSM{Source: acme, ServiceType: "CMT"}, pdu.StatusBroadcastCancelFailed)
		cancel(e, "of another content", pdu.CancelBroadcastSM{Source: acme, TLVs: tlv.List{pdu.TLVBroadcastContentType.Option(pdu.ContentType{})}}, pdu.StatusBroadcastCancelFailed)
		cancel(e, "by reference", pdu.CancelBroadcastSM{Source: acme, TLVs: tlv.List{pdu.TLVUserMessageReference.Option(5)}}, pdu.StatusOK)
		cancel(e, "of what is over", pdu.CancelBroadcastSM{MessageID: id, Source: acme}, pdu.StatusBroadcastCancelFailed)
		if got, want := e.progress(&pdu.QueryBroadcastSM{MessageID: id}), "deleted north=255 over"; got != want {
			t.Errorf("%q; want %q", got, want)
		}
		a, c := e.broadcast(later), e.broadcast(later)
		cancel(e, "of all", pdu.CancelBroadcastSM{Source: acme, ServiceType: "CBS"}, pdu.StatusOK)
		for _, id := range []string{a, c} {
			if got, want := e.progress(&pdu.QueryBroadcastSM{MessageID: id}), "deleted north=255 over"; got != want {
				t.Errorf("%q; want %q", got, want)
			}
		}
		canned := broadcast("x", 1, everyMinute, "north")
		pdu.TLVMessagePayload.Delete(&canned.TLVs)
		canned.DefaultMessageID = 1
		e.broadcast(canned)
		if got := r.texts(2 * time.Hour); !slices.Equal(got, []string{"canned"}) {
			t.Errorf("received %q", got)
		}
		if st := b.center.Stats(); st.Live != 0 || st.Places != 0 {
			t.Errorf("left behind: %+v", st.Stats)
		}
		// Areas that are not known are told one by one.
		resp, err := e.Broadcast(t.Context(), broadcast("x", 1, everyMinute, "west", "north", "nowhere"))
		if err != nil {
			t.Fatal(err)
		}
		failed := slices.Collect(pdu.TLVBroadcastAreaIdentifier.All(resp.TLVs))
		statuses := slices.Collect(pdu.TLVBroadcastErrorStatus.All(resp.TLVs))
		if len(failed) != 2 || failed[0].String() != "west" || failed[1].String() != "nowhere" || !slices.Equal(statuses, []pdu.Status{pdu.StatusInvalidBroadcastAliasName, pdu.StatusInvalidBroadcastAliasName}) {
			t.Errorf("refused areas %v, %v", failed, statuses)
		}
	})
}

// Each field of a broadcast that is wrong has its own status.
func TestBroadcastErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, center.Config{ServiceTypes: []string{"CBS"}})
		defer b.close()
		for _, tt := range []struct {
			name   string
			change func(*pdu.BroadcastSM)
			want   pdu.Status
		}{
			{"fine", func(*pdu.BroadcastSM) {}, pdu.StatusOK},
			{"no repetitions at once", func(p *pdu.BroadcastSM) { p.PriorityFlag = 1; pdu.TLVBroadcastRepNum.Delete(&p.TLVs) }, pdu.StatusOK},
			{"no text", func(p *pdu.BroadcastSM) { pdu.TLVMessagePayload.Delete(&p.TLVs) }, pdu.StatusMissingTLV},
			{"content type", func(p *pdu.BroadcastSM) { p.TLVs.Set(pdu.TLVBroadcastContentType.Tag(), []byte{1}) }, pdu.StatusInvalidTLVLength},
			{"network of the content type", func(p *pdu.BroadcastSM) {
				pdu.TLVBroadcastContentType.Set(&p.TLVs, pdu.ContentType{Network: 9})
			}, pdu.StatusInvalidBroadcastContentType},
			{"repetitions", func(p *pdu.BroadcastSM) { p.TLVs.Set(pdu.TLVBroadcastRepNum.Tag(), []byte{1}) }, pdu.StatusInvalidTLVLength},
			{"frequency", func(p *pdu.BroadcastSM) { p.TLVs.Set(pdu.TLVBroadcastFrequency.Tag(), []byte{8}) }, pdu.StatusInvalidTLVLength},
			{"unit of the frequency", func(p *pdu.BroadcastSM) { pdu.TLVBroadcastFrequency.Set(&p.TLVs, pdu.Frequency{Unit: 1, Count: 1}) }, pdu.StatusInvalidBroadcastFrequencyInterval},
			{"no pause", func(p *pdu.BroadcastSM) {
				pdu.TLVBroadcastFrequency.Set(&p.TLVs, pdu.Frequency{Unit: pdu.EverySeconds})
			}, pdu.StatusInvalidBroadcastFrequencyInterval},
			{"a very long pause", func(p *pdu.BroadcastSM) {
				pdu.TLVBroadcastFrequency.Set(&p.TLVs, pdu.Frequency{Unit: pdu.EveryYears, Count: 65535})
			}, pdu.StatusOK},
			{"message class", func(p *pdu.BroadcastSM) { pdu.TLVBroadcastMessageClass.Set(&p.TLVs, 4) }, pdu.StatusInvalidBroadcastMessageClass},
			{"channel", func(p *pdu.BroadcastSM) { pdu.TLVBroadcastChannelIndicator.Set(&p.TLVs, 2) }, pdu.StatusInvalidBroadcastChannel},
			{"service group", func(p *pdu.BroadcastSM) { p.TLVs.Set(pdu.TLVBroadcastServiceGroup.Tag(), nil) }, pdu.StatusInvalidTLVLength},
			{"area without a name", func(p *pdu.BroadcastSM) { p.TLVs.Set(pdu.TLVBroadcastAreaIdentifier.Tag(), []byte{0}) }, pdu.StatusBroadcastFailed},
			{"area of another format", func(p *pdu.BroadcastSM) { p.TLVs.Set(pdu.TLVBroadcastAreaIdentifier.Tag(), []byte{7, 1}) }, pdu.StatusBroadcastFailed},
			{"256 areas", func(p *pdu.BroadcastSM) {
				for range 255 {
					pdu.TLVBroadcastAreaIdentifier.Add(&p.TLVs, pdu.NamedArea("x"))
				}
			}, pdu.StatusInvalidNumberOfBroadcastAreas},
			{"priority", func(p *pdu.BroadcastSM) { p.PriorityFlag = 5 }, pdu.StatusInvalidPriorityFlag},
			{"service type", func(p *pdu.BroadcastSM) { p.ServiceType = "CMT" }, pdu.StatusInvalidServiceType},
			{"source", func(p *pdu.BroadcastSM) { p.Source = pdu.Address{TON: 8} }, pdu.StatusInvalidSourceTON},
			{"message_id without replacement", func(p *pdu.BroadcastSM) { p.MessageID = "12" }, pdu.StatusInvalidMessageID},
			{"replacement of nothing", func(p *pdu.BroadcastSM) { p.ReplaceIfPresent, p.MessageID = 1, "12" }, pdu.StatusInvalidMessageID},
			{"replacement without a name", func(p *pdu.BroadcastSM) { p.ReplaceIfPresent = 1 }, pdu.StatusInvalidMessageID},
			{"replacement of an unknown reference", func(p *pdu.BroadcastSM) {
				p.ReplaceIfPresent = 1
				pdu.TLVUserMessageReference.Set(&p.TLVs, 9)
			}, pdu.StatusInvalidMessageID},
			{"replace flag", func(p *pdu.BroadcastSM) { p.ReplaceIfPresent = 2 }, pdu.StatusInvalidReplaceFlag},
			{"schedule", func(p *pdu.BroadcastSM) { p.ScheduleDeliveryTime = "991301000000000+" }, pdu.StatusInvalidScheduleTime},
			{"validity", func(p *pdu.BroadcastSM) { p.ValidityPeriod = "991301000000000+" }, pdu.StatusInvalidExpiry},
			{"canned message", func(p *pdu.BroadcastSM) { p.DefaultMessageID = 3 }, pdu.StatusInvalidDefaultMessageID},
		} {
			p := broadcast("x", 1, everyMinute, "north")
			tt.change(p)
			status, err := b.raw(p, pdu.V50)
			if err != nil || status != tt.want {
				t.Errorf("%s: %v, %v; want %v", tt.name, status, err, tt.want)
			}
		}
		// Our side does not write a broadcast without what is required.
		for _, tag := range []tlv.Tag{pdu.TLVBroadcastAreaIdentifier.Tag(), pdu.TLVBroadcastContentType.Tag(), pdu.TLVBroadcastRepNum.Tag(), pdu.TLVBroadcastFrequency.Tag()} {
			whole, err := pdu.Append(nil, pdu.Header{}, broadcast("x", 1, everyMinute, "north"))
			if err != nil {
				t.Fatal(err)
			}
			body := whole[pdu.HeaderLen:]
			from := bytes.Index(body, []byte{byte(tag >> 8), byte(tag), 0})
			body = slices.Delete(body, from, from+4+int(body[from+3]))
			if status, err := b.raw(&pdu.Unknown{ID: pdu.IDBroadcastSM, Raw: body}, pdu.V50); err != nil || status != pdu.StatusMissingTLV {
				t.Errorf("without %v: %v, %v", tag, status, err)
			}
		}
		for _, p := range []pdu.Body{broadcast("x", 1, everyMinute, "north"), &pdu.QueryBroadcastSM{}, &pdu.CancelBroadcastSM{}} {
			if status, err := b.raw(p, pdu.V34); err != nil || status != pdu.StatusInvalidCommandID {
				t.Errorf("%v in v3.4: %v, %v", p.Command(), status, err)
			}
		}
		time.Sleep(24 * time.Hour)
	})
}

// A repetition that is on its way does not keep a broadcast from being cancelled.
func TestBroadcastCancelledAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, center.Config{Accounts: []account.Account{{ID: "demo", Password: "demo", Delivery: account.Delivery{Areas: []string{"north"}}}}})
		defer b.close()
		e := b.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Transmitter}, nil)
		r := b.bind(smpp.Config{Bind: smpp.Receiver}, func(pdu.Body) (pdu.Body, error) { time.Sleep(time.Second); return nil, nil })
		id := e.broadcast(broadcast("x", 5, everyMinute, "north"))
		_, err := e.CancelBroadcast(t.Context(), &pdu.CancelBroadcastSM{MessageID: id, Source: acme})
		wantStatus(t, "cancel_broadcast_sm", err, pdu.StatusOK)
		if got := r.texts(time.Hour); !slices.Equal(got, []string{"x"}) {
			t.Errorf("received %q", got)
		}
		if got, want := e.progress(&pdu.QueryBroadcastSM{MessageID: id}), "deleted north=100 over"; got != want {
			t.Errorf("%q; want %q", got, want)
		}
	})
}

// A receiver that does not answer costs a broadcast neither its pace nor its
// cancellation.
func TestBroadcastToSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, center.Config{Accounts: []account.Account{{ID: "demo", Password: "demo", Delivery: account.Delivery{Areas: []string{"north"}}}}})
		defer b.close()
		e := b.bind(smpp.Config{Version: pdu.V50, Bind: smpp.Transmitter}, nil)
		r := b.bind(smpp.Config{Bind: smpp.Receiver}, nil)
		sent := 0
		b.bind(smpp.Config{Bind: smpp.Receiver}, func(pdu.Body) (pdu.Body, error) { sent++; return nil, errSilent })
		id := e.broadcast(broadcast("x", 0, pdu.Frequency{Unit: pdu.EverySeconds, Count: 10}, "north"))
		if got := len(r.take(31 * time.Second)); got != 4 || sent != 4 {
			t.Errorf("%d and %d repetitions in 31 s; want 4", got, sent)
		}
		_, err := e.CancelBroadcast(t.Context(), &pdu.CancelBroadcastSM{MessageID: id, Source: acme})
		wantStatus(t, "cancel_broadcast_sm while it is sent", err, pdu.StatusBroadcastCancelFailed)
		time.Sleep(3 * time.Second)
		_, err = e.CancelBroadcast(t.Context(), &pdu.CancelBroadcastSM{MessageID: id, Source: acme})
		wantStatus(t, "cancel_broadcast_sm", err, pdu.StatusOK)
		if got, want := e.progress(&pdu.QueryBroadcastSM{MessageID: id}), "deleted north=50 over"; got != want {
			t.Errorf("%q; want %q", got, want)
		}
		time.Sleep(time.Hour)
		if st := b.center.Stats(); st.Live != 0 {
			t.Errorf("left behind: %+v", st.Stats)
		}
	})
}
