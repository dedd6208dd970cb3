package pebble_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/center/store/pebble"
	"github.com/godwit-sms/smpp/pdu"
)

var began = time.Date(2026, 11, 25, 19, 0, 0, 0, time.UTC)

func sample(id message.ID) *message.Message {
	return &message.Message{
		ID: id, Group: id, Account: "acme", State: pdu.StateEnroute, Submitted: began, Expires: began.Add(time.Hour),
		Source: pdu.Alphanumeric("ACME"), Dest: pdu.International("491701234567"), Text: []byte("hello"),
	}
}

// A state is what a message is, as far as a test cares.
type state struct {
	state    message.State
	attempts int
}

func stateOf(m *message.Message) state { return state{m.State, m.Attempts} }

// A moment is a possible disk after a crash, and what had been acknowledged by
// then.
type moment struct {
	fs    *vfs.MemFS
	acked map[message.ID]state
	next  []store.Op // under way
	at    string
}

// A power failure may come before any operation on the file system, and takes
// any part of what was not synced with it. What had been acknowledged is there
// afterwards, and of the commit under way all or nothing.
func TestCrashAtEveryStep(t *testing.T) {
	mem := vfs.NewCrashableMem()
	rnd := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex // the engine has goroutines of its own
	acked := map[message.ID]state{}
	var under []store.Op
	var moments []moment
	opened := false // a crash while the first files are made leaves nothing that could be lost
	crashes := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if !opened {
			return nil
		}
		for _, percent := range []int{0, 50} {
			cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rnd}
			moments = append(moments, moment{mem.CrashClone(cfg), maps.Clone(acked), under, fmt.Sprintf("%v of %s, %d %% kept", op.Kind, op.Path, percent)})
		}
		return nil
	})
	s := open(t, "d", pebble.Options{FS: errorfs.Wrap(mem, crashes), KeepText: true, Logger: quiet()})
	mu.Lock()
	opened = true
	mu.Unlock()
	var ids message.IDSource
	var live []message.ID
	for range 40 {
		var ops []store.Op
		after := map[message.ID]state{}
		for range 1 + rnd.IntN(3) {
			if len(live) == 0 || rnd.IntN(2) == 0 {
				id := ids.Next(began, 1)
				ops = append(ops, store.Op{Kind: store.Accept, Message: sample(id)})
				after[id] = state{state: pdu.StateEnroute}
				live = append(live, id)
				continue
			}
			i := rnd.IntN(len(live))
			id := live[i]
			was, changed := after[id]
			if !changed {
				was = acked[id]
			}
			switch rnd.IntN(6) {
			case 0, 1:
				was.attempts++
				was.state = pdu.StateEnroute
				ops = append(ops, store.Op{Kind: store.Attempt, ID: id, Attempts: was.attempts})
			case 2:
				was.state = pdu.StateUnknown
				ops = append(ops, store.Op{Kind: store.Begin, ID: id}, store.Op{Kind: store.Lose, ID: id})
			default:
				was.state = pdu.StateDelivered
				ops = append(ops, store.Op{Kind: store.Final, ID: id, State: was.state, At: began})
				live = append(live[:i], live[i+1:]...)
			}
			after[id] = was
		}
		mu.Lock()
		under = ops
		mu.Unlock()
		if err := s.Commit(t.Context(), 0, 0, ops); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		maps.Copy(acked, after)
		under = nil
		mu.Unlock()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	moments = append(moments, moment{mem.CrashClone(vfs.CrashCloneCfg{}), acked, nil, "the end"})
	if len(moments) < 100 {
		t.Fatalf("only %d moments to crash at", len(moments))
	}
	for _, m := range moments {
		checkMoment(t, m)
	}
}

func checkMoment(t *testing.T, m moment) {
	t.Helper()
	s := open(t, "d", pebble.Options{FS: m.fs, KeepText: true, Logger: quiet()})
	defer shut(t, s)
	if _, err := s.Check(t.Context(), func(err error) { t.Errorf("crash before %s: %v", m.at, err) }); err != nil {
		t.Errorf("crash before %s: %v", m.at, err)
	}
	got := map[message.ID]state{}
	if err := s.Each(t.Context(), func(msg *message.Message) error { got[msg.ID] = stateOf(msg); return nil }); err != nil {
		t.Fatalf("crash before %s: %v", m.at, err)
	}
	done := maps.Clone(m.acked)
	for _, op := range m.next {
		switch op.Kind {
		case store.Accept:
			done[op.Message.ID] = stateOf(op.Message)
		case store.Attempt:
			st := done[op.ID]
			st.attempts, st.state = op.Attempts, pdu.StateEnroute
			done[op.ID] = st
		case store.Lose:
			st := done[op.ID]
			st.state = pdu.StateUnknown
			done[op.ID] = st
		case store.Final:
			st := done[op.ID]
			st.state = op.State
			done[op.ID] = st
		}
	}
	if !maps.Equal(got, m.acked) && !maps.Equal(got, done) {
		t.Errorf("crash before %s: the store has %d messages that are neither the %d acknowledged ones nor those and all of the commit under way:\n got %v\n was %v\nnext %v",
			m.at, len(got), len(m.acked), got, m.acked, done)
	}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// A disk that fails ends the store, and nothing is acknowledged that it does not
// have.
func TestFailingDisk(t *testing.T) {
	for _, fault := range []error{syscall.ENOSPC, syscall.EROFS, syscall.EIO} {
		t.Run(fault.Error(), func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			var broken errorfs.Toggle
			broken.Injector = errorfs.InjectorFunc(func(op errorfs.Op) error {
				if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
					return fault
				}
				return nil
			})
			var log strings.Builder
			var mu sync.Mutex
			s := open(t, "d", pebble.Options{FS: errorfs.Wrap(mem, &broken), Logger: slog.New(slog.NewTextHandler(&locked{&mu, &log}, nil))})
			var ids message.IDSource
			first := ids.Next(began, 1)
			if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: sample(first)}}); err != nil {
				t.Fatal(err)
			}
			broken.On()
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: sample(ids.Next(began, 1))}}); err == nil {
						t.Error("a commit on a broken disk was acknowledged")
					}
				})
			}
			wg.Wait()
			broken.Off()
			if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: sample(ids.Next(began, 1))}}); !errors.Is(err, fault) {
				t.Errorf("a commit after the disk has failed: %v; want %v, until the store is opened again", err, fault)
			}
			if m, err := s.Get(t.Context(), first); err != nil || m.ID != first {
				t.Errorf("Get: %v, %v", m, err)
			}
			if err := s.Err(); !errors.Is(err, fault) {
				t.Errorf("Err = %v", err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			if !strings.Contains(log.String(), "nothing can be stored any more") {
				t.Errorf("the log does not tell:\n%s", &log)
			}
			again := open(t, "d", pebble.Options{FS: mem.CrashClone(vfs.CrashCloneCfg{}), Logger: quiet()})
			defer shut(t, again)
			if m, err := again.Get(t.Context(), first); err != nil || m.ID != first {
				t.Errorf("opened again: %v, %v", m, err)
			}
		})
	}
}

type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// With no room on the disk new messages are refused, and those that are there
// can be brought to their end.
func TestFullDisk(t *testing.T) {
	mem := vfs.NewMem()
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 40})
	s := open(t, "d", pebble.Options{FS: mem, Logger: quiet()})
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	var ids message.IDSource
	id := ids.Next(began, 1)
	if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: sample(id)}}); err != nil {
		t.Fatal(err)
	}
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: pebble.DefaultReserve - 1})
	s.LookAround()
	if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: sample(ids.Next(began, 1))}}); !errors.Is(err, store.ErrFull) {
		t.Errorf("a new message on a full disk: %v; want %v", err, store.ErrFull)
	}
	broadcast := sample(ids.Next(began, 1))
	broadcast.Kind = message.Broadcast
	if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: broadcast}}); !errors.Is(err, store.ErrFull) {
		t.Errorf("a new broadcast on a full disk: %v; want %v", err, store.ErrFull)
	}
	receipt := sample(ids.Next(began, 1))
	receipt.Kind = message.Receipt
	if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Final, ID: id, State: pdu.StateDelivered, At: began}, {Kind: store.Accept, Message: receipt}}); err != nil {
		t.Errorf("the end of a message, with its receipt, on a full disk: %v", err)
	}
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 40})
	s.LookAround()
	if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: sample(ids.Next(began, 1))}}); err != nil {
		t.Errorf("with room again: %v", err)
	}
	s.Set(false, 2<<40)
	s.LookAround()
	if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: sample(ids.Next(began, 1))}}); !errors.Is(err, store.ErrFull) {
		t.Errorf("a new message with less than another reserve: %v; want %v", err, store.ErrFull)
	}
}

// The log says when the disk is full, also from the start, and when it is not any
// more.
func TestFullDiskInTheLog(t *testing.T) {
	mem := vfs.NewMem()
	var log bytes.Buffer
	var mu sync.Mutex // the store looks by itself, too
	lines := func() int {
		mu.Lock()
		defer mu.Unlock()
		n := strings.Count(log.String(), "\n")
		log.Reset()
		return n
	}
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1})
	s := open(t, "d", pebble.Options{FS: mem, Logger: slog.New(slog.NewTextHandler(&locked{&mu, &log}, nil))})
	defer shut(t, s)
	for _, step := range []struct {
		name string
		room uint64
		want int
	}{
		{"full from the start", 1, 1}, {"still full", 1, 0}, {"room again", 1 << 40, 1}, {"still room", 1 << 40, 0}, {"full again", 1, 1},
	} {
		mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: step.room})
		s.LookAround()
		if got := lines(); got != step.want {
			t.Errorf("%s: %d lines in the log; want %d", step.name, got, step.want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Run("in use", func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir, pebble.Options{})
		defer shut(t, s)
		if _, err := pebble.Open(dir, pebble.Options{}); err == nil || !strings.Contains(err.Error(), "in use") {
			t.Errorf("Open: %v; want it to say that the directory is in use", err)
		}
	})
	t.Run("newer", func(t *testing.T) {
		mem := vfs.NewMem()
		s := open(t, "d", pebble.Options{FS: mem})
		s.SetForm(99)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := pebble.Open("d", pebble.Options{FS: mem}); err == nil || !strings.Contains(err.Error(), "newer version") {
			t.Errorf("Open: %v; want it to tell of a newer version", err)
		}
	})
	t.Run("nothing there to read", func(t *testing.T) {
		if _, err := pebble.Open(t.TempDir(), pebble.Options{ReadOnly: true}); err == nil || !strings.Contains(err.Error(), "holds no messages") {
			t.Errorf("Open: %v", err)
		}
	})
}

func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, pebble.Options{})
	var ids message.IDSource
	id := ids.Next(began, 1)
	if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: sample(id)}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r := open(t, dir, pebble.Options{ReadOnly: true})
	defer shut(t, r)
	if m, err := r.Get(t.Context(), id); err != nil || string(m.Text) != "hello" {
		t.Errorf("Get: %v, %v", m, err)
	}
	if err := r.Commit(t.Context(), 0, 0, nil); err == nil {
		t.Error("Commit for reading only succeeded")
	}
}

// A backup is what the store was at one moment, though it is being written to.
func TestBackup(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir+"/live", pebble.Options{})
	defer shut(t, s)
	var ids message.IDSource
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			// Two in one commit: a copy has both or neither.
			first := ids.Next(began, 2)
			if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: sample(first)}, {Kind: store.Accept, Message: sample(first + 1)}}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for st, err := s.Stats(t.Context()); st.Live < 20; st, err = s.Stats(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Backup(dir + "/copy"); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(dir + "/copy"); err == nil {
		t.Error("a backup took the place of another")
	}
	close(stop)
	wg.Wait()
	c := open(t, dir+"/copy", pebble.Options{ReadOnly: true})
	defer shut(t, c)
	n, err := c.Check(t.Context(), func(err error) { t.Error(err) })
	if err != nil || n < 20 || n%2 != 0 {
		t.Errorf("the copy has %d messages, %v; want 20 or more, in pairs", n, err)
	}
}

func TestKeepText(t *testing.T) {
	s := open(t, "d", pebble.Options{FS: vfs.NewMem(), KeepText: true})
	defer shut(t, s)
	var ids message.IDSource
	var all []message.ID
	for i := range 4 {
		id := ids.Next(began, 1)
		all = append(all, id)
		at := began.Add(time.Duration(i) * time.Minute)
		if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: sample(id)}, {Kind: store.Final, ID: id, State: pdu.StateDelivered, At: at}}); err != nil {
			t.Fatal(err)
		}
	}
	for want, before := range []time.Time{began, began.Add(time.Minute), began.Add(3 * time.Minute)} {
		if n, err := s.PruneText(t.Context(), before); err != nil || n > 2 {
			t.Errorf("PruneText before %v = %d, %v", before, n, err)
		}
		if want == 2 {
			want = 3
		}
		for i, id := range all {
			m, err := s.Get(t.Context(), id)
			if err != nil || (len(m.Text) == 0) != (i < want) {
				t.Errorf("after PruneText before minute %d: message %d has text %q, %v", want, i, m.Text, err)
			}
		}
	}
	if n, err := s.Prune(t.Context(), began.Add(time.Hour)); n != 4 || err != nil {
		t.Errorf("Prune = %d, %v", n, err)
	}
	if n, err := s.Check(t.Context(), func(err error) { t.Error(err) }); n != 0 || err != nil {
		t.Errorf("%d messages are left, %v", n, err)
	}
}
