package interop_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/internal/interop"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
	"github.com/godwit-sms/smpp/tlv"
)

// The tests of this file reproduce inputs that go wrong in node-smpp, by the numbers of docs/node-smpp.md. Those that are about
// texts are with the packages sms and coding.

// A peer is an ESME that a test drives octet by octet.
type peer struct {
	net.Conn
	t *testing.T
}

// bareClient connects and binds a bare ESME to a server of ours.
func bareClient(t *testing.T, srv *smpp.Server) (*peer, *smpp.Session) {
	t.Helper()
	srv.Logger = silent
	near, far := smpptest.Pipe()
	s := srv.ServeConn(far)
	t.Cleanup(func() {
		_ = near.Close()
		<-s.Done()
	})
	p := &peer{near, t}
	p.send(pdu.Header{Sequence: 1}, &pdu.BindTransceiver{Bind: pdu.Bind{SystemID: "bare", InterfaceVersion: pdu.V50}})
	p.want(pdu.Header{Command: pdu.IDBindTransceiverResp, Sequence: 1})
	return p, s
}

func (p *peer) send(h pdu.Header, b pdu.Body) {
	p.t.Helper()
	frame, err := pdu.Append(nil, h, b)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(frame)
}

func (p *peer) write(octets []byte) {
	p.t.Helper()
	if _, err := p.Write(octets); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) read() (frame []byte, err error) {
	frame = make([]byte, pdu.HeaderLen)
	if _, err = io.ReadFull(p, frame); err != nil {
		return nil, err
	}
	frame = append(frame, make([]byte, binary.BigEndian.Uint32(frame)-pdu.HeaderLen)...)
	_, err = io.ReadFull(p, frame[pdu.HeaderLen:])
	return frame, err
}

// want reads a PDU that must have the header.
func (p *peer) want(h pdu.Header) {
	p.t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(interop.Timeout))
	frame, err := p.read()
	if err != nil {
		p.t.Fatalf("%v: %v", h, err)
	}
	if got, _, err := pdu.ParseHeader(frame); err != nil || got != h {
		p.t.Fatalf("got %v, %v, want %v", got, err, h)
	}
}

// alive has an enquire_link answered.
func (p *peer) alive() {
	p.t.Helper()
	p.send(pdu.Header{Sequence: 9999}, &pdu.EnquireLink{})
	p.want(pdu.Header{Command: pdu.IDEnquireLinkResp, Sequence: 9999})
}

// closed wants the connection to be closed.
func (p *peer) closed() {
	p.t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(interop.Timeout))
	if frame, err := p.read(); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		p.t.Fatalf("got % x, %v, want the end", frame, err)
	}
}

// frame puts a header in front of a body given in hexadecimal digits.
func frame(t *testing.T, id pdu.CommandID, seq uint32, body string) []byte {
	t.Helper()
	octets, err := hex.DecodeString(strings.ReplaceAll(body, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(pdu.HeaderLen+len(octets)))
	b = binary.BigEndian.AppendUint32(b, uint32(id))
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, seq)
	return append(b, octets...)
}

// All fields of a submit_sm empty, up to sm_length.
const emptySubmit = "00 000000 000000 00 00 00 00 00 00 00 00 00 00"

// B1: after an error the session goes on, as long as it is known where the next PDU starts.
func TestB1ErrorsAreAnsweredAndForgotten(t *testing.T) {
	mux := smpp.NewMux()
	smpp.Handle(mux, func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		if m.ServiceType == "panic" {
			panic("handler")
		}
		return &pdu.SubmitSMResp{MessageID: "1"}, nil
	})
	p, s := bareClient(t, &smpp.Server{Handler: mux})
	for _, test := range []struct {
		name   string
		id     pdu.CommandID
		body   string
		status pdu.Status
	}{
		{"TLV shorter than its type", pdu.IDSubmitSM, emptySubmit + "0204 0001 07", pdu.StatusInvalidTLVLength},
		{"TLV longer than the PDU", pdu.IDSubmitSM, emptySubmit + "0204 0009 07", pdu.StatusInvalidTLVStream},
		{"more destinations than there are", pdu.IDSubmitMulti, "00 000000 ff 01 01 01 3100", pdu.StatusInvalidCommandLength},
		{"validity_period 1R", pdu.IDSubmitSM, "00 000000 000000 00 00 00 00 315200 00 00 00 00 00", pdu.StatusInvalidExpiry},
		{"handler that panics", pdu.IDSubmitSM, hex.EncodeToString([]byte("panic")) + emptySubmit, pdu.StatusSystemError},
		{"no body", pdu.IDSubmitSM, "", pdu.StatusInvalidCommandLength},
	} {
		p.write(frame(t, test.id, 7, test.body))
		_ = p.SetReadDeadline(time.Now().Add(interop.Timeout))
		got, err := p.read()
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		h, _, _ := pdu.ParseHeader(got)
		if want := (pdu.Header{Command: test.id.Response(), Status: test.status, Sequence: 7}); h != want {
			t.Errorf("%s: answered with %v, want %v", test.name, h, want)
		}
		p.alive()
	}
	if s.State() != smpp.StateBoundTRX {
		t.Error(s.State())
	}
	// A callback of Go that panics is no reason for silence either: see TestPanicsOfHandlers for handlers of all kinds.
}

// B1, B2: a command_length that cannot be is answered at once, and the connection closed, since nothing after it makes sense.
func TestB2ImpossibleLengths(t *testing.T) {
	for _, length := range []uint32{0, 1, 2, 3, 4, 5, 15, pdu.DefaultMaxLen + 1, 1 << 31, 1<<32 - 1} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			p, s := bareClient(t, &smpp.Server{})
			octets := frame(t, pdu.IDEnquireLink, 77, "")
			binary.BigEndian.PutUint32(octets, length)
			p.write(octets)
			_ = p.SetReadDeadline(time.Now().Add(interop.Timeout))
			got, err := p.read()
			if err != nil {
				t.Fatal(err)
			}
			if h, _, _ := pdu.ParseHeader(got); h.Command != pdu.IDGenericNack || h.Status != pdu.StatusInvalidCommandLength {
				t.Errorf("answered with %v", h)
			}
			p.closed()
			within(t, "end", s.Done())
			var fe *pdu.FrameError
			if err := s.Err(); !errors.As(err, &fe) || fe.Length != length {
				t.Error(err)
			}
		})
	}
}

// decodeTLVs decodes a submit_sm with the TLVs given in hexadecimal digits.
func decodeTLVs(t *testing.T, tlvs string) tlv.List {
	t.Helper()
	_, body, err := pdu.Decode(frame(t, pdu.IDSubmitSM, 1, emptySubmit+tlvs))
	if err != nil {
		t.Fatal(err)
	}
	return body.(*pdu.SubmitSM).TLVs
}

// B3: the length of a TLV governs, not the next NUL.
func TestB3ReceiptedMessageIDWithoutNUL(t *testing.T) {
	l := decodeTLVs(t, "001e 0003 414243 0427 0001 02")
	if id, ok := pdu.TLVReceiptedMessageID.Get(l); !ok || id != "ABC" {
		t.Errorf("%q, %v", id, ok)
	}
	if state, ok := pdu.TLVMessageState.Get(l); !ok || state != pdu.StateDelivered {
		t.Errorf("%v, %v", state, ok)
	}
	l = decodeTLVs(t, "001e 0005 41420043 00")
	if id, ok := pdu.TLVReceiptedMessageID.Get(l); !ok || id != "AB" {
		t.Errorf("%q, %v", id, ok)
	}
}

// B4: values of other lengths than the type's are read right, or refused.
func TestB4LengthsOfTLVs(t *testing.T) {
	l := decodeTLVs(t, "130c 0000")
	if v, ok := pdu.TLVAlertOnMessageDelivery.Get(l); !ok || v != pdu.AlertDefault {
		t.Errorf("%v, %v", v, ok)
	}
	for name, tlvs := range map[string]string{"two octets in one": "0204 0001 07", "one octet in none": "0205 0000", "four octets in three": "0017 0003 000001"} {
		_, _, err := pdu.Decode(frame(t, pdu.IDSubmitSM, 1, emptySubmit+tlvs))
		if !errors.Is(err, pdu.StatusInvalidTLVLength) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// An integer in too many octets is either its value or an error, never the first octet.
	_, body, err := pdu.Decode(frame(t, pdu.IDSubmitSM, 1, emptySubmit+"0426 0004 00000001"))
	if err == nil {
		if v, ok := pdu.TLVMoreMessagesToSend.Get(body.(*pdu.SubmitSM).TLVs); ok && v != 1 {
			t.Errorf("more_messages_to_send %d", v)
		}
	} else if !errors.Is(err, pdu.StatusInvalidTLVLength) {
		t.Error(err)
	}
}

// scripted binds a client to a script in memory.
func scripted(t *testing.T, c *smpp.Config, steps ...smpptest.Step) *smpp.Session {
	t.Helper()
	c.Logger = silent
	script := smpptest.NewScript(t, append([]smpptest.Step{smpptest.Expect(pdu.IDBindTransceiver), smpptest.AnswerDefault()}, steps...)...)
	s, err := smpp.Bind(t.Context(), script.Conn(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// B5: every request gets its answer, or an error: when the connection ends, and when nothing comes.
func TestB5RequestsWithoutResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(t, &smpp.Config{}, smpptest.Expect(pdu.IDSubmitSM), smpptest.Close())
		_, err := s.Submit(t.Context(), &pdu.SubmitSM{})
		if smpp.Outcome(err) != smpp.Unknown || !errors.Is(err, net.ErrClosed) {
			t.Errorf("connection closed: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := scripted(t, &smpp.Config{ResponseTimeout: 5 * time.Second}, smpptest.On(pdu.IDSubmitSM))
		start := time.Now()
		_, err := s.Submit(t.Context(), &pdu.SubmitSM{})
		if after := time.Since(start); smpp.Outcome(err) != smpp.Unknown || !errors.Is(err, smpp.ErrTimeout) || after < 5*time.Second || after > 8*time.Second {
			t.Errorf("no answer: %v after %v", err, after)
		}
		if n := s.Outstanding(); n != 0 {
			t.Errorf("%d outstanding", n)
		}
	})
}

// B6: what cannot be encoded is an error that says why, and takes no place in the window.
func TestB6UnencodableRequests(t *testing.T) {
	s := scripted(t, &smpp.Config{Window: 1})
	for range 3 {
		_, err := s.Submit(t.Context(), &pdu.SubmitSM{ShortMessage: make([]byte, 300)})
		var ee *pdu.EncodeError
		if !errors.As(err, &ee) || ee.Field != "short_message" || smpp.Outcome(err) != smpp.NeverSent || smpp.SafeToRetry(err) || s.Outstanding() != 0 {
			t.Errorf("%v, %d outstanding", err, s.Outstanding())
		}
	}
	if _, err := s.Submit(t.Context(), &pdu.SubmitSM{}); err != nil {
		t.Error(err)
	}
}

// B7: a new connection is a new session: nothing is left of a PDU that was cut off.
func TestB7AnotherConnection(t *testing.T) {
	script := smpptest.NewScript(t,
		smpptest.Expect(pdu.IDBindTransceiver), smpptest.AnswerDefault(),
		smpptest.Expect(pdu.IDSubmitSM), smpptest.CloseAfter(3), smpptest.AnswerDefault(), smpptest.Close(),
		smpptest.Expect(pdu.IDBindTransceiver), smpptest.AnswerDefault(),
		smpptest.Expect(pdu.IDSubmitSM), smpptest.AnswerDefault())
	address := script.URL()
	for n, want := range []smpp.OutcomeKind{smpp.Unknown, smpp.Accepted} {
		s, err := smpp.Dial(t.Context(), address, &smpp.Config{Logger: silent})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Submit(t.Context(), &pdu.SubmitSM{})
		if smpp.Outcome(err) != want {
			t.Errorf("connection %d: %v, want %v", n+1, err, want)
		}
		_ = s.Close()
		within(t, "end", s.Done())
	}
}

// B8: a silent peer is found out.
func TestB8DeadPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(t, &smpp.Config{EnquireLink: 10 * time.Second, ResponseTimeout: 5 * time.Second}, smpptest.StopReading())
		start := time.Now()
		<-s.Done()
		if after := time.Since(start); !errors.Is(s.Err(), smpp.ErrDeadPeer) || after < 15*time.Second || after > 20*time.Second {
			t.Errorf("%v after %v", s.Err(), after)
		}
	})
}

// B9: Close sends an unbind, and does not wait for a peer that says no more.
func TestB9Close(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := smpptest.NewScript(t, smpptest.Expect(pdu.IDBindTransceiver), smpptest.AnswerDefault(), smpptest.On(pdu.IDUnbind))
		s, err := smpp.Bind(t.Context(), script.Conn(), &smpp.Config{Logger: silent})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_ = s.Close()
		if after := time.Since(start); after > 2*time.Second {
			t.Errorf("Close took %v", after)
		}
		synctest.Wait()
		if n := len(script.Received(pdu.IDUnbind)); n != 1 {
			t.Errorf("%d unbinds", n)
		}
	})
}

// B10: whatever a client sends, the server lives.
func TestB10ResponsesToWhatHasNone(t *testing.T) {
	r := pdu.Standard().Clone()
	pdu.RegisterNotice[vendorNote](r, "vendor_note")
	p, _ := bareClient(t, &smpp.Server{Registry: r, Handler: smpp.HandlerFunc(func(w smpp.ResponseWriter, _ *smpp.Incoming) {
		_ = w.Respond(pdu.StatusOK, nil) // an error where there is nothing to answer
	})})
	for _, body := range []pdu.Body{&pdu.SubmitSMResp{}, &pdu.GenericNack{}, &pdu.UnbindResp{}, &pdu.BindTransceiverResp{},
		&pdu.AlertNotification{}, &pdu.Outbind{}, &vendorNote{}, &pdu.Unknown{ID: 0x80000999}} {
		p.send(pdu.Header{Sequence: 1}, body)
		p.alive()
	}
}

type vendorNote struct{ TLVs tlv.List }

func (*vendorNote) Command() pdu.CommandID { return 0x00010300 }
func (n *vendorNote) Fields(c *pdu.Codec)  { c.TLVs(&n.TLVs) }

// B19: source_telematics_id is one octet, dest_addr_np_country one to five.
func TestB19TypesOfTLVs(t *testing.T) {
	l := decodeTLVs(t, "0010 0001 21 0613 0005 0102030405")
	if v, ok := pdu.TLVSourceTelematicsID.Get(l); !ok || v != 0x21 {
		t.Errorf("source_telematics_id %#x, %v", v, ok)
	}
	if v, ok := pdu.TLVDestAddrNPCountry.Get(l); !ok || string(v) != "\x01\x02\x03\x04\x05" {
		t.Errorf("dest_addr_np_country % x, %v", v, ok)
	}
	wire, err := tlv.List{pdu.TLVSourceTelematicsID.Option(0x21)}.Append(nil)
	if err != nil || hex.EncodeToString(wire) != "0010000121" {
		t.Errorf("% x, %v", wire, err)
	}
}

// B20: what is unknown is passed on as it came.
func TestB20ForwardingTheUnknown(t *testing.T) {
	for name, octets := range map[string][]byte{
		"TLVs":    frame(t, pdu.IDSubmitSM, 5, emptySubmit+"1501 0002 beef 0204 0002 0001 1502 0000 1501 0001 07"),
		"command": frame(t, 0x00010299, 5, "00 01 02"),
	} {
		h, body, err := pdu.Decode(octets)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := pdu.Append(nil, h, body); err != nil || !bytes.Equal(again, octets) {
			t.Errorf("%s: % x, %v, want % x", name, again, err, octets)
		}
	}
	var l tlv.List
	l.Set(5377, []byte{1})
	if wire, err := l.Append(nil); err != nil || hex.EncodeToString(wire) != "1501000101" {
		t.Errorf("% x, %v", wire, err)
	}
}

// B21: a response with an error may have a body and TLVs, or neither.
func TestB21BodiesBesideErrors(t *testing.T) {
	with := &pdu.SubmitSMResp{MessageID: "7", TLVs: tlv.List{pdu.TLVAdditionalStatusInfoText.Option("why")}}
	for _, body := range []*pdu.SubmitSMResp{with, nil} {
		handler := smpp.HandlerFor(func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) { return body, pdu.StatusQueueFull })
		client, _ := smpptest.Pair(t, &smpp.Config{Version: pdu.V50}, &smpp.Server{Handler: handler})
		got, err := client.Submit(t.Context(), &pdu.SubmitSM{})
		if !errors.Is(err, pdu.StatusQueueFull) || (got == nil) != (body == nil) {
			t.Errorf("%v, %v", got, err)
		}
		if got != nil {
			same(t, "body", got, body)
		}
	}
}

// B23: strings keep all their octets, and no more of them are written than the field holds.
func TestB23Strings(t *testing.T) {
	m := &pdu.SubmitSM{Source: pdu.Alphanumeric("Caf\xe9")}
	octets, err := pdu.Append(nil, pdu.Header{Sequence: 1}, m)
	if err != nil {
		t.Fatal(err)
	}
	if _, body, err := pdu.Decode(octets); err != nil || body.(*pdu.SubmitSM).Source.Addr != "Caf\xe9" {
		t.Errorf("%+v, %v", body, err)
	}
	for name, m := range map[string]*pdu.SubmitSM{
		"service_type":     {ServiceType: "123456"},
		"source_addr":      {Source: pdu.Alphanumeric("ACME\x00x")},
		"destination_addr": {Dest: pdu.International("123456789012345678901")},
	} {
		_, err := pdu.Append(nil, pdu.Header{Sequence: 1}, m)
		var ee *pdu.EncodeError
		if !errors.As(err, &ee) || ee.Field != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// B24: a time stays what it is on the wire, and what is no time is refused.
func TestB24Times(t *testing.T) {
	for _, v := range []pdu.Time{"000007000000000R", "270102030405748-", "991231235959000+"} {
		octets, err := pdu.Append(nil, pdu.Header{Sequence: 1}, &pdu.SubmitSM{ValidityPeriod: v})
		if err != nil {
			t.Fatal(err)
		}
		if _, body, err := pdu.Decode(octets); err != nil || body.(*pdu.SubmitSM).ValidityPeriod != v {
			t.Errorf("%s: %+v, %v", v, body, err)
		}
	}
	for _, v := range []pdu.Time{"garbage", "1R", "2701020304050", "27010203040500", "270102030405000", "271302030405000+", "27010203040500000+"} {
		if _, err := pdu.Append(nil, pdu.Header{Sequence: 1}, &pdu.SubmitSM{ValidityPeriod: v}); err == nil {
			t.Errorf("%q was written", v)
		}
	}
	if at, err := pdu.Time("991231235959000+").At(time.Now()); err != nil || at.Year() != 1999 {
		t.Errorf("%v, %v", at, err)
	}
	now := time.Date(2026, 10, 24, 12, 0, 0, 0, time.UTC)
	if at, err := pdu.Time("000001000000000R").At(now); err != nil || !at.Equal(now.AddDate(0, 0, 1)) {
		t.Errorf("%v, %v", at, err)
	}
}

// B25: encoding changes nothing, so that a PDU can be sent twice.
func TestB25EncodingTwice(t *testing.T) {
	build := func() *pdu.SubmitSM {
		return &pdu.SubmitSM{Dest: mobile, ESMClass: pdu.UDHI, ShortMessage: []byte("\x05\x00\x03\x07\x02\x01x"),
			TLVs: tlv.List{pdu.TLVBroadcastAreaIdentifier.Option(pdu.NamedArea("north"))}}
	}
	m := build()
	first, err := pdu.Append(nil, pdu.Header{Sequence: 1}, m)
	if err != nil {
		t.Fatal(err)
	}
	second, err := pdu.Append(nil, pdu.Header{Sequence: 1}, m)
	if err != nil || !bytes.Equal(first, second) || !reflect.DeepEqual(m, build()) {
		t.Errorf("% x, then % x, %v; %+v", first, second, err, m)
	}
}

// B27: 64 KiB go both ways, with room to spare.
func TestB27LongPayloads(t *testing.T) {
	payload := bytes.Repeat([]byte("x"), 65535)
	client, server := smpptest.Pair(t, &smpp.Config{Handler: smpp.HandlerFor(func(_ context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
		if got, _ := pdu.TLVMessagePayload.Get(m.TLVs); !bytes.Equal(got, payload) {
			return nil, pdu.StatusInvalidMessageLength
		}
		return nil, nil
	})}, &smpp.Server{Handler: smpp.HandlerFor(func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		if got, _ := pdu.TLVMessagePayload.Get(m.TLVs); !bytes.Equal(got, payload) {
			return nil, pdu.StatusInvalidMessageLength
		}
		return nil, nil
	})})
	list := tlv.List{pdu.TLVMessagePayload.Option(payload)}
	if _, err := client.Submit(t.Context(), &pdu.SubmitSM{TLVs: list}); err != nil {
		t.Error(err)
	}
	if _, err := server.Deliver(t.Context(), &pdu.DeliverSM{TLVs: list}); err != nil {
		t.Error(err)
	}
}

// B28: zero values work.
func TestB28ZeroValues(t *testing.T) {
	srv := new(smpp.Server)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	s, err := smpp.Dial(t.Context(), "smpp://"+l.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.EnquireLink(t.Context()); err != nil {
		t.Error(err)
	}
	_ = s.Close()
	_ = srv.Close()
	if err := within(t, "Serve", ended); !errors.Is(err, smpp.ErrServerClosed) {
		t.Error(err)
	}
}

// dialerFunc is a function as a Dialer.
type dialerFunc func(address string) (net.Conn, error)

func (f dialerFunc) DialContext(_ context.Context, _, address string) (net.Conn, error) {
	return f(address)
}

// B29: the ports are the documented ones, for those who connect and those who listen.
func TestB29DefaultPorts(t *testing.T) {
	stop := errors.New("far enough")
	for url, want := range map[string]string{"smpp://mc.example": "mc.example:2775", "ssmpp://mc.example": "mc.example:3550", "smpp://[::1]": "[::1]:2775", "smpp://mc.example:99": "mc.example:99"} {
		var got string
		_, err := smpp.Dial(t.Context(), url, &smpp.Config{Dialer: dialerFunc(func(address string) (net.Conn, error) {
			got = address
			return nil, stop
		})})
		if !errors.Is(err, stop) || got != want {
			t.Errorf("%s: %q, %v", url, got, err)
		}
	}
	// Whether the port is free on this machine or not, the server asked for it.
	srv := &smpp.Server{Logger: silent}
	ended := make(chan error, 1)
	go func() { ended <- srv.ListenAndServe() }()
	connected := make(chan error, 1)
	go func() {
		s, err := smpp.Dial(t.Context(), "smpp://127.0.0.1", &smpp.Config{Dialer: dialerFunc(func(address string) (net.Conn, error) {
			for {
				conn, err := net.Dial("tcp", address)
				if !errors.Is(err, syscall.ECONNREFUSED) || t.Context().Err() != nil {
					return conn, err
				}
			}
		})})
		if err == nil {
			_ = s.Close()
		}
		connected <- err
	}()
	select {
	case err := <-ended:
		if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), ":2775") {
			t.Error(err)
		}
	case err := <-connected:
		if err != nil {
			t.Error(err)
		}
		_ = srv.Close()
		within(t, "end", ended)
	}
}

// B30: what the caller gave stays as it was.
func TestB30ConfigStays(t *testing.T) {
	srv := smpptest.NewServer(nil)
	defer srv.Close()
	c := smpp.Config{SystemType: "x", BindTLVs: tlv.List{pdu.TLVSourcePort.Option(1)}}
	before := c
	s, err := smpp.Dial(t.Context(), srv.URL, &c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !reflect.DeepEqual(c, before) || s.BindResponse() == nil {
		t.Errorf("%+v, was %+v", c, before)
	}
}

// B32: no error and no dump shows a password.
func TestB32PasswordsStayHidden(t *testing.T) {
	const password = "pa55w0rd"
	srv := &smpp.Server{Authenticate: func(context.Context, *pdu.Bind) (*smpp.Account, error) { return nil, pdu.StatusInvalidPassword }, Logger: silent}
	near, far := smpptest.Pipe()
	srv.ServeConn(far)
	var dump []byte
	_, err := smpp.Bind(t.Context(), near, &smpp.Config{SystemID: "acme", Password: password, Trace: &smpp.Trace{Sent: func(_ *smpp.Session, frame []byte) {
		dump = pdu.Standard().AppendDump(dump, frame)
	}}})
	if err == nil || strings.Contains(err.Error(), password) {
		t.Error(err)
	}
	if bytes.Contains(dump, []byte(password)) || bytes.Contains(dump, []byte(hex.EncodeToString([]byte(password)))) || !bytes.Contains(dump, []byte("acme")) {
		t.Errorf("%s", dump)
	}
	for _, url := range []string{"http://acme:" + password + "@mc", "smpp://acme:" + password + "@mc/%zz", "smpp://acme:" + password + "@mc/x"} {
		if _, err := smpp.Dial(t.Context(), url, nil); err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// B33, B34: the line of a PROXY protocol is no PDU; nobody who sends one is believed, and nobody else comes to harm.
func TestB33ProxyHeaders(t *testing.T) {
	srv := &smpp.Server{}
	other, _ := bareClient(t, srv)
	for _, header := range []string{
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
		"PROXY TCP4 not-an-ip x y z\r\n",
		"PROXY " + strings.Repeat("x", 200),
		"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01\x00\x02", // version 2
		"GET / HTTP/1.1\r\nHost: mc\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", // TLS
	} {
		near, far := smpptest.Pipe()
		s := srv.ServeConn(far)
		p := &peer{near, t}
		p.write([]byte(header))
		within(t, "end", s.Done())
		var fe *pdu.FrameError
		if !errors.As(s.Err(), &fe) {
			t.Errorf("%q: %v", header, s.Err())
		}
		_ = near.Close()
	}
	other.alive()

	// A first PDU with 0x0D in its length is a PDU.
	near, far := smpptest.Pipe()
	s := srv.ServeConn(far)
	p := &peer{near, t}
	octets := frame(t, 0x00010299, 7, strings.Repeat("00", 0x0D00-16))
	p.write(octets)
	p.want(pdu.Header{Command: pdu.IDGenericNack, Status: pdu.StatusInvalidCommandID, Sequence: 7})
	_ = near.Close()
	within(t, "end", s.Done())
}

// B33: a connection on which nothing comes does not stay.
func TestB33SilentConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := smpptest.Pipe()
		s := (&smpp.Server{Logger: silent}).ServeConn(far)
		start := time.Now()
		<-s.Done()
		if after := time.Since(start); !errors.Is(s.Err(), smpp.ErrNotBound) || after > smpp.DefaultSessionInit+5*time.Second {
			t.Errorf("%v after %v", s.Err(), after)
		}
		_ = near.Close()
	})
}

// B35: a peer that does not read makes senders wait, and not the memory grow.
func TestB35Backpressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(t, &smpp.Config{Window: 100000, ResponseTimeout: -1, EnquireLink: -1}, smpptest.StopReading())
		m := &pdu.SubmitSM{TLVs: tlv.List{pdu.TLVMessagePayload.Option(make([]byte, 60000))}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		sent := 0
		for ; sent < 1000; sent++ {
			if err := smpp.Go(ctx, s, m, func(*pdu.SubmitSMResp, error) {}); err != nil {
				if !errors.Is(err, context.DeadlineExceeded) || smpp.Outcome(err) != smpp.NeverSent {
					t.Error(err)
				}
				break
			}
		}
		if sent*60000 > 8<<20 {
			t.Errorf("%d messages were taken", sent)
		}
	})
}

// B36: both ends know the address and the port of the other.
func TestB36Addresses(t *testing.T) {
	srv := smpptest.NewServer(nil)
	defer srv.Close()
	s, err := smpp.Dial(t.Context(), srv.URL, srv.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.RemoteAddr().String() != srv.Listener.Addr().String() {
		t.Errorf("%v, want %v", s.RemoteAddr(), srv.Listener.Addr())
	}
	if remote := srv.Sessions()[0].RemoteAddr(); remote.String() != s.LocalAddr().String() {
		t.Errorf("%v, want %v", remote, s.LocalAddr())
	}
}

// B37: the bit that announces a user data header is one bit, whatever else is set.
func TestB37UDHIndicator(t *testing.T) {
	for class, want := range map[pdu.ESMClass]bool{0x40: true, 0x43: true, 0xC4: true, 0x03: false, 0x80: false} {
		if class.HasUDHI() != want {
			t.Errorf("%#x: %v", uint8(class), !want)
		}
	}
	if c := pdu.ESMClass(0x43); c.Mode() != pdu.ModeStoreAndForward {
		t.Errorf("mode %v", c.Mode())
	}
}

// B38: what one session is taught, another does not know.
func TestB38RegistriesSideBySide(t *testing.T) {
	number := tlv.Define(0x1400, "number", tlv.Uint16())
	text := tlv.Define(0x1400, "text", tlv.CString(9))
	numbers, texts := pdu.Standard().Clone(), pdu.Standard().Clone()
	numbers.DefineTLV(number)
	texts.DefineTLV(text)
	pdu.Register[vendorPing, vendorPingResp](texts, "vendor_ping")
	handler := smpp.HandlerFunc(func(w smpp.ResponseWriter, _ *smpp.Incoming) { _ = w.Respond(pdu.StatusOK, nil) })
	for _, test := range []struct {
		name   string
		reg    *pdu.Registry
		option tlv.Option
		status pdu.Status
		ping   bool
	}{
		{"number", numbers, number.Option(1), pdu.StatusOK, false},
		{"text for a number", numbers, text.Option("abc"), pdu.StatusInvalidTLVLength, false},
		{"text", texts, text.Option("abc"), pdu.StatusOK, true},
	} {
		client, _ := smpptest.Pair(t, nil, &smpp.Server{Registry: test.reg, Handler: handler})
		_, err := client.Submit(t.Context(), &pdu.SubmitSM{TLVs: tlv.List{test.option}})
		if test.status == pdu.StatusOK && err != nil || test.status != pdu.StatusOK && !errors.Is(err, test.status) {
			t.Errorf("%s: %v", test.name, err)
		}
		if _, err := client.RoundTrip(t.Context(), &pdu.Unknown{ID: 0x00010200, Raw: []byte("x\x00\x00\x01")}); (err == nil) != test.ping {
			t.Errorf("%s: vendor_ping: %v", test.name, err)
		}
	}
	if name := pdu.Standard().TLVName(0x1400); name != "" {
		t.Errorf("the standard has %q", name)
	}
}
