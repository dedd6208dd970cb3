package smpp

import (
	"container/list"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

// Defaults of Limits.
const (
	DefaultBindAttempts = 5
	DefaultBindDelay    = 250 * time.Millisecond
	DefaultMaxBindDelay = 5 * time.Second
)

// Limits bound what peers may take of a Server. What an account may take is in
// the Account that Server.Authenticate returns. The zero value suits a server
// behind a firewall; one on the open internet sets the numbers of connections. A
// connection beyond them is closed at once, without an answer.
//
// An address is one of IPv4, or the /64 that one of IPv6 is in, of
// net.Conn.RemoteAddr. A listener for the PROXY protocol has it return the
// address of the client; without one, all that comes through a load balancer is
// of one address. Connections that are not over IP have no address and none of
// its limits.
//
// What comes before the bind is bounded whatever the limits: a PDU of 4 KiB,
// longer ones are answered as those beyond Server.MaxPDU are; and 2 KiB of
// responses that wait to be read, beyond which the server does not read either.
type Limits struct {
	Connections           int // of the server; zero: any number
	Unbound               int // of those, not bound yet; zero: any number
	ConnectionsPerAddress int // from one address; zero: any number
	UnboundPerAddress     int // of those, not bound yet; zero: any number

	// BindAttempts is how many binds of a connection may fail; the last is
	// answered and the connection closed. Zero: 5; negative: any number.
	BindAttempts int

	// BindDelay is how long a bind waits before Authenticate is asked, once three
	// binds from its address have failed for a wrong system_id or password. It
	// doubles with each failure up to MaxBindDelay, and halves with each minute
	// that passes without. It is the same for a bind that will succeed: an
	// answer that comes at once would tell who guesses that the guess was right.
	// Binds of several connections wait side by side; UnboundPerAddress says how
	// many may.
	// Zero: 250 ms and 5 s; a negative BindDelay is none.
	BindDelay    time.Duration
	MaxBindDelay time.Duration

	// BindStatus answers a bind beyond those that the account may have. Zero:
	// pdu.StatusBindFailed, after which an ESME tries again later; many message
	// centers send pdu.StatusAlreadyBound.
	BindStatus pdu.Status

	// Idle is how many PDUs that no handler sees are read of a session: all that
	// come before the bind, then enquire_link, unknown commands, malformed PDUs,
	// responses to nothing and what the state forbids. A request that is refused
	// with pdu.StatusThrottled counts as a tenth of one. Beyond it reading
	// stands, which costs the server nothing and stops the peer; nothing is lost.
	// Zero: 50 a second, 500 at once, or 500 and 5000 of those refused; a
	// negative PerSecond is no limit.
	Idle Rate
}

// Errors that end sessions of a Server.
var (
	// ErrTooManyConnections ends a connection beyond Server.Limits.
	ErrTooManyConnections = errors.New("too many connections")
	// ErrTooManyBinds ends a session whose binds failed too often.
	ErrTooManyBinds = errors.New("too many binds failed")
)

// SecureEqual reports whether two secrets are the same. How long it takes
// depends on neither.
func SecureEqual(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// ServerStats counts what a Server has seen since it began to serve.
type ServerStats struct {
	Connections int // that live now
	Bound       int // of those, bound

	Accepted         uint64 // connections, those refused included
	RefusedServer    uint64 // connections beyond Limits.Connections or Limits.Unbound
	RefusedAddress   uint64 // connections beyond the limits of their address
	HandshakesFailed uint64 // TLS

	Binds        uint64 // granted
	BindsFailed  uint64 // refused by Authenticate, or it gave no answer
	BindsRefused uint64 // beyond the limits of the account
	BindsDelayed uint64 // see Limits.BindDelay

	Throttled uint64 // requests beyond the rate of their account or session
	Stood     uint64 // times that reading stood; see Limits.Idle
}

type serverStats struct {
	bound, accepted, refusedServer, refusedAddress, handshakesFailed          atomic.Uint64
	binds, bindsFailed, bindsRefused, bindsDelayed, throttled, stood, running atomic.Uint64
}

// Stats returns the counters. It takes no lock.
func (srv *Server) Stats() ServerStats {
	c := &srv.stats
	return ServerStats{
		Connections: int(c.running.Load()), Bound: int(c.bound.Load()),
		Accepted: c.accepted.Load(), RefusedServer: c.refusedServer.Load(), RefusedAddress: c.refusedAddress.Load(),
		HandshakesFailed: c.handshakesFailed.Load(), Binds: c.binds.Load(), BindsFailed: c.bindsFailed.Load(),
		BindsRefused: c.bindsRefused.Load(), BindsDelayed: c.bindsDelayed.Load(),
		Throttled: c.throttled.Load(), Stood: c.stood.Load(),
	}
}

const (
	unboundPDU   = 4 << 10 // octets of a PDU before the bind
	unboundOwed  = 2 << 10 // octets of responses that wait before the bind
	owedPer      = 96      // and then for each request that the window lets a peer send
	freeFailures = 3       // binds that fail before others wait
	forgiveAfter = time.Minute
	maxPenalties = 8 << 10     // addresses with failures that are remembered
	partCredit   = 255         // parts of one message
	minStanding  = time.Second // so that a flood is read a lot at a time

	refusalsPerIdle = 10 // requests refused for load that count as one PDU that no handler sees
)

func (l *Limits) idle() Rate {
	if l.Idle == (Rate{}) {
		return Rate{PerSecond: 50, Burst: 500}
	}
	return l.Idle
}

// A guest is what a server knows of a session besides.
type guest struct {
	address *address     // nil: none, or without limits
	from    netip.Prefix // not valid: none
	tally   *tally       // of its account, once bound; nil: without limits
	meter   *meter       // of the session; nil: without a rate
	listLen func(string) int
	delay   *time.Timer // of the bind that waits
	cancel  func()      // of the bind that is decided on
	failed  int         // binds
	bound   bool        // counted as bound
	unbound bool        // counted as not bound yet
}

// An address counts the connections from one.
type address struct{ live, unbound int }

// A tally counts the sessions of an account, by the bind mode.
type tally struct {
	system string
	live   [3]int
	meter  meter
	timed  bool // a timer is to dismiss it
}

func (t *tally) total() int { return t.live[0] + t.live[1] + t.live[2] }

// A gate counts what limits are about. It is locked last.
type gate struct {
	mu        sync.Mutex
	live      int
	unbound   int
	addresses map[netip.Prefix]*address
	tallies   map[string]*tally
	penalties penalties
}

// enter counts a connection.
func (g *gate) enter(s *Session, l *Limits) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l.Connections > 0 && g.live >= l.Connections || l.Unbound > 0 && g.unbound >= l.Unbound {
		return false
	}
	g.live++
	g.unbound++
	s.guest.unbound = true
	return true
}

// locate counts a connection under its address.
func (g *gate) locate(s *Session, from netip.Prefix, l *Limits) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	s.guest.from = from
	if !from.IsValid() || l.ConnectionsPerAddress <= 0 && l.UnboundPerAddress <= 0 {
		return true
	}
	a := g.addresses[from]
	if a == nil {
		a = new(address)
	}
	if l.ConnectionsPerAddress > 0 && a.live >= l.ConnectionsPerAddress || l.UnboundPerAddress > 0 && a.unbound >= l.UnboundPerAddress {
		return false
	}
	if g.addresses == nil {
		g.addresses = make(map[netip.Prefix]*address)
	}
	g.addresses[from] = a
	a.live++
	if s.guest.unbound {
		a.unbound++
	}
	s.guest.address = a
	return true
}

// join counts a session that binds under its account.
func (g *gate) join(s *Session, system string, mode BindMode, a *Account) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	v := s.guest
	if a.limited() {
		t := g.tallies[system]
		if t == nil {
			t = &tally{system: system}
		}
		most := [3]int{Transceiver: a.MaxTransceivers, Transmitter: a.MaxTransmitters, Receiver: a.MaxReceivers}[mode]
		if a.MaxBinds > 0 && t.total() >= a.MaxBinds || most > 0 && t.live[mode] >= most {
			return false
		}
		if g.tallies == nil {
			g.tallies = make(map[string]*tally)
		}
		g.tallies[system] = t
		t.live[mode]++
		t.meter.set(a.Rate)
		v.tally, v.listLen = t, a.ListLen
		if a.SessionRate.PerSecond > 0 {
			v.meter = new(meter)
			v.meter.set(a.SessionRate)
		}
	}
	g.binds(v)
	v.bound = true
	return true
}

// binds has a session no longer count as not bound yet.
func (g *gate) binds(v *guest) {
	if v.unbound {
		v.unbound = false
		g.unbound--
		if v.address != nil {
			v.address.unbound--
		}
	}
}

// part has a session no longer count as bound.
func (g *gate) part(v *guest, mode BindMode) (was bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !v.bound {
		return false
	}
	v.bound = false
	if t := v.tally; t != nil {
		t.live[mode]--
		g.dismiss(t)
	}
	return true
}

// dismiss forgets the tally of an account without sessions, once its rate has
// nothing to remember: binding again must not earn a new burst.
func (g *gate) dismiss(t *tally) {
	if t.timed || t.total() > 0 || g.tallies[t.system] != t {
		return
	}
	if wait := t.meter.settled(time.Now()); wait > 0 {
		t.timed = true
		time.AfterFunc(wait, func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			t.timed = false
			g.dismiss(t)
		})
		return
	}
	delete(g.tallies, t.system)
}

// leave has a connection count no more.
func (g *gate) leave(v *guest) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.binds(v)
	g.live--
	if v.delay != nil {
		v.delay.Stop()
		v.delay = nil
	}
	if v.cancel != nil {
		v.cancel()
	}
	if a := v.address; a != nil {
		v.address = nil
		if a.live--; a.live == 0 {
			delete(g.addresses, v.from)
		}
	}
}

// decide notes how to cancel the decision on a bind when the session leaves.
func (g *gate) decide(v *guest, cancel func()) {
	g.mu.Lock()
	v.cancel = cancel
	g.mu.Unlock()
}

// hold has f called after a while, unless the session leaves before.
func (g *gate) hold(v *guest, wait time.Duration, f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	v.delay = time.AfterFunc(wait, func() {
		g.mu.Lock()
		v.delay = nil
		g.mu.Unlock()
		f()
	})
}

// penalty returns how long a bind from an address is to wait.
func (g *gate) penalty(from netip.Prefix, l *Limits) time.Duration {
	if l.BindDelay < 0 || !from.IsValid() {
		return 0
	}
	most := min(orElse(max(l.MaxBindDelay, 0), DefaultMaxBindDelay), far)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.penalties.wait(from, time.Now(), min(orElse(l.BindDelay, DefaultBindDelay), most), most)
}

// punish counts a bind that failed.
func (g *gate) punish(from netip.Prefix) {
	if !from.IsValid() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.penalties.fail(from, time.Now())
}

// addressOf returns what the limits of an address are about.
func addressOf(a net.Addr) netip.Prefix {
	var ip netip.Addr
	switch a := a.(type) {
	case nil:
		return netip.Prefix{}
	case *net.TCPAddr:
		if a == nil {
			return netip.Prefix{}
		}
		ip = a.AddrPort().Addr()
	default:
		p, err := netip.ParseAddrPort(a.String())
		if err != nil {
			return netip.Prefix{}
		}
		ip = p.Addr()
	}
	ip = ip.Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	p, _ := ip.Prefix(bits) // fails only for what is no address
	return p
}

// penalties remembers which addresses had binds fail, each with its own age.
type penalties struct {
	of    map[netip.Prefix]*list.Element // of *penalty
	order list.List                      // the one that failed last in front
}

type penalty struct {
	from     netip.Prefix
	failures int
	at       time.Time // of the last failure, or of what was forgiven since
}

// forgive takes off what time has healed.
func (p *penalty) forgive(now time.Time) {
	if n := int(now.Sub(p.at) / forgiveAfter); n > 0 {
		p.failures = max(0, p.failures-n)
		p.at = p.at.Add(time.Duration(n) * forgiveAfter)
	}
}

// fail counts a failure.
func (ps *penalties) fail(from netip.Prefix, now time.Time) {
	e := ps.of[from]
	if e == nil {
		if ps.of == nil {
			ps.of = make(map[netip.Prefix]*list.Element)
		}
		for len(ps.of) > 0 {
			last := ps.order.Back().Value.(*penalty)
			if last.forgive(now); last.failures > 0 && len(ps.of) < maxPenalties {
				break
			}
			delete(ps.of, last.from)
			ps.order.Remove(ps.order.Back())
		}
		e = ps.order.PushFront(&penalty{from: from})
		ps.of[from] = e
	} else {
		ps.order.MoveToFront(e)
	}
	p := e.Value.(*penalty)
	p.forgive(now)
	p.failures = min(p.failures+1, freeFailures+32)
	p.at = now
}

// wait returns how long a bind from an address is to wait.
func (ps *penalties) wait(from netip.Prefix, now time.Time, first, most time.Duration) time.Duration {
	e := ps.of[from]
	if e == nil || first <= 0 {
		return 0
	}
	p := e.Value.(*penalty)
	p.forgive(now)
	if p.failures < freeFailures {
		return 0
	}
	d := first
	for i := freeFailures; i < p.failures; i++ {
		if d *= 2; d >= most {
			p.failures = i + 1 // more would take longer to forgive and no longer to wait
			break
		}
	}
	return min(d, most)
}

// A meter admits requests at a rate; sessions may share it. The zero value admits
// all.
type meter struct {
	mu     sync.Mutex
	rate   Rate
	bucket bucket
	epoch  time.Time
}

func (m *meter) set(r Rate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rate == r {
		return
	}
	if m.epoch.IsZero() {
		m.epoch = time.Now()
	}
	earned := m.bucket.earned
	m.rate, m.bucket = r, newBucket(r)
	m.bucket.earned = earned
}

// admit takes n units, or reports that they are too many now. What is more than
// a burst needs a full burst, and is paid for by what comes after; credit is
// what may be missing besides.
func (m *meter) admit(now time.Time, n, credit int) bool {
	if m == nil {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b := &m.bucket
	if b.each == 0 {
		return true
	}
	at := float64(now.Sub(m.epoch))
	earned := max(b.earned, at)
	// A nanosecond of grace for what rounding took.
	if earned+min(float64(n)*b.each, b.credit)-b.credit-float64(credit)*b.each-at > 1 {
		return false
	}
	b.earned = earned + float64(n)*b.each
	return true
}

func (m *meter) refund(n int) {
	if m == nil {
		return
	}
	m.mu.Lock()
	m.bucket.giveBack(n)
	m.mu.Unlock()
}

// settled returns how long it takes until the meter is as good as new.
func (m *meter) settled(now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bucket.each == 0 {
		return 0
	}
	return max(0, time.Duration(min(m.bucket.earned-float64(now.Sub(m.epoch)), float64(far))))
}

// units returns what a request of an ESME counts as: its destinations, or one.
// Parts of a message after the first have credit: to refuse one in the middle
// would break the message. listLen is Account.ListLen, or nil.
func units(body pdu.Body, listLen func(string) int) (n, credit int) {
	messages, parts := weigh(body)
	if m, ok := body.(*pdu.SubmitMulti); ok && m != nil && listLen != nil {
		for i := range m.Dests { // each counts as one already
			if d := &m.Dests[i]; d.Flag == pdu.DestList || d.Flag == 0 && d.List != "" {
				parts += max(0, listLen(d.List)-1)
			}
		}
	}
	if parts > 0 && messages == 0 {
		return parts, partCredit * parts
	}
	return max(parts, 1), 0
}

// admits takes a request off the rates of the session and of its account, or
// reports that it is too much.
func (v *guest) admits(body pdu.Body) bool {
	if v.tally == nil {
		return true
	}
	now := time.Now()
	n, credit := units(body, v.listLen)
	if !v.meter.admit(now, n, credit) {
		return false
	}
	if !v.tally.meter.admit(now, n, credit) {
		v.meter.refund(n)
		return false
	}
	return true
}

// limited reports whether sessions of the account have to be counted.
func (a *Account) limited() bool {
	return a.MaxBinds > 0 || a.MaxTransmitters > 0 || a.MaxReceivers > 0 || a.MaxTransceivers > 0 || a.Rate.PerSecond > 0 || a.SessionRate.PerSecond > 0
}
