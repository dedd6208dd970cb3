package route

import (
	"slices"

	"github.com/godwit-sms/smpp/center/dispatch"
)

// A claim is what a session was added with.
type claim struct {
	account   string
	addresses Pattern
}

// Own changes the addresses that accounts receive for, bound or not; see
// Config.Owned. The sessions that are there get what Add would have given them.
// What waits is routed anew.
func (t *Table) Own(owned map[string][]Pattern) {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return
	}
	for account, claims := range t.claims {
		for _, g := range claims {
			g.owned = slices.ContainsFunc(owned[account], g.pattern.same)
		}
	}
	for account, patterns := range owned {
		for _, p := range patterns {
			if !p.IsZero() && !slices.ContainsFunc(t.claims[account], func(g *Group) bool { return g.pattern.same(p) }) {
				t.insert(&Group{table: t, account: account, pattern: p, owned: true})
			}
		}
	}
	for s, c := range t.bound {
		groups := t.groupsOf(c)
		for _, g := range t.members[s] {
			if !slices.Contains(groups, g) {
				g.remove(s)
			}
		}
		for _, g := range groups {
			g.add(s)
		}
		t.members[s] = groups
	}
	var all []*Group
	for _, claims := range t.claims {
		all = append(all, claims...)
	}
	for _, g := range all {
		if !g.owned && g.window.Load() == 0 && g.linger == nil {
			t.delete(g)
			t.note(g)
		}
	}
	t.mu.Unlock()
	t.cfg.Changed(t.cfg.Default, true)
	for _, g := range all {
		var target dispatch.Target = g
		t.cfg.Changed(target, true)
		t.cfg.Changed(target, false)
	}
}

// groupsOf returns the groups that a session is in: the receipts of its account,
// the one of its range, if there is one, and those that the account owns and the
// range takes in.
func (t *Table) groupsOf(c claim) []*Group {
	groups := []*Group{t.receipts(c.account)}
	for _, g := range t.claims[c.account] {
		if g.pattern.same(c.addresses) || g.owned && (c.addresses.IsZero() || covers(c.addresses, g.pattern)) {
			groups = append(groups, g)
		}
	}
	return groups
}

func (p Pattern) same(q Pattern) bool { return p.text == q.text && p.ton == q.ton }
