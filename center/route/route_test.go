package route_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/route"
	"github.com/godwit-sms/smpp/pdu"
)

func pattern(t testing.TB, text string) route.Pattern {
	t.Helper()
	p, err := route.ParsePattern(pdu.Address{Addr: text})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPattern(t *testing.T) {
	for _, tt := range []struct {
		text, addr string
		match      bool
	}{
		{"", "8080", false}, {"", "", false},
		{"8080", "8080", true}, {"8080", "80801", false}, {"+491701", "491701", true}, {"ACME", "ACME", true},
		{"*", "8080", true}, {"*", "ACME", true}, {"+49*", "4917", true}, {"+49*", "149", false},
		{"80*", "8080", true}, {"80*", "80", true}, {"80*", "180", false},
		{"^49[0-9]+$", "49170", true}, {"^49[0-9]+$", "149170", false}, {"^49", "491", true}, {"1[23]$", "4912", true}, {"^(8080|9090)$", "9090", true}, {".*", "anything", true},
	} {
		if _, ok := pattern(t, tt.text).Match(pdu.TONUnknown, tt.addr); ok != tt.match {
			t.Errorf("%q matches %q: %v", tt.text, tt.addr, ok)
		}
	}
	p, err := route.ParsePattern(pdu.Address{TON: pdu.TONInternational, Addr: "49*"})
	if err != nil {
		t.Fatal(err)
	}
	for ton, want := range map[pdu.TON]bool{pdu.TONUnknown: true, pdu.TONInternational: true, pdu.TONNational: false} {
		if _, ok := p.Match(ton, "4917"); ok != want {
			t.Errorf("type of number %v: %v", ton, ok)
		}
	}
	for _, bad := range []string{"((", "[", strings.Repeat("8", 41)} {
		if _, err := route.ParsePattern(pdu.Address{Addr: bad}); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("ParsePattern(%q): %v", bad, err)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{"8080", "80*", "^49[0-9]+$", "((", "+49", "*", "**"} {
		f.Add(s, "8080")
	}
	f.Fuzz(func(t *testing.T, text, addr string) {
		p, err := route.ParsePattern(pdu.Address{Addr: text})
		if err != nil {
			return
		}
		_, ok := p.Match(pdu.TONUnknown, addr)
		if ok && text == "" {
			t.Errorf("the empty range matches %q", addr)
		}
		if strings.Trim(text, "0123456789") == "" && ok != (text == addr && text != "") {
			t.Errorf("%q matches %q: %v", text, addr, ok)
		}
	})
}

type session struct {
	id     uint64
	window int
	load   int
	got    int
}

func (s *session) ID() uint64                { return s.id }
func (s *session) Window() int               { return s.window }
func (s *session) Load() int                 { return s.load }
func (s *session) Attempt(*dispatch.Attempt) { s.got++ }

type network struct{}

func (*network) Window() int                 { return 1 }
func (*network) Attempt(a *dispatch.Attempt) { a.Done(dispatch.Result{Outcome: dispatch.Delivered}) }

func to(addr string) dispatch.Key { return dispatch.Key{TON: pdu.TONInternational, Addr: addr} }

// deliver routes a message and reports which session got it: 0 for the network,
// -1 for nobody.
func deliver(table *route.Table, net dispatch.Target, k dispatch.Key, origin uint64, sessions ...*session) int {
	before := make([]int, len(sessions))
	for i, s := range sessions {
		before[i] = s.got
	}
	target := table.Route(k)
	if target == net {
		return 0
	}
	if target.Window() == 0 {
		return -1
	}
	target.Attempt(&dispatch.Attempt{Message: &message.Message{Origin: origin, Dest: pdu.Address{TON: k.TON, Addr: k.Addr}}})
	for i, s := range sessions {
		if s.got > before[i] {
			return i + 1
		}
	}
	return -2
}

func TestRoute(t *testing.T) {
	net := new(network)
	table := route.New(route.Config{Default: net, Linger: -1, Owned: map[string][]route.Pattern{"owner": {pattern(t, "7000"), pattern(t, "71*")}}})
	defer table.Close()
	exact, prefix, long, expr := &session{id: 1, window: 1}, &session{id: 2, window: 1}, &session{id: 3, window: 1}, &session{id: 4, window: 1}
	owner, plain := &session{id: 5, window: 1}, &session{id: 6, window: 1}
	all := []*session{exact, prefix, long, expr, owner, plain}
	check := func(addr string, want int) {
		t.Helper()
		if got := deliver(table, net, to(addr), 0, all...); got != want {
			t.Errorf("%s goes to %d; want %d", addr, got, want)
		}
	}
	check("8080", 0)
	check("7000", -1) // the owner's, who is not bound
	table.Add(expr, "d", pattern(t, "^8"))
	check("8080", 4)
	table.Add(prefix, "b", pattern(t, "80*"))
	check("8080", 2)
	table.Add(long, "c", pattern(t, "808*"))
	check("8080", 3)
	table.Add(exact, "a", pattern(t, "8080"))
	check("8080", 1)
	check("8081", 3)
	check("8100", 4)
	table.Add(plain, "e", route.Pattern{})
	check("9000", 0)
	table.Add(owner, "owner", route.Pattern{})
	check("7000", 5)
	check("7123", 5)
	table.Remove(exact)
	check("8080", 3)
	table.Remove(long)
	check("8080", 2)
	table.Remove(prefix)
	table.Remove(expr)
	check("8080", 0)
	table.Remove(owner)
	check("7000", -1)
}

func TestReceiptsAndTurns(t *testing.T) {
	net := new(network)
	table := route.New(route.Config{Default: net})
	defer table.Close()
	a, b, c := &session{id: 1, window: 2}, &session{id: 2, window: 2}, &session{id: 3, window: 2}
	k := dispatch.Key{Account: "acme", Addr: "49"}
	if got := deliver(table, net, k, 0, a, b); got != -1 {
		t.Errorf("a receipt for nobody goes to %d", got)
	}
	for _, s := range []*session{a, b, c} {
		table.Add(s, "acme", pattern(t, "80*"))
	}
	if w := table.Route(k).Window(); w != 6 {
		t.Errorf("window %d", w)
	}
	for range 3 {
		if got := deliver(table, net, k, 2, a, b, c); got != 2 {
			t.Errorf("a receipt goes to %d rather than the session its message came on", got)
		}
	}
	b.load = 2 // full
	if got := deliver(table, net, k, 2, a, b, c); got == 2 {
		t.Error("a receipt goes to a session that is full")
	}
}

func TestSpread(t *testing.T) {
	for _, tt := range []struct {
		spread route.Spread
		turns  []map[int]int // of 30 messages for one address; any of these
	}{
		{route.SameBind, []map[int]int{{1: 30}, {2: 30}, {3: 30}}},
		{route.RoundRobin, []map[int]int{{1: 10, 2: 10, 3: 10}}},
		{route.AnyBind, []map[int]int{{3: 30}}}, // it has the least to do
	} {
		t.Run(tt.spread.String(), func(t *testing.T) {
			table := route.New(route.Config{Default: new(network), Delivery: func(string) route.Delivery { return route.Delivery{Spread: tt.spread} }})
			defer table.Close()
			a, b, c := &session{id: 1, window: 4, load: 3}, &session{id: 2, window: 4, load: 2}, &session{id: 3, window: 4, load: 1}
			sessions := []*session{a, b, c}
			for _, s := range sessions {
				table.Add(s, "acme", pattern(t, "80*"))
			}
			turns := map[int]int{}
			for range 30 {
				turns[deliver(table, nil, to("8080"), 0, sessions...)]++
			}
			if !slices.ContainsFunc(tt.turns, func(want map[int]int) bool { return maps.Equal(turns, want) }) {
				t.Errorf("turns %v; want one of %v", turns, tt.turns)
			}
			others := map[int]bool{}
			for i := range 100 {
				others[deliver(table, nil, to(fmt.Sprint(8000+i)), 0, sessions...)] = true
			}
			if tt.spread == route.SameBind && len(others) != 3 {
				t.Errorf("100 addresses go to %v; want all three sessions", others)
			}
			if origin := deliver(table, nil, dispatch.Key{Account: "acme", Addr: "49"}, 1, sessions...); (origin == 1) != (tt.spread == route.SameBind) && tt.spread != route.RoundRobin {
				t.Errorf("a receipt goes to session %d; its message came on 1", origin)
			}
			// Whoever is full is passed over.
			a.load, c.load = 4, 4
			if got := deliver(table, nil, to("8080"), 1, sessions...); got != 2 {
				t.Errorf("session %d gets it while only 2 has room", got)
			}
		})
	}
}

func TestDeliveryOfAccount(t *testing.T) {
	var starved []string
	table := route.New(route.Config{Default: new(network), Delivery: func(id string) route.Delivery { return route.Delivery{AtMostOnce: id == "acme"} }, Starved: func(id string) { starved = append(starved, id) }, Owned: map[string][]route.Pattern{"acme": {pattern(t, "80*")}, "shop": {pattern(t, "90*")}}})
	defer table.Close()
	for _, tt := range []struct {
		key  dispatch.Key
		once bool
	}{{to("8080"), true}, {to("9090"), false}, {dispatch.Key{Account: "acme", Addr: "49"}, false}} {
		target := table.Route(tt.key)
		if once, ok := target.(dispatch.OnceTarget); !ok || once.AtMostOnce() != tt.once {
			t.Errorf("%+v: at most once %v; want %v", tt.key, !tt.once, tt.once)
		}
		target.(dispatch.CallableTarget).Starve()
	}
	if want := []string{"acme", "shop", "acme"}; !slices.Equal(starved, want) {
		t.Errorf("starved %v; want %v", starved, want)
	}
}

// Poke has everything of an account looked at again.
func TestPoke(t *testing.T) {
	var changed []dispatch.Target
	table := route.New(route.Config{Default: new(network), Owned: map[string][]route.Pattern{"acme": {pattern(t, "8080"), pattern(t, "90*")}, "shop": {pattern(t, "7000")}},
		Changed: func(target dispatch.Target, gone bool) {
			if !gone {
				changed = append(changed, target)
			}
		}})
	defer table.Close()
	receipts := table.Route(dispatch.Key{Account: "acme", Addr: "49"})
	table.Poke("acme")
	if len(changed) != 3 || !slices.Contains(changed, receipts) || !slices.Contains(changed, table.Route(to("8080"))) || slices.Contains(changed, table.Route(to("7000"))) {
		t.Errorf("%d targets were changed; want the three of acme", len(changed))
	}
}

func TestLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := new(network)
		gone := 0
		table := route.New(route.Config{Default: net, Linger: time.Minute, Changed: func(target dispatch.Target, g bool) {
			if g && target != net {
				gone++
			}
		}})
		defer table.Close()
		s := &session{id: 1, window: 1}
		table.Add(s, "a", pattern(t, "8080"))
		table.Remove(s)
		time.Sleep(59 * time.Second)
		table.Add(s, "a", pattern(t, "8080"))
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := deliver(table, net, to("8080"), 0, s); got != 1 || gone != 0 {
			t.Errorf("after it came back: %d, %d", got, gone)
		}
		table.Remove(s)
		time.Sleep(59 * time.Second)
		if got := deliver(table, net, to("8080"), 0, s); got != -1 {
			t.Errorf("while it lingers: %d", got)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := deliver(table, net, to("8080"), 0, s); got != 0 || gone != 1 {
			t.Errorf("after it lapsed: %d, %d", got, gone)
		}
	})
}

func TestOwn(t *testing.T) {
	network := &session{}
	var gone []dispatch.Target
	table := route.New(route.Config{
		Default: network, Owned: map[string][]route.Pattern{"acme": {pattern(t, "8080"), pattern(t, "90*")}}, Linger: -1,
		Changed: func(t dispatch.Target, isGone bool) {
			if isGone {
				gone = append(gone, t)
			}
		},
	})
	defer table.Close()
	all, ranged := &session{id: 1, window: 1}, &session{id: 2, window: 10}
	table.Add(all, "acme", route.Pattern{})
	table.Add(ranged, "shop", pattern(t, "70*"))
	window := func(addr string) int { return table.Route(dispatch.Key{Addr: addr}).Window() }
	if window("8080") != 1 || window("9012") != 1 || window("7012") != 10 || table.Route(dispatch.Key{Addr: "1234"}) != dispatch.Target(network) {
		t.Fatal("not as configured")
	}
	old := table.Route(dispatch.Key{Addr: "8080"})
	gone = nil
	table.Own(map[string][]route.Pattern{"acme": {pattern(t, "1234")}, "shop": {pattern(t, "7000"), pattern(t, "8080")}})
	for addr, want := range map[string]int{"1234": 1, "7000": 10, "7012": 10, "8080": 0} {
		if got := window(addr); got != want {
			t.Errorf("the window for %s is %d; want %d", addr, got, want)
		}
	}
	if got := table.Route(dispatch.Key{Addr: "9012"}); got != dispatch.Target(network) {
		t.Errorf("what nobody owns any more goes to %v", got)
	}
	rerouted := map[dispatch.Target]bool{}
	for _, g := range gone {
		rerouted[g] = true
	}
	if !rerouted[old] || !rerouted[network] {
		t.Error("what waits for the old target, and what goes to the network, is not routed anew")
	}
	// Sessions that end leave what they were given.
	table.Remove(all)
	table.Remove(ranged)
	if window("1234") != 0 || window("7000") != 0 || table.Route(dispatch.Key{Addr: "7012"}) != dispatch.Target(network) {
		t.Error("a session that has ended is still there")
	}
}

func TestParseSpread(t *testing.T) {
	for _, s := range []route.Spread{route.SameBind, route.AnyBind, route.RoundRobin} {
		if got, err := route.ParseSpread(s.String()); err != nil || got != s {
			t.Errorf("ParseSpread(%q) = %v, %v", s, got, err)
		}
	}
	if got, err := route.ParseSpread(""); err != nil || got != route.SameBind {
		t.Errorf("the empty one is %v, %v", got, err)
	}
	if _, err := route.ParseSpread("random"); err == nil {
		t.Error("random is a spread")
	}
}
