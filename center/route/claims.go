package route

import (
	"slices"
	"time"
)

// A Claim is what an account has by the address_range of a session, not by its
// settings: as long as one is bound, and for Config.Linger after that.
type Claim struct {
	Account   string
	Addresses Pattern
}

// restore makes claims of an earlier run ones that nobody is bound for.
func (t *Table) restore(claims []Claim) {
	for _, c := range claims {
		if !c.Addresses.IsZero() && !slices.ContainsFunc(t.claims[c.Account], func(g *Group) bool { return g.pattern.same(c.Addresses) }) {
			t.insert(&Group{table: t, account: c.Account, pattern: c.Addresses})
		}
	}
}

// Start has the time of the claims in Config.Claims begin. Config.Changed is not
// called before.
func (t *Table) Start() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	for _, claims := range t.claims {
		for _, g := range claims {
			if !g.owned && g.linger == nil && g.window.Load() <= 0 {
				g.linger = time.AfterFunc(max(t.cfg.Linger, 0), func() { t.lapse(g) })
			}
		}
	}
}

// note has Config.Keep told what has become of a claim. The caller holds t.mu.
func (t *Table) note(g *Group) {
	if t.cfg.Keep == nil || t.closed {
		return
	}
	t.noted = append(t.noted, Claim{g.account, g.pattern})
	if !t.keeping {
		t.keeping = true
		t.keepers.Go(t.keep)
	}
}

// keep calls Config.Keep, apart from those that bind and unbind.
func (t *Table) keep() {
	for {
		t.mu.Lock()
		noted := t.noted
		t.noted = nil
		if len(noted) == 0 {
			t.keeping = false
			t.mu.Unlock()
			return
		}
		var held, ended []Claim
		for _, c := range noted {
			if slices.ContainsFunc(t.claims[c.Account], func(g *Group) bool { return !g.owned && g.pattern.same(c.Addresses) }) {
				held = append(held, c)
			} else {
				ended = append(ended, c)
			}
		}
		t.mu.Unlock()
		t.cfg.Keep(held, ended)
	}
}
