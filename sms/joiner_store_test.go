package sms_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
	"github.com/godwit-sms/smpp/tlv"
)

// A mapStore is the least that a JoinerStore has to be.
type mapStore struct {
	mu      sync.Mutex
	values  map[string][]byte
	expires map[string]time.Time
	fail    error
	lose    int // swaps that another is faster at
}

func (s *mapStore) Load(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[key], s.fail
}

func (s *mapStore) Swap(_ context.Context, key string, old, value []byte, expires time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lose > 0 {
		s.lose--
		return false, nil
	}
	if s.fail != nil || !bytes.Equal(s.values[key], old) {
		return false, s.fail
	}
	if len(key) != 43 || strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return false, fmt.Errorf("key %q", key)
	}
	if s.values == nil {
		s.values, s.expires = map[string][]byte{}, map[string]time.Time{}
	}
	if value == nil {
		delete(s.values, key)
		delete(s.expires, key)
		return true, nil
	}
	s.values[key], s.expires[key] = value, expires
	return true, nil
}

func (s *mapStore) Expired(_ context.Context, now time.Time) (keys []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, t := range s.expires {
		if !t.After(now) {
			keys = append(keys, key)
		}
	}
	return keys, s.fail
}

func TestJoinerStore(t *testing.T) {
	store := new(mapStore)
	var lost []string
	onLost := func(m *sms.Message) {
		lost = append(lost, fmt.Sprintf("%s %v", m.Text, m.Missing))
	}
	// Each part comes to another machine, and one of them restarts in between.
	join := func(now time.Time, b pdu.Body) string {
		t.Helper()
		m, ok := addAt(t, &sms.Joiner{Store: store, Lost: onLost}, now, b)
		if !ok {
			return ""
		}
		if m.Source != alice || m.Dest != acme {
			t.Errorf("%v to %v", m.Source, m.Dest)
		}
		return fmt.Sprintf("%s %d", m.Text, len(m.Parts))
	}
	want := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	want(join(epoch, part(1, 3, 3, "c")), "")
	want(join(epoch, part(1, 3, 1, "a")), "")
	want(join(epoch, part(1, 3, 1, "a")), "")
	want(join(epoch, part(2, 2, 1, "x")), "")
	want(join(epoch, part(1, 3, 2, "b")), "abc 3")
	want(join(epoch, &pdu.DeliverSM{Source: alice, Dest: acme, ShortMessage: []byte("one piece")}), "one piece 1")
	want(join(epoch, &pdu.DeliverSM{Source: alice, Dest: acme, ShortMessage: []byte("sar"), TLVs: tlv.List{pdu.TLVSARMsgRefNum.Option(1),
		pdu.TLVSARTotalSegments.Option(2), pdu.TLVSARSegmentSeqnum.Option(2)}}), "")
	if len(store.values) != 2 {
		t.Errorf("%d in the store", len(store.values))
	}
	want(join(epoch, &pdu.DeliverSM{Source: alice, Dest: acme, ShortMessage: []byte("A "), TLVs: tlv.List{pdu.TLVSARMsgRefNum.Option(1),
		pdu.TLVSARTotalSegments.Option(2), pdu.TLVSARSegmentSeqnum.Option(1)}}), "A sar 2")

	store.lose = 3
	want(join(epoch, part(2, 2, 1, "new")), "")
	want(fmt.Sprint(lost), "[x [2]]")
	j := &sms.Joiner{Store: store, Lost: onLost}
	expire(t, j, epoch.Add(time.Hour-1))
	want(fmt.Sprint(lost), "[x [2]]")
	expire(t, j, epoch.Add(time.Hour))
	want(fmt.Sprint(lost), "[x [2] new [2]]")
	join(epoch, part(3, 2, 1, "old"))
	want(join(epoch.Add(time.Hour), part(3, 2, 2, "late")), "")
	want(fmt.Sprint(lost), "[x [2] new [2] old [2]]")
	want(join(epoch.Add(time.Hour), part(3, 2, 1, "not ")), "not late 2")

	lost = nil
	small := &sms.Joiner{Store: store, Lost: onLost, MaxOctets: 600}
	add(t, small, part(4, 9, 1, repeat("x", 20)))
	add(t, small, part(4, 9, 2, repeat("y", 100)))
	want(fmt.Sprint(lost), fmt.Sprintf("[%s [3 4 5 6 7 8 9]]", repeat("x", 20)+repeat("y", 100)))
	if len(store.values) != 0 {
		t.Errorf("%d left in the store", len(store.values))
	}
}

func TestJoinerStoreFails(t *testing.T) {
	broken := errors.New("the disk is full")
	store := &mapStore{fail: broken}
	j := &sms.Joiner{Store: store, Hold: true}
	ctx := context.Background()
	if m, err := j.Add(ctx, epoch, part(1, 2, 1, "a")); m != nil || !errors.Is(err, broken) {
		t.Errorf("Add: %v, %v", m, err)
	}
	if err := j.Expire(ctx, epoch); !errors.Is(err, broken) {
		t.Errorf("Expire: %v", err)
	}
	store.fail = nil
	add(t, j, part(1, 2, 1, "a"))
	m, _ := add(t, j, part(1, 2, 2, "b"))
	store.fail = broken
	if err := j.Done(ctx, m); !errors.Is(err, broken) {
		t.Errorf("Done: %v", err)
	}
	store.fail, store.lose = nil, 1<<30
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if m, err := j.Add(ended, epoch, part(5, 2, 1, "a")); m != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("Add while others are faster: %v, %v", m, err)
	}
	store.lose = 0

	// What is not the Joiner's own is an error, not a panic and not a message, until it expires.
	for key, value := range store.values {
		for _, bad := range []string{"", "{}", "null", "nonsense", `{"format":2}`, string(value[:len(value)-1]),
			strings.Replace(string(value), `"index":1`, `"index":3`, 1), strings.Replace(string(value), `"total":2`, `"total":1`, 1),
			`{"format":1,"total":3,"parts":[{"index":1},{"index":1}]}`, `{"format":1,"total":3}`} {
			store.values[key] = []byte(bad)
			m, err := j.Add(ctx, epoch, part(1, 2, 2, "b"))
			if m != nil {
				t.Errorf("%s: %+v", bad, m)
			}
			wantError(t, err, "store", key)
		}
		err := j.Expire(ctx, epoch.Add(time.Hour))
		wantError(t, err, "store", key)
		if len(store.values) != 0 {
			t.Error("what nobody can read stays for ever")
		}
	}
}

// A message whose handling failed is complete again when its last part comes again.
func TestJoinerHold(t *testing.T) {
	for name, store := range map[string]sms.JoinerStore{"memory": nil, "store": new(mapStore)} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			var lost []string
			j := &sms.Joiner{Hold: true, Store: store, Lost: func(m *sms.Message) { lost = append(lost, fmt.Sprintf("%s %v", m.Text, m.Missing)) }}
			add(t, j, part(1, 3, 1, "a"))
			add(t, j, part(1, 3, 3, "c"))
			var m *sms.Message
			for range 3 {
				var ok bool
				if m, ok = add(t, j, part(1, 3, 2, "b")); !ok || m.Text != "abc" {
					t.Fatalf("%+v, %t", m, ok)
				}
			}
			if err := j.Done(ctx, m); err != nil {
				t.Error(err)
			}
			if _, ok := add(t, j, part(1, 3, 2, "b")); ok {
				t.Error("complete after Done")
			}
			for range 2 {
				if err := j.Done(ctx, m); err != nil {
					t.Error(err)
				}
			}
			add(t, j, part(1, 3, 1, "a"))
			if m, ok := add(t, j, part(1, 3, 3, "c")); !ok || m.Text != "abc" {
				t.Errorf("Done with an old message drops a new one: %+v, %t", m, ok)
			}
			if err := j.Done(ctx, nil); err != nil {
				t.Error(err)
			}
			whole, _ := add(t, j, &pdu.DeliverSM{ShortMessage: []byte("hi")})
			if err := j.Done(ctx, whole); err != nil {
				t.Error(err)
			}
			if len(lost) != 0 {
				t.Errorf("lost %q", lost)
			}
			// What was handed over but never done is reported when the message center has given up.
			expire(t, j, epoch.Add(time.Hour))
			if fmt.Sprint(lost) != "[ab [3]]" {
				t.Errorf("lost %q", lost)
			}
		})
	}
}

// Several Joiners that share a store complete each message exactly once.
func TestJoinerStoreConcurrently(t *testing.T) {
	store := new(mapStore)
	var wg sync.WaitGroup
	var mu sync.Mutex
	complete := map[string]int{}
	for g := range uint8(8) {
		j := &sms.Joiner{Store: store}
		wg.Go(func() {
			for ref := range uint8(50) {
				if m, ok := add(t, j, part(ref, 8, g+1, fmt.Sprint(ref, " "))); ok {
					mu.Lock()
					complete[m.Text]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if len(complete) != 50 || len(store.values) != 0 {
		t.Errorf("%d complete, %d left", len(complete), len(store.values))
	}
	for text, n := range complete {
		if n != 1 {
			t.Errorf("%q completed %d times", text, n)
		}
	}
}

// randomParts are parts of a few messages between a few addresses, repeated, conflicting and out of order.
func randomParts(r *rand.Rand, n int) (parts []pdu.Body) {
	for range n {
		ref, total := uint8(r.IntN(3)), uint8(2+r.IntN(3))
		index := uint8(1 + r.IntN(int(total)))
		text := fmt.Sprint(ref, total, index, "ab"[r.IntN(2):1+r.IntN(2)], " ")
		m := part(ref, total, index, text)
		if r.IntN(4) == 0 {
			m.Source = acme
		}
		if r.IntN(4) == 0 {
			m.ESMClass, m.ShortMessage = 0, []byte(text)
			m.TLVs = tlv.List{pdu.TLVSARMsgRefNum.Option(uint16(ref)), pdu.TLVSARTotalSegments.Option(total), pdu.TLVSARSegmentSeqnum.Option(index)}
		}
		parts = append(parts, m)
	}
	return parts
}

// A Joiner with a store does what one without does.
func FuzzJoiner(f *testing.F) {
	for i := range uint64(20) {
		f.Add(i, uint8(200))
	}
	f.Fuzz(func(t *testing.T, seed uint64, n uint8) {
		r := rand.New(rand.NewPCG(seed, 1))
		var lost [2][]string
		store := new(mapStore)
		joiners := [2]*sms.Joiner{{Expiry: time.Minute}, {Expiry: time.Minute, Store: store}}
		for i, j := range joiners {
			j.Lost = func(m *sms.Message) { lost[i] = append(lost[i], fmt.Sprint(m.Source, m.Text, m.Missing)) }
		}
		now := epoch
		for _, b := range randomParts(r, int(n)) {
			now = now.Add(time.Duration(r.IntN(10)) * time.Second)
			var got [2]string
			for i, j := range joiners {
				if m, ok := addAt(t, j, now, b); ok {
					got[i] = fmt.Sprintf("%v %q %d", m.Source, m.Text, len(m.Parts))
					for k, d := range m.Parts {
						if int(d.Concat.Index) != k+1 || int(d.Concat.Total) != len(m.Parts) {
							t.Fatalf("part %d is %+v", k, d.Concat)
						}
					}
				}
			}
			if got[0] != got[1] {
				t.Fatalf("%s without a store, %s with one", got[0], got[1])
			}
		}
		for _, j := range joiners {
			expire(t, j, now.Add(time.Hour))
		}
		slices.Sort(lost[0])
		slices.Sort(lost[1])
		if !slices.Equal(lost[0], lost[1]) {
			t.Fatalf("lost %q without a store, %q with one", lost[0], lost[1])
		}
		if joiners[0].Waiting() != 0 || len(store.values) != 0 {
			t.Fatalf("%d and %d left", joiners[0].Waiting(), len(store.values))
		}
	})
}
