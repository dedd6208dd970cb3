package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
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

// A network is a router and its only target. answer decides on each attempt, or
// keeps it.
type network struct {
	mu     sync.Mutex
	window int
	flying int
	most   int
	seen   []string // text and number of each attempt
	answer func(a *dispatch.Attempt) (dispatch.Result, bool)
}

func (n *network) Route(dispatch.Key) dispatch.Target { return n }

func (n *network) Window() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.window
}

func (n *network) open(d *dispatch.Dispatcher, window int) {
	n.mu.Lock()
	n.window = window
	n.mu.Unlock()
	d.Wake(n)
}

func (n *network) Attempt(a *dispatch.Attempt) {
	n.mu.Lock()
	n.flying++
	n.most = max(n.most, n.flying)
	n.seen = append(n.seen, fmt.Sprintf("%s.%d", a.Message.Text, a.Number))
	r, now := dispatch.Result{Outcome: dispatch.Delivered}, true
	if n.answer != nil {
		r, now = n.answer(a)
	}
	n.mu.Unlock()
	if now {
		n.finish(a, r)
	}
}

func (n *network) finish(a *dispatch.Attempt, r dispatch.Result) {
	n.mu.Lock()
	n.flying--
	n.mu.Unlock()
	a.Done(r)
	a.Done(r) // only the first counts
}

type rig struct {
	*dispatch.Dispatcher
	t     *testing.T
	store *memory.Store
	net   *network
}

func open(t *testing.T, n *network, change func(*dispatch.Config)) *rig {
	t.Helper()
	s := new(memory.Store)
	cfg := dispatch.Config{Store: s, Router: n, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if change != nil {
		change(&cfg)
	}
	d, err := dispatch.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return &rig{d, t, s, n}
}

func (r *rig) message(text, dest string) *message.Message {
	now := time.Now()
	id := r.NextID(now, 1)
	return &message.Message{ID: id, Group: id, Account: "acme", State: pdu.StateEnroute, Submitted: now, Expires: now.Add(time.Hour),
		Source: pdu.Alphanumeric("ACME"), Dest: pdu.International(dest), Text: []byte(text)}
}

func (r *rig) submit(text, dest string) message.ID {
	r.t.Helper()
	m := r.message(text, dest)
	if err := r.Submit(r.t.Context(), m); err != nil {
		r.t.Fatal(err)
	}
	return m.ID
}

func (r *rig) state(id message.ID) message.State {
	r.t.Helper()
	m, err := r.store.Get(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return m.State
}

func (n *network) attempts() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.seen)
}

func TestOrder(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func() func(a *dispatch.Attempt) (dispatch.Result, bool)
		want   []string
	}{
		{"all is well", func() func(*dispatch.Attempt) (dispatch.Result, bool) { return nil }, []string{"a.1", "b.1", "c.1", "d.1"}},
		{"a pause holds the others up", func() func(*dispatch.Attempt) (dispatch.Result, bool) {
			return func(a *dispatch.Attempt) (dispatch.Result, bool) {
				if string(a.Message.Text) == "b" && a.Number < 3 {
					return dispatch.Result{Outcome: dispatch.Later}, true
				}
				return dispatch.Result{Outcome: dispatch.Delivered}, true
			}
		}, []string{"a.1", "b.1", "b.2", "b.3", "c.1", "d.1"}},
		{"what is lost comes first", func() func(*dispatch.Attempt) (dispatch.Result, bool) {
			lost := 0
			return func(a *dispatch.Attempt) (dispatch.Result, bool) {
				if string(a.Message.Text) == "b" && lost < 2 {
					lost++
					return dispatch.Result{Outcome: dispatch.Lost}, true
				}
				return dispatch.Result{Outcome: dispatch.Delivered}, true
			}
		}, []string{"a.1", "b.1", "b.1", "b.1", "c.1", "d.1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := open(t, &network{answer: tt.answer()}, nil)
				var ids []message.ID
				for _, text := range []string{"a", "b", "c", "d"} {
					ids = append(ids, r.submit(text, "49"))
				}
				r.net.open(r.Dispatcher, 1)
				time.Sleep(time.Minute)
				if got := r.net.attempts(); !slices.Equal(got, tt.want) {
					t.Errorf("attempts %v; want %v", got, tt.want)
				}
				for _, id := range ids {
					if s := r.state(id); s != pdu.StateDelivered {
						t.Errorf("%v is %v", id, s)
					}
				}
			})
		})
	}
}

func TestPriority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, new(network), nil)
		for i, text := range []string{"a", "b", "c", "d"} {
			m := r.message(text, "49")
			m.Priority = uint8(i % 2)
			if err := r.Submit(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		r.net.open(r.Dispatcher, 1)
		synctest.Wait()
		if got, want := r.net.attempts(), []string{"b.1", "d.1", "a.1", "c.1"}; !slices.Equal(got, want) {
			t.Errorf("attempts %v; want %v", got, want)
		}
	})
}

// Nobody waits for another destination that does badly, and the window holds.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{window: 7}
		n.answer = func(a *dispatch.Attempt) (dispatch.Result, bool) {
			if a.Message.Dest.Addr == "0" {
				return dispatch.Result{Outcome: dispatch.Later}, true
			}
			time.AfterFunc(time.Second, func() { n.finish(a, dispatch.Result{Outcome: dispatch.Delivered}) })
			return dispatch.Result{}, false
		}
		r := open(t, n, nil)
		for i := range 210 {
			r.submit(fmt.Sprint(i), fmt.Sprint(i%3))
		}
		time.Sleep(20*time.Second + 500*time.Millisecond)
		synctest.Wait()
		if n.most != 7 {
			t.Errorf("%d attempts at a time; want 7", n.most)
		}
		if s := r.Stats(); s.Live != 70 {
			t.Errorf("%d messages are left of which 70 cannot be delivered", s.Live)
		}
		time.Sleep(time.Hour)
		if s := r.Stats(); s != (dispatch.Stats{}) {
			t.Errorf("left behind: %+v", s)
		}
	})
}

func TestFailedAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := new(network)
		n.answer = func(a *dispatch.Attempt) (dispatch.Result, bool) {
			if string(a.Message.Text) == "b" {
				return dispatch.Result{Outcome: dispatch.FailedAll}, true
			}
			return dispatch.Result{Outcome: dispatch.Delivered}, true
		}
		r := open(t, n, nil)
		a, b, c, other := r.submit("a", "1"), r.submit("b", "1"), r.submit("c", "1"), r.submit("d", "2")
		n.open(r.Dispatcher, 1)
		synctest.Wait()
		for id, want := range map[message.ID]message.State{a: pdu.StateDelivered, b: pdu.StateUndeliverable, c: pdu.StateUndeliverable, other: pdu.StateDelivered} {
			if s := r.state(id); s != want {
				t.Errorf("%v is %v; want %v", id, s, want)
			}
		}
	})
}

func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{window: 1}
		var at []time.Duration
		begin := time.Now()
		n.answer = func(*dispatch.Attempt) (dispatch.Result, bool) {
			at = append(at, time.Since(begin))
			return dispatch.Result{Outcome: dispatch.Later, Error: message.Error{Type: pdu.ErrorGSM, Code: 27}}, true
		}
		r := open(t, n, func(c *dispatch.Config) {
			c.Retry, c.MaxAttempts = []time.Duration{time.Second, 10 * time.Second}, 4
		})
		id := r.submit("a", "49")
		time.Sleep(5 * time.Second)
		m, err := r.store.Get(t.Context(), id)
		if err != nil || m.Attempts != 2 || m.Error.Code != 27 || !m.Next.Equal(begin.Add(11*time.Second)) {
			t.Errorf("after two attempts: %+v, %v", m, err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := []time.Duration{0, time.Second, 11 * time.Second, 21 * time.Second}; !slices.Equal(at, want) {
			t.Errorf("attempts at %v; want %v", at, want)
		}
		if s := r.state(id); s != pdu.StateUndeliverable {
			t.Errorf("state %v after the last attempt", s)
		}
	})
}

// A message whose validity ends while it is away takes what comes of it.
func TestLateResult(t *testing.T) {
	for _, tt := range []struct {
		outcome dispatch.Outcome
		want    message.State
	}{{dispatch.Delivered, pdu.StateDelivered}, {dispatch.Later, pdu.StateExpired}, {dispatch.Lost, pdu.StateExpired}} {
		synctest.Test(t, func(t *testing.T) {
			n := &network{window: 1}
			n.answer = func(a *dispatch.Attempt) (dispatch.Result, bool) {
				time.AfterFunc(2*time.Hour, func() { n.finish(a, dispatch.Result{Outcome: tt.outcome}) })
				return dispatch.Result{}, false
			}
			r := open(t, n, nil)
			id := r.submit("a", "49")
			time.Sleep(90 * time.Minute)
			if err := r.Cancel(t.Context(), id); !errors.Is(err, dispatch.ErrAway) {
				t.Errorf("Cancel: %v; want %v", err, dispatch.ErrAway)
			}
			time.Sleep(time.Hour)
			if s := r.state(id); s != tt.want {
				t.Errorf("state %v; want %v", s, tt.want)
			}
		})
	}
}

// A store that fails loses nothing.
func TestStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failing{Store: new(memory.Store)}
		n := &network{window: 1}
		r := open(t, n, func(c *dispatch.Config) { c.Store = f })
		f.set(errors.New("disk full"))
		m := r.message("a", "49")
		if err := r.Submit(t.Context(), m); err == nil {
			t.Fatal("a message was accepted that is not stored")
		}
		if s := r.Stats(); s != (dispatch.Stats{}) {
			t.Errorf("left behind: %+v", s)
		}
		f.set(nil)
		n.answer = func(*dispatch.Attempt) (dispatch.Result, bool) {
			f.set(errors.New("disk full"))
			return dispatch.Result{Outcome: dispatch.Delivered}, true
		}
		if err := r.Submit(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		f.set(nil)
		time.Sleep(2 * time.Second)
		if got, err := f.Get(t.Context(), m.ID); err != nil || got.State != pdu.StateDelivered {
			t.Errorf("%+v, %v", got, err)
		}
		if got := n.attempts(); len(got) != 1 {
			t.Errorf("%d attempts", len(got))
		}
	})
}

type failing struct {
	*memory.Store
	mu  sync.Mutex
	err error
}

func (f *failing) set(err error) {
	f.mu.Lock()
	f.err = err
	f.mu.Unlock()
}

func (f *failing) Commit(ctx context.Context, shard int, epoch uint64, ops []store.Op) error {
	f.mu.Lock()
	err := f.err
	f.mu.Unlock()
	if err != nil {
		return err
	}
	return f.Store.Commit(ctx, shard, epoch, ops)
}

// Whatever happens, every message comes to an end, once, and its receipt with
// it.
func TestRandomOperations(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			rnd, theirs := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
			n := &network{window: 5}
			n.answer = func(a *dispatch.Attempt) (dispatch.Result, bool) {
				if a.Message.Kind != message.Normal {
					return dispatch.Result{Outcome: dispatch.Delivered}, true
				}
				outcome := dispatch.Outcome(1 + theirs.IntN(7))
				if theirs.IntN(3) > 0 {
					outcome = dispatch.Later
				}
				time.AfterFunc(time.Duration(theirs.Int64N(int64(2*time.Second))), func() { n.finish(a, dispatch.Result{Outcome: outcome}) })
				return dispatch.Result{}, false
			}
			var mu sync.Mutex
			receipts := map[message.ID]int{}
			r := open(t, n, func(c *dispatch.Config) {
				c.Receipt = func(m *message.Message, kind message.Kind, at time.Time) *message.Message {
					mu.Lock()
					defer mu.Unlock()
					receipts[m.ID]++
					return &message.Message{Kind: kind, Group: m.ID, Account: m.Account, State: pdu.StateEnroute, Expires: at.Add(time.Hour), Source: m.Dest, Dest: m.Source}
				}
			})
			var ids []message.ID
			for range 400 {
				switch rnd.IntN(6) {
				case 0, 1, 2:
					m := r.message("x", fmt.Sprint(rnd.IntN(5)))
					m.RegisteredDelivery = pdu.FinalReceipt
					m.Expires = time.Now().Add(time.Minute + time.Duration(rnd.Int64N(int64(10*time.Minute))))
					if rnd.IntN(4) == 0 {
						m.State, m.Due = pdu.StateScheduled, time.Now().Add(time.Duration(1+rnd.Int64N(int64(time.Minute))))
					}
					if err := r.Submit(t.Context(), m); err != nil {
						t.Fatal(err)
					}
					ids = append(ids, m.ID)
				case 3, 4:
					if len(ids) == 0 {
						continue
					}
					id := ids[rnd.IntN(len(ids))]
					var err error
					if rnd.IntN(2) == 0 {
						err = r.Cancel(t.Context(), id)
					} else {
						err = r.Replace(t.Context(), id, func(m *message.Message) error {
							if m.Due = (time.Time{}); rnd.IntN(2) == 0 {
								m.Due = time.Now().Add(20 * time.Second)
							}
							m.Text = []byte("y")
							return nil
						})
					}
					if err != nil && !errors.Is(err, dispatch.ErrAway) && !errors.Is(err, dispatch.ErrFinal) {
						t.Fatal(err)
					}
				case 5:
					n.open(r.Dispatcher, rnd.IntN(6))
					time.Sleep(time.Duration(rnd.Int64N(int64(3 * time.Second))))
				}
			}
			n.open(r.Dispatcher, 5)
			time.Sleep(2 * time.Hour)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := r.Drain(ctx); err != nil {
				t.Errorf("Drain: %v", err)
			}
			if s := r.Stats(); s.Live != 0 || s.Away != 0 || s.Places != 0 || s.Dropped != 0 {
				t.Errorf("left behind: %+v", s)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, id := range ids {
				if s := r.state(id); !s.Final() || receipts[id] != 1 {
					t.Errorf("%v is %v and has %d receipts", id, s, receipts[id])
				}
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]dispatch.Config{
		"nothing": {}, "no router": {Store: new(memory.Store)}, "a shard": {Store: new(memory.Store), Router: new(network), Shard: 200},
	} {
		if _, err := dispatch.New(t.Context(), cfg); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
