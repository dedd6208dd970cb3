package smpp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
	"github.com/godwit-sms/smpp/tlv"
)

func TestCalls(t *testing.T) {
	var alerts atomic.Int32
	mux := smpp.NewMux()
	smpp.Handle(mux, func(context.Context, *pdu.DeliverSM) (*pdu.DeliverSMResp, error) { return nil, nil })
	smpp.HandleNotice(mux, func(ctx context.Context, m *pdu.AlertNotification) {
		if smpp.SessionFrom(ctx) != nil && m.Source.Addr == "49170" {
			alerts.Add(1)
		}
	})
	bubble(t, "Do", func(t *testing.T) {
		client, _ := smpptest.Pair(t, nil, &smpp.Server{Handler: byAddress})
		resp, err := smpp.Do(t.Context(), client, message)
		if err != nil || resp.MessageID != "491701234567" {
			t.Errorf("%v, %v", resp, err)
		}
	})
	bubble(t, "Go", func(t *testing.T) {
		client, _ := smpptest.Pair(t, nil, &smpp.Server{Handler: byAddress})
		done := make(chan struct{})
		if err := smpp.Go(t.Context(), client, message, func(resp *pdu.SubmitSMResp, err error) {
			if err != nil || resp.MessageID != "491701234567" {
				t.Errorf("%v, %v", resp, err)
			}
			close(done)
		}); err != nil {
			t.Fatal(err)
		}
		<-done
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := smpp.Go(ctx, client, message, func(*pdu.SubmitSMResp, error) { t.Error("called although not sent") })
		isRequestError(t, err, smpp.NeverSent, true, context.Canceled)
	})
	bubble(t, "Go, header alone", func(t *testing.T) {
		client, _ := script(t, nil, smpptest.Expect(pdu.IDSubmitSM), smpptest.Answer(pdu.StatusOK, nil), smpptest.Expect(pdu.IDSubmitSM), smpptest.Answer(pdu.StatusOK, nil))
		done := make(chan struct{})
		if err := smpp.Go(t.Context(), client, message, func(resp *pdu.SubmitSMResp, err error) {
			if err != nil || resp == nil {
				t.Errorf("%v, %v", resp, err)
			}
			close(done)
		}); err != nil {
			t.Fatal(err)
		}
		<-done
		if resp, err := client.Submit(t.Context(), message); err != nil || resp == nil {
			t.Errorf("%v, %v", resp, err)
		}
	})
	bubble(t, "RoundTrip", func(t *testing.T) {
		client, _ := smpptest.Pair(t, nil, &smpp.Server{Handler: byAddress})
		body, err := client.RoundTrip(t.Context(), message)
		if resp, ok := body.(*pdu.SubmitSMResp); !ok || err != nil || resp.MessageID != "491701234567" {
			t.Errorf("%v, %v", body, err)
		}
		// A proxy sends what it does not know.
		_, err = client.RoundTrip(t.Context(), &pdu.Unknown{ID: 0x00010200, Raw: []byte("abc")})
		isRequestError(t, err, smpp.Refused, false, pdu.StatusInvalidCommandID)
		var re *smpp.ResponseError
		if !errors.As(err, &re) || !re.Nack || re.Command != 0x00010200 {
			t.Errorf("%#v", err)
		}
	})
	bubble(t, "Send", func(t *testing.T) {
		alerts.Store(0)
		_, server := smpptest.Pair(t, &smpp.Config{Handler: mux}, nil)
		if err := server.Alert(t.Context(), &pdu.AlertNotification{Source: pdu.International("49170")}); err != nil {
			t.Error(err)
		}
		if err := server.Send(t.Context(), &pdu.AlertNotification{Source: pdu.International("49170")}); err != nil {
			t.Error(err)
		}
		if err := server.EnquireLink(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := alerts.Load(); n != 2 {
			t.Errorf("%d alerts", n)
		}
		isRequestError(t, server.Send(t.Context(), &pdu.Outbind{}), smpp.NeverSent, true, nil) // not in this state
	})
	bubble(t, "no request", func(t *testing.T) {
		client, server := smpptest.Pair(t, nil, nil)
		start := time.Now()
		for _, body := range []pdu.Body{&pdu.SubmitSMResp{}, &pdu.GenericNack{}, &pdu.Unknown{ID: 0x80010200}} {
			_, err := client.RoundTrip(t.Context(), body)
			isRequestError(t, err, smpp.NeverSent, false, nil)
			isRequestError(t, client.Send(t.Context(), body), smpp.NeverSent, false, nil)
		}
		_, err := server.RoundTrip(t.Context(), &pdu.AlertNotification{}) // would wait for ever
		isRequestError(t, err, smpp.NeverSent, false, nil)
		if d := time.Since(start); d != 0 {
			t.Errorf("took %v", d)
		}
	})
	bubble(t, "wrong side", func(t *testing.T) {
		client, server := smpptest.Pair(t, nil, nil)
		_, err := client.Deliver(t.Context(), &pdu.DeliverSM{})
		var se *smpp.StateError
		if !errors.As(err, &se) || se.State != smpp.StateBoundTRX || se.Side != smpp.ESME {
			t.Error(err)
		}
		_, err = server.Submit(t.Context(), message)
		isRequestError(t, err, smpp.NeverSent, true, nil)
	})
	bubble(t, "mode", func(t *testing.T) {
		srv := &smpp.Server{Handler: byAddress}
		rx, rxs := smpptest.Pair(t, &smpp.Config{Bind: smpp.Receiver, Handler: mux}, srv)
		tx, txs := smpptest.Pair(t, &smpp.Config{Bind: smpp.Transmitter}, srv)
		if rx.State() != smpp.StateBoundRX || rxs.State() != smpp.StateBoundRX || tx.State() != smpp.StateBoundTX || txs.State() != smpp.StateBoundTX {
			t.Errorf("%v %v %v %v", rx.State(), rxs.State(), tx.State(), txs.State())
		}
		if _, err := rx.Submit(t.Context(), message); smpp.Outcome(err) != smpp.NeverSent {
			t.Error(err)
		}
		if _, err := txs.Deliver(t.Context(), &pdu.DeliverSM{}); smpp.Outcome(err) != smpp.NeverSent {
			t.Error(err)
		}
		if _, err := rxs.Deliver(t.Context(), &pdu.DeliverSM{}); err != nil {
			t.Error(err)
		}
		if _, err := tx.Submit(t.Context(), message); err != nil {
			t.Error(err)
		}
	})
}

// Every operation arrives with its content and gets its own response.
func TestOperations(t *testing.T) {
	area := func(l *tlv.List) *tlv.List {
		pdu.TLVBroadcastAreaIdentifier.Add(l, pdu.NamedArea("north"))
		pdu.TLVBroadcastAreaSuccess.Add(l, 100)
		pdu.TLVMessageState.Set(l, pdu.StateDelivered)
		return l
	}
	broadcast := &pdu.BroadcastSM{MessageID: "b"}
	pdu.TLVBroadcastAreaIdentifier.Add(&broadcast.TLVs, pdu.NamedArea("north"))
	pdu.TLVBroadcastContentType.Set(&broadcast.TLVs, pdu.ContentType{})
	pdu.TLVBroadcastRepNum.Set(&broadcast.TLVs, 1)
	broadcast.TLVs.Set(pdu.TLVBroadcastFrequency.Tag(), []byte{8, 0, 1})

	mux := smpp.NewMux()
	smpp.Handle(mux, func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		return &pdu.SubmitSMResp{MessageID: m.Dest.Addr}, nil
	})
	smpp.Handle(mux, func(_ context.Context, m *pdu.SubmitMulti) (*pdu.SubmitMultiResp, error) {
		return &pdu.SubmitMultiResp{MessageID: fmt.Sprint(len(m.Dests))}, nil
	})
	smpp.Handle(mux, func(_ context.Context, m *pdu.DataSM) (*pdu.DataSMResp, error) {
		return &pdu.DataSMResp{MessageID: m.Dest.Addr}, nil
	})
	smpp.Handle(mux, func(_ context.Context, m *pdu.QuerySM) (*pdu.QuerySMResp, error) {
		return &pdu.QuerySMResp{MessageID: m.MessageID, State: pdu.StateDelivered}, nil
	})
	smpp.Handle(mux, func(_ context.Context, m *pdu.CancelSM) (*pdu.CancelSMResp, error) {
		if m.MessageID != "c" {
			return nil, pdu.StatusCancelFailed
		}
		return nil, nil
	})
	smpp.Handle(mux, func(_ context.Context, m *pdu.ReplaceSM) (*pdu.ReplaceSMResp, error) {
		if m.MessageID != "r" {
			return nil, pdu.StatusReplaceFailed
		}
		return nil, nil
	})
	smpp.Handle(mux, func(_ context.Context, m *pdu.BroadcastSM) (*pdu.BroadcastSMResp, error) {
		return &pdu.BroadcastSMResp{MessageID: m.MessageID}, nil
	})
	smpp.Handle(mux, func(_ context.Context, m *pdu.QueryBroadcastSM) (*pdu.QueryBroadcastSMResp, error) {
		resp := &pdu.QueryBroadcastSMResp{MessageID: m.MessageID}
		area(&resp.TLVs)
		return resp, nil
	})
	smpp.Handle(mux, func(_ context.Context, m *pdu.CancelBroadcastSM) (*pdu.CancelBroadcastSMResp, error) {
		if m.MessageID != "cb" {
			return nil, pdu.StatusBroadcastCancelFailed
		}
		return nil, nil
	})
	smpp.Handle(mux, func(_ context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
		if m.Source.Addr != "49" {
			return nil, pdu.StatusRejectedByApp
		}
		return nil, nil
	})
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		c, s := smpptest.Pair(t, &smpp.Config{Version: pdu.V50, Handler: mux}, &smpp.Server{Handler: mux})
		var multi tlv.List
		for _, test := range []struct {
			name string
			call func() (any, error)
			want any
		}{
			{"Submit", func() (any, error) { return c.Submit(ctx, to(1)) }, &pdu.SubmitSMResp{MessageID: "1"}},
			{"SubmitMulti", func() (any, error) {
				return c.SubmitMulti(ctx, &pdu.SubmitMulti{Dests: pdu.To(pdu.International("1"), pdu.International("2"))})
			}, &pdu.SubmitMultiResp{MessageID: "2"}},
			{"Data", func() (any, error) { return c.Data(ctx, &pdu.DataSM{Dest: pdu.International("3")}) }, &pdu.DataSMResp{MessageID: "3"}},
			{"Data from the message center", func() (any, error) { return s.Data(ctx, &pdu.DataSM{Dest: pdu.International("4")}) }, &pdu.DataSMResp{MessageID: "4"}},
			{"Query", func() (any, error) { return c.Query(ctx, &pdu.QuerySM{MessageID: "q"}) }, &pdu.QuerySMResp{MessageID: "q", State: pdu.StateDelivered}},
			{"Cancel", func() (any, error) { return c.Cancel(ctx, &pdu.CancelSM{MessageID: "c"}) }, &pdu.CancelSMResp{}},
			{"Replace", func() (any, error) { return c.Replace(ctx, &pdu.ReplaceSM{MessageID: "r"}) }, &pdu.ReplaceSMResp{}},
			{"Broadcast", func() (any, error) { return c.Broadcast(ctx, broadcast) }, &pdu.BroadcastSMResp{MessageID: "b"}},
			{"QueryBroadcast", func() (any, error) { return c.QueryBroadcast(ctx, &pdu.QueryBroadcastSM{MessageID: "qb"}) },
				&pdu.QueryBroadcastSMResp{MessageID: "qb", TLVs: *area(&multi)}},
			{"CancelBroadcast", func() (any, error) { return c.CancelBroadcast(ctx, &pdu.CancelBroadcastSM{MessageID: "cb"}) }, &pdu.CancelBroadcastSMResp{}},
			{"Deliver", func() (any, error) { return s.Deliver(ctx, &pdu.DeliverSM{Source: pdu.International("49")}) }, &pdu.DeliverSMResp{}},
			{"EnquireLink", func() (any, error) { return nil, c.EnquireLink(ctx) }, nil},
			{"EnquireLink from the message center", func() (any, error) { return nil, s.EnquireLink(ctx) }, nil},
		} {
			got, err := test.call()
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("%s: %#v, %v; want %#v", test.name, got, err, test.want)
			}
		}
		if _, err := c.Cancel(ctx, &pdu.CancelSM{MessageID: "other"}); !errors.Is(err, pdu.StatusCancelFailed) {
			t.Error(err)
		}
		if _, err := s.Deliver(ctx, &pdu.DeliverSM{}); !errors.Is(err, pdu.StatusRejectedByApp) {
			t.Error(err)
		}
	})
}

// What a handler returns and what the peer gets of it.
func TestHandlerResults(t *testing.T) {
	var failure tlv.List
	pdu.TLVDeliveryFailureReason.Set(&failure, 1)
	withBody := &pdu.SubmitSMResp{MessageID: "kept", TLVs: failure}
	for _, test := range []struct {
		name   string
		resp   *pdu.SubmitSMResp
		err    error
		status pdu.Status
		want   *pdu.SubmitSMResp
	}{
		{"nothing", nil, nil, pdu.StatusOK, &pdu.SubmitSMResp{}},
		{"response", &pdu.SubmitSMResp{MessageID: "1"}, nil, pdu.StatusOK, &pdu.SubmitSMResp{MessageID: "1"}},
		{"status", nil, pdu.StatusQueueFull, pdu.StatusQueueFull, nil},
		{"wrapped status", nil, fmt.Errorf("full: %w", pdu.StatusQueueFull), pdu.StatusQueueFull, nil},
		{"vendor status", nil, pdu.Status(0x410), pdu.Status(0x410), nil},
		{"response and status", withBody, pdu.StatusDeliveryFailure, pdu.StatusDeliveryFailure, withBody},
		{"plain error", nil, errors.New("disk full"), pdu.StatusSystemError, nil},
		{"StatusOK as an error", nil, pdu.StatusOK, pdu.StatusSystemError, nil},
		{"response that cannot be encoded", &pdu.SubmitSMResp{MessageID: string(make([]byte, 70))}, nil, pdu.StatusSystemError, nil},
	} {
		f := func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) { return test.resp, test.err }
		mux, inline, borrow := smpp.NewMux(), smpp.NewMux(), smpp.NewMux()
		smpp.Handle(mux, f)
		smpp.HandleInline(inline, f)
		smpp.HandleBorrow(borrow, f)
		for kind, h := range map[string]smpp.Handler{"HandlerFor": onSubmit(f), "Handle": mux, "HandleInline": inline, "Inline": smpp.Inline(mux), "HandleBorrow": borrow, "Borrow": smpp.Borrow(mux),
			"HandlerFunc": smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) { onSubmit(f).ServeSMPP(w, in) })} {
			bubble(t, test.name+"/"+kind, func(t *testing.T) {
				client, _ := smpptest.Pair(t, &smpp.Config{Version: pdu.V50}, &smpp.Server{Handler: h, Logger: quiet})
				for range 2 { // the session lives on
					resp, err := client.Submit(t.Context(), message)
					if test.status == pdu.StatusOK {
						if err != nil || !reflect.DeepEqual(resp, test.want) {
							t.Errorf("%v, %v", resp, err)
						}
						continue
					}
					var re *smpp.ResponseError
					if !errors.As(err, &re) || re.Status != test.status || re.Nack || re.Command != pdu.IDSubmitSM || !reflect.DeepEqual(resp, test.want) {
						t.Errorf("%v, %v", resp, err)
					}
				}
			})
		}
	}
}

func TestPanicsOfHandlers(t *testing.T) {
	boom := func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) { panic("boom") }
	for name, h := range map[string]smpp.Handler{
		"HandlerFor": onSubmit(boom), "inline": smpp.Inline(onSubmit(boom)), "borrowing": smpp.Borrow(onSubmit(boom)),
		"HandlerFunc":        smpp.HandlerFunc(func(smpp.ResponseWriter, *smpp.Incoming) { panic("boom") }),
		"inline HandlerFunc": smpp.Inline(smpp.HandlerFunc(func(smpp.ResponseWriter, *smpp.Incoming) { panic("boom") })),
		"nil response": onSubmit(func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
			var m *pdu.SubmitSM
			return &pdu.SubmitSMResp{MessageID: m.Dest.Addr}, nil
		}),
	} {
		bubble(t, name, func(t *testing.T) {
			client, _ := smpptest.Pair(t, nil, &smpp.Server{Handler: h, Logger: quiet})
			for range 25 { // more than the window, so that every slot is given back
				if _, err := client.Submit(t.Context(), message); !errors.Is(err, pdu.StatusSystemError) {
					t.Fatal(err)
				}
			}
		})
	}
	bubble(t, "after the answer", func(t *testing.T) {
		h := smpp.HandlerFunc(func(w smpp.ResponseWriter, _ *smpp.Incoming) {
			_ = w.Respond(pdu.StatusOK, &pdu.SubmitSMResp{MessageID: "1"})
			panic("boom")
		})
		client, _ := smpptest.Pair(t, nil, &smpp.Server{Handler: h, Logger: quiet})
		for range 25 {
			if resp, err := client.Submit(t.Context(), message); err != nil || resp.MessageID != "1" {
				t.Fatal(resp, err)
			}
		}
	})
	bubble(t, "notice", func(t *testing.T) {
		h := smpp.HandlerForNotice(func(context.Context, *pdu.AlertNotification) { panic("boom") })
		_, server := smpptest.Pair(t, &smpp.Config{Handler: h, Logger: quiet}, nil)
		for range 25 {
			if err := server.Alert(t.Context(), &pdu.AlertNotification{}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if err := server.EnquireLink(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestUnhandled(t *testing.T) {
	deliver, data := &pdu.DeliverSM{}, &pdu.DataSM{}
	for name, h := range map[string]smpp.Handler{"nil": nil, "empty Mux": smpp.NewMux(), "zero Mux": new(smpp.Mux),
		"of another type": smpp.HandlerFor(func(context.Context, *pdu.EnquireLink) (*pdu.EnquireLinkResp, error) { return nil, nil })} {
		bubble(t, name, func(t *testing.T) {
			client, server := smpptest.Pair(t, &smpp.Config{Handler: h}, &smpp.Server{Handler: h})
			_, err := client.Submit(t.Context(), message)
			isRequestError(t, err, smpp.Refused, false, pdu.StatusInvalidCommandID)
			_, err = client.Data(t.Context(), data)
			isRequestError(t, err, smpp.Refused, false, pdu.StatusInvalidCommandID)
			_, err = server.Deliver(t.Context(), deliver)
			isRequestError(t, err, smpp.Refused, true, pdu.StatusTemporaryAppError)
			_, err = server.Data(t.Context(), data)
			isRequestError(t, err, smpp.Refused, true, pdu.StatusTemporaryAppError)
			if err := server.Alert(t.Context(), &pdu.AlertNotification{}); err != nil {
				t.Error(err)
			}
			if err := server.EnquireLink(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	bubble(t, "failing", func(t *testing.T) {
		h := smpp.HandlerFor(func(context.Context, *pdu.DeliverSM) (*pdu.DeliverSMResp, error) { return nil, errors.New("disk full") })
		_, server := smpptest.Pair(t, &smpp.Config{Handler: h, Logger: quiet}, nil)
		if _, err := server.Deliver(t.Context(), deliver); !errors.Is(err, pdu.StatusTemporaryAppError) {
			t.Error(err)
		}
	})
	bubble(t, "HandleAny", func(t *testing.T) {
		mux := smpp.NewMux()
		mux.HandleAny(smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
			if in.Session() == nil || in.Context() == nil || in.Header.Command != pdu.IDSubmitSM || len(in.Raw) == 0 {
				t.Errorf("%+v", in)
			}
			_ = w.Respond(pdu.StatusProhibited, nil)
		}))
		client, _ := smpptest.Pair(t, &smpp.Config{Version: pdu.V50}, &smpp.Server{Handler: mux})
		if _, err := client.Submit(t.Context(), message); !errors.Is(err, pdu.StatusProhibited) {
			t.Error(err)
		}
	})
}

// A writer may be kept and used later, once, from anywhere.
func TestResponseWriter(t *testing.T) {
	bubble(t, "kept", func(t *testing.T) {
		kept := make(chan smpp.ResponseWriter, 100)
		h := smpp.HandlerFunc(func(w smpp.ResponseWriter, _ *smpp.Incoming) { kept <- w })
		for _, h := range []smpp.Handler{h, smpp.Inline(h)} {
			client, server := smpptest.Pair(t, nil, &smpp.Server{Handler: h})
			go func() {
				for range 30 {
					w := <-kept
					time.Sleep(time.Second)
					var sent atomic.Int32
					var all sync.WaitGroup
					for range 4 {
						all.Go(func() {
							if w.Respond(pdu.StatusOK, &pdu.SubmitSMResp{MessageID: "1"}) == nil {
								sent.Add(1)
							}
						})
					}
					all.Wait()
					if sent.Load() != 1 {
						t.Errorf("answered %d times", sent.Load())
					}
				}
			}()
			for range 30 {
				if resp, err := client.Submit(t.Context(), message); err != nil || resp.MessageID != "1" {
					t.Fatal(resp, err)
				}
			}
			_ = client.Close()
			<-server.Done()
		}
	})
	bubble(t, "after the session", func(t *testing.T) {
		kept := make(chan smpp.ResponseWriter, 1)
		client, server := smpptest.Pair(t, nil, &smpp.Server{Handler: smpp.HandlerFunc(func(w smpp.ResponseWriter, _ *smpp.Incoming) { kept <- w })})
		go func() { _, _ = client.Submit(t.Context(), message) }()
		w := <-kept
		_ = client.Close()
		<-server.Done()
		if err := w.Respond(pdu.StatusOK, nil); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	bubble(t, "cannot be encoded", func(t *testing.T) {
		errs := make(chan error, 1)
		client, _ := smpptest.Pair(t, nil, &smpp.Server{Logger: quiet, Handler: smpp.HandlerFunc(func(w smpp.ResponseWriter, _ *smpp.Incoming) {
			errs <- w.Respond(pdu.StatusOK, &pdu.SubmitSMResp{MessageID: string(make([]byte, 100))})
		})})
		if _, err := client.Submit(t.Context(), message); !errors.Is(err, pdu.StatusSystemError) {
			t.Error(err)
		}
		var e *pdu.EncodeError
		if err := <-errs; !errors.As(err, &e) || e.Field != "message_id" {
			t.Error(err)
		}
	})
	bubble(t, "notice", func(t *testing.T) {
		errs := make(chan error, 1)
		_, server := smpptest.Pair(t, &smpp.Config{Handler: smpp.HandlerFunc(func(w smpp.ResponseWriter, _ *smpp.Incoming) {
			errs <- w.Respond(pdu.StatusOK, nil)
		})}, nil)
		for range 25 {
			_ = server.Alert(t.Context(), &pdu.AlertNotification{})
			if err := <-errs; err == nil {
				t.Error("an alert_notification was answered")
			}
		}
	})
}

// A handler that is inline sees the requests in their order, and one that is
// not may send on its own session and wait.
func TestHandlersOfASession(t *testing.T) {
	bubble(t, "inline keeps the order", func(t *testing.T) {
		var got []string
		mux := smpp.NewMux()
		smpp.HandleInline(mux, func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
			got = append(got, m.Dest.Addr)
			return nil, nil
		})
		client, _ := smpptest.Pair(t, &smpp.Config{Window: 50}, &smpp.Server{Handler: mux, Window: 1})
		var all sync.WaitGroup
		for i := range 50 {
			all.Add(1)
			if err := smpp.Go(t.Context(), client, to(i), func(_ *pdu.SubmitSMResp, err error) {
				if err != nil {
					t.Error(err)
				}
				all.Done()
			}); err != nil {
				t.Fatal(err)
			}
		}
		all.Wait()
		for i, addr := range got {
			if addr != fmt.Sprint(i) {
				t.Fatalf("%d is %s", i, addr)
			}
		}
	})
	bubble(t, "Do inside a handler", func(t *testing.T) {
		srv := &smpp.Server{Window: 2, Handler: onSubmit(func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
			_, err := smpp.SessionFrom(ctx).Deliver(ctx, &pdu.DeliverSM{Source: m.Dest})
			return &pdu.SubmitSMResp{MessageID: m.Dest.Addr}, err
		})}
		client, _ := smpptest.Pair(t, &smpp.Config{Window: 2, InboundWindow: 2, Handler: smpp.HandlerFor(func(ctx context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
			return nil, smpp.SessionFrom(ctx).EnquireLink(ctx)
		})}, srv)
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				if resp, err := client.Submit(t.Context(), to(i)); err != nil || resp.MessageID != fmt.Sprint(i) {
					t.Errorf("%v, %v", resp, err)
				}
			})
		}
		all.Wait()
	})
}

// A vendor's command, notice and TLV.
type ping struct {
	Text string
	TLVs tlv.List
}

func (*ping) Command() pdu.CommandID { return 0x00010200 }
func (*ping) NewResponse() *pingResp { return new(pingResp) }
func (p *ping) Fields(c *pdu.Codec) {
	c.CString("text", &p.Text, 65, pdu.StatusSystemError)
	c.TLVs(&p.TLVs)
}

type pingResp struct{ Text string }

func (*pingResp) Command() pdu.CommandID { return 0x80010200 }
func (p *pingResp) Fields(c *pdu.Codec)  { c.CString("text", &p.Text, 65, 0) }

type news struct{ Text string }

func (*news) Command() pdu.CommandID { return 0x00010201 }
func (p *news) Fields(c *pdu.Codec)  { c.CString("text", &p.Text, 65, 0) }

func TestCustomCommands(t *testing.T) {
	campaign := tlv.Define(0x1400, "campaign_id", tlv.CString(33))
	reg := pdu.Standard().Clone()
	pdu.Register[ping, pingResp](reg, "vendor_ping")
	pdu.RegisterNotice[news](reg, "vendor_news")
	reg.DefineTLV(campaign)

	mux := smpp.NewMux()
	smpp.Handle(mux, func(_ context.Context, p *ping) (*pingResp, error) {
		id, _ := campaign.Get(p.TLVs)
		if p.Text == "fail" {
			return &pingResp{"because"}, pdu.Status(0x401)
		}
		return &pingResp{p.Text + " " + id}, nil
	})
	heard := make(chan string, 2)
	smpp.HandleNotice(mux, func(_ context.Context, n *news) { heard <- n.Text })
	for _, test := range []struct {
		name   string
		client bool
	}{{"ESME to message center", true}, {"message center to ESME", false}} {
		t.Run(test.name, func(t *testing.T) {
			client, server := smpptest.Pair(t, &smpp.Config{Registry: reg, Handler: mux}, &smpp.Server{Registry: reg, Handler: mux})
			s := server
			if test.client {
				s = client
			}
			p := &ping{Text: "hello"}
			campaign.Set(&p.TLVs, "summer-7")
			if resp, err := smpp.Do(t.Context(), s, p); err != nil || resp.Text != "hello summer-7" {
				t.Errorf("%v, %v", resp, err)
			}
			if resp, err := smpp.Do(t.Context(), s, &ping{Text: "fail"}); !errors.Is(err, pdu.Status(0x401)) || resp == nil || resp.Text != "because" {
				t.Errorf("%v, %v", resp, err)
			}
			if err := s.Send(t.Context(), &news{"rain"}); err != nil {
				t.Error(err)
			}
			if got := <-heard; got != "rain" {
				t.Error(got)
			}
			// A TLV that breaks the rule of its definition is refused like a standard one.
			p = &ping{}
			p.TLVs.Add(0x1400, []byte("no NUL at the end, and more than thirty-three octets"))
			if _, err := s.RoundTrip(t.Context(), p); err == nil {
				t.Error("a campaign_id too long got through")
			}
		})
	}
	t.Run("peer does not know it", func(t *testing.T) {
		client, server := smpptest.Pair(t, &smpp.Config{Registry: reg}, nil)
		_, err := smpp.Do(t.Context(), client, &ping{})
		var re *smpp.ResponseError
		if !errors.As(err, &re) || !re.Nack || re.Status != pdu.StatusInvalidCommandID {
			t.Error(err)
		}
		if err := server.EnquireLink(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
