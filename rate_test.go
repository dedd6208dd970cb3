package smpp_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// part makes a submit_sm that is one part of a message, as UDH or sar_ TLVs say.
func part(udh string, sar uint8) *pdu.SubmitSM {
	m := &pdu.SubmitSM{Dest: pdu.International("1"), ShortMessage: []byte(udh + "text")}
	if udh != "" {
		m.ESMClass = pdu.UDHI
	}
	if sar > 0 {
		pdu.TLVSARMsgRefNum.Set(&m.TLVs, 1)
		pdu.TLVSARTotalSegments.Set(&m.TLVs, 3)
		pdu.TLVSARSegmentSeqnum.Set(&m.TLVs, sar)
	}
	return m
}

// What counts as a message and what as a part, shown by how many pass at once.
func TestLimiterCounts(t *testing.T) {
	multi := &pdu.SubmitMulti{Dests: make([]pdu.Destination, 3)}
	payload := &pdu.DataSM{ESMClass: pdu.UDHI}
	pdu.TLVMessagePayload.Set(&payload.TLVs, []byte("\x05\x00\x03\x07\x02\x02text"))
	for _, test := range []struct {
		name            string
		body            pdu.Body
		messages, parts int
	}{
		{"submit_sm", message, 1, 1},
		{"deliver_sm", &pdu.DeliverSM{}, 1, 1},
		{"data_sm", &pdu.DataSM{}, 1, 1},
		{"broadcast_sm", &pdu.BroadcastSM{}, 1, 1},
		{"submit_multi", multi, 3, 3},
		{"first part, user data header", part("\x05\x00\x03\x07\x02\x01", 0), 1, 1},
		{"second part, user data header", part("\x05\x00\x03\x07\x02\x02", 0), 0, 1},
		{"second part, reference of 16 bits", part("\x06\x08\x04\x07\x07\x02\x02", 0), 0, 1},
		{"second part, another element first", part("\x08\x24\x01\x01\x00\x03\x07\x02\x02", 0), 0, 1},
		{"second part in a message_payload", payload, 0, 1},
		{"ports only", part("\x06\x05\x04\x0b\x84\x23\xf0", 0), 1, 1},
		{"header longer than the text", part("\xff\x00", 0), 1, 1},
		{"element longer than the header", part("\x03\x00\xff\x01", 0), 1, 1},
		{"first part, sar", part("", 1), 1, 1},
		{"third part, sar", part("", 3), 0, 1},
		{"query_sm", &pdu.QuerySM{}, 0, 0},
		{"enquire_link", &pdu.EnquireLink{}, 0, 0},
		{"a nil body", (*pdu.SubmitSM)(nil), 1, 1},
	} {
		bubble(t, test.name, func(t *testing.T) {
			const burst = 12
			for name, count := range map[string]int{"messages": test.messages, "parts": test.parts} {
				rate := smpp.Rate{PerSecond: 1, Burst: burst}
				l := smpp.NewLimiter(rate, smpp.Rate{})
				if name == "parts" {
					l = smpp.NewLimiter(smpp.Rate{}, rate)
				}
				start := time.Now()
				for range burst + 1 {
					if err := l.Wait(t.Context(), test.body); err != nil {
						t.Fatal(err)
					}
				}
				want := time.Duration(max(0, count*(burst+1)-burst)) * time.Second
				if d := time.Since(start); d != want {
					t.Errorf("%s: %d took %v, want %v", name, burst+1, d, want)
				}
			}
		})
	}
}

func TestRate(t *testing.T) {
	bubble(t, "average and burst", func(t *testing.T) {
		client, _ := smpptest.Pair(t, &smpp.Config{MessageRate: smpp.Rate{PerSecond: 10, Burst: 5}}, &smpp.Server{Handler: byAddress})
		start := time.Now()
		for i := range 25 {
			if _, err := client.Submit(t.Context(), message); err != nil {
				t.Fatal(err)
			}
			if i == 4 && time.Since(start) != 0 {
				t.Errorf("a burst took %v", time.Since(start))
			}
		}
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("25 at 10 a second after a burst of 5 took %v", d)
		}
		time.Sleep(time.Hour)
		start = time.Now()
		for range 6 {
			if _, err := client.Submit(t.Context(), message); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(start); d != 100*time.Millisecond {
			t.Errorf("6 after a pause took %v", d)
		}
	})
	bubble(t, "what is no message passes", func(t *testing.T) {
		client, _ := smpptest.Pair(t, &smpp.Config{PartRate: smpp.Rate{PerSecond: 0.001, Burst: 1}}, &smpp.Server{Handler: acceptAll})
		start := time.Now()
		for range 5 {
			if _, err := client.Cancel(t.Context(), &pdu.CancelSM{MessageID: "1"}); err != nil {
				t.Error(err)
			}
			if err := client.EnquireLink(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("took %v", d)
		}
	})
	bubble(t, "more than a burst at once", func(t *testing.T) {
		client, _ := smpptest.Pair(t, &smpp.Config{PartRate: smpp.Rate{PerSecond: 10, Burst: 2}}, &smpp.Server{Handler: acceptAll})
		m := &pdu.SubmitMulti{}
		for range 12 {
			m.Dests = append(m.Dests, pdu.Destination{Address: pdu.International("1")})
		}
		start := time.Now()
		if _, err := client.SubmitMulti(t.Context(), m); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d != time.Second {
			t.Errorf("12 parts, 2 at once, at 10 a second took %v", d)
		}
	})
	bubble(t, "until ctx ends", func(t *testing.T) {
		client, _ := smpptest.Pair(t, &smpp.Config{MessageRate: smpp.Rate{PerSecond: 1}}, &smpp.Server{Handler: byAddress})
		if _, err := client.Submit(t.Context(), message); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := client.Submit(ctx, message)
		isRequestError(t, err, smpp.NeverSent, true, context.DeadlineExceeded)
		if d := time.Since(start); d != 400*time.Millisecond {
			t.Errorf("gave up after %v", d)
		}
		// What it did not use is free again.
		if _, err := client.Submit(t.Context(), message); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d != time.Second {
			t.Errorf("the next one went after %v", d)
		}
	})
	bubble(t, "until the session ends", func(t *testing.T) {
		client, _ := smpptest.Pair(t, &smpp.Config{MessageRate: smpp.Rate{PerSecond: 0.001}}, &smpp.Server{Handler: byAddress})
		if _, err := client.Submit(t.Context(), message); err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(time.Second)
			_ = client.Close()
		}()
		start := time.Now()
		_, err := client.Submit(t.Context(), message)
		isRequestError(t, err, smpp.NeverSent, true, smpp.ErrClosed)
		if d := time.Since(start); d > 3*time.Second {
			t.Errorf("told after %v", d)
		}
	})
	bubble(t, "a body that cannot be encoded costs nothing", func(t *testing.T) {
		client, _ := smpptest.Pair(t, &smpp.Config{MessageRate: smpp.Rate{PerSecond: 1}}, &smpp.Server{Handler: byAddress})
		start := time.Now()
		_, err := client.Submit(t.Context(), &pdu.SubmitSM{ShortMessage: make([]byte, 300)})
		var e *pdu.EncodeError
		if !errors.As(err, &e) {
			t.Error(err)
		}
		if _, err := client.Submit(t.Context(), message); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
	bubble(t, "one limiter for several sessions", func(t *testing.T) {
		c := &smpp.Config{Limiter: smpp.NewLimiter(smpp.Rate{PerSecond: 10, Burst: 1}, smpp.Rate{})}
		srv := &smpp.Server{Handler: byAddress}
		var all sync.WaitGroup
		start := time.Now()
		for range 5 {
			client, _ := smpptest.Pair(t, c, srv)
			all.Go(func() {
				for range 4 {
					if _, err := client.Submit(t.Context(), message); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if d := time.Since(start); d != 1900*time.Millisecond {
			t.Errorf("20 took %v", d)
		}
	})
	bubble(t, "in order", func(t *testing.T) {
		p := smpptest.NewScript(t)
		client, err := smpp.Bind(t.Context(), p.Conn(), &smpp.Config{MessageRate: smpp.Rate{PerSecond: 10, Burst: 1}, Bind: smpp.Transmitter})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				if _, err := client.Submit(t.Context(), to(i)); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		all.Wait()
		for i, r := range p.Received(pdu.IDSubmitSM) {
			if got := r.Body.(*pdu.SubmitSM).Dest; got != to(i).Dest {
				t.Errorf("number %d went to %v", i, got)
			}
		}
	})
}

func TestNoLimiter(t *testing.T) {
	var l *smpp.Limiter
	if err := l.Wait(t.Context(), message); err != nil {
		t.Error(err)
	}
	for _, r := range []smpp.Rate{{}, {PerSecond: -1, Burst: 5}, {Burst: 5}} {
		if smpp.NewLimiter(r, r) != nil {
			t.Errorf("%v is a limit", r)
		}
	}
}

// What waits for a limiter that several sessions share gives its share back once
// when its session ends, not twice: the rate holds for the others.
func TestLimiterOfALostSession(t *testing.T) {
	bubble(t, "waiting senders", func(t *testing.T) {
		const waiting = 20
		c := &smpp.Config{Limiter: smpp.NewLimiter(smpp.Rate{PerSecond: 10, Burst: 1}, smpp.Rate{}), Window: 100}
		lost, _ := smpptest.Pair(t, c, &smpp.Server{Handler: byAddress, Window: 100})
		other, _ := smpptest.Pair(t, c, &smpp.Server{Handler: byAddress, Window: 100})
		var wg sync.WaitGroup
		start := time.Now()
		for range waiting {
			wg.Go(func() {
				if _, err := other.Submit(t.Context(), message); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		for range waiting {
			wg.Go(func() {
				_, err := lost.Submit(t.Context(), message)
				isRequestError(t, err, smpp.NeverSent, true, smpp.ErrClosed)
			})
		}
		synctest.Wait()
		_ = lost.Close()
		synctest.Wait()
		for range waiting {
			wg.Go(func() {
				if _, err := other.Submit(t.Context(), message); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if d := time.Since(start); d < (2*waiting-2)*100*time.Millisecond {
			t.Errorf("%d messages took %v at 10 a second", 2*waiting, d)
		}
	})
}
