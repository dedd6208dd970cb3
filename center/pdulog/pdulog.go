// Package pdulog writes the PDUs of SMPP sessions to pcapng files, which
// Wireshark and "smpp decode" open: as they were, at their times, on the TCP
// connections that they came on, and readable also where these were encrypted.
// Passwords and the texts of messages are masked unless asked for.
package pdulog

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

// Defaults of Config.
const (
	DefaultMaxSize = 100 << 20
	DefaultKeep    = 4
)

// Config says what is written. The zero value logs all sessions, with passwords
// and texts masked.
type Config struct {
	// SystemID, when set, limits the log to the sessions that bind, or try to,
	// with this system_id.
	SystemID string

	// Passwords and Texts keep what is masked otherwise: the passwords of binds
	// and outbinds; the texts of messages, in short_message and message_payload,
	// and the whole body of what cannot be read or is of an unknown command. What
	// is masked has its octets replaced by asterisks, so that all lengths are
	// what they were; user data headers and the numbers in receipts stay.
	Passwords, Texts bool

	// MaxSize is how many octets a file may have before the next is begun. Zero:
	// DefaultMaxSize. Keep is how many full ones are kept beside it, under names
	// with a number: the one ending in .1 before its extension is the youngest.
	// Zero: DefaultKeep; negative: none.
	MaxSize int64
	Keep    int

	Registry *pdu.Registry // of the sessions; nil: pdu.Standard()
	Logger   *slog.Logger  // told once when writing fails; nil: slog.Default()
}

// Bounds of what waits to be written, and of what is held back of a session
// until its bind tells whose it is.
const (
	mostRecords = 1 << 14
	mostOctets  = 16 << 20
	mostHeld    = 64 << 10
)

// A Log is a file, or a series of them, that PDUs are written to. Its methods
// may be called concurrently.
type Log struct {
	cfg     Config
	dropped atomic.Int64
	queue   chan record
	waiting atomic.Int64  // octets in queue
	stop    chan struct{} // closed by Close
	written chan struct{} // closed when all is
	err     error         // of writing; read once written is closed

	mu       sync.Mutex
	sessions map[*smpp.Session]*conversation
	count    int
	closed   bool
}

// A record is one packet to be: octets that one side sent, or a flag.
type record struct {
	at       time.Time
	from, to netip.AddrPort
	seq, ack uint32
	flags    tcpFlags
	frame    []byte
}

type tcpFlags uint8

const (
	syn tcpFlags = 1 << iota
	fin
	onlyACK
)

// A conversation is a session as a TCP connection.
type conversation struct {
	local, remote       netip.AddrPort
	localSeq, remoteSeq uint32 // of the next octet of each side
	logged              bool   // else it is not known yet whether it is
	ignored             bool
	held                []record
	heldOctets          int
}

// Open begins a log in the file at path. What is there under this name already
// is kept as a full file is.
func Open(path string, cfg Config) (*Log, error) {
	if cfg.MaxSize <= 0 {
		cfg.MaxSize = DefaultMaxSize
	}
	if cfg.Keep == 0 {
		cfg.Keep = DefaultKeep
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	w := &writer{path: path, cfg: cfg}
	if err := w.begin(); err != nil {
		return nil, err
	}
	l := &Log{
		cfg: cfg, queue: make(chan record, mostRecords), stop: make(chan struct{}), written: make(chan struct{}),
		sessions: map[*smpp.Session]*conversation{},
	}
	go l.write(w)
	return l, nil
}

// Trace returns hooks for a Config or Server whose sessions are to be logged.
// They call those of next, too; nil: there are none. PDUs are logged from the
// beginning of a session, so set them before it begins.
func (l *Log) Trace(next *smpp.Trace) *smpp.Trace {
	var t smpp.Trace
	if next != nil {
		t = *next
	}
	sent, received := t.Sent, t.Received
	t.Sent = func(s *smpp.Session, frame []byte) {
		l.add(s, frame, true)
		if sent != nil {
			sent(s, frame)
		}
	}
	t.Received = func(s *smpp.Session, frame []byte) {
		l.add(s, frame, false)
		if received != nil {
			received(s, frame)
		}
	}
	return &t
}

// Dropped returns how many PDUs are missing in the log, since the disk did not
// keep up or failed. Readers see them as octets that were not captured.
func (l *Log) Dropped() int64 { return l.dropped.Load() }

// Close writes what has gathered and closes the file. It returns the first
// error of writing.
func (l *Log) Close() error {
	l.mu.Lock()
	if !l.closed {
		for s := range l.sessions {
			select {
			case <-s.Done():
				l.end(s)
			default: // lives on, unseen
			}
		}
		l.closed = true
		close(l.stop)
		close(l.queue)
	}
	l.mu.Unlock()
	<-l.written
	return l.err
}

// add takes a PDU. It is called with locks of the session held: nothing here
// waits, or asks the session for what is behind them.
func (l *Log) add(s *smpp.Session, frame []byte, sent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	c := l.sessions[s]
	if c == nil {
		select {
		case <-s.Done(): // it is over, and is not begun again
			return
		default:
		}
		c = l.begin(s)
	}
	if c.ignored {
		return
	}
	r := record{at: time.Now(), frame: bytes.Clone(frame)}
	from, to := &c.remoteSeq, &c.localSeq
	r.from, r.to = c.remote, c.local
	if sent {
		from, to = to, from
		r.from, r.to = r.to, r.from
	}
	r.seq, r.ack = *from, *to
	*from += uint32(len(frame))
	l.put(c, r)
	if c.logged {
		return
	}
	if id, ok := whoBinds(frame); ok {
		if id != l.cfg.SystemID {
			c.ignored, c.held = true, nil
			return
		}
		c.logged = true
		for _, r := range c.held {
			l.put(c, r)
		}
		c.held = nil
	}
}

// put has a record written, or holds it back.
func (l *Log) put(c *conversation, r record) {
	n := len(r.frame)
	switch {
	case !c.logged && c.heldOctets+n > mostHeld:
		l.dropped.Add(1)
	case !c.logged:
		c.held = append(c.held, r)
		c.heldOctets += n + 64
	case l.waiting.Load()+int64(n) > mostOctets:
		l.dropped.Add(1)
	default:
		select {
		case l.queue <- r:
			l.waiting.Add(int64(n))
		default:
			l.dropped.Add(1)
		}
	}
}

// begin starts a conversation, by a handshake.
func (l *Log) begin(s *smpp.Session) *conversation {
	l.count++
	c := &conversation{localSeq: 1, remoteSeq: 1, logged: l.cfg.SystemID == ""}
	c.local, c.remote = addresses(s, l.count)
	l.sessions[s] = c
	now, caller, callee := time.Now(), c.local, c.remote
	if s.Side() == smpp.MC {
		caller, callee = callee, caller
	}
	l.put(c, record{at: now, from: caller, to: callee, flags: syn})
	l.put(c, record{at: now, from: callee, to: caller, ack: 1, flags: syn})
	l.put(c, record{at: now, from: caller, to: callee, seq: 1, ack: 1, flags: onlyACK})
	go func() {
		select {
		case <-s.Done():
			l.mu.Lock()
			defer l.mu.Unlock()
			l.end(s)
		case <-l.stop:
		}
	}()
	return c
}

// end ends a conversation, so that its addresses may be those of another. l.mu
// is held.
func (l *Log) end(s *smpp.Session) {
	c := l.sessions[s]
	delete(l.sessions, s)
	if l.closed || c == nil || !c.logged {
		return
	}
	now := time.Now()
	l.put(c, record{at: now, from: c.local, to: c.remote, seq: c.localSeq, ack: c.remoteSeq, flags: fin})
	l.put(c, record{at: now, from: c.remote, to: c.local, seq: c.remoteSeq, ack: c.localSeq + 1, flags: fin})
	l.put(c, record{at: now, from: c.local, to: c.remote, seq: c.localSeq + 1, ack: c.remoteSeq + 1, flags: onlyACK})
}

// addresses returns those of the two sides. A connection that is none of TCP
// gets some.
func addresses(s *smpp.Session, n int) (local, remote netip.AddrPort) {
	of := func(a net.Addr, mc bool) netip.AddrPort {
		if t, ok := a.(*net.TCPAddr); ok {
			if ap := t.AddrPort(); ap.Addr().IsValid() {
				return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
			}
		}
		port := uint16(2775)
		if !mc {
			port = uint16(49152 + n%16384)
		}
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
	}
	mc := s.Side() == smpp.MC
	local, remote = of(s.LocalAddr(), mc), of(s.RemoteAddr(), !mc)
	if local.Addr().Is4() != remote.Addr().Is4() { // behind a proxy
		as6 := func(a netip.AddrPort) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()), a.Port())
		}
		local, remote = as6(local), as6(remote)
	}
	return local, remote
}

// whoBinds returns the system_id of a bind request.
func whoBinds(frame []byte) (systemID string, ok bool) {
	switch pdu.CommandID(binary.BigEndian.Uint32(frame[4:])) {
	case pdu.IDBindReceiver, pdu.IDBindTransmitter, pdu.IDBindTransceiver:
		id, _, _ := bytes.Cut(frame[pdu.HeaderLen:], []byte{0})
		return string(id), true
	}
	return "", false
}
