package dispatch_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/center/store/memory"
	"github.com/godwit-sms/smpp/pdu"
)

// A message that is not stored is tried once, and whoever waits is told.
func TestTry(t *testing.T) {
	for _, tt := range []struct {
		name   string
		window int
		answer func(n *network, a *dispatch.Attempt) (dispatch.Result, bool)
		err    error
		want   dispatch.Outcome
		after  time.Duration
	}{
		{"delivered", 1, nil, nil, dispatch.Delivered, 0},
		{"not now", 1, func(*network, *dispatch.Attempt) (dispatch.Result, bool) {
			return dispatch.Result{Outcome: dispatch.Later}, true
		}, nil, dispatch.Later, 0},
		{"the way breaks", 1, func(*network, *dispatch.Attempt) (dispatch.Result, bool) {
			return dispatch.Result{Outcome: dispatch.Lost}, true
		}, nil, dispatch.Lost, 0},
		{"rejected", 1, func(*network, *dispatch.Attempt) (dispatch.Result, bool) {
			return dispatch.Result{Outcome: dispatch.Rejected}, true
		}, nil, dispatch.Rejected, 0},
		{"no answer in time", 1, func(n *network, a *dispatch.Attempt) (dispatch.Result, bool) {
			time.AfterFunc(time.Hour, func() { n.finish(a, dispatch.Result{Outcome: dispatch.Delivered}) })
			return dispatch.Result{}, false
		}, nil, dispatch.Later, 30 * time.Second},
		{"nobody there", 0, nil, dispatch.ErrNoWay, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{window: tt.window}
				if tt.answer != nil {
					n.answer = func(a *dispatch.Attempt) (dispatch.Result, bool) { return tt.answer(n, a) }
				}
				r := open(t, n, nil)
				m := r.message("x", "49")
				m.ESMClass, m.Expires = pdu.ModeForward, time.Now().Add(30*time.Second)
				begin := time.Now()
				told := make(chan dispatch.Result, 2)
				if err := r.Try(m, func(r dispatch.Result) { told <- r }); !errors.Is(err, tt.err) {
					t.Fatalf("Try: %v; want %v", err, tt.err)
				}
				if tt.err == nil {
					if got := <-told; got.Outcome != tt.want || time.Since(begin) > tt.after+time.Second || time.Since(begin) < tt.after {
						t.Errorf("%+v after %v; want outcome %d after %v", got, time.Since(begin), tt.want, tt.after)
					}
				}
				time.Sleep(2 * time.Hour)
				if len(told) != 0 {
					t.Error("told twice")
				}
				if _, err := r.store.Get(t.Context(), m.ID); err == nil {
					t.Error("the message was stored")
				}
				if n := len(r.net.attempts()); n > 1 {
					t.Errorf("%d attempts", n)
				}
				if s := r.Stats(); s != (dispatch.Stats{}) {
					t.Errorf("left behind: %+v", s)
				}
			})
		})
	}
}

// Nothing is tried while the destination is known to be out of reach.
func TestTryDuringPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{window: 1, answer: func(*dispatch.Attempt) (dispatch.Result, bool) { return dispatch.Result{Outcome: dispatch.Later}, true }}
		r := open(t, n, nil)
		r.submit("a", "49")
		synctest.Wait()
		m := r.message("x", "49")
		m.ESMClass = pdu.ModeDatagram
		if err := r.Try(m, nil); !errors.Is(err, dispatch.ErrNoWay) {
			t.Errorf("Try: %v; want %v", err, dispatch.ErrNoWay)
		}
	})
}

// What may have arrived is not sent again to those who want it at most once, not
// even after a restart.
func TestAtMostOnce(t *testing.T) {
	answer := func(r dispatch.Result) func(*dispatch.Attempt) (dispatch.Result, bool) {
		return func(*dispatch.Attempt) (dispatch.Result, bool) { return r, true }
	}
	for _, tt := range []struct {
		name     string
		answer   func(*dispatch.Attempt) (dispatch.Result, bool)
		attempts int // in all
		restart  bool
		soon     message.State // after a minute, and a restart if there is one
		end      message.State
	}{
		{"it is taken", nil, 1, false, pdu.StateDelivered, pdu.StateDelivered},
		{"it is refused for now", answer(dispatch.Result{Outcome: dispatch.Later}), 3, false, pdu.StateEnroute, pdu.StateExpired},
		{"no answer", answer(dispatch.Result{Outcome: dispatch.Later, Unsure: true}), 1, false, pdu.StateUnknown, pdu.StateExpired},
		{"the way breaks after it was sent", answer(dispatch.Result{Outcome: dispatch.Lost, Unsure: true}), 1, false, pdu.StateUnknown, pdu.StateExpired},
		{"the way breaks before it was sent", func(a *dispatch.Attempt) (dispatch.Result, bool) {
			return dispatch.Result{Outcome: dispatch.Lost}, true
		}, -1, false, pdu.StateEnroute, pdu.StateExpired},
		{"a crash while it is under way", func(*dispatch.Attempt) (dispatch.Result, bool) { return dispatch.Result{}, false }, 1, true, pdu.StateUnknown, pdu.StateExpired},
		{"a crash after it was refused", answer(dispatch.Result{Outcome: dispatch.Later}), -1, true, pdu.StateEnroute, pdu.StateExpired},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &onceNetwork{network: &network{window: 10, answer: tt.answer}}
				kept := new(memory.Store)
				cfg := dispatch.Config{Store: kept, Router: n, Logger: quiet, Retry: []time.Duration{20 * time.Minute}}
				d, err := dispatch.New(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				id := d.NextID(time.Now(), 1)
				m := &message.Message{ID: id, Group: id, State: pdu.StateEnroute, Expires: time.Now().Add(time.Hour), Dest: pdu.International("1")}
				if err := d.Submit(t.Context(), m); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				if tt.restart {
					d.Close()
					if d, err = dispatch.New(t.Context(), cfg); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Second)
				}
				defer d.Close()
				if got, err := kept.Get(t.Context(), id); err != nil || got.State != tt.soon {
					t.Errorf("state %v, %v; want %v", got.State, err, tt.soon)
				}
				if tt.soon == pdu.StateUnknown {
					if err := d.Replace(t.Context(), id, func(*message.Message) error { return nil }); !errors.Is(err, dispatch.ErrAway) {
						t.Errorf("Replace: %v; want %v", err, dispatch.ErrAway)
					}
				}
				time.Sleep(2 * time.Hour)
				if got, err := kept.Get(t.Context(), id); err != nil || got.State != tt.end {
					t.Errorf("state %v at the end, %v; want %v", got.State, err, tt.end)
				}
				if got := len(n.attempts()); tt.attempts >= 0 && got != tt.attempts {
					t.Errorf("%d attempts; want %d", got, tt.attempts)
				}
				if s := d.Stats(); s.Live != 0 || s.Places != 0 {
					t.Errorf("left behind: %+v", s)
				}
			})
		})
	}
}

// A delivery pending flag is set once, survives a restart, and brings one alert
// when the destination takes something.
func TestAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		reachable := false
		var alerts []message.ID
		n := &network{window: 10}
		n.answer = func(a *dispatch.Attempt) (dispatch.Result, bool) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case a.Message.Kind == message.Alert:
				alerts = append(alerts, a.Message.ID)
			case !reachable && a.Message.Dest.Addr == "1":
				return dispatch.Result{Outcome: dispatch.Later}, true
			}
			return dispatch.Result{Outcome: dispatch.Delivered}, true
		}
		kept := new(memory.Store)
		cfg := dispatch.Config{Store: kept, Router: n, Logger: quiet, Retry: []time.Duration{time.Minute}, Alert: func(m *message.Message, at time.Time) *message.Message {
			return &message.Message{Kind: message.Alert, Account: m.Account, State: pdu.StateScheduled, Expires: at.Add(10 * time.Hour), Source: m.Dest, Dest: m.Source}
		}}
		d, err := dispatch.New(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		submit := func(dest string) {
			id := d.NextID(time.Now(), 1)
			m := &message.Message{ID: id, Group: id, Account: "acme", State: pdu.StateEnroute, Expires: time.Now().Add(5 * time.Hour), Source: pdu.Alphanumeric("ACME"), Dest: pdu.International(dest)}
			pdu.TLVSetDPF.Set(&m.TLVs, 1)
			if err := d.Submit(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		submit("1")
		submit("1")
		time.Sleep(time.Hour)
		if s := d.Stats(); s.Alerts != 1 || s.Live != 3 {
			t.Errorf("after an hour of failures: %+v; want two messages and a flag", s)
		}
		submit("2") // another destination does not matter
		time.Sleep(time.Second)
		d.Close()
		if d, err = dispatch.New(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if s := d.Stats(); s.Alerts != 1 || s.Live != 3 {
			t.Errorf("after a restart: %+v", s)
		}
		mu.Lock()
		if len(alerts) != 0 {
			t.Errorf("alerts %v before anything was delivered", alerts)
		}
		reachable = true
		mu.Unlock()
		time.Sleep(time.Hour)
		mu.Lock()
		defer mu.Unlock()
		if s := d.Stats(); len(alerts) != 1 || s.Live != 0 || s.Alerts != 0 {
			t.Errorf("%d alerts; left behind: %+v", len(alerts), s)
		}
	})
}

// A broadcast goes out again and again without being late for a failure, keeps
// what it has become, and is history in the end.
func TestAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var at []time.Duration
		n := &network{window: 10}
		n.answer = func(a *dispatch.Attempt) (dispatch.Result, bool) {
			at = append(at, time.Since(begin))
			next := *a.Message
			next.Attempts++
			next.Areas = []message.Area{{ID: a.Message.Areas[0].ID, Tried: uint32(next.Attempts) * 2, Reached: uint32(next.Attempts)}}
			if next.Attempts == 3 {
				return dispatch.Result{Outcome: dispatch.Over, Message: &next}, true
			}
			next.Next = time.Now().Add(time.Minute)
			return dispatch.Result{Outcome: dispatch.Again, Message: &next}, true
		}
		r := open(t, n, nil)
		m := r.message("x", "")
		m.Kind, m.Areas = message.Broadcast, []message.Area{{ID: "\x00north"}}
		if err := r.Submit(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		time.Sleep(90 * time.Second)
		if got, err := r.store.Get(t.Context(), m.ID); err != nil || got.Attempts != 2 || got.Areas[0].Success() != 50 || got.State != pdu.StateEnroute {
			t.Errorf("half way: %+v, %v", got, err)
		}
		time.Sleep(time.Hour)
		n.mu.Lock()
		defer n.mu.Unlock()
		if want := []time.Duration{0, time.Minute, 2 * time.Minute}; len(at) != 3 || slices.IndexFunc(at, func(d time.Duration) bool {
			return !slices.ContainsFunc(want, func(w time.Duration) bool { return d >= w && d < w+time.Second })
		}) >= 0 {
			t.Errorf("it went out at %v; want %v", at, want)
		}
		if got, err := r.store.Get(t.Context(), m.ID); err != nil || got.Attempts != 3 || got.Areas[0].Tried != 6 || got.State != pdu.StateExpired {
			t.Errorf("at the end: %+v, %v", got, err)
		}
	})
}

// Urgent messages do not wait for what is not, and do not cost more the more of
// that there is.
func TestUrgentAmongMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, new(network), nil)
		for _, p := range []uint8{0, 1, 4, 0, 4, 2, 9} {
			m := r.message(string('0'+rune(p)), "49")
			m.Priority = p
			if err := r.Submit(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		r.net.open(r.Dispatcher, 1)
		synctest.Wait()
		if got, want := r.net.attempts(), []string{"4.1", "4.1", "9.1", "2.1", "1.1", "0.1", "0.1"}; !slices.Equal(got, want) {
			t.Errorf("attempts %v; want %v", got, want)
		}
	})
}

// Messages that were scheduled for the same instant go in the order in which they
// came, whatever their number.
func TestDueTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(21 * 365 * 24 * time.Hour) // ids follow the clock from 2020 on
		r := open(t, &network{window: 1}, nil)
		due := time.Now().Add(time.Minute)
		var want []string
		for i := range 5000 {
			m := r.message(string(rune('a'+i%26)), "49")
			m.State, m.Due = pdu.StateScheduled, due
			if err := r.Submit(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			want = append(want, string(m.Text)+".1")
		}
		time.Sleep(2 * time.Minute)
		if got := r.net.attempts(); !slices.Equal(got, want) {
			t.Errorf("%d attempts in another order", len(got))
		}
	})
}

// What comes of an attempt is the state of the message, and its receipt's.
func TestOutcomes(t *testing.T) {
	for outcome, want := range map[dispatch.Outcome]message.State{
		dispatch.Delivered: pdu.StateDelivered, dispatch.Accepted: pdu.StateAccepted, dispatch.Later: pdu.StateExpired, dispatch.Lost: pdu.StateExpired,
		dispatch.Failed: pdu.StateUndeliverable, dispatch.FailedAll: pdu.StateUndeliverable, dispatch.Rejected: pdu.StateRejected, dispatch.Skipped: pdu.StateSkipped,
		dispatch.Over: pdu.StateExpired, 0: pdu.StateUndeliverable, 99: pdu.StateUndeliverable,
	} {
		synctest.Test(t, func(t *testing.T) {
			n := &network{window: 1, answer: func(a *dispatch.Attempt) (dispatch.Result, bool) {
				if a.Message.Kind != message.Normal {
					return dispatch.Result{Outcome: dispatch.Delivered}, true
				}
				return dispatch.Result{Outcome: outcome}, true
			}}
			var told []message.State
			r := open(t, n, func(c *dispatch.Config) {
				c.Receipt = func(m *message.Message, kind message.Kind, at time.Time) *message.Message {
					told = append(told, m.State)
					return &message.Message{Kind: kind, Group: m.ID, Account: m.Account, State: pdu.StateEnroute, Expires: at.Add(time.Hour), Source: m.Dest, Dest: m.Source}
				}
			})
			m := r.message("x", "49")
			m.RegisteredDelivery = pdu.FinalReceipt
			if err := r.Submit(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Hour)
			synctest.Wait()
			if got := r.state(m.ID); got != want {
				t.Errorf("outcome %d: %v; want %v", outcome, got, want)
			}
			r.Close()
			if !slices.Equal(told, []message.State{want}) {
				t.Errorf("outcome %d: receipts of %v", outcome, told)
			}
		})
	}
}

// IDs are above all that were given out, also when the clock was set back and
// nothing of them is live any more.
func TestClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(21 * 365 * 24 * time.Hour) // ids follow the clock from 2020 on
		r := open(t, &network{window: 1}, nil)
		ahead := r.NextID(time.Now().Add(48*time.Hour), 1)
		m := r.message("x", "49")
		m.ID, m.Group = ahead, ahead
		if err := r.Submit(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := r.state(ahead); s != pdu.StateDelivered {
			t.Fatalf("state %v", s)
		}
		r.Close()
		again, err := dispatch.New(t.Context(), dispatch.Config{Store: r.store, Router: r.net, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if id := again.NextID(time.Now(), 1); id <= ahead {
			t.Errorf("id %v is not above %v", id, ahead)
		}
	})
}

// A counting store knows the largest commit.
type counting struct {
	*memory.Store
	mu   sync.Mutex
	most int
}

func (c *counting) Commit(ctx context.Context, shard int, epoch uint64, ops []store.Op) error {
	c.mu.Lock()
	c.most = max(c.most, len(ops))
	c.mu.Unlock()
	return c.Store.Commit(ctx, shard, epoch, ops)
}

// However many come to their time together, they are committed in pieces.
func TestManyTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := &counting{Store: new(memory.Store)}
		r := open(t, new(network), func(c *dispatch.Config) { c.Store = kept })
		begin := time.Now()
		var ids []message.ID
		for range 5000 {
			m := r.message("x", "49")
			m.State, m.Due, m.Expires = pdu.StateScheduled, begin.Add(time.Minute), begin.Add(time.Hour)
			if err := r.Submit(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, m.ID)
		}
		for _, step := range []struct {
			at   time.Duration
			want message.State
		}{{2 * time.Minute, pdu.StateEnroute}, {2 * time.Hour, pdu.StateExpired}} {
			time.Sleep(time.Until(begin.Add(step.at)))
			synctest.Wait()
			for _, id := range ids {
				if m, err := kept.Get(t.Context(), id); err != nil || m.State != step.want {
					t.Fatalf("%v after %v: %v, %v; want %v", id, step.at, m.State, err, step.want)
				}
			}
		}
		if s := r.Stats(); s.Live != 0 || kept.most > 2000 {
			t.Errorf("%d are left; the largest commit had %d operations", s.Live, kept.most)
		}
	})
}

// Many are cancelled with few commits, those that do not wait are left out, and a
// store that fails changes nothing.
func TestCancelAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failing{Store: new(memory.Store)}
		n := &network{answer: func(*dispatch.Attempt) (dispatch.Result, bool) { return dispatch.Result{}, false }}
		r := open(t, n, func(c *dispatch.Config) { c.Store = f })
		var ids []message.ID
		for range 2500 {
			ids = append(ids, r.submit("x", "49"))
		}
		n.open(r.Dispatcher, 1) // the first is away
		synctest.Wait()
		f.set(errors.New("disk full"))
		if got, err := r.CancelAll(t.Context(), ids); got != 0 || err == nil {
			t.Errorf("%d are cancelled, %v, by a store that fails", got, err)
		}
		if s := r.Stats(); s.Live != 2500 || s.Away != 1 {
			t.Errorf("after that: %+v", s)
		}
		f.set(nil)
		if got, err := r.CancelAll(t.Context(), append(ids, ids[2499]+1)); got != 2499 || err != nil {
			t.Errorf("%d are cancelled, %v; want all but the one that is away", got, err)
		}
		var waiting []message.ID
		for m, err := range r.Waiting(t.Context(), dispatch.Group{Account: "acme", Source: pdu.Alphanumeric("ACME"), Dest: pdu.Address{Addr: "49"}, AnyService: true}) {
			if err != nil {
				t.Fatal(err)
			}
			waiting = append(waiting, m.ID)
		}
		if len(waiting) != 0 {
			t.Errorf("%d still wait", len(waiting))
		}
		if got, err := f.Get(t.Context(), ids[1]); err != nil || got.State != pdu.StateDeleted {
			t.Errorf("state %v, %v", got.State, err)
		}
	})
}
