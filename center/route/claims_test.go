package route_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/route"
	"github.com/godwit-sms/smpp/pdu"
)

// Claims are told when they begin and when they have ended, and can be taken up.
func TestClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		claims := map[string]route.Claim{}
		name := func(c route.Claim) string { return fmt.Sprint(c.Account, " ", c.Addresses) }
		keep := func(held, ended []route.Claim) {
			mu.Lock()
			defer mu.Unlock()
			for _, c := range held {
				claims[name(c)] = c
			}
			for _, c := range ended {
				delete(claims, name(c))
			}
		}
		check := func(when string, want ...string) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			var got []string
			for c := range claims {
				got = append(got, c)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s: claims %q; want %q", when, got, want)
			}
		}
		cfg := route.Config{Default: new(network), Linger: time.Minute, Keep: keep, Owned: map[string][]route.Pattern{"shop": {pattern(t, "7000")}}}
		table := route.New(cfg)
		table.Start()
		a, b, c := &session{id: 1, window: 1}, &session{id: 2, window: 1}, &session{id: 3, window: 1}
		table.Add(a, "acme", pattern(t, "80*"))
		table.Add(b, "acme", pattern(t, "80*"))
		table.Add(c, "shop", pattern(t, "7000")) // its own
		check("bound", "acme 80*")
		table.Remove(a)
		table.Remove(b)
		time.Sleep(59 * time.Second)
		check("lingering", "acme 80*")
		time.Sleep(2 * time.Second)
		check("over")
		table.Add(a, "acme", pattern(t, "80*"))
		table.Add(b, "acme", pattern(t, "^9"))
		table.Close()
		check("closed", "acme 80*", "acme ^9")

		for _, c := range claims {
			cfg.Claims = append(cfg.Claims, c)
		}
		cfg.Claims = append(cfg.Claims, route.Claim{Account: "shop", Addresses: pattern(t, "7000")}, route.Claim{Account: "shop"})
		table = route.New(cfg)
		defer table.Close()
		window := func(addr string) int { return table.Route(dispatch.Key{Addr: addr}).Window() }
		time.Sleep(time.Hour) // the time has not begun
		if window("8080") != 0 || window("9090") != 0 || window("1234") != 1 {
			t.Errorf("windows %d, %d and %d", window("8080"), window("9090"), window("1234"))
		}
		table.Start()
		table.Add(a, "acme", pattern(t, "80*"))
		time.Sleep(2 * time.Minute)
		if window("8080") != 1 || window("9090") != 1 || table.Route(dispatch.Key{Addr: "9090"}) != cfg.Default {
			t.Error("the claim that nobody came for is still there, or the other is not")
		}
		check("a minute after the restart", "acme 80*")
	})
}

// What waits for a pattern that nobody is bound for is routed anew when somebody
// binds for one that has addresses in common with it, and only then.
func TestOverlaps(t *testing.T) {
	of := func(ton pdu.TON, text string) route.Pattern {
		p, err := route.ParsePattern(pdu.Address{TON: ton, Addr: text})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, tt := range []struct {
		waits, bound route.Pattern
		common       bool
	}{
		{of(0, "8080"), of(0, "80*"), true}, {of(0, "80*"), of(0, "8080"), true}, {of(0, "8080"), of(0, "90*"), false}, {of(0, "8080"), of(0, "9090"), false},
		{of(0, "80*"), of(0, "8*"), true}, {of(0, "8*"), of(0, "80*"), true}, {of(0, "80*"), of(0, "9*"), false},
		{of(0, "^80"), of(0, "9*"), true}, {of(0, "9*"), of(0, "^80"), true}, // nobody knows
		{of(0, "^80"), of(0, "9090"), false}, {of(0, "8080"), of(0, "*"), true},
		{of(1, "8080"), of(2, "80*"), true}, // those of an unknown type
	} {
		moved := map[dispatch.Target]bool{}
		net := new(network)
		table := route.New(route.Config{Default: net, Linger: time.Hour, Changed: func(target dispatch.Target, gone bool) { moved[target] = moved[target] || gone }})
		s := &session{id: 1, window: 1}
		table.Add(s, "a", tt.waits)
		var groups []dispatch.Target
		for _, addr := range []string{"8080", "80", "9"} {
			if g := table.Route(dispatch.Key{Addr: addr}); g != dispatch.Target(net) {
				groups = append(groups, g)
			}
		}
		table.Remove(s)
		clear(moved)
		table.Add(&session{id: 2, window: 1}, "b", tt.bound)
		if got := slices.ContainsFunc(groups, func(g dispatch.Target) bool { return moved[g] }); got != tt.common {
			t.Errorf("%v waits and %v is bound: routed anew %v; want %v", tt.waits, tt.bound, got, tt.common)
		}
		table.Close()
	}
}
