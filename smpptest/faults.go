package smpptest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

// A Fault is what befalls one PDU on its way.
type Fault uint64

// The faults. Those that are about one PDU leave the PDUs after it alone.
const (
	Passed     Fault = iota // none: it arrives
	Delayed                 // it arrives a second later, and so does what comes behind it; see DelayedBy
	Dropped                 // it never arrives
	Duplicated              // it arrives twice
	Overtaken               // the next one in its direction arrives first, or, if there is none, it arrives a second later
	Trickled                // it arrives one octet at a time
	Malformed               // it arrives with a body that does not decode; its header is right, its length too
	Garbled                 // it arrives with a command_length that cannot be, so that nothing after it can be understood
	Truncated               // some of its octets arrive, then the connection is closed
	Stalled                 // nothing arrives any more, in both directions, and the connection stays open: a peer half-open
	Refused                 // a request: it does not arrive, and is answered with pdu.StatusSystemError; see RefusedWith
)

// Throttled is Refused, with pdu.StatusThrottled.
const Throttled = Refused | Fault(pdu.StatusThrottled)<<faultKindBits

const (
	faultKindBits = 8
	faultKindMask = 1<<faultKindBits - 1
)

// RefusedWith is Refused, with a status. What has no response passes.
func RefusedWith(status pdu.Status) Fault { return Refused | Fault(status)<<faultKindBits }

// DelayedBy is Delayed, for a time that counts in microseconds.
func DelayedBy(d time.Duration) Fault {
	return Delayed | Fault(max(d.Microseconds(), 0))<<faultKindBits
}

// Kind returns the fault without what RefusedWith and DelayedBy add to it.
func (f Fault) Kind() Fault { return f & faultKindMask }

var faultNames = [...]string{"passed", "delayed", "dropped", "duplicated", "overtaken", "trickled", "malformed", "garbled", "truncated", "stalled", "refused"}

func (f Fault) String() string {
	k := f.Kind()
	if int(k) >= len(faultNames) {
		return fmt.Sprintf("fault %d", uint64(f))
	}
	name := faultNames[k]
	switch {
	case f == k:
	case k == Delayed:
		name += " by " + f.delay().String()
	case k == Refused:
		name += " with " + f.status().String()
	}
	return name
}

func (f Fault) delay() time.Duration {
	if n := f >> faultKindBits; n > 0 {
		return time.Duration(n) * time.Microsecond
	}
	return time.Second
}

func (f Fault) status() pdu.Status {
	if n := f >> faultKindBits; n > 0 {
		return pdu.Status(n)
	}
	return pdu.StatusSystemError
}

// Faults make connections go wrong, PDU by PDU: where a test says so, by Next
// and Decide, and by chance. The zero value lets everything pass.
//
// Put them on the connections of a client with Config.Dialer, on those of a
// server with Server.Faults or Listener, or on any connection with Conn. They
// look at PDUs, so TLS has to be beneath them, as it is in Server.Faults. They
// work in the bubbles of testing/synctest. What is no PDU passes as it is.
//
// The choices of chance hang on Seed, the number of the connection, the direction,
// the number of the PDU in it and the commands of the PDUs so far, and on nothing
// else: the same seed makes the same faults for the same traffic, however
// goroutines run. The fields must not be changed once a connection is made.
type Faults struct {
	Seed     uint64
	Sent     Rates // of what is written to the connections
	Received Rates // of what is read from them

	// Match chooses the PDUs that faults may befall by chance, latency aside. Nil:
	// all but binds and their responses.
	Match func(h pdu.Header) bool

	// Decide, when set, is asked about each PDU before chance is; false leaves
	// it to chance. It may be called by many goroutines at once, and may block:
	// that holds up its direction of the connection.
	Decide func(p Passing) (f Fault, decided bool)

	// Observe, when set, is told of each fault but Passed. It may be called by
	// many goroutines at once.
	Observe func(p Passing, f Fault)

	Dialer smpp.Dialer // of DialContext; nil: a net.Dialer

	mu     sync.Mutex
	conns  int
	next   map[pdu.CommandID][]Fault
	counts map[Fault]int
}

// Rates say how often faults befall the PDUs of one direction. Each is the
// probability for one PDU, from 0 to 1; at most one befalls it, so that their
// sum is to be at most 1.
type Rates struct {
	Drop, Duplicate, Overtake, Trickle, Malform, Garble, Truncate, Stall float64

	// Refuse is the probability of a request that has a response to be refused,
	// with Status (zero: pdu.StatusThrottled), and so are the ones that follow it,
	// up to Burst in all (zero: 1).
	Refuse float64
	Status pdu.Status
	Burst  int

	// RefuseBind is the probability of a bind to be refused, with BindStatus
	// (zero: pdu.StatusBindFailed), whatever Match says.
	RefuseBind float64
	BindStatus pdu.Status

	// Latency is how long each PDU is under way. Order is kept. Nil: no time.
	Latency Distribution
}

// A Distribution returns a random duration. It must use r alone, so that it can
// be repeated.
type Distribution func(r *rand.Rand) time.Duration

// Constant is a Distribution of one value.
func Constant(d time.Duration) Distribution { return func(*rand.Rand) time.Duration { return d } }

// Uniform is the Distribution in which all durations from least to most are as
// likely.
func Uniform(least, most time.Duration) Distribution {
	return func(r *rand.Rand) time.Duration {
		return least + time.Duration(r.Float64()*float64(most-least))
	}
}

// Normal is the normal Distribution, without what would be below zero.
func Normal(mean, deviation time.Duration) Distribution {
	return func(r *rand.Rand) time.Duration {
		return max(0, mean+time.Duration(r.NormFloat64()*float64(deviation)))
	}
}

// Exponential is the exponential Distribution: mostly short, at times long.
func Exponential(mean time.Duration) Distribution {
	return func(r *rand.Rand) time.Duration { return time.Duration(r.ExpFloat64() * float64(mean)) }
}

// Passing is a PDU on its way through Faults.
type Passing struct {
	Conn   int  // number of the connection, from 1, in the order in which they were made
	N      int  // number of the PDU in its direction of the connection, from 1
	Sent   bool // it is written to the connection, not read from it
	Header pdu.Header
	Frame  []byte // the whole PDU; to be read only
}

// Next makes faults befall the next PDUs of a command, one each, on whatever
// connection and in whatever direction they come. They come after what earlier
// calls left.
func (f *Faults) Next(command pdu.CommandID, faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next == nil {
		f.next = make(map[pdu.CommandID][]Fault)
	}
	f.next[command] = append(f.next[command], faults...)
}

// Pending returns how many faults of Next have not befallen a PDU yet.
func (f *Faults) Pending() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, faults := range f.next {
		n += len(faults)
	}
	return n
}

// Counts returns how often each kind of fault has befallen a PDU.
func (f *Faults) Counts() map[Fault]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts := make(map[Fault]int, len(f.counts))
	for k, n := range f.counts {
		counts[k] = n
	}
	return counts
}

// DialContext makes f the Dialer of a smpp.Config.
func (f *Faults) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d := f.Dialer
	if d == nil {
		d = new(net.Dialer)
	}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return f.Conn(conn), nil
}

// Listener puts f on the connections that l accepts.
func (f *Faults) Listener(l net.Listener) net.Listener { return &faultyListener{l, f} }

type faultyListener struct {
	net.Listener
	f *Faults
}

func (l *faultyListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.f.Conn(conn), nil
}

// Conn puts f on a connection, which the result owns from now on. Closing the
// result makes what is under way arrive at once and then closes conn, ten seconds
// later at most if the peer does not read.
func (f *Faults) Conn(conn net.Conn) net.Conn {
	f.mu.Lock()
	f.conns++
	n := f.conns
	f.mu.Unlock()
	near, far := Pipe()
	c := &faultyConn{Conn: near, far: far, under: conn, closing: make(chan struct{}), stalled: make(chan struct{}), dead: make(chan struct{})}
	sent := f.lane(c, n, true)
	received := f.lane(c, n, false)
	sent.back, received.back = received, sent
	var lanes sync.WaitGroup
	for _, l := range []*lane{sent, received} {
		lanes.Go(l.read)
		lanes.Go(l.write)
	}
	go func() {
		lanes.Wait()
		c.shut()
	}()
	return c
}

// faultyConn is the near end of a pipe, between whose far end and the
// connection two lanes carry PDUs.
type faultyConn struct {
	net.Conn
	far, under net.Conn
	closing    chan struct{} // closed: by the user
	stalled    chan struct{} // closed: nothing passes any more
	dead       chan struct{} // closed: all is over

	mu       sync.Mutex
	isClosed bool // by the user
	isStall  bool
	isDead   bool
	patience *time.Timer // for what was written before Close
}

// patience is how long the octets that were written before Close have to arrive.
const patience = 10 * time.Second

func (c *faultyConn) LocalAddr() net.Addr  { return c.under.LocalAddr() }
func (c *faultyConn) RemoteAddr() net.Addr { return c.under.RemoteAddr() }

func (c *faultyConn) CloseWrite() error {
	return c.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

func (c *faultyConn) Close() error {
	c.mu.Lock()
	stalled := c.isStall
	if !c.isClosed {
		close(c.closing)
		if !c.isDead {
			c.patience = time.AfterFunc(patience, c.shut)
		}
	}
	c.isClosed = true
	c.mu.Unlock()
	err := c.Conn.Close()
	if stalled {
		c.shut()
	}
	return err
}

func (c *faultyConn) stall() {
	c.mu.Lock()
	first, closed := !c.isStall, c.isClosed
	c.isStall = true
	c.mu.Unlock()
	if first {
		close(c.stalled)
	}
	if closed {
		c.shut()
	}
}

// shut closes both sides at once.
func (c *faultyConn) shut() {
	c.mu.Lock()
	first := !c.isDead
	c.isDead = true
	if c.patience != nil {
		c.patience.Stop()
	}
	c.mu.Unlock()
	if first {
		close(c.dead)
		_ = c.under.Close()
		_ = c.far.Close()
	}
}

// ended passes on that one side writes nothing more.
func (c *faultyConn) ended(sent bool) {
	c.mu.Lock()
	closed := c.isClosed
	c.mu.Unlock()
	dst := c.far
	if sent {
		dst = c.under
	}
	w, ok := dst.(interface{ CloseWrite() error })
	if !ok || sent && closed {
		c.shut()
		return
	}
	_ = w.CloseWrite()
}

// A lane carries PDUs in one direction.
type lane struct {
	f        *Faults
	c        *faultyConn
	conn     int
	sent     bool
	src, dst net.Conn
	rates    *Rates
	back     *lane // the other direction

	rand  *rand.Rand
	n     int
	burst int       // requests left to be refused
	last  time.Time // when the last PDU is due

	mu      sync.Mutex
	items   []item
	octets  int
	ended   bool          // nothing will be added by read
	changed chan struct{} // has a value when there is more, or ended is set
	room    chan struct{} // has a value when there is less
}

// laneLimit is how many octets may be under way in a lane before it reads no
// more.
const laneLimit = 256 << 10

type item struct {
	frame []byte
	fault Fault
	due   time.Time
	rand  *rand.Rand // of this PDU
}

func (f *Faults) lane(c *faultyConn, conn int, sent bool) *lane {
	l := &lane{f: f, c: c, conn: conn, sent: sent, src: c.under, dst: c.far, rates: &f.Received,
		changed: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	stream := uint64(conn) << 1
	if sent {
		l.src, l.dst, l.rates = c.far, c.under, &f.Sent
		stream |= 1
	}
	l.rand = rand.New(rand.NewPCG(f.Seed, stream))
	return l
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// push adds to what is under way. It does not block.
func (l *lane) push(it item) {
	l.mu.Lock()
	l.items = append(l.items, it)
	l.octets += len(it.frame)
	l.mu.Unlock()
	signal(l.changed)
}

// read takes PDUs from the source and decides what befalls them.
func (l *lane) read() {
	defer func() {
		l.mu.Lock()
		l.ended = true
		l.mu.Unlock()
		signal(l.changed)
	}()
	var in []byte
	buf := make([]byte, 4096)
	framed := true
	for {
		for framed {
			frame, _, err := pdu.Split(in, 16<<20)
			if err != nil {
				framed = false
			}
			if frame == nil {
				break
			}
			in = in[len(frame):]
			l.take(slices.Clone(frame))
		}
		if !framed && len(in) > 0 {
			l.push(item{frame: in, due: l.last})
			in = nil
		}
		if !l.roomy() {
			return
		}
		n, err := l.src.Read(buf)
		in = append(in, buf[:n]...)
		if err != nil {
			if len(in) > 0 {
				l.push(item{frame: in, due: l.last})
			}
			return
		}
	}
}

// roomy waits until the lane may read on, or reports that it must not.
func (l *lane) roomy() bool {
	for {
		select {
		case <-l.c.stalled:
			<-l.c.dead
			return false
		case <-l.c.dead:
			return false
		default:
		}
		l.mu.Lock()
		full := l.octets > laneLimit
		l.mu.Unlock()
		if !full {
			return true
		}
		select {
		case <-l.room:
		case <-l.c.stalled:
		case <-l.c.dead:
		}
	}
}

// take decides what befalls a PDU.
func (l *lane) take(frame []byte) {
	l.n++
	h, _, _ := pdu.ParseHeader(frame)
	p := Passing{Conn: l.conn, N: l.n, Sent: l.sent, Header: h, Frame: frame}
	chance, detail := l.rand.Float64(), l.rand.Uint64() // always both, so that one PDU does not change the lot of the next
	own := rand.New(rand.NewPCG(detail, uint64(l.n)))
	now := time.Now()
	if l.rates.Latency != nil {
		now = now.Add(l.rates.Latency(own))
	}
	if now.After(l.last) {
		l.last = now
	}
	fault := l.f.decide(p, func() Fault { return l.chance(h, chance) })
	if fault.Kind() == Refused && !hasResponse(h.Command) {
		fault = Passed
	}
	if fault != Passed {
		l.f.note(p, fault)
	}
	switch fault.Kind() {
	case Dropped:
		return
	case Refused:
		answer, err := pdu.Append(nil, pdu.Header{Command: h.Command.Response(), Status: fault.status(), Sequence: h.Sequence}, nil)
		if err == nil {
			l.back.push(item{frame: answer, due: l.last})
		}
		return
	case Delayed:
		l.last = l.last.Add(fault.delay())
	}
	l.push(item{frame: frame, fault: fault.Kind(), due: l.last, rand: own})
}

func hasResponse(id pdu.CommandID) bool {
	return !id.IsResponse() && !pdu.Standard().Notice(id)
}

func isBind(id pdu.CommandID) bool {
	switch id {
	case pdu.IDBindTransceiver, pdu.IDBindTransmitter, pdu.IDBindReceiver:
		return true
	}
	return false
}

// decide asks those that may decide, in their order.
func (f *Faults) decide(p Passing, chance func() Fault) Fault {
	f.mu.Lock()
	if q := f.next[p.Header.Command]; len(q) > 0 {
		f.next[p.Header.Command] = q[1:]
		f.mu.Unlock()
		return q[0]
	}
	f.mu.Unlock()
	if f.Decide != nil {
		if fault, ok := f.Decide(p); ok {
			return fault
		}
	}
	return chance()
}

func (f *Faults) note(p Passing, fault Fault) {
	f.mu.Lock()
	if f.counts == nil {
		f.counts = make(map[Fault]int)
	}
	f.counts[fault.Kind()]++
	f.mu.Unlock()
	if f.Observe != nil {
		f.Observe(p, fault)
	}
}

// chance turns a number from 0 to 1 into a fault.
func (l *lane) chance(h pdu.Header, u float64) Fault {
	r := l.rates
	bind := isBind(h.Command)
	if bind {
		if u < r.RefuseBind {
			return RefusedWith(orElse(r.BindStatus, pdu.StatusBindFailed))
		}
		u -= r.RefuseBind
	}
	if l.f.Match != nil && !l.f.Match(h) || l.f.Match == nil && isBind(h.Command.Request()) {
		return Passed
	}
	refusable := hasResponse(h.Command) && !bind
	if l.burst > 0 && refusable {
		l.burst--
		return RefusedWith(orElse(r.Status, pdu.StatusThrottled))
	}
	for _, c := range [...]struct {
		rate  float64
		fault Fault
	}{
		{r.Drop, Dropped}, {r.Duplicate, Duplicated}, {r.Overtake, Overtaken}, {r.Trickle, Trickled}, {r.Malform, Malformed},
		{r.Garble, Garbled}, {r.Truncate, Truncated}, {r.Stall, Stalled},
	} {
		if u < c.rate {
			return c.fault
		}
		u -= c.rate
	}
	if u < r.Refuse && refusable {
		l.burst = max(r.Burst, 1) - 1
		return RefusedWith(orElse(r.Status, pdu.StatusThrottled))
	}
	return Passed
}

func orElse[T comparable](v, zero T) T {
	var none T
	if v == none {
		return zero
	}
	return v
}

// overtime is how long a PDU waits to be overtaken.
const overtime = time.Second

// write takes what is under way to its end when it is due.
func (l *lane) write() {
	var held [][]byte
	broken := false
	put := func(b []byte) {
		if broken {
			return
		}
		if _, err := l.dst.Write(b); err != nil {
			broken = true // the other lane finds out by itself; until then nothing is to be had here
		}
	}
	release := func() {
		for _, frame := range held {
			put(frame)
		}
		held = nil
	}
	for {
		it, ok, late := l.pop(len(held) > 0)
		if late {
			release()
			continue
		}
		if !ok || !l.until(it.due) {
			release()
			l.c.ended(l.sent)
			return
		}
		switch it.fault {
		case Overtaken:
			held = append(held, it.frame)
			continue
		case Duplicated:
			put(it.frame)
			put(it.frame)
		case Trickled:
			for i := range it.frame {
				put(it.frame[i : i+1])
			}
		case Malformed:
			put(malform(it.frame, it.rand))
		case Garbled:
			put(garble(it.frame, it.rand))
		case Truncated:
			put(it.frame[:1+it.rand.IntN(len(it.frame)-1)])
			l.c.shut()
			return
		case Stalled:
			l.c.stall()
			continue
		default:
			put(it.frame)
		}
		release()
	}
}

// pop waits for what is next under way. ok is false at the end; late is true
// when nothing came for a while and limited is set.
func (l *lane) pop(limited bool) (it item, ok, late bool) {
	var timeout <-chan time.Time
	var closing <-chan struct{}
	if limited {
		closing = l.c.closing
		t := time.NewTimer(overtime)
		defer t.Stop()
		timeout = t.C
	}
	for {
		select {
		case <-l.c.stalled:
			<-l.c.dead
			return item{}, false, false
		case <-l.c.dead:
			return item{}, false, false
		default:
		}
		l.mu.Lock()
		if len(l.items) > 0 {
			it = l.items[0]
			l.items[0] = item{}
			l.items = l.items[1:]
			l.octets -= len(it.frame)
			l.mu.Unlock()
			signal(l.room)
			return it, true, false
		}
		l.items = nil
		ended := l.ended
		l.mu.Unlock()
		if ended {
			return item{}, false, false
		}
		select {
		case <-l.changed:
		case <-timeout:
			return item{}, false, true
		case <-closing:
			return item{}, false, true
		case <-l.c.stalled:
		case <-l.c.dead:
		}
	}
}

// until waits for a moment, or reports that the connection ended first.
func (l *lane) until(due time.Time) bool {
	d := time.Until(due)
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.c.closing:
		return true
	case <-l.c.stalled:
		<-l.c.dead
		return false
	case <-l.c.dead:
		return false
	}
}

// malform returns a PDU with a body that does not decode, whatever the command.
func malform(frame []byte, r *rand.Rand) []byte {
	resize := func(b []byte) []byte {
		binary.BigEndian.PutUint32(b, uint32(len(b)))
		return b
	}
	var forms [][]byte
	if n := len(frame) - pdu.HeaderLen; n > 0 {
		forms = append(forms, resize(slices.Clone(frame[:pdu.HeaderLen+r.IntN(n)])))
	}
	forms = append(forms,
		resize(append(slices.Clone(frame), 0x14, 0x00, 0xFF, 0xFF)), // a TLV that is longer than its PDU
		resize([]byte(string(frame[:pdu.HeaderLen])+strings.Repeat("\xFF", 300))))
	for _, form := range forms {
		if _, _, err := pdu.Decode(form); err != nil {
			return form
		}
	}
	return forms[len(forms)-1]
}

// garble returns a PDU with an impossible length.
func garble(frame []byte, r *rand.Rand) []byte {
	frame = slices.Clone(frame)
	length := uint32(r.IntN(pdu.HeaderLen))
	if r.IntN(2) == 0 {
		length = 0x7F000000 | r.Uint32()
	}
	binary.BigEndian.PutUint32(frame, length)
	return frame
}
