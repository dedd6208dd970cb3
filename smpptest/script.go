package smpptest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

// A Script is a peer, of either side, that takes the steps it is given and
// behaves by default otherwise: it answers binds, enquire_link, submissions and
// all other requests with success, an unbind before it closes, and an unknown
// command with a generic_nack; responses it takes silently.
//
// Start it with one of Conn, URL, Dial or Run. Steps that were not reached, and
// PDUs that are not what a step wants, are errors of the test, with a dump of
// the PDUs concerned.
type Script struct {
	// To be set before the script starts; the zero values do.
	Registry *pdu.Registry // commands and TLVs; nil: pdu.Standard()
	SystemID string        // in the answers to binds; empty: "script"
	Version  pdu.Version   // sc_interface_version in the answers to binds; zero: left out

	tb      TB
	steps   []Step
	stop    chan struct{} // closed at the end of the test
	done    chan struct{} // closed when all steps were taken
	ended   chan struct{} // closed when the goroutine has ended; nil: not started
	onStop  func()
	stopped sync.Once

	mu       sync.Mutex
	conn     net.Conn
	next     int // step to be taken
	received []Received
	reported bool // steps that were not done are known

	// of the goroutine
	current  Received // the last PDU that was expected
	on       map[pdu.CommandID][]Step
	in       []byte // read, not used
	sequence uint32
	ids      int
	faults
}

// faults change what is written.
type faults struct {
	mangle  []func([]byte) []byte // for the next PDUs, one each
	octets  bool                  // one octet at a time
	latency time.Duration
	hold    int // PDUs to be collected and written in reverse order
	held    [][]byte
}

// A Step is something that a Script does.
type Step struct {
	name string
	run  func(s *Script) error
}

// String returns what the step does, for messages.
func (st Step) String() string { return st.name }

// A Check looks at a PDU that was expected; see Body.
type Check func(Received) error

// Body makes a Check of a function for bodies of one type.
func Body[T pdu.Body](check func(T) error) Check {
	return func(r Received) error {
		b, ok := r.Body.(T)
		if !ok {
			return fmt.Errorf("the body is a %T, not a %T", r.Body, b)
		}
		return check(b)
	}
}

var (
	errStopped = errors.New("the test ended")
	errClosed  = errors.New("closed by the script")
)

// NewScript returns a script that takes the steps in their order.
func NewScript(tb TB, steps ...Step) *Script {
	s := &Script{tb: tb, steps: steps, stop: make(chan struct{}), done: make(chan struct{}), on: map[pdu.CommandID][]Step{}}
	if len(steps) == 0 {
		close(s.done)
	}
	return s
}

// Conn starts the script on one end of a Pipe and returns the other end, for
// smpp.Bind or Server.ServeConn.
func (s *Script) Conn() net.Conn {
	mine, yours := Pipe()
	s.Run(mine)
	return yours
}

// URL starts the script as a message center on a loopback port and returns the
// address for smpp.Dial. It serves one connection at a time; the steps go on
// from one to the next.
func (s *Script) URL() string {
	s.tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.tb.Fatalf("smpptest: %v", err)
	}
	s.onStop = func() { _ = l.Close() }
	s.start(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.play(conn)
		}
	})
	return "smpp://" + SystemID + ":" + Password + "@" + l.Addr().String()
}

// Dial starts the script as an ESME that connects to a host and port. The bind
// is for a step to send; see BindSteps.
func (s *Script) Dial(address string) {
	s.tb.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		s.tb.Fatalf("smpptest: %v", err)
		return
	}
	s.Run(conn)
}

// Run starts the script on a connection, which it owns from now on, and
// returns.
func (s *Script) Run(conn net.Conn) {
	s.mu.Lock()
	s.conn = conn // so that the end of the test finds it
	s.mu.Unlock()
	s.start(func() { s.play(conn) })
}

func (s *Script) start(run func()) {
	if s.ended != nil {
		panic("smpptest: the script was started already")
	}
	s.ended = make(chan struct{})
	go func() {
		defer close(s.ended)
		run()
	}()
	s.tb.Cleanup(s.finish)
}

// grace is how long a script may take for its last steps when the test is over.
const grace = 5 * time.Second

func (s *Script) finish() {
	s.tb.Helper()
	s.mu.Lock()
	reported := s.reported
	s.mu.Unlock()
	if !reported {
		s.await(grace)
	}
	s.Close()
	if msg := s.unmet(); msg != "" && !reported {
		s.tb.Errorf("%s", msg)
	}
}

// Close ends the script and its connection, whatever is left to be done. The
// end of the test does so by itself.
func (s *Script) Close() {
	s.stopped.Do(func() {
		close(s.stop)
		if s.onStop != nil {
			s.onStop()
		}
		s.mu.Lock()
		conn := s.conn
		s.mu.Unlock()
		if conn != nil {
			_ = conn.Close()
		}
	})
	<-s.ended
}

func (s *Script) await(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-s.done:
	case <-s.ended:
	case <-t.C:
	}
}

// Wait waits until all steps were taken; that they cannot be any more, or that
// it takes more than ten seconds, ends the test.
func (s *Script) Wait() {
	s.tb.Helper()
	s.await(10 * time.Second)
	if msg := s.unmet(); msg != "" {
		s.mu.Lock()
		s.reported = true
		s.mu.Unlock()
		s.tb.Fatalf("%s", msg)
	}
}

func (s *Script) unmet() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next >= len(s.steps) {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "smpptest: step %d of %d, %v, was not done", s.next+1, len(s.steps), s.steps[s.next])
	if len(s.received) == 0 {
		b.WriteString("; nothing was received\n")
		return b.String()
	}
	last := s.received[max(0, len(s.received)-3):]
	fmt.Fprintf(&b, "; received %d PDUs, the last of them:\n", len(s.received))
	for _, r := range last {
		b.Write(s.registry().AppendDump(nil, r.Frame))
	}
	return b.String()
}

// Received returns what came in so far: everything, or the PDUs of the given
// commands.
func (s *Script) Received(commands ...pdu.CommandID) []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return filter(s.received, commands)
}

func (s *Script) registry() *pdu.Registry {
	if s.Registry == nil {
		return pdu.Standard()
	}
	return s.Registry
}

// play takes steps on a connection until it ends.
func (s *Script) play(conn net.Conn) {
	s.mu.Lock()
	s.conn = conn
	s.mu.Unlock()
	defer conn.Close()
	select {
	case <-s.stop:
		return
	default:
	}
	s.in, s.sequence, s.faults = nil, 0, faults{}
	for {
		s.mu.Lock()
		n := s.next
		s.mu.Unlock()
		if n >= len(s.steps) {
			break
		}
		err := s.steps[n].run(s)
		var failed *failure
		switch {
		case errors.As(err, &failed):
			s.tb.Errorf("smpptest: step %d of %d, %v: %v", n+1, len(s.steps), s.steps[n], err)
		case err != nil && !errors.Is(err, errClosed):
			return // the connection is gone: the step is not done
		}
		s.mu.Lock()
		s.next = n + 1
		if s.next == len(s.steps) {
			close(s.done)
		}
		s.mu.Unlock()
		if errors.Is(err, errClosed) {
			return
		}
	}
	for {
		r, err := s.read()
		if err != nil {
			return
		}
		if err := s.handle(r); err != nil {
			return
		}
	}
}

// A failure is a step that went wrong while the connection lives.
type failure struct{ msg string }

func (f *failure) Error() string { return f.msg }

func (s *Script) fail(r *Received, format string, args ...any) error {
	msg := fmt.Sprintf(format, args...)
	if r != nil {
		msg += "\n" + string(s.registry().AppendDump(nil, r.Frame))
	}
	return &failure{msg}
}

// read returns the next PDU.
func (s *Script) read() (Received, error) {
	for {
		frame, _, err := pdu.Split(s.in, 1<<30)
		if err != nil {
			s.tb.Errorf("smpptest: what was received is no PDU: %v\n%x", err, s.in[:min(len(s.in), 64)])
			return Received{}, err
		}
		if frame != nil {
			s.in = s.in[len(frame):]
			r := newReceived(s.registry(), nil, frame)
			s.mu.Lock()
			s.received = append(s.received, r)
			s.mu.Unlock()
			return r, nil
		}
		buf := make([]byte, 4096)
		n, err := s.conn.Read(buf)
		s.in = append(s.in, buf[:n]...)
		if n == 0 && err != nil {
			return Received{}, err
		}
	}
}

// handle does with a PDU what On says, or the default.
func (s *Script) handle(r Received) error {
	if steps, ok := s.on[r.Header.Command]; ok {
		before := s.current
		s.current = r
		defer func() { s.current = before }()
		for _, st := range steps {
			if err := st.run(s); err != nil {
				var failed *failure
				if errors.As(err, &failed) {
					s.tb.Errorf("smpptest: on %v, %v: %v", r.Header.Command, st, err)
					continue
				}
				return err
			}
		}
		return nil
	}
	return s.byDefault(r)
}

func (s *Script) byDefault(r Received) error {
	id := r.Header.Command
	if id.IsResponse() || s.registry().Notice(id) {
		return nil
	}
	if !s.registry().Known(id) {
		return s.write(pdu.Header{Command: pdu.IDGenericNack, Status: pdu.StatusInvalidCommandID, Sequence: r.Header.Sequence}, nil)
	}
	if r.Err != nil {
		return s.write(pdu.Header{Command: id.Response(), Status: pdu.StatusOf(r.Err), Sequence: r.Header.Sequence}, nil)
	}
	var body pdu.Body
	switch b := r.Body.(type) {
	case pdu.BindRequest:
		resp := pdu.BindResp{SystemID: s.SystemID}
		if resp.SystemID == "" {
			resp.SystemID = "script"
		}
		if s.Version != 0 {
			pdu.TLVSCInterfaceVersion.Set(&resp.TLVs, s.Version)
		}
		body = b.NewBindResp(resp)
	case *pdu.Unbind:
		if err := s.write(pdu.Header{Sequence: r.Header.Sequence}, &pdu.UnbindResp{}); err != nil {
			return err
		}
		return io.EOF
	default:
		if body = acceptance(r.Body, s.messageID); body == nil {
			body, _ = s.registry().New(id.Response())
		}
	}
	err := s.write(pdu.Header{Sequence: r.Header.Sequence}, body)
	var enc *pdu.EncodeError
	if errors.As(err, &enc) { // a response with TLVs that must be there
		err = s.write(pdu.Header{Command: id.Response(), Sequence: r.Header.Sequence}, nil)
	}
	return err
}

func (s *Script) messageID() string {
	s.ids++
	return strconv.Itoa(s.ids)
}

// write encodes a PDU and writes it, with the faults that are due.
func (s *Script) write(h pdu.Header, body pdu.Body) error {
	frame, err := pdu.NewCodec(s.registry(), pdu.V50).Append(nil, h, body)
	if err != nil {
		return err
	}
	return s.writeRaw(frame)
}

func (s *Script) writeRaw(frame []byte) error {
	if len(s.mangle) > 0 {
		fn := s.mangle[0]
		s.mangle = s.mangle[1:]
		frame = fn(frame)
	}
	if s.hold > 0 {
		s.held = append(s.held, frame)
		if s.hold--; s.hold > 0 {
			return nil
		}
		slices.Reverse(s.held)
		frame = slices.Concat(s.held...)
		s.held = nil
	}
	if err := s.pause(s.latency); err != nil {
		return err
	}
	size := len(frame)
	if s.octets {
		size = 1
	}
	for part := range slices.Chunk(frame, max(size, 1)) {
		if _, err := s.conn.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func (s *Script) pause(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-s.stop:
		return errStopped
	}
}

// Expect waits for a PDU of a command and hands it to the checks. It is then
// the one that Answer and its like answer; by itself it gets no answer. PDUs of
// other commands that come first are handled by default.
func Expect(command pdu.CommandID, checks ...Check) Step {
	return Step{fmt.Sprintf("Expect(%v)", command), func(s *Script) error {
		for {
			r, err := s.read()
			if err != nil {
				return err
			}
			if r.Header.Command == command {
				return s.check(r, checks)
			}
			if err := s.handle(r); err != nil {
				return err
			}
		}
	}}
}

// ExpectNext is Expect for the very next PDU; only an enquire_link may come
// first. Anything else is an error of the test, and is answered by default.
func ExpectNext(command pdu.CommandID, checks ...Check) Step {
	return Step{fmt.Sprintf("ExpectNext(%v)", command), func(s *Script) error {
		for {
			r, err := s.read()
			if err != nil {
				return err
			}
			if r.Header.Command == command {
				return s.check(r, checks)
			}
			if err := s.handle(r); err != nil {
				return err
			}
			if r.Header.Command != pdu.IDEnquireLink {
				return s.fail(&r, "a %v came instead", r.Header.Command)
			}
		}
	}}
}

func (s *Script) check(r Received, checks []Check) error {
	s.current = r
	for _, check := range checks {
		if err := check(r); err != nil {
			return s.fail(&r, "%v", err)
		}
	}
	return nil
}

// ExpectClose waits until the peer has closed the connection; PDUs that come
// first are handled by default.
func ExpectClose() Step {
	return Step{"ExpectClose()", func(s *Script) error {
		for {
			r, err := s.read()
			if err != nil {
				select {
				case <-s.stop:
					return errStopped
				default:
					return errClosed
				}
			}
			if err := s.handle(r); err != nil && r.Header.Command == pdu.IDUnbind {
				return errClosed
			}
		}
	}}
}

// Answer answers the PDU that was expected last. A nil body sends a header
// alone.
func Answer(status pdu.Status, body pdu.Body) Step {
	return Step{fmt.Sprintf("Answer(%v)", status), func(s *Script) error {
		h := s.current.Header
		return s.encoded(s.write(pdu.Header{Command: h.Command.Response(), Status: status, Sequence: h.Sequence}, body))
	}}
}

// AnswerDefault answers the PDU that was expected last as if it had not been.
func AnswerDefault() Step {
	return Step{"AnswerDefault()", func(s *Script) error {
		err := s.byDefault(s.current)
		if errors.Is(err, io.EOF) { // an unbind was answered
			return errClosed
		}
		return err
	}}
}

// Nack answers the PDU that was expected last with a generic_nack.
func Nack(status pdu.Status) Step {
	return Step{fmt.Sprintf("Nack(%v)", status), func(s *Script) error {
		return s.write(pdu.Header{Command: pdu.IDGenericNack, Status: status, Sequence: s.current.Header.Sequence}, nil)
	}}
}

// encoded makes an EncodeError a failure of the step.
func (s *Script) encoded(err error) error {
	var enc *pdu.EncodeError
	if errors.As(err, &enc) {
		return s.fail(nil, "%v", err)
	}
	return err
}

// Send sends a PDU under the next sequence number of the script.
func Send(body pdu.Body) Step {
	return Step{fmt.Sprintf("Send(%v)", body.Command()), func(s *Script) error {
		s.sequence++
		return s.encoded(s.write(pdu.Header{Sequence: s.sequence}, body))
	}}
}

// SendPDU sends a PDU under any header. A nil body sends the header alone.
func SendPDU(h pdu.Header, body pdu.Body) Step {
	return Step{fmt.Sprintf("SendPDU(%v)", h.Command), func(s *Script) error { return s.encoded(s.write(h, body)) }}
}

// SendRaw sends octets, whatever they are.
func SendRaw(octets []byte) Step {
	return Step{fmt.Sprintf("SendRaw(%d octets)", len(octets)), func(s *Script) error { return s.writeRaw(octets) }}
}

// BindSteps are the steps of an ESME that binds as a transceiver, speaks the
// given version (zero: v3.4) and waits for the answer.
func BindSteps(version pdu.Version) Step {
	if version == 0 {
		version = pdu.V34
	}
	req := &pdu.BindTransceiver{Bind: pdu.Bind{SystemID: SystemID, Password: Password, InterfaceVersion: version}}
	return Steps(Send(req), Expect(pdu.IDBindTransceiverResp, func(r Received) error {
		if r.Header.Status != pdu.StatusOK {
			return r.Header.Status
		}
		return nil
	}))
}

// Steps makes one step of several.
func Steps(steps ...Step) Step {
	names := make([]string, len(steps))
	for i, st := range steps {
		names[i] = st.name
	}
	return Step{strings.Join(names, ", "), func(s *Script) error {
		for _, st := range steps {
			if err := st.run(s); err != nil {
				return err
			}
		}
		return nil
	}}
}

// Repeat takes steps n times.
func Repeat(n int, steps ...Step) Step {
	all := Steps(steps...)
	return Step{fmt.Sprintf("Repeat(%d, %v)", n, all), func(s *Script) error {
		for range n {
			if err := all.run(s); err != nil {
				return err
			}
		}
		return nil
	}}
}

// On makes every PDU of a command that no Expect waits for be handled with the
// given steps rather than by default, from now on. No steps at all ignore it.
// AnswerDefault among them is the default.
func On(command pdu.CommandID, steps ...Step) Step {
	return Step{fmt.Sprintf("On(%v)", command), func(s *Script) error {
		s.on[command] = steps
		return nil
	}}
}

// Delay does nothing for a while, not even read.
func Delay(d time.Duration) Step {
	return Step{fmt.Sprintf("Delay(%v)", d), func(s *Script) error { return s.pause(d) }}
}

// Latency delays every PDU that is written from now on.
func Latency(d time.Duration) Step {
	return Step{fmt.Sprintf("Latency(%v)", d), func(s *Script) error { s.latency = d; return nil }}
}

// Mangle changes the octets of the next PDU that is written, by a step or by
// default. Octets that it returns are written as they are.
func Mangle(fn func(frame []byte) []byte) Step {
	return Step{"Mangle", func(s *Script) error { s.mangle = append(s.mangle, fn); return nil }}
}

// Drop swallows the next PDU that would be written.
func Drop() Step {
	st := Mangle(func([]byte) []byte { return nil })
	st.name = "Drop()"
	return st
}

// Duplicate writes the next PDU twice.
func Duplicate() Step {
	st := Mangle(func(frame []byte) []byte { return slices.Concat(frame, frame) })
	st.name = "Duplicate()"
	return st
}

// ShiftSequence adds n to the sequence number of the next PDU that is written.
func ShiftSequence(n int) Step {
	st := Mangle(func(frame []byte) []byte {
		frame = slices.Clone(frame)
		binary.BigEndian.PutUint32(frame[12:], binary.BigEndian.Uint32(frame[12:])+uint32(n))
		return frame
	})
	st.name = fmt.Sprintf("ShiftSequence(%d)", n)
	return st
}

// Reorder collects the next n PDUs and then writes them in reverse order.
func Reorder(n int) Step {
	return Step{fmt.Sprintf("Reorder(%d)", n), func(s *Script) error { s.hold = n; return nil }}
}

// ByteByByte writes everything one octet at a time from now on.
func ByteByByte() Step {
	return Step{"ByteByByte()", func(s *Script) error { s.octets = true; return nil }}
}

// Close closes the connection. Steps after it wait for the next one, if there
// is to be one; see Script.URL.
func Close() Step {
	return Step{"Close()", func(*Script) error { return errClosed }}
}

// CloseWrite closes the direction towards the peer.
func CloseWrite() Step {
	return Step{"CloseWrite()", func(s *Script) error {
		if c, ok := s.conn.(interface{ CloseWrite() error }); ok {
			return c.CloseWrite()
		}
		return s.fail(nil, "a %T cannot", s.conn)
	}}
}

// CloseAfter writes the first n octets of the next PDU that is to be written,
// and closes the connection in the middle of it.
func CloseAfter(n int) Step {
	return Step{fmt.Sprintf("CloseAfter(%d)", n), func(s *Script) error {
		s.mangle = append(s.mangle, func(frame []byte) []byte {
			_, _ = s.conn.Write(frame[:min(n, len(frame))]) // a connection that is gone is what is wanted
			_ = s.conn.Close()
			return nil
		})
		return nil
	}}
}

// StopReading reads nothing any more and keeps the connection open until the
// test ends: a peer that hangs. Steps after it are taken, as long as they do not
// have to read.
func StopReading() Step {
	return Step{"StopReading()", func(s *Script) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.conn = &deafConn{Conn: s.conn, stop: s.stop}
		return nil
	}}
}

type deafConn struct {
	net.Conn
	stop <-chan struct{}
}

func (c *deafConn) Read([]byte) (int, error) {
	<-c.stop
	return 0, net.ErrClosed
}

// Func is a step of your own: it is given the PDU that was expected last and
// the connection to write to. An error that it returns is one of the test.
func Func(fn func(last Received, conn net.Conn) error) Step {
	return Step{"Func", func(s *Script) error {
		if err := fn(s.current, s.conn); err != nil {
			return s.fail(nil, "%v", err)
		}
		return nil
	}}
}
