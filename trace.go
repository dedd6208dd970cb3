package smpp

import (
	"context"
	"log/slog"
	"net/url"
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

// A Trace holds functions that are called as things happen to a session. Unset
// ones cost nothing. They are called on the way, some with locks held, and must
// neither block nor use the session, apart from its Side, State and addresses;
// octets are theirs for the time of the call only. What they are given includes
// passwords and texts; pdu.Registry.AppendDump hides the passwords, and LogTrace
// shows neither.
type Trace struct {
	Connected func(s *Session)                 // a session has begun
	Bound     func(s *Session)                 // it is bound; called without locks
	State     func(s *Session, from, to State) // it has changed its state
	Ended     func(s *Session, err error)      // it has ended; called without locks

	Sent     func(s *Session, frame []byte) // a PDU is about to be written
	Received func(s *Session, frame []byte) // a PDU was read

	// Response is called for each response that answers a request, before the
	// request is told, with the time since it was handed to the connection.
	Response func(s *Session, h pdu.Header, latency time.Duration)

	// Late is called for a response to a request that was given up: it got no
	// response in time, or its context ended.
	Late func(s *Session, late LateResponse)

	// Dropped is called for a response that answers no request that is known.
	Dropped func(s *Session, h pdu.Header)

	// WindowFull is called when a sender starts to wait for a slot of the
	// window, and Waited when it has one or gives up, with the time it waited.
	WindowFull func(s *Session)
	Waited     func(s *Session, d time.Duration)

	// Window is called when what the peer tells of its load has changed the
	// number of requests that may wait for their responses, or the pause before
	// each request.
	Window func(s *Session, window int, pause time.Duration)

	// Irregular is called, with pdu.ReportOnly, for what pdu.Strict would have
	// refused and was let pass. Without it, that is logged as a warning.
	Irregular func(s *Session, h pdu.Header, err error)
}

// A LateResponse is a response that came when nobody waited for it any more.
type LateResponse struct {
	Request pdu.CommandID // what it answers; the sequence number is that of the header
	Header  pdu.Header    // of the response
	Body    pdu.Body      // nil if the response is a header alone or malformed
	After   time.Duration // since the request was sent, to within the coarseness of the timers
}

// LogTrace returns a trace that logs sessions as they come and go (info), what
// is out of the ordinary (warn) and every PDU (debug), without a password or the
// text of a message. A nil log is slog.Default().
func LogTrace(log *slog.Logger) *Trace {
	if log == nil {
		log = slog.Default()
	}
	ctx := context.Background()
	at := func(level slog.Level, s *Session, msg string, args ...any) {
		if log.Enabled(ctx, level) {
			log.Log(ctx, level, msg, append([]any{"side", s.side.String(), "remote", s.conn.RemoteAddr()}, args...)...)
		}
	}
	frame := func(msg string) func(*Session, []byte) {
		return func(s *Session, frame []byte) {
			if !log.Enabled(ctx, slog.LevelDebug) {
				return
			}
			h, n, err := pdu.ParseHeader(frame)
			if err != nil {
				return
			}
			at(slog.LevelDebug, s, msg, "command", h.Command.String(), "sequence", h.Sequence, "status", h.Status.String(), "octets", n)
		}
	}
	return &Trace{
		Connected: func(s *Session) { at(slog.LevelInfo, s, "smpp: connected") },
		Bound: func(s *Session) {
			at(slog.LevelInfo, s, "smpp: bound", "system_id", s.SystemID(), "mode", s.BindMode().String(), "version", s.Version().String())
		},
		State: func(s *Session, from, to State) {
			at(slog.LevelDebug, s, "smpp: state", "from", from.String(), "to", to.String())
		},
		Ended:    func(s *Session, err error) { at(slog.LevelInfo, s, "smpp: ended", "reason", err) },
		Sent:     frame("smpp: sent"),
		Received: frame("smpp: received"),
		Late: func(s *Session, l LateResponse) {
			at(slog.LevelWarn, s, "smpp: late response", "command", l.Header.Command.String(), "sequence", l.Header.Sequence, "status", l.Header.Status.String(), "after", l.After)
		},
		Dropped: func(s *Session, h pdu.Header) {
			at(slog.LevelWarn, s, "smpp: response to nothing", "command", h.Command.String(), "sequence", h.Sequence, "status", h.Status.String())
		},
		Window: func(s *Session, window int, pause time.Duration) {
			at(slog.LevelWarn, s, "smpp: window changed by the load of the peer", "window", window, "pause", pause)
		},
		Irregular: func(s *Session, h pdu.Header, err error) {
			at(slog.LevelWarn, s, "smpp: irregular PDU", "command", h.Command.String(), "sequence", h.Sequence, "error", err)
		},
	}
}

// LogValue shows which session it is.
func (s *Session) LogValue() slog.Value {
	return slog.GroupValue(slog.String("side", s.side.String()), slog.String("state", s.State().String()),
		slog.String("remote", s.RemoteAddr().String()), slog.String("system_id", s.SystemID()))
}

// String shows what LogValue does, for formats such as %v, which would go through what the session is just using.
func (s *Session) String() string { return s.LogValue().String() }

// LogValue shows what the request is, without its content.
func (in *Incoming) LogValue() slog.Value {
	return slog.GroupValue(slog.String("command", in.Header.Command.String()), slog.Uint64("sequence", uint64(in.Header.Sequence)),
		slog.Int("octets", len(in.Raw)))
}

// LogValue shows the fields that hold no secret.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("system_id", c.SystemID), slog.String("bind", c.Bind.String()), slog.Int("window", windowOf(c.Window)))
}

// String shows what LogValue does.
func (c Config) String() string { return c.LogValue().String() }

// LogValue shows the URL without its password.
func (t Target) LogValue() slog.Value {
	return slog.GroupValue(slog.String("url", withoutPassword(t.URL)), slog.Int("priority", t.Priority))
}

// String shows what LogValue does.
func (t Target) String() string { return t.LogValue().String() }

// LogValue shows the URLs of the targets without passwords.
func (c *Client) LogValue() slog.Value {
	urls := make([]string, len(c.Targets))
	for i, t := range c.Targets {
		urls[i] = withoutPassword(t.URL)
	}
	return slog.GroupValue(slog.Any("targets", urls))
}

// String shows what LogValue does.
func (c *Client) String() string { return c.LogValue().String() }

// withoutPassword returns address with the name of its user only. Of what is no
// URL it returns nothing, for there is no telling where a password is in it.
func withoutPassword(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "(no URL)"
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	u.RawQuery, u.Fragment = "", ""
	return u.String()
}
