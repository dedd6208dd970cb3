package sms_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

// messageCenter is a Submitter for the examples, which gives out ids from 1a2b3c on; a *smpp.Session or *smpp.Client is
// one as well.
type messageCenter struct {
	sent int
	full int // the part that it has no room for
}

func (c *messageCenter) Submit(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
	if c.sent++; c.sent == c.full {
		return nil, pdu.StatusQueueFull
	}
	return &pdu.SubmitSMResp{MessageID: fmt.Sprintf("%x", 0x1a2b3b+c.sent)}, nil
}

const chapter = "Call me Ishmael. Some years ago - never mind how long precisely - having little or no money in my purse, and " +
	"nothing particular to interest me on shore, I thought I would sail about a little and see the watery part of the world."

func ExampleSend() {
	session := new(messageCenter) // of smpp.Dial, or a *smpp.Client

	result, err := sms.Send(context.Background(), session, &sms.Outgoing{Text: chapter, Template: pdu.SubmitSM{
		Source: pdu.Alphanumeric("ACME"), Dest: pdu.International("491701234567"),
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.IDs())
	// Output: [1a2b3c 1a2b3d]
}

func ExampleSend_partialFailure() {
	session := &messageCenter{full: 2}
	_, err := sms.Send(context.Background(), session, &sms.Outgoing{Text: chapter, Template: pdu.SubmitSM{
		Source: pdu.Alphanumeric("ACME"), Dest: pdu.International("491701234567"),
	}})
	fmt.Println(err)
	fmt.Println(errors.Is(err, pdu.StatusQueueFull))
	var e *sms.SendError
	if errors.As(err, &e) {
		for _, p := range e.Result.Parts {
			fmt.Printf("%d: %v %q\n", p.Part, p.Outcome, p.MessageID)
		}
		if p := e.Result.Parts[e.Part-1]; p.Outcome == sms.PartRefused { // so it is safe to submit this part, and it alone, again
			_, err = session.Submit(context.Background(), p.PDU)
			fmt.Println(err)
		}
	}
	// Output:
	// sms: part 2 of 2: refused: ESME_RMSGQFUL: queue of the MC or of the destination is full (1 accepted, 1 refused)
	// true
	// 1: accepted "1a2b3c"
	// 2: refused ""
	// <nil>
}

func ExampleCorrelator() {
	ctx := context.Background()
	correlator := &sms.Correlator{ // one for all sessions with the message center
		Rule:    sms.MessageIDHexToDecimal,
		Early:   func(d *sms.Delivery) { fmt.Println("already:", d.Key, d.State) },
		Expired: func(d *sms.Delivery) { fmt.Println("no receipts:", d.Key, d.Pending) },
		Unknown: func(r *sms.Receipt) { fmt.Println("not ours:", r.ID) },
	}
	_, err := sms.Send(ctx, new(messageCenter), &sms.Outgoing{
		Text: chapter,
		Template: pdu.SubmitSM{Source: pdu.Alphanumeric("ACME"), Dest: pdu.International("491701234567"),
			RegisteredDelivery: pdu.FinalReceipt},
		Correlator: correlator,
		Key:        "order 17",
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	// In the handler of deliver_sm:
	handle := func(m *pdu.DeliverSM) error {
		r, ok := sms.Profile{}.ReadReceipt(m)
		if !ok {
			return nil // a message
		}
		d, err := correlator.Receipt(ctx, time.Now(), r)
		if err != nil || d == nil {
			return err
		}
		fmt.Printf("%s: %v, final %t, %d parts to go\n", d.Key, d.State, d.Final, d.Pending)
		return nil
	}
	for _, text := range []string{"id:1715005 stat:DELIVRD err:000", "id:1715004 stat:ENROUTE err:006", "id:1715004 stat:DELIVRD err:000"} {
		if err := handle(&pdu.DeliverSM{ESMClass: pdu.TypeDeliveryReceipt, ShortMessage: []byte(text)}); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// order 17: enroute, final false, 1 parts to go
	// order 17: enroute, final false, 1 parts to go
	// order 17: delivered, final true, 0 parts to go
}

func ExampleCorrelator_Track() {
	// By hand, with a receipt that is faster than the response.
	ctx, now := context.Background(), time.Now()
	var c sms.Correlator
	c.Early = func(d *sms.Delivery) { fmt.Println(d.Key, d.State, d.Parts[0].Done.Format(time.DateTime)) }
	r, _ := sms.ParseReceipt("id:4711 done date:2403011231 stat:DELIVRD", nil)
	d, err := c.Receipt(ctx, now, r)
	fmt.Println(d, err)
	err = c.Track(ctx, now, sms.TrackedPart{Key: "order 17", ID: "4711"})
	fmt.Println(err)
	// Output:
	// <nil> <nil>
	// order 17 delivered 2024-03-01 12:31:00
	// <nil>
}

func ExampleReceiptTemplate() {
	// A client expects seconds, no counts, and nothing of the message.
	template, err := sms.ParseReceiptTemplate("id:{id} submit date:{submit_date:YYMMDDhhmmss} done date:{done_date:YYMMDDhhmmss} stat:{stat} err:{err:4}")
	if err != nil {
		fmt.Println(err)
		return
	}
	p := sms.Profile{ReceiptTemplate: template}
	submitted := time.Date(2024, 3, 1, 12, 30, 5, 0, time.UTC)
	receipt, err := p.WriteReceipt(&pdu.SubmitSM{}, sms.Receipt{ID: "4711", State: pdu.StateExpired, HasState: true, SubmitDate: submitted, DoneDate: submitted.Add(time.Hour)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sms.Text(receipt))

	_, err = sms.ParseReceiptTemplate("id:{message_id}")
	fmt.Println(err)
	// Output:
	// id:4711 submit date:240301123005 done date:240301133005 stat:EXPIRED err:0000
	// sms: receipt template, octet 3: "{message_id}": one of {id}, {sub}, {dlvrd}, {submit_date}, {done_date}, {stat}, {state}, {err}, {source_addr}, {dest_addr}, {text}
}
