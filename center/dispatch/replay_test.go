package dispatch_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/center/store/memory"
	"github.com/godwit-sms/smpp/center/store/pebble"
	"github.com/godwit-sms/smpp/pdu"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// engines are the stores that a state is taken up from.
var engines = map[string]func(*testing.T) store.Store{
	"memory": func(*testing.T) store.Store { return new(memory.Store) },
	"pebble": func(t *testing.T) store.Store {
		s, err := pebble.Open("data", pebble.Options{FS: vfs.NewMem(), Reserve: -1, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		return s
	},
}

// A onceNetwork wants everything at most once, but what goes to 4.
type onceNetwork struct {
	*network
	plain *network
}

func (n *onceNetwork) AtMostOnce() bool { return true }

func (n *onceNetwork) Route(k dispatch.Key) dispatch.Target {
	if k.Addr == "4" || k.Account != "" || k.Broadcast != 0 {
		return n.plain
	}
	return n
}

// After random operations of all kinds a dispatcher that takes up the store knows
// what the one before it knew: what waits, in which order, for which time, how
// often it was tried, and when it is tried again.
func TestReplay(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(8) {
				synctest.Test(t, func(t *testing.T) {
					time.Sleep(21 * 365 * 24 * time.Hour) // ids follow the clock from 2020 on
					replay(t, engine(t), seed)
				})
			}
		})
	}
}

func replay(t *testing.T, kept store.Store, seed uint64) {
	defer func() { _ = kept.Close() }()
	rnd, theirs, shyly := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2)), rand.New(rand.NewPCG(seed, 3))
	plain := &network{window: 1000}
	plain.answer = func(a *dispatch.Attempt) (dispatch.Result, bool) {
		m := a.Message
		switch m.Kind {
		case message.Broadcast:
			next := *m
			next.Attempts++
			next.Next = time.Now().Add(time.Minute)
			next.Areas = []message.Area{{ID: "\x00north", Tried: uint32(next.Attempts), Reached: 1}}
			if next.Attempts == 3 {
				return dispatch.Result{Outcome: dispatch.Over, Message: &next}, true
			}
			return dispatch.Result{Outcome: dispatch.Again, Message: &next}, true
		case message.Alert:
			return dispatch.Result{Outcome: dispatch.Delivered}, true
		}
		r := dispatch.Result{Outcome: dispatch.Later, Error: message.Error{Type: pdu.ErrorGSM, Code: 27}}
		if theirs.IntN(4) == 0 {
			r = dispatch.Result{Outcome: dispatch.Delivered}
		}
		return r, true
	}
	shy := &onceNetwork{network: &network{window: 1000}, plain: plain}
	shy.answer = func(*dispatch.Attempt) (dispatch.Result, bool) {
		r := dispatch.Result{Outcome: dispatch.Outcome(1 + shyly.IntN(7)), Unsure: shyly.IntN(3) == 0}
		if shyly.IntN(2) == 0 {
			r.Outcome = dispatch.Later
		}
		return r, true
	}
	cfg := dispatch.Config{
		Store: kept, Router: shy, Logger: quiet, Retry: []time.Duration{10 * time.Second, time.Minute, time.Hour},
		Receipt: func(m *message.Message, kind message.Kind, at time.Time) *message.Message {
			return &message.Message{Kind: kind, Group: m.ID, Account: m.Account, State: pdu.StateEnroute, Submitted: at, Expires: at.Add(time.Hour), Source: m.Dest, Dest: m.Source}
		},
		Alert: func(m *message.Message, at time.Time) *message.Message {
			return &message.Message{Kind: message.Alert, Account: m.Account, State: pdu.StateScheduled, Submitted: at, Expires: at.Add(time.Hour), Source: m.Dest, Dest: m.Source}
		},
	}
	d, err := dispatch.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	var ids []message.ID
	tried := map[string]int{}
	for range 300 {
		now := time.Now()
		switch op := rnd.IntN(9); op {
		case 0, 1, 2, 3:
			id := d.NextID(now, 1)
			m := &message.Message{ID: id, Group: id, Account: fmt.Sprint("a", rnd.IntN(3)), State: pdu.StateEnroute, Submitted: now, Expires: now.Add(time.Minute + time.Duration(rnd.Int64N(int64(time.Hour)))),
				Source: pdu.Alphanumeric("ACME"), Dest: pdu.International(fmt.Sprint(rnd.IntN(5))), Text: []byte("x"), Priority: uint8(max(rnd.IntN(10)-5, 0)),
				RegisteredDelivery: pdu.RegisteredDelivery(rnd.IntN(4)) | pdu.RegisteredDelivery(rnd.IntN(2))*pdu.IntermediateNotification}
			if rnd.IntN(3) == 0 {
				m.State, m.Due = pdu.StateScheduled, now.Add(time.Duration(1+rnd.Int64N(int64(10*time.Minute))))
			}
			if rnd.IntN(3) == 0 {
				pdu.TLVSetDPF.Set(&m.TLVs, 1)
			}
			if rnd.IntN(12) == 0 {
				m.Kind, m.Areas = message.Broadcast, []message.Area{{ID: "\x00north"}}
			}
			if err := d.Submit(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
			tried["submit"]++
		case 4:
			id := d.NextID(now, 1)
			m := &message.Message{ID: id, Group: id, Account: "a0", State: pdu.StateEnroute, Submitted: now, Expires: now.Add(time.Second), ESMClass: pdu.ModeDatagram, Dest: pdu.International("3")}
			if err := d.Try(m, nil); err != nil && !errors.Is(err, dispatch.ErrNoWay) {
				t.Fatal(err)
			}
		case 5, 6:
			if len(ids) == 0 {
				continue
			}
			id := ids[rnd.IntN(len(ids))]
			if op == 5 {
				err = d.Cancel(t.Context(), id)
			} else {
				err = d.Replace(t.Context(), id, func(m *message.Message) error {
					switch rnd.IntN(3) {
					case 0:
						m.Due = time.Time{}
					case 1:
						m.Due = time.Now().Add(time.Duration(rnd.Int64N(int64(5 * time.Minute))))
					}
					m.Priority = uint8(rnd.IntN(5))
					m.Expires = time.Now().Add(time.Hour)
					m.Text = []byte("y")
					return nil
				})
			}
			if err == nil {
				tried["change"]++
			} else if !errors.Is(err, dispatch.ErrAway) && !errors.Is(err, dispatch.ErrFinal) {
				t.Fatal(err)
			}
		default:
			time.Sleep(time.Duration(rnd.Int64N(int64(20 * time.Second))))
		}
	}
	time.Sleep(150 * time.Millisecond)
	synctest.Wait()
	before, places := d.Snapshot()
	d.Close()
	again, err := dispatch.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	synctest.Wait()
	after, taken := again.Snapshot()
	if tried["submit"] < 100 || tried["change"] < 5 || len(before) < 5 {
		t.Fatalf("seed %d: %v, %d queues: that is no test", seed, tried, len(before))
	}
	if !reflect.DeepEqual(places, taken) {
		t.Errorf("seed %d: places %v; before %v", seed, taken, places)
	}
	for k, b := range before {
		if a := after[k]; !reflect.DeepEqual(a, b) {
			t.Errorf("seed %d: %+v:\n after %+v\nbefore %+v", seed, k, a, b)
		}
	}
	for k := range after {
		if _, ok := before[k]; !ok {
			t.Errorf("seed %d: %+v was not there before", seed, k)
		}
	}
}
