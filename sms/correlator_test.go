package sms_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

var noon = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

// A watched Correlator keeps what its functions were called with.
type watched struct {
	sms.Correlator
	mu                      sync.Mutex
	early, expired, unknown []string
}

func watch(w *watched) *watched {
	note := func(list *[]string) func(*sms.Delivery) {
		return func(d *sms.Delivery) {
			w.mu.Lock()
			defer w.mu.Unlock()
			*list = append(*list, short(d))
		}
	}
	w.Early, w.Expired = note(&w.early), note(&w.expired)
	w.Unknown = func(r *sms.Receipt) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.unknown = append(w.unknown, r.ID)
	}
	return w
}

// short prints what matters of a delivery: key, state, ! if final, how many parts are pending, and + if changed.
func short(d *sms.Delivery) string {
	if d == nil {
		return "none"
	}
	s := d.Key + " " + d.State.String()
	if d.Final {
		s += "!"
	}
	if d.Pending > 0 {
		s += " " + strconv.Itoa(d.Pending)
	}
	if d.Changed {
		s += " +" + strconv.Itoa(d.Part)
	}
	return s
}

func receiptFor(id, stat string) *sms.Receipt {
	r, ok := sms.ParseReceipt("id:"+id+" stat:"+stat, nil)
	if !ok {
		panic("no receipt: " + id + " " + stat)
	}
	return r
}

// run carries out steps and compares what each returns. A step is one of
//
//	track KEY PART/TOTAL ID [noreceipt|refused]
//	receipt ID WORD [intermediate]    with what Receipt returns
//	after DURATION                    which expires too
func run(t *testing.T, w *watched, steps ...[2]string) {
	t.Helper()
	now := noon
	for _, step := range steps {
		f := strings.Fields(step[0])
		got := ""
		switch f[0] {
		case "track":
			part := sms.TrackedPart{Key: f[1]}
			if _, err := fmt.Sscanf(f[2], "%d/%d", &part.Part, &part.Total); err != nil {
				t.Fatal(err)
			}
			if f[3] != "-" {
				part.ID = f[3]
			}
			part.NoReceipt, part.Refused = slices.Contains(f, "noreceipt"), slices.Contains(f, "refused")
			if err := w.Track(t.Context(), now, part); err != nil {
				got = err.Error()
			}
		case "receipt":
			r := receiptFor(f[1], f[2])
			r.Intermediate = slices.Contains(f, "intermediate")
			d, err := w.Receipt(t.Context(), now, r)
			if got = short(d); err != nil {
				got = err.Error()
			}
		case "after":
			d, err := time.ParseDuration(f[1])
			if err != nil {
				t.Fatal(err)
			}
			now = now.Add(d)
			if err := w.Expire(t.Context(), now); err != nil {
				got = err.Error()
			}
		}
		if got != step[1] {
			t.Errorf("%s: %q, want %q", step[0], got, step[1])
		}
	}
}

func TestCorrelator(t *testing.T) {
	for _, c := range []struct {
		name                    string
		rule                    sms.MessageIDRule
		steps                   [][2]string
		early, expired, unknown []string
	}{
		{name: "one part", steps: [][2]string{{"track a 1/1 x", ""}, {"receipt x DELIVRD", "a delivered! +1"}}},
		{name: "failed", steps: [][2]string{{"track a 1/1 x", ""}, {"receipt x UNDELIV", "a undeliverable! +1"}}},
		{name: "intermediate ones first", steps: [][2]string{
			{"track a 1/1 x", ""}, {"receipt x ENROUTE intermediate", "a enroute 1 +1"}, {"receipt x ENROUTE intermediate", "a enroute 1"},
			{"receipt x UNKNOWN", "a unknown 1 +1"}, {"receipt x DELIVRD", "a delivered! +1"}}},
		{name: "an intermediate one is not final, whatever its state", steps: [][2]string{
			{"track a 1/1 x", ""}, {"receipt x DELIVRD intermediate", "a enroute 1 +1"}, {"receipt x DELIVRD", "a delivered! +1"}}},
		{name: "vendor word", steps: [][2]string{{"track a 1/1 x", ""}, {"receipt x NOROUTE", "a enroute 1 +1"}, {"receipt x NOROUTE", "a enroute 1"}, {"receipt x EXPIRED", "a expired! +1"}}},
		{name: "duplicates", steps: [][2]string{
			{"track a 1/1 x", ""}, {"receipt x DELIVRD", "a delivered! +1"}, {"receipt x DELIVRD", "a delivered!"}, {"receipt x EXPIRED", "a delivered!"},
			{"receipt x ENROUTE intermediate", "a delivered!"}, {"after 4m", ""}, {"receipt x DELIVRD", "a delivered!"}, {"after 2m", ""}, {"receipt x DELIVRD", "none"}, {"after 6m", ""}},
			unknown: []string{"x"}},
		{name: "before the response", steps: [][2]string{{"receipt x DELIVRD", "none"}, {"after 1m", ""}, {"track a 1/1 x", ""}, {"receipt x DELIVRD", "a delivered!"}},
			early: []string{"a delivered! +1"}},
		{name: "several before the response", steps: [][2]string{
			{"receipt x ENROUTE intermediate", "none"}, {"receipt x DELIVRD", "none"}, {"receipt x DELIVRD", "none"}, {"track a 1/1 x", ""}},
			early: []string{"a delivered! +1"}},
		{name: "no response comes", steps: [][2]string{{"receipt x DELIVRD", "none"}, {"after 5m", ""}, {"track a 1/1 x", ""}, {"receipt x DELIVRD", "a delivered! +1"}},
			unknown: []string{"x"}},
		{name: "P16 all parts", steps: [][2]string{
			{"track a 1/3 x", ""}, {"track a 2/3 y", ""}, {"receipt y DELIVRD", "a enroute 2 +2"}, {"track a 3/3 z", ""},
			{"receipt x DELIVRD", "a enroute 1 +1"}, {"receipt y DELIVRD", "a enroute 1"}, {"receipt z DELIVRD", "a delivered! +3"}, {"receipt z DELIVRD", "a delivered!"}}},
		{name: "accepted", steps: [][2]string{{"track a 1/2 x", ""}, {"track a 2/2 y", ""}, {"receipt x DELIVRD", "a enroute 1 +1"}, {"receipt y ACCEPTD", "a accepted! +2"}}},
		{name: "scheduled and unknown", steps: [][2]string{{"track a 1/2 x", ""}, {"track a 2/2 y", ""}, {"receipt x SCHEDLD", "a enroute 2 +1"}, {"receipt y SCHEDLD", "a scheduled 2 +2"},
			{"receipt x UNKNOWN", "a unknown 2 +1"}, {"receipt x DELIVRD", "a enroute 1 +1"}, {"receipt y DELIVRD", "a delivered! +2"}}},
		{name: "one part fails", steps: [][2]string{
			{"track a 1/3 x", ""}, {"track a 2/3 y", ""}, {"track a 3/3 z", ""}, {"receipt x DELIVRD", "a enroute 2 +1"}, {"receipt z EXPIRED", "a expired! 1 +3"},
			{"receipt y REJECTD", "a expired! +2"}, {"receipt x DELIVRD", "a expired!"}}},
		{name: "a part is refused", steps: [][2]string{
			{"track a 1/2 x", ""}, {"track a 2/2 - refused", ""}, {"receipt x DELIVRD", "a rejected! +1"}}},
		{name: "a part is refused, and sent once more", steps: [][2]string{
			{"track a 1/2 x", ""}, {"track a 2/2 - refused", ""}, {"track a 2/2 y", ""}, {"receipt x DELIVRD", "a enroute 1 +1"}, {"receipt y DELIVRD", "a delivered! +2"}}},
		{name: "one part, refused", steps: [][2]string{{"track a 1/1 - refused", ""}, {"receipt x DELIVRD", "none"}}},
		{name: "receipt on the last part", steps: [][2]string{
			{"track a 1/3 x noreceipt", ""}, {"track a 2/3 y noreceipt", ""}, {"track a 3/3 z", ""}, {"receipt z DELIVRD", "a delivered! +3"}}},
		{name: "a receipt that was not asked for", steps: [][2]string{
			{"track a 1/2 x noreceipt", ""}, {"track a 2/2 y", ""}, {"receipt x UNDELIV", "a undeliverable! 1 +1"}, {"receipt y DELIVRD", "a undeliverable! +2"}}},
		{name: "a part before its response", steps: [][2]string{
			{"track a 1/2 x", ""}, {"receipt y DELIVRD", "none"}, {"receipt x DELIVRD", "a enroute 1 +1"}, {"track a 2/2 y", ""}, {"receipt y DELIVRD", "a delivered!"}},
			early: []string{"a delivered! +2"}},
		{name: "tracked twice", steps: [][2]string{
			{"track a 1/2 x", ""}, {"track a 2/2 y", ""}, {"receipt x DELIVRD", "a enroute 1 +1"}, {"track a 1/2 x", ""}, {"track b 1/1 v", ""}, {"receipt v DELIVRD", "b delivered! +1"},
			{"track b 1/1 v", ""}, {"receipt v DELIVRD", "b delivered!"}, {"receipt y DELIVRD", "a delivered! +2"}}},
		{name: "the id comes again", steps: [][2]string{
			{"track a 1/1 x", ""}, {"track b 1/1 x", ""}, {"receipt x DELIVRD", "b delivered! +1"}, {"track c 1/1 x", ""}, {"receipt x EXPIRED", "c expired! +1"}},
			expired: []string{"a enroute 1"}},
		{name: "more ids that the rule takes for the same than are kept", rule: sms.MessageIDPadded, steps: [][2]string{
			{"track a 1/1 1", ""}, {"track b 1/1 01", ""}, {"track c 1/1 001", ""}, {"track d 1/1 0001", ""}, {"track e 1/1 00001", ""}, {"track f 1/1 000001", ""},
			{"track g 1/1 0000001", ""}, {"track h 1/1 00000001", ""}, {"track i 1/1 000000001", ""}, {"receipt 000000001 DELIVRD", "i delivered! +1"}, {"receipt 01 DELIVRD", "b delivered! +1"}},
			expired: []string{"a enroute 1"}},
		{name: "expiry", steps: [][2]string{
			{"track a 1/2 x", ""}, {"after 71h", ""}, {"track b 1/1 z", ""}, {"track a 2/2 y", ""}, {"receipt x DELIVRD", "a enroute 1 +1"},
			{"after 71h", ""}, {"after 2h", ""}, {"receipt y DELIVRD", "none"}, {"receipt z DELIVRD", "none"}, {"after 10m", ""}},
			expired: []string{"a enroute 1", "b enroute 1"}, unknown: []string{"y", "z"}},
		{name: "P1 hexadecimal to decimal", rule: sms.MessageIDHexToDecimal, steps: [][2]string{
			{"track a 1/1 10", ""}, {"track b 1/1 1A2B3C", ""}, {"track c 1/1 no-number", ""}, {"receipt 10 DELIVRD", "none"}, {"receipt 0016 DELIVRD", "a delivered! +1"},
			{"receipt 1715004 DELIVRD", "b delivered! +1"}, {"receipt no-number DELIVRD", "c delivered! +1"}, {"track d 1/1 ff", ""}, {"receipt FF DELIVRD", "d delivered! +1"}}},
		{name: "P1 decimal to hexadecimal", rule: sms.MessageIDDecimalToHex, steps: [][2]string{
			{"track a 1/1 1715004", ""}, {"receipt 1A2B3C DELIVRD", "a delivered! +1"}}},
		{name: "P2 zeros, the exact one first", rule: sms.MessageIDPadded, steps: [][2]string{
			{"track a 1/1 00B8", ""}, {"track b 1/1 B8", ""}, {"track c 1/1 7", ""}, {"receipt B8 DELIVRD", "b delivered! +1"}, {"receipt 00B8 EXPIRED", "a expired! +1"},
			{"receipt 007 DELIVRD", "c delivered! +1"}, {"receipt 0B8 DELIVRD", "none"}},
			unknown: []string{"0B8"}},
		{name: "case, the exact one first", rule: sms.MessageIDCaseInsensitive, steps: [][2]string{
			{"track a 1/2 ab", ""}, {"track a 2/2 aB", ""}, {"receipt aB DELIVRD", "a enroute 1 +2"}, {"receipt AB DELIVRD", "none"}, {"receipt ab DELIVRD", "a delivered! +1"}},
			unknown: []string{"AB"}},
		{name: "exact", steps: [][2]string{{"track a 1/1 ab", ""}, {"receipt AB DELIVRD", "none"}, {"receipt 0ab DELIVRD", "none"}}},
		{name: "faults", steps: [][2]string{
			{"track a 2/1 x", "sms: TrackedPart.Part 2: 1 to Total, which is 1"}, {"track a 1/256 x", "sms: TrackedPart.Total 256: 1 to 255"}, {"track a 0/2 x", "sms: TrackedPart.Part 0: 1 to Total, which is 2"},
			{"track a 1/2 x", ""}, {"track a 1/3 y", `sms: TrackedPart.Total 3: 2, as it was for the other parts of "a"`}}},
	} {
		for _, store := range []struct {
			name string
			sms.CorrelatorStore
		}{{"memory", nil}, {"store", new(correlatorStore)}} {
			t.Run(c.name+"/"+store.name, func(t *testing.T) {
				w := watch(&watched{Correlator: sms.Correlator{Rule: c.rule, Store: store.CorrelatorStore}})
				run(t, w, c.steps...)
				slices.Sort(w.expired)
				slices.Sort(w.unknown)
				for _, l := range []struct {
					name      string
					got, want []string
				}{{"early", w.early, c.early}, {"expired", w.expired, c.expired}, {"unknown", w.unknown, c.unknown}} {
					if !slices.Equal(l.got, l.want) {
						t.Errorf("%s %q, want %q", l.name, l.got, l.want)
					}
				}
			})
		}
	}
}

func TestCorrelatorDetail(t *testing.T) {
	var c sms.Correlator
	for i, id := range []string{"x", "y"} {
		if err := c.Track(t.Context(), noon, sms.TrackedPart{Key: "a", Part: i + 1, Total: 2, ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	r, _ := sms.ParseReceipt("id:y done date:2403011231 stat:FAILED err:21b", time.FixedZone("mc", 3600))
	r.State, r.HasState, r.NetworkError = pdu.StateUndeliverable, true, &pdu.NetworkError{Type: 3, Code: 27}
	d, err := c.Receipt(t.Context(), noon, r)
	want := &sms.Delivery{Key: "a", State: pdu.StateUndeliverable, Final: true, Pending: 1, Part: 2, Changed: true, Parts: []sms.PartState{
		{ID: "x"},
		{ID: "y", State: pdu.StateUndeliverable, HasState: true, Final: true, Stat: "FAILED", Done: time.Date(2024, 3, 1, 11, 31, 0, 0, time.UTC), Err: "21b", NetworkError: &pdu.NetworkError{Type: 3, Code: 27}},
	}}
	if err != nil || !reflect.DeepEqual(d, want) {
		t.Errorf("%+v, %v\nwant %+v", d, err, want)
	}
	// An older notification that was overtaken says nothing.
	older, _ := sms.ParseReceipt("id:x done date:2403011100 stat:SCHEDLD", nil)
	newer, _ := sms.ParseReceipt("id:x done date:2403011101 stat:ENROUTE", nil)
	for i, r := range []*sms.Receipt{newer, older} {
		if d, err := c.Receipt(t.Context(), noon, r); err != nil || d.Changed != (i == 0) || d.Parts[0].State != pdu.StateEnroute {
			t.Errorf("%+v, %v", d, err)
		}
	}
	// Receipts without use.
	var unknown []*sms.Receipt
	c2 := sms.Correlator{Unknown: func(r *sms.Receipt) { unknown = append(unknown, r) }}
	if _, err := c2.Receipt(t.Context(), noon, nil); err == nil {
		t.Error("no receipt is no error")
	}
	if err := c2.Track(t.Context(), noon, sms.TrackedPart{ID: "x"}); err == nil {
		t.Error("no key is no error")
	}
	raw := &sms.Receipt{Raw: "00,2403011543"}
	if d, err := c2.Receipt(t.Context(), noon, raw); d != nil || err != nil || len(unknown) != 1 || unknown[0] != raw {
		t.Errorf("%v, %v, %v", d, err, unknown)
	}
	// What is held comes back whole.
	full := &sms.Receipt{Source: acme, Dest: alice, ID: "\xFFid", Submitted: new(3), Delivered: new(-1), SubmitDate: noon, DoneDate: noon.Add(time.Hour), State: pdu.StateExpired, HasState: true, Stat: "X",
		Err: "e", NetworkError: &pdu.NetworkError{Type: 1, Code: 65535}, Text: "t", HasText: true, Intermediate: true, Unknown: []sms.Field{{Label: "l", Value: "v"}}, Raw: "raw"}
	for range 2 {
		if _, err := c2.Receipt(t.Context(), noon, full); err != nil {
			t.Fatal(err)
		}
	}
	if err := c2.Expire(t.Context(), noon.Add(time.Hour)); err != nil || len(unknown) != 2 || !reflect.DeepEqual(unknown[1], full) {
		t.Errorf("%v, %+v\nwant %+v", err, unknown[1], full)
	}
	// More than can be held for one id.
	unknown = nil
	for i := range 10 {
		r := receiptFor("many", "ENROUTE")
		r.Raw = strconv.Itoa(i)
		if _, err := c2.Receipt(t.Context(), noon, r); err != nil {
			t.Fatal(err)
		}
	}
	if len(unknown) != 2 || unknown[0].Raw != "0" || unknown[1].Raw != "1" {
		t.Errorf("%v", unknown)
	}
}

// Memory is bounded, and what gives way is told of.
func TestCorrelatorMemory(t *testing.T) {
	w := watch(&watched{Correlator: sms.Correlator{MaxOctets: 100 << 10}})
	const n = 2000
	for i := range n {
		if err := w.Track(t.Context(), noon.Add(time.Duration(i)), sms.TrackedPart{Key: fmt.Sprint("key ", i), ID: fmt.Sprint("id", i)}); err != nil {
			t.Fatal(err)
		}
	}
	kept := n - len(w.expired)
	if kept < 300 || kept > 700 {
		t.Errorf("%d messages within 100 KiB", kept)
	}
	if w.expired[0] != "key 0 enroute 1" {
		t.Errorf("first to go: %s", w.expired[0])
	}
	gone := len(w.expired)
	// Receipts that nobody knows do not drive out messages.
	for i := range n {
		if _, err := w.Receipt(t.Context(), noon, receiptFor(fmt.Sprint("strange", i), "DELIVRD")); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.expired) > gone+1 || len(w.unknown) < n-10 {
		t.Errorf("%d messages gone, %d receipts unknown", len(w.expired)-gone, len(w.unknown))
	}
	if d, err := w.Receipt(t.Context(), noon, receiptFor(fmt.Sprint("id", n-1), "DELIVRD")); err != nil || short(d) != "key 1999 delivered! +1" {
		t.Errorf("the last message: %v, %v", d, err)
	}
}

// correlatorStore is a CorrelatorStore as one in a database would be: it tries again when another was faster, leaves what is
// expired to Expire, and keeps no value of the caller's.
type correlatorStore struct {
	mu      sync.Mutex
	records map[string]correlatorEntry
	updates int
	fail    func(update int) bool
}

type correlatorEntry struct {
	value   string
	expires time.Time
}

var errStore = errors.New("no connection to the store")

func (s *correlatorStore) Update(_ context.Context, _ time.Time, key string, fn func([]byte) ([]byte, time.Time)) ([]sms.CorrelatorRecord, error) {
	for try := 0; ; try++ {
		s.mu.Lock()
		old, ok := s.records[key]
		s.updates++
		fail := s.fail != nil && s.fail(s.updates)
		s.mu.Unlock()
		if fail {
			return nil, errStore
		}
		var b []byte
		if ok {
			b = []byte(old.value)
		}
		next, expires := fn(b)
		s.mu.Lock()
		if now, ok2 := s.records[key]; ok2 != ok || now != old || try == 0 {
			s.mu.Unlock()
			continue // the first try always loses
		}
		if expires.IsZero() {
			expires = old.expires
		}
		if s.records == nil {
			s.records = make(map[string]correlatorEntry)
		}
		if next == nil {
			delete(s.records, key)
		} else {
			s.records[key] = correlatorEntry{string(next), expires}
		}
		s.mu.Unlock()
		return nil, nil
	}
}

func (s *correlatorStore) Expire(_ context.Context, now time.Time) (gone []sms.CorrelatorRecord, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(s.records)) {
		if r := s.records[key]; !r.expires.After(now) {
			gone = append(gone, sms.CorrelatorRecord{Key: key, Value: []byte(r.value)})
			delete(s.records, key)
		}
	}
	return gone, nil
}

// Many goroutines, in one process or several that share a store: each message ends delivered, once.
func TestCorrelatorConcurrent(t *testing.T) {
	for _, c := range []struct {
		name  string
		nodes int
		store sms.CorrelatorStore
	}{{"memory", 1, nil}, {"cluster", 3, new(correlatorStore)}} {
		t.Run(c.name, func(t *testing.T) {
			const messages, parts = 200, 3
			var delivered [messages]atomic.Int32
			done := func(d *sms.Delivery) {
				if d != nil && d.Changed && d.Final {
					i, _ := strconv.Atoi(d.Key)
					delivered[i].Add(1)
				}
			}
			nodes := make([]*sms.Correlator, c.nodes)
			for i := range nodes {
				nodes[i] = &sms.Correlator{Store: c.store, Early: done, Unknown: func(r *sms.Receipt) { t.Errorf("unknown %s", r.ID) },
					Expired: func(d *sms.Delivery) { t.Errorf("expired %+v", d) }}
			}
			var wg sync.WaitGroup
			for i := range messages {
				for part := 1; part <= parts; part++ {
					id := fmt.Sprintf("%d-%d", i, part)
					wg.Go(func() {
						err := nodes[rand.IntN(len(nodes))].Track(t.Context(), noon, sms.TrackedPart{Key: fmt.Sprint(i), Part: part, Total: parts, ID: id})
						if err != nil {
							t.Error(err)
						}
					})
					for range 2 { // each receipt comes twice
						wg.Go(func() {
							d, err := nodes[rand.IntN(len(nodes))].Receipt(t.Context(), noon, receiptFor(id, "DELIVRD"))
							if err != nil {
								t.Error(err)
							}
							done(d)
						})
					}
				}
			}
			wg.Wait()
			for i := range delivered {
				if n := delivered[i].Load(); n != 1 {
					t.Errorf("message %d ended %d times", i, n)
				}
			}
			for _, n := range nodes {
				if err := n.Expire(t.Context(), noon.Add(100*time.Hour)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// Whichever operation of the store fails, repeating the call brings all in order.
func TestCorrelatorStoreFails(t *testing.T) {
	for fail := 1; ; fail++ {
		store := new(correlatorStore)
		failed := false
		store.fail = func(n int) bool {
			if n == fail {
				failed = true
			}
			return n == fail
		}
		w := watch(&watched{Correlator: sms.Correlator{Store: store}})
		persist := func(do func() error) {
			for try := range 2 {
				err := do()
				if err == nil {
					return
				}
				if !errors.Is(err, errStore) || try > 0 {
					t.Fatalf("store fails at %d: %v", fail, err)
				}
			}
		}
		var last *sms.Delivery
		receive := func(id string) {
			persist(func() (err error) {
				last, err = w.Receipt(t.Context(), noon, receiptFor(id, "DELIVRD"))
				return err
			})
		}
		receive("x") // before its response
		for i, id := range []string{"x", "y"} {
			persist(func() error {
				return w.Track(t.Context(), noon, sms.TrackedPart{Key: "a", Part: i + 1, Total: 2, ID: id})
			})
		}
		receive("y")
		if last == nil || !last.Final || last.State != pdu.StateDelivered {
			t.Errorf("store fails at %d: %+v", fail, last)
		}
		if err := w.Expire(t.Context(), noon.Add(100*time.Hour)); err != nil || len(w.unknown)+len(w.expired) > 0 {
			t.Errorf("store fails at %d: %v, unknown %q, expired %q", fail, err, w.unknown, w.expired)
		}
		if !failed {
			return
		}
	}
}

// What receipts brought that came before the response is told of, whichever operation of the store fails.
func TestCorrelatorStoreFailsEarly(t *testing.T) {
	for fail := 1; ; fail++ {
		store := new(correlatorStore)
		w := watch(&watched{Correlator: sms.Correlator{Store: store}})
		track := func(i int, id string) error {
			return w.Track(t.Context(), noon, sms.TrackedPart{Key: "a", Part: i, Total: 2, ID: id})
		}
		if err := track(1, "x"); err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"DELIVRD", "ENROUTE"} { // the second was overtaken
			if _, err := w.Receipt(t.Context(), noon, receiptFor("y", word)); err != nil {
				t.Fatal(err)
			}
		}
		store.updates = 0
		store.fail = func(n int) bool { return n == fail }
		if err := track(2, "y"); err != nil {
			if err = track(2, "y"); err != nil {
				t.Fatal(err)
			}
		}
		if want := []string{"a enroute 1 +2"}; !slices.Equal(w.early, want) {
			t.Errorf("store fails at %d: early %q, want %q", fail, w.early, want)
		}
		if store.updates < fail {
			return
		}
	}
}

// A receipt that failed may come again at any time.
func TestCorrelatorStoreFailsForLong(t *testing.T) {
	for fail := 1; ; fail++ {
		store := new(correlatorStore)
		w := watch(&watched{Correlator: sms.Correlator{Store: store}})
		for i, id := range []string{"x", "y"} {
			if err := w.Track(t.Context(), noon, sms.TrackedPart{Key: "a", Part: i + 1, Total: 2, ID: id}); err != nil {
				t.Fatal(err)
			}
		}
		store.updates = 0
		store.fail = func(n int) bool { return n == fail }
		now := noon
		for _, id := range []string{"x", "y"} {
			var d *sms.Delivery
			for try := range 2 {
				var err error
				if d, err = w.Receipt(t.Context(), now, receiptFor(id, "DELIVRD")); err == nil {
					break
				}
				if !errors.Is(err, errStore) || try > 0 {
					t.Fatal(err)
				}
				now = now.Add(time.Hour)
				if err := w.Expire(t.Context(), now); err != nil {
					t.Fatal(err)
				}
			}
			if want := map[string]string{"x": "a enroute 1 +1", "y": "a delivered! +2"}[id]; short(d) != want {
				t.Errorf("store fails at %d: %s, want %s", fail, short(d), want)
			}
		}
		if len(w.unknown)+len(w.expired) > 0 {
			t.Errorf("store fails at %d: unknown %q, expired %q", fail, w.unknown, w.expired)
		}
		if store.updates < fail {
			return
		}
	}
}

func TestCorrelatorDamagedStore(t *testing.T) {
	store := &correlatorStore{records: map[string]correlatorEntry{"i:x": {"garbage", noon}, "m:a": {"\x01\x05", noon}}}
	c := sms.Correlator{Store: store}
	_, err := c.Receipt(t.Context(), noon, receiptFor("x", "DELIVRD"))
	wantError(t, err, "record of the correlator", "i:x")
	err = c.Track(t.Context(), noon, sms.TrackedPart{Key: "a", Part: 1, Total: 2, ID: "y"})
	wantError(t, err, "record of the correlator", "m:a")
	if store.records["i:x"].value != "garbage" {
		t.Error("the damaged record was changed")
	}
	err = c.Expire(t.Context(), noon.Add(time.Hour))
	wantError(t, err, "i:x", "m:a")
}

// Random events against a model that does as the documentation says.
func TestCorrelatorModel(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	words := []string{"DELIVRD", "ENROUTE", "ACCEPTD", "EXPIRED", "UNDELIV", "UNKNOWN", "SCHEDLD"}
	for range 2000 {
		total := 1 + r.IntN(4)
		state := make([]string, total) // last word; final ones stay
		tracked := make([]bool, total)
		held := make([][]string, total)
		var order []int // of failed parts
		apply := func(i int, word string) {
			if state[i] != "" && receiptFor("x", state[i]).Final() {
				return
			}
			state[i] = word
			if s := receiptFor("x", word); s.Final() && word != "DELIVRD" && word != "ACCEPTD" {
				order = append(order, i)
			}
		}
		expect := func() string {
			count := map[string]int{}
			pending := 0
			for _, w := range state {
				count[w]++
				if w == "" || !receiptFor("x", w).Final() {
					pending++
				}
			}
			s := "enroute"
			switch {
			case len(order) > 0:
				s = receiptFor("x", state[order[0]]).State.String() + "!"
			case count["DELIVRD"] == total:
				s = "delivered!"
			case count["DELIVRD"]+count["ACCEPTD"] == total:
				s = "accepted!"
			case count["UNKNOWN"] > 0:
				s = "unknown"
			case count["SCHEDLD"] == total:
				s = "scheduled"
			}
			if pending > 0 {
				s += fmt.Sprint(" ", pending)
			}
			return "key " + s
		}
		var c sms.Correlator
		for range 20 {
			i := r.IntN(total)
			id := "id" + strconv.Itoa(i)
			if r.IntN(3) == 0 {
				if err := c.Track(t.Context(), noon, sms.TrackedPart{Key: "key", Part: i + 1, Total: total, ID: id}); err != nil {
					t.Fatal(err)
				}
				tracked[i] = true
				for _, w := range held[i] {
					apply(i, w)
				}
				held[i] = nil
				continue
			}
			word := words[r.IntN(len(words))]
			d, err := c.Receipt(t.Context(), noon, receiptFor(id, word))
			if err != nil {
				t.Fatal(err)
			}
			if !tracked[i] {
				if n := len(held[i]); n == 0 || held[i][n-1] != word { // repeated
					held[i] = append(held[i], word)
				}
				held[i] = held[i][max(0, len(held[i])-8):]
				if d != nil {
					t.Fatalf("seed %d: not tracked, but %+v", seed, d)
				}
				continue
			}
			apply(i, word)
			d.Changed = false
			if got, want := short(d), expect(); got != want {
				t.Fatalf("seed %d: %s, want %s, by %q", seed, got, want, state)
			}
		}
	}
}

func FuzzCorrelatorRecord(f *testing.F) {
	store := new(correlatorStore)
	c := sms.Correlator{Store: store}
	for i := range 3 {
		_ = c.Track(context.Background(), noon, sms.TrackedPart{Key: "key", Part: i + 1, Total: 3, ID: fmt.Sprint(i)})
		_ = c.Track(context.Background(), noon, sms.TrackedPart{Key: fmt.Sprint(i), ID: fmt.Sprint("one", i)})
		_, _ = c.Receipt(context.Background(), noon, receiptFor(fmt.Sprint(i*2), "UNDELIV"))
	}
	for _, r := range store.records {
		f.Add([]byte(r.value))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		records := map[string]correlatorEntry{"i:x": {string(record), noon}, "m:key": {string(record), noon}}
		c := sms.Correlator{Store: &correlatorStore{records: records}}
		if d, err := c.Receipt(t.Context(), noon, receiptFor("x", "DELIVRD")); err != nil {
			wantError(t, err, "record")
		} else if d != nil && (len(d.Parts) == 0 || d.Part < 1 || d.Part > len(d.Parts)) {
			t.Fatalf("%+v", d)
		}
		if err := c.Track(t.Context(), noon, sms.TrackedPart{Key: "key", Part: 2, Total: 2, ID: "x"}); err != nil {
			wantError(t, err)
		}
		if err := c.Expire(t.Context(), noon.Add(100*time.Hour)); err != nil {
			wantError(t, err, "record")
		}
	})
}

func FuzzMessageIDRule(f *testing.F) {
	for _, s := range [][2]string{{"1a2b3c", "1715004"}, {"00B8BE19", "b8be19"}, {"", "0"}, {"ffffffffffffffffffff", "1208925819614629174706175"}, {"\xFFa", "\xFFA"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for rule := range sms.MessageIDCaseInsensitive + 1 {
			if rule.Match(a, b) != (rule.ResponseKey(a) == rule.ReceiptKey(b)) {
				t.Fatalf("%v: %q and %q", rule, a, b)
			}
			if key := rule.ReceiptKey(b); rule < sms.MessageIDDecimalToHex && rule.ReceiptKey(key) != key {
				t.Fatalf("%v: the key %q of %q is not its own", rule, key, b)
			}
		}
		if sms.MessageIDExact.Match(a, b) != (a == b) {
			t.Fatalf("exact: %q and %q", a, b)
		}
		if n, err := strconv.ParseUint(a, 16, 64); err == nil && !strings.ContainsAny(a, "+_") && len(a) <= 64 {
			if !sms.MessageIDHexToDecimal.Match(a, strconv.FormatUint(n, 10)) || !sms.MessageIDDecimalToHex.Match(strconv.FormatUint(n, 10), a) {
				t.Fatalf("%q is %d", a, n)
			}
		}
	})
}

// With a million messages outstanding: a message is tracked and the receipt of another one comes.
func BenchmarkCorrelator(b *testing.B) {
	const outstanding = 1_000_000
	id := func(i int) string { return fmt.Sprintf("%016x", i) }
	for _, parts := range []int{1, 3} {
		b.Run(fmt.Sprint("parts=", parts), func(b *testing.B) {
			ctx := context.Background()
			c := sms.Correlator{MaxOctets: 2<<30 - 1}
			track := func(i int) {
				p := sms.TrackedPart{Key: strconv.Itoa(i / parts), Part: i%parts + 1, Total: parts, ID: id(i)}
				if err := c.Track(ctx, noon.Add(time.Duration(i)*time.Microsecond), p); err != nil {
					b.Fatal(err)
				}
			}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for i := range outstanding {
				track(i)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				r := &sms.Receipt{ID: id(i), State: pdu.StateDelivered, HasState: true, DoneDate: noon}
				d, err := c.Receipt(ctx, noon.Add(time.Duration(outstanding+i)*time.Microsecond), r)
				if err != nil || d == nil || !d.Changed {
					b.Fatalf("%+v, %v", d, err)
				}
				track(outstanding + i)
				i++
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/outstanding, "heap-B/part")
		})
	}
	b.Run("parallel", func(b *testing.B) {
		ctx := context.Background()
		c := sms.Correlator{MaxOctets: 1 << 30}
		var next atomic.Int64
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				s := id(int(next.Add(1)))
				if err := c.Track(ctx, noon, sms.TrackedPart{Key: s, ID: s}); err != nil {
					b.Error(err)
					return
				}
				if d, err := c.Receipt(ctx, noon, &sms.Receipt{ID: s, State: pdu.StateDelivered, HasState: true}); err != nil || d == nil || !d.Final {
					b.Errorf("%+v, %v", d, err)
					return
				}
			}
		})
	})
}

func TestCorrelatorTimes(t *testing.T) {
	t.Run("never", func(t *testing.T) {
		w := watch(&watched{Correlator: sms.Correlator{Expiry: math.MaxInt64, Grace: math.MaxInt64}})
		run(t, w, [][2]string{{"track a 1/1 x", ""}, {"receipt y DELIVRD", "none"}, {"after 87600h", ""}, {"receipt x DELIVRD", "a delivered! +1"}, {"track b 1/1 y", ""}, {"receipt x DELIVRD", "a delivered!"}}...)
		if len(w.expired)+len(w.unknown) > 0 || !slices.Equal(w.early, []string{"b delivered! +1"}) {
			t.Errorf("expired %q, unknown %q, early %q", w.expired, w.unknown, w.early)
		}
	})
	w := watch(&watched{Correlator: sms.Correlator{Expiry: time.Hour, Grace: time.Second}})
	run(t, w, [][2]string{
		{"receipt y DELIVRD", "none"}, {"track a 1/1 x", ""}, {"track b 1/1 z", ""}, {"after 999ms", ""}, {"after 1ms", ""}, {"receipt z EXPIRED", "b expired! +1"},
		{"after 1s", ""}, {"receipt z EXPIRED", "none"}, {"after 3597s", ""}, {"receipt x ENROUTE", "a enroute 1 +1"}, {"after 1s", ""}, {"receipt x DELIVRD", "none"},
	}...)
	if !slices.Equal(w.expired, []string{"a enroute 1"}) || !slices.Equal(w.unknown, []string{"y", "z"}) {
		t.Errorf("expired %q, unknown %q", w.expired, w.unknown)
	}
}
