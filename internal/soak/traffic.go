package main

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

// A sender is a session or a client.
type sender interface {
	smpp.RoundTripper
	smpp.AsyncRoundTripper
	Send(ctx context.Context, body pdu.Body) error
}

var (
	text     = []byte("The quick brown fox jumps over the lazy dog.")
	longText = strings.Repeat("The quick brown fox jumps over the lazy dog. ", 10)
)

// request returns a request of a kind that an ESME sends, or a message center.
func (r *run) request(up bool) (id uint64, req pdu.Body) {
	dest := pdu.International("491701234567")
	if !up {
		switch n := rand.IntN(100); {
		case n < 65:
			id = r.ledger.add(pdu.IDDeliverSM, false)
			return id, &pdu.DeliverSM{Source: pdu.International(name(id)), Dest: dest, ShortMessage: text}
		case n < 85:
			id = r.ledger.add(pdu.IDDataSM, false)
			return id, r.data(id, dest)
		case n < 95:
			id = r.ledger.add(pdu.IDAlertNotification, false)
			return id, &pdu.AlertNotification{Source: pdu.International(name(id)), ESME: dest}
		}
		return r.ledger.add(pdu.IDEnquireLink, false), &pdu.EnquireLink{}
	}
	switch n := rand.IntN(100); {
	case n < 45:
		id = r.ledger.add(pdu.IDSubmitSM, true)
		return id, &pdu.SubmitSM{Source: pdu.International(name(id)), Dest: dest, ShortMessage: text}
	case n < 50: // all of a long message in one
		id = r.ledger.add(pdu.IDSubmitSM, true)
		m := &pdu.SubmitSM{Source: pdu.International(name(id)), Dest: dest}
		pdu.TLVMessagePayload.Set(&m.TLVs, []byte(strings.Repeat(longText, 1+rand.IntN(20))))
		return id, m
	case n < 65:
		id = r.ledger.add(pdu.IDDataSM, true)
		return id, r.data(id, dest)
	case n < 75:
		id = r.ledger.add(pdu.IDSubmitMulti, true)
		return id, &pdu.SubmitMulti{Source: pdu.International(name(id)), Dests: pdu.To(dest, pdu.International("491701234568")), ShortMessage: text}
	case n < 82:
		id = r.ledger.add(pdu.IDQuerySM, true)
		return id, &pdu.QuerySM{MessageID: name(id), Source: dest}
	case n < 88:
		id = r.ledger.add(pdu.IDCancelSM, true)
		return id, &pdu.CancelSM{MessageID: name(id), Source: dest}
	case n < 94:
		id = r.ledger.add(pdu.IDReplaceSM, true)
		return id, &pdu.ReplaceSM{MessageID: name(id), Source: dest, ShortMessage: text}
	}
	return r.ledger.add(pdu.IDEnquireLink, true), &pdu.EnquireLink{}
}

func (r *run) data(id uint64, dest pdu.Address) *pdu.DataSM {
	m := &pdu.DataSM{Source: pdu.International(name(id)), Dest: dest}
	pdu.TLVMessagePayload.Set(&m.TLVs, text)
	return m
}

// one sends one request in one of the ways in which that can be done, or the
// parts of a long message, and sees to it that the ledger is told.
func (r *run) one(to sender, up bool) {
	if up && rand.IntN(30) == 0 {
		parts, err := sms.Profile{}.Compose(&pdu.SubmitSM{Dest: pdu.International("491701234567")}, longText, nil)
		if err != nil {
			r.fail("a long message cannot be composed: %v", err)
			return
		}
		for _, p := range parts {
			id := r.ledger.add(pdu.IDSubmitSM, true)
			p.Source = pdu.International(name(id))
			r.send(to, id, p)
		}
		return
	}
	id, req := r.request(up)
	r.send(to, id, req)
}

func (r *run) send(to sender, id uint64, req pdu.Body) {
	ctx := context.Background()
	if rand.IntN(25) == 0 { // by somebody who does not wait for long
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(rand.IntN(20_000))*time.Microsecond)
		defer cancel()
	}
	if pdu.Standard().Notice(req.Command()) {
		r.ledger.tell(id, to.Send(ctx, req), nil)
		return
	}
	if rand.IntN(2) == 0 && r.async(ctx, to, id, req) {
		return
	}
	resp, err := to.RoundTrip(ctx, req)
	r.ledger.tell(id, err, resp)
}

// async sends a request without waiting, or reports that it is of a kind that it
// leaves to others.
func (r *run) async(ctx context.Context, to sender, id uint64, req pdu.Body) bool {
	switch m := req.(type) {
	case *pdu.SubmitSM:
		goDo(ctx, r, to, id, m)
	case *pdu.DeliverSM:
		goDo(ctx, r, to, id, m)
	case *pdu.DataSM:
		goDo(ctx, r, to, id, m)
	case *pdu.QuerySM:
		goDo(ctx, r, to, id, m)
	case *pdu.CancelSM:
		goDo(ctx, r, to, id, m)
	default:
		return false
	}
	return true
}

func goDo[R pdu.Body](ctx context.Context, r *run, to sender, id uint64, req pdu.Request[R]) {
	err := smpp.Go(ctx, to, req, func(resp R, err error) { r.ledger.tell(id, err, resp) })
	if err != nil {
		r.ledger.tell(id, err, nil)
	}
}

// handler returns what answers requests on one of the sides: most at once, some
// later and out of order, some with an error.
func (r *run) handler(center bool) smpp.Handler {
	handle := smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
		id, ok := idOf(in.Body)
		if pdu.Standard().Notice(in.Header.Command) {
			r.ledger.accept(id, ok, center)
			return
		}
		resp := response(in.Body) // which may be lent
		answer := func() {
			r.ledger.accept(id, ok, center)
			_ = w.Respond(pdu.StatusOK, resp) // the session may have ended
		}
		switch n := rand.IntN(100); {
		case n < 5:
			statuses := [...]pdu.Status{pdu.StatusThrottled, pdu.StatusQueueFull, pdu.StatusSystemError, pdu.StatusSubmitFailed}
			_ = w.Respond(statuses[rand.IntN(len(statuses))], nil)
		case n < 15: // later, from elsewhere
			r.active.Add(1)
			time.AfterFunc(time.Duration(rand.IntN(50))*time.Millisecond, func() {
				defer r.active.Add(-1)
				answer()
			})
		case n < 25: // later, from here
			t := time.NewTimer(time.Duration(rand.IntN(20)) * time.Millisecond)
			defer t.Stop()
			<-t.C
			answer()
		default:
			answer()
		}
	})
	if !center {
		return handle
	}
	mux := smpp.NewMux()
	mux.HandleAny(handle)
	mux.Handle(pdu.IDQuerySM, smpp.Inline(handle))
	mux.Handle(pdu.IDDataSM, smpp.Borrow(handle))
	return mux
}

// response is the answer that names the request, or nil for an empty one.
func response(req pdu.Body) pdu.Body {
	id, _ := idOf(req)
	switch req.(type) {
	case *pdu.SubmitSM:
		return &pdu.SubmitSMResp{MessageID: name(id)}
	case *pdu.SubmitMulti:
		return &pdu.SubmitMultiResp{MessageID: name(id)}
	case *pdu.DataSM:
		return &pdu.DataSMResp{MessageID: name(id)}
	case *pdu.QuerySM:
		return &pdu.QuerySMResp{MessageID: name(id), State: pdu.StateEnroute}
	}
	return nil
}
