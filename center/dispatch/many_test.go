package dispatch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store/memory"
	"github.com/godwit-sms/smpp/pdu"
)

// A group is found by its account, its addresses and its service_type, oldest
// first, also while some of it goes; what comes meanwhile is left out.
func TestGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(21 * 365 * 24 * time.Hour) // ids follow the clock from 2020 on
		r := open(t, new(network), nil)
		submit := func(i int) message.ID {
			m := r.message("x", "49")
			switch i % 5 {
			case 1:
				m.ServiceType = "CMT"
			case 2:
				m.Account = "shop"
			case 3:
				m.Source = pdu.ShortCode("8080")
			case 4:
				m.Dest = pdu.International("50")
			}
			m.Priority = uint8(i / 5 % 3)
			if i%2 == 0 {
				m.State, m.Due = pdu.StateScheduled, time.Now().Add(time.Minute)
			}
			if err := r.Submit(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			return m.ID
		}
		var plain, other []message.ID
		for i := range 10_000 {
			switch id := submit(i); i % 5 {
			case 0:
				plain = append(plain, id)
			case 1:
				other = append(other, id)
			}
		}
		both := slices.Sorted(slices.Values(slices.Concat(plain, other)))
		group := dispatch.Group{Account: "acme", Source: pdu.Address{Addr: "ACME"}, Dest: pdu.Address{Addr: "49"}}
		whatever, typed, typo, foreign := group, group, group, group
		whatever.AnyService, typed.ServiceType, typo.ServiceType, foreign.Account = true, "CMT", "CBS", "else"
		wrong := group
		wrong.Dest.TON = pdu.TONNational
		for name, tt := range map[string]struct {
			group dispatch.Group
			want  []message.ID
		}{"no service_type": {group, plain}, "a service_type": {typed, other}, "any": {whatever, both}, "another": {typo, nil}, "another account": {foreign, nil}, "another type of number": {wrong, nil}} {
			var got []message.ID
			for m, err := range r.Waiting(t.Context(), tt.group) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, m.ID)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s: %d messages; want %d, oldest first", name, len(got), len(tt.want))
			}
		}
		// Half of it is cancelled while it is looked at, ahead and behind.
		var got []message.ID
		for m, err := range r.Waiting(t.Context(), whatever) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, m.ID)
			if len(got) == 1000 {
				if n, err := r.CancelAll(t.Context(), other); n != len(other) || err != nil {
					t.Fatalf("%d cancelled, %v", n, err)
				}
			}
			if len(got)%100 == 0 {
				submit(0)
			}
		}
		rest := slices.DeleteFunc(slices.Clone(both[1000:]), func(id message.ID) bool { return slices.Contains(other, id) })
		if want := slices.Concat(both[:1000], rest); !slices.Equal(got, want) {
			t.Errorf("%d messages while others went; want %d", len(got), len(want))
		}
	})
}

// All that waits for a destination ends with it, however much that is; what is
// submitted afterwards does not.
func TestFailedAllOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(21 * 365 * 24 * time.Hour) // ids follow the clock from 2020 on
		n := new(network)
		r := open(t, n, nil)
		n.answer = func(a *dispatch.Attempt) (dispatch.Result, bool) {
			if string(a.Message.Text) == "bad" {
				return dispatch.Result{Outcome: dispatch.FailedAll}, true
			}
			return dispatch.Result{Outcome: dispatch.Delivered}, true
		}
		var ids []message.ID
		for i := range 5000 {
			text := "x"
			if i == 0 {
				text = "bad"
			}
			m := r.message(text, "49")
			m.Priority = uint8(4 - i*5/5000)
			if err := r.Submit(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, m.ID)
		}
		n.open(r.Dispatcher, 1)
		synctest.Wait()
		for i, id := range ids {
			if s := r.state(id); s != pdu.StateUndeliverable {
				t.Fatalf("message %d is %v", i, s)
			}
		}
		after := r.submit("y", "49")
		synctest.Wait()
		if s := r.state(after); s != pdu.StateDelivered {
			t.Errorf("what came afterwards is %v", s)
		}
		if s := r.Stats(); s != (dispatch.Stats{}) {
			t.Errorf("left behind: %+v", s)
		}
	})
}

// Who comes back gets what waits for very many destinations after failures, at
// once.
func TestWakeMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		there := false
		n := &network{window: 1000}
		n.answer = func(*dispatch.Attempt) (dispatch.Result, bool) {
			if there {
				return dispatch.Result{Outcome: dispatch.Delivered}, true
			}
			return dispatch.Result{Outcome: dispatch.Later}, true
		}
		r := open(t, n, func(c *dispatch.Config) { c.Retry = []time.Duration{time.Hour / 2} })
		for i := range 3000 {
			r.submit("x", fmt.Sprint(i))
		}
		time.Sleep(time.Second)
		if s := r.Stats(); s.Live != 3000 || s.Away != 0 || len(n.attempts()) != 3000 {
			t.Fatalf("%d attempts; %+v", len(n.attempts()), s)
		}
		n.mu.Lock()
		there = true
		n.mu.Unlock()
		r.Wake(n)
		synctest.Wait()
		if s := r.Stats(); s != (dispatch.Stats{}) {
			t.Errorf("left behind: %+v", s)
		}
	})
}

// A destination is told from others, whatever its address is like.
func TestKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(21 * 365 * 24 * time.Hour) // ids follow the clock from 2020 on
		n := new(network)
		r := open(t, n, nil)
		want := map[dispatch.Key]int{}
		add := func(m message.Message) {
			for range 2 {
				m.ID = r.NextID(time.Now(), 1)
				c := m
				if err := r.Submit(t.Context(), &c); err != nil {
					t.Fatal(err)
				}
				want[dispatch.KeyOf(&c)]++
			}
		}
		for _, length := range []int{0, 1, 16, 17, 18, 19, 20, 64, 65, 300} {
			for _, ton := range []pdu.TON{0, 1, 5} {
				m := r.message("x", strings.Repeat("4", length))
				m.Dest.TON = ton
				add(*m)
				m.Kind, m.Source = message.Receipt, m.Dest
				add(*m)
				m.Account = "shop"
				add(*m)
			}
		}
		m := r.message("x", "")
		m.Kind = message.Broadcast
		add(*m)
		seen := map[dispatch.Key]int{}
		for _, q := range r.Queues(1000) {
			seen[q.Key] = q.Waiting
		}
		for k, n := range want {
			if seen[k] != n {
				t.Errorf("%d wait for %+v; want %d", seen[k], k, n)
			}
		}
		if len(seen) != len(want) {
			t.Errorf("%d queues; want %d", len(seen), len(want))
		}
		n.open(r.Dispatcher, 10)
		synctest.Wait()
		if s := r.Stats(); s != (dispatch.Stats{}) {
			t.Errorf("left behind: %+v", s)
		}
	})
}

// What very many messages took is given back when they are gone.
func TestMemoryComesBack(t *testing.T) {
	const n = 100_000
	d, err := dispatch.New(t.Context(), dispatch.Config{Store: &nullStore{new(memory.Store), 0, 1}, Router: new(network), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	before := heap()
	ids := make([]message.ID, n)
	now := time.Now()
	for i := range ids {
		m := waitingMessage(d.NextID(now, 1), i, now)
		ids[i] = m.ID
		if err := d.Submit(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	full := heap() - before
	if got, err := d.CancelAll(t.Context(), ids); got != n || err != nil {
		t.Fatalf("%d cancelled, %v", got, err)
	}
	empty := heap() - before
	if s := d.Stats(); s != (dispatch.Stats{}) {
		t.Errorf("left behind: %+v", s)
	}
	// What remains are tables, which keep their size.
	if empty > full*2/5 {
		t.Errorf("%d of %d octets are left", empty, full)
	}
}
