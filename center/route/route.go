// Package route finds out who gets a message: the ESME that receives for its
// destination, or the network behind.
package route

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/message"
)

// A Session is one that can be delivered to. It is compared by identity.
type Session interface {
	// ID tells sessions apart; see message.Message.Origin.
	ID() uint64
	// Window is how many deliveries may be under way.
	Window() int
	// Load is how many there are.
	Load() int
	// Attempt starts a delivery; it must not block.
	Attempt(a *dispatch.Attempt)
}

// DefaultLinger is how long addresses stay with the account that was bound for
// them when not told otherwise.
const DefaultLinger = 5 * time.Minute

// Config says what a Table starts with.
type Config struct {
	// Default takes what no ESME receives.
	Default dispatch.Target
	// Owned are the addresses that accounts receive for, bound or not.
	Owned map[string][]Pattern
	// Linger is how long the addresses of an address_range stay with the account
	// after its last session for them has ended, so that what waits is not given
	// to others when an ESME connects again. Zero: DefaultLinger; negative: not
	// at all.
	Linger time.Duration
	// Claims are those that were held when an earlier run ended. They last until
	// Linger after Start, unless a session comes for them.
	Claims []Claim
	// Keep is called, without locks held, with the claims that are new and those
	// that have ended, so that they can be Claims after a restart. The calls are one
	// after the other; what the last one says of a claim holds. Nil: nobody is told.
	Keep func(held, ended []Claim)
	// Changed is called, without locks held, with a target that can take more
	// than before, or, if it is gone, with one that what waits for it has to be
	// routed anew.
	Changed func(t dispatch.Target, gone bool)
	// Delivery tells how an account is delivered to; it is called concurrently and
	// must be quick. Nil: as the zero Delivery.
	Delivery func(account string) Delivery
	// Starved is called, with locks held, when something waits for an account that
	// nobody is bound for. It must not block, nor call the table. Nil: nobody is
	// told.
	Starved func(account string)
	// Broadcast takes the broadcasts.
	Broadcast dispatch.Target
}

// A Table routes messages. Its methods may be called concurrently.
type Table struct {
	cfg Config

	seed     maphash.Seed
	mu       sync.RWMutex
	exact    map[string][]*Group // groups with exact patterns, by address
	others   []*Group            // groups with other patterns
	accounts map[string]*Group   // for receipts
	claims   map[string][]*Group // groups with patterns, by account
	members  map[Session][]*Group
	bound    map[Session]claim
	closed   bool

	noted   []Claim // that Config.Keep is to be told of
	keeping bool
	keepers sync.WaitGroup
}

// A Group is the sessions that share what comes for one thing: an account's
// receipts, or the addresses of one of its patterns. It is a target of a
// dispatcher.
type Group struct {
	table   *Table
	account string
	pattern Pattern // zero: receipts
	owned   bool
	linger  *time.Timer

	window atomic.Int64

	mu       sync.Mutex
	sessions []Session
	turn     int
}

// New returns a table.
func New(cfg Config) *Table {
	if cfg.Linger == 0 {
		cfg.Linger = DefaultLinger
	}
	if cfg.Changed == nil {
		cfg.Changed = func(dispatch.Target, bool) {}
	}
	if cfg.Delivery == nil {
		cfg.Delivery = func(string) Delivery { return Delivery{} }
	}
	if cfg.Starved == nil {
		cfg.Starved = func(string) {}
	}
	t := &Table{cfg: cfg, seed: maphash.MakeSeed(), exact: make(map[string][]*Group), accounts: make(map[string]*Group), claims: make(map[string][]*Group), members: make(map[Session][]*Group), bound: make(map[Session]claim)}
	for id, patterns := range cfg.Owned {
		for _, p := range patterns {
			if !p.IsZero() {
				t.insert(&Group{table: t, account: id, pattern: p, owned: true})
			}
		}
	}
	t.restore(cfg.Claims)
	return t
}

// SetLinger puts another Linger in the place of that of the Config, for sessions
// that end from then on.
func (t *Table) SetLinger(d time.Duration) {
	if d == 0 {
		d = DefaultLinger
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cfg.Linger = d
}

func (t *Table) insert(g *Group) {
	t.claims[g.account] = append(t.claims[g.account], g)
	if g.pattern.exact {
		t.exact[g.pattern.text] = append(t.exact[g.pattern.text], g)
	} else {
		t.others = append(t.others, g)
		slices.SortStableFunc(t.others, func(a, b *Group) int { return cmp.Compare(len(b.pattern.prefix), len(a.pattern.prefix)) })
	}
}

func (t *Table) delete(g *Group) {
	same := func(h *Group) bool { return h == g }
	if rest := slices.DeleteFunc(t.claims[g.account], same); len(rest) > 0 {
		t.claims[g.account] = rest
	} else {
		delete(t.claims, g.account)
	}
	if g.pattern.exact {
		if rest := slices.DeleteFunc(t.exact[g.pattern.text], same); len(rest) > 0 {
			t.exact[g.pattern.text] = rest
		} else {
			delete(t.exact, g.pattern.text)
		}
	} else {
		t.others = slices.DeleteFunc(t.others, same)
	}
}

// Route returns the target of what waits for a key. An address that accounts own
// is for one of these, others are for those that are or were bound for it. Of
// several the one whose pattern matches best gets it, then one that is bound, then
// the first that came. The account gets it by the best of the patterns that it is
// bound with.
func (t *Table) Route(k dispatch.Key) dispatch.Target {
	if k.Broadcast != 0 {
		return t.cfg.Broadcast
	}
	if k.Account != "" {
		t.mu.RLock()
		g := t.accounts[k.Account]
		t.mu.RUnlock()
		if g == nil {
			t.mu.Lock()
			g = t.receipts(k.Account)
			t.mu.Unlock()
		}
		return g
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	var few [8]match
	found := few[:0]
	for _, g := range t.exact[k.Addr] {
		m, ok := g.match(k)
		if ok && g.owned && m.bound {
			return g // there is no better one
		}
		if ok {
			found = append(found, m)
		}
	}
	for _, g := range t.others {
		if m, ok := g.match(k); ok {
			found = append(found, m)
		}
	}
	if len(found) == 0 {
		return t.cfg.Default
	}
	best := &found[0]
	for i := range found[1:] {
		if m := &found[i+1]; m.before(best, m.group.owned, best.group.owned) {
			best = m
		}
	}
	account := best.group.account
	for i := range found {
		if m := &found[i]; m.group.account == account && m.before(best, m.bound, best.bound) {
			best = m
		}
	}
	return best.group
}

// A match is a group for an address.
type match struct {
	group *Group
	rank  int
	bound bool
}

func (g *Group) match(k dispatch.Key) (m match, ok bool) {
	rank, ok := g.pattern.Match(k.TON, k.Addr)
	return match{g, rank, g.window.Load() > 0}, ok
}

// before reports whether m is better than n: in what comes first, then by how well
// the pattern matches, then as it is bound.
func (m *match) before(n *match, first, than bool) bool {
	if first != than {
		return first
	}
	if m.rank != n.rank {
		return m.rank > n.rank
	}
	return m.bound && !n.bound
}

// starving returns the groups of an account, or of all when it is empty, that
// nobody is bound for and that have addresses in common with one of the patterns.
// The caller holds t.mu.
func (t *Table) starving(account string, patterns ...Pattern) (groups []*Group) {
	of := func(claims []*Group) {
		for _, g := range claims {
			if g.window.Load() <= 0 && slices.ContainsFunc(patterns, g.pattern.overlaps) {
				groups = append(groups, g)
			}
		}
	}
	if account != "" {
		of(t.claims[account])
		return groups
	}
	for _, claims := range t.claims {
		of(claims)
	}
	return groups
}

func (t *Table) receipts(id string) *Group {
	g := t.accounts[id]
	if g == nil {
		g = &Group{table: t, account: id}
		t.accounts[id] = g
	}
	return g
}

// Add makes a session of an account receive: the receipts of the account, and
// the messages for the addresses of its range. Without a range they are those
// that the account owns.
func (t *Table) Add(s Session, account string, addresses Pattern) {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return
	}
	c := claim{account, addresses}
	groups := t.groupsOf(c)
	t.bound[s] = c
	var moved []*Group // what waits for them may have a way now
	fresh := false
	if !addresses.IsZero() && !slices.ContainsFunc(groups, func(g *Group) bool { return g.pattern.same(addresses) }) {
		g := &Group{table: t, account: account, pattern: addresses}
		t.insert(g)
		t.note(g)
		groups = append(groups, g)
		fresh = true
	}
	for _, g := range groups {
		if g.linger != nil {
			g.linger.Stop()
			g.linger = nil
		}
		g.add(s)
	}
	t.members[s] = groups
	if fresh {
		moved = t.starving("", addresses)
	} else {
		patterns := make([]Pattern, len(groups))
		for i, g := range groups {
			patterns[i] = g.pattern
		}
		moved = t.starving(account, patterns...)
	}
	t.mu.Unlock()
	if fresh {
		t.cfg.Changed(t.cfg.Default, true)
	}
	for _, g := range moved {
		t.cfg.Changed(g, true)
	}
	for _, g := range groups {
		t.cfg.Changed(g, false)
	}
}

// covers reports whether a range takes in an exact address that the account
// owns.
func covers(addresses, owned Pattern) bool {
	if !owned.exact {
		return false
	}
	_, ok := addresses.Match(owned.ton, owned.text)
	return ok
}

// Remove ends what Add began. It may be called again.
func (t *Table) Remove(s Session) {
	t.mu.Lock()
	var left []*Group // that nobody is bound for any more
	for _, g := range t.members[s] {
		if g.remove(s) && !g.pattern.IsZero() && g.window.Load() <= 0 {
			left = append(left, g)
		}
	}
	delete(t.members, s)
	delete(t.bound, s)
	var moved []*Group // what waits for them has another way
	for _, g := range left {
		switch {
		case g.owned:
		case t.cfg.Linger < 0:
			t.delete(g)
			t.note(g)
			moved = append(moved, g)
			continue
		case !t.closed:
			g.linger = time.AfterFunc(t.cfg.Linger, func() { t.lapse(g) })
		}
		if slices.ContainsFunc(t.claims[g.account], func(h *Group) bool { return h.window.Load() > 0 && h.pattern.overlaps(g.pattern) }) {
			moved = append(moved, g) // the account is still bound for some of it
		}
	}
	t.mu.Unlock()
	for _, g := range moved {
		t.cfg.Changed(g, true)
	}
}

// lapse ends the claim of an account that nobody is bound for any more.
func (t *Table) lapse(g *Group) {
	t.mu.Lock()
	stays := t.closed || g.linger == nil || g.window.Load() > 0
	if !stays {
		t.delete(g)
		t.note(g)
	}
	t.mu.Unlock()
	if !stays {
		t.cfg.Changed(g, true)
	}
}

// Close ends all that the table has going on. The claims of now stay those that
// Config.Keep was told of.
func (t *Table) Close() {
	t.mu.Lock()
	t.closed = true
	for _, claims := range t.claims {
		for _, g := range claims {
			if g.linger != nil {
				g.linger.Stop()
			}
		}
	}
	t.mu.Unlock()
	t.keepers.Wait()
}

func (g *Group) add(s Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Contains(g.sessions, s) {
		g.sessions = append(g.sessions, s)
		g.window.Add(int64(s.Window()))
	}
}

func (g *Group) remove(s Session) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.sessions, s)
	if i < 0 {
		return false
	}
	g.sessions = slices.Delete(g.sessions, i, i+1)
	g.window.Add(-int64(s.Window()))
	return true
}

// Window returns how many deliveries may be under way: those of all sessions.
func (g *Group) Window() int { return int(g.window.Load()) }

// AtMostOnce reports whether the account wants its messages at most once.
func (g *Group) AtMostOnce() bool {
	return !g.pattern.IsZero() && g.table.cfg.Delivery(g.account).AtMostOnce
}

// Starve tells that something waits while nobody is bound.
func (g *Group) Starve() { g.table.cfg.Starved(g.account) }

// Poke says of all that an account receives that it may have changed, so that
// Starved is called again if something waits.
func (t *Table) Poke(id string) {
	t.mu.RLock()
	groups := slices.Clone(t.claims[id])
	if g := t.accounts[id]; g != nil {
		groups = append(groups, g)
	}
	t.mu.RUnlock()
	for _, g := range groups {
		if g.Window() == 0 {
			t.cfg.Changed(g, false)
		}
	}
}

// Attempt gives a message to a session, as the account has it.
func (g *Group) Attempt(a *dispatch.Attempt) {
	if s := g.pick(a.Message); s != nil {
		s.Attempt(a)
		return
	}
	a.Done(dispatch.Result{Outcome: dispatch.Lost})
}

func (g *Group) pick(m *message.Message) Session {
	spread := g.table.cfg.Delivery(g.account).Spread
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.sessions) == 0 {
		return nil
	}
	first := 0
	switch {
	case spread == AnyBind:
		best := g.sessions[0]
		for _, s := range g.sessions[1:] {
			if s.Window()-s.Load() > best.Window()-best.Load() {
				best = s
			}
		}
		return best
	case spread == SameBind && !g.pattern.IsZero():
		first = int(maphash.String(g.table.seed, m.Dest.Addr) % uint64(len(g.sessions)))
	case spread == SameBind && m.Origin != 0:
		for _, s := range g.sessions {
			if s.ID() == m.Origin && s.Load() < s.Window() {
				return s
			}
		}
		fallthrough
	default:
		g.turn++
		first = g.turn
	}
	for i := range g.sessions {
		if s := g.sessions[(first+i)%len(g.sessions)]; s.Load() < s.Window() {
			g.turn += i
			return s
		}
	}
	return g.sessions[first%len(g.sessions)] // beyond its window: the session holds it
}

var (
	_ dispatch.CallableTarget = (*Group)(nil)
	_ dispatch.OnceTarget     = (*Group)(nil)
	_ dispatch.Router         = (*Table)(nil)
)
