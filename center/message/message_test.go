package message_test

import (
	"errors"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/pdu"
)

func TestLifeCycle(t *testing.T) {
	for _, tt := range []struct {
		from message.State
		on   message.Event
		to   message.State
		ok   bool
	}{
		{pdu.StateScheduled, message.Release, pdu.StateEnroute, true},
		{pdu.StateScheduled, message.Cancel, pdu.StateDeleted, true},
		{pdu.StateScheduled, message.Expire, pdu.StateExpired, true},
		{pdu.StateScheduled, message.Deliver, pdu.StateScheduled, false},
		{pdu.StateEnroute, message.Deliver, pdu.StateDelivered, true},
		{pdu.StateEnroute, message.Attempt, pdu.StateEnroute, true},
		{pdu.StateEnroute, message.Reject, pdu.StateRejected, true},
		{pdu.StateEnroute, message.Accept, pdu.StateAccepted, true},
		{pdu.StateEnroute, message.LoseTrackOf, pdu.StateUnknown, true},
		{pdu.StateUnknown, message.Deliver, pdu.StateDelivered, true},
		{pdu.StateUnknown, message.Attempt, pdu.StateEnroute, true},
		{pdu.StateUnknown, message.Cancel, pdu.StateDeleted, true},
		{pdu.StateUnknown, message.Release, pdu.StateUnknown, false},
		{pdu.StateDelivered, message.Cancel, pdu.StateDelivered, false},
	} {
		got, err := message.Next(tt.from, tt.on)
		if got != tt.to || (err == nil) != tt.ok {
			t.Errorf("Next(%v, %v) = %v, %v; want %v, ok %v", tt.from, tt.on, got, err, tt.to, tt.ok)
		}
		var e *message.TransitionError
		if err != nil && (!errors.As(err, &e) || e.State != tt.from || e.Event != tt.on) {
			t.Errorf("Next(%v, %v): error %#v does not tell what was asked", tt.from, tt.on, err)
		}
	}
}

// The whole table: what is not listed here cannot happen.
func TestEveryTransition(t *testing.T) {
	type pair struct {
		from message.State
		on   message.Event
	}
	allowed := map[pair]message.State{}
	for _, row := range []struct {
		from message.State
		to   map[message.Event]message.State
	}{
		{pdu.StateScheduled, map[message.Event]message.State{
			message.Schedule: pdu.StateScheduled, message.Release: pdu.StateEnroute, message.Expire: pdu.StateExpired, message.Cancel: pdu.StateDeleted,
			message.Fail: pdu.StateUndeliverable, message.Reject: pdu.StateRejected, message.Skip: pdu.StateSkipped,
		}},
		{pdu.StateEnroute, map[message.Event]message.State{
			message.Schedule: pdu.StateScheduled, message.Release: pdu.StateEnroute, message.Attempt: pdu.StateEnroute, message.Deliver: pdu.StateDelivered,
			message.Accept: pdu.StateAccepted, message.Expire: pdu.StateExpired, message.Cancel: pdu.StateDeleted, message.Fail: pdu.StateUndeliverable,
			message.Reject: pdu.StateRejected, message.Skip: pdu.StateSkipped, message.LoseTrackOf: pdu.StateUnknown,
		}},
		{pdu.StateUnknown, map[message.Event]message.State{
			message.Attempt: pdu.StateEnroute, message.Deliver: pdu.StateDelivered, message.Accept: pdu.StateAccepted, message.Expire: pdu.StateExpired,
			message.Cancel: pdu.StateDeleted, message.Fail: pdu.StateUndeliverable, message.Reject: pdu.StateRejected,
		}},
	} {
		for on, to := range row.to {
			allowed[pair{row.from, on}] = to
		}
	}
	for s := pdu.StateScheduled; s <= pdu.StateSkipped; s++ {
		for e := message.Schedule; e <= message.LoseTrackOf; e++ {
			want, ok := allowed[pair{s, e}]
			if !ok {
				want = s
			}
			if got, err := message.Next(s, e); got != want || (err == nil) != ok {
				t.Errorf("%v, %v: %v, %v; want %v, ok %v", s, e, got, err, want, ok)
			}
		}
	}
}

// A state that SMPP calls final has no way out, and every other one has.
func TestFinalStates(t *testing.T) {
	for s := pdu.StateScheduled; s <= pdu.StateSkipped; s++ {
		left := false
		for e := message.Schedule; e <= message.LoseTrackOf; e++ {
			next, err := message.Next(s, e)
			left = left || err == nil && next != s
		}
		if left == s.Final() {
			t.Errorf("%v: final %v, yet it can be left: %v", s, s.Final(), left)
		}
	}
}

func TestIDs(t *testing.T) {
	now := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	var a message.IDSource
	first := a.Next(now, 1)
	block := a.Next(now, 3)
	after := a.Next(now, 1)
	if block <= first || after != block+3 {
		t.Errorf("ids %v, %v (of three), %v are not in order and apart", first, block, after)
	}
	restarted := message.IDSource{}
	if id := restarted.Next(now.Add(time.Second), 1); id <= after {
		t.Errorf("id %v after a restart is not above %v", id, after)
	}
	back := message.IDSource{}
	back.Skip(after)
	if id := back.Next(now.Add(-time.Hour), 1); id != after+1 {
		t.Errorf("id %v with a clock set back; want %v", id, after+1)
	}
	for _, shard := range []int{0, 1, message.MaxShard} {
		s := message.IDSource{Shard: shard}
		id := s.Next(now, 1)
		text := id.String()
		if len(text) != 16 || text[0] == '0' || id.Shard() != shard {
			t.Errorf("id %s of shard %d: of shard %d, want 16 digits without a leading zero", text, shard, id.Shard())
		}
		if got, ok := message.ParseID(text); !ok || got != id {
			t.Errorf("ParseID(%q) = %v, %v", text, got, ok)
		}
	}
	for _, bad := range []string{"", "1", "000000000000000g", "0000000000000001", "+123456789abcdef", "ffffffffffffffff", "10000000000000000"} {
		if id, ok := message.ParseID(bad); ok {
			t.Errorf("ParseID(%q) = %v; want none", bad, id)
		}
	}
}

func TestWantsReceipt(t *testing.T) {
	for _, tt := range []struct {
		name                string
		m                   message.Message
		delivered, rejected bool
	}{
		{"none", message.Message{}, false, false},
		{"final", message.Message{RegisteredDelivery: pdu.FinalReceipt}, true, true},
		{"failure", message.Message{RegisteredDelivery: pdu.FailureReceipt}, false, true},
		{"success", message.Message{RegisteredDelivery: pdu.SuccessReceipt}, true, false},
		{"datagram", message.Message{RegisteredDelivery: pdu.FinalReceipt, ESMClass: pdu.ModeDatagram}, false, false},
		{"transaction", message.Message{RegisteredDelivery: pdu.FinalReceipt, ESMClass: pdu.ModeForward}, false, false},
		{"of a receipt", message.Message{RegisteredDelivery: pdu.FinalReceipt, Kind: message.Receipt}, false, false},
	} {
		if got := tt.m.WantsReceipt(pdu.StateDelivered); got != tt.delivered {
			t.Errorf("%s: receipt when delivered: %v", tt.name, got)
		}
		if got := tt.m.WantsReceipt(pdu.StateRejected); got != tt.rejected {
			t.Errorf("%s: receipt when rejected: %v", tt.name, got)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("1000000000000001")
	f.Add("7fffffffffffffff")
	f.Fuzz(func(t *testing.T, s string) {
		id, ok := message.ParseID(s)
		if !ok {
			return
		}
		if again, ok := message.ParseID(id.String()); !ok || again != id {
			t.Errorf("ParseID(%q) = %v, which reads back as %v, %v", s, id, again, ok)
		}
	})
}
