package smpp

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/godwit-sms/smpp/pdu"
)

type sessionSpec struct {
	States map[string]struct {
		ID       pdu.CommandID
		ESME, MC []string
	}
	DataSM      struct{ ESME, MC []string }      `json:"data_sm_v34"`
	Transitions []struct{ From, On, To string }  `json:"transitions"`
	Wrap        []struct{ Current, Next uint32 } `json:"sequence_wrap"`
	Negotiation []struct {
		ESME, MC pdu.Version
		Session  string
	} `json:"negotiation"`
}

func readSpec(t *testing.T) (spec sessionSpec) {
	t.Helper()
	data, err := os.ReadFile("testdata/session/session.json")
	if err == nil {
		err = json.Unmarshal(data, &spec)
	}
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// What may be sent in which state, against the specification's table.
func TestStateTable(t *testing.T) {
	spec := readSpec(t)
	if len(spec.States) < 17 {
		t.Fatalf("%d commands", len(spec.States))
	}
	for name, row := range spec.States {
		for side, allowed := range map[Side][]string{ESME: row.ESME, MC: row.MC} {
			for st := StateOpen; st <= StateClosed; st++ {
				want := slices.Contains(allowed, st.String())
				if got := may(side, row.ID).has(st); got != want {
					t.Errorf("%v may send %s in %v: %v", side, name, st, got)
				}
				taken := want
				switch {
				case row.ID == pdu.IDDataSM:
					taken = slices.Contains(spec.DataSM.ESME, st.String())
				case row.ID == pdu.IDUnbind && st == StateUnbound:
					taken = true // it may cross one of ours
				}
				status := refusal(side.other(), st, row.ID)
				if (status == pdu.StatusOK) != taken {
					t.Errorf("%v answers %s in %v with %v", side.other(), name, st, status)
				}
				_, bind := map[pdu.CommandID]bool{pdu.IDBindReceiver: true, pdu.IDBindTransmitter: true, pdu.IDBindTransceiver: true}[row.ID]
				if already := bind && side == ESME && st.Bound(); already != (status == pdu.StatusAlreadyBound) {
					t.Errorf("%v answers %s in %v with %v", side.other(), name, st, status)
				}
			}
		}
	}
	for st := StateOpen; st <= StateClosed; st++ {
		for _, side := range []Side{ESME, MC} {
			if may(side, 0x00010200).has(st) != st.Bound() {
				t.Errorf("a vendor's command in %v", st)
			}
		}
	}
}

func TestBoundState(t *testing.T) {
	for id, st := range map[pdu.CommandID]State{pdu.IDBindTransmitter: StateBoundTX, pdu.IDBindReceiverResp: StateBoundRX, pdu.IDBindTransceiver: StateBoundTRX} {
		if got := boundState(id); got != st {
			t.Errorf("%v leads to %v", id, got)
		}
	}
	for _, tr := range readSpec(t).Transitions {
		for id, on := range map[pdu.CommandID]string{pdu.IDBindTransmitter: "bind_transmitter_resp_ok", pdu.IDBindReceiver: "bind_receiver_resp_ok", pdu.IDBindTransceiver: "bind_transceiver_resp_ok"} {
			if tr.On == on && boundState(id).String() != tr.To {
				t.Errorf("%v: %v leads to %v", tr, id, boundState(id))
			}
		}
	}
}

func TestNegotiate(t *testing.T) {
	spec := readSpec(t)
	if len(spec.Negotiation) < 9 {
		t.Fatalf("%d examples", len(spec.Negotiation))
	}
	for _, e := range spec.Negotiation {
		if got := negotiate(e.ESME, e.MC).String(); got != e.Session {
			t.Errorf("ESME %v, MC %v: %v, not %v", e.ESME, e.MC, got, e.Session)
		}
	}
}

type never struct{}

func (never) complete(pdu.Header, pdu.Body, error) {}

func TestWindowSequence(t *testing.T) {
	for _, e := range readSpec(t).Wrap {
		if got := next(e.Current); got != e.Next {
			t.Errorf("after %#x comes %#x, not %#x", e.Current, got, e.Next)
		}
	}
	w := window{size: 3, last: maxSequence - 2}
	due := time.Second
	for _, want := range []uint32{maxSequence - 1, maxSequence, 1} {
		if got := w.add(pdu.IDSubmitSMResp, due, never{}); got != want {
			t.Errorf("%#x, not %#x", got, want)
		}
	}
	if !w.full() {
		t.Error("three of three and not full")
	}
	for _, seq := range []uint32{0, 2, 5, maxSequence - 3, 1 << 31} {
		if _, ok := w.take(seq); ok {
			t.Errorf("%#x was never given out", seq)
		}
	}
	if s, ok := w.take(maxSequence); !ok || s.want != pdu.IDSubmitSMResp || s.due != due {
		t.Errorf("%v, %v", s, ok)
	}
	if _, ok := w.take(maxSequence); ok {
		t.Error("taken twice")
	}
}

// A number that still waits is not given out again when the numbers wrap.
func TestWindowSkipsWhatWaits(t *testing.T) {
	w := window{size: 4, last: maxSequence - 1}
	old := w.add(0, 0, never{})
	first := w.add(0, 0, never{})
	if old != maxSequence || first != 1 {
		t.Fatalf("%#x, %#x", old, first)
	}
	w.last = maxSequence - 1 // all around
	if got := w.add(0, 0, never{}); got == old || got == first || got == 0 {
		t.Errorf("%#x given out twice", got)
	}
}

// Whatever happens, a window agrees with a map.
func TestWindowAgainstMap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{1, 2, 3, 10, 100, 1000} {
		w := window{size: size, last: maxSequence - 500}
		model := map[uint32]time.Duration{}
		now := time.Duration(0)
		for range 20000 {
			now += time.Millisecond
			switch rnd.IntN(20) {
			case 0:
				for _, s := range w.expire(now) {
					if due, ok := model[s.seq]; !ok || now < due {
						t.Fatalf("%#x expired at %v, due %v", s.seq, now, due)
					}
					delete(model, s.seq)
				}
				for seq, due := range model {
					if now >= due {
						t.Fatalf("%#x did not expire", seq)
					}
				}
			case 1:
				w.resize(1 + rnd.IntN(2*size))
			case 2, 3, 4, 5, 6, 7:
				seq := uint32(rnd.IntN(3))
				for seq = range model {
					break
				}
				_, want := model[seq]
				if _, got := w.take(seq); got != want {
					t.Fatalf("take %#x: %v", seq, got)
				}
				delete(model, seq)
			default:
				if w.full() {
					continue
				}
				due := now + time.Duration(rnd.IntN(1000))*time.Millisecond
				seq := w.add(0, due, never{})
				if _, ok := model[seq]; ok || seq == 0 || seq > maxSequence {
					t.Fatalf("%#x given out twice", seq)
				}
				model[seq] = due
			}
			if w.used != len(model) {
				t.Fatalf("%d used, %d in the model", w.used, len(model))
			}
		}
		if n := len(w.drain()); n != len(model) || w.used != 0 {
			t.Fatalf("drained %d of %d", n, len(model))
		}
	}
	if w := (window{size: 10}); len(w.expire(time.Hour)) != 0 || len(w.drain()) != 0 || w.slots != nil {
		t.Error("a window that nothing was sent on has slots")
	}
}

func TestTimersStep(t *testing.T) {
	at := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	base := periods{sessionInit: 30 * time.Second, enquireLink: 30 * time.Second, inactivity: 100 * time.Second, response: 60 * time.Second}
	for _, test := range []struct {
		name   string
		change func(*timers)
		state  State
		now    float64
		want   action
	}{
		{"session_init", nil, StateOpen, 30, doNeverBound},
		{"session_init, not yet", nil, StateOpen, 29.9, doNothing},
		{"session_init, outbind", nil, StateOutbound, 31, doNeverBound},
		{"session_init off", func(t *timers) { t.sessionInit = 0 }, StateOpen, 1e6, doNothing},
		{"session_init, a bind is being decided on", func(t *timers) { t.binding = true }, StateOpen, 1e6, doNothing},
		{"session_init, bound", nil, StateBoundTX, 29, doNothing},
		{"session_init, unbound", nil, StateUnbound, 1e6, doNothing},
		{"enquire_link", nil, StateBoundTRX, 30, doEnquire},
		{"enquire_link, not yet", nil, StateBoundTRX, 29.9, doNothing},
		{"enquire_link, heard", func(t *timers) { t.heard = at(20) }, StateBoundTRX, 49, doNothing},
		{"enquire_link, not before the bind", func(t *timers) { t.sessionInit = 0 }, StateOpen, 1e3, doNothing},
		{"enquire_link off", func(t *timers) { t.enquireLink = 0 }, StateBoundTRX, 99, doNothing},
		{"enquire_link, asked", func(t *timers) { t.enquired = at(30) }, StateBoundTRX, 89, doNothing},
		{"dead", func(t *timers) { t.enquired = at(30) }, StateBoundTRX, 90, doDeadPeer},
		{"dead, but standing", func(t *timers) { t.enquired = at(30); t.standing = true }, StateBoundTRX, 1e3, doNothing},
		{"dead, but no response timer", func(t *timers) { t.enquired = at(30); t.response = 0; t.inactivity = 0 }, StateBoundTRX, 1e6, doNothing},
		{"stuck", func(t *timers) { t.writeSince = at(1) }, StateBoundTRX, 61, doStuck},
		{"stuck, standing", func(t *timers) { t.writeSince = at(1); t.standing = true }, StateBoundTRX, 61, doStuck},
		{"stuck, not yet", func(t *timers) { t.writeSince = at(1); t.heard = at(40) }, StateBoundTRX, 60.9, doNothing},
		{"inactive", func(t *timers) { t.heard = at(99) }, StateBoundRX, 100, doInactive},
		{"inactive, not yet", func(t *timers) { t.heard = at(99) }, StateBoundRX, 99.9, doNothing},
		{"inactivity off", func(t *timers) { t.heard = at(1e6); t.inactivity = 0 }, StateBoundRX, 1e6 + 1, doNothing},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := base
			tm := timers{periods: &p}
			if test.change != nil {
				test.change(&tm)
			}
			got, wait := tm.step(at(test.now), test.state)
			if got != test.want {
				t.Errorf("%v, not %v", got, test.want)
			}
			if wait <= 0 {
				t.Errorf("look again in %v", wait)
			}
			// Looking no earlier than told misses nothing.
			if got == doNothing && wait < far {
				if later, _ := tm.step(at(test.now)+wait, test.state); later == doNothing {
					t.Errorf("nothing to be done after %v", wait)
				}
			}
		})
	}
	for response, want := range map[time.Duration]time.Duration{0: time.Second, time.Second: time.Second / 8, time.Millisecond: 10 * time.Millisecond, time.Hour: time.Second} {
		if got := (&periods{response: response}).sweepEvery(); got != want {
			t.Errorf("response %v: sweep every %v", response, got)
		}
	}
}

// What waits for a destination is found again though the request it came with has
// changed: its memory may have been lent.
func TestOrderOfChangedRequests(t *testing.T) {
	number := []byte("491701234567")
	var o order
	tk := o.hold(1, &pdu.SubmitSM{Dest: pdu.International(unsafe.String(&number[0], len(number)))})
	copy(number, "447700900123")
	if !o.first(tk) || !o.busy(&pdu.SubmitSM{Dest: pdu.International("491701234567")}) {
		t.Error("the request has lost its place")
	}
	if o.leave(tk); len(o.lanes) != 0 || o.held.Load() != 0 {
		t.Errorf("%d lanes, %d held are left", len(o.lanes), o.held.Load())
	}
}
