// Package storetest holds the tests that every store of the message center has
// to pass.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// Run tests stores that open makes, empty ones. Each is closed by the test.
func Run(t *testing.T, open func(testing.TB) store.Store) {
	for _, tt := range []struct {
		name string
		test func(*testing.T, store.Store)
	}{
		{"accept and get", testAccept},
		{"the way to a final state", testLife},
		{"an end that nobody knows", testUnknown},
		{"replace", testReplace},
		{"remove", testRemove},
		{"all or nothing", testAtomic},
		{"operations on one message in one commit", testTogether},
		{"ends of messages that are known", testKnown},
		{"ids in any order", testAnyOrder},
		{"fencing", testFencing},
		{"aliases", testAliases},
		{"load", testLoad},
		{"notes", testNotes},
		{"prune", testPrune},
		{"use at the same time", testConcurrent},
		{"random operations", testRandom},
		{"closed", testClosed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			tt.test(t, s)
		})
	}
}

var began = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

func sample(id message.ID) *message.Message {
	return &message.Message{
		ID: id, Group: id, Account: "acme", State: pdu.StateEnroute, Submitted: began, Expires: began.Add(time.Hour),
		Source: pdu.Alphanumeric("ACME"), Dest: pdu.International("491701234567"), RegisteredDelivery: pdu.FinalReceipt,
		Text: []byte("hello"), TLVs: tlv.List{pdu.TLVUserMessageReference.Option(7)},
	}
}

func commit(t *testing.T, s store.Store, ops ...store.Op) {
	t.Helper()
	if err := s.Commit(t.Context(), 0, 0, ops); err != nil {
		t.Fatalf("Commit(%v): %v", ops, err)
	}
}

func get(t *testing.T, s store.Store, id message.ID) *message.Message {
	t.Helper()
	m, err := s.Get(t.Context(), id)
	if err != nil {
		t.Fatalf("Get(%v): %v", id, err)
	}
	return m
}

func wantMissing(t *testing.T, s store.Store, id message.ID) {
	t.Helper()
	if m, err := s.Get(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("Get(%v) = %v, %v; want %v", id, m, err, store.ErrNotFound)
	}
}

func newIDs() *message.IDSource { return new(message.IDSource) }

func testAccept(t *testing.T, s store.Store) {
	id := newIDs().Next(began, 1)
	wantMissing(t, s, id)
	want := sample(id)
	commit(t, s, store.Op{Kind: store.Accept, Message: want})
	got := get(t, s, id)
	ref, _ := pdu.TLVUserMessageReference.Get(got.TLVs)
	if got.ID != id || got.Account != want.Account || got.Source != want.Source || got.Dest != want.Dest || string(got.Text) != "hello" || ref != 7 ||
		!got.Submitted.Equal(want.Submitted) || !got.Expires.Equal(want.Expires) || got.RegisteredDelivery != want.RegisteredDelivery || !got.Due.IsZero() {
		t.Errorf("Get = %+v; want %+v", got, want)
	}
	if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: sample(id)}}); !errors.Is(err, store.ErrExists) {
		t.Errorf("the same id again: %v; want %v", err, store.ErrExists)
	}
}

func testLife(t *testing.T, s store.Store) {
	id := newIDs().Next(began, 1)
	m := sample(id)
	m.State, m.Due = pdu.StateScheduled, began.Add(time.Minute)
	commit(t, s, store.Op{Kind: store.Accept, Message: m})
	commit(t, s, store.Op{Kind: store.Release, ID: id})
	if got := get(t, s, id); got.State != pdu.StateEnroute {
		t.Errorf("released: %v", got.State)
	}
	failure := message.Error{Type: pdu.ErrorGSM, Code: 27}
	commit(t, s, store.Op{Kind: store.Attempt, ID: id, Attempts: 2, Next: began.Add(time.Second), Error: failure})
	if got := get(t, s, id); got.Attempts != 2 || !got.Next.Equal(began.Add(time.Second)) || got.Error != failure || string(got.Text) != "hello" {
		t.Errorf("after an attempt: %+v", got)
	}
	commit(t, s, store.Op{Kind: store.Begin, ID: id})
	if got := get(t, s, id); !got.Sent || got.State != pdu.StateEnroute || string(got.Text) != "hello" {
		t.Errorf("after the beginning of an attempt: %+v", got)
	}
	commit(t, s, store.Op{Kind: store.Lose, ID: id})
	if got := get(t, s, id); got.State != pdu.StateUnknown || !got.Sent {
		t.Errorf("after it was lost: %+v", got)
	}
	commit(t, s, store.Op{Kind: store.Attempt, ID: id, Attempts: 3, Next: began.Add(time.Second), Error: failure})
	if got := get(t, s, id); got.State != pdu.StateEnroute || got.Sent || got.Attempts != 3 {
		t.Errorf("after a word about it: %+v", got)
	}
	if m.Attempts != 0 || m.State != pdu.StateScheduled {
		t.Error("the message that was handed over was changed")
	}
	commit(t, s, store.Op{Kind: store.Final, ID: id, State: pdu.StateDelivered, At: began.Add(time.Hour)})
	if got := get(t, s, id); got.State != pdu.StateDelivered || !got.Final.Equal(began.Add(time.Hour)) || got.Error != (message.Error{}) || got.Source != m.Source || got.Account != m.Account {
		t.Errorf("final: %+v", got)
	}
	for _, kind := range []store.Kind{store.Release, store.Attempt, store.Begin, store.Lose, store.Final, store.Remove} {
		if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: kind, ID: id, State: pdu.StateExpired}}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%v after the end: %v; want %v", kind, err, store.ErrNotFound)
		}
	}
}

// A message of which nothing more will be heard ends as UNKNOWN.
func testUnknown(t *testing.T, s store.Store) {
	ids := newIDs()
	lost, over := ids.Next(began, 1), ids.Next(began, 1)
	commit(t, s, store.Op{Kind: store.Accept, Message: sample(lost)}, store.Op{Kind: store.Accept, Message: sample(over)})
	commit(t, s, store.Op{Kind: store.Lose, ID: lost}, store.Op{Kind: store.Final, ID: over, State: pdu.StateUnknown, At: began})
	for _, tt := range []struct {
		id    message.ID
		ended bool
	}{{lost, false}, {over, true}} {
		if m := get(t, s, tt.id); m.State != pdu.StateUnknown || m.Ended() != tt.ended {
			t.Errorf("%v: %v, ended %v; want %v", tt.id, m.State, m.Ended(), tt.ended)
		}
	}
	var live []message.ID
	if err := s.Load(t.Context(), 0, func(m *message.Message) error { live = append(live, m.ID); return nil }); err != nil || !slices.Equal(live, []message.ID{lost}) {
		t.Errorf("live are %v, %v; want %v", live, err, lost)
	}
	if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Attempt, ID: over}}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an attempt after the end: %v", err)
	}
	if c, ok := s.(interface {
		Check(context.Context, func(error)) (int, error)
	}); ok {
		if n, err := c.Check(t.Context(), func(err error) { t.Error(err) }); n != 2 || err != nil {
			t.Errorf("Check read %d, %v; want 2", n, err)
		}
	}
}

func testReplace(t *testing.T, s store.Store) {
	id := newIDs().Next(began, 1)
	commit(t, s, store.Op{Kind: store.Accept, Message: sample(id)})
	m := sample(id)
	m.Text = []byte("other")
	commit(t, s, store.Op{Kind: store.Replace, Message: m})
	if got := get(t, s, id); string(got.Text) != "other" {
		t.Errorf("text %q after replace", got.Text)
	}
	if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Replace, Message: sample(id + 1)}}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("replace of nothing: %v", err)
	}
	wantMissing(t, s, id+1)
}

func testRemove(t *testing.T, s store.Store) {
	id := newIDs().Next(began, 1)
	commit(t, s, store.Op{Kind: store.Accept, Message: sample(id)})
	commit(t, s, store.Op{Kind: store.Remove, ID: id})
	wantMissing(t, s, id)
}

func testAtomic(t *testing.T, s store.Store) {
	ids := newIDs()
	a, b := ids.Next(began, 1), ids.Next(began, 1)
	commit(t, s, store.Op{Kind: store.Accept, Message: sample(a)})
	err := s.Commit(t.Context(), 0, 0, []store.Op{
		{Kind: store.Final, ID: a, State: pdu.StateDelivered, At: began},
		{Kind: store.Accept, Message: sample(b)},
		{Kind: store.Release, ID: b + 100},
	})
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a commit with an operation on nothing: %v", err)
	}
	wantMissing(t, s, b)
	if got := get(t, s, a); got.State != pdu.StateEnroute || string(got.Text) != "hello" {
		t.Errorf("a failed commit left %v", got.State)
	}
}

func testTogether(t *testing.T, s store.Store) {
	id := newIDs().Next(began, 1)
	commit(t, s, store.Op{Kind: store.Accept, Message: sample(id)}, store.Op{Kind: store.Attempt, ID: id, Attempts: 1}, store.Op{Kind: store.Final, ID: id, State: pdu.StateExpired, At: began})
	if got := get(t, s, id); got.State != pdu.StateExpired || got.Attempts != 1 {
		t.Errorf("state %v, %d attempts", got.State, got.Attempts)
	}
	err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: sample(id + 1)}, {Kind: store.Remove, ID: id + 1}, {Kind: store.Release, ID: id + 1}})
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an operation after its message was removed: %v", err)
	}
}

// testKnown holds the ends of messages that the caller knows against those that
// the store looks up.
func testKnown(t *testing.T, s store.Store) {
	ids := newIDs()
	var ends []*message.Message
	for _, known := range []bool{false, true} {
		m := sample(ids.Next(began, 1))
		m.Alias = fmt.Sprintf("0000abc%d", len(ends))
		commit(t, s, store.Op{Kind: store.Accept, Message: m})
		commit(t, s, store.Op{Kind: store.Attempt, ID: m.ID, Attempts: 2, Next: began.Add(time.Second), Error: message.Error{Type: pdu.ErrorGSM, Code: 27}})
		op := store.Op{Kind: store.Final, ID: m.ID, State: pdu.StateExpired, At: began.Add(time.Hour)}
		if known {
			op.Known = get(t, s, m.ID)
		}
		commit(t, s, op)
		if known && (op.Known.State != pdu.StateEnroute || op.Known.Attempts != 2) {
			t.Errorf("what was known was changed: %+v", op.Known)
		}
		end := *get(t, s, m.ID)
		end.ID, end.Group, end.Alias = 0, 0, ""
		ends = append(ends, &end)
	}
	if !reflect.DeepEqual(ends[0], ends[1]) {
		t.Errorf("the end of a message that was known:\n     %+v\nlike %+v", ends[1], ends[0])
	}
	// What the same commit has done counts, not what was known before.
	m := sample(ids.Next(began, 1))
	commit(t, s, store.Op{Kind: store.Accept, Message: m})
	commit(t, s, store.Op{Kind: store.Attempt, ID: m.ID, Attempts: 3}, store.Op{Kind: store.Final, ID: m.ID, Known: m, State: pdu.StateDelivered, At: began})
	if got := get(t, s, m.ID); got.State != pdu.StateDelivered || got.Attempts != 3 {
		t.Errorf("state %v, %d attempts after both in one commit", got.State, got.Attempts)
	}
	m = sample(ids.Next(began, 1))
	m.Alias = "0000abcd"
	commit(t, s, store.Op{Kind: store.Accept, Message: m})
	commit(t, s, store.Op{Kind: store.Remove, ID: m.ID, Known: m})
	wantMissing(t, s, m.ID)
	if _, err := s.Lookup(t.Context(), store.IndexAlias, m.Alias); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the alias of a removed message: %v", err)
	}
	loaded := 0
	if err := s.Load(t.Context(), 0, func(*message.Message) error { loaded++; return nil }); err != nil || loaded != 0 {
		t.Errorf("%d messages are live, %v", loaded, err)
	}
}

// testAnyOrder accepts messages in another order than that of their ids, and
// refuses those that are there, or were, however long ago they came.
func testAnyOrder(t *testing.T, s store.Store) {
	const n = 60_000
	rnd := rand.New(rand.NewPCG(1, 2))
	first := newIDs().Next(began, n)
	ids := make([]message.ID, n)
	for i := range ids {
		ids[i] = first + message.ID(i)
	}
	for part := range slices.Chunk(ids, 1000) { // not too far from their places
		rnd.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
	}
	late := ids[100] // comes when all others are there
	ids = slices.Delete(ids, 100, 101)
	for part := range slices.Chunk(ids, 50) {
		var ops []store.Op
		for _, id := range part {
			m := sample(id)
			m.Text, m.TLVs = nil, nil
			ops = append(ops, store.Op{Kind: store.Accept, Message: m})
		}
		commit(t, s, ops...)
	}
	commit(t, s, store.Op{Kind: store.Accept, Message: sample(late)})
	for i := 0; i < len(ids); i += 97 {
		if i%2 == 0 {
			commit(t, s, store.Op{Kind: store.Final, ID: ids[i], State: pdu.StateDelivered, At: began})
		}
		if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: sample(ids[i])}}); !errors.Is(err, store.ErrExists) {
			t.Fatalf("id %d of %d again: %v; want %v", i, n, err, store.ErrExists)
		}
	}
	if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: sample(late)}}); !errors.Is(err, store.ErrExists) {
		t.Fatalf("the late id again: %v; want %v", err, store.ErrExists)
	}
}

func testFencing(t *testing.T, s store.Store) {
	id := newIDs().Next(began, 1)
	if err := s.Commit(t.Context(), 0, 5, []store.Op{{Kind: store.Accept, Message: sample(id)}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), 0, 4, []store.Op{{Kind: store.Remove, ID: id}}); !errors.Is(err, store.ErrFenced) {
		t.Errorf("an older epoch: %v; want %v", err, store.ErrFenced)
	}
	get(t, s, id)
	if err := s.Commit(t.Context(), 1, 4, nil); err != nil {
		t.Errorf("an older epoch of another shard: %v", err)
	}
}

func testAliases(t *testing.T, s store.Store) {
	ids := newIDs()
	m := sample(ids.Next(began, 1))
	m.Alias = "0000abcd"
	if _, err := s.Lookup(t.Context(), store.IndexAlias, m.Alias); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("alias of nothing: %v", err)
	}
	commit(t, s, store.Op{Kind: store.Accept, Message: m})
	if id, err := s.Lookup(t.Context(), store.IndexAlias, m.Alias); err != nil || id != m.ID {
		t.Errorf("alias: %v, %v; want %v", id, err, m.ID)
	}
	other := sample(ids.Next(began, 1))
	other.Alias = m.Alias
	if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: other}}); !errors.Is(err, store.ErrExists) {
		t.Errorf("the same alias again: %v", err)
	}
	commit(t, s, store.Op{Kind: store.Final, ID: m.ID, State: pdu.StateDelivered, At: began})
	if id, err := s.Lookup(t.Context(), store.IndexAlias, m.Alias); err != nil || id != m.ID {
		t.Errorf("alias in history: %v, %v", id, err)
	}
	if _, err := s.Prune(t.Context(), began.Add(time.Second)); err != nil {
		t.Error(err)
	}
	if _, err := s.Lookup(t.Context(), store.IndexAlias, m.Alias); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("alias of a pruned message: %v", err)
	}
}

func testNotes(t *testing.T, s store.Store) {
	b, ok := store.Base(s).(store.Notebook)
	if !ok {
		t.Skip("it keeps no notes")
	}
	steps := []struct {
		notes  []store.Note
		prefix string
		want   []store.Note
	}{
		{nil, "", nil},
		{[]store.Note{{Key: "b/2", Value: "two"}, {Key: "b/1", Value: "one"}, {Key: "b\xFF", Value: "last"}, {Key: "c", Value: "other"}}, "b", []store.Note{{Key: "b/1", Value: "one"}, {Key: "b/2", Value: "two"}, {Key: "b\xFF", Value: "last"}}},
		{[]store.Note{{Key: "b/1", Value: "uno"}, {Key: "b/2"}, {Key: "b/3"}}, "b/", []store.Note{{Key: "b/1", Value: "uno"}}},
		{[]store.Note{{Key: "b/1"}, {Key: "b/1", Value: "again"}}, "", []store.Note{{Key: "b/1", Value: "again"}, {Key: "b\xFF", Value: "last"}, {Key: "c", Value: "other"}}},
		{nil, "b\xFF", []store.Note{{Key: "b\xFF", Value: "last"}}},
	}
	for _, step := range steps {
		if err := b.Note(t.Context(), step.notes...); err != nil {
			t.Fatal(err)
		}
		got, err := b.Notes(t.Context(), step.prefix)
		if err != nil || !slices.Equal(got, step.want) {
			t.Errorf("notes %q: %v, %v; want %v", step.prefix, got, err, step.want)
		}
	}
}

func testLoad(t *testing.T, s store.Store) {
	ids, elsewhere := newIDs(), &message.IDSource{Shard: 1}
	var want []message.ID
	for i := range 20 {
		id := ids.Next(began, 1)
		commit(t, s, store.Op{Kind: store.Accept, Message: sample(id)})
		if i%3 == 0 {
			commit(t, s, store.Op{Kind: store.Final, ID: id, State: pdu.StateDelivered, At: began})
		} else {
			want = append(want, id)
		}
	}
	if err := s.Commit(t.Context(), 1, 0, []store.Op{{Kind: store.Accept, Message: sample(elsewhere.Next(began, 1))}}); err != nil {
		t.Fatal(err)
	}
	if high, err := s.Highest(t.Context(), 0); err != nil || high != want[len(want)-1] {
		t.Errorf("Highest: %v, %v; want %v", high, err, want[len(want)-1])
	}
	if high, err := s.Highest(t.Context(), 2); err != nil || high != 0 {
		t.Errorf("Highest of nothing: %v, %v", high, err)
	}
	last := want[len(want)-1]
	want = want[:len(want)-1]
	commit(t, s, store.Op{Kind: store.Final, ID: last, State: pdu.StateDelivered, At: began})
	if high, err := s.Highest(t.Context(), 0); err != nil || high != last {
		t.Errorf("Highest, which is not live: %v, %v; want %v", high, err, last)
	}
	var got []message.ID
	if err := s.Load(t.Context(), 0, func(m *message.Message) error { got = append(got, m.ID); return nil }); err != nil || !slices.Equal(got, want) {
		t.Errorf("Load: %v, %v; want %v", got, err, want)
	}
	stop := errors.New("stop")
	if err := s.Load(t.Context(), 0, func(*message.Message) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Load with a function that fails: %v", err)
	}
}

func testPrune(t *testing.T, s store.Store) {
	ids := newIDs()
	var all []message.ID
	for i := range 10 {
		id := ids.Next(began, 1)
		all = append(all, id)
		commit(t, s, store.Op{Kind: store.Accept, Message: sample(id)})
		if i < 8 {
			commit(t, s, store.Op{Kind: store.Final, ID: id, State: pdu.StateDelivered, At: began.Add(time.Duration(i) * time.Minute)})
		}
	}
	if n, err := s.Prune(t.Context(), began.Add(5*time.Minute)); n != 5 || err != nil {
		t.Errorf("Prune = %d, %v; want 5", n, err)
	}
	for i, id := range all {
		if i < 5 {
			wantMissing(t, s, id)
		} else {
			get(t, s, id)
		}
	}
}

func testConcurrent(t *testing.T, s store.Store) {
	ids := newIDs()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				id := ids.Next(time.Now(), 1)
				if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: sample(id)}}); err != nil {
					t.Error(err)
				}
				if m, err := s.Get(t.Context(), id); err != nil || m.ID != id {
					t.Errorf("Get(%v): %v, %v", id, m, err)
				}
				if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Final, ID: id, State: pdu.StateDelivered, At: time.Now()}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n, err := s.Prune(t.Context(), time.Now().Add(time.Hour)); n != 800 || err != nil {
		t.Errorf("Prune = %d, %v; want 800", n, err)
	}
}

// testRandom holds the store against a map.
func testRandom(t *testing.T, s store.Store) {
	rnd := rand.New(rand.NewPCG(1, 2))
	ids := newIDs()
	model := map[message.ID]message.State{}
	var known []message.ID
	for range 2000 {
		var op store.Op
		if len(known) == 0 || rnd.IntN(3) == 0 {
			id := ids.Next(began, 1)
			known = append(known, id)
			op = store.Op{Kind: store.Accept, Message: sample(id)}
			model[id] = pdu.StateEnroute
			commit(t, s, op)
			continue
		}
		id := known[rnd.IntN(len(known))]
		state, there := model[id]
		op = store.Op{Kind: []store.Kind{store.Release, store.Attempt, store.Begin, store.Lose, store.Final, store.Remove}[rnd.IntN(6)], ID: id, State: pdu.StateDelivered, At: began}
		err := s.Commit(t.Context(), 0, 0, []store.Op{op})
		if !there || state.Final() {
			if !errors.Is(err, store.ErrNotFound) {
				t.Fatalf("%v of a message that is not live: %v", op.Kind, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%v: %v", op.Kind, err)
		}
		switch op.Kind {
		case store.Final:
			model[id] = pdu.StateDelivered
		case store.Remove:
			delete(model, id)
		case store.Release, store.Attempt:
			model[id] = pdu.StateEnroute
		case store.Lose:
			model[id] = pdu.StateUnknown
		}
	}
	live := 0
	for _, id := range known {
		state, there := model[id]
		m, err := s.Get(t.Context(), id)
		if there != (err == nil) || there && m.State != state {
			t.Errorf("Get(%v) = %v, %v; want %v, there %v", id, m, err, state, there)
		}
		if there && !state.Final() {
			live++
		}
	}
	loaded := 0
	if err := s.Load(t.Context(), 0, func(*message.Message) error { loaded++; return nil }); err != nil || loaded != live {
		t.Errorf("%d live messages loaded, %v; want %d", loaded, err, live)
	}
}

func testClosed(t *testing.T, s store.Store) {
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	_, err1 := s.Get(ctx, 1)
	_, err2 := s.Lookup(ctx, store.IndexAlias, "x")
	if b, ok := store.Base(s).(store.Notebook); ok {
		_, err := b.Notes(ctx, "")
		if errNote := b.Note(ctx, store.Note{Key: "x", Value: "y"}); !errors.Is(err, store.ErrClosed) || !errors.Is(errNote, store.ErrClosed) {
			t.Errorf("notes of a closed store: %v, %v", err, errNote)
		}
	}
	_, err3 := s.Prune(ctx, began)
	for _, err := range []error{err1, err2, err3, s.Commit(ctx, 0, 0, nil), s.Load(ctx, 0, nil)} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("after Close: %v; want %v", err, store.ErrClosed)
		}
	}
}
