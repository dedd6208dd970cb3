package smpp

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// Defaults of Config and Server.
const (
	DefaultPort            = "2775" // of smpp:// URLs
	DefaultTLSPort         = "3550" // of ssmpp:// URLs
	DefaultWindow          = 10
	DefaultResponseTimeout = 60 * time.Second
	DefaultEnquireLink     = 30 * time.Second
	DefaultSessionInit     = 30 * time.Second
	DefaultLateGrace       = 60 * time.Second

	DefaultHandshakeTimeout    = 10 * time.Second
	DefaultAuthenticateTimeout = 60 * time.Second
)

// A BindMode chooses what a client binds for.
type BindMode uint8

// The bind modes.
const (
	Transceiver BindMode = iota // both directions; v3.4
	Transmitter                 // to submit
	Receiver                    // to be delivered to
)

func (m BindMode) String() string {
	switch m {
	case Transmitter:
		return "transmitter"
	case Receiver:
		return "receiver"
	}
	return "transceiver"
}

func (m BindMode) request(b pdu.Bind) pdu.BindRequest {
	switch m {
	case Transmitter:
		return &pdu.BindTransmitter{Bind: b}
	case Receiver:
		return &pdu.BindReceiver{Bind: b}
	}
	return &pdu.BindTransceiver{Bind: b}
}

// A Dialer makes the connection of a session; *net.Dialer is one.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Config says how a client binds and how its sessions behave. The zero value of
// each field is what most want. A Config may be used for many sessions and must
// not be changed while it is.
type Config struct {
	SystemID     string      // who binds, at most 15 octets
	Password     string      // at most 8 octets; never part of an error, a log or a dump
	SystemType   string      // at most 12 octets; empty as a rule
	Bind         BindMode    // zero: Transceiver
	AddressRange pdu.Address // addresses served by the session; empty as a rule
	BindTLVs     tlv.List    // sent with the bind

	// Version is the highest version of SMPP to speak; the message center may
	// settle for less. Zero: v3.4, which every message center knows.
	Version pdu.Version

	// ForceVersion is the version of the session whatever the two sides have
	// announced, for a message center that tells the wrong one. Zero: as agreed.
	ForceVersion pdu.Version

	// Handler gets what the message center sends: deliver_sm, data_sm,
	// alert_notification. Nil answers with StatusTemporaryAppError, so that the
	// message center keeps the message.
	Handler Handler

	// Window is how many requests may wait for their responses; sending more
	// blocks. Zero: 10; at most 1,048,576.
	Window int
	// InboundWindow is how many requests of the peer are handled at once. As
	// many again wait; more are refused with StatusTemporaryAppError. Zero: 10.
	InboundWindow int

	// IgnoreLoad keeps the window as large as it is whatever the message center
	// tells of its load. Otherwise a congestion_state (v5.0) from 90 on, StatusThrottled
	// and StatusQueueFull cut the window, to a single request and pauses of up to
	// five seconds in the end; each round trip that goes well gives one back.
	IgnoreLoad bool

	// Rates that sending keeps; beyond them it waits as it does for the window.
	// See Limiter for what counts as a message and what as a part.
	MessageRate Rate     // of this session; zero: no limit
	PartRate    Rate     // of this session; zero: no limit
	Limiter     *Limiter // of all sessions that share it; nil: none

	// Timers: zero is the default, negative is off.
	ResponseTimeout time.Duration // for a response, an enquire_link to be answered, a write to be taken; default 60 s
	EnquireLink     time.Duration // silence of the peer after which an enquire_link is sent; default 30 s
	Inactivity      time.Duration // time without a transaction after which the session is closed; default off
	LateGrace       time.Duration // for a response after its timeout to be told by Trace.Late, for the last 1024 requests; default 60 s
	SessionInit     time.Duration // for an outbind to come, where one is waited for; default 30 s

	TLSConfig *tls.Config   // for ssmpp URLs; nil verifies the server by the system's certificates
	Dialer    Dialer        // nil: a net.Dialer
	LocalAddr net.Addr      // address to dial from, with a nil Dialer
	Registry  *pdu.Registry // commands and TLVs; nil: pdu.Standard()

	// Strictness is how much of what is received is forgiven. Strict also refuses
	// commands that the version of the session does not have, and takes a message
	// center that does not tell its version for one without TLVs; ReportOnly tells
	// Trace.Irregular, or the log, what Strict would have refused.
	Strictness pdu.Strictness
	MaxPDU     int // octets of a PDU that is accepted; zero: pdu.DefaultMaxLen

	Logger *slog.Logger // for what no error reports, such as a panic of a handler; nil: slog.Default()
	Trace  *Trace       // nil: none
}

// options is what both sides of a session have.
type options struct {
	window, inbound int
	heedless        bool // an ESME that ignores the load of the message center
	tellsNothing    bool // a message center that keeps its load to itself
	congestion      func(measured pdu.Congestion) pdu.Congestion
	messages, parts Rate     // of each session
	limiter         *Limiter // of all that share it
	periods
	grace      time.Duration // for late responses
	forced     pdu.Version   // of an ESME; 0: as agreed
	reg        *pdu.Registry
	strictness pdu.Strictness
	maxPDU     int
	log        *slog.Logger
	trace      *Trace
	decoders   sync.Pool // of *pdu.Codec, lent to readers while they have something to read
}

func (o *options) decoder() *pdu.Codec {
	if c, ok := o.decoders.Get().(*pdu.Codec); ok {
		return c
	}
	c := pdu.NewCodec(o.reg, pdu.V50)
	c.SetStrictness(o.strictness)
	return c
}

func timer(d, zero time.Duration) time.Duration {
	switch {
	case d < 0:
		return 0
	case d == 0:
		return zero
	}
	return min(d, 10*365*24*time.Hour)
}

const (
	maxWindow = 1 << 20
	maxMaxPDU = 1 << 30
)

func windowOf(n int) int { return min(orElse(max(n, 0), DefaultWindow), maxWindow) }

func maxPDUOf(n int) int { return min(orElse(max(n, 0), pdu.DefaultMaxLen), maxMaxPDU) }

func orElse[T comparable](v, zero T) T {
	var z T
	if v == z {
		return zero
	}
	return v
}

func (c *Config) options() *options {
	return &options{
		window:   windowOf(c.Window),
		inbound:  windowOf(c.InboundWindow),
		heedless: c.IgnoreLoad,
		grace:    timer(c.LateGrace, DefaultLateGrace),
		forced:   c.ForceVersion,
		messages: c.MessageRate,
		parts:    c.PartRate,
		limiter:  c.Limiter,
		periods: periods{
			response:    timer(c.ResponseTimeout, DefaultResponseTimeout),
			enquireLink: timer(c.EnquireLink, DefaultEnquireLink),
			inactivity:  timer(c.Inactivity, 0),
		},
		reg:        orElse(c.Registry, pdu.Standard()),
		strictness: c.Strictness,
		maxPDU:     maxPDUOf(c.MaxPDU),
		log:        orElse(c.Logger, slog.Default()),
		trace:      orElse(c.Trace, &noTrace),
	}
}

var noTrace Trace
